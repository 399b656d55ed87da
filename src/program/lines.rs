//! Where the numbers of rows, columns, slices and axes are: all lanes of these extents lie in one buffer, one after another.

use core::ops::Range;

use super::{Division, Limits, Place, Tensor, Tiles};
use crate::rule::{AXES, Axis, Extent, Extents};

/// The extents that have lanes there.
pub const LINES: [Extent; 5] = [Extent::Rows, Extent::Columns, Extent::Slices, Extent::Axes, Extent::Squares];

/// Where a parameter's lanes of rows, columns, slices and axes begin, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The number of the buffer.
    pub buffer: usize,
    /// Where the lanes of each of [`LINES`] begin.
    first: [u64; LINES.len()],
    /// From one lane to the next.
    stride: [u64; LINES.len()],
    /// Numbers of each sum over a slice.
    slice_parts: u64,
    /// How many of each there are.
    extents: Extents,
}

impl Lines {
    /// After the first `end` elements of a buffer: room for so many lanes of each of [`LINES`], and where that ends. Each lane begins where it can be
    /// bound on its own. A sum over a slice is in as many numbers as workgroups add it up.
    pub fn new(
        buffer: usize,
        mut end: u64,
        (extents, tiles): (&Extents, Option<&Tiles>),
        lanes: [usize; LINES.len()],
        limits: &Limits,
    ) -> (Self, u64) {
        let granule = limits.alignment.max(16) / 4;
        let slice_parts = tiles.map_or(1, |tiles| Teams::over(tiles, Extent::Rows, &limits.division).slots(tiles));
        let count = |extent| extents.count(extent) * if extent == Extent::Slices { slice_parts } else { 1 };
        let stride = LINES.map(|extent| count(extent).max(1).next_multiple_of(granule));
        let first = core::array::from_fn(|index| {
            let first = end;
            end += lanes[index] as u64 * stride[index];
            first
        });
        (Lines { buffer, first, stride, slice_parts, extents: *extents }, end)
    }

    /// Where a lane begins; the room is all of it.
    pub fn lane(&self, extent: Extent, lane: u64) -> Option<Place> {
        let index = LINES.iter().position(|known| *known == extent)?;
        let offset = 4 * (self.first[index] + lane * self.stride[index]);
        Some(Place { buffer: self.buffer, offset, room: 4 * self.stride[index], ..Place::default() })
    }
}

crate::words::words! {
    /// A parameter's shape, and where the numbers of its rows, columns and slices are.
    pub struct Shape {
        /// Elements of a row.
        width: u32,
        /// Rows of a slice.
        height: u32,
        /// Columns of a tile.
        tile_width: u32,
        /// Rows of a tile.
        tile_height: u32,
        /// The first lane of rows.
        rows: u32,
        /// From one such lane to the next.
        rows_stride: u32,
        /// The first lane of columns.
        columns: u32,
        /// From one such lane to the next.
        columns_stride: u32,
        /// The first lane of slices.
        slices: u32,
        /// From one such lane to the next.
        slices_stride: u32,
        /// Numbers of a slice there, which together are its sum: 1, 16 or 64, of which the last ones are 0.
        slice_parts: u32,
        /// The first lane of axes.
        axes: u32,
        /// From one such lane to the next.
        axes_stride: u32,
        /// In it, where the numbers of the rows of a slice begin: those of the last axis but one. Where those of columns begin, if there is just one axis.
        axis_rows: u32,
        /// Where those of the columns begin, of the last axis.
        axis_columns: u32,
        /// The sizes of the axes before these two, from the last of them to the first; 0 where there are fewer.
        size0: u32,
        size1: u32,
        size2: u32,
        size3: u32,
        size4: u32,
        size5: u32,
    }
}

impl Shape {
    /// The members with the sizes of axes before the last two.
    pub const SIZES: [&str; AXES - 2] = ["size0", "size1", "size2", "size3", "size4", "size5"];

    /// Of a tensor that is cut so.
    pub fn new(tiles: &Tiles, lines: &Lines) -> Self {
        let [width, height, tile_width, tile_height] = [tiles.width, tiles.height, tiles.tile_width, tiles.tile_height].map(|n| n as u32);
        let [rows, columns, slices, axes, _squares] = lines.first.map(|first| first as u32);
        let [rows_stride, columns_stride, slices_stride, axes_stride, _squares] = lines.stride.map(|stride| stride as u32);
        let slice_parts = lines.slice_parts as u32;
        let own: Vec<Axis> = lines.extents.axes().collect();
        let from_last = |index: usize| own.iter().rev().nth(index);
        let axis_columns = from_last(0).map_or(0, |axis| axis.first as u32);
        let axis_rows = from_last(1).map_or(axis_columns, |axis| axis.first as u32);
        let [size0, size1, size2, size3, size4, size5] =
            core::array::from_fn(|index| from_last(index + 2).map_or(0, |axis| axis.size as u32));
        let of_lines = Shape { width, height, tile_width, tile_height, rows, rows_stride, columns, columns_stride, ..Shape::default() };
        let of_axes = Shape { slices, slices_stride, slice_parts, axes, axes_stride, axis_rows, axis_columns, ..of_lines };
        Shape { size0, size1, size2, size3, size4, size5, ..of_axes }
    }
}

crate::words::words! {
    /// The work of one workgroup of a stage over rows or columns: some of those of a slice. Or of one over axes: some indices of one.
    pub struct Line {
        /// The parameter's number.
        member: u32,
        /// The slice.
        slice: u32,
        /// The first row or column, counted in the slice, or the first index.
        first: u32,
        /// How many.
        count: u32,
        /// Where the sums of the parameter's tiles begin.
        tiles: u32,
        /// From one tile's to the next one's.
        tile_words: u32,
        /// Invocations that share four rows or columns: each adds up what some of the tiles have. A power of two.
        sharing: u32,
        /// The number of this workgroup in the slice.
        part: u32,
        /// Where the numbers of the axis begin in a lane.
        axis: u32,
        /// Its indices.
        size: u32,
        /// Consecutive rows that have one index; 0 for the last axis, whose indices are those of the columns.
        inner: u32,
        /// Slices of the tensor.
        slices: u32,
    }
}

/// Workgroups that add up one slice at most. Whoever reads a sum over a slice adds up what they have.
const PARTS: u64 = 64;
/// Tiles whose numbers an invocation adds up, if there are enough invocations.
const TILES: u64 = 8;

/// How stages over the rows or columns of a tensor divide them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Teams {
    /// Rows or columns of a workgroup.
    each: u64,
    /// Invocations that share four of them.
    sharing: u64,
}

impl Teams {
    fn over(tiles: &Tiles, over: Extent, division: &Division) -> Self {
        let (count, beside) = if over == Extent::Rows { (tiles.height, tiles.across()) } else { (tiles.width, tiles.down()) };
        Self::of(count, beside, over == Extent::Rows, division)
    }

    /// So many rows or columns, each of so many numbers. On a card, many workgroups of few turns: each turn waits for its loads. Software adapters read on.
    fn of(count: u64, beside: u64, is_over_rows: bool, division: &Division) -> Self {
        let invocations = u64::from(division.invocations);
        let sharing = beside.div_ceil(TILES).next_power_of_two().min(if division.skips_branches { invocations / 4 } else { 1 });
        let least = if division.skips_branches { 4 * invocations / sharing } else { 16 * invocations };
        let each = if is_over_rows { count.div_ceil(PARTS).next_multiple_of(least) } else { least };
        Teams { each, sharing }
    }

    /// Numbers of each sum over a slice.
    fn slots(&self, tiles: &Tiles) -> u64 {
        match tiles.height.div_ceil(self.each) {
            0 | 1 => 1,
            2..=16 => 16,
            _ => PARTS,
        }
    }
}

impl Line {
    /// The work on a tensor of this number, whose tiles' sums begin there.
    pub fn of(tensor: &Tensor, over: Extent, first: u32, division: &Division) -> Vec<Line> {
        let Some(tiles) = tensor.tiles.filter(|_| tensor.len > 0) else { return Vec::new() };
        if over == Extent::Axes {
            let axes = tensor.lines.extents.axes();
            return axes.flat_map(|axis| Line::of_axis(tensor, &tiles, &axis, first, division)).collect();
        }
        let all = if over == Extent::Rows { tiles.height } else { tiles.width };
        let teams = Teams::over(&tiles, over, division);
        let line = |slice: u64, (number, part): (u32, Range<u64>)| Line {
            member: tensor.member,
            slice: slice as u32,
            first: part.start as u32,
            count: (part.end - part.start) as u32,
            tiles: first,
            tile_words: tensor.tile_words,
            sharing: teams.sharing as u32,
            part: number,
            slices: tiles.slices as u32,
            ..Line::default()
        };
        (0..tiles.slices).flat_map(|slice| (0..).zip(super::pieces(0..all, teams.each)).map(move |part| line(slice, part))).collect()
    }

    /// The work on one axis.
    fn of_axis(tensor: &Tensor, tiles: &Tiles, axis: &Axis, first: u32, division: &Division) -> Vec<Line> {
        let is_last = axis.first + axis.size == tensor.lines.extents.count(Extent::Axes);
        let inner = if is_last { 0 } else { axis.inner / tiles.width };
        let beside = if is_last { tiles.slices * tiles.down() } else { tiles.slices * tiles.height / axis.size * tiles.across() };
        let teams = Teams::of(axis.size, beside, false, division);
        let line = |part: Range<u64>| Line {
            member: tensor.member,
            first: part.start as u32,
            count: (part.end - part.start) as u32,
            tiles: first,
            tile_words: tensor.tile_words,
            sharing: teams.sharing as u32,
            axis: axis.first as u32,
            size: axis.size as u32,
            inner: inner as u32,
            slices: tiles.slices as u32,
            ..Line::default()
        };
        super::pieces(0..axis.size, teams.each).map(line).collect()
    }
}
