//! Where the numbers of rows, columns and slices are: all lanes of these extents lie in one buffer, one after another.

use core::ops::Range;

use super::{Limits, Place, Tensor, Tiles};
use crate::rule::{Extent, Extents};

/// The extents that have lanes there.
pub const LINES: [Extent; 3] = [Extent::Rows, Extent::Columns, Extent::Slices];

/// Where a parameter's lanes of rows, columns and slices begin, in elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The number of the buffer.
    pub buffer: usize,
    /// Where the lanes of each of [`LINES`] begin.
    first: [u64; 3],
    /// From one lane to the next.
    stride: [u64; 3],
}

impl Lines {
    /// After the first `end` elements of a buffer: room for so many lanes of each of [`LINES`], and where that ends. Each lane begins where it can be
    /// bound on its own.
    pub fn new(buffer: usize, mut end: u64, extents: &Extents, lanes: [usize; 3], limits: &Limits) -> (Self, u64) {
        let granule = limits.alignment.max(16) / 4;
        let stride = LINES.map(|extent| extents.count(extent).max(1).next_multiple_of(granule));
        let first = core::array::from_fn(|index| {
            let first = end;
            end += lanes[index] as u64 * stride[index];
            first
        });
        (Lines { buffer, first, stride }, end)
    }

    /// Where a lane begins; the room is all of it.
    pub fn lane(&self, extent: Extent, lane: u64) -> Option<Place> {
        let index = LINES.iter().position(|known| *known == extent)?;
        let offset = 4 * (self.first[index] + lane * self.stride[index]);
        Some(Place { buffer: self.buffer, offset, room: 4 * self.stride[index], whole: 0 })
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
    }
}

impl Shape {
    /// Of a tensor that is cut so.
    pub fn new(tiles: &Tiles, lines: &Lines) -> Self {
        let [width, height, tile_width, tile_height] = [tiles.width, tiles.height, tiles.tile_width, tiles.tile_height].map(|n| n as u32);
        let [rows, columns, slices] = lines.first.map(|first| first as u32);
        let [rows_stride, columns_stride, slices_stride] = lines.stride.map(|stride| stride as u32);
        Shape { width, height, tile_width, tile_height, rows, rows_stride, columns, columns_stride, slices, slices_stride }
    }
}

crate::words::words! {
    /// The work of one workgroup of a stage over rows or columns: all rows of a slice, or some of its columns.
    pub struct Line {
        /// The parameter's number.
        member: u32,
        /// The slice.
        slice: u32,
        /// The first row or column, counted in the slice.
        first: u32,
        /// How many.
        count: u32,
        /// Where the sums of the parameter's tiles begin.
        tiles: u32,
        /// From one tile's to the next one's.
        tile_words: u32,
    }
}

/// Columns of a workgroup.
const COLUMNS: u64 = 1024;

impl Line {
    /// The work on a tensor of this number, whose tiles' sums begin there. The rows of a slice are one workgroup's, which adds up what they have.
    pub fn of(tensor: &Tensor, over: Extent, first: u32) -> Vec<Line> {
        let Some(tiles) = tensor.tiles.filter(|_| tensor.len > 0) else { return Vec::new() };
        let (all, most) = if over == Extent::Rows { (tiles.height, tiles.height) } else { (tiles.width, COLUMNS) };
        let line = |slice: u64, part: Range<u64>| Line {
            member: tensor.member,
            slice: slice as u32,
            first: part.start as u32,
            count: (part.end - part.start) as u32,
            tiles: first,
            tile_words: tensor.tile_words,
        };
        (0..tiles.slices).flat_map(|slice| super::pieces(0..all, most).map(move |part| line(slice, part))).collect()
    }
}
