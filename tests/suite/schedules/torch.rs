//! torch's schedulers as schedules.

use libtest_mimic::Failed;
use serde_json::{Map, Value};
use wgpu_optim::schedule::{Anneal, Schedule};

use super::torch_runs::Case;

/// More steps than were recorded.
const ALL: u32 = 200_000;

pub fn schedule(case: &Case) -> Result<Schedule, Failed> {
    if case.scheduler != "Sequential" {
        return one(&case.scheduler, case.base_lr, &case.kwargs);
    }
    let begins = [0].into_iter().chain(case.milestones.iter().copied());
    let ends = case.milestones.iter().copied().chain([ALL]);
    let part = |((begin, end), child): ((u32, u32), &super::torch_runs::Child)| {
        Ok((end - begin, one(&child.scheduler, case.base_lr, &child.kwargs)?))
    };
    Ok(Schedule::Sequence(begins.zip(ends).zip(&case.children).map(part).collect::<Result<_, Failed>>()?))
}

/// Keywords of a scheduler.
struct Kwargs<'a>(&'a Map<String, Value>);

impl Kwargs<'_> {
    fn number(&self, key: &str) -> Result<f64, Failed> {
        self.0.get(key).and_then(Value::as_f64).ok_or_else(|| format!("no number {key} in {:?}", self.0).into())
    }
    fn number_or(&self, key: &str, default: f64) -> f64 {
        self.number(key).unwrap_or(default)
    }
    fn count(&self, key: &str) -> Result<u32, Failed> {
        Ok(self.number(key)? as u32)
    }
    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }
    fn list<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Vec<T>, Failed> {
        Ok(serde_json::from_value(self.0.get(key).cloned().unwrap_or_default())?)
    }
}

fn one(scheduler: &str, lr: f64, kwargs: &Map<String, Value>) -> Result<Schedule, Failed> {
    let k = Kwargs(kwargs);
    Ok(match scheduler {
        "ConstantLR" => match k.count("total_iters")? {
            0 => Schedule::Constant(lr),
            steps => Schedule::Sequence(vec![(steps, (lr * k.number("factor")?).into()), (1, lr.into())]),
        },
        "LinearLR" => {
            let (from, to) = (lr * k.number("start_factor")?, lr * k.number("end_factor")?);
            Schedule::Linear { from, to, steps: k.count("total_iters")? }
        }
        "StepLR" => Schedule::Step { from: lr, gamma: k.number("gamma")?, every: k.count("step_size")? },
        "MultiStepLR" => Schedule::MultiStep { from: lr, gamma: k.number("gamma")?, milestones: k.list("milestones")? },
        "ExponentialLR" => match k.number("gamma")? {
            gamma if gamma > 1.0 => Schedule::Sequence(vec![(ALL, Schedule::Exponential { from: lr, gamma }), (1, lr.into())]),
            gamma => Schedule::Exponential { from: lr, gamma },
        },
        "PolynomialLR" => Schedule::Polynomial { from: lr, to: 0.0, steps: k.count("total_iters")?, power: k.number("power")? },
        "CosineAnnealingLR" => {
            let (to, steps) = (k.number_or("eta_min", 0.0), k.count("T_max")?);
            let half = |i| if i % 2 == 0 { (lr, to) } else { (to, lr) };
            let parts = (0..ALL / steps).map(half).map(|(from, to)| (steps, Schedule::Cosine { from, to, steps }));
            Schedule::Sequence(parts.collect())
        }
        "CosineAnnealingWarmRestarts" => {
            let (steps, mult) = (k.count("T_0")?, k.number_or("T_mult", 1.0) as u32);
            Schedule::CosineRestarts { from: lr, to: k.number_or("eta_min", 0.0), steps, mult }
        }
        "OneCycleLR" => one_cycle(&k)?,
        "LambdaLR" => lambda(lr, &k)?,
        _ => return Err(format!("unknown scheduler {scheduler}").into()),
    })
}

fn one_cycle(k: &Kwargs) -> Result<Schedule, Failed> {
    let max = k.number("max_lr")?;
    let initial = max / k.number_or("div_factor", 25.0);
    let (from, peak, to) = match k.text("value") {
        "momentum" => {
            let max = k.number_or("max_momentum", 0.95);
            (max, k.number_or("base_momentum", 0.85), max)
        }
        _ => (initial, max, initial / k.number_or("final_div_factor", 1e4)),
    };
    Ok(Schedule::OneCycle {
        from,
        peak,
        to,
        steps: k.count("total_steps")?,
        pct_start: k.number_or("pct_start", 0.3),
        anneal: if k.text("anneal_strategy") == "linear" { Anneal::Linear } else { Anneal::Cosine },
        three_phase: k.0.get("three_phase").and_then(Value::as_bool).unwrap_or_default(),
    })
}

fn lambda(lr: f64, k: &Kwargs) -> Result<Schedule, Failed> {
    Ok(match k.text("lambda") {
        "noam" => {
            let (d_model, warmup) = (k.number("d_model")?, k.count("warmup")?);
            Schedule::Noam { peak: lr * k.number("factor")? / (d_model * f64::from(warmup)).sqrt(), warmup }
        }
        "piecewise_linear" => {
            let points: Vec<(u32, f64)> = k.list("points")?;
            Schedule::PiecewiseLinear(points.into_iter().map(|(step, factor)| (step, lr * factor)).collect())
        }
        // This warm-up has (s + 1) / warmup, so it is over one step earlier, and the stable part begins there.
        "warmup_stable_decay" => Schedule::WarmupStableDecay {
            from: lr / k.number("warmup")?,
            peak: lr,
            to: lr * k.number("end")?,
            warmup: k.count("warmup")? - 1,
            stable: k.count("stable")? + 1,
            decay: k.count("decay")?,
            anneal: if k.text("shape") == "sqrt" { Anneal::OneMinusSqrt } else { Anneal::Linear },
        },
        other => return Err(format!("unknown function {other}").into()),
    })
}
