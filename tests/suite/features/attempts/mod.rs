//! Attempts to break a step: each row is a promise of the documentation under unusual circumstances.

mod changing;
mod clipping;
mod extremes;
mod given;
mod huge;
mod policies;
mod telling;

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::Sgd;
use wgpu_optim::adapter::Gpu;

use crate::context::Context;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows = [&clipping::ROWS[..], &telling::ROWS, &changing::ROWS, &extremes::ROWS, &policies::ROWS, &given::ROWS, &huge::ROWS].concat();
    let context = |name: &str| &contexts[if name.contains("binding-holds") { 2 } else { 0 }];
    let row = |(name, run): super::Row| context(name).trial(format!("features/attempts/{name}"), run);
    let mut trials: Vec<Trial> = rows.into_iter().map(row).collect();
    trials.push(Trial::test("features/attempts/literals-within-f32", extremes::literals_within_f32));
    trials.push(Trial::test("features/attempts/cpu-norm-of-nan", clipping::cpu_norm_of_nan));
    trials.push(Trial::test("features/attempts/cpu-adaptive-nan", clipping::cpu_adaptive_nan));
    trials.push(Trial::test("features/attempts/cpu-huge-shape", extremes::cpu_huge_shape));
    trials.push(Trial::test("features/attempts/cpu-missing-slices", given::cpu_missing_slices));
    trials
}

fn submit(gpu: &Gpu, record: impl FnOnce(&mut wgpu::CommandEncoder)) {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    record(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
}

fn sgd(lr: f64) -> Sgd {
    Sgd { lr, ..Sgd::default() }
}
