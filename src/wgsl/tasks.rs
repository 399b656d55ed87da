//! The kernels whose dispatches are made with what they work on, outside the program.

use super::{Declaration, NUMERICS, Resource, Shader, array, shader, structs};
use crate::program::{MOVED, ScaleTask};

const COLLECT: &str = include_str!("../../shaders/step/collect.wgsl");
const SCALES_SCHEDULED: &str = include_str!("../../shaders/step/scales_scheduled.wgsl");
const ROW_WALK: &str = include_str!("../../shaders/lib/row_walk.wgsl");
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
