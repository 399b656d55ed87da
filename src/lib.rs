#![doc = include_str!("../README.md")]

pub mod batches;
pub mod cpu;
mod error;
mod gpu;
mod optimizer;
pub mod plan;
pub mod rule;
pub mod rules;
pub mod schedule;
pub mod step;
#[cfg(feature = "testing")]
pub mod testing;
pub mod wgsl;
mod words;

pub use error::{Error, Result, Role};
pub use gpu::{Binding, LrScales, Param, Pipelines, Recorded, Tensors, adapter};
pub use optimizer::{Group, Optimizer, Pending, Report};
pub use rules::types::*;
pub use schedule::{Plateau, Schedule};
pub use step::{
    AdaptiveClip, Clip, DynamicScale, Ema, Lookahead, LossScale, MicroBatches, NonFinite, NormClip, NormOrder, Options, Over, Progress,
    Swa, View,
};
/// The version of wgpu whose devices and buffers this crate takes.
pub use wgpu;
