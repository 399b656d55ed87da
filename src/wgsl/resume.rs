//! `Resume`: what follows the sums of a stage over tensors, groups and all.

use super::dispatches::{Asked, Dispatches, Over};
use super::tallies::sum_struct;
use super::{Formed, NUMERICS, Resource, Shader, array, shader, structs};
use crate::rule::{AnyRule, Extent, SumField, SumForm};
use crate::step::StepKind;

const RESUME: &str = include_str!("../../shaders/resume.wgsl");

/// For the parameters of the rule of this number.
pub(super) fn dispatches(number: usize, stage: usize) -> Dispatches {
    let kernel = move |asked: &Asked<'_>| {
        let Asked { rule, step_kind, .. } = asked;
        Some((format!("{} resume", rule.name()), resume(*rule, stage, number as u32, asked.invocations(), step_kind)))
    };
    Dispatches::new(Over::Rule(number), kernel)
}

/// The kernel that finishes the sums of a stage over tensors, groups and all, for the parameters of the rule with this number.
pub fn resume(rule: &dyn AnyRule, stage: usize, number: u32, invocations: u32, step_kind: &StepKind) -> Shader {
    let averages = step_kind.averages.len();
    let own = &rule.stages()[stage];
    // Of matrices or of others: what one of them does not use stays 0.
    let sums: Vec<&SumField> = rule.sums().iter().filter(|sum| sum.extent.is_whole() && own.forms(sum.name)).collect();
    let items = rule.counts_items(stage);
    let bindings = vec![
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", true),
        array(Resource::Sums(Formed::Stage(stage)), "sums", "Sum", true),
        array(Resource::Tree(Formed::Stage(stage)), "tree", "u32", false),
    ];
    let parts = [
        structs::entries(),
        structs::entry(averages),
        structs::constants([("INVOCATIONS", invocations), ("RULE", number)]),
        structs::rule(rule, false, structs::loader),
        structs::places(rule, averages),
        structs::store_scalars(rule),
        structs::default_prepare(rule),
        sum_struct(&sums, items),
        format!(
            "fn with_items(sum: Sum, items: f32) -> Sum {{\n    var own = sum;\n{}    return own;\n}}\n",
            if items { "    own.items = items;\n" } else { "" }
        ),
        structs::tree(),
        // Where no sum is over groups or all, nobody adds up those of parameters.
        format!("const IS_SHARED: bool = {};\n", sums.iter().any(|sum| sum.extent != Extent::Tensor)),
        formed(rule, &sums),
        resumed(rule, stage),
    ];
    shader(bindings, &[&parts.concat(), NUMERICS, RESUME], rule.source())
}

/// `formed`, which keeps these sums of a parameter, where later stages find them.
fn formed(rule: &dyn AnyRule, sums: &[&SumField]) -> String {
    let members = structs::whole(rule);
    let value = |sum: &&SumField| {
        let (from, items) = match sum.extent {
            Extent::Tensor => ("own", "elements"),
            Extent::Group => ("of_group", "of_group.items"),
            _ => ("of_all", "of_all.items"),
        };
        let place = members.iter().position(|field| field.name == sum.name).unwrap_or_default();
        let total = format!("saturated(vec4f({from}.{})).x", sum.name);
        let value = if sum.form == SumForm::Mean { format!("quotient({total}, {items})") } else { total };
        format!("    whole.{0} = {value};\n    record[at + {place}u] = bitcast<u32>(whole.{0});\n", sum.name)
    };
    let values: String = sums.iter().map(value).collect();
    format!(
        "fn formed(at: u32, own: Sum, of_group: Sum, of_all: Sum, elements: f32) -> Sums {{\n    var whole = Sums();\n{values}    \
         return whole;\n}}\n"
    )
}

/// `resumed`, which forms the scalars that follow.
fn resumed(rule: &dyn AnyRule, stage: usize) -> String {
    let own = &rule.stages()[stage];
    let body = match own.resumes && !rule.scalar_fields().is_empty() {
        true => format!(
            "    let at = entry.record + SCALARS;\n    store_scalars(at, resume_{}(load_hyper(entry.hyper), load_scalars(at), whole));\n",
            own.name
        ),
        false => String::new(),
    };
    format!("fn resumed(entry: ParamSettings, whole: Sums) {{\n{body}}}\n")
}
