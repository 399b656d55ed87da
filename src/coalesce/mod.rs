//! Row-sparse gradients, coalesced on the GPU: gradient rows for the same row of a parameter are added up, before anything is squared.
//!
//! The caller has *entries*: `rows[i]` says which row of the parameter `gradient[i]` is for, and `count` how many entries there are, all in buffers. What
//! comes out are *runs*, one for each row that occurs, by ascending row: which row it is, and the sum of its gradient rows. An entry whose row the
//! parameter does not have, or that there is no room for, is in no run, and is counted.
//!
//! **Order of the sums.** The gradient rows of a run are added by ascending number of their entries. Up to [`MANY`] of them one after the other, from the
//! first one on; a single one is copied. More, as a padding token has, are [`LANES`] sums, of every [`LANES`]-th entry, each formed in eights: eight
//! numbers one after the other, and these sums one after the other; the sums of the lanes are added in eights too. So what the bits are depends on how many
//! there are, and on nothing else: not on other rows, the width, the division of work or the adapter, as long as it adds as IEEE 754 says. Where it flushes
//! subnormal numbers, these are off.
//!
//! **How.** Entries are sorted by row, in tiles in workgroup memory; tiles are merged four at a time, each entry looking for its own place; runs are where
//! keys differ from those before. Up to [`MOST_TILE`] entries take two dispatches, more of them 4 and one for each merge: 5 up to 8,192, 6 up to 32,768,
//! 7 up to 131,072. No buffer is as large as the parameter and none has to be cleared: the work follows the number of entries. A dispatch is as large as
//! there could be entries, and its workgroups go through what there are. llvmpipe, which leaves the loops of an invocation after 65,535 turns, is right up to
//! 4 million entries of one row.
//!
//! **16 bits.** Gradient rows may be in bf16 or f16. They are converted to f32, which loses nothing, and added in f32, in the same order; sums and lists are f32.
//!
//! **Micro-batches.** Entries of several are appended to one list in buffers of ours, in their order, with the step's own ones last; the list is what is
//! coalesced. So the sums are those of one longer list, to the bit. What the parameter's entry in the step record says of its micro-batches decides where a list begins anew.

mod append;
mod kernels;
mod list;
mod numbers;
mod renumber;
mod runs;
mod scratch;
mod source;
mod teams;
mod twin;

pub use kernels::kernels;
pub(crate) use list::List;
pub(crate) use renumber::renumber;
pub use runs::Coalesce;
pub use source::{RowGradients, Shape};
pub use twin::{Coalesced, coalesce};

/// The row of an entry that is for none. No row has this number, and it comes after all of them.
pub(crate) const BAD: u32 = u32::MAX;

/// Entries of a run that are added one after the other, at most.
pub const MANY: u32 = 64;

/// Sums of a longer run.
pub const LANES: u32 = 32;

/// Entries that a workgroup sorts, at most: two words each fill the 16 KiB of workgroup memory that WebGPU has at least.
pub const MOST_TILE: u32 = 2048;

/// Words before the list of long runs in [`Coalesce::found`].
pub const HEAD: u32 = 4;

/// Sorted runs of entries that become one in a dispatch.
const FAN: u32 = 4;

/// Turns that a team of invocations makes along a run before it takes another part.
const PART: u32 = 16;
