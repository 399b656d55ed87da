//! The data: images with labels, compiled into the program or from files.

mod digits;
mod idx;
mod images;

use std::path::Path;

pub use images::{Images, Split};

/// The images of `--data`: `digits`, or a folder.
pub fn load(name: &str) -> Result<Images, String> {
    if name == "digits" { digits::images() } else { idx::images(Path::new(name)) }
}
