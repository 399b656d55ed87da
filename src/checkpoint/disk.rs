//! Checkpoints and torch's state dicts on disk: whatever happens while one is written, there is the old file or the new one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::Checkpoint;
use crate::error::{Error, Result};

impl Checkpoint {
    /// Saves it as a [safetensors](https://github.com/huggingface/safetensors) file. It is written beside `path`, brought to the disk, and renamed; so
    /// whenever the process is killed or the power fails, the earlier file is there, or this one, whole. A process that is killed
    /// may leave a file `.NAME.XXXXXX.partial` behind. It takes as much memory again as the checkpoint while it writes. Natively only:
    /// [`Checkpoint::to_bytes`] is for browsers.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`], with the path: a folder that is not there, is not writable or is full; the earlier file is as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), self.to_bytes())
    }

    /// Loads what [`Checkpoint::save`] wrote.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`], with the path: a file that cannot be read, or whatever [`Checkpoint::from_bytes`] refuses.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        load(path.as_ref(), Self::from_bytes)
    }
}

/// Puts these bytes in a file, or says in its name why there are none.
pub(super) fn save(path: &Path, bytes: Result<Vec<u8>>) -> Result<()> {
    let bytes = bytes.map_err(|error| named(path, error))?;
    replace(path, &bytes).map_err(|error| of_path(path, &error))
}

/// Reads a file; errors have its name.
pub(super) fn load<T>(path: &Path, read: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    let bytes = fs::read(path).map_err(|error| of_path(path, &error))?;
    read(&bytes).map_err(|error| named(path, error))
}

/// How much of a name the one beside it has: characters, of up to 4 bytes each. Names have up to 255 bytes.
const NAME: usize = 50;

/// Puts a file with these bytes in the place of one that may be there.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().ok_or_else(|| std::io::Error::other("it has no file name"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A name may be as long as the system allows, and this one is longer; nothing depends on its text.
    let prefix: String = name.to_string_lossy().chars().take(NAME).collect();
    let prefix = format!(".{prefix}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".partial");
    // As any new file: less what the process's umask takes away.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // The folder has the name: without its part, a power failure may bring the old one back. Windows has no such thing.
    let name = if cfg!(unix) { Some(File::open(folder)?) } else { None };
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // Some file systems have no such thing either; the file is there in any case.
    name.into_iter().for_each(|folder| folder.sync_all().unwrap_or_default());
    Ok(())
}

fn of_path(path: &Path, error: &std::io::Error) -> Error {
    Error::Checkpoint { of: path.display().to_string(), message: error.to_string() }
}

fn named(path: &Path, error: Error) -> Error {
    match error {
        Error::Checkpoint { message, .. } => Error::Checkpoint { of: path.display().to_string(), message },
        error => error,
    }
}
