//! What is left of a comparison: the table, the pictures, the numbers.

mod figures;
mod folder;
mod pictures;
mod summary;
mod table;

pub use figures::{Entry, best};
pub use folder::Folder;
pub use summary::{Adapter, Row, Summary};
pub use table::table;

use std::error::Error;
use std::path::Path;

use crate::data::Images;

/// The names of all files, so that an earlier run's folder is known as such.
pub const FILES: [&str; 5] = ["loss.png", "accuracy.png", "confusion.png", "weights.png", "summary.json"];

/// Puts everything into a folder at once, in place of what an earlier run left there.
pub fn save(path: &Path, images: &Images, entries: &[Entry], best: &Entry, summary: &Summary) -> Result<(), Box<dyn Error>> {
    let folder = Folder::beside(path)?;
    let [loss, accuracy, confusion, weights, numbers] = FILES;
    folder.write(loss, &pictures::loss(entries)?)?;
    folder.write(accuracy, &pictures::accuracy(entries)?)?;
    folder.write(confusion, &pictures::confusion(best, images)?)?;
    folder.write(weights, &pictures::weights(best, images)?)?;
    folder.write(numbers, &serde_json::to_vec_pretty(summary)?)?;
    Ok(folder.publish()?)
}
