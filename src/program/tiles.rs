//! Tiles: what one workgroup takes of a matrix whose rows and columns are summed, or have numbers of their own.

use core::ops::Range;

use super::Division;
use crate::rule::Extents;

/// Vectors of a band of a tile: the workgroup keeps a number for each until it adds up rows, 8 KiB of the 16 that WebGPU has.
pub const VECTORS: u64 = 2048;

/// How a tensor is cut into tiles. A tile lies in one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Elements of a row.
    pub width: u64,
    /// Rows of a slice.
    pub height: u64,
    /// Slices.
    pub slices: u64,
    /// Columns of a tile; the last one of a row may have fewer.
    pub tile_width: u64,
    /// Rows of a tile; the last one of a slice may have fewer.
    pub tile_height: u64,
}

/// Some rows and columns of a slice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tile {
    /// Its first element.
    pub first: u64,
    /// Columns.
    pub width: u64,
    /// Rows.
    pub height: u64,
}

impl Tiles {
    /// For a tensor of which `most` elements in a row can be bound, and of whose rows so many sums are formed at once.
    pub fn new(extents: &Extents, most: u64, row_sums: usize, division: &Division) -> Self {
        let (width, height) = (extents.width(), extents.height());
        let tile_width = width.min(division.tile_width).min((most - most % 4).max(4));
        let vectors = tile_width.div_ceil(4);
        let room = division.bands * (VECTORS / row_sums.max(1) as u64);
        let enough = (extents.elements / 4 / division.tiles).clamp(division.least_vectors.min(room), room);
        let invocations = u64::from(division.invocations);
        let below = invocations / vectors.min(invocations);
        // Each invocation leaves a number for each of its rows.
        let kept = VECTORS / row_sums.max(1) as u64 / invocations;
        let highest = if division.reads_rows() { division.tile_height.min(kept) * below } else { height };
        let tile_height = (enough / vectors).min(highest).min(height).min(most / width).max(1);
        // Four rows are added up as a vector, which then lies in one tile.
        let whole = if tile_height < 4 || tile_height == height { tile_height } else { tile_height - tile_height % 4 };
        Tiles { width, height, slices: extents.slices, tile_width, tile_height: whole }
    }

    /// Words of what one tile adds up over rows and columns, so many sums of each: vectors.
    pub fn words(&self, [rows, columns]: [usize; 2]) -> u64 {
        rows as u64 * self.tile_height.next_multiple_of(4) + columns as u64 * self.tile_width.next_multiple_of(4)
    }

    /// Tiles beside one another.
    pub fn across(&self) -> u64 {
        self.width.div_ceil(self.tile_width)
    }

    /// Tiles one below the other, in a slice.
    pub fn down(&self) -> u64 {
        self.height.div_ceil(self.tile_height)
    }

    /// Parts of at most `most` elements, each of whole tiles.
    pub fn parts(&self, most: u64) -> Vec<Range<u64>> {
        if self.tile_height == 1 && self.width > most {
            let most = most - most % self.tile_width;
            let row = |row: u64| super::pieces(row * self.width..(row + 1) * self.width, most);
            return (0..self.slices * self.height).flat_map(row).collect();
        }
        let mut parts: Vec<Range<u64>> = Vec::new();
        for band in self.bands(0..self.slices * self.height) {
            let band = band.start * self.width..band.end * self.width;
            match parts.last_mut() {
                Some(last) if band.end - last.start <= most => last.end = band.end,
                _ => parts.push(band),
            }
        }
        parts
    }

    /// The tiles of a part.
    pub fn of(&self, part: Range<u64>) -> Vec<Tile> {
        if part.is_empty() {
            return Vec::new();
        }
        let (first, last) = (part.start / self.width, (part.end - 1) / self.width);
        let columns = match first == last {
            true => part.start % self.width..(part.end - 1) % self.width + 1,
            false => 0..self.width,
        };
        let tiles = |band: Range<u64>| {
            let tile = move |across: Range<u64>| Tile {
                first: band.start * self.width + across.start,
                width: across.end - across.start,
                height: band.end - band.start,
            };
            super::pieces(columns.clone(), self.tile_width).map(tile)
        };
        self.bands(first..last + 1).flat_map(tiles).collect()
    }

    /// Rows of the tiles that have these, counted over all slices; they begin with a tile's.
    fn bands(&self, rows: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
        let (own, mut at) = (*self, rows.start);
        core::iter::from_fn(move || {
            let begin = at;
            let in_slice = begin % own.height;
            at = rows.end.min(begin + own.tile_height.min(own.height - in_slice));
            (begin < rows.end).then_some(begin..at)
        })
    }
}

impl Tile {
    /// From the first element to the last; between its rows there are others.
    pub fn elements(&self, tiles: &Tiles) -> Range<u64> {
        self.first..self.first + (self.height - 1) * tiles.width + self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_in_one_tile_of_its_part_and_its_slice() {
        let shapes: [&[usize]; 10] =
            [&[1], &[1000], &[3, 1], &[1, 700], &[5000, 3], &[4000, 40], &[100, 300], &[3, 70, 260], &[7, 3, 3], &[2, 2, 5, 513]];
        for shape in shapes {
            let extents = Extents::of(shape);
            let divisions = [Division::GPU, Division::SOFTWARE];
            let sums = |most| divisions.into_iter().flat_map(move |division| [1, 2, 5, 32].map(|row_sums| (most, row_sums, division)));
            for (most, row_sums, division) in [256, 1000, 70_000].into_iter().flat_map(sums) {
                let tiles = Tiles::new(&extents, most, row_sums, &division);
                let mut seen = vec![0; extents.elements as usize];
                let mut order = 0;
                for part in tiles.parts(most) {
                    assert!(part.end - part.start <= most && part.start == order, "{shape:?} {part:?}");
                    order = part.end;
                    for tile in tiles.of(part.clone()) {
                        let vectors = tile.width.div_ceil(4);
                        assert!(vectors * tile.height <= division.bands * VECTORS);
                        let kept = vectors.min(division.invocations.into()) * tile.height * row_sums as u64;
                        assert!(!division.reads_rows() || kept <= VECTORS, "{shape:?} {row_sums} {tile:?}");
                        assert!(division.reads_rows() || vectors * row_sums as u64 <= VECTORS, "{shape:?} {row_sums} {tile:?}");
                        assert!(tile.first >= part.start && tile.elements(&tiles).end <= part.end, "{shape:?} {part:?} {tile:?}");
                        let (row, column) = (tile.first / tiles.width, tile.first % tiles.width);
                        assert_eq!(row / tiles.height, (row + tile.height - 1) / tiles.height);
                        assert!((row % tiles.height).is_multiple_of(tiles.tile_height) && column.is_multiple_of(tiles.tile_width));
                        for k in 0..tile.height {
                            let line = tile.first + k * tiles.width;
                            seen[line as usize..(line + tile.width) as usize].iter_mut().for_each(|seen| *seen += 1);
                        }
                    }
                }
                assert!(seen.iter().all(|&seen| seen == 1), "{shape:?} {most}");
            }
        }
    }
}
