//! A run in a file: the optimizer's checkpoint, which has the splats, and in its notes what else the run goes on from.

use std::error::Error;
use std::path::Path;

use wgpu_optim::Checkpoint;
use wgpu_optim::adapter::Gpu;

use crate::fit::{Fit, Goal, Log};

const SEED: &str = "seed";
const LOG: &str = "log";

/// Writes the file, in place of what was there. It belongs between blocks of steps, when nothing is pending that the optimizer does not know of.
pub fn save(path: &Path, fit: &Fit<'_>, seed: u64) -> Result<(), Box<dyn Error>> {
    let mut checkpoint = pollster::block_on(fit.optimizer.checkpoint())?;
    checkpoint.set_note(SEED, seed.to_string());
    checkpoint.set_note(LOG, serde_json::to_string(&fit.log)?);
    Ok(checkpoint.save(path).map_err(|error| format!("--save {error}"))?)
}

/// The run of a file, which began with this seed, to go on with.
pub fn load<'a>(path: &Path, gpu: &'a Gpu, goal: &'a Goal, seed: u64) -> Result<Fit<'a>, Box<dyn Error>> {
    let checkpoint = Checkpoint::load(path).map_err(|error| format!("--resume {error}"))?;
    resume(&checkpoint, gpu, goal, seed).map_err(|error| format!("--resume {}: {error}", path.display()).into())
}

fn resume<'a>(checkpoint: &Checkpoint, gpu: &'a Gpu, goal: &'a Goal, seed: u64) -> Result<Fit<'a>, Box<dyn Error>> {
    let note = |key: &str| checkpoint.note(key).ok_or_else(|| format!("it has no note {key:?}, so it is not of this program"));
    let theirs = note(SEED)?;
    if theirs != seed.to_string() {
        return Err(format!("its run has --seed {theirs}, this one {seed}").into());
    }
    let log: Log = serde_json::from_str(note(LOG)?)?;
    let (steps, logged) = (checkpoint.progress().step as usize, log.losses.len());
    if steps != logged {
        return Err(format!("its optimizer took {steps} steps, its log has {logged}").into());
    }
    // As many splats as it has: their number is the first dimension of each parameter.
    let count = checkpoint.shape("positions")?.first().copied().unwrap_or_default();
    let mut fit = Fit::new(gpu, goal, count)?;
    fit.optimizer.restore(checkpoint, Default::default())?;
    fit.log = log;
    Ok(fit)
}
