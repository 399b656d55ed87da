//! Square matrices of axes: products of a tensor with itself along each axis, their inverse roots and eigenvectors, and turns of the tensor by these.
//!
//! All squares of all axes of all parameters whose states lie in the same buffers are worked on together, in rounds; a product is a handful of dispatches for a round, whatever the number of squares. Products
//! go tile by tile, as the others of this room, and inverse roots are made of products alone (`roots`). Rotations towards first bases are work of one workgroup for each square: they need each number of it again and again. Columns are
//! made orthogonal in panels, of which each dispatch finishes one of each square and takes it from all that come after: two dispatches for 32 columns of the largest one.
//! Whether a product happens in a step, the GPU decides by the step record: what a step records is the same every time, and workgroups return at once where nothing is due.

mod dispatches;
mod jacobi;
mod kernels;
mod plan;
mod roots;
mod tiles;
#[cfg(feature = "cpu")]
mod twin;

pub(crate) use dispatches::{Maker, Scratch};
pub(crate) use jacobi::Shares;
pub use kernels::kernels;
pub(crate) use plan::{Needs, Round, Tensor, rounds};
#[cfg(feature = "cpu")]
pub use twin::SquareWork;
