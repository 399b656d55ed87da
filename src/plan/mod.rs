//! What one step does, as plain data: which elements each workgroup updates, and what it must have bound. No wgpu types; the GPU
//! and the CPU twin are two executors of it.

mod arena;
mod bucket;
mod overlap;
mod reduce;
mod units;

use core::ops::Range;

pub use arena::{Arena, Segment};
pub use bucket::{Bucket, Plan, measures, plan};
pub use overlap::{Interval, overlap};
pub use reduce::{Level, Levels, Node, Sum, Tree};
pub use units::Units;

/// Elements of one workgroup's chunk at most: 16 loop turns of 64 invocations with four elements each.
pub const CHUNK: u64 = 4096;

/// The chunks of these elements of a tensor, in order.
pub fn chunks(elements: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    pieces(elements, CHUNK)
}

/// Ranges of `most` elements, the last one of what is left.
fn pieces(elements: Range<u64>, most: u64) -> impl Iterator<Item = Range<u64>> {
    let Range { start, end } = elements;
    (0..(end - start).div_ceil(most)).map(move |index| start + index * most..end.min(start + (index + 1) * most))
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
    /// Whether the adapter is a software one whose kernels know integers of 64 bits.
    pub software: bool,
}

/// Where a tensor begins, and how many bytes from there a kernel may touch: those of the tensor, padding that belongs to it, and for
/// a tensor that is only read, all that follows in the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The buffer's number; for state, the arena's page.
    pub buffer: usize,
    /// Bytes from the buffer's start, a multiple of 4.
    pub offset: u64,
    /// Bytes that may be touched from there.
    pub room: u64,
}

/// One parameter as a plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Elements, at most 2^60, and 2^32 where scales or units count them.
    pub len: u64,
    /// The kernel variant of its group: a rule with a set of states in use.
    pub variant: usize,
    /// The values.
    pub value: Place,
    /// The gradients.
    pub gradient: Place,
    /// The lanes; none if the variant has none.
    pub state: Vec<Segment>,
    /// Where its group's hyper-parameters are in the step record, in words.
    pub hyper: u32,
    /// Where its own entry is in the step record, in words.
    pub record: u32,
    /// Its number among the parameters.
    pub member: u32,
    /// Scales of the learning rate.
    pub scale: Option<Scale>,
    /// What adaptive clipping scales as one.
    pub unit: Option<Unit>,
}

/// Scales that are repeated over a tensor: element `i` has the one at `(i / length) % period`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// The scales.
    pub place: Place,
    /// Consecutive elements of one scale.
    pub length: u32,
    /// Scales in all.
    pub period: u32,
}

/// Equal parts of a tensor, each with a gradient factor of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Where the factors are in the step record, in words.
    pub factors: u32,
    /// Elements of each part.
    pub length: u32,
}

/// How a kernel reads and writes the caller's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// `array<vec4f>`: offsets are multiples of 16 bytes and so is the end, padding included.
    Vector,
    /// The same as `array<vec2<u64>>`, on software adapters: on real hardware a vector is one access anyway.
    Pairs,
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
    /// Whether it is written for a software adapter.
    pub software: bool,
    /// Width of access.
    pub access: Access,
    /// Binding of the gradients.
    pub gradients: Gradients,
    /// Whether scales of the learning rate are bound.
    pub scaled: bool,
    /// Whether each unit has a factor of its own.
    pub adaptive: bool,
    /// Whether these have lengths that are multiples of four, so that no vector is of two.
    pub whole_units: bool,
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

crate::words::words! {
    /// The work of one workgroup: a chunk, or the part of one that an access width can serve. Places are elements from the windows' starts.
    pub struct Row {
        /// First value.
        value: u32,
        /// First gradient.
        gradient: u32,
        /// First element of the first lane.
        state: u32,
        /// Elements from one lane to the next.
        stride: u32,
        /// Elements.
        count: u32,
        /// Where the group's hyper-parameters are in the step record.
        hyper: u32,
        /// Where the parameter's entry is in the step record.
        record: u32,
        /// The parameter's number.
        member: u32,
        /// The tensor's element that is the first one here.
        element: u32,
        /// Where the sums over this row go.
        partial: u32,
        /// Where the units' factors are in the step record.
        unit: u32,
        /// Elements of a unit.
        unit_length: u32,
        /// First scale of the tensor, modulo 2^32.
        scale: u32,
        /// Consecutive elements of one scale.
        scale_length: u32,
        /// Scales in all.
        scale_period: u32,
        /// Nothing: kernels load four words at once.
        none: u32,
    }
}
