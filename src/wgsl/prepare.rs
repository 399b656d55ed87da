//! `Prepare`: the kernel that decides about a step and forms what depends on step counts.

use super::dispatches::{Asked, Dispatches, Over};
use super::{Declaration, Formed, NUMERICS, Resource, Shader, array, shader, structs};
use crate::rule::AnyRule;
use crate::step::{Average, Clip, StepKind};

const HYPER_RECORDED: &str = include_str!("../../shaders/step/hyper_recorded.wgsl");
const ASSIGNED: &str = include_str!("../../shaders/step/assigned.wgsl");
const ASSIGNED_SCHEDULED: &str = include_str!("../../shaders/step/assigned_scheduled.wgsl");
const DECIDED: &str = include_str!("../../shaders/step/decided.wgsl");
const PREPARE: &str = include_str!("../../shaders/prepare.wgsl");
const AVERAGES: &str = include_str!("../../shaders/step/averages.wgsl");
pub(super) const CLIP: &str = include_str!("../../shaders/step/clip.wgsl");
const FACTOR: &str = include_str!("../../shaders/step/factor.wgsl");
const FACTOR_UNMEASURED: &str = include_str!("../../shaders/step/factor_unmeasured.wgsl");
const DECIDE: &str = include_str!("../../shaders/step/decide.wgsl");
const REDUCE: &str = include_str!("../../shaders/step/reduce.wgsl");
const REDUCE_NOTHING: &str = include_str!("../../shaders/step/reduce_nothing.wgsl");

/// For the parameters of the rule of this number.
pub(super) fn dispatches(number: usize) -> Dispatches {
    let kernel = move |asked: &Asked<'_>| {
        let Asked { rule, step_kind, .. } = asked;
        Some((format!("{} prepare", rule.name()), prepare(*rule, number as u32, asked.invocations(), step_kind)))
    };
    Dispatches::new(Over::Rule(number), kernel)
}

/// The kernel that counts the step of the parameters of one rule and forms its scalars. The first one of a step, `number` 0, also decides
/// what concerns all parameters. It has one workgroup of so many invocations.
pub fn prepare(rule: &dyn AnyRule, number: u32, invocations: u32, step_kind: &StepKind) -> Shader {
    let mut bindings = vec![
        array(Resource::Options, "settings", "u32", false),
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", true),
        Declaration { slot: Resource::Status, name: "status".into(), ty: "Status".into(), written: true },
    ];
    if step_kind.measures {
        bindings.push(array(Resource::Sums(Formed::Gradients), "sums", "Sum", true));
    }
    let decide = if number == 0 { decide(&mut bindings, step_kind) } else { DECIDED.into() };
    // The first one's have not arrived in the record yet; schedules' values are read from there, since several parameters share one.
    let from_record = number > 0 || step_kind.schedules;
    let hyper = if from_record { HYPER_RECORDED.to_owned() } else { structs::assigned_hyper(rule) };
    let numbers = [("RULE", number), ("INVOCATIONS", invocations)];
    let parts = [
        structs::entries(),
        structs::sums(),
        structs::status(),
        structs::settings(step_kind.averages.len()),
        structs::entry(step_kind.averages.len()),
        structs::constants(Clip::KINDS.into_iter().chain(Average::KINDS).chain(numbers)),
        format!("const MAY_SKIP: bool = {};\nconst SCHEDULES: bool = {};\n", step_kind.may_skip, step_kind.schedules),
        super::view::misplaced(step_kind),
        hyper,
        structs::rule(rule, false, structs::loader),
        structs::store_scalars(rule),
        structs::default_prepare(rule),
    ];
    let factor = if step_kind.measures { FACTOR } else { FACTOR_UNMEASURED };
    shader(bindings, &[&parts.concat(), NUMERICS, AVERAGES, CLIP, factor, &decide, PREPARE], rule.source())
}

/// `decide`, with no more bindings than it needs.
fn decide(bindings: &mut Vec<Declaration>, step_kind: &StepKind) -> String {
    bindings.push(array(Resource::Assignments, "assignments", "Assignment", false));
    let reduce = match step_kind.measures {
        true => {
            bindings.push(array(Resource::Tree(Formed::Gradients), "tree", "u32", false));
            structs::tree() + REDUCE
        }
        false => REDUCE_NOTHING.to_owned(),
    };
    let assigned = match step_kind.schedules {
        true => {
            bindings.push(array(Resource::Schedules, "schedules", "u32", false));
            crate::schedule::wgsl() + ASSIGNED_SCHEDULED
        }
        false => ASSIGNED.to_owned(),
    };
    [&structs::assignments(), &*assigned, &reduce, DECIDE].join("\n")
}
