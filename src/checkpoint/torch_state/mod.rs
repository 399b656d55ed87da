//! State dicts of torch's optimizers, in and out, so that a run that began there goes on here, and the other way round.
//!
//! They travel as safetensors files, which `scripts/torch_state.py` of this crate's repository makes of what `torch.save` wrote, and back:
//!
//! ```text
//! torch_state.py to-safetensors checkpoint.pt state.safetensors --key optimizer
//! torch_state.py to-pt state.safetensors state.pt
//! ```
//!
//! Tensors are `state.INDEX.KEY` in torch's own shapes, and the metadata have `param_groups` as JSON. The classes are those that some rule is known by
//! ([`KnownAs`](crate::rule::KnownAs)): SGD, Adam, SparseAdam, AdamW, Adamax, NAdam, RAdam, RMSprop, Adagrad, Adadelta, ASGD, Rprop, Adafactor.
//!
//! ```
//! use wgpu_optim::checkpoint::torch_state;
//! use wgpu_optim::{AdamW, cpu::CpuOptimizer};
//!
//! let mut optimizer = CpuOptimizer::<f32>::new(AdamW::default(), [("w", 2)])?;
//! let mut w = [1.0, 2.0];
//! optimizer.step(&mut [&mut w], &[Some(&[0.5, -0.5])])?;
//! let bytes = torch_state::to_bytes(&optimizer.checkpoint(Some(&[&w]))?)?;
//!
//! // Another optimizer, whose checkpoint says what is expected. The model's values are not in the file: here they are those before the step.
//! let mut resumed = CpuOptimizer::<f32>::new(AdamW::default(), [("w", 2)])?;
//! let mut again = [1.0, 2.0];
//! let like = resumed.checkpoint(Some(&[&again]))?;
//! let state = torch_state::from_bytes(&bytes, &like)?;
//! resumed.restore(&state, Some(&mut [&mut again]), Default::default())?;
//! assert_eq!(resumed.state("w", "m")?, optimizer.state("w", "m")?);
//! assert_eq!((state.steps("w")?, again), (1, [1.0, 2.0]));
//! # Ok::<(), wgpu_optim::Error>(())
//! ```
//!
//! # What a state dict has not
//!
//! - **Values.** Those of the model have a file of their own; put them into the buffers first. What is read has the values of the checkpoint it is held against.
//! - **The count of all steps**, which schedules follow. It is taken to be the largest `step` of a parameter; [`write_progress`](crate::Optimizer::write_progress)
//!   corrects it. SGD has no `step` at all, and counts as one step where there is a momentum.
//! - **Averages** (EMA, SWA, Lookahead). What is read has the values in their place; what is written leaves EMA and SWA out, and Lookahead is refused.
//! - **The loss scale**, which stays as it is, and **schedules**. A hyper-parameter that has one is not compared; what is written is its value in the next step.

mod class;
mod container;
mod groups;
mod matching;
mod param;
mod read;
mod write;

#[cfg(not(target_family = "wasm"))]
use std::path::Path;

use super::Checkpoint;
use crate::error::{Error, Result};

/// A checkpoint's state as torch's `state_dict()`, in a safetensors file. Indices count from 0, group by group, and `param_names` has the names. Equal
/// checkpoints give equal bytes.
///
/// # Errors
///
/// [`Error::Checkpoint`] lists all that torch has not: a rule or a hyper-parameter in use that its class lacks, groups of several classes, an `lr_scale`,
/// [`Lookahead`](crate::Lookahead), micro-batches that wait for a step.
///
/// ```
/// use wgpu_optim::checkpoint::torch_state;
/// use wgpu_optim::{Lion, cpu::CpuOptimizer};
///
/// let optimizer = CpuOptimizer::<f32>::new(Lion::default(), [("w", 2)])?;
/// let refused = torch_state::to_bytes(&optimizer.checkpoint(None)?).unwrap_err();
/// assert!(refused.to_string().contains("torch has no class for Lion"));
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
pub fn to_bytes(checkpoint: &Checkpoint) -> Result<Vec<u8>> {
    write::to_bytes(checkpoint)
}

/// Saves what [`to_bytes`] gives. As [`Checkpoint::save`] does, it writes beside `path` and renames.
///
/// # Errors
///
/// [`Error::Checkpoint`], with the path: those of [`to_bytes`], and a folder that is not there, is not writable or is full.
///
/// ```no_run
/// # async fn save(optimizer: &wgpu_optim::Optimizer) -> wgpu_optim::Result<()> {
/// use wgpu_optim::checkpoint::torch_state;
///
/// torch_state::save(&optimizer.checkpoint_without_values().await?, "state.safetensors")?;
/// # Ok(())
/// # }
/// ```
#[cfg(not(target_family = "wasm"))]
pub fn save(checkpoint: &Checkpoint, path: impl AsRef<Path>) -> Result<()> {
    super::disk::save(path.as_ref(), to_bytes(checkpoint))
}

/// What torch's state dict has, as a checkpoint for an optimizer whose own one, `like`, says what is expected: names, shapes, groups, rules.
///
/// Parameters go by name if the file has `param_names`, whatever their groups are, and else by their place, group by group, as in torch. Hyper-parameters are
/// those of the file, so that [`restore`](crate::Optimizer::restore) compares them with the optimizer's; what torch does not know is that of `like`.
///
/// # Errors
///
/// [`Error::Checkpoint`]: bytes that are no such file, or all that does not fit, a line each: parameters and groups that one of both does not have, tensors
/// that are missing, are too many or have another shape or dtype than f32, and hyper-parameters that are missing or of another class.
///
/// ```
/// use wgpu_optim::checkpoint::torch_state;
/// use wgpu_optim::{Adam, NAdam, cpu::CpuOptimizer};
///
/// let adam = CpuOptimizer::<f32>::new(Adam::default(), [("w", 2)])?.checkpoint(None)?;
/// let nadam = CpuOptimizer::<f32>::new(NAdam::default(), [("w", 2)])?.checkpoint(None)?;
/// let refused = torch_state::from_bytes(&torch_state::to_bytes(&adam)?, &nadam).unwrap_err();
/// assert!(refused.to_string().contains("group 0 (w): momentum_decay is missing, which torch's NAdam needs"));
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
pub fn from_bytes(bytes: &[u8], like: &Checkpoint) -> Result<Checkpoint> {
    read::from_bytes(bytes, like)
}

/// Loads a file that [`save`] or `scripts/torch_state.py to-safetensors` wrote.
///
/// # Errors
///
/// [`Error::Checkpoint`], with the path: a file that cannot be read, and those of [`from_bytes`].
///
/// ```no_run
/// # async fn load(optimizer: &wgpu_optim::Optimizer) -> wgpu_optim::Result<()> {
/// use wgpu_optim::checkpoint::{RestoreOptions, torch_state};
///
/// let like = optimizer.checkpoint_without_values().await?;
/// let state = torch_state::load("state.safetensors", &like)?;
/// optimizer.restore(&state, RestoreOptions { values: false, ..Default::default() })?;
/// # Ok(())
/// # }
/// ```
#[cfg(not(target_family = "wasm"))]
pub fn load(path: impl AsRef<Path>, like: &Checkpoint) -> Result<Checkpoint> {
    super::disk::load(path.as_ref(), |bytes| from_bytes(bytes, like))
}

/// All that is wrong with a state dict, a line each.
#[derive(Debug, Default)]
struct Problems(Vec<String>);

impl Problems {
    fn push(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// Takes the problem of a result that has one.
    fn take<T>(&mut self, result: core::result::Result<T, String>) -> Option<T> {
        result.map_err(|problem| self.push(problem)).ok()
    }

    fn check(self, what: &str) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(wrong(format!("{what}:\n  {}", self.0.join("\n  ")))) }
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::Checkpoint { of: "the state dict".into(), message: message.into() }
}
