//! The kernels without a rule.

use super::structs;
use super::{Declaration, GATHER, NUMERICS, Shader, Slot, array, clear, element, lane_access, load, of_state, rows, shader, states, store};
use crate::plan::Kernel;

const MEASURE: &str = include_str!("../../shaders/step/measure.wgsl");
const MEASURE_UNITS: &str = include_str!("../../shaders/step/measure_units.wgsl");
const ACCUMULATE: &str = include_str!("../../shaders/step/accumulate.wgsl");
const COUNT: &str = include_str!("../../shaders/step/count.wgsl");
const REPORT: &str = include_str!("../../shaders/step/report.wgsl");
const SWAP: &str = include_str!("../../shaders/step/swap.wgsl");

/// The kernel that measures gradients before the update, together with those accumulated if they are in this lane; where there are units, these and
/// their values.
pub fn measure(kernel: &Kernel, accumulated: Option<usize>, averages: usize) -> Shader {
    let &Kernel { access, adaptive: units, .. } = kernel;
    let element = element(access);
    let mut bindings = vec![
        array(Slot::Rows, "rows", "vec4u", false),
        array(Slot::Entries, "entries", "Entry", false),
        array(Slot::Gradients, "gradients", element, false),
        array(Slot::Sums, "sums", "Sum", true),
    ];
    let mut accessors = load(access, "gradient", "gradients");
    if units {
        bindings.push(array(Slot::Values, "values", element, false));
        accessors += &load(access, "value", "values");
    }
    let mut whole = String::from(
        "fn whole_gradient(row: Row, i: u32, left: u32) -> vec4f {\n    let gradient = load_gradient(row.gradient + i, left);\n",
    );
    if let Some(lane) = accumulated {
        // Where values and gradients are not made of whole vectors, units begin between those of the state too.
        let state = if units { access } else { of_state(access) };
        bindings.push(array(Slot::States, "states", super::element(state), false));
        bindings.push(array(Slot::Record, "record", "u32", false));
        accessors += &load(state, "lane", "states");
        let sum = format!("load_lane(lane_at(row, {lane}u, i), left)");
        whole += &format!("    if record[row.record + PENDING] != 0u {{\n        return gradient + {sum};\n    }}\n");
    }
    whole += "    return gradient;\n}\n";
    let parts = [structs::entries(), structs::row(), structs::sums(), structs::entry(averages), whole, accessors].concat();
    let main = if units { MEASURE_UNITS } else { MEASURE };
    shader(bindings, &[&parts, NUMERICS, GATHER, &rows(kernel), main], "")
}

/// The kernel that adds gradients to those accumulated in this lane. It binds gradients alone, even where they share a buffer with values.
pub fn accumulate(kernel: &Kernel, lane: usize, clears: bool, averages: usize) -> Shader {
    let access = kernel.access;
    let element = element(access);
    let bindings = vec![
        array(Slot::Rows, "rows", "vec4u", false),
        array(Slot::Entries, "entries", "Entry", false),
        array(Slot::Record, "record", "u32", false),
        array(Slot::Gradients, "gradients", element, clears),
        states(access, true),
    ];
    let accessors = load(access, "gradient", "gradients") + &clear(access, clears, "gradients") + &lane_access(access, true);
    let numbers = structs::constants([("ACCUMULATED", lane as u32)]);
    let parts = [structs::entries(), structs::row(), structs::entry(averages), numbers, accessors].concat();
    shader(bindings, &[&parts, &rows(kernel), ACCUMULATE], "")
}

/// The kernel that counts a micro-batch.
pub fn count(averages: usize) -> Shader {
    let bindings = vec![
        array(Slot::Entries, "entries", "Entry", false),
        array(Slot::Record, "record", "u32", true),
        Declaration { slot: Slot::Status, name: "status", ty: "Status".into(), written: true },
    ];
    let parts = [structs::entries(), structs::status(), structs::entry(averages)].concat();
    shader(bindings, &[&parts, COUNT], "")
}

/// The kernel that exchanges values with the average in this lane, for the parameters that have taken `first` steps.
pub fn swap(kernel: &Kernel, lane: usize, first: u32, averages: usize) -> Shader {
    let access = kernel.access;
    let element = element(access);
    let bindings = vec![
        array(Slot::Rows, "rows", "vec4u", false),
        array(Slot::Record, "record", "u32", false),
        array(Slot::Values, "values", element, true),
        states(access, true),
    ];
    let numbers = structs::constants([("LANE", lane as u32), ("FIRST", first)]);
    let accessors = load(access, "value", "values") + &store(access, "value", "values") + &lane_access(access, true);
    let parts = [structs::row(), structs::entry(averages), numbers, accessors].concat();
    shader(bindings, &[&parts, &rows(kernel), SWAP], "")
}

/// The kernel that adds up what the rows of the last update measured.
pub fn report() -> Shader {
    let bindings = vec![
        array(Slot::Moved, "moved", "Sum", false),
        Declaration { slot: Slot::Status, name: "status", ty: "Status".into(), written: true },
    ];
    shader(bindings, &[&structs::status(), &structs::sums(), NUMERICS, GATHER, REPORT], "")
}
