//! What one step does, as plain data: which elements each workgroup updates, and what it must have bound. No wgpu types; the GPU
//! and the CPU twin are two executors of it.

mod arena;
mod bucket;
mod overlap;

use core::ops::Range;

pub use arena::{Arena, Page};
pub use bucket::{Bucket, buckets};
pub use overlap::{Interval, overlap};

/// Elements of one workgroup's chunk at most: 16 loop turns of 64 invocations with four elements each.
pub const CHUNK: u64 = 4096;

/// The chunks of a tensor of `len` elements, at most 2^60, in order.
pub fn chunks(len: u64) -> impl Iterator<Item = Range<u64>> {
    (0..len.div_ceil(CHUNK)).map(move |index| index * CHUNK..len.min((index + 1) * CHUNK))
}

/// What a device allows, as far as a plan is concerned. Sizes in bytes; none is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest window of a buffer that can be bound (`max_storage_buffer_binding_size`).
    pub binding: u64,
    /// A window starts at a multiple of this (`min_storage_buffer_offset_alignment`).
    pub alignment: u64,
    /// Workgroups in one dimension of a dispatch (`max_compute_workgroups_per_dimension`).
    pub workgroups: u64,
    /// Largest buffer (`max_buffer_size`).
    pub buffer: u64,
}

/// Where a tensor begins, and how many bytes from there a kernel may touch: those of the tensor, padding that belongs to it, and for
/// a tensor that is only read, all that follows in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The buffer's number; for state, the arena's page.
    pub buffer: usize,
    /// Bytes from the buffer's start, a multiple of 4.
    pub offset: u64,
    /// Bytes that may be touched from there.
    pub room: u64,
}

/// One parameter as a plan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Elements, at most 2^60.
    pub len: u64,
    /// The kernel variant of its group: a rule with a set of states in use.
    pub variant: usize,
    /// The values.
    pub value: Place,
    /// The gradients.
    pub gradient: Place,
    /// The state: the same offset in every lane of a page. `None` if the variant has no state.
    pub state: Option<Place>,
    /// Where its group's hyper-parameters are in the step record, in words.
    pub hyper: u32,
    /// Where its own entry is in the step record, in words.
    pub record: u32,
}

/// How a kernel reads and writes the caller's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// `array<vec4f>`: offsets are multiples of 16 bytes and so is the end, padding included.
    Vector,
    /// `array<f32>`: any element.
    Scalar,
}

/// How the gradients are bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gradients {
    /// Read-only, in another buffer than the values.
    Apart,
    /// In the values' buffer, within one window: the values' read-write binding serves both, since WebGPU allows no buffer that is
    /// read-only and writable in one dispatch, nor writable bindings that overlap.
    Shared,
    /// In the values' buffer, too far away for one window: a second read-write binding that does not overlap the first.
    Far,
}

/// The kernel that a bucket needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kernel {
    /// A rule with a set of states in use.
    pub variant: usize,
    /// Width of access.
    pub access: Access,
    /// Binding of the gradients.
    pub gradients: Gradients,
}

/// The part of a buffer that is bound, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The buffer's number; for state, the arena's page.
    pub buffer: usize,
    /// Start, a multiple of [`Limits::alignment`].
    pub offset: u64,
    /// Length, at most [`Limits::binding`].
    pub size: u64,
}

/// The work of one workgroup: a chunk, or the part of one that an access width can serve. Offsets are elements from the windows'
/// starts. `shaders/pass.wgsl` reads the same struct, and a test holds the two against each other.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Row {
    /// First value.
    pub value: u32,
    /// First gradient.
    pub gradient: u32,
    /// First element of each state tensor.
    pub state: u32,
    /// Elements.
    pub count: u32,
    /// Where the group's hyper-parameters are in the step record.
    pub hyper: u32,
    /// Where the parameter's entry is in the step record.
    pub record: u32,
}
