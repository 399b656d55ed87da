//! `apply`, what a stage does with four elements: the gradient as rules see it, the rule, and around an update scales, averages and what is measured.

use super::members::Members;
use super::structs;
use crate::step::{ACCUMULATED, Average, MASTER};

/// `apply`, what a stage does with four elements.
pub(super) fn apply(members: &Members<'_>) -> String {
    let is_last = members.stage + 1 == members.rule.stages().len();
    let cleared = if reads_gradient(members) { "    clear_gradient(row, i, left, raw_gradient);\n" } else { "" };
    let rest = if is_last { update(members) } else { earlier(members) };
    format!(
        "fn apply(h: Hyper, s: Scalars, own: StepEntry, row: Row, i: u32, left: u32, p: ptr<function, vec4f>, \
         state: ptr<function, State>) {{\n{}{cleared}{rest}}}\n",
        gradient(members)
    )
}

fn reads_gradient(members: &Members<'_>) -> bool {
    members.rule.stages()[members.stage].gradient
}

/// The gradient that rules see: unscaled, accumulated and clipped.
fn gradient(members: &Members<'_>) -> String {
    let Members { kernel, step_kind, .. } = members;
    if !reads_gradient(members) {
        return "    let gradient = vec4f(0.0);\n".into();
    }
    let mut body = String::from("    let raw_gradient = load_gradient(row, i, left);\n    var gradient = raw_gradient;\n");
    if let Some(lane) = members.lane(ACCUMULATED) {
        body += &format!("    if own.used != 0u {{\n        gradient += {};\n    }}\n", members.load_lane(lane));
    }
    body.push_str(match step_kind.measures {
        true if kernel.kind.adaptive => "    gradient = factored(gradient, unit_factors(row, i));\n",
        true => "    gradient = factored(gradient, vec4f(own.factor));\n",
        false => "    gradient *= own.factor;\n",
    });
    if step_kind.clamps {
        body.push_str("    gradient = limited(gradient, own.limit);\n");
    }
    body
}

/// The gradient as a rule takes it.
fn given(members: &Members<'_>) -> &'static str {
    if reads_gradient(members) && !members.rule.goes_on() { "finite_or_nan(gradient)" } else { "gradient" }
}

/// A stage before the last.
fn earlier(members: &Members<'_>) -> String {
    staged(members) + &format!("    add(*state, {});\n", members.whole_left())
}

/// The rule's own part of it.
fn staged(members: &Members<'_>) -> String {
    format!("    {}(h, s, {}, p, state);\n", members.rule.stages()[members.stage].name, given(members))
}

/// The update with all that comes before and after the rule.
fn update(members: &Members<'_>) -> String {
    let Members { kernel, step_kind, .. } = members;
    let mut body = String::from("    let before = *p;\n");
    body += &ruled(members);
    if kernel.kind.scaled || step_kind.measures_update {
        body.push_str("    *p = rounded(*p, own.step);\n");
    }
    if kernel.kind.scaled {
        body.push_str("    *p = scaled(before, *p, lr_scales(row, i, left));\n");
    }
    body.push_str("    *p = kept(before, *p);\n");
    body += &averages(members);
    // What is measured are the values as they are stored; master values are stored as they are.
    if let Some(packed) = kernel.kind.values.packed().filter(|_| step_kind.measures_update && !kernel.kind.mastered) {
        let name = packed.name();
        body += &format!("    *p = decoded_{name}(encoded_{name}(*p, row.salt, own.step, row.element + i));\n");
    }
    if kernel.kind.copied {
        body.push_str("    store_copy(row, own.step, i, left, *p);\n");
    }
    if step_kind.measures_update {
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

/// `begin_averages`, for elements of which none is seen: averages begin with their values all the same, and so do master values.
pub(super) fn begin_averages(members: &Members<'_>) -> String {
    let Members { rule, kernel, step_kind, .. } = members;
    let is_update = members.stage + 1 == rule.stages().len();
    let begin = |(index, average): (usize, &Average)| {
        let begins = match average {
            Average::Lookahead(_) => "own.step == 1u".to_owned(),
            _ => format!("own.{} == 1.0", structs::WEIGHTS[index]),
        };
        let lane = members.lane(average.state()).unwrap_or_default();
        format!("    if {begins} {{\n    {}    }}\n", members.store_lane(lane, "value_of(row, i, left)"))
    };
    let master = members.lane(MASTER).map(|lane| members.store_lane(lane, "value_of(row, i, left)"));
    let master = master.map(|store| format!("    if own.step == 1u {{\n    {store}    }}\n"));
    let begin: String = match kernel.kind.masked && is_update {
        true => master.into_iter().chain(step_kind.averages.iter().enumerate().map(begin)).collect(),
        false => String::new(),
    };
    format!("fn begin_averages(own: StepEntry, row: Row, i: u32, left: u32) {{\n{begin}}}\n")
}

/// What becomes of all averages, and of the values where these follow one.
pub(super) fn averages(members: &Members<'_>) -> String {
    let each = |(index, average): (usize, &Average)| keep(members, average, index, members.lane(average.state()).unwrap_or_default());
    members.step_kind.averages.iter().enumerate().map(each).collect()
}

/// One average's part of an update; in the steps in which it stays it is not touched.
fn keep(members: &Members<'_>, average: &Average, index: usize, lane: usize) -> String {
    let (mut start, mut follow, mut last) = (String::new(), "", members.load_lane(lane));
    if let Average::Lookahead(_) = average {
        start = format!("    if own.step == 1u {{\n    {}    }}\n", members.store_lane(lane, "before"));
        follow = "        *p = kept(*p, average);\n";
        // What was stored may be rounded.
        last = format!("select({last}, before, own.step == 1u)");
    }
    let weight = format!("own.{}", structs::WEIGHTS[index]);
    // An average that begins does so for rows that are not seen too.
    format!(
        "{start}    if {weight} != 0.0 {{\n        let last = {last};\n        \
         let average = kept_or({weight} == 1.0, last, moving_average(last, *p, 1.0 - {weight}, {weight}));\n    \
         {}{follow}    }}\n",
        members.store_lane(lane, "average")
    )
}
