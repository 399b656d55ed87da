//! Composes the kernels of products with squares of axes.

use super::jacobi::Shares;
use super::plan::{ALWAYS, Matrix};
use crate::products::kernels::{PLAIN, PRODUCT, SHARED, TILE, division, multiplied, sums};
use crate::products::{Blocks, Precision, Tile};
use crate::wgsl::{Declaration, NUMERICS, Shader, constants, shader};

const DUE: &str = include_str!("../../../shaders/products/squares/due.wgsl");
const ELEMENT: &str = include_str!("../../../shaders/products/squares/element.wgsl");
const GRAM: &str = include_str!("../../../shaders/products/squares/gram.wgsl");
const SYMMETRIC: &str = include_str!("../../../shaders/products/squares/symmetric.wgsl");
const PLACES: &str = include_str!("../../../shaders/products/squares/places.wgsl");
const TURN: &str = include_str!("../../../shaders/products/squares/turn.wgsl");
const PERMUTE: &str = include_str!("../../../shaders/products/squares/permute.wgsl");
const STORE: &str = include_str!("../../../shaders/products/squares/store.wgsl");
const BLOCKS: &str = include_str!("../../../shaders/products/squares/blocks.wgsl");
const SQUARE_ROWS: &str = include_str!("../../../shaders/products/squares/square_rows.wgsl");
const ESTIMATE: &str = include_str!("../../../shaders/products/squares/estimate.wgsl");
const CHANGE: &str = include_str!("../../../shaders/products/squares/change.wgsl");
const SWEEP: &str = include_str!("../../../shaders/products/squares/sweep.wgsl");
const TRACE: &str = include_str!("../../../shaders/products/squares/trace.wgsl");
const SORTED: &str = include_str!("../../../shaders/products/squares/sorted.wgsl");
const ROOT_PLACES: &str = include_str!("../../../shaders/products/squares/root_places.wgsl");
const LENGTHS: &str = include_str!("../../../shaders/products/squares/lengths.wgsl");
const LIFTED: &str = include_str!("../../../shaders/products/squares/lifted.wgsl");
const MULTIPLY: &str = include_str!("../../../shaders/products/squares/multiply.wgsl");
const STORE_ROOT: &str = include_str!("../../../shaders/products/squares/store_root.wgsl");
const RANK: &str = include_str!("../../../shaders/products/squares/rank.wgsl");
const PANEL: &str = include_str!("../../../shaders/products/squares/panel.wgsl");
const COLUMNS: &str = include_str!("../../../shaders/products/squares/columns.wgsl");
const DIAGONALS: &str = include_str!("../../../shaders/products/squares/diagonals.wgsl");
const PLACED: &str = include_str!("../../../shaders/products/squares/placed.wgsl");
const RENEW: &str = include_str!("../../../shaders/products/squares/renew.wgsl");

/// What kernels bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Which tile each workgroup has.
    Tiles,
    /// The matrices.
    Matrices,
    /// The step record.
    Record,
    /// The elements that are read.
    Source,
    /// The squares that are read.
    Squares,
    /// The scratch memory of the work on squares.
    Work,
    /// The same, as vectors.
    Vectors,
    /// What is written.
    Target,
}

impl Slot {
    fn declared(self, written: bool) -> Declaration<Slot> {
        let (name, element) = match self {
            Slot::Tiles => ("tiles", "Tile"),
            Slot::Matrices => ("matrices", "Matrix"),
            Slot::Record => ("record", "u32"),
            Slot::Source => ("source", "f32"),
            Slot::Squares => ("squares", "f32"),
            Slot::Work => ("numbers", "f32"),
            Slot::Vectors => ("vectors", "vec4f"),
            Slot::Target => ("target_lane", "f32"),
        };
        Declaration { slot: self, name: name.into(), ty: format!("array<{element}>"), written }
    }
}

/// What a dispatch does with all matrices of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Squares = keep squares + add X X^T + ridge I
    Gram,
    /// Sums of squares over the columns of squares.
    Lengths,
    /// Squares divided by their norms, in the scratch memory.
    Lifted,
    /// Products of two squares there.
    Multiply,
    /// A root from there.
    StoreRoot,
    /// Rotations towards the eigenvectors, and then these by falling eigenvalues.
    Sweep,
    /// X turned along an axis.
    Turn,
    /// S Q
    Estimate,
    /// The diagonals of Q^T S Q.
    Diagonals,
    /// The columns of S Q by falling diagonals, in the scratch memory.
    Placed,
    /// These, orthogonal to a panel of earlier ones; of the next panel, also to one another.
    Renew,
    /// N^T Q
    Change,
    /// A basis from the scratch memory.
    Store,
    /// X in the order of the new basis.
    Permute,
}

impl Step {
    /// All of them.
    pub(crate) const ALL: [Step; 14] = [
        Step::Gram,
        Step::Lengths,
        Step::Lifted,
        Step::Multiply,
        Step::StoreRoot,
        Step::Sweep,
        Step::Turn,
        Step::Estimate,
        Step::Diagonals,
        Step::Placed,
        Step::Renew,
        Step::Change,
        Step::Store,
        Step::Permute,
    ];

    /// The name of the kernel.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Gram => "squares gram",
            Step::Lengths => "squares lengths",
            Step::Lifted => "squares lifted",
            Step::Multiply => "squares multiply",
            Step::StoreRoot => "squares store root",
            Step::Sweep => "squares sweep",
            Step::Turn => "squares turn",
            Step::Estimate => "squares estimate",
            Step::Diagonals => "squares diagonals",
            Step::Placed => "squares placed",
            Step::Renew => "squares renew",
            Step::Change => "squares change",
            Step::Store => "squares store",
            Step::Permute => "squares permute",
        }
    }

    /// How its work is divided.
    fn way(self) -> Way {
        match self {
            Step::Lengths | Step::Sweep | Step::Diagonals | Step::Placed | Step::Renew => Way::Shares,
            Step::Lifted | Step::StoreRoot | Step::Store | Step::Permute => Way::Blocks,
            Step::Gram | Step::Multiply | Step::Turn | Step::Estimate | Step::Change => Way::Product,
        }
    }

    /// What it reads besides tiles, matrices and record, and what it writes.
    fn slots(self) -> (&'static [Slot], Slot) {
        match self {
            Step::Gram => (&[Slot::Source], Slot::Target),
            Step::Lifted => (&[Slot::Squares], Slot::Vectors),
            Step::Multiply => (&[], Slot::Vectors),
            Step::StoreRoot => (&[Slot::Vectors], Slot::Target),
            Step::Lengths | Step::Sweep | Step::Estimate | Step::Diagonals | Step::Placed => (&[Slot::Squares], Slot::Work),
            Step::Renew => (&[], Slot::Work),
            Step::Store => (&[Slot::Work], Slot::Target),
            Step::Turn => (&[Slot::Source, Slot::Squares], Slot::Target),
            Step::Change => (&[Slot::Work, Slot::Squares], Slot::Target),
            Step::Permute => (&[Slot::Source, Slot::Work], Slot::Target),
        }
    }

    fn text(self) -> Vec<&'static str> {
        match self {
            Step::Gram => vec![ELEMENT, GRAM, SYMMETRIC],
            Step::Lengths => vec![ROOT_PLACES, TRACE, PANEL, COLUMNS, LENGTHS],
            Step::Lifted => vec![ROOT_PLACES, TRACE, LIFTED, BLOCKS],
            Step::Multiply => vec![MULTIPLY],
            Step::StoreRoot => vec![ROOT_PLACES, STORE_ROOT, BLOCKS, NUMERICS],
            Step::Sweep => vec![PLACES, TRACE, SWEEP, RANK, SORTED],
            Step::Turn => vec![ELEMENT, TURN],
            Step::Estimate => vec![SQUARE_ROWS, ESTIMATE],
            Step::Diagonals => vec![PLACES, PANEL, COLUMNS, DIAGONALS],
            Step::Placed => vec![PLACES, TRACE, RANK, PANEL, COLUMNS, PLACED],
            Step::Renew => vec![PLACES, PANEL, RENEW],
            Step::Change => vec![PLACES, SQUARE_ROWS, CHANGE],
            Step::Store => vec![PLACES, STORE, BLOCKS],
            Step::Permute => vec![PLACES, ELEMENT, PERMUTE, BLOCKS],
        }
    }

    /// The kernel, divided so.
    pub(crate) fn shader(self, blocks: &Blocks, shares: Shares) -> Shader<Slot> {
        let (read, written) = self.slots();
        let read = [Slot::Tiles, Slot::Matrices, Slot::Record].into_iter().chain(read.iter().copied());
        let bindings = read.map(|slot| slot.declared(false)).chain([written.declared(true)]).collect();
        let way = self.way();
        let invocations = if way == Way::Shares { shares.invocations } else { blocks.invocations() };
        let panel = constants([("PANEL", shares.panel)]);
        let own = Matrix::WGSL.to_owned() + Tile::WGSL + &Precision::F32.wgsl() + &division(blocks, invocations) + &panel + &numbers();
        let mut parts = vec![own.as_str(), TILE, DUE];
        parts.extend(self.text());
        let (sums, multiplied) = (sums(blocks), multiplied(blocks, false));
        if way == Way::Product {
            parts.extend([sums.as_str(), multiplied.as_str(), PRODUCT]);
            parts.push(if blocks.depth == 0 { PLAIN } else { SHARED });
        }
        shader(bindings, &parts, "")
    }
}

/// How the work of a dispatch is divided among workgroups.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As [`Shares`] say.
    Shares,
    /// In blocks of 4 x 4.
    Blocks,
    /// In tiles of a product.
    Product,
}

/// The numbers that the twin has too.
fn numbers() -> String {
    use super::jacobi::{LEAST_TRACE, MOST, SHIFT, SMALLEST};
    use super::roots::{LIFT, PLACES};
    let numbers = [("SMALLEST", SMALLEST), ("LEAST_TRACE", LEAST_TRACE), ("LIFT", LIFT), ("SHIFT", SHIFT), ("MOST", MOST)];
    let numbers = numbers.map(|(name, number)| format!("const {name}: f32 = {number:e};\n"));
    format!("const ALWAYS: u32 = {ALWAYS}u;\nconst PLACES: u32 = {PLACES}u;\n") + &numbers.concat()
}

/// The kernels' WGSL texts by name, complete, for people and validators to read.
pub fn kernels() -> Vec<(String, String)> {
    let all = |blocks: Blocks| {
        Step::ALL.map(|step| (format!("{} {blocks}", step.name()), step.shader(&blocks, Shares::new(false, 64, 1 << 14)).source))
    };
    [Blocks::GPU, Blocks::SMALL, Blocks::SOFTWARE].into_iter().flat_map(all).collect()
}
