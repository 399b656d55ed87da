//! A run of the native example, without its loop, which waits for the GPU, and without its files.

#[path = "../../train/training/halves.rs"]
mod halves;
#[path = "../../train/training/lane.rs"]
#[allow(dead_code, reason = "the native example waits")]
pub mod lane;
#[path = "../../train/training/outcome.rs"]
#[allow(dead_code, reason = "the native example has a table of means and times")]
mod outcome;
#[path = "../../train/training/saved.rs"]
pub mod saved;
#[path = "../../train/training/schedule.rs"]
#[allow(dead_code, reason = "the native example evaluates an interrupted run")]
pub mod schedule;
#[path = "../../train/training/trainer.rs"]
pub mod trainer;

pub use outcome::{Log, Point};
