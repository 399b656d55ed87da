//! Shaders as text: the rule's own WGSL, joined with declarations generated from its layouts. Module scope is independent of order in
//! WGSL, so joining is all it takes, and no wgpu is needed to read or check the result.

mod apply;
mod arrays;
mod lines;
mod members;
mod pass;
mod prepare;
mod shader;
mod structs;
mod tasks;
mod view;

use crate::program::{Access, Kernel, Pass, Shape};
use crate::rule::AnyRule;
use crate::step::{ACCUMULATED, Features, StepEntry};

pub use lines::{lines, resume};
pub use pass::pass;
pub use prepare::prepare;
pub use shader::{Resource, Shader};
pub use tasks::{accumulate, collect, count, measure, report, rows_changed, rows_scaled, scales};
pub use view::{shown, view};

pub(crate) use shader::{Declaration, shader};
pub(crate) use structs::constants;

use shader::array;

const NUMERICS: &str = include_str!("../../shaders/lib/numerics.wgsl");
const GATHER: &str = include_str!("../../shaders/lib/gather.wgsl");
const ROWS: &str = include_str!("../../shaders/lib/rows.wgsl");
const LOAD_VECTOR: &str = include_str!("../../shaders/access/load_vector.wgsl");
const LOAD_VECTOR64: &str = include_str!("../../shaders/access/load_vector64.wgsl");
const LOAD_SCALAR: &str = include_str!("../../shaders/access/load_scalar.wgsl");
const STORE_VECTOR: &str = include_str!("../../shaders/access/store_vector.wgsl");
const STORE_VECTOR64: &str = include_str!("../../shaders/access/store_vector64.wgsl");
const STORE_SCALAR: &str = include_str!("../../shaders/access/store_scalar.wgsl");

/// Words at the start of the step record: the number of the view that is shown, and room for what is loaded by four.
pub const HEAD: u64 = 4;

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
