//! Numbers in fewer bits, and how they are rounded: on the host what kernels do with `shaders/storage`, to the bit.

mod bf16;
mod dtype;
mod dynamic8;
mod f16;
mod format;
mod map8;

pub use bf16::{Bf16, Rounding};
pub(crate) use bf16::{WGSL as BF16, drawn, mixed, salt};
pub use dtype::Dtype;
pub(crate) use f16::{WGSL_BITS as F16_BITS, rounded as rounded_to_f16};
#[doc(hidden)]
pub use format::{BLOCK, Format};
pub(crate) use format::{Packed, With, scale};
