//! Shaders as text: the rule's own WGSL, joined with declarations generated from its layouts. Module scope is independent of order in
//! WGSL, so joining is all it takes, and no wgpu is needed to read or check the result.

use crate::plan::{Access, Gradients};
use crate::rule::{AnyRule, Field};

const NUMERICS: &str = include_str!("../../shaders/lib/numerics.wgsl");
const PREPARE: &str = include_str!("../../shaders/prepare.wgsl");
const UPDATE: &str = include_str!("../../shaders/update.wgsl");
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
}

/// Bindings as they are declared: slot, name, element type, whether it is written.
type Declaration = (Slot, String, &'static str, bool);

/// The update kernel of a rule with the states that it uses, for one way of access to values and gradients.
pub fn update(rule: &dyn AnyRule, access: Access, gradients: Gradients) -> Shader {
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
    let parts = [ROW, &structs(rule), &state_access(rule, &active), &load("hyper", "Hyper", rule.hyper_fields(), "record")];
    let scalars = load("scalars", "Scalars", rule.scalar_fields(), "record");
    shader(&[&parts.concat(), &scalars, NUMERICS, &accessors, rule.source(), &default_prepare(rule), UPDATE], bindings)
}

/// The kernel that counts the step and forms the scalars of a rule.
pub fn prepare(rule: &dyn AnyRule) -> Shader {
    let bindings = vec![
        (Slot::Settings, "settings".into(), "u32", false),
        (Slot::Entries, "entries".into(), "Entry", false),
        (Slot::Record, "record".into(), "u32", true),
    ];
    let hyper = load("hyper", "Hyper", rule.hyper_fields(), "settings");
    let scalars = store_scalars(rule.scalar_fields());
    shader(&[ENTRY, &structs(rule), &hyper, &scalars, NUMERICS, rule.source(), &default_prepare(rule), PREPARE], bindings)
}

fn shader(parts: &[&str], bindings: Vec<Declaration>) -> Shader {
    let mut source = String::new();
    for (index, (_, name, element, written)) in bindings.iter().enumerate() {
        let access = if *written { "read_write" } else { "read" };
        source += &format!("@group(0) @binding({index}) var<storage, {access}> {name}: array<{element}>;\n");
    }
    for part in parts {
        source.push_str(part);
        source.push('\n');
    }
    let slots = bindings.into_iter().map(|(slot, _, _, written)| (slot, written)).collect();
    Shader { source, slots }
}

fn lane_name(rule: &dyn AnyRule, state: usize) -> String {
    format!("state_{}", rule.states()[state].name)
}

/// The structs `Hyper`, `Scalars` and `State`. WGSL has no empty struct, so one without members gets one that nobody reads.
fn structs(rule: &dyn AnyRule) -> String {
    let members = |fields: &[Field]| match fields {
        [] => "none: u32".to_owned(),
        fields => fields.iter().map(|field| format!("{}: {}", field.name, field.wgsl)).collect::<Vec<_>>().join(", "),
    };
    let state = rule.states().iter().map(|state| format!("{}: vec4f", state.name)).collect::<Vec<_>>().join(", ");
    let (hyper, scalars) = (members(rule.hyper_fields()), members(rule.scalar_fields()));
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

/// `load_NAME`: a struct from consecutive words of `array`.
fn load(name: &str, ty: &str, fields: &[Field], array: &str) -> String {
    let word = |(index, field): (usize, &Field)| match field.wgsl {
        "u32" => format!("{array}[at + {index}u]"),
        wgsl => format!("bitcast<{wgsl}>({array}[at + {index}u])"),
    };
    let words = match fields {
        [] => "0u".to_owned(),
        fields => fields.iter().enumerate().map(word).collect::<Vec<_>>().join(", "),
    };
    format!("fn load_{name}(at: u32) -> {ty} {{\n    return {ty}({words});\n}}\n")
}

fn store_scalars(fields: &[Field]) -> String {
    let word = |(index, field): (usize, &Field)| format!("    record[at + {index}u] = bitcast<u32>(s.{});\n", field.name);
    let words: String = fields.iter().enumerate().map(word).collect();
    format!("fn store_scalars(at: u32, s: Scalars) {{\n{words}}}\n")
}

/// A rule whose formula does not depend on the step count has no `prepare` of its own.
fn default_prepare(rule: &dyn AnyRule) -> String {
    match rule.scalar_fields() {
        [] => "fn prepare(h: Hyper, step: f32) -> Scalars {\n    return Scalars(0u);\n}\n".to_owned(),
        _ => String::new(),
    }
}
