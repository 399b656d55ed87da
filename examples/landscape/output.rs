//! Files that are there as a whole or not at all.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// A file to write.
pub struct File {
    /// In its folder.
    pub name: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Writes all files into a folder, which is made if need be: first under names that end in `.part`, then renamed. Returns their paths.
pub fn write(folder: &Path, files: &[File]) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let about = |path: &Path, error| format!("{}: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| about(folder, error))?;
    let paths: Vec<[PathBuf; 2]> = files.iter().map(|File { name, .. }| [folder.join(format!("{name}.part")), folder.join(name)]).collect();
    let written =
        paths.iter().zip(files).try_for_each(|([part, _], File { bytes, .. })| fs::write(part, bytes).map_err(|error| about(part, error)));
    let renamed =
        written.and_then(|()| paths.iter().try_for_each(|[part, path]| fs::rename(part, path).map_err(|error| about(path, error))));
    if let Err(error) = renamed {
        for [part, _] in &paths {
            // It may not be there; the error to report is the one above.
            fs::remove_file(part).unwrap_or_default();
        }
        return Err(error.into());
    }
    Ok(paths.into_iter().map(|[_, path]| path).collect())
}
