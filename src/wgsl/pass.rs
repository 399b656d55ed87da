//! The kernels that run a rule.

use super::arrays::{Entry, Uses};
use super::members::Members;
use super::structs;
use super::{Declaration, GATHER, NUMERICS, Resource, Shader, array, element, rows, shader, states};
use crate::program::Kernel;
use crate::rule::AnyRule;
use crate::step::{ACCUMULATED, Average, Features};

const PASS: &str = include_str!("../../shaders/pass.wgsl");
const SWEEP: &str = include_str!("../../shaders/sweep.wgsl");
const SWEEP_LISTED: &str = include_str!("../../shaders/sweep_listed.wgsl");
const SWEEP_TILE: &str = include_str!("../../shaders/sweep_tile.wgsl");
const SWEEP_TILE_ROWS: &str = include_str!("../../shaders/sweep_tile_rows.wgsl");
const CLEAR_TILE: &str = include_str!("../../shaders/step/clear_tile.wgsl");
const CLEAR: &str = include_str!("../../shaders/step/clear.wgsl");
const SCALES: &str = include_str!("../../shaders/step/scales.wgsl");
const FACTORED: &str = include_str!("../../shaders/step/factored.wgsl");
const LIMIT: &str = include_str!("../../shaders/step/limit.wgsl");
const UNIT: &str = include_str!("../../shaders/step/unit.wgsl");
const UNIT_WHOLE: &str = include_str!("../../shaders/step/unit_whole.wgsl");
const ROW_STEPS: &str = include_str!("../../shaders/step/row_steps.wgsl");
const NO_ROW_STEPS: &str = "fn count_rows(row: Row, invocation: u32) {\n}\n";
const MOVED: &str = include_str!("../../shaders/step/moved.wgsl");

/// The kernel for a stage over elements of a rule with the states that it uses, for one way of access to values and gradients; the last one is the update.
pub fn pass(rule: &dyn AnyRule, stage: usize, kernel: &Kernel, features: &Features) -> Shader {
    let members = Members { rule, stage, kernel, features };
    let kind = &kernel.kind;
    let (own, is_last) = (&rule.stages()[stage], stage + 1 == rule.stages().len());
    let clears = features.zero_grad && !kind.listed && Some(stage) == last_to_read_gradients(rule, kind.matrix);
    let uses = Uses {
        loads_values: own.value || is_last,
        stores_values: is_last,
        loads_gradients: own.gradient || clears,
        clears_gradients: clears,
        loads_scales: kind.scaled && is_last,
        updates: is_last || clears,
    };
    let mut bindings: Vec<Declaration> =
        vec![array(Resource::Rows, "rows", "vec4u", false), array(Resource::Record, "record", "vec4u", false)];
    bindings.extend(uses.bindings(kernel));
    if !features.lanes_of_elements(rule, kind.matrix).is_empty() {
        bindings.push(states(kernel, true));
    }
    if members.reads_lines() {
        bindings.push(array(Resource::Lines, "lines", element(members.lines_access()), false));
    }
    if kind.counted && is_last {
        bindings.push(array(Resource::Lines, "lines", "f32", true));
    }
    let mut parts = vec![
        structs::row(),
        structs::entry(features.averages.len()),
        structs::rule(rule, kind.matrix, structs::loader_by_four),
        structs::wide_entry(rule, features.averages.len()),
        structs::step_entry(features.averages.len()),
        members.access(),
        whole_of(&members),
        structs::default_prepare(rule),
        idle(features, clears, is_last),
        body(&members, &uses),
        structs::constants([("AT_ONCE", kernel.division.rows_at_once)]),
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
    if !is_last {
        if !members.whole().is_empty() {
            bindings.push(array(Resource::Sums, "sums", "Sum", true));
            parts.push(GATHER.into());
        }
        if members.forms_lines() {
            bindings.push(array(Resource::Tiles, "tiles", "vec4f", true));
        }
        parts.push(members.tallies());
    } else {
        if kind.tiled {
            parts.push(NO_TALLIES.into());
        }
        if features.measures_update {
            bindings.push(array(Resource::Moved, "moved", "Sum", true));
            parts.push(structs::sums());
            parts.extend([GATHER, MOVED].map(String::from));
        } else {
            parts.push("fn finish(row: Row, invocation: u32) {\n}\n".into());
        }
    }
    shader(bindings, &[&parts.concat(), NUMERICS, &rows(kernel), PASS], rule.source())
}

/// What the update of a tile adds up: nothing.
const NO_TALLIES: &str = "fn add_to_row(n: u32, state: State, left: u32) {\n}\nfn end_turns() {\n}\n\
                          fn end_column(row: Row, v: u32, below: u32) {\n}\n";

/// The stage after which nobody reads gradients: it sets them to zero.
fn last_to_read_gradients(rule: &dyn AnyRule, is_matrix: bool) -> Option<usize> {
    (0..rule.stages().len()).rfind(|&stage| rule.stages()[stage].gradient && rule.runs(stage, is_matrix))
}

/// `whole_of`: the sums over the tensor or more that earlier stages formed.
fn whole_of(members: &Members<'_>) -> String {
    let value = if members.reads_whole() { "load_whole(row.record + SUMS)" } else { "Sums()" };
    format!("fn whole_of(row: Row) -> Sums {{\n    return {value};\n}}\n")
}

/// What touches the caller's arrays.
fn body(members: &Members<'_>, uses: &Uses) -> String {
    let invocation = ("invocation", "u32");
    let sweep = [("row", "Row"), ("own", "StepEntry"), ("h", "Hyper"), ("s", "Scalars"), ("whole", "Sums"), ("tile", "Tile"), invocation];
    let is_tiled = members.kernel.kind.tiled;
    let by_rows = !members.kernel.division.skips_branches && !members.forms_lines();
    let sweep_text = if members.kernel.kind.listed {
        SWEEP_LISTED
    } else if !is_tiled {
        SWEEP
    } else if by_rows {
        SWEEP_TILE_ROWS
    } else {
        SWEEP_TILE
    };
    let at_once = if is_tiled && !by_rows { turns(members.kernel.division.rows_at_once) } else { String::new() };
    let mut text = values(uses) + &apply(members) + &begin_averages(members) + &at_once + sweep_text;
    text += if members.kernel.kind.counted { ROW_STEPS } else { NO_ROW_STEPS };
    let mut entries = vec![Entry { name: "sweep", parameters: &sweep, result: None }];
    if uses.clears_gradients {
        text += if is_tiled { CLEAR_TILE } else { CLEAR };
        entries.push(Entry { name: "clear", parameters: &[("row", "Row"), ("invocation", "u32")], result: None });
    }
    if uses.loads_scales {
        text += SCALES;
    }
    uses.body(members.kernel, &text, &entries)
}

/// `turn` and `turns`, which go through one row, and through so many: all loads come first, so that they are under way together.
fn turns(at_once: u32) -> String {
    let function = |name: &str, count: u32| {
        let each = |form: &dyn Fn(u32) -> String| (0..count).map(form).collect::<String>();
        let load = |j: u32| {
            format!(
                "    let k{j} = k + {j}u * below;\n    let i{j} = k{j} * row.columns + 4u * v;\n    let before{j} = value_of(row, i{j}, left);\n    \
                 var p{j} = before{j};\n    var state{j} = load_state(row, tile, rows_of(tile, k{j}), columns, whole, i{j}, left);\n"
            )
        };
        let apply = |j: u32| format!("    apply(h, s, own, row, i{j}, left, &p{j}, &state{j});\n");
        let store = |j: u32| {
            format!(
                "    store_state(row, i{j}, left, state{j});\n    store_p(row, i{j}, left, p{j}, before{j});\n    \
                 add_to_row(k{j} * vectors + v, state{j}, left);\n"
            )
        };
        format!(
            "fn {name}(row: Row, own: StepEntry, h: Hyper, s: Scalars, whole: Sums, tile: Tile, columns: Columns, vectors: u32, v: u32, left: u32, \
             k: u32, below: u32) {{\n{}{}{}}}\n",
            each(&load),
            each(&apply),
            each(&store)
        )
    };
    function("turn", 1) + &function("turns_at_once", at_once)
}

/// `value_of` and `store_p`: a stage that does not read values is given zeros, and only the last one stores them.
fn values(uses: &Uses) -> String {
    let load = if uses.loads_values { "load_value(row, i, left)" } else { "vec4f(0.0)" };
    let store = if uses.stores_values { "    store_value(row, i, left, p, before);\n" } else { "" };
    format!(
        "fn value_of(row: Row, i: u32, left: u32) -> vec4f {{\n    return {load};\n}}\n\
         fn store_p(row: Row, i: u32, left: u32, p: vec4f, before: vec4f) {{\n{store}}}\n"
    )
}

/// `idle`, which rows a stage leaves alone: those that are not active, though the stage that clears gradients does so if it is just this step that is skipped.
fn idle(features: &Features, clears: bool, is_last: bool) -> String {
    let mut text = String::from("fn idle(row: Row, own: StepEntry, invocation: u32) -> bool {\n");
    if clears {
        text += "    if own.is_active == SKIPPED {\n        clear(row, invocation);\n    }\n";
    }
    if features.measures_update && is_last {
        text += "    if own.is_active == 0u && invocation == 0u {\n        moved[row.partial] = Sum();\n    }\n";
    }
    text + "    return own.is_active != 1u;\n}\n"
}

/// `apply`, what a stage does with four elements.
fn apply(members: &Members<'_>) -> String {
    let is_last = members.stage + 1 == members.rule.stages().len();
    let body = gradient(members) + &if is_last { update(members) } else { earlier(members) };
    format!(
        "fn apply(h: Hyper, s: Scalars, own: StepEntry, row: Row, i: u32, left: u32, p: ptr<function, vec4f>, \
         state: ptr<function, State>) {{\n{body}}}\n"
    )
}

/// The gradient that rules see: unscaled, accumulated and clipped.
fn gradient(members: &Members<'_>) -> String {
    let Members { rule, kernel, features, .. } = members;
    if !rule.stages()[members.stage].gradient {
        return "    let gradient = vec4f(0.0);\n".into();
    }
    let mut body = String::from("    var gradient = load_gradient(row, i, left);\n    clear_gradient(row, i, left, gradient);\n");
    if let Some(lane) = features.lane(*rule, kernel.kind.matrix, ACCUMULATED) {
        body += &format!("    if own.used != 0u {{\n        gradient += {};\n    }}\n", members.load_lane(lane));
    }
    body.push_str(match features.measures {
        true if kernel.kind.adaptive => "    gradient = factored(gradient, unit_factors(row, i));\n",
        true => "    gradient = factored(gradient, vec4f(own.factor));\n",
        false => "    gradient *= own.factor;\n",
    });
    if features.clamps {
        body.push_str("    gradient = limited(gradient, own.limit);\n");
    }
    body
}

/// The gradient as a rule takes it.
fn given(members: &Members<'_>) -> &'static str {
    let reads = members.rule.stages()[members.stage].gradient;
    if reads && !members.rule.goes_on() { "finite_or_nan(gradient)" } else { "gradient" }
}

/// A stage before the last.
fn earlier(members: &Members<'_>) -> String {
    format!("    {}(h, s, {}, p, state);\n    add(*state, left);\n", members.rule.stages()[members.stage].name, given(members))
}

/// The update with all that comes before and after the rule.
fn update(members: &Members<'_>) -> String {
    let Members { rule, kernel, features, .. } = members;
    let mut body = String::from("    let before = *p;\n");
    body += &ruled(members);
    if kernel.kind.scaled || features.measures_update {
        body.push_str("    *p = rounded(*p, own.step);\n");
    }
    if kernel.kind.scaled {
        body.push_str("    *p = scaled(before, *p, lr_scales(row, i, left));\n");
    }
    body.push_str("    *p = kept(before, *p);\n");
    for (index, average) in features.averages.iter().enumerate() {
        let lane = features.lane(*rule, kernel.kind.matrix, average.state()).unwrap_or_default();
        body += &keep(members, average, index, lane);
    }
    if features.measures_update {
        body.push_str("    measure_update(kept(vec4f(0.0), before), kept(vec4f(0.0), *p), i, left);\n");
    }
    body
}

/// The rule's own part; states of rows that are not seen stay. Where rows count their own steps, each has the scalars of its own.
fn ruled(members: &Members<'_>) -> String {
    let kind = &members.kernel.kind;
    let states = members.rule.states().iter().filter(|state| members.rule.uses_for(state.name, kind.matrix));
    let each = |form: &dyn Fn(&str) -> String| states.clone().map(|state| form(state.name)).collect::<String>();
    let update = |scalars: &str, p: &str, state: &str| format!("update(h, {scalars}, {}, {p}, {state});\n", given(members));
    if !kind.masked {
        return format!("    {}", update("s", "p", "state"));
    }
    if !kind.counted || kind.whole_rows {
        let own = "prepare(h, step_of(row, rows_at(row, i, left).x), s)";
        let kept = each(&|name| format!("    state.{name} = kept(last_state.{name}, state.{name});\n"));
        let scalars = if kind.counted { own } else { "s" };
        return format!("    let last_state = *state;\n    {}{kept}", update(scalars, "p", "state"));
    }
    let kept = each(&|name| format!("            state.{name} = select(state.{name}, t.{name}, own_row);\n"));
    format!(
        "    let last_state = *state;\n    let rows = rows_at(row, i, left);\n    for (var at = rows.x; at <= rows.w; at++) {{\n        \
         let own_row = seen & (rows == vec4u(at));\n        if any(own_row) {{\n            var q = before;\n            \
         var t = last_state;\n            {}            *p = select(*p, q, own_row);\n{kept}        }}\n    }}\n",
        update("prepare(h, step_of(row, at), s)", "&q", "&t")
    )
}

/// `begin_averages`, for elements of which none is seen: averages begin with their values all the same.
fn begin_averages(members: &Members<'_>) -> String {
    let Members { rule, kernel, features, .. } = members;
    let is_update = members.stage + 1 == rule.stages().len();
    let begin = |(index, average): (usize, &Average)| {
        let begins = match average {
            Average::Lookahead(_) => "own.step == 1u".to_owned(),
            _ => format!("own.{} == 1.0", structs::WEIGHTS[index]),
        };
        let lane = features.lane(*rule, kernel.kind.matrix, average.state()).unwrap_or_default();
        format!("    if {begins} {{\n    {}    }}\n", members.store_lane(lane, "value_of(row, i, left)"))
    };
    let begin: String = match kernel.kind.masked && is_update {
        true => features.averages.iter().enumerate().map(begin).collect(),
        false => String::new(),
    };
    format!("fn begin_averages(own: StepEntry, row: Row, i: u32, left: u32) {{\n{begin}}}\n")
}

/// One average's part of an update; in the steps in which it stays it is not touched.
fn keep(members: &Members<'_>, average: &Average, index: usize, lane: usize) -> String {
    let (mut start, mut follow) = (String::new(), "");
    if let Average::Lookahead(_) = average {
        start = format!("    if own.step == 1u {{\n    {}    }}\n", members.store_lane(lane, "before"));
        follow = "        *p = kept(*p, average);\n";
    }
    let weight = format!("own.{}", structs::WEIGHTS[index]);
    // An average that begins does so for rows that are not seen too.
    format!(
        "{start}    if {weight} != 0.0 {{\n        let last = {};\n        \
         let average = kept_or({weight} == 1.0, last, moving_average(last, *p, 1.0 - {weight}, {weight}));\n    \
         {}{follow}    }}\n",
        members.load_lane(lane),
        members.store_lane(lane, "average")
    )
}
