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
#[cfg(feature = "testing")]
pub mod testing;
pub mod wgsl;

pub use error::{Error, Result, Role};
pub use gpu::{Binding, Param, Tensors, adapter};
pub use optimizer::{Group, Optimizer};
pub use rules::types::*;
/// The version of wgpu whose devices and buffers this crate takes.
pub use wgpu;
