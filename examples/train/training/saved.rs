//! A run in a file: the optimizer's checkpoint, and in its notes all else that the run goes on from.

use std::error::Error;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use wgpu_optim::batches::Cursor;
use wgpu_optim::checkpoint::Checkpoint;

use super::Log;

/// The file's name in the folder of `--save`.
const NAME: &str = "checkpoint.safetensors";
/// Notes: where the next batch begins, the results so far, and the seconds that they took.
const CURSOR: &str = "cursor";
const LOG: &str = "log";
const SECONDS: &str = "seconds";

/// What decides a run, as options and their values. A run that goes on has the same.
pub type Settings = Vec<(String, String)>;

/// Where a run is saved.
pub struct Target {
    path: PathBuf,
    settings: Settings,
}

/// A run to go on from.
pub struct Saved {
    /// The optimizer.
    pub checkpoint: Checkpoint,
    /// Where the next batch begins.
    pub cursor: Cursor,
    /// The results so far.
    pub log: Log,
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
        for (option, value) in &self.settings {
            checkpoint.set_note(option, value);
        }
        checkpoint.set_note(CURSOR, serde_json::to_string(&[cursor.epoch, cursor.position])?);
        checkpoint.set_note(LOG, serde_json::to_string(log)?);
        // Apart from the results, which are the same every time.
        checkpoint.set_note(SECONDS, serde_json::to_string(&(log.seconds, log.gpu))?);
        Ok(checkpoint.save(&self.path).map_err(|error| format!("--save {error}"))?)
    }
}

impl Saved {
    /// Reads the file of a run with these settings, whose epochs have batches of these many rows.
    pub fn load(path: &Path, settings: &Settings, batches: Vec<usize>, test_rows: usize) -> Result<Self, String> {
        let checkpoint = Checkpoint::load(path).map_err(|error| format!("--resume {error}"))?;
        let about = |message: String| format!("--resume {}: {message}", path.display());
        for (option, ours) in settings {
            let theirs = note(&checkpoint, option).map_err(about)?;
            if theirs != ours {
                return Err(about(format!("its run has --{option} {theirs}, this one {ours}")));
            }
        }
        let [epoch, position]: [u32; 2] = parsed(&checkpoint, CURSOR).map_err(about)?;
        let mut log = parsed::<Log>(&checkpoint, LOG).map_err(about)?.of(batches, test_rows);
        (log.seconds, log.gpu) = parsed(&checkpoint, SECONDS).map_err(about)?;
        let before = log.steps_per_epoch() as u64 * u64::from(epoch) + u64::from(position).div_ceil(log.batch() as u64);
        let steps = [log.steps as u64, before, u64::from(checkpoint.progress().step)];
        if steps != [steps[0]; 3] {
            let [log, before, optimizer] = steps;
            return Err(about(format!("its results are of {log} steps, its batches of {before}, its optimizer of {optimizer}")));
        }
        Ok(Saved { checkpoint, cursor: Cursor { epoch, position }, log })
    }
}

fn note<'a>(checkpoint: &'a Checkpoint, key: &str) -> Result<&'a str, String> {
    checkpoint.note(key).ok_or_else(|| format!("it has no note {key:?}, so it is not of this program"))
}

fn parsed<T: DeserializeOwned>(checkpoint: &Checkpoint, key: &str) -> Result<T, String> {
    serde_json::from_str(note(checkpoint, key)?).map_err(|error| format!("its note {key:?}: {error}"))
}
