//! Schedules out of range are refused, with a message that names the field.

use libtest_mimic::Trial;
use wgpu_optim::schedule::{Anneal, Schedule};

/// Every documented range has a schedule that is outside, and the message says where.
pub fn trials() -> Vec<Trial> {
    let trial = |(index, (schedule, parts)): (usize, (Schedule, Vec<&'static str>))| {
        Trial::test(format!("schedules/refuses/{index}"), move || {
            let message = schedule.check().err().ok_or_else(|| format!("{schedule:?} was accepted"))?;
            match parts.iter().all(|part| message.contains(part)) {
                true => Ok(()),
                false => Err(format!("\"{message}\" does not say {parts:?}").into()),
            }
        })
    };
    refused().into_iter().enumerate().map(trial).collect()
}

fn refused() -> Vec<(Schedule, Vec<&'static str>)> {
    use Schedule::*;
    let cycle = OneCycle { from: 0.1, peak: 1.0, to: 0.0, steps: 9, pct_start: 0.3, anneal: Anneal::Exponential, three_phase: false };
    let late = OneCycle { from: 0.1, peak: 1.0, to: 0.1, steps: 9, pct_start: 1.5, anneal: Anneal::Linear, three_phase: false };
    let empty_cycle = OneCycle { from: 0.1, peak: 1.0, to: 0.1, steps: 0, pct_start: 0.5, anneal: Anneal::Linear, three_phase: false };
    let wsd = |warmup, decay| WarmupStableDecay { from: 0.0, peak: 1.0, to: 0.1, warmup, stable: 5, decay, anneal: Anneal::Linear };
    vec![
        (Constant(f64::NAN), vec!["Constant: the value", "got NaN"]),
        (Constant(1e39), vec!["3.4e38", "got 1e39"]),
        (Constant(1e-39), vec!["1.18e-38", "got 1e-39"]),
        (Linear { from: f64::INFINITY, to: 0.0, steps: 1 }, vec!["Linear: from", "got inf"]),
        (CosineRestarts { from: 0.0, to: 1.0, steps: 0, mult: 1 }, vec!["CosineRestarts: steps must be from 1", "got 0"]),
        (empty_cycle, vec!["OneCycle: steps must be from 1", "got 0"]),
        (Linear { from: 0.0, to: 1.0, steps: (1 << 31) + 1 }, vec!["to 2147483648", "got 2147483649"]),
        (Cosine { from: 0.0, to: f64::NAN, steps: 1 }, vec!["Cosine: to"]),
        (Step { from: 1.0, gamma: 0.5, every: 0 }, vec!["Step: every", "got 0"]),
        (Step { from: 1.0, gamma: 0.0, every: 1 }, vec!["Step: gamma must be above 0", "got 0"]),
        (Step { from: 1.0, gamma: 1.1, every: 10 }, vec!["Step: from 1.0 the growth", "for ever", "Sequence"]),
        (MultiStep { from: 1.0, gamma: 0.5, milestones: vec![5, 4] }, vec!["milestones must be in ascending order", "is 5, the next 4"]),
        (MultiStep { from: 1.0, gamma: 1e20, milestones: vec![1, 2] }, vec!["MultiStep: gamma makes values beyond"]),
        (MultiStep { from: 1.0, gamma: -1.0, milestones: vec![] }, vec!["gamma must be above 0", "got -1"]),
        (Exponential { from: 1.0, gamma: f64::NAN }, vec!["Exponential: gamma", "got NaN"]),
        (Exponential { from: 1.0, gamma: 1.001 }, vec!["growth goes beyond f32's largest", "Sequence"]),
        (Polynomial { from: 1.0, to: 0.0, steps: 5, power: 0.0 }, vec!["Polynomial: power must be above 0", "got 0"]),
        (CosineRestarts { from: 1.0, to: 0.0, steps: 5, mult: 0 }, vec!["CosineRestarts: mult must be from 1", "got 0"]),
        (cycle, vec!["OneCycle: Anneal::Exponential", "from peak = 1 to to = 0"]),
        (late, vec!["OneCycle: pct_start must be in [0, 1], got 1.5"]),
        (InverseSqrt { from: 1.0, timescale: 0 }, vec!["InverseSqrt: timescale"]),
        (Noam { peak: 1.0, warmup: 0 }, vec!["Noam: warmup"]),
        (wsd(5, (1 << 31) + 1), vec!["WarmupStableDecay: decay must be from 0", "got 2147483649"]),
        (wsd(u32::MAX, 1), vec!["WarmupStableDecay: warmup must be from 0", "got 4294967295"]),
        (PiecewiseLinear(vec![]), vec!["PiecewiseLinear: no points"]),
        (PiecewiseLinear(vec![(3, 1.0), (3, 2.0)]), vec!["each once", "is 3, the next 3"]),
        (PiecewiseLinear(vec![(3, 1.0), (4, f64::NAN)]), vec!["point 1", "got NaN"]),
        (Sequence(vec![]), vec!["Sequence: no parts"]),
        (Sequence(vec![(u32::MAX, Constant(1.0)), (1, Constant(1.0))]), vec!["the length of part 0 must be from 0", "got 4294967295"]),
        (Sequence(vec![(1, Constant(1.0)), (1, Noam { peak: 1.0, warmup: 0 })]), vec!["Sequence: part 1: Noam: warmup"]),
        (Sequence(vec![(200, Exponential { from: 1.0, gamma: 2.0 }), (1, Constant(1.0))]), vec!["growth", "200 steps"]),
    ]
}
