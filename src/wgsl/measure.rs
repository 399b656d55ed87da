//! `Measure` and `Report`: the squares of each gradient are added up, chunk by chunk, and what updates measured of themselves.

use super::arrays::{Entry, Uses};
use super::dispatches::{Asked, Dispatches, Over};
use super::stage::{INVOCATION, ROW};
use super::{Declaration, Formed, GATHER, Lanes, NUMERICS, Resource, Shader, array, element, load, rows, shader, structs};
use crate::program::{Access, Kernel, Purpose};
use crate::rule::AnyRule;
use crate::step::StepKind;

const MEASURE: &str = include_str!("../../shaders/step/measure.wgsl");
const MEASURE_ROW: &str = include_str!("../../shaders/step/measure_row.wgsl");
const MEASURE_UNITS: &str = include_str!("../../shaders/step/measure_units.wgsl");
const MEASURE_UNIT: &str = include_str!("../../shaders/step/measure_unit.wgsl");
const WHOLE_GRADIENT: &str = include_str!("../../shaders/step/whole_gradient.wgsl");
const WITH_ACCUMULATED: &str = include_str!("../../shaders/step/with_accumulated.wgsl");
const LOAD_ACCUMULATED: &str =
    "fn load_accumulated(row: Row, i: u32, left: u32) -> vec4f {\n    return load_lane(lane_at(row, 0u, i), left);\n}\n";
const WITHOUT_ACCUMULATED: &str = include_str!("../../shaders/step/without_accumulated.wgsl");
const REPORT: &str = include_str!("../../shaders/step/report.wgsl");

pub(super) fn dispatches() -> Dispatches {
    let kernel = |Asked { rule, kernel, step_kind }: &Asked<'_>| Some(("measure".into(), measure(*rule, kernel, step_kind)));
    Dispatches::new(Over::Rows(Purpose::Measure), kernel).collecting(Formed::Gradients)
}

/// Only when a report is asked for.
pub(super) fn dispatches_of_report() -> Dispatches {
    Dispatches::new(Over::All, |asked| Some(("report".into(), report(asked.invocations())))).collecting(Formed::Update)
}

/// The kernel that measures gradients before the update, together with those accumulated; where there are units, these and
/// their values. Accumulated gradients of f32 are the first lane, whatever the rule.
pub fn measure(rule: &dyn AnyRule, kernel: &Kernel, step_kind: &StepKind) -> Shader {
    let units = kernel.kind.adaptive;
    let uses = Uses { loads_gradients: true, loads_values: units, ..Uses::default() };
    let mut bindings = vec![
        array(Resource::Rows, "rows", "vec4u", false),
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Sums(Formed::Gradients), "sums", "Sum", true),
    ];
    bindings.extend(uses.bindings(kernel));
    let (mut lanes, mut formats) = (WITHOUT_ACCUMULATED.to_owned(), uses.formats(&kernel.kind));
    if step_kind.accumulates && !kernel.kind.listed {
        // Units that are not made of whole vectors begin between those of the state too.
        let access = if units && !kernel.kind.whole_units { Access::Scalar } else { kernel.division.vectors };
        let packed = Lanes::new(rule, kernel, step_kind).accumulated_by_elements(&mut formats);
        bindings.push(array(Resource::States, "states", if packed.is_some() { "u32" } else { element(access) }, false));
        bindings.push(array(Resource::Record, "record", "u32", false));
        lanes = packed.unwrap_or_else(|| load(access, "lane", "states") + LOAD_ACCUMULATED) + WITH_ACCUMULATED;
    }
    let (main, own, entry) = match units {
        true => (
            MEASURE_UNITS,
            MEASURE_UNIT,
            Entry { name: "measured", parameters: &[ROW, ("begin", "u32"), ("end", "u32"), ("stride", "u32")], result: Some("Sum") },
        ),
        false => (MEASURE, MEASURE_ROW, Entry { name: "measured", parameters: &[ROW, INVOCATION], result: Some("Tally") }),
    };
    let teams = format!("const TEAMS: bool = {};\n", kernel.division.invocations > 8);
    let body = uses.body(kernel, &(WHOLE_GRADIENT.to_owned() + own), &[entry]);
    let entry = structs::entry(step_kind.averages.len());
    let parts = [structs::entries(), structs::row(), structs::sums(), entry, lanes, teams, formats.concat(), body].concat();
    shader(bindings, &[&parts, NUMERICS, GATHER, &rows(kernel), main], "")
}

/// The kernel that adds up what the rows of the last update measured, of one workgroup of so many invocations.
pub fn report(invocations: u32) -> Shader {
    let bindings = vec![
        array(Resource::Sums(Formed::Update), "moved", "Sum", false),
        Declaration { slot: Resource::Status, name: "status".into(), ty: "Status".into(), written: true },
    ];
    let numbers = structs::constants([("INVOCATIONS", invocations)]);
    shader(bindings, &[&structs::status(), &structs::sums(), NUMERICS, &numbers, GATHER, REPORT], "")
}
