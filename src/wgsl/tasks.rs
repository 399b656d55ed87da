//! The kernels whose dispatches are made with what they work on, outside the program.

use super::{Declaration, NUMERICS, Resource, Shader, array, shader, structs};
use crate::program::{AS_VALUES, AS_ZERO, Access, Division, FRESH, MOVED, MoveTask, ScaleTask};

const COLLECT: &str = include_str!("../../shaders/step/collect.wgsl");
const SCALES_SCHEDULED: &str = include_str!("../../shaders/step/scales_scheduled.wgsl");
const ROW_WALK: &str = include_str!("../../shaders/lib/row_walk.wgsl");
const ROWS_CHANGED: &str = include_str!("../../shaders/rows_changed.wgsl");
const ROWS_CHANGED_ONE: &str = include_str!("../../shaders/rows_changed_one.wgsl");
const ROWS_CHANGED_RUN: &str = include_str!("../../shaders/rows_changed_run.wgsl");
const ROWS_SCALED: &str = include_str!("../../shaders/rows_scaled.wgsl");

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

/// The kernel that moves the rows of a tensor to their new places, in elements of four numbers or of one.
pub fn rows_changed(division: Division, vectors: bool) -> Shader {
    let element = match (vectors, division.vectors) {
        (false, _) => "u32",
        (true, Access::Vector64) => "vec2<u64>",
        (true, _) => "vec4u",
    };
    let bindings = vec![
        Declaration { slot: Resource::Task, name: "task".into(), ty: "MoveTask".into(), written: false },
        array(Resource::RowsBefore, "rows_before", "u32", false),
        array(Resource::Part(0), "before_tensor", element, false),
        array(Resource::Part(1), "values", element, false),
        array(Resource::Whole, "tensor", element, true),
    ];
    let visit = if division.moves_runs { ROWS_CHANGED_RUN } else { ROWS_CHANGED_ONE };
    let numbers = [("INVOCATIONS", division.invocations), ("FRESH", FRESH), ("ELEMENTS", MOVED)];
    let begins = [("AS_VALUES", AS_VALUES), ("AS_ZERO", AS_ZERO)];
    let numbers = structs::constants(numbers.into_iter().chain(begins)) + &format!("alias Element = {element};\n");
    shader(bindings, &[MoveTask::WGSL, &numbers, ROW_WALK, ROWS_CHANGED, visit], "")
}

/// The kernel that scales a state of some rows, of so many invocations, four numbers at a time or one by one.
pub fn rows_scaled(invocations: u32, vectors: bool) -> Shader {
    let element = if vectors { "vec4f" } else { "f32" };
    let bindings = vec![
        Declaration { slot: Resource::Task, name: "task".into(), ty: "ScaleTask".into(), written: false },
        array(Resource::Part(0), "rows", "u32", false),
        array(Resource::Whole, "tensor", element, true),
    ];
    let numbers =
        structs::constants([("INVOCATIONS", invocations), ("ELEMENTS", MOVED), ("RUN", 1)]) + &format!("alias Element = {element};\n");
    shader(bindings, &[ScaleTask::WGSL, &numbers, ROW_WALK, ROWS_SCALED], "")
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
