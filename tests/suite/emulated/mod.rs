//! Schedules, scalars and the factors of clipping in the arithmetic of any adapter, with none at hand: our WGSL, run on the CPU. What a real GPU got
//! wrong fails here.

mod arithmetic;
mod checker;
mod clip;
mod machine;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::rule::{AnyRule, Field};
use wgpu_optim::schedule::Schedule;
use wgpu_optim::step::StepKind;
use wgpu_optim::{Fromage, rules, wgsl};

use crate::context::Outcome;
use crate::{scalars, schedules};
use arithmetic::Arithmetic;
use machine::{Machine, Value};

pub fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = schedules::cases()
        .into_iter()
        .map(|(name, schedule)| Trial::test(format!("emulated/schedules/{name}"), move || agrees(&schedules::source(), &schedule)))
        .collect();
    trials.push(Trial::test("emulated/schedules/ends-are-exact", || ends_are_exact(&schedules::source())));
    for rule in rules::all().into_iter().filter(|rule| !rule.scalar_fields().is_empty()) {
        for (case, configured) in rule.cases() {
            trials.push(Trial::test(format!("emulated/scalars/{}/{case}", rule.name()), move || within_ulps(&*configured)));
        }
    }
    trials.push(Trial::test("emulated/scalars/Fromage/huge", || within_ulps(&huge_fromage())));
    trials.extend(clip::trials());
    trials.extend(checker::trials());
    trials
}

/// The schedule at these steps.
fn evaluate(machine: &mut Machine, schedule: &Schedule, steps: &[u32]) -> Vec<f32> {
    machine.set("schedules", Value::Many(schedule.words().into_iter().map(Value::U).collect()));
    steps.iter().map(|&step| machine.call("schedule", vec![Value::U(0), Value::U(step)]).float()).collect()
}

fn failed(arithmetic: &Arithmetic, failed: &Failed) -> Failed {
    format!("{arithmetic:?}: {}", failed.message().unwrap_or_default()).into()
}

/// Within the tolerance of devices.
fn agrees(source: &str, schedule: &Schedule) -> Outcome {
    let mut machine = Machine::new(source)?;
    schedule.check()?;
    // All steps near ends, and some of those between.
    let steps: Vec<u32> = schedules::steps(schedule, 30, 200);
    for arithmetic in Arithmetic::all() {
        machine.arithmetic = arithmetic;
        let got = evaluate(&mut machine, schedule, &steps);
        schedules::compare(&steps, &got, |step| schedule.value(step)).map_err(|error| failed(&arithmetic, &error))?;
    }
    Ok(())
}

fn ends_are_exact(source: &str) -> Outcome {
    let mut machine = Machine::new(source)?;
    for arithmetic in Arithmetic::all() {
        machine.arithmetic = arithmetic;
        schedules::ends_are_exact(|schedule, steps| Ok(evaluate(&mut machine, schedule, steps)))
            .map_err(|error| failed(&arithmetic, &error))?;
    }
    Ok(())
}

/// Within 4 ulp at some steps from 1 to 10^7; to 10^5 where each step's are formed from those of the step before.
fn within_ulps(rule: &dyn AnyRule) -> Outcome {
    are_within_ulps(rule, &wgsl::prepare(rule, 0, 256, &StepKind::default()).source)
}

/// Divides by f32's largest number, whose reciprocal adapters flush that form `a * (1 / b)`: an H200 does.
fn huge_fromage() -> Fromage {
    Fromage { lr: 3e38, ..Fromage::default() }
}

fn are_within_ulps(rule: &dyn AnyRule, source: &str) -> Outcome {
    let mut machine = Machine::new(source)?;
    let most = if scalars::carries(rule) { 100_000 } else { 10_000_000 };
    let steps: Vec<u32> =
        (1..20).chain((0..60).map(|i| (20.0 * 1.25_f64.powi(i)) as u32)).chain([most]).filter(|&step| step <= most).collect();
    let mut words = rule.hyper_words().into_iter();
    let mut member = |field: &Field| match (field.wgsl, field.words().len()) {
        ("u32", _) => Value::U(words.next().unwrap_or_default()),
        (_, 1) => Value::F(f32::from_bits(words.next().unwrap_or_default())),
        (_, count) => Value::floats(&words.by_ref().take(count).map(f32::from_bits).collect::<Vec<_>>()),
    };
    let hyper = Value::Many(rule.hyper_fields().iter().map(&mut member).collect());
    let truths = scalars::truths(rule, &steps);
    for arithmetic in Arithmetic::all() {
        machine.arithmetic = arithmetic;
        for (&step, (before, truth)) in steps.iter().zip(&truths) {
            let before: Vec<f32> = (0..truth.len()).map(|index| before.get(index).map_or(0.0, |&x| x as f32)).collect();
            let got = machine.call("prepare", vec![hyper.clone(), Value::F(step as f32), Value::floats(&before)]).parts();
            for ((got, &truth), name) in got.iter().zip(truth).zip(rule.scalar_fields()) {
                let ulps = scalars::ulps(got.float(), truth);
                if ulps > scalars::MOST_ULPS {
                    return Err(format!("{arithmetic:?}: {name} at step {step}: {got:?}, expected {truth:e}, {ulps} ulp apart").into());
                }
            }
        }
    }
    Ok(())
}
