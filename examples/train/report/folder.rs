//! A folder that is there whole or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use super::FILES;

/// A folder in the making, beside the one that it will become; removed if it does not.
pub struct Folder {
    path: PathBuf,
    partial: PathBuf,
}

impl Folder {
    /// Begins one. Fails if it could not take the place of what is at `path`: an earlier run's files may be there, and nothing else.
    pub fn beside(path: &Path) -> Result<Folder, String> {
        let about = |error: &dyn std::fmt::Display| format!("--out {}: {error}", path.display());
        if path.file_name().is_none() {
            return Err(about(&"this is not the name of a folder"));
        }
        check_replaceable(path).map_err(|error| about(&error))?;
        let partial = aside(path, "partial");
        fs::create_dir_all(&partial).map_err(|error| about(&error))?;
        Ok(Folder { path: path.to_owned(), partial })
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        fs::write(self.partial.join(name), bytes).map_err(|error| format!("--out {}: {name}: {error}", self.path.display()))
    }

    /// Puts it in its place.
    pub fn publish(self) -> Result<(), String> {
        let about = |error: &dyn std::fmt::Display| format!("--out {}: {error}", self.path.display());
        check_replaceable(&self.path).map_err(|error| about(&error))?;
        self.replace().map_err(|error| about(&error))
    }

    /// A folder that has files cannot be replaced in one go: the earlier one steps aside, and back if the new one cannot come.
    fn replace(&self) -> io::Result<()> {
        if !self.path.exists() {
            return fs::rename(&self.partial, &self.path);
        }
        let earlier = aside(&self.path, "earlier");
        fs::rename(&self.path, &earlier)?;
        match fs::rename(&self.partial, &self.path) {
            Ok(()) => fs::remove_dir_all(&earlier),
            Err(error) => fs::rename(&earlier, &self.path).and(Err(error)),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // If it was published it is not here any more; and there is nobody to tell.
        fs::remove_dir_all(&self.partial).unwrap_or_default();
    }
}

/// A name beside a folder's own, on the same file system.
fn aside(path: &Path, what: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(format!(".{}.{what}-{}", name.display(), process::id()))
}

fn check_replaceable(path: &Path) -> Result<(), String> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    for entry in entries {
        let name = entry.map_err(|error| error.to_string())?.file_name();
        if !FILES.iter().any(|file| name == *file) {
            return Err(format!("the folder holds {}, which is not from an earlier run; name another folder", name.display()));
        }
    }
    Ok(())
}
