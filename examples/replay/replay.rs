//! Runs a trace and measures every value of every step against the truth.

use std::collections::BTreeMap;

use serde::Serialize;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{AnyRule, Extent, Extents, StateField};

use super::backend::{Backend, OnCpu, OnGpu};
use super::trace::{Gradient, Param, Result, State, Trace};

/// How much farther from the truth than the framework itself a replay may be.
const LIMIT: f64 = 1.5;

/// A quarter of f32's epsilon: where the framework is exact, a rounding error is no failure.
const FLOOR: f64 = 1.0 / (1_u64 << 26) as f64;

/// How far the framework may be from the truth, as a part of the parameter's largest change. A truth that is damaged is as far from both of us, so
/// fidelity does not see it. Of the recorded runs the worst is at 3e-4.
const CEILING: f64 = 1e-3;

/// How far our states may be from the truth, as a part of the state's largest magnitude; the worst is at 5.1e-7.
const STATE_CEILING: f64 = 1e-4;

/// What an f32 value loses in a step at most, as a part of it: 2^-24, and as much when its decay is rounded.
const ROUNDING: f64 = 1.0 / (1_u64 << 23) as f64;

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
    /// Whether the fidelity is within the limit, every figure is finite, and there is no reason to doubt the truth.
    pub pass: bool,
    /// The first thing that is farther from the truth than rounding explains; for people.
    #[serde(skip)]
    pub doubt: Option<String>,
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
    let reaches: Vec<Reach> = trace.params().map(Reach::of).collect();
    let (mut ours, mut frameworks, mut doubt) = (Errors::default(), Errors::default(), None);
    let mut states: BTreeMap<String, Errors> = BTreeMap::new();
    for t in 0..trace.steps {
        let gradients: Vec<Option<&Gradient>> = trace.params().map(|param| param.steps[t].gradient.as_ref()).collect();
        backend.step(&gradients)?;
        for (index, param) in trace.params().enumerate() {
            if let Some((state, basis)) = recorded_basis(param, t, &kept[index]) {
                backend.set_state(index, state, &basis)?;
            }
        }
        for (index, (param, reach)) in trace.params().zip(&reaches).enumerate() {
            let (expected, step) = (&param.steps[t], t + 1);
            ours.add(&backend.value(index)?, &expected.truth);
            let far = frameworks.add(&expected.framework, &expected.truth);
            doubt = doubt.or(reach.doubts_value(step, far).then(|| format!("the framework's {}, step {step}, by {far:.1e}", param.name)));
            for state in &kept[index] {
                if let Some(expected) = expected.states.get(state.torch) {
                    let errors = states.entry(state.torch.to_owned()).or_default();
                    let got = backend.state(index, state.name)?;
                    let far = errors.add(&got, &spread(expected, got.len()));
                    let what = || format!("our {}/{}, step {step}, by {far:.1e}", param.name, state.torch);
                    doubt = doubt.or(reach.doubts_state(state.torch, far).then(what));
                }
            }
        }
    }
    Ok(report(trace, name, &ours, &frameworks, &states, doubt))
}

fn report(
    trace: &Trace,
    backend: &'static str,
    ours: &Errors,
    frameworks: &Errors,
    states: &BTreeMap<String, Errors>,
    doubt: Option<String>,
) -> Report {
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
        pass: finite && fidelity <= LIMIT && doubt.is_none(),
        doubt,
    }
}

/// The states that the rule keeps and a trace may have, under torch's key. Fails if one that it has is not of the shape that follows from the parameter's.
fn kept_states(param: &Param, rule: &dyn AnyRule) -> Result<Vec<StateField>> {
    let counted = rule.counts_as(&param.shape)?;
    let active = rule.active_states_for(counted.len() >= 2);
    let kept: Vec<StateField> = active.into_iter().map(|state| rule.states()[state]).collect();
    for (index, step) in param.steps.iter().enumerate() {
        for kept in &kept {
            let wants = |own: &[usize]| match kept.extent {
                Extent::Squares => vec![own.iter().filter(|size| rule.has_square(own.len(), **size)).map(|size| size * size).sum()],
                extent => shape(own, extent),
            };
            let (Some(state), of_counted) = (step.states.get(kept.torch), wants(&counted)) else { continue };
            let wants = wants(&param.shape);
            if !are_alike(&state.shape, &wants) && !are_alike(&state.shape, &of_counted) {
                let (name, key, t, has) = (&param.name, kept.torch, index + 1, &state.shape);
                let of = if wants == param.shape { "its parameter has" } else { "it should have" };
                return Err(format!("tensor \"state/{name}/{key}/{t}\" has shape {has:?}, {of} {wants:?}").into());
            }
        }
    }
    Ok(kept)
}

/// The first basis of a parameter as it was recorded, where the gradient leaves it open: an axis has more indices than elements share one.
fn recorded_basis(param: &Param, t: usize, kept: &[StateField]) -> Option<(&'static str, Vec<f32>)> {
    let state = kept.iter().find(|state| state.torch == "eigenbasis")?;
    let recorded = param.steps.get(t)?.states.get("Q").filter(|_| t == 0)?;
    let elements: usize = param.shape.iter().product();
    let is_open = param.shape.iter().any(|size| size * size > elements);
    is_open.then(|| (state.name, recorded.values.iter().map(|&x| x as f32).collect()))
}

/// The shape of a state of this extent: torch keeps the dimension that it takes means over, with size 1. The numbers of all axes are in one.
fn shape(own: &[usize], extent: Extent) -> Vec<usize> {
    if extent == Extent::Axes {
        return vec![Extents::of(own).count(extent) as usize];
    }
    let mut shape = own.to_vec();
    let over = match extent {
        Extent::Rows => shape.len().checked_sub(1),
        Extent::Columns => shape.len().checked_sub(2),
        _ => None,
    };
    over.into_iter().for_each(|dimension| shape[dimension] = 1);
    shape
}

/// Whether a state of the one shape has the numbers of the other in their order: prodigyopt keeps its states flat, came-pytorch drops the dimension that it takes
/// means over, and one number without a shape is that of all.
fn are_alike(has: &[usize], wants: &[usize]) -> bool {
    let long = |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
    has.is_empty() || *has == [wants.iter().product::<usize>()] || long(has) == long(wants)
}

/// The numbers of a recorded state, one for each of so many that the rule keeps.
fn spread(state: &State, count: usize) -> Vec<f64> {
    match (&state.shape[..], &state.values[..]) {
        ([], &[number]) => vec![number; count],
        (_, values) => values.to_vec(),
    }
}

/// How large the truth of a parameter gets in a run.
struct Reach {
    change: f64,
    value: f64,
    states: BTreeMap<String, f64>,
}

impl Reach {
    fn of(param: &Param) -> Self {
        let mut reach = Reach { change: 0.0, value: 0.0, states: BTreeMap::new() };
        for step in &param.steps {
            for (&truth, &initial) in step.truth.iter().zip(&param.initial) {
                reach.change = reach.change.max((truth - f64::from(initial)).abs());
                reach.value = reach.value.max(truth.abs());
            }
            for (key, state) in &step.states {
                let largest = reach.states.entry(key.clone()).or_default();
                *largest = state.values.iter().fold(*largest, |largest, x| largest.max(x.abs()));
            }
        }
        reach
    }

    /// Whether a value that is so far from the truth after so many steps is farther than rounding explains.
    fn doubts_value(&self, steps: usize, far: f64) -> bool {
        far > CEILING * self.change + steps as f64 * ROUNDING * self.value
    }

    fn doubts_state(&self, key: &str, far: f64) -> bool {
        far > STATE_CEILING * self.states.get(key).copied().unwrap_or_default().max(f64::from(f32::MIN_POSITIVE))
    }
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
    /// `f64::max` would lose a NaN. Returns the largest distance in this tensor.
    pub fn add(&mut self, got: &[f32], truth: &[f64]) -> f64 {
        let mut largest = 0.0_f64;
        if got.len() != truth.len() {
            self.max = f64::NAN;
        }
        for (&got, &truth) in got.iter().zip(truth) {
            let error = (f64::from(got) - truth).abs();
            self.max = if error > self.max || error.is_nan() { error } else { self.max };
            self.squares += error * error;
            self.count += 1;
            largest = largest.max(error);
        }
        largest
    }

    fn rms(&self) -> f64 {
        (self.squares / self.count as f64).sqrt()
    }
}
