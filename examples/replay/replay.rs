//! Runs a trace and measures every value of every step against the truth.

use std::collections::BTreeMap;

use serde::Serialize;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{AnyRule, StateField};

use super::backend::{Backend, OnCpu, OnGpu};
use super::trace::{Param, Result, Trace};

/// How much farther from the truth than the framework itself a replay may be.
const LIMIT: f64 = 1.5;

/// A quarter of f32's epsilon: where the framework is exact, a rounding error is no failure.
const FLOOR: f64 = 1.0 / (1_u64 << 26) as f64;

/// What a replay found; figures that are not finite are `null` in JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The file's name without its extension.
    pub trace: String,
    /// The framework's name for the rule.
    pub optimizer: String,
    /// `"gpu"` or `"cpu"`.
    pub backend: &'static str,
    /// How many steps were run.
    pub steps: usize,
    /// The largest distance from the truth, over all parameters, elements and steps.
    pub max_error: f64,
    /// Its root mean square.
    pub rms_error: f64,
    /// The same for the framework's own f32 run.
    pub framework_max_error: f64,
    /// The same for the framework's own f32 run.
    pub framework_rms_error: f64,
    /// Our root mean square over the framework's; below 1 we are closer to the truth.
    pub fidelity: f64,
    /// The largest distance of each recorded state that the rule keeps, by the framework's key.
    pub state_max_error: BTreeMap<String, f64>,
    /// Whether the fidelity is within the limit and every figure is finite.
    pub pass: bool,
}

/// Replays a trace with the crate's GPU optimizer; `rules` has one rule per group.
pub fn on_gpu(gpu: &Gpu, trace: &Trace, rules: &[Box<dyn AnyRule>]) -> Result<Report> {
    run(trace, rules, "gpu", &mut OnGpu::new(gpu, trace, rules)?)
}

/// Replays a trace with the rules' twins in f32; `rules` has one rule per group.
pub fn on_cpu(trace: &Trace, rules: &[Box<dyn AnyRule>]) -> Result<Report> {
    run(trace, rules, "cpu", &mut OnCpu::new(trace, rules)?)
}

fn run(trace: &Trace, rules: &[Box<dyn AnyRule>], name: &'static str, backend: &mut dyn Backend) -> Result<Report> {
    let members = trace.groups.iter().zip(rules).flat_map(|(group, rule)| group.params.iter().map(move |param| (param, &**rule)));
    let kept = members.map(|(param, rule)| kept_states(param, rule)).collect::<Result<Vec<_>>>()?;
    let (mut ours, mut frameworks) = (Errors::default(), Errors::default());
    let mut states: BTreeMap<String, Errors> = BTreeMap::new();
    for t in 0..trace.steps {
        let gradients: Vec<Option<&[f32]>> = trace.params().map(|param| param.steps[t].gradient.as_deref()).collect();
        backend.step(&gradients)?;
        for (index, param) in trace.params().enumerate() {
            let expected = &param.steps[t];
            ours.add(&backend.value(index)?, &expected.truth);
            frameworks.add(&expected.framework, &expected.truth);
            for state in &kept[index] {
                if let Some(expected) = expected.states.get(state.torch) {
                    let errors = states.entry(state.torch.to_owned()).or_default();
                    errors.add(&backend.state(index, state.name)?, &expected.values);
                }
            }
        }
    }
    Ok(report(trace, name, &ours, &frameworks, &states))
}

fn report(trace: &Trace, backend: &'static str, ours: &Errors, frameworks: &Errors, states: &BTreeMap<String, Errors>) -> Report {
    let fidelity = (ours.rms() + FLOOR) / (frameworks.rms() + FLOOR);
    let finite = [ours, frameworks].into_iter().chain(states.values()).all(|errors| errors.max.is_finite());
    Report {
        trace: trace.name.clone(),
        optimizer: trace.optimizer.clone(),
        backend,
        steps: trace.steps,
        max_error: ours.max,
        rms_error: ours.rms(),
        framework_max_error: frameworks.max,
        framework_rms_error: frameworks.rms(),
        fidelity,
        state_max_error: states.iter().map(|(key, errors)| (key.clone(), errors.max)).collect(),
        pass: finite && fidelity <= LIMIT,
    }
}

/// The states that the rule keeps and a trace may have, under torch's key. Fails if one that it has is not of the parameter's shape.
fn kept_states(param: &Param, rule: &dyn AnyRule) -> Result<Vec<StateField>> {
    let kept: Vec<StateField> = rule.active_states().into_iter().map(|state| rule.states()[state]).collect();
    for (index, step) in param.steps.iter().enumerate() {
        let wrong = kept.iter().find_map(|kept| step.states.get_key_value(kept.torch).filter(|(_, state)| state.shape != param.shape));
        if let Some((key, state)) = wrong {
            let (name, t, has, wants) = (&param.name, index + 1, &state.shape, &param.shape);
            return Err(format!("tensor \"state/{name}/{key}/{t}\" has shape {has:?}, its parameter has {wants:?}").into());
        }
    }
    Ok(kept)
}

/// The distances of many values from the truth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Errors {
    max: f64,
    squares: f64,
    count: usize,
}

impl Errors {
    /// Takes in a tensor. A value that is not finite, and a length that is not the truth's, make the maximum NaN or infinite for good:
    /// `f64::max` would lose a NaN.
    pub fn add(&mut self, got: &[f32], truth: &[f64]) {
        if got.len() != truth.len() {
            self.max = f64::NAN;
        }
        for (&got, &truth) in got.iter().zip(truth) {
            let error = (f64::from(got) - truth).abs();
            self.max = if error > self.max || error.is_nan() { error } else { self.max };
            self.squares += error * error;
            self.count += 1;
        }
    }

    fn rms(&self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }
}
