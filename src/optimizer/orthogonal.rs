//! The matrices that stages of rules orthogonalize: in which rounds, and where each lies.

use super::Parameter;
use crate::error::{Error, Result};
use crate::gpu::{Dispatch, Engine};
use crate::products::{Blocks, Matrix, Precision, Products, Round};
use crate::program::{Limits, Pass, Segment, Window};
use crate::rule::AnyRule;
use crate::step::{Config, StepKind};

/// The dispatches of each pass that orthogonalizes.
pub(super) fn passes(engine: &Engine, config: &Config, parameters: &[Parameter]) -> Result<Vec<(Pass, Vec<Vec<Dispatch>>)>> {
    let stages = engine.record.rules().iter().map(|rule| rule.stages().len()).max().unwrap_or_default();
    let mut passes = Vec::new();
    for stage in 0..stages {
        let rounds = rounds(stage, config, parameters, &engine.limits);
        if !rounds.is_empty() {
            passes.push((Pass::Orthogonalize(stage), dispatches(engine, &rounds)?));
        }
    }
    Ok(passes)
}

fn dispatches(engine: &Engine, rounds: &[Round]) -> Result<Vec<Vec<Dispatch>>> {
    let Engine { device, limits, sets, pages, record, pipelines, .. } = engine;
    // One division for all: that of those that take the most memory.
    let precision = Precision::of(rounds.iter().all(|round| round.precision == Precision::F16));
    let memory = device.limits().max_compute_workgroup_storage_size;
    let blocks = Blocks::of(!limits.division.skips_branches, limits.workgroup, memory, precision);
    let lanes = |set: usize| {
        let window = Window { buffer: set, offset: 0, size: sets.pages[set] };
        pages.resource(window).unwrap_or_else(|| record.buffer.as_entire_binding())
    };
    Ok(Products::new(pipelines, rounds, blocks, &record.buffer, lanes)?.into_dispatches())
}

/// The state that a stage of a rule orthogonalizes.
fn orthogonalized(rule: &dyn AnyRule, stage: usize) -> Option<&'static str> {
    rule.stages().get(stage)?.orthogonalizes
}

/// All matrices for a stage of this number: those with as many iterations, in one precision, together, as long as they fit in a binding.
fn rounds(stage: usize, config: &Config, parameters: &[Parameter], limits: &Limits) -> Vec<Round> {
    let (step_kind, mut rounds) = (config.step_kind(), Vec::<Round>::new());
    for parameter in parameters.iter().filter(|parameter| parameter.elements > 0) {
        let rule = &*config.groups[parameter.member.group].rule;
        let Some(first) = orthogonalized(rule, stage).and_then(|name| first(parameter, rule, &step_kind, name)) else { continue };
        let (height, width) = (parameter.extents.height(), parameter.extents.width());
        let (coefficients, precision) = (rule.coefficients(height as usize, width as usize), Precision::of(rule.iterates_in_f16()));
        for slice in 0..parameter.extents.slices {
            let (record, lane) = (parameter.member.record, (first.lane + slice * height * width) as u32);
            let matrix = Matrix { record, lane, ..Matrix::new(height, width) };
            let open =
                rounds.iter().position(|round| round.takes(&matrix, coefficients.len(), precision, limits.binding.min(limits.buffer)));
            let open = open.unwrap_or_else(|| {
                rounds.push(Round::new(precision));
                rounds.len() - 1
            });
            rounds[open].push(matrix, first.set, &coefficients);
        }
    }
    rounds
}

/// Where a lane begins.
struct First {
    set: usize,
    /// In elements.
    lane: u64,
}

fn first(parameter: &Parameter, rule: &dyn AnyRule, step_kind: &StepKind, name: &str) -> Option<First> {
    let (segment, lane) = (parameter.state.first()?, step_kind.lane(rule, parameter.kind.keeps(), name)?);
    Some(First { set: segment.set(), lane: segment.lane(lane as u64).offset / 4 })
}

/// Whoever multiplies matrices needs all of each in one binding: its state, and what it is worked on in, padded. Whoever keeps them in f16 needs a device that has it.
pub(super) fn check(parameter: &Parameter, rule: &dyn AnyRule, limits: &Limits, features: wgpu::Features) -> Result<()> {
    if !rule.orthogonalizes() || parameter.elements == 0 {
        return Ok(());
    }
    let precision = Precision::of(rule.iterates_in_f16());
    if let Some((_, feature)) = precision.feature().filter(|(feature, _)| !features.contains(*feature)) {
        let what = format!("{}: {} that iterates in f16", parameter.param.name, rule.name());
        return Err(Error::Feature { what, feature, instead: "iterate in f32" });
    }
    let matrix = Matrix::new(parameter.extents.height(), parameter.extents.width());
    let vectors = matrix.vectors().max(matrix.square_vectors() + precision.rests(matrix.row_blocks));
    let needed = precision.vector_bytes(vectors);
    check_whole(parameter, rule, needed, limits)
}

/// Fails unless so many bytes fit in one binding, and the state of a parameter is in one part.
pub(super) fn check_whole(parameter: &Parameter, rule: &dyn AnyRule, needed: u64, limits: &Limits) -> Result<()> {
    let allowed = limits.binding.min(limits.buffer);
    let state = parameter.state.iter().map(Segment::bytes).sum::<u64>();
    let needed = needed.max(if parameter.state.len() > 1 { state } else { 0 });
    if needed <= allowed && parameter.state.len() < 2 {
        return Ok(());
    }
    let what = format!("{}: {} multiplies matrices, which", parameter.param.name, rule.name());
    Err(Error::Limit { what, needed, limit: "max_storage_buffer_binding_size", allowed })
}
