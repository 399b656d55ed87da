//! `Checkpoint`: all that an optimizer keeps, on the host, by name. Both backends make them and go on from them; what one fits, and its file, are in
//! the modules beside.

mod coding;
mod differences;
#[cfg(all(feature = "safetensors", not(target_family = "wasm")))]
mod disk;
#[cfg(feature = "safetensors")]
mod file;
mod fit;
#[cfg(feature = "safetensors")]
mod header;
mod outline;
#[cfg(feature = "safetensors")]
mod sound;
#[cfg(feature = "safetensors")]
pub mod torch_state;

use std::collections::BTreeMap;

use crate::error::{Result, unknown};
use crate::step::{Config, TrainingProgress};

pub use crate::error::Difference;
pub(crate) use coding::{Coding, decoded, encoded};
pub(crate) use fit::{Fit, Take};
pub use fit::{RestoreOptions, Restored};
pub(crate) use outline::{Described, Outline, is_kept, kept};
use outline::{Settings, scheduled};

/// All that an optimizer keeps: values, state, averages, step counts, what steps have in common, and, for a comparison, its settings.
///
/// [`Optimizer::checkpoint`](crate::Optimizer::checkpoint) takes one and [`Optimizer::restore`](crate::Optimizer::restore) goes on from it, to the bit;
/// [`CpuOptimizer`](crate::cpu::CpuOptimizer) does both too, and each can go on from the other's. It can be saved as a file, and looked at:
///
/// ```
/// use wgpu_optim::checkpoint::Checkpoint;
/// use wgpu_optim::{Adam, cpu::CpuOptimizer};
///
/// let mut optimizer = CpuOptimizer::<f32>::new(Adam::default(), [("w", 2)])?;
/// let mut values = [1.0, 2.0];
/// optimizer.step(&mut [&mut values], &[Some(&[0.5, -0.5])])?;
/// let mut checkpoint = optimizer.checkpoint(Some(&[&values]))?;
/// checkpoint.set_note("epoch", "3");
///
/// let mut resumed = CpuOptimizer::<f32>::new(Adam::default(), [("w", 2)])?;
/// let mut again = [0.0; 2];
/// resumed.restore(&checkpoint, Some(&mut [&mut again]), Default::default())?;
/// assert_eq!(again, values);
/// assert_eq!((checkpoint.steps("w")?, checkpoint.tensor("w/exp_avg")?.len()), (1, 2));
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
///
/// Tensors go by `PARAMETER/KEY`: `value`, each state by torch's key for it (`exp_avg`), and what options keep (`accumulated`, `slow`, `ema`, `swa`), and `master` values. Values and states that are stored in fewer bits
/// ([`StateStorage`](crate::StateStorage)) are numbers here too, and lie in a file as they do on the device; the scales of blocks are tensors of their own (`exp_avg.scale`).
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    pub(crate) outline: Outline,
    pub(crate) progress: TrainingProgress,
    /// Micro-batches accumulated since the last step.
    pub(crate) micro_batches: u32,
    /// In the order of the outline's parameters.
    pub(crate) params: Vec<Numbers>,
    /// Of each group, what its schedules give the next step.
    scheduled: Vec<Settings>,
    notes: BTreeMap<String, String>,
}

/// The numbers of one parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Numbers {
    /// Steps taken.
    pub(crate) steps: u32,
    /// Micro-batches accumulated since the last one.
    pub(crate) pending: u32,
    /// The rule's scalars.
    pub(crate) scalars: Vec<f32>,
    /// The words of the hyper-parameters of the last step taken, which views go by; none if they are not known.
    pub(crate) hyper: Vec<u32>,
    /// The trained values, if they are in it.
    pub(crate) value: Option<Vec<f32>>,
    /// In the order of the outline's lanes.
    pub(crate) lanes: Vec<Vec<f32>>,
    /// The entries accumulated since the last step, where the gradient is row-sparse.
    pub(crate) entries: Entries,
}

/// Entries of a row-sparse gradient.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entries {
    /// The row of each.
    pub(crate) rows: Vec<u32>,
    /// The gradient row of each.
    pub(crate) gradient: Vec<f32>,
}

impl Checkpoint {
    pub(crate) fn new(config: &Config, outline: Outline, progress: TrainingProgress, micro_batches: u32, params: Vec<Numbers>) -> Self {
        let scheduled = config.groups.iter().map(|group| scheduled(group, progress.step)).collect();
        Checkpoint { outline, progress, micro_batches, params, scheduled, notes: BTreeMap::new() }
    }

    /// The parameters' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.outline.params.iter().map(|param| &*param.name)
    }

    /// The shape of a parameter.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`](crate::Error::UnknownName): no such parameter.
    pub fn shape(&self, param: &str) -> Result<&[usize]> {
        Ok(&self.outline.params[self.find(param)?].shape)
    }

    /// How many steps a parameter has taken.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`](crate::Error::UnknownName): no such parameter.
    pub fn steps(&self, param: &str) -> Result<u32> {
        Ok(self.params[self.find(param)?].steps)
    }

    /// A tensor by its name, `PARAMETER/KEY`, row by row.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`](crate::Error::UnknownName): no such tensor.
    pub fn tensor(&self, name: &str) -> Result<&[f32]> {
        let tensors = || self.tensors().map(|(name, ..)| name).collect::<Vec<_>>();
        let found = self.tensors().find(|(own, ..)| own == name).map(|(.., data)| data);
        found.ok_or_else(|| unknown("tensor", name, tensors().iter().map(|name| &**name)))
    }

    /// The names of all tensors, their shapes and their numbers.
    pub fn tensors(&self) -> impl Iterator<Item = (String, &[usize], &[f32])> {
        self.outline.params.iter().zip(&self.params).flat_map(|(param, numbers)| {
            let value = numbers.value.as_deref().map(|value| (format!("{}/{}", param.name, crate::step::VALUE), &*param.shape, value));
            let lane = |(lane, data)| (param.tensor_name(lane), &*lane.shape, data);
            let lanes = param.lanes.iter().zip(numbers.lanes.iter().map(|data| &**data)).map(lane);
            value.into_iter().chain(lanes).collect::<Vec<_>>()
        })
    }

    /// Where the optimizer as a whole stands.
    pub fn progress(&self) -> TrainingProgress {
        self.progress
    }

    /// The settings of a parameter's group, by name, as text: `rule`, each hyper-parameter (`lr`: `"0.001"`, which parses as the same f64), `clip`,
    /// and `schedule of lr` and others. `set(group, "lr", ..)` takes such a number over.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`](crate::Error::UnknownName): no such parameter.
    pub fn settings(&self, param: &str) -> Result<&BTreeMap<String, String>> {
        Ok(&self.outline.groups[self.outline.params[self.find(param)?].group])
    }

    /// A note that the caller has left.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.notes.get(key).map(|note| &**note)
    }

    /// Leaves a note: where mini-batches are, the epoch, or whatever else of the caller's a run goes on from.
    pub fn set_note(&mut self, key: impl Into<String>, note: impl Into<String>) {
        self.notes.insert(key.into(), note.into());
    }

    fn find(&self, param: &str) -> Result<usize> {
        self.outline.params.iter().position(|own| own.name == param).ok_or_else(|| unknown("parameter", param, self.names()))
    }
}
