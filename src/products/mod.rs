//! Newton-Schulz iterations: matrices orthogonalized by products alone, on the GPU and, without wgpu, on the CPU.
//!
//! A matrix X with singular values in (0, 1] becomes one whose singular values are near 1, and whose singular vectors are those of X:
//!
//! ```text
//! A = X X^T;   B = b A + c A A;   X = a X + B X
//! ```
//!
//! once for each triple of coefficients. X has no more rows than columns: a tall matrix is worked on as its transpose.
//!
//! **How.** All matrices of all parameters whose numbers of iterations agree are worked on together, in [`Round`]s: a dispatch brings them from their lanes into X,
//! padded to multiples of four; three more make an iteration, whatever the number of matrices and their sizes, from a table of tiles; the last one of all writes back
//! into the lanes. Of A and B, which are symmetric, only tiles on and above the diagonal are formed, and stored on both sides. X, A and B lie in scratch memory
//! that all rounds share: two of the first kind, one of each other.
//!
//! **Order of the sums.** Each is formed one product after the other, by ascending depth, in f32: what the bits are depends on nothing else, on an adapter that
//! multiplies and adds as IEEE 754 says; those that contract `a * b + c` round once less.
//!
//! **In f16.** Matrices may be kept in f16 between products ([`Precision`]). Sums are in f32 all the same; products are exact there, so that a contraction changes nothing in them.

mod blocks;
mod dispatches;
mod half;
mod kernels;
mod plan;
mod precision;
pub mod squares;
#[cfg(feature = "cpu")]
mod twin;

pub use blocks::Blocks;
pub use dispatches::{Products, Scratch};
pub use kernels::{Slot, Step, kernels};
pub use plan::{Matrix, Round, Tile};
pub use precision::Precision;
#[cfg(feature = "cpu")]
pub use squares::SquareWork;
#[cfg(feature = "cpu")]
pub use twin::orthogonalize;
#[cfg(feature = "cpu")]
pub(crate) use twin::orthogonalize_bounded;
