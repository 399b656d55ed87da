//! Known answers: torch's schedulers over 100,000 steps and its ReduceLROnPlateau (`tests/known_answers/README.md`).

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use serde_json::{Map, Value};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::schedule::{Mode, Plateau, Schedule, ThresholdMode};

use super::torch::schedule;
use super::{TOLERANCE, device};
use crate::context::{Context, Outcome};
use crate::known_answers::{cases, tensor};

/// How a case was made, in torch's own words.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    #[serde(default)]
    pub scheduler: String,
    pub base_lr: f64,
    #[serde(default)]
    pub kwargs: Map<String, Value>,
    #[serde(default)]
    pub children: Vec<Child>,
    #[serde(default)]
    pub milestones: Vec<u32>,
    /// How far torch's rates are from its own closed form, relative to `base_lr`.
    #[serde(default)]
    drift: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Child {
    pub scheduler: String,
    pub kwargs: Map<String, Value>,
}

pub fn trials(context: &Arc<Context>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, case) in cases::<Case>("schedules") {
        let (of, called) = (case.clone(), name.clone());
        trials.push(Trial::test(format!("schedules/torch/{name}/cpu"), move || on_cpu(&called, &of)));
        let called = name.clone();
        trials.push(context.trial(format!("schedules/torch/{name}/gpu"), move |gpu| on_gpu(gpu, &called, &case)));
    }
    for (name, case) in cases::<Case>("plateau") {
        trials.push(Trial::test(format!("schedules/plateau/{name}"), move || plateau(&name, &case)));
    }
    // A file that is not there, or without cases, must not be a suite without rows.
    for subject in ["schedules", "plateau"] {
        let present = move || match cases::<Case>(subject).len() {
            0 => Err(format!("tests/known_answers/{subject}.safetensors has no cases").into()),
            _ => Ok(()),
        };
        trials.push(Trial::test(format!("schedules/torch/{subject}"), present));
    }
    trials
}

fn steps_and_rates(name: &str) -> Result<(Vec<u32>, Vec<f64>), Failed> {
    let steps = tensor("schedules", &format!("{name}/steps"))?.into_iter().map(|step| step as u32).collect();
    Ok((steps, tensor("schedules", &format!("{name}/lr"))?))
}

/// Values at the recorded steps against torch's, each within the tolerance relative to it, and torch's own drift.
fn compare(case: &Case, steps: &[u32], got: &[f64], rates: &[f64]) -> Result<f64, Failed> {
    let drift = 2.0 * case.drift.unwrap_or_default() * case.base_lr;
    let mut worst = 0.0_f64;
    for ((step, &got), &rate) in steps.iter().zip(got).zip(rates) {
        let error = ((got - rate).abs() - drift).max(0.0);
        // Not `error > tolerance`, which is false for NaN.
        let within = error <= TOLERANCE * rate.abs();
        if !within {
            return Err(format!("step {step}: {got:e}, torch has {rate:e}").into());
        }
        worst = worst.max(if error == 0.0 { 0.0 } else { error / rate.abs() });
    }
    Ok(worst)
}

fn on_cpu(name: &str, case: &Case) -> Outcome {
    let (steps, rates) = steps_and_rates(name)?;
    let schedule = checked(case)?;
    let values: Vec<f64> = steps.iter().map(|&step| schedule.value(step)).collect();
    let worst = compare(case, &steps, &values, &rates)?;
    eprintln!("{name}: {} steps, worst {worst:.2e}", steps.len());
    Ok(())
}

fn on_gpu(gpu: &Gpu, name: &str, case: &Case) -> Outcome {
    let (steps, rates) = steps_and_rates(name)?;
    let values: Vec<f64> = device::evaluate(gpu, &checked(case)?, &steps)?.into_iter().map(f64::from).collect();
    let worst = compare(case, &steps, &values, &rates)?;
    eprintln!("{name} on {}: worst {worst:.2e}", gpu.info.name);
    Ok(())
}

fn checked(case: &Case) -> Result<Schedule, Failed> {
    let schedule = schedule(case)?;
    schedule.check()?;
    Ok(schedule)
}

/// All rates after each metric, exactly: torch computes them in f64 too.
fn plateau(name: &str, case: &Case) -> Outcome {
    let mut plateau = Plateau { lr: case.base_lr, ..Plateau::default() };
    for (key, value) in &case.kwargs {
        let number = value.as_f64().unwrap_or(f64::NAN);
        match (key.as_str(), value.as_str()) {
            ("mode", Some("min")) => plateau.mode = Mode::Min,
            ("mode", Some("max")) => plateau.mode = Mode::Max,
            ("threshold_mode", Some("rel")) => plateau.threshold_mode = ThresholdMode::Relative,
            ("threshold_mode", Some("abs")) => plateau.threshold_mode = ThresholdMode::Absolute,
            ("factor", _) => plateau.factor = number,
            ("patience", _) => plateau.patience = number as u32,
            ("threshold", _) => plateau.threshold = number,
            ("cooldown", _) => plateau.cooldown = number as u32,
            ("min_lr", _) => plateau.min_lr = number,
            ("eps", _) => plateau.eps = number,
            _ => return Err(format!("unknown keyword {key} = {value}").into()),
        }
    }
    plateau.check()?;
    let metrics = tensor("plateau", &format!("{name}/metric"))?;
    let rates = tensor("plateau", &format!("{name}/lr"))?;
    assert_eq!(metrics.len(), rates.len());
    for (index, (&metric, &rate)) in metrics.iter().zip(&rates).enumerate() {
        let (before, changed) = (plateau.lr, plateau.observe(metric));
        assert_eq!(plateau.lr, rate, "after metric {index}, {metric}");
        assert_eq!(changed, (before != rate).then_some(rate), "after metric {index}, {metric}");
    }
    Ok(())
}
