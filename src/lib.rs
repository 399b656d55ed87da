#![doc = "[programs]: guide::programs"]
#![doc = "[step]: guide::step"]
#![doc = "[storage]: guide::storage"]
#![doc = "[rows]: guide::rows"]
#![doc = "[checkpoints]: guide::checkpoints"]
#![doc = "[batches]: guide::batches"]
#![doc = "[browser]: guide::browser"]
#![doc = "[proof]: guide::proof"]
#![doc = "[limits]: guide::limits"]
#![doc = ""]
#![doc = include_str!("../README.md")]
// In these pages the README links to the guide's modules, on GitHub to its files: of two links of one name the first counts.
// Twins and what else only the CPU executor calls stand beside their kernels, and what files are read by beside what they hold; both are there without the features too.
#![cfg_attr(not(all(feature = "cpu", feature = "safetensors")), allow(dead_code, unused_imports))]

pub mod batches;
pub mod checkpoint;
#[doc(hidden)]
pub mod coalesce;
#[cfg(feature = "cpu")]
pub mod cpu;
mod error;
mod gpu;
pub mod guide;
mod optimizer;
#[doc(hidden)]
pub mod products;
#[doc(hidden)]
pub mod program;
pub mod rule;
pub mod rules;
pub mod schedule;
pub mod step;
pub mod storage;
#[cfg(feature = "testing")]
pub mod testing;
#[doc(hidden)]
pub mod wgsl;
mod words;

pub use checkpoint::Checkpoint;
pub use error::{BufferRole, Error, Result};
pub use gpu::{Bf16Copy, Binding, LrScales, Param, Pipelines, RecordedWork, RowMask, SparseRows, Tensors, adapter, checked};
pub use optimizer::{Group, Optimizer, PendingReport, Report, RowChange};
pub use rules::types::*;
pub use schedule::{Anneal, Plateau, Schedule};
pub use step::{
    AdaptiveClip, Clip, DynamicScale, Ema, GroupKey, Lookahead, LossScale, Matches, MicroBatches, Named, NonFinite, NormClip, NormOrder,
    NormScope, Options, StateStorage, Swa, TrainingProgress, View,
};
pub use storage::{Dtype, Rounding};
/// The version of wgpu whose devices and buffers this crate takes.
pub use wgpu;
