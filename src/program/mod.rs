//! What one step does, as plain data: which elements each workgroup updates, and what it must have bound. No wgpu types; the GPU
//! and the CPU twin are two executors of it.

mod arrays;
mod bucket;
mod division;
mod fill;
mod lines;
mod moves;
mod overlap;
mod passes;
mod plan;
mod reduce;
mod sets;
mod table;
mod tensor;
mod tiles;
mod units;
mod widths;

use core::ops::Range;

use crate::step::{Keeps, StateStorage};
use crate::storage::Format;

pub use bucket::{Bucket, Plan, Purpose};
pub use division::Division;
pub use lines::{LINES, Line, Lines, Shape};
pub use moves::{FRESH, MOVED, MoveTask, MovedAtOnce, NEW, NewRows, ScaleTask};
pub use overlap::{Interval, overlap};
pub use passes::{Needs, Pass, Program, distinct};
pub use plan::{measures, plan, tables};
pub use reduce::{FAN, Level, Levels, Node, Sum, SumTree};
pub use sets::{Segment, Sets, most};
pub use table::{Owner, ParamEntry, Places};
pub use tensor::{Listed, Mask, NOT_LISTED, Place, Scale, Tensor, Unit};
pub use tiles::{Tile, Tiles, VECTORS};
pub use units::{Units, in_workgroups};
pub use widths::Widths;

/// Elements of one workgroup's chunk at most: four turns of 256 invocations with four elements each.
pub const CHUNK: u64 = 4096;

/// The chunks of these elements of a tensor, in order.
pub fn chunks(elements: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    pieces(elements, CHUNK)
}

/// Ranges of `most` elements, the last one of what is left.
pub(crate) fn pieces(elements: Range<u64>, most: u64) -> impl Iterator<Item = Range<u64>> {
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
    /// Storage buffers of one kernel (`max_storage_buffers_per_shader_stage`).
    pub buffers: usize,
    /// Invocations of kernels of one workgroup.
    pub workgroup: u32,
    /// How workgroups go through their elements.
    pub division: Division,
}

/// Arrays of the caller's that one kernel binds at most: 64 pairs. Kernels take longer to compile with each (64 pairs: 0.1 s on an H200's driver), and
/// dispatches of 64 tensors cost little more than those of 128 (0.35 and 0.32 ms for 1,000 of 1,000).
const MOST_ARRAYS: usize = 128;

impl Limits {
    /// WebGPU's own defaults.
    pub const DEFAULT: Limits = Limits {
        binding: 128 << 20,
        alignment: 256,
        workgroups: 65_535,
        buffer: 256 << 20,
        buffers: 8,
        workgroup: 256,
        division: Division::GPU,
    };

    /// How many of the caller's arrays a kernel can bind that binds so many buffers of ours; at least those of one pair, which a device may refuse.
    pub fn arrays(&self, ours: usize) -> usize {
        self.buffers.saturating_sub(ours).clamp(2, MOST_ARRAYS)
    }

    /// Units of at least so many elements have workgroups of their own; of smaller ones, several share one.
    pub fn long_units(&self) -> u64 {
        self.division.long_units.min(self.measured())
    }

    /// Elements of which one workgroup measures the gradients, at most: as the division says, but gradients and values together have to fit in a binding.
    pub fn measured(&self) -> u64 {
        let fits = |elements: &u64| 2 * (4 * elements + self.alignment) <= self.binding;
        core::iter::successors(Some(self.division.measured), |elements| Some(elements / 2))
            .find(|elements| *elements <= 64 || fits(elements))
            .unwrap_or(64)
    }
}

/// How a kernel reads and writes an array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// `array<vec4f>`: offsets are multiples of 16 bytes and so is the end, padding included.
    Vector,
    /// `array<vec2<u64>>`, where vectors can serve, on software adapters: on real hardware a vector is one access anyway.
    Vector64,
    /// `array<u32>`: of the state, where lanes have 8 bits for a number.
    Word,
    /// `array<vec2u>`: of the state, where lanes have 16 bits for a number.
    Pair,
    /// `array<f32>`: any element.
    #[default]
    Scalar,
}

/// One of the caller's buffers, or a part of it, as a kernel binds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Array {
    /// Its elements' type.
    pub access: Access,
    /// Whether it has values.
    pub values: bool,
    /// Whether it has gradients; of one array with values, if both lie in one buffer near each other.
    pub gradients: bool,
    /// Whether it has scales of the learning rate.
    pub scales: bool,
    /// Whether it has row masks.
    pub masks: bool,
    /// Whether it has copies of values in bf16.
    pub copies: bool,
    /// Whether it has values or gradients of 16 bits; its elements are then pairs of words, or words where [`Access`] is by scalars.
    pub halves: bool,
    /// Whether an update writes it, or another array of its buffer: WebGPU allows no buffer that is read-only and writable in one dispatch.
    pub written: bool,
}

/// Where a tensor's elements are: which of the kernel's arrays has what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The values; where a kernel reads none, as the gradients.
    pub values: usize,
    /// The gradients.
    pub gradients: usize,
    /// The scales of the learning rate.
    pub scales: Option<usize>,
    /// The row mask.
    pub mask: Option<usize>,
    /// The copy of the values in bf16.
    pub copy: Option<usize>,
}

/// What a kernel depends on besides what it binds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// The first group whose rule, with the same states in use, the kernel runs.
    pub group: usize,
    /// Whether scales of the learning rate are bound.
    pub scaled: bool,
    /// Whether a row mask is bound.
    pub masked: bool,
    /// Whether only rows are worked on that are listed.
    pub listed: bool,
    /// Whether masked rows count their own steps.
    pub counted: bool,
    /// Whether masked rows are known to have lengths that are multiples of four, so that no vector is of two.
    pub whole_rows: bool,
    /// Whether each unit has a factor of its own.
    pub adaptive: bool,
    /// Whether these are known to have lengths that are multiples of four, so that no vector is of two.
    pub whole_units: bool,
    /// Whether tensors are matrices, where the rule does something else with these.
    pub matrix: bool,
    /// Whether workgroups have tiles.
    pub tiled: bool,
    /// Whether rows of tiles may begin or end between vectors.
    pub uneven: bool,
    /// Whether a copy of the values in bf16 is bound.
    pub copied: bool,
    /// What states are stored as.
    pub storage: StateStorage,
    /// What values are.
    pub values: Format,
    /// What gradients are.
    pub gradients: Format,
    /// Whether there are master values.
    pub mastered: bool,
}

impl Kind {
    /// What decides which lanes a parameter has.
    pub(crate) fn keeps(&self) -> Keeps {
        let (matrix, counted, listed, storage) = (self.matrix, self.counted, self.listed, self.storage);
        Keeps { matrix, counted, listed, storage, values: self.values, master: self.mastered }
    }
}

/// The kernel that a bucket needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// What it does.
    pub kind: Kind,
    /// How its workgroups go through rows.
    pub division: Division,
    /// What it binds of the caller's buffers.
    pub arrays: Vec<Array>,
    /// Where the tensors' elements are in them; a row says which is its own.
    pub pairs: Vec<Pair>,
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
    /// The work of one workgroup: a chunk, or the part of one that an access width can serve. What belongs to the parameter is in its entry.
    pub struct Row {
        /// Which of the bucket's entries is its parameter's.
        param: u32,
        /// The tensor's element that is the first one here, modulo 2^32.
        element: u32,
        /// Elements.
        count: u32,
        /// Where the sums over this row go.
        partial: u32,
        /// Of a tile, elements in each of its rows.
        width: u32,
        /// Of a tile, its rows; where rows are listed, those that the part of the table has.
        height: u32,
        /// Elements from one row of the tile to the next: those of a row of the tensor.
        columns: u32,
        /// Where the sums over the tile's rows and columns go.
        tile: u32,
    }
}
