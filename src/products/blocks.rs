//! `Blocks`: how products are divided among workgroups and invocations. benches/README.md has the measurements.

use super::Precision;

/// How a product is divided: a workgroup forms a tile, each of its invocations some blocks of 4 x 4 of it. Sizes are powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Blocks {
    /// Rows of a tile.
    pub rows: u32,
    /// Columns of a tile.
    pub columns: u32,
    /// How deep the slices are that a workgroup keeps in its memory; 0 where invocations load for themselves.
    pub depth: u32,
    /// Rows of an invocation.
    pub own_rows: u32,
    /// Columns of an invocation.
    pub own_columns: u32,
}

impl Blocks {
    /// For real GPUs: on an H200, 33 TFLOP/s at 4096 x 4096, half of the card's peak in f32, and 34 over the matrices of GPT-2 small, of those that are tried the
    /// most or within 1% of it. 12 KiB of workgroup memory, in f16 half of that: nothing was timed in f16 on a card.
    pub const GPU: Blocks = Blocks { rows: 64, columns: 128, depth: 16, own_rows: 8, own_columns: 8 };

    /// For devices with smaller workgroups.
    pub const SMALL: Blocks = Blocks { rows: 64, columns: 64, depth: 16, own_rows: 8, own_columns: 8 };

    /// For software adapters: llvmpipe runs eight invocations at a time, and to it workgroup memory is memory.
    pub const SOFTWARE: Blocks = Blocks { rows: 16, columns: 64, depth: 0, own_rows: 16, own_columns: 8 };

    /// All that benchmarks compare.
    pub const ALL: [Blocks; 11] = [
        Blocks::GPU,
        Blocks { rows: 128, depth: 8, ..Blocks::GPU },
        Blocks { rows: 128, ..Blocks::GPU },
        Blocks { own_rows: 4, ..Blocks::GPU },
        Blocks { columns: 64, own_rows: 4, own_columns: 4, ..Blocks::GPU },
        Blocks::SMALL,
        Blocks { depth: 8, ..Blocks::SMALL },
        Blocks { rows: 32, columns: 32, depth: 16, own_rows: 4, own_columns: 4 },
        Blocks::SOFTWARE,
        Blocks { rows: 8, own_rows: 8, ..Blocks::SOFTWARE },
        Blocks { rows: 4, own_rows: 4, ..Blocks::SOFTWARE },
    ];

    /// Invocations of a workgroup.
    pub fn invocations(&self) -> u32 {
        self.down() * self.across()
    }

    /// Invocations one below the other.
    pub(super) fn down(&self) -> u32 {
        self.rows / self.own_rows
    }

    /// Invocations beside one another.
    pub(super) fn across(&self) -> u32 {
        self.columns / self.own_columns
    }

    /// Bytes of workgroup memory.
    pub fn bytes(&self, precision: Precision) -> u32 {
        precision.bytes() * self.depth * (self.rows + self.columns)
    }

    /// For a device that has so many invocations and bytes of workgroup memory, and matrices that are kept so.
    pub fn of(is_software: bool, invocations: u32, bytes: u32, precision: Precision) -> Self {
        let fits = |blocks: &Blocks| blocks.invocations() <= invocations && blocks.bytes(precision) <= bytes;
        let fitting = [Blocks::GPU, Blocks::SMALL].into_iter().find(|blocks| !is_software && fits(blocks));
        fitting.unwrap_or(Blocks::SOFTWARE)
    }
}

impl core::fmt::Display for Blocks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Blocks { rows, columns, depth, own_rows, own_columns } = self;
        match depth {
            0 => write!(f, "{rows} x {columns} plain by {own_rows} x {own_columns}"),
            depth => write!(f, "{rows} x {columns} x {depth} by {own_rows} x {own_columns}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Blocks, Precision};

    #[test]
    fn blocks_fit_what_webgpu_has_at_least() {
        for blocks in Blocks::ALL {
            assert!(blocks.invocations() <= 256 && blocks.bytes(Precision::F32) <= 16 << 10, "{blocks}");
        }
        assert_eq!(Blocks::of(false, 256, 16 << 10, Precision::F32), Blocks::GPU);
        assert_eq!(Blocks::of(false, 64, 16 << 10, Precision::F32), Blocks::SMALL);
        assert_eq!(Blocks::of(false, 256, 8 << 10, Precision::F32), Blocks::SMALL);
        assert_eq!(Blocks::of(false, 256, 1 << 10, Precision::F32), Blocks::SOFTWARE);
        assert_eq!(Blocks::of(false, 256, 8 << 10, Precision::F16), Blocks::GPU);
        assert_eq!(Blocks::of(true, 256, 16 << 10, Precision::F32), Blocks::SOFTWARE);
    }
}
