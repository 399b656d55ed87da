//! The file that a run is saved in.

use std::error::Error;
use std::path::{Path, PathBuf};

use wgpu_optim::batches::Cursor;
use wgpu_optim::checkpoint::Checkpoint;

use super::Log;
use super::saved::{Saved, Settings, note_run};

/// The file's name in the folder of `--save`.
const NAME: &str = "checkpoint.safetensors";

/// Where a run is saved.
pub struct Target {
    path: PathBuf,
    settings: Settings,
}

impl Target {
    /// A file in this folder, which is made if it is not there.
    pub fn new(folder: &Path, settings: Settings) -> Result<Self, String> {
        std::fs::create_dir_all(folder).map_err(|error| format!("--save {}: {error}", folder.display()))?;
        Ok(Target { path: folder.join(NAME), settings })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the run into the file, in place of what was there.
    pub fn save(&self, mut checkpoint: Checkpoint, cursor: Cursor, log: &Log) -> Result<(), Box<dyn Error>> {
        note_run(&mut checkpoint, &self.settings, cursor, log);
        Ok(checkpoint.save(&self.path).map_err(|error| format!("--save {error}"))?)
    }
}

impl Saved {
    /// Reads the file of a run with these settings, whose epochs have batches of these many rows.
    pub fn load(path: &Path, settings: &Settings, batches: Vec<usize>, test_rows: usize) -> Result<Self, String> {
        let checkpoint = Checkpoint::load(path).map_err(|error| format!("--resume {error}"))?;
        Self::of(checkpoint, settings, batches, test_rows).map_err(|message| format!("--resume {}: {message}", path.display()))
    }
}
