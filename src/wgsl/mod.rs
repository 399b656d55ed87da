//! Shaders as text: the rule's own WGSL, joined with declarations generated from its layouts. Module scope is independent of order in
//! WGSL, so joining is all it takes, and no wgpu is needed to read or check the result.

use core::ops::Range;

use crate::plan::{Access, Gradients};
use crate::rule::{AnyRule, Field, Pass};

const NUMERICS: &str = include_str!("../../shaders/lib/numerics.wgsl");
const PREPARE: &str = include_str!("../../shaders/prepare.wgsl");
const PASS: &str = include_str!("../../shaders/pass.wgsl");
const VECTOR: &str = include_str!("../../shaders/access/vector.wgsl");
const SCALAR: &str = include_str!("../../shaders/access/scalar.wgsl");

const ROW: &str = "struct Row { value: u32, gradient: u32, state: u32, count: u32, hyper: u32, record: u32 }\n";
const ENTRY: &str = "struct Entry { record: u32, hyper: u32, taking_part: u32 }\n";

/// What a shader binds. Its number is its place in [`Shader::slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The hyper-parameters of all groups, as the host set them.
    Settings,
    /// The parameters that a `prepare` is for.
    Entries,
    /// The step record.
    Record,
    /// The bucket's workgroups.
    Rows,
    /// The values, and the gradients where they share a buffer.
    Values,
    /// The gradients.
    Gradients,
    /// A state tensor in use, counted among those in use.
    Lane(usize),
}

/// A complete shader with entry point `main`, and what it binds in group 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shader {
    /// The WGSL text.
    pub source: String,
    /// What each binding is, in order, and whether it is written.
    pub slots: Vec<(Slot, bool)>,
    /// The bytes of the text that are the rule's own.
    pub own: Range<usize>,
}

/// Bindings as they are declared: slot, name, element type, whether it is written.
type Declaration = (Slot, String, &'static str, bool);

/// The kernel for one pass of a rule with the states that it uses, for one way of access to values and gradients.
pub fn pass(rule: &dyn AnyRule, pass: Pass, access: Access, gradients: Gradients) -> Shader {
    let (element, accessors) = match access {
        Access::Vector => ("vec4f", VECTOR),
        Access::Scalar => ("f32", SCALAR),
    };
    let mut bindings: Vec<Declaration> = vec![
        (Slot::Rows, "rows".into(), "Row", false),
        (Slot::Record, "record".into(), "u32", false),
        (Slot::Values, "values".into(), element, true),
    ];
    let accessors = match gradients {
        Gradients::Shared => accessors.replace("gradients[", "values["),
        Gradients::Apart | Gradients::Far => {
            bindings.push((Slot::Gradients, "gradients".into(), element, gradients == Gradients::Far));
            accessors.to_owned()
        }
    };
    let active = rule.active_states();
    for (lane, &state) in active.iter().enumerate() {
        bindings.push((Slot::Lane(lane), lane_name(rule, state), "vec4f", true));
    }
    let parts = [ROW, &structs(rule), &state_access(rule, &active), &load_hyper(rule, "record"), &load_scalars(rule)];
    let ours = [&parts.concat(), NUMERICS, &accessors, &default_prepare(rule), &apply(pass), PASS];
    shader(&ours, rule.source(), bindings)
}

/// The kernel that counts the step and forms the scalars of a rule.
pub fn prepare(rule: &dyn AnyRule) -> Shader {
    let bindings = vec![
        (Slot::Settings, "settings".into(), "u32", false),
        (Slot::Entries, "entries".into(), "Entry", false),
        (Slot::Record, "record".into(), "u32", true),
    ];
    let parts = [ENTRY, &structs(rule), &load_hyper(rule, "settings"), &load_scalars(rule), &store_scalars(rule)];
    shader(&[&parts.concat(), NUMERICS, &default_prepare(rule), PREPARE], rule.source(), bindings)
}

fn shader(ours: &[&str], own: &str, bindings: Vec<Declaration>) -> Shader {
    let mut source = String::new();
    for (index, (_, name, element, written)) in bindings.iter().enumerate() {
        let access = if *written { "read_write" } else { "read" };
        source += &format!("@group(0) @binding({index}) var<storage, {access}> {name}: array<{element}>;\n");
    }
    for part in ours {
        source.push_str(part);
        source.push('\n');
    }
    let start = source.len();
    source.push_str(own);
    let slots = bindings.into_iter().map(|(slot, _, _, written)| (slot, written)).collect();
    Shader { own: start..source.len(), source, slots }
}

fn lane_name(rule: &dyn AnyRule, state: usize) -> String {
    format!("state_{}", rule.states()[state].name)
}

/// `apply`, what a pass does with an element, and `idle`, which parameters it leaves alone: an update those that take no part, a view those
/// that have not been updated yet.
fn apply(pass: Pass) -> String {
    let (call, idle) = match pass {
        Pass::Update => ("update(h, s, gradient, p, state)", "record[at + 1u] == 0u"),
        Pass::Evaluate => ("evaluate(h, s, p, state)", "record[at] == 0u"),
        Pass::Train => ("train(h, s, p, state)", "record[at] == 0u"),
    };
    format!(
        "fn apply(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {{\n    {call};\n}}\n\n\
         fn idle(at: u32) -> bool {{\n    return {idle};\n}}\n"
    )
}

/// The structs `Hyper`, `Scalars` and `State`. WGSL has no empty struct, so one without members gets one that nobody reads.
fn structs(rule: &dyn AnyRule) -> String {
    let hyper: Vec<String> = rule.hyper_fields().iter().map(|field| format!("{}: {}", field.name, field.wgsl)).collect();
    let scalars: Vec<String> = rule.scalar_fields().iter().map(|name| format!("{name}: f32")).collect();
    let scalars = if scalars.is_empty() { "none: u32".to_owned() } else { scalars.join(", ") };
    let state: Vec<String> = rule.states().iter().map(|state| format!("{}: vec4f", state.name)).collect();
    let (hyper, state) = (hyper.join(", "), state.join(", "));
    format!("struct Hyper {{ {hyper} }}\nstruct Scalars {{ {scalars} }}\nstruct State {{ {state} }}\n")
}

/// `load_state` and `store_state`: a state that is not in use reads as zero and is not kept.
fn state_access(rule: &dyn AnyRule, active: &[usize]) -> String {
    let load = |state: usize| match active.contains(&state) {
        true => format!("{}[at / 4u]", lane_name(rule, state)),
        false => "vec4f(0.0)".to_owned(),
    };
    let store = |&state: &usize| format!("    {}[at / 4u] = state.{};\n", lane_name(rule, state), rule.states()[state].name);
    let loads = (0..rule.states().len()).map(load).collect::<Vec<_>>().join(", ");
    let stores: String = active.iter().map(store).collect();
    format!("fn load_state(at: u32) -> State {{\n    return State({loads});\n}}\n\nfn store_state(at: u32, state: State) {{\n{stores}}}\n")
}

/// `load_hyper`, from consecutive words of `array`.
fn load_hyper(rule: &dyn AnyRule, array: &str) -> String {
    let word = |(index, field): (usize, &Field)| match field.wgsl {
        "u32" => format!("{array}[at + {index}u]"),
        wgsl => format!("bitcast<{wgsl}>({array}[at + {index}u])"),
    };
    let words: Vec<String> = rule.hyper_fields().iter().enumerate().map(word).collect();
    format!("fn load_hyper(at: u32) -> Hyper {{\n    return Hyper({});\n}}\n\n", words.join(", "))
}

/// `load_scalars`, from consecutive words of the step record.
fn load_scalars(rule: &dyn AnyRule) -> String {
    let words: Vec<String> = (0..rule.scalar_fields().len()).map(|index| format!("bitcast<f32>(record[at + {index}u])")).collect();
    let words = if words.is_empty() { "0u".to_owned() } else { words.join(", ") };
    format!("fn load_scalars(at: u32) -> Scalars {{\n    return Scalars({words});\n}}\n\n")
}

fn store_scalars(rule: &dyn AnyRule) -> String {
    let word = |(index, name): (usize, &&str)| format!("    record[at + {index}u] = bitcast<u32>(s.{name});\n");
    let words: String = rule.scalar_fields().iter().enumerate().map(word).collect();
    format!("fn store_scalars(at: u32, s: Scalars) {{\n{words}}}\n")
}

/// A rule whose formula does not depend on the step count has no `prepare` of its own.
fn default_prepare(rule: &dyn AnyRule) -> String {
    match rule.scalar_fields() {
        [] => "fn prepare(h: Hyper, step: f32, last: Scalars) -> Scalars {\n    return Scalars(0u);\n}\n".to_owned(),
        _ => String::new(),
    }
}
