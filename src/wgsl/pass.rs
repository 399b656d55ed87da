//! The kernels that run a rule.

use super::arrays::{Entry, Uses};
use super::structs;
use super::{Declaration, GATHER, NUMERICS, Shader, Slot, array, lane_access, rows, shader, states};
use crate::plan::Kernel;
use crate::rule::AnyRule;
use crate::step::{ACCUMULATED, Average, Features};

const PASS: &str = include_str!("../../shaders/pass.wgsl");
const SWEEP: &str = include_str!("../../shaders/sweep.wgsl");
const CLEAR: &str = include_str!("../../shaders/step/clear.wgsl");
const SCALES: &str = include_str!("../../shaders/step/scales.wgsl");
const FACTORED: &str = include_str!("../../shaders/step/factored.wgsl");
const LIMIT: &str = include_str!("../../shaders/step/limit.wgsl");
const UNIT: &str = include_str!("../../shaders/step/unit.wgsl");
const UNIT_WHOLE: &str = include_str!("../../shaders/step/unit_whole.wgsl");
const MOVED: &str = include_str!("../../shaders/step/moved.wgsl");

/// The kernel for the update of a rule with the states that it uses, for one way of access to values and gradients.
pub fn pass(rule: &dyn AnyRule, kernel: &Kernel, features: &Features) -> Shader {
    let kind = &kernel.kind;
    let uses = Uses {
        loads_values: true,
        stores_values: true,
        loads_gradients: true,
        clears_gradients: features.zero_grad,
        loads_scales: kind.scaled,
        updates: true,
    };
    let mut bindings: Vec<Declaration> = vec![array(Slot::Rows, "rows", "vec4u", false), array(Slot::Record, "record", "vec4u", false)];
    bindings.extend(uses.bindings(kernel));
    if !features.lanes(rule).is_empty() {
        bindings.push(states(kernel, true));
    }
    let mut parts = vec![
        structs::row(),
        structs::entry(features.averages.len()),
        structs::rule(rule, structs::loader_by_four),
        structs::given(features.averages.len()),
        state_access(rule, kernel, features),
        structs::default_prepare(rule),
        idle(features),
        body(rule, &uses, kernel, features),
    ];
    if kind.adaptive {
        parts.push(format!("const UNIT_BRANCH: bool = {};\n", kernel.division.skips_branches));
        parts.push(if kind.whole_units { UNIT_WHOLE } else { UNIT }.into());
    }
    if features.measures {
        parts.push(FACTORED.into());
    }
    if features.clamps {
        parts.push(LIMIT.into());
    }
    if features.measures_update {
        bindings.push(array(Slot::Moved, "moved", "Sum", true));
        parts.push(structs::sums());
        parts.extend([GATHER, MOVED].map(String::from));
    } else {
        parts.push("fn finish(row: Row, invocation: u32) {\n}\n".into());
    }
    shader(bindings, &[&parts.concat(), NUMERICS, &rows(kernel), PASS], rule.source())
}

/// What touches the caller's arrays.
fn body(rule: &dyn AnyRule, uses: &Uses, kernel: &Kernel, features: &Features) -> String {
    let invocation = ("invocation", "u32");
    let sweep = [("row", "Row"), ("given", "Given"), ("h", "Hyper"), ("s", "Scalars"), invocation];
    let mut text = apply(rule, kernel, features) + SWEEP;
    let mut entries = vec![Entry { name: "sweep", parameters: &sweep, result: None }];
    if uses.clears_gradients {
        text += CLEAR;
        entries.push(Entry { name: "clear", parameters: &[("row", "Row"), ("invocation", "u32")], result: None });
    }
    if uses.loads_scales {
        text += SCALES;
    }
    uses.body(kernel, &text, &entries)
}

/// `load_state` and `store_state`: a state that is not in use reads as zero and is not kept.
fn state_access(rule: &dyn AnyRule, kernel: &Kernel, features: &Features) -> String {
    let names = rule.states().iter().map(|state| state.name);
    let store = |name| features.lane(rule, name).map(|lane| store_lane(lane, &format!("state.{name}")));
    let stores: String = names.filter_map(store).collect();
    load_state(rule, features)
        + &format!("fn store_state(row: Row, i: u32, state: State) {{\n{stores}}}\n")
        + &if features.lanes(rule).is_empty() { String::new() } else { lane_access(kernel, true) }
}

/// `load_state`.
pub(super) fn load_state(rule: &dyn AnyRule, features: &Features) -> String {
    let load = |name| features.lane(rule, name).map_or_else(|| "vec4f(0.0)".to_owned(), load_lane);
    let loads = rule.states().iter().map(|state| load(state.name)).collect::<Vec<_>>().join(", ");
    format!("fn load_state(row: Row, i: u32) -> State {{\n    return State({loads});\n}}\n\n")
}

/// Four elements of this lane.
fn load_lane(lane: usize) -> String {
    format!("load_lane(lane_at(row, {lane}u, i), 4u)")
}

/// Keeps four elements in this lane, whose padding is its own.
fn store_lane(lane: usize, x: &str) -> String {
    format!("    store_lane(lane_at(row, {lane}u, i), 4u, {x}, {x});\n")
}

/// `idle`, which rows an update leaves alone: those that take no part, though it clears their gradients if it is just this step that is left out.
fn idle(features: &Features) -> String {
    let mut text = String::from("fn idle(row: Row, given: Given, invocation: u32) -> bool {\n");
    if features.zero_grad {
        text += "    if given.taking_part == LEFT_OUT {\n        clear(row, invocation);\n    }\n";
    }
    if features.measures_update {
        text += "    if given.taking_part == 0u && invocation == 0u {\n        moved[row.partial] = Sum();\n    }\n";
    }
    text + "    return given.taking_part != 1u;\n}\n"
}

/// `apply`, what an update does with four elements.
fn apply(rule: &dyn AnyRule, kernel: &Kernel, features: &Features) -> String {
    let body = update(rule, kernel, features);
    format!(
        "fn apply(h: Hyper, s: Scalars, given: Given, row: Row, i: u32, left: u32, p: ptr<function, vec4f>, \
         state: ptr<function, State>) {{\n{body}}}\n"
    )
}

/// The update with all that comes before and after the rule.
fn update(rule: &dyn AnyRule, kernel: &Kernel, features: &Features) -> String {
    let mut body = String::from("    let before = *p;\n    var gradient = load_gradient(row, i, left);\n");
    body.push_str("    clear_gradient(row, i, left, gradient);\n");
    if let Some(lane) = features.lane(rule, ACCUMULATED) {
        body += &format!("    if given.used != 0u {{\n        gradient += {};\n    }}\n", load_lane(lane));
    }
    body.push_str(match features.measures {
        true if kernel.kind.adaptive => "    gradient = factored(gradient, unit_factors(row, i));\n",
        true => "    gradient = factored(gradient, vec4f(given.factor));\n",
        false => "    gradient *= given.factor;\n",
    });
    if features.clamps {
        body.push_str("    gradient = limited(gradient, given.limit);\n");
    }
    let given = if rule.goes_on() { "gradient" } else { "finite_or_nan(gradient)" };
    body += &format!("    update(h, s, {given}, p, state);\n");
    if kernel.kind.scaled {
        body.push_str("    *p = before + lr_scales(row, i, left) * (*p - before);\n");
    }
    for (index, average) in features.averages.iter().enumerate() {
        let lane = features.lane(rule, average.state()).unwrap_or_default();
        body += &keep(average, index, lane);
    }
    if features.measures_update {
        body.push_str("    measure_update(before, *p, i, left);\n");
    }
    body
}

/// One average's part of an update; in the steps in which it stays it is not touched.
fn keep(average: &Average, index: usize, lane: usize) -> String {
    let (mut start, mut follow) = (String::new(), "");
    if let Average::Lookahead(_) = average {
        start = format!("    if given.step == 1u {{\n    {}    }}\n", store_lane(lane, "before"));
        follow = "        *p = average;\n";
    }
    let weight = format!("given.weight{index}");
    format!(
        "{start}    if {weight} != 0.0 {{\n        let average = moving_average({}, *p, 1.0 - {weight}, {weight});\n    \
         {}{follow}    }}\n",
        load_lane(lane),
        store_lane(lane, "average")
    )
}
