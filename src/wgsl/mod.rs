//! Shaders as text: the rule's own WGSL, joined with declarations generated from its layouts. Module scope is independent of order in
//! WGSL, so joining is all it takes, and no wgpu is needed to read or check the result.

mod apply;
mod arrays;
mod averages;
mod copies;
mod dispatches;
mod halves;
mod lanes;
mod lines;
mod measure;
mod members;
mod micro_batch;
mod moves;
mod numbered;
mod prepare;
mod resume;
mod shader;
mod stage;
mod structs;
mod tallies;
mod tasks;
mod units;
mod view;

use crate::program::{Access, Kernel, Shape};
use crate::rule::AnyRule;
use crate::step::StepEntry;

pub use averages::averaged;
pub use copies::copied;
pub use lines::lines;
pub use measure::{measure, report};
pub use micro_batch::{accumulate, count};
pub use moves::{Moved, rows_changed};
pub use prepare::prepare;
pub use resume::resume;
pub use shader::{Formed, Resource, Shader};
pub use stage::stage;
pub use tasks::{collect, rows_scaled, scales};
pub use units::unit_factors;
pub use view::{shown, view};

pub(crate) use dispatches::{Asked, Dispatches, Over, dispatches};
pub(crate) use halves::{halves_of_pairs, halves_of_words};
pub(crate) use shader::{Declaration, shader};
pub(crate) use structs::constants;

use lanes::{Lanes, lane_access, states};
use shader::array;

pub(crate) const NUMERICS: &str = include_str!("../../shaders/lib/numerics.wgsl");
const GATHER: &str = include_str!("../../shaders/lib/gather.wgsl");
const ROWS: &str = include_str!("../../shaders/lib/rows.wgsl");
const LOAD_VECTOR: &str = include_str!("../../shaders/access/load_vector.wgsl");
const LOAD_VECTOR64: &str = include_str!("../../shaders/access/load_vector64.wgsl");
const LOAD_SCALAR: &str = include_str!("../../shaders/access/load_scalar.wgsl");
const LOAD_WORD: &str = include_str!("../../shaders/access/load_word.wgsl");
const LOAD_PAIR: &str = include_str!("../../shaders/access/load_pair.wgsl");
const STORE_WORD: &str = include_str!("../../shaders/access/store_word.wgsl");
const STORE_PAIR: &str = include_str!("../../shaders/access/store_pair.wgsl");
const STORE_VECTOR: &str = include_str!("../../shaders/access/store_vector.wgsl");
const STORE_VECTOR64: &str = include_str!("../../shaders/access/store_vector64.wgsl");
const STORE_SCALAR: &str = include_str!("../../shaders/access/store_scalar.wgsl");

/// Words at the start of the step record: the number of the view that is shown; [`ORDER`]; [`REPLACED`], to be copied from; and room for what is loaded by four.
pub const HEAD: u64 = 4;

/// The word of the step record that says whether steps may be recorded with it: 0, [`AWAITED`] or [`REPLACED`].
pub const ORDER: u64 = 1;

/// The number of a step record that has not been given what the one before it holds.
pub const AWAITED: u32 = 1;

/// The number of a step record that has been copied to another, and where that number is.
pub const REPLACED: u32 = 2;

/// Where a rule's scalars are in the entry of a parameter with so many averages, in words: what is loaded by four begins at a multiple of four.
pub fn scalars_at(averages: usize) -> usize {
    (StepEntry::FIELDS.len() + averages).next_multiple_of(4)
}

/// Where the sums that a rule forms over a parameter, a group or all are in the entry of a parameter, in words.
pub fn sums_at(rule: &dyn AnyRule, averages: usize) -> usize {
    (scalars_at(averages) + rule.scalar_fields().len()).next_multiple_of(4)
}

/// Where the shape of a parameter is in its entry, in words, if it is worked on tile by tile.
pub fn shape_at(rule: &dyn AnyRule, averages: usize) -> usize {
    (sums_at(rule, averages) + rule.sums().iter().filter(|sum| sum.extent.is_whole()).count()).next_multiple_of(4)
}

/// Words of a parameter's entry.
pub fn entry_words(rule: &dyn AnyRule, averages: usize, is_tiled: bool) -> usize {
    shape_at(rule, averages) + if is_tiled { Shape::FIELDS.len() } else { 0 }
}

/// The entry point of kernels that go through rows.
fn rows(kernel: &Kernel) -> String {
    let skips = format!("const SKIPS_BRANCHES: bool = {};\n", kernel.division.skips_branches);
    structs::constants([("INVOCATIONS", kernel.division.invocations)]) + &skips + ROWS
}

/// The element type of an array.
fn element(access: Access) -> &'static str {
    match access {
        Access::Vector => "vec4f",
        Access::Vector64 => "vec2<u64>",
        Access::Word => "u32",
        Access::Pair => "vec2u",
        Access::Scalar => "f32",
    }
}

/// `load_NAME`, from the binding `array`.
fn load(access: Access, name: &str, array: &str) -> String {
    let text = match access {
        Access::Vector => LOAD_VECTOR,
        Access::Vector64 => LOAD_VECTOR64,
        Access::Word => LOAD_WORD,
        Access::Pair => LOAD_PAIR,
        Access::Scalar => LOAD_SCALAR,
    };
    accessor(text, name, array)
}

/// `store_NAME`, to the binding `array`.
fn store(access: Access, name: &str, array: &str) -> String {
    let text = match access {
        Access::Vector => STORE_VECTOR,
        Access::Vector64 => STORE_VECTOR64,
        Access::Word => STORE_WORD,
        Access::Pair => STORE_PAIR,
        Access::Scalar => STORE_SCALAR,
    };
    accessor(text, name, array)
}

fn accessor(text: &str, name: &str, array: &str) -> String {
    text.replace("_tensor(", &format!("_{name}(")).replace("tensors[", &format!("{array}["))
}
