//! Numbers in fewer bytes than four: how they are formed, the same on the host and in kernels.

mod bf16;

pub use bf16::{Bf16, Rounding};
pub(crate) use bf16::{WGSL as BF16, salt};
