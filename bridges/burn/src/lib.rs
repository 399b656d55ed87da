#![doc = include_str!("../README.md")]

mod device;
mod error;
mod handover;
mod lend;
mod optimizer;
mod own;
mod param;
mod walk;

pub use device::BurnDevice;
pub use error::{Error, Result};
pub use handover::{Handover, HostTimes};
pub use optimizer::{BurnOptimizer, Shared};
pub use own::gather;
pub use param::{ModuleParam, params};
/// The crate whose rules, options, schedules and checkpoints these are.
pub use wgpu_optim;
