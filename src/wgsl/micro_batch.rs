//! `Accumulate` and `Count`: the kernels of a micro-batch that is not a step's last.

use super::arrays::{Entry, Uses};
use super::dispatches::{Asked, Dispatches, Over};
use super::stage::{INVOCATION, ROW};
use super::view::{misplaced, numbers};
use super::{Declaration, Lanes, Resource, Shader, array, lane_access, rows, shader, states, structs};
use crate::program::{Kernel, Purpose};
use crate::rule::AnyRule;
use crate::step::StepKind;

const ACCUMULATE: &str = include_str!("../../shaders/step/accumulate.wgsl");
const ACCUMULATE_TILE: &str = include_str!("../../shaders/step/accumulate_tile.wgsl");
const ACCUMULATE_ROW: &str = include_str!("../../shaders/step/accumulate_row.wgsl");
const ACCUMULATED_LANE: &str = include_str!("../../shaders/step/accumulated_lane.wgsl");
const COUNT: &str = include_str!("../../shaders/step/count.wgsl");

pub(super) fn dispatches() -> Dispatches {
    let kernel = |Asked { rule, kernel, step_kind }: &Asked<'_>| {
        (step_kind.accumulates && !kernel.kind.listed).then(|| ("accumulate".into(), accumulate(*rule, kernel, step_kind)))
    };
    Dispatches::new(Over::Rows(Purpose::Update), kernel)
}

pub(super) fn dispatches_of_count() -> Dispatches {
    Dispatches::new(Over::All, |asked| Some(("count".into(), count(asked.invocations(), asked.step_kind))))
}

/// The kernel that adds gradients to those accumulated. It binds gradients alone, even where they share a buffer with values. Those of f32 are the first lane, whatever the rule.
pub fn accumulate(rule: &dyn AnyRule, kernel: &Kernel, step_kind: &StepKind) -> Shader {
    let uses = Uses { loads_gradients: true, clears_gradients: step_kind.zero_grad, ..Uses::default() };
    let mut bindings = vec![
        array(Resource::Rows, "rows", "vec4u", false),
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", false),
    ];
    bindings.extend(uses.bindings(kernel));
    bindings.push(states(kernel, true));
    let entry = Entry { name: "accumulate", parameters: &[ROW, ("pending", "u32"), INVOCATION], result: None };
    let body = uses.body(kernel, if kernel.kind.tiled { ACCUMULATE_TILE } else { ACCUMULATE_ROW }, &[entry]);
    let lanes = Lanes::new(rule, kernel, step_kind);
    let formats = uses.formats(&kernel.kind);
    let (step, lanes) = match lanes.accumulated() {
        None => ("", formats.concat() + ACCUMULATED_LANE),
        Some(access) if lanes.rounds_stochastically() => {
            ("    rounding_step = record[row.record + STEP];\n", lanes.text(formats) + &access)
        }
        Some(access) => ("", lanes.text(formats) + &access),
    };
    let begin = format!("fn begin_row(row: Row) {{\n{step}}}\n");
    let own = [structs::entries(), structs::row(), structs::entry(step_kind.averages.len()), numbers(step_kind), lanes, begin];
    let parts = own.concat() + &lane_access(kernel, true) + &body;
    shader(bindings, &[&parts, &rows(kernel), ACCUMULATE], "")
}

/// The kernel that counts a micro-batch, of one workgroup of so many invocations.
pub fn count(invocations: u32, step_kind: &StepKind) -> Shader {
    let bindings = vec![
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", true),
        Declaration { slot: Resource::Status, name: "status".into(), ty: "Status".into(), written: true },
    ];
    let numbers = structs::constants([("INVOCATIONS", invocations)]);
    let parts = [structs::entries(), structs::status(), structs::entry(step_kind.averages.len()), numbers, misplaced(step_kind)].concat();
    shader(bindings, &[&parts, COUNT], "")
}
