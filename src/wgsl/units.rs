//! `UnitFactors`: the factors of units whose gradients are clipped adaptively.

use super::dispatches::{Asked, Dispatches, Over};
use super::prepare::CLIP;
use super::{Declaration, Formed, NUMERICS, Resource, Shader, array, shader, structs};
use crate::step::{Clip, StepKind};

const UNIT_FACTORS: &str = include_str!("../../shaders/step/unit_factors.wgsl");

pub(super) fn dispatches() -> Dispatches {
    let kernel = |asked: &Asked<'_>| Some(("unit factors".into(), unit_factors(asked.invocations(), asked.step_kind)));
    Dispatches::new(Over::Units, kernel)
}

/// The kernel that forms the factors of units from what was measured of them, of workgroups of so many invocations.
pub fn unit_factors(invocations: u32, step_kind: &StepKind) -> Shader {
    let bindings = vec![
        array(Resource::Options, "settings", "u32", false),
        array(Resource::Parameters, "parameters", "ParamSettings", false),
        array(Resource::Record, "record", "u32", true),
        Declaration { slot: Resource::Status, name: "status".into(), ty: "Status".into(), written: false },
        array(Resource::Sums(Formed::Gradients), "sums", "Sum", false),
        array(Resource::Tree(Formed::Gradients), "tree", "u32", false),
    ];
    let parts = [
        structs::entries(),
        structs::sums(),
        structs::status(),
        structs::settings(step_kind.averages.len()),
        structs::entry(step_kind.averages.len()),
        structs::constants(Clip::KINDS.into_iter().chain([("INVOCATIONS", invocations)])),
        structs::tree_header(),
    ];
    shader(bindings, &[&parts.concat(), NUMERICS, CLIP, UNIT_FACTORS], "")
}
