//! How a workgroup goes through its elements, for each class of adapter. benches/README.md has the measurements.

use super::tiles::VECTORS;
use super::{Access, CHUNK};

/// How work is divided on a class of adapters. A workgroup goes through consecutive elements, four an invocation and turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Division {
    /// Invocations of a workgroup: a power of two from 8 to 256.
    pub invocations: u32,
    /// How whole vectors are loaded and stored.
    pub vectors: Access,
    /// Whether a branch that no invocation takes costs nothing.
    pub skips_branches: bool,
    /// Elements of which a workgroup measures the gradients, at most.
    pub measured: u64,
    /// Elements from which on a unit of adaptive clipping is measured by workgroups of its own.
    pub long_units: u64,
    /// Columns of a tile, at most.
    pub tile_width: u64,
    /// Rows of a tile that one invocation goes through at most, where it goes through whole rows.
    pub tile_height: u64,
    /// Tiles of a tensor at least, if they would be smaller than they may be otherwise: enough for all of a card's processors.
    pub tiles: u64,
    /// Vectors of a tile where there are few tiles; where there are many, [`VECTORS`](super::tiles::VECTORS) for each band.
    pub least_vectors: u64,
    /// How many times what a workgroup keeps of rows at once a tile may have at most: each workgroup begins with loads that wait for one another.
    pub bands: u64,
    /// Rows of a tile that an invocation goes through at once: on a card so that as many loads are under way, elsewhere so that what columns have is loaded
    /// and stored once for all of them.
    pub rows_at_once: u32,
    /// Of the elements in a buffer, how many may be accessed one by one that vectors could serve, so that one dispatch serves them all.
    pub scalars: u64,
}

impl Division {
    /// For real GPUs, and for whatever is not known to be better with another. On an H200, 256 invocations through 1,024 consecutive elements a
    /// turn reach 0.97 of a device copy; 64 invocations in eights reached 0.83. Norms take longer pieces, since a workgroup waits for all its loads
    /// before it adds up; that, and up to how many elements scalars are better than to wait for another dispatch, is reasoned and not measured.
    pub const GPU: Division = Division {
        invocations: 256,
        vectors: Access::Vector,
        skips_branches: true,
        measured: 4 * CHUNK,
        long_units: CHUNK,
        tile_width: 256,
        tile_height: u64::MAX,
        tiles: 512,
        least_vectors: 1024,
        bands: 4,
        rows_at_once: 4,
        scalars: 1 << 20,
    };

    /// For software adapters with 64-bit integers: llvmpipe runs eight invocations to their end before the next eight, each of which would read anew
    /// what a chunk is; it takes as long for each word, whatever its size; and it goes through all branches. Adam's traffic by scalars costs 3 ns an
    /// element more than by vectors there, and one more dispatch 50 us. Rows of tiles are long, since memory reads on, and two of them are gone through at once:
    /// Adafactor's first stage took 27 ms by one, 14 by two, 13 by four and by eight, and llvmpipe compiles all of them for each pair of buffers. It is one number whatever a kernel binds,
    /// since it is part of the order of sums.
    pub const SOFTWARE: Division = Division {
        invocations: 8,
        vectors: Access::Vector64,
        skips_branches: false,
        measured: CHUNK,
        long_units: 512,
        tile_width: 1024,
        tile_height: 128,
        tiles: 128,
        least_vectors: 2 * VECTORS,
        bands: 4,
        rows_at_once: 2,
        scalars: 1 << 14,
    };

    /// Whether kernels over tiles go through whole rows of them, and not through the rows of four columns.
    pub fn reads_rows(&self) -> bool {
        !self.skips_branches
    }

    /// With fewer invocations, where a device allows no more.
    pub fn at_most(self, invocations: u32) -> Self {
        let allowed = if invocations.is_power_of_two() { invocations } else { invocations.next_power_of_two() / 2 };
        Division { invocations: self.invocations.min(allowed.max(8)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::Division;

    #[test]
    fn workgroups_are_powers_of_two_that_the_device_allows() {
        let allowed = [1024, 256, 255, 128, 100, 8, 0].map(|most| Division::GPU.at_most(most).invocations);
        assert_eq!(allowed, [256, 256, 128, 128, 64, 8, 8]);
        assert_eq!(Division::SOFTWARE.at_most(1024), Division::SOFTWARE);
    }
}
