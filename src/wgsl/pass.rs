use super::structs;
use super::{Declaration, GATHER, NUMERICS, ROWS, Shader, Slot, array, clear, element, load, shader, store};
use crate::plan::{Gradients, Kernel};
use crate::rule::{AnyRule, Pass};
use crate::step::{ACCUMULATED, Average, Features};

const PASS: &str = include_str!("../../shaders/pass.wgsl");
const SCALES: &str = include_str!("../../shaders/step/scales.wgsl");
const LIMIT: &str = include_str!("../../shaders/step/limit.wgsl");
const UNIT: &str = include_str!("../../shaders/step/unit.wgsl");
const MOVED: &str = include_str!("../../shaders/step/moved.wgsl");

/// The kernel for one pass of a rule with the states that it uses, for one way of access to values and gradients.
pub fn pass(rule: &dyn AnyRule, pass: Pass, kernel: &Kernel, features: &Features) -> Shader {
    let updates = pass == Pass::Update;
    let clears = updates && features.zero_grad;
    let element = element(kernel.access);
    let mut bindings: Vec<Declaration> = vec![
        array(Slot::Rows, "rows", "Row", false),
        array(Slot::Record, "record", "u32", false),
        array(Slot::Values, "values", element, true),
    ];
    let gradients = match kernel.gradients {
        Gradients::Shared => "values",
        Gradients::Apart | Gradients::Far => {
            bindings.push(array(Slot::Gradients, "gradients", element, clears || kernel.gradients == Gradients::Far));
            "gradients"
        }
    };
    if !features.lanes(rule).is_empty() {
        bindings.push(array(Slot::States, "states", "vec4f", true));
    }
    let mut parts = vec![
        structs::row(),
        structs::entry(features.averages.len()),
        structs::rule(rule),
        state_access(rule, features),
        structs::default_prepare(rule),
        idle(pass, features),
        apply(rule, pass, kernel, features),
        load(kernel.access, "value", "values"),
        load(kernel.access, "gradient", gradients),
        store(kernel.access, "value", "values"),
        clear(kernel.access, clears, gradients),
    ];
    if updates && kernel.scaled {
        bindings.push(array(Slot::Scales, "scales", "f32", false));
        parts.push(SCALES.into());
    }
    if updates && kernel.adaptive {
        parts.push(UNIT.into());
    }
    if updates && features.clamps {
        parts.push(LIMIT.into());
    }
    if updates && features.measures_update {
        bindings.push(array(Slot::Moved, "moved", "Sum", true));
        parts.push(structs::sums());
        parts.extend([GATHER, MOVED].map(String::from));
    } else {
        parts.push("fn finish(row: Row, invocation: u32) {\n}\n".into());
    }
    shader(bindings, &[&parts.concat(), NUMERICS, ROWS, PASS], rule.source())
}

/// `load_state` and `store_state`: a state that is not in use reads as zero and is not kept.
fn state_access(rule: &dyn AnyRule, features: &Features) -> String {
    let names = || rule.states().iter().map(|state| state.name);
    let lane = |name: &str| features.lane(rule, name).map(|lane| format!("states[lane_at(row, {lane}u, i)]"));
    let load = |name| lane(name).unwrap_or_else(|| "vec4f(0.0)".to_owned());
    let store = |name| lane(name).map(|lane| format!("    {lane} = state.{name};\n"));
    let loads = names().map(load).collect::<Vec<_>>().join(", ");
    let stores: String = names().filter_map(store).collect();
    format!(
        "fn load_state(row: Row, i: u32) -> State {{\n    return State({loads});\n}}\n\n\
         fn store_state(row: Row, i: u32, state: State) {{\n{stores}}}\n"
    )
}

/// `idle`, which rows a pass leaves alone: an update those that take no part, though it clears their gradients if it is just this step that is
/// left out; a view those that have not been updated yet.
fn idle(pass: Pass, features: &Features) -> String {
    if pass != Pass::Update {
        return "fn idle(row: Row, invocation: u32) -> bool {\n    return record[row.record + STEP] == 0u;\n}\n".into();
    }
    let mut text = String::from("fn idle(row: Row, invocation: u32) -> bool {\n    let taking_part = record[row.record + ACTIVE];\n");
    if features.zero_grad {
        text += "    if taking_part == LEFT_OUT {\n        let own = span(row, invocation);\n        \
                 for (var i = own.begin; i < own.end; i += TURN) {\n            \
                 let at = row.gradient + i;\n            \
                 clear_gradient(at, row.count - i, load_gradient(at, row.count - i));\n        }\n    }\n";
    }
    if features.measures_update {
        text += "    if taking_part == 0u && invocation == 0u {\n        moved[row.partial] = Sum();\n    }\n";
    }
    text + "    return taking_part != 1u;\n}\n"
}

/// `apply`, what a pass does with four elements, and `Given`, what it is given by the step record besides the rule's: once for a row.
fn apply(rule: &dyn AnyRule, pass: Pass, kernel: &Kernel, features: &Features) -> String {
    let (given, body) = match pass {
        Pass::Evaluate => (given(&Features::default()), "    evaluate(h, s, p, state);\n".into()),
        Pass::Train => (given(&Features::default()), "    train(h, s, p, state);\n".into()),
        Pass::Update => (given(features), update(rule, kernel, features)),
    };
    format!(
        "{given}fn apply(h: Hyper, s: Scalars, given: Given, row: Row, i: u32, left: u32, p: ptr<function, vec4f>, \
         state: ptr<function, State>) {{\n{body}}}\n"
    )
}

fn given(features: &Features) -> String {
    let mut words = vec![("f32", "factor".to_owned(), "FACTOR".to_owned()), ("u32", "step".to_owned(), "STEP".to_owned())];
    words.extend(features.accumulates.then(|| ("u32", "used".into(), "USED".into())));
    words.extend(features.clamps.then(|| ("u32", "limit".into(), "LIMIT".into())));
    words.extend((0..features.averages.len()).map(|index| ("f32", format!("weight{index}"), format!("WEIGHTS + {index}u"))));
    let members: Vec<String> = words.iter().map(|(ty, name, _)| format!("{name}: {ty}")).collect();
    let values: Vec<String> = words.iter().map(|(ty, _, word)| format!("bitcast<{ty}>(record[at + {word}])")).collect();
    let (members, values) = (members.join(", "), values.join(", "));
    format!("struct Given {{ {members} }}\n\nfn load_given(at: u32) -> Given {{\n    return Given({values});\n}}\n\n")
}

/// The update with all that comes before and after the rule.
fn update(rule: &dyn AnyRule, kernel: &Kernel, features: &Features) -> String {
    let mut body = String::from("    let before = *p;\n    var gradient = load_gradient(row.gradient + i, left);\n");
    body.push_str("    clear_gradient(row.gradient + i, left, gradient);\n");
    if let Some(lane) = features.lane(rule, ACCUMULATED) {
        body += &format!("    if given.used != 0u {{\n        gradient += states[lane_at(row, {lane}u, i)];\n    }}\n");
    }
    body.push_str("    gradient *= given.factor;\n");
    if kernel.adaptive {
        body.push_str("    gradient *= unit_factors(row, i);\n");
    }
    if features.clamps {
        body.push_str("    gradient = limited(gradient, given.limit);\n");
    }
    body.push_str("    update(h, s, gradient, p, state);\n");
    if kernel.scaled {
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
    let at = format!("states[lane_at(row, {lane}u, i)]");
    let (mut start, mut follow) = (String::new(), "");
    if let Average::Lookahead(_) = average {
        start = format!("    if given.step == 1u {{\n        {at} = before;\n    }}\n");
        follow = "        *p = average;\n";
    }
    let weight = format!("given.weight{index}");
    format!(
        "{start}    if {weight} != 0.0 {{\n        let average = moving_average({at}, *p, 1.0 - {weight}, {weight});\n        \
         {at} = average;\n{follow}    }}\n"
    )
}
