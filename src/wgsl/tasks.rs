//! The kernels without a rule.

use super::arrays::{Entry, Uses};
use super::structs;
use super::view::{misplaced, numbers};
use super::{Declaration, GATHER, NUMERICS, Resource, Shader, array, lane_access, rows, shader, states};
use crate::program::{AS_VALUES, AS_ZERO, FRESH, Kernel, MOVED, MoveTask, ScaleTask};
use crate::step::Features;

const MEASURE: &str = include_str!("../../shaders/step/measure.wgsl");
const MEASURE_ROW: &str = include_str!("../../shaders/step/measure_row.wgsl");
const MEASURE_UNITS: &str = include_str!("../../shaders/step/measure_units.wgsl");
const MEASURE_UNIT: &str = include_str!("../../shaders/step/measure_unit.wgsl");
const ACCUMULATE: &str = include_str!("../../shaders/step/accumulate.wgsl");
const ACCUMULATE_TILE: &str = include_str!("../../shaders/step/accumulate_tile.wgsl");
const ACCUMULATE_ROW: &str = include_str!("../../shaders/step/accumulate_row.wgsl");
const COLLECT: &str = include_str!("../../shaders/step/collect.wgsl");
const COUNT: &str = include_str!("../../shaders/step/count.wgsl");
const SCALES_SCHEDULED: &str = include_str!("../../shaders/step/scales_scheduled.wgsl");
const ROW_WALK: &str = include_str!("../../shaders/lib/row_walk.wgsl");
const ROWS_CHANGED: &str = include_str!("../../shaders/rows_changed.wgsl");
const ROWS_SCALED: &str = include_str!("../../shaders/rows_scaled.wgsl");
const REPORT: &str = include_str!("../../shaders/step/report.wgsl");

pub(super) const ROW: (&str, &str) = ("row", "Row");
pub(super) const INVOCATION: (&str, &str) = ("invocation", "u32");

/// The kernel that measures gradients before the update, together with those accumulated if they are in this lane; where there are units, these and
/// their values.
pub fn measure(kernel: &Kernel, accumulated: Option<usize>, averages: usize) -> Shader {
    let units = kernel.kind.adaptive;
    let uses = Uses { loads_gradients: true, loads_values: units, ..Uses::default() };
    let mut bindings = vec![
        array(Resource::Rows, "rows", "vec4u", false),
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Sums, "sums", "Sum", true),
    ];
    bindings.extend(uses.bindings(kernel));
    let mut whole = String::from(
        "fn whole_gradient(row: Row, i: u32, left: u32) -> vec4f {\n    if !look(row, i, left) {\n        return vec4f(0.0);\n    }\n    \
                      let gradient = load_gradient(row, i, left);\n",
    );
    let mut lanes = String::new();
    if let Some(lane) = accumulated {
        // Units that are not made of whole vectors begin between those of the state too.
        let access = if units && !kernel.kind.whole_units { crate::program::Access::Scalar } else { kernel.division.vectors };
        bindings.push(array(Resource::States, "states", super::element(access), false));
        bindings.push(array(Resource::Record, "record", "u32", false));
        lanes = super::load(access, "lane", "states");
        let sum = format!("load_lane(lane_at(row, {lane}u, i), left)");
        whole += &format!("    if record[row.record + PENDING] != 0u {{\n        return kept(vec4f(0.0), gradient + {sum});\n    }}\n");
    }
    whole += "    return kept(vec4f(0.0), gradient);\n}\n";
    let (main, own, entry) = match units {
        true => (
            MEASURE_UNITS,
            MEASURE_UNIT,
            Entry { name: "measured", parameters: &[ROW, ("begin", "u32"), ("end", "u32"), ("stride", "u32")], result: Some("Sum") },
        ),
        false => (MEASURE, MEASURE_ROW, Entry { name: "measured", parameters: &[ROW, INVOCATION], result: Some("Tally") }),
    };
    let teams = format!("const TEAMS: bool = {};\n", kernel.division.invocations > 8);
    let body = uses.body(kernel, &(whole + own), &[entry]);
    let parts = [structs::entries(), structs::row(), structs::sums(), structs::entry(averages), lanes, teams, body].concat();
    shader(bindings, &[&parts, NUMERICS, GATHER, &rows(kernel), main], "")
}

/// The kernel that adds gradients to those accumulated in this lane. It binds gradients alone, even where they share a buffer with values.
pub fn accumulate(kernel: &Kernel, lane: usize, features: &Features) -> Shader {
    let uses = Uses { loads_gradients: true, clears_gradients: features.zero_grad, ..Uses::default() };
    let mut bindings = vec![
        array(Resource::Rows, "rows", "vec4u", false),
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", false),
    ];
    bindings.extend(uses.bindings(kernel));
    bindings.push(states(kernel, true));
    let entry = Entry { name: "accumulate", parameters: &[ROW, ("is_first", "bool"), INVOCATION], result: None };
    let body = uses.body(kernel, if kernel.kind.tiled { ACCUMULATE_TILE } else { ACCUMULATE_ROW }, &[entry]);
    let numbers = structs::constants([("ACCUMULATED", lane as u32)]) + &numbers(features);
    let parts =
        [structs::entries(), structs::row(), structs::entry(features.averages.len()), numbers, lane_access(kernel, true), body].concat();
    shader(bindings, &[&parts, &rows(kernel), ACCUMULATE], "")
}

/// The kernel that counts a micro-batch, of one workgroup of so many invocations.
pub fn count(invocations: u32, features: &Features) -> Shader {
    let bindings = vec![
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", true),
        Declaration { slot: Resource::Status, name: "status".into(), ty: "Status".into(), written: true },
    ];
    let numbers = structs::constants([("INVOCATIONS", invocations)]);
    let parts = [structs::entries(), structs::status(), structs::entry(features.averages.len()), numbers, misplaced(features)].concat();
    shader(bindings, &[&parts, COUNT], "")
}

/// The kernel that puts so many parts of a table of sums one after the other.
pub fn collect(invocations: u32, parts: usize) -> Shader {
    let part = |index: usize| array(Resource::Part(index), format!("part{index}"), "u32", false);
    let mut bindings: Vec<Declaration> = (0..parts).map(part).collect();
    bindings.push(array(Resource::Whole, "whole", "u32", true));
    // Before a part begins, the difference wraps.
    let copy = |index: usize| {
        format!(
            "    if at - begin < arrayLength(&part{index}) {{\n        whole[at] = part{index}[at - begin];\n    }}\n    begin += arrayLength(&part{index});\n"
        )
    };
    let copies: String = (0..parts).map(copy).collect();
    let collect = format!("fn collect(at: u32) {{\n    var begin = 0u;\n{copies}}}\n");
    let numbers = structs::constants([("INVOCATIONS", invocations)]);
    shader(bindings, &[&numbers, &collect, COLLECT], "")
}

/// The kernel that moves the rows of a tensor to their new places, of so many invocations, four numbers at a time or one by one.
pub fn rows_changed(invocations: u32, vectors: bool) -> Shader {
    let element = if vectors { "vec4u" } else { "u32" };
    let bindings = vec![
        Declaration { slot: Resource::Task, name: "task".into(), ty: "MoveTask".into(), written: false },
        array(Resource::RowsBefore, "rows_before", "u32", false),
        array(Resource::Part(0), "before_tensor", element, false),
        array(Resource::Part(1), "values", element, false),
        array(Resource::Whole, "tensor", element, true),
    ];
    let numbers = [("INVOCATIONS", invocations), ("FRESH", FRESH), ("ELEMENTS", MOVED)];
    let begins = [("AS_VALUES", AS_VALUES), ("AS_ZERO", AS_ZERO)];
    let numbers = structs::constants(numbers.into_iter().chain(begins)) + &format!("alias Element = {element};\n");
    shader(bindings, &[&structs::structure("MoveTask", MoveTask::FIELDS), &numbers, ROW_WALK, ROWS_CHANGED], "")
}

/// The kernel that scales a state of some rows, of so many invocations, four numbers at a time or one by one.
pub fn rows_scaled(invocations: u32, vectors: bool) -> Shader {
    let element = if vectors { "vec4f" } else { "f32" };
    let bindings = vec![
        Declaration { slot: Resource::Task, name: "task".into(), ty: "ScaleTask".into(), written: false },
        array(Resource::Part(0), "rows", "u32", false),
        array(Resource::Whole, "tensor", element, true),
    ];
    let numbers = structs::constants([("INVOCATIONS", invocations), ("ELEMENTS", MOVED)]) + &format!("alias Element = {element};\n");
    shader(bindings, &[&structs::structure("ScaleTask", ScaleTask::FIELDS), &numbers, ROW_WALK, ROWS_SCALED], "")
}

/// The kernel that adds up what the rows of the last update measured, of one workgroup of so many invocations.
pub fn report(invocations: u32) -> Shader {
    let bindings = vec![
        array(Resource::Moved, "moved", "Sum", false),
        Declaration { slot: Resource::Status, name: "status".into(), ty: "Status".into(), written: true },
    ];
    let numbers = structs::constants([("INVOCATIONS", invocations)]);
    shader(bindings, &[&structs::status(), &structs::sums(), NUMERICS, &numbers, GATHER, REPORT], "")
}

/// The kernel that writes the scheduled scales of the learning rate, of one workgroup of so many invocations.
pub fn scales(invocations: u32) -> Shader {
    let bindings = vec![
        Declaration { slot: Resource::Status, name: "status".into(), ty: "Status".into(), written: false },
        array(Resource::Scheduled, "scheduled", "vec2u", false),
        array(Resource::Schedules, "schedules", "u32", false),
        array(Resource::Whole, "scales", "f32", true),
    ];
    let numbers = structs::constants([("INVOCATIONS", invocations)]);
    shader(bindings, &[&structs::status(), &numbers, &crate::schedule::wgsl(), NUMERICS, SCALES_SCHEDULED], "")
}
