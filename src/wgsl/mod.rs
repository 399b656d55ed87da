//! Shaders as text: the rule's own WGSL, joined with declarations generated from its layouts. Module scope is independent of order in
//! WGSL, so joining is all it takes, and no wgpu is needed to read or check the result.

mod apply;
mod arrays;
mod lines;
mod members;
mod pass;
mod prepare;
mod structs;
mod tasks;
mod view;

use core::ops::Range;

use crate::program::{Access, Kernel, Pass, Shape};
use crate::rule::AnyRule;
use crate::step::{ACCUMULATED, Features, StepEntry};

pub use lines::{lines, resume};
pub use pass::pass;
pub use prepare::prepare;
pub use tasks::{accumulate, collect, count, measure, report, rows_changed, rows_scaled, scales};
pub use view::{shown, view};

const NUMERICS: &str = include_str!("../../shaders/lib/numerics.wgsl");
const GATHER: &str = include_str!("../../shaders/lib/gather.wgsl");
const ROWS: &str = include_str!("../../shaders/lib/rows.wgsl");
const LOAD_VECTOR: &str = include_str!("../../shaders/access/load_vector.wgsl");
const LOAD_VECTOR64: &str = include_str!("../../shaders/access/load_vector64.wgsl");
const LOAD_SCALAR: &str = include_str!("../../shaders/access/load_scalar.wgsl");
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

/// What a shader binds. Its number is its place in [`Shader::slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Options and clips, as the host set them.
    Options,
    /// The parameters.
    Parameters,
    /// How each word of the hyper-parameters is set.
    Assignments,
    /// The schedules.
    Schedules,
    /// What steps have in common.
    Status,
    /// The step record.
    Record,
    /// The sums of rows, parameters and groups.
    Sums,
    /// How they are formed.
    Tree,
    /// The bucket's workgroups, and further on all versions of the table of parameters.
    Rows,
    /// One of the arrays that the kernel binds of the caller's buffers.
    Array(usize),
    /// All lanes of the state.
    States,
    /// The numbers of rows, columns and slices.
    Lines,
    /// The sums over the rows and columns of tiles.
    Tiles,
    /// The work of a stage over rows or columns.
    Work,
    /// What rows measure of the update.
    Moved,
    /// A part of a table.
    Part(usize),
    /// The table.
    Whole,
    /// Which numbers schedules set, and where these begin.
    Scheduled,
    /// A view that is asked for.
    Wish,
    /// For each row, the row that it was.
    RowsBefore,
    /// What is to be moved.
    Task,
}

/// A complete shader with entry point `main`, and what it binds in group 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shader {
    /// The WGSL text.
    pub source: String,
    /// What each binding is, in order, and whether it is written.
    pub slots: Vec<(Resource, bool)>,
    /// The bytes of the text that are the rule's own.
    pub own: Range<usize>,
}

/// The kernel of a pass, and its name: of this rule, over rows of this kind, or of one workgroup of so many invocations. Without them, an empty shader.
pub(crate) fn shader_of(
    pass: Pass,
    rule: Option<&dyn AnyRule>,
    over: Option<&Kernel>,
    invocations: u32,
    features: &Features,
) -> (String, Shader) {
    // Accumulated gradients are the first lane, whatever the rule.
    let accumulated = |rule| features.lane(rule, false, ACCUMULATED);
    match (pass, rule, over) {
        (Pass::Prepare(number), Some(rule), _) => (format!("{} prepare", rule.name()), prepare(rule, number as u32, invocations, features)),
        (Pass::Update, Some(rule), Some(over)) => {
            (format!("{} update", rule.name()), self::pass(rule, rule.stages().len() - 1, over, features))
        }
        (Pass::Stage(stage), Some(rule), Some(over)) => {
            (format!("{} {}", rule.name(), rule.stages()[stage].name), self::pass(rule, stage, over, features))
        }
        (Pass::Show, Some(rule), Some(over)) => (format!("{} view", rule.name()), shown(rule, over, features)),
        (Pass::Measure, Some(rule), Some(over)) => ("measure".into(), measure(over, accumulated(rule), features.averages.len())),
        (Pass::Accumulate, Some(rule), Some(over)) => {
            ("accumulate".into(), accumulate(over, accumulated(rule).unwrap_or_default(), features))
        }
        (Pass::Lines(stage), Some(rule), Some(over)) => {
            (format!("{} {}", rule.name(), rule.stages()[stage].name), lines::lines(rule, stage, over.kind.matrix, invocations, features))
        }
        (Pass::Resume { rule: number, stage }, Some(rule), _) => {
            (format!("{} resume", rule.name()), lines::resume(rule, stage, number as u32, invocations, features))
        }
        (Pass::Count, ..) => ("count".into(), count(invocations, features)),
        (Pass::Decide(_), ..) => ("view".into(), view(invocations, features)),
        (Pass::Report, ..) => ("report".into(), report(invocations)),
        _ => (String::new(), shader(Vec::new(), &[], "")),
    }
}

/// One binding: what it is, its name and type in WGSL, whether it is written.
#[derive(Clone, Debug)]
struct Declaration {
    slot: Resource,
    name: String,
    ty: String,
    written: bool,
}

/// A binding of an array of these.
fn array(slot: Resource, name: impl Into<String>, element: &str, written: bool) -> Declaration {
    Declaration { slot, name: name.into(), ty: format!("array<{element}>"), written }
}

fn shader(bindings: Vec<Declaration>, ours: &[&str], own: &str) -> Shader {
    let mut source = String::new();
    for (index, Declaration { name, ty, written, .. }) in bindings.iter().enumerate() {
        let access = if *written { "read_write" } else { "read" };
        source += &format!("@group(0) @binding({index}) var<storage, {access}> {name}: {ty};\n");
    }
    for part in ours {
        source.push_str(part);
        source.push('\n');
    }
    let start = source.len();
    source.push_str(own);
    let slots = bindings.into_iter().map(|binding| (binding.slot, binding.written)).collect();
    Shader { own: start..source.len(), source, slots }
}

/// The entry point of kernels that go through rows.
fn rows(kernel: &Kernel) -> String {
    structs::constants([("INVOCATIONS", kernel.division.invocations)]) + ROWS
}

/// The binding of the state, which begins and ends where vectors do.
fn states(kernel: &Kernel, written: bool) -> Declaration {
    array(Resource::States, "states", element(lanes(kernel)), written)
}

/// How lanes are accessed: element by element, where rows of tiles begin or end between vectors.
fn lanes(kernel: &Kernel) -> Access {
    if kernel.kind.uneven { Access::Scalar } else { kernel.division.vectors }
}

/// `load_lane` and `store_lane`, of a lane's elements from `at` on.
fn lane_access(kernel: &Kernel, written: bool) -> String {
    let access = lanes(kernel);
    let (load, store) = (load(access, "lane", "states"), store(access, "lane", "states"));
    if written { load + &store } else { load }
}

/// The element type of an array.
fn element(access: Access) -> &'static str {
    match access {
        Access::Vector => "vec4f",
        Access::Vector64 => "vec2<u64>",
        Access::Scalar => "f32",
    }
}

/// `load_NAME`, from the binding `array`.
fn load(access: Access, name: &str, array: &str) -> String {
    let text = match access {
        Access::Vector => LOAD_VECTOR,
        Access::Vector64 => LOAD_VECTOR64,
        Access::Scalar => LOAD_SCALAR,
    };
    accessor(text, name, array)
}

/// `store_NAME`, to the binding `array`.
fn store(access: Access, name: &str, array: &str) -> String {
    let text = match access {
        Access::Vector => STORE_VECTOR,
        Access::Vector64 => STORE_VECTOR64,
        Access::Scalar => STORE_SCALAR,
    };
    accessor(text, name, array)
}

fn accessor(text: &str, name: &str, array: &str) -> String {
    text.replace("_tensor(", &format!("_{name}(")).replace("tensors[", &format!("{array}["))
}
