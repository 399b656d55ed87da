//! The digits of the native example, compiled into the program; without its files of MNIST.

#[path = "../../train/data/digits.rs"]
mod digits;
#[path = "../../train/data/images.rs"]
#[allow(dead_code, reason = "the digits have all labels")]
mod images;

pub use digits::images as digits;
pub use images::{Images, Split};
