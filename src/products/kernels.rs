//! Composes the kernels of products.

use super::{Blocks, Matrix, Precision, Tile};
use crate::step::StepEntry;
use crate::wgsl::{Declaration, Shader, constants, shader};

pub(super) const TILE: &str = include_str!("../../shaders/products/tile.wgsl");
const ACTIVE: &str = include_str!("../../shaders/products/active.wgsl");
const LANE: &str = include_str!("../../shaders/products/lane.wgsl");
const LOAD: &str = include_str!("../../shaders/products/load.wgsl");
const GRAM: &str = include_str!("../../shaders/products/gram.wgsl");
const SQUARE_LEFT: &str = include_str!("../../shaders/products/square_left.wgsl");
const SQUARE: &str = include_str!("../../shaders/products/square.wgsl");
const SYMMETRIC: &str = include_str!("../../shaders/products/symmetric.wgsl");
const APPLY: &str = include_str!("../../shaders/products/apply.wgsl");
const STORE_X: &str = include_str!("../../shaders/products/store_x.wgsl");
const STORE_LANE: &str = include_str!("../../shaders/products/store_lane.wgsl");
pub(super) const PRODUCT: &str = include_str!("../../shaders/products/product.wgsl");
pub(super) const SHARED: &str = include_str!("../../shaders/products/shared.wgsl");
pub(super) const PLAIN: &str = include_str!("../../shaders/products/plain.wgsl");

/// What kernels bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Which tile each workgroup has.
    Tiles,
    /// The matrices.
    Matrices,
    /// The coefficients of the iteration.
    Coefficients,
    /// The step record.
    Record,
    /// The lanes of the matrices.
    Lane,
    /// X.
    X,
    /// The next X.
    XAfter,
    /// A, where it is read.
    Gram,
    /// B, where it is read.
    Polynomial,
    /// A or B, where it is written.
    Squares,
}

impl Slot {
    fn declared(self, written: bool) -> Declaration<Slot> {
        let (name, element) = match self {
            Slot::Tiles => ("tiles", "Tile"),
            Slot::Matrices => ("matrices", "Matrix"),
            Slot::Coefficients => ("coefficients", "vec4f"),
            Slot::Record => ("record", "u32"),
            Slot::Lane => ("lane", "f32"),
            Slot::X => ("x", "Vector"),
            Slot::XAfter => ("x_after", "Vector"),
            Slot::Gram | Slot::Polynomial => ("factor", "Vector"),
            Slot::Squares => ("squares", "Vector"),
        };
        Declaration { slot: self, name: name.into(), ty: format!("array<{element}>"), written }
    }
}

/// What a dispatch does with all matrices of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Brings them into X.
    Load,
    /// A = X X^T
    Gram,
    /// B = b A + c A A
    Square,
    /// X = a X + B X
    Apply,
    /// The same, back into the lanes.
    Finish,
}

impl Step {
    /// All of them.
    pub const ALL: [Step; 5] = [Step::Load, Step::Gram, Step::Square, Step::Apply, Step::Finish];

    /// The name of the kernel.
    pub fn name(self, precision: Precision) -> &'static str {
        let [in_f32, in_f16] = match self {
            Step::Load => ["products load", "products load in f16"],
            Step::Gram => ["products gram", "products gram in f16"],
            Step::Square => ["products square", "products square in f16"],
            Step::Apply => ["products apply", "products apply in f16"],
            Step::Finish => ["products finish", "products finish in f16"],
        };
        if precision == Precision::F16 { in_f16 } else { in_f32 }
    }

    /// Whether the result is symmetric, so that only tiles on and above the diagonal are formed.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Step::Gram | Step::Square)
    }

    /// What it reads besides tiles, matrices and record, and what it writes.
    fn slots(self) -> (&'static [Slot], Slot) {
        match self {
            Step::Load => (&[Slot::Lane], Slot::XAfter),
            Step::Gram => (&[Slot::X], Slot::Squares),
            Step::Square => (&[Slot::Coefficients, Slot::Gram], Slot::Squares),
            Step::Apply => (&[Slot::Coefficients, Slot::X, Slot::Polynomial], Slot::XAfter),
            Step::Finish => (&[Slot::Coefficients, Slot::X, Slot::Polynomial], Slot::Lane),
        }
    }

    fn text(self, precision: Precision) -> Vec<&'static str> {
        match self {
            Step::Load => vec![LANE, LOAD],
            Step::Gram => vec![GRAM, SYMMETRIC, precision.rest()],
            Step::Square => vec![SQUARE_LEFT, SQUARE, precision.square(), SYMMETRIC, precision.rest()],
            Step::Apply => vec![SQUARE_LEFT, APPLY, precision.apply(), STORE_X],
            Step::Finish => vec![SQUARE_LEFT, APPLY, precision.apply(), LANE, STORE_LANE],
        }
    }

    /// The kernel, divided so, over matrices that are kept so.
    pub fn shader(self, blocks: &Blocks, precision: Precision) -> Shader<Slot> {
        let (read, written) = self.slots();
        let read = [Slot::Tiles, Slot::Matrices, Slot::Record].into_iter().chain(read.iter().copied());
        let bindings = read.map(|slot| slot.declared(false)).chain([written.declared(true)]).collect();
        let own = Matrix::WGSL.to_owned() + Tile::WGSL + &precision.wgsl() + &division(blocks, blocks.invocations());
        let mut parts = vec![own.as_str(), TILE, ACTIVE];
        parts.extend(self.text(precision));
        let (sums, multiplied) = (sums(blocks), multiplied(blocks, self == Step::Gram));
        if self != Step::Load {
            parts.extend([sums.as_str(), multiplied.as_str(), PRODUCT]);
            parts.push(if blocks.depth == 0 { PLAIN } else { SHARED });
        }
        let shader = shader(bindings, &parts, "");
        match precision {
            Precision::F32 => shader,
            Precision::F16 => shader.enabling("f16"),
        }
    }
}

/// What kernels are divided by, of so many invocations, and where an entry of the step record says whether its parameter is active.
pub(super) fn division(blocks: &Blocks, invocations: u32) -> String {
    let active = StepEntry::FIELDS.iter().position(|field| field.name == "is_active").unwrap_or_default();
    constants([
        ("IS_ACTIVE", active as u32),
        ("INVOCATIONS", invocations),
        ("ACROSS", blocks.across()),
        ("ROW_VECTORS", blocks.rows / 4),
        ("COLUMN_VECTORS", blocks.columns / 4),
        ("SLICE_BLOCKS", blocks.depth / 4),
    ])
}

/// Names and texts over the blocks of an invocation, which are `down` one below the other and `across` beside one another.
fn each(count: u32, form: impl Fn(u32) -> String) -> Vec<String> {
    (0..count).map(form).collect()
}

fn structure(name: &str, fields: impl Iterator<Item = (String, &'static str)>) -> String {
    let fields: Vec<String> = fields.map(|(name, wgsl)| format!("{name}: {wgsl}")).collect();
    format!("struct {name} {{ {} }}\n", fields.join(", "))
}

/// `Sums`, four rows for each block; `Left` and `Right`, what is multiplied at one depth; `with_products` and `store_sums`.
pub(super) fn sums(blocks: &Blocks) -> String {
    let (down, across) = (blocks.own_rows / 4, blocks.own_columns / 4);
    let names = || (0..down).flat_map(move |g| (0..4).flat_map(move |row| (0..across).map(move |h| (g, row, h))));
    let products = names().map(|(g, row, h)| {
        let component = ["x", "y", "z", "w"][row as usize];
        format!("sums.s{g}{row}{h} + left.v{g}.{component} * right.v{h}")
    });
    let products: Vec<String> = products.collect();
    let store = |g: u32, h: u32| {
        let rows = each(4, |row| format!("sums.s{g}{row}{h}")).join(", ");
        format!(
            "    store_block(m, tile, tile.row + down + {}u, tile.column + across + {}u, mat4x4f({rows}));\n",
            g * blocks.down(),
            h * blocks.across()
        )
    };
    let stores: String = (0..down).flat_map(|g| (0..across).map(move |h| (g, h))).map(|(g, h)| store(g, h)).collect();
    structure("Sums", names().map(|(g, row, h)| (format!("s{g}{row}{h}"), "vec4f")))
        + &structure("Left", (0..down).map(|g| (format!("v{g}"), "vec4f")))
        + &structure("Right", (0..across).map(|h| (format!("v{h}"), "vec4f")))
        + &format!(
            "fn with_products(sums: Sums, left: Left, right: Right) -> Sums {{\n    return Sums({});\n}}\n\
             fn store_sums(m: Matrix, tile: Tile, sums: Sums, down: u32, across: u32) {{\n{stores}}}\n",
            products.join(", ")
        )
}

/// What `shared.wgsl` or `plain.wgsl` calls with all blocks of an invocation.
pub(super) fn multiplied(blocks: &Blocks, along_depth: bool) -> String {
    let (down, across) = (blocks.own_rows / 4, blocks.own_columns / 4);
    if blocks.depth == 0 {
        let load = |side: &'static str, place: &'static str, stride: u32| {
            move |g: u32| format!("    let {side}{g} = {side}_block(m, slice, {place} + {}u);\n", g * stride)
        };
        let loads = [each(down, load("left", "row", blocks.down())), each(across, load("right", "column", blocks.across()))].concat();
        let multiply = |depth: u32| {
            let left = each(down, |g| format!("vec4f(left{g}[{depth}])")).join(", ");
            let right = each(across, |h| format!("vec4f(right{h}[{depth}])")).join(", ");
            format!("    so_far = with_products(so_far, Left({left}), Right({right}));\n")
        };
        return format!(
            "fn with_blocks(sums: Sums, m: Matrix, slice: u32, row: u32, column: u32) -> Sums {{\n    var so_far = sums;\n{}{}    return so_far;\n}}\n",
            loads.concat(),
            each(4, multiply).concat()
        );
    }
    let turns = (blocks.depth / 4 * (blocks.rows + blocks.columns) / 4).div_ceil(blocks.invocations());
    let number = |turn: u32| format!("invocation + {}u", turn * blocks.invocations());
    let fetch = each(turns, |turn| format!("fetched(m, tile, slice, {})", number(turn))).join(", ");
    let keep = each(turns, |turn| format!("    keep(next.b{turn}, {});\n", number(turn))).concat();
    let left = each(down, |g| format!("left_vector(depth, down + {}u)", g * blocks.down())).join(", ");
    let right = each(across, |h| format!("right_vector(depth, across + {}u)", h * blocks.across())).join(", ");
    structure("Fetched", (0..turns).map(|turn| (format!("b{turn}"), "Block")))
        + &format!("const ALONG_DEPTH: bool = {along_depth};\n")
        + &format!(
            "fn fetched_all(m: Matrix, tile: Tile, slice: u32, invocation: u32) -> Fetched {{\n    return Fetched({fetch});\n}}\n\
             fn keep_all(next: Fetched, invocation: u32) {{\n{keep}}}\n\
             fn left_of(depth: u32, down: u32) -> Left {{\n    return Left({left});\n}}\n\
             fn right_of(depth: u32, across: u32) -> Right {{\n    return Right({right});\n}}\n"
        )
}

/// The kernels' WGSL texts by name, complete, for people and validators to read.
pub fn kernels() -> Vec<(String, String)> {
    let all = |(blocks, precision): (Blocks, Precision)| {
        Step::ALL.map(|step| (format!("{} {blocks}", step.name(precision)), step.shader(&blocks, precision).source))
    };
    Blocks::ALL.into_iter().flat_map(|blocks| Precision::ALL.map(|precision| (blocks, precision))).flat_map(all).collect()
}
