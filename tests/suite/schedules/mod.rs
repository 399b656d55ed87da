//! Schedules: the adapter against the twin in f64, and both against what torch's schedulers recorded.

mod device;
mod random;
mod refusals;
mod torch;
mod torch_runs;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::schedule::{Anneal, Schedule};
use wgpu_optim::testing::must_fail;

use crate::context::{Context, Outcome};

pub use device::{source, steps};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials: Vec<Trial> = cases().into_iter().map(|(name, schedule)| device::trial(&contexts[0], name, schedule)).collect();
    trials.push(contexts[1].trial("schedules/several-in-one-buffer".into(), device::several));
    trials.push(contexts[1].trial("schedules/random".into(), random::agree));
    trials.push(contexts[1].trial("schedules/checker/kernels".into(), device::mistakes_are_noticed));
    trials.push(
        contexts[1]
            .trial("schedules/ends-are-exact".into(), |gpu| ends_are_exact(|schedule, steps| device::evaluate(gpu, schedule, steps))),
    );
    trials.push(contexts[1].trial("schedules/last-step".into(), device::last_step));
    trials.push(Trial::test("schedules/kernel-is-valid", device::kernel_is_valid));
    trials.extend(torch_runs::trials(&contexts[0]));
    trials.extend(refusals::trials());
    trials.extend(checker());
    trials
}

/// Every formula, short and long, to an end that is 0 and to one that is not, whole and cut off.
pub fn cases() -> Vec<(&'static str, Schedule)> {
    use Schedule::*;
    let polynomial = |to, steps, power| Polynomial { from: 0.1, to, steps, power };
    let one_cycle =
        |steps, pct_start, anneal, three_phase| OneCycle { from: 0.004, peak: 0.1, to: 4e-7, steps, pct_start, anneal, three_phase };
    let wsd = |to, anneal| WarmupStableDecay { from: 0.0, peak: 1e-3, to, warmup: 2000, stable: 10_000, decay: 3000, anneal };
    vec![
        ("constant", Constant(3e-4)),
        ("linear-up", Linear { from: 0.0, to: 1e-3, steps: 4000 }),
        ("linear-down", Linear { from: 0.3, to: 0.0, steps: 9_999_991 }),
        ("linear-no-step", Linear { from: 0.3, to: 0.1, steps: 0 }),
        ("no-decay", WarmupStableDecay { from: 0.0, peak: 1e-3, to: 1e-4, warmup: 7, stable: 5, decay: 0, anneal: Anneal::Exponential }),
        (
            "nothing-but-the-end",
            WarmupStableDecay { from: 0.0, peak: 1e-3, to: 0.0, warmup: 0, stable: 0, decay: 0, anneal: Anneal::Linear },
        ),
        (
            "parts-of-no-steps",
            Sequence(vec![
                (0, Constant(9.0)),
                (3, Linear { from: 0.0, to: 1e-3, steps: 3 }),
                (0, Noam { peak: 7.0, warmup: 5 }),
                (0, Constant(1e-3)),
            ]),
        ),
        ("linear-one-step", Linear { from: 0.3, to: 0.1, steps: 1 }),
        ("step", Step { from: 0.1, gamma: 0.97, every: 7777 }),
        ("step-slow", Step { from: 0.1, gamma: 0.1, every: 300_000 }),
        ("multi-step", MultiStep { from: 0.1, gamma: 0.3, milestones: vec![0, 100, 100, 5000, 1_000_000] }),
        ("exponential-fast", Exponential { from: 0.1, gamma: 0.9 }),
        ("exponential-slow", Exponential { from: 0.1, gamma: 0.99999 }),
        ("exponential-slowest", Exponential { from: 5e3, gamma: 1.0 - 1.1e-7 }),
        ("exponential-from-the-hugest", Exponential { from: 3e38, gamma: 0.5 }),
        ("exponential-from-the-tiniest", Sequence(vec![(240, Exponential { from: 1.2e-38, gamma: 2.0 }), (1, Constant(1.0))])),
        ("exponential-growing", Sequence(vec![(8_000_000, Exponential { from: 1e-37, gamma: 1.00002 }), (1, Constant(1.0))])),
        ("polynomial-0.3", polynomial(0.0, 100_003, 0.3)),
        ("polynomial-0.5", polynomial(1e-3, 9_000_000, 0.5)),
        ("polynomial-1", polynomial(0.0, 1000, 1.0)),
        ("polynomial-2", polynomial(0.0, 9_999_999, 2.0)),
        ("polynomial-2.5-up", Polynomial { from: 0.0, to: 0.1, steps: 123_456, power: 2.5 }),
        ("polynomial-4", polynomial(0.0, 65_537, 4.0)),
        ("polynomial-10", polynomial(1e-6, 1_000_000, 10.0)),
        ("polynomial-far", Polynomial { from: 1e30, to: 1e-30, steps: 1_000_000, power: 10.0 }),
        ("polynomial-tiny", Polynomial { from: 1e-37, to: 2e-38, steps: 5000, power: 3.0 }),
        ("linear-tiny", Linear { from: 3e-38, to: 4e-38, steps: 1000 }),
        ("cosine-tiny", Cosine { from: 2e-37, to: 1.2e-38, steps: 1000 }),
        ("cosine", Cosine { from: 3e-4, to: 0.0, steps: 100_000 }),
        ("cosine-long", Cosine { from: 3e-4, to: 0.0, steps: 9_999_983 }),
        ("cosine-up", Cosine { from: 0.0, to: 3e-4, steps: 50_021 }),
        ("cosine-between", Cosine { from: 3e-4, to: 3e-5, steps: 1_000_000 }),
        ("restarts", CosineRestarts { from: 0.1, to: 0.0, steps: 1009, mult: 1 }),
        ("restarts-double", CosineRestarts { from: 0.1, to: 1e-4, steps: 10, mult: 2 }),
        ("restarts-triple", CosineRestarts { from: 0.1, to: 0.0, steps: 1, mult: 3 }),
        ("one-cycle", one_cycle(100_000, 0.3, Anneal::Cosine, false)),
        ("one-cycle-between-steps", one_cycle(1003, 0.3, Anneal::Cosine, false)),
        ("one-cycle-linear", one_cycle(9_999, 0.123, Anneal::Linear, false)),
        ("one-cycle-three-phase", one_cycle(77_777, 0.21, Anneal::Cosine, true)),
        ("one-cycle-exponential", one_cycle(7_777_777, 0.4, Anneal::Exponential, true)),
        ("one-cycle-cut", one_cycle(1001, 0.7, Anneal::Linear, true)),
        ("one-cycle-all-down", one_cycle(100, 0.0, Anneal::Cosine, false)),
        ("one-cycle-all-up", one_cycle(100, 1.0, Anneal::Cosine, false)),
        ("one-cycle-one-step", one_cycle(1, 0.3, Anneal::Cosine, false)),
        ("inverse-sqrt", InverseSqrt { from: 0.01, timescale: 10_000 }),
        ("noam", Noam { peak: 7e-4, warmup: 4000 }),
        ("noam-without-warm-up", Noam { peak: 7e-4, warmup: 1 }),
        ("wsd-linear", wsd(0.0, Anneal::Linear)),
        ("wsd-exponential", wsd(1e-5, Anneal::Exponential)),
        ("wsd-root", wsd(0.0, Anneal::OneMinusSqrt)),
        ("wsd-cosine", wsd(1e-4, Anneal::Cosine)),
        ("piecewise-linear", PiecewiseLinear(vec![(10, 0.0), (2000, 1.0), (2001, 0.5), (30_000, 0.25), (90_000, 0.0)])),
        ("piecewise-one-point", PiecewiseLinear(vec![(10, 0.5)])),
        ("sequence", nested()),
    ]
}

/// A sequence in a sequence, in which every part is cut off or outlived.
fn nested() -> Schedule {
    use Schedule::*;
    let inner = Sequence(vec![
        (1000, Linear { from: 1e-4, to: 1e-2, steps: 1500 }),
        (500, Linear { from: 1e-2, to: 1e-3, steps: 300 }),
        (1, CosineRestarts { from: 1e-2, to: 0.0, steps: 100, mult: 2 }),
    ]);
    Sequence(vec![
        (5000, inner),
        (5000, Step { from: 0.1, gamma: 0.6, every: 900 }),
        (3000, Polynomial { from: 0.1, to: 0.0, steps: 4000, power: 1.5 }),
        (0, InverseSqrt { from: 0.01, timescale: 77 }),
    ])
}

/// The values that schedules name are theirs to the last bit, at the steps that they name.
pub fn ends_are_exact(mut evaluate: impl FnMut(&Schedule, &[u32]) -> Result<Vec<f32>, Failed>) -> Outcome {
    use Schedule::*;
    let mut check = |schedule: Schedule, points: &[(u32, f64)]| -> Outcome {
        let (steps, values): (Vec<u32>, Vec<f32>) = points.iter().map(|&(step, value)| (step, value as f32)).unzip();
        let twin: Vec<f32> = steps.iter().map(|&step| schedule.value(step) as f32).collect();
        let got = evaluate(&schedule, &steps)?;
        if got == values && twin == values {
            Ok(())
        } else {
            Err(format!("{schedule:?}: {got:?}, the twin {twin:?}, expected {values:?}").into())
        }
    };
    for steps in [1, 3, 77, 1000, 99_991, 9_999_991] {
        for (from, to) in [(0.3, 0.0), (0.0, 0.3), (0.1, 3e-5), (0.7, 0.1), (1.3e-38, 3.1e38)] {
            let ends = [(0, from), (steps, to)];
            check(Linear { from, to, steps }, &ends)?;
            check(Cosine { from, to, steps }, &ends)?;
            check(CosineRestarts { from, to, steps, mult: 2 }, &[(0, from), (steps, from), (3 * steps, from)])?;
            check(Polynomial { from, to, steps, power: 0.9 }, &ends)?;
            check(
                PiecewiseLinear(vec![(5, from), (5 + steps, to), (6 + 2 * steps, from)]),
                &[(0, from), (5, from), (5 + steps, to), (6 + 2 * steps, from)],
            )?;
            for anneal in [Anneal::Linear, Anneal::Cosine, Anneal::OneMinusSqrt, Anneal::Exponential] {
                if anneal == Anneal::Exponential && from * to == 0.0 {
                    continue;
                }
                let wsd = WarmupStableDecay { from: to, peak: from, to, warmup: steps, stable: 7, decay: steps, anneal };
                check(wsd, &[(0, to), (steps, from), (steps + 7, from), (2 * steps + 7, to)])?;
                let one_cycle = OneCycle { from, peak: to, to: from, steps: 4 * steps, pct_start: 0.5, anneal, three_phase: false };
                check(one_cycle, &[(0, from), (2 * steps - 1, to), (4 * steps - 1, from)])?;
            }
        }
        check(Exponential { from: 0.3, gamma: 0.999 }, &[(0, 0.3)])?;
        check(Step { from: 0.3, gamma: 0.97, every: steps }, &[(0, 0.3), (steps - 1, 0.3)])?;
        check(InverseSqrt { from: 0.3, timescale: steps }, &[(0, 0.3)])?;
        check(Noam { peak: 0.3, warmup: steps }, &[(steps - 1, 0.3)])?;
    }
    Ok(())
}

/// By how much two values differ, relative to the truth. What f32 has no normal number for may be 0; where the truth is 0, only 0 will do.
fn error(got: f64, truth: f64) -> f64 {
    let off = (got - truth).abs();
    match () {
        () if got.is_nan() => f64::INFINITY,
        () if truth == 0.0 && off == 0.0 => 0.0,
        () if truth != 0.0 && truth.abs() < f64::from(f32::MIN_POSITIVE) && off <= f64::from(f32::MIN_POSITIVE) => 0.0,
        () => off / truth.abs(),
    }
}

const TOLERANCE: f64 = 1e-6;

/// The worst error, or the step at which it is too much.
pub fn compare(steps: &[u32], got: &[f32], truth: impl Fn(u32) -> f64) -> Result<f64, Failed> {
    if got.len() != steps.len() {
        return Err(format!("{} values, expected {}", got.len(), steps.len()).into());
    }
    let mut worst = 0.0_f64;
    for (&step, &got) in steps.iter().zip(got) {
        let truth = truth(step);
        let error = error(f64::from(got), truth);
        if error > TOLERANCE {
            return Err(format!("step {step}: got {got:e}, expected {truth:e}, {error:e} apart").into());
        }
        worst = worst.max(error);
    }
    Ok(worst)
}

/// The comparison, seen to fail where it should.
fn checker() -> Vec<Trial> {
    let schedule = || Schedule::Cosine { from: 0.1, to: 0.0, steps: 1000 };
    let steps: Vec<u32> = (0..1010).collect();
    let spoiled = |what: &'static str, spoil: fn(&mut Vec<f32>)| {
        let steps = steps.clone();
        Trial::test(format!("schedules/checker/{what}"), move || -> Outcome {
            let mut got: Vec<f32> = steps.iter().map(|&step| schedule().value(step) as f32).collect();
            compare(&steps, &got, |step| schedule().value(step))?;
            spoil(&mut got);
            Ok(must_fail(what, compare(&steps, &got, |step| schedule().value(step)))?)
        })
    };
    vec![
        spoiled("nan", |got| got[500] = f32::NAN),
        spoiled("one-and-a-half-tolerances", |got| got[300] *= 1.0 + 1.5e-6),
        spoiled("near-zero", |got| got[999] += 1e-11),
        spoiled("not-zero", |got| got[1000] = 1e-30),
        spoiled("one-step-late", |got| got.rotate_right(1)),
        spoiled("short", |got| got.truncate(1009)),
    ]
}
