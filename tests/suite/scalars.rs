//! The per-step scalars that `prepare` forms on the adapter, against f64, for step counts from 1 to 10^7.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{AnyRule, Real};
use wgpu_optim::{Optimizer, Tensors, rules};

use crate::context::{Context, Outcome};

pub const MOST_ULPS: f64 = 4.0;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all().into_iter().filter(|rule| !rule.scalar_fields().is_empty()) {
        for (case, configured) in rule.cases() {
            let name = format!("scalars/{}/{case}", rule.name());
            let own = configured.clone();
            trials.push(contexts[0].trial_of(&*configured, name, move |gpu| within_ulps(gpu, &*own)));
        }
    }
    for beta in [0.0, 0.1, 0.5, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 0.99999, 0.9999999] {
        let rule = wgpu_optim::Adam { beta1: beta, beta2: beta, ..Default::default() };
        trials.push(contexts[0].trial(format!("scalars/Adam/beta-{beta}"), move |gpu| within_ulps(gpu, &rule)));
    }
    trials
}

/// Every step up to 1,000, then some 1,500 more, ever further apart.
fn steps() -> Vec<u32> {
    let sparse = (0..).map(|i| (1000.0 * 1.00615_f64.powi(i)) as u32).take_while(|&step| step < 10_000_000);
    (1..1000).chain(sparse).chain([10_000_000]).collect()
}

/// The scalars before and after each of these steps, in f64, from the first step on, since a rule may carry some along. A rule that
/// carries them as f32 starts each step from the nearest f32.
pub fn truths(rule: &dyn AnyRule, steps: &[u32]) -> Vec<(Vec<f64>, Vec<f64>)> {
    let twin = <f64 as Real>::twin(rule);
    if !carries(rule) {
        return steps.iter().map(|&step| (twin.prepare(&[], step, &[]), twin.prepare(&[], step, &[]))).collect();
    }
    let (mut last, mut truths) = (Vec::new(), Vec::new());
    let mut wanted = steps.iter().copied().peekable();
    for step in 1..=steps.iter().copied().max().unwrap_or_default() {
        let next = twin.prepare(&[], step, &last);
        while wanted.next_if_eq(&step).is_some() {
            let before: Vec<f64> = last.iter().map(|&x| f64::from(x as f32)).collect();
            truths.push((last.clone(), twin.prepare(&[], step, &before)));
        }
        last = next;
    }
    truths.iter_mut().for_each(|(before, after)| before.resize(after.len(), 0.0));
    truths
}

/// Whether a step's scalars depend on those of the step before.
pub fn carries(rule: &dyn AnyRule) -> bool {
    let twin = <f64 as Real>::twin(rule);
    let first = (1..8).scan(Vec::new(), |last, step| Some(core::mem::replace(last, twin.prepare(&[], step, last))));
    (1..8).zip(first).any(|(step, last)| twin.prepare(&[], step, &last) != twin.prepare(&[], step, &[]))
}

/// One parameter for each step count, so that one dispatch forms them all.
fn within_ulps(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let steps = steps();
    // Of a number without axes no rule keeps squares, which would take minutes.
    let tensors = Tensors::new(&gpu.device, steps.iter().enumerate().map(|(index, step)| (format!("{index}@{step}"), [])))?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), tensors.params())?;
    let truths = truths(rule, &steps);
    for ((name, step), (before, _)) in optimizer.names().zip(&steps).zip(&truths) {
        optimizer.write_steps(name, step - 1)?;
        optimizer.write_scalars(name, &before.iter().map(|&x| x as f32).collect::<Vec<_>>())?;
    }
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    let found = pollster::block_on(optimizer.read_scalars())?;
    // Of a value of 0 without a gradient.
    let of_zero = |scalars: &[f64]| {
        let twin = <f64 as Real>::twin(rule);
        let zeros = vec![0.0; rule.members().count()];
        let stages = rule.stages().iter().enumerate().filter(|(_, stage)| stage.resumes);
        stages.fold(scalars.to_vec(), |scalars, (stage, _)| twin.resume(stage, &[], &scalars, &zeros))
    };
    let mut worst = vec![0.0_f64; rule.scalar_fields().len()];
    for ((found, &step), (_, truth)) in found.iter().zip(&steps).zip(&truths) {
        for (index, (&found, truth)) in found.iter().zip(of_zero(truth)).enumerate() {
            let ulps = ulps(found, truth);
            let name = rule.scalar_fields()[index];
            assert!(ulps <= MOST_ULPS, "{name} at step {step}: got {found:e}, expected {truth:e}, {ulps} ulp apart");
            worst[index] = worst[index].max(ulps);
        }
    }
    eprintln!("{} {}: {:.2?}", gpu.info.name, rule.name(), rule.scalar_fields().iter().zip(worst).collect::<Vec<_>>());
    Ok(())
}

/// The distance in f32 units in the last place of the truth.
pub fn ulps(found: f32, truth: f64) -> f64 {
    let nearest = truth as f32;
    let ulp = f64::from(nearest.abs().next_up()) - f64::from(nearest.abs());
    if !found.is_finite() { f64::INFINITY } else { (f64::from(found) - truth).abs() / ulp }
}
