//! `Blocks`: how products are divided among workgroups and invocations. benches/README.md has the measurements.

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
    /// For real GPUs.
    pub const GPU: Blocks = Blocks { rows: 128, columns: 128, depth: 8, own_rows: 8, own_columns: 8 };

    /// For devices with smaller workgroups.
    pub const SMALL: Blocks = Blocks { rows: 64, columns: 64, depth: 8, own_rows: 8, own_columns: 8 };

    /// For software adapters: llvmpipe runs eight invocations at a time, and to it workgroup memory is memory.
    pub const SOFTWARE: Blocks = Blocks { rows: 8, columns: 64, depth: 0, own_rows: 8, own_columns: 8 };

    /// All that benchmarks compare.
    pub const ALL: [Blocks; 10] = [
        Blocks::GPU,
        Blocks { depth: 16, ..Blocks::GPU },
        Blocks { rows: 64, own_rows: 4, depth: 16, ..Blocks::GPU },
        Blocks { rows: 64, columns: 128, depth: 16, own_rows: 8, own_columns: 8 },
        Blocks { rows: 64, columns: 64, depth: 16, own_rows: 4, own_columns: 4 },
        Blocks::SMALL,
        Blocks { depth: 16, ..Blocks::SMALL },
        Blocks { rows: 32, columns: 32, depth: 16, own_rows: 4, own_columns: 4 },
        Blocks::SOFTWARE,
        Blocks { own_rows: 4, rows: 4, ..Blocks::SOFTWARE },
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
    pub fn bytes(&self) -> u32 {
        4 * self.depth * (self.rows + self.columns)
    }

    /// The same without workgroup memory, of eight invocations: for devices that have next to none.
    pub fn of(is_software: bool, invocations: u32, bytes: u32) -> Self {
        let fits = |blocks: &Blocks| blocks.invocations() <= invocations && blocks.bytes() <= bytes;
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
    use super::Blocks;

    #[test]
    fn blocks_fit_what_webgpu_has_at_least() {
        for blocks in Blocks::ALL {
            assert!(blocks.invocations() <= 256 && blocks.bytes() <= 16 << 10, "{blocks}");
        }
        assert_eq!(Blocks::of(false, 256, 16 << 10), Blocks::GPU);
        assert_eq!(Blocks::of(false, 128, 16 << 10), Blocks::SMALL);
        assert_eq!(Blocks::of(false, 256, 1 << 10), Blocks::SOFTWARE);
        assert_eq!(Blocks::of(true, 256, 16 << 10), Blocks::SOFTWARE);
    }
}
