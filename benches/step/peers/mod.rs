//! AdamW as others have it.

mod scalar;
mod torch;
mod twin;

pub use scalar::{Scalar, ScalarBuffers};
pub use torch::Torch;
pub use twin::Twin;
