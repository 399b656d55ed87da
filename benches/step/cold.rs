//! A fresh device: how long it takes until the first step is done, and what of it is the pipelines.

use std::time::Instant;

use wgpu_optim::adapter::{Allowance, Gpu, request};
use wgpu_optim::rules;
use wgpu_optim::{AdamW, Optimizer, Tensors};

use crate::data::Source;
use crate::measure::{Contender, race};
use crate::peers::{Scalar, ScalarBuffers};
use crate::report::Case;
use crate::{Bench, Result};

const COLD: &str = "cold";
/// Some layers.
const N: usize = 100_000;

/// Time to the first step, on a device of its own each time; and to make an optimizer of each rule, on a device that is warm.
pub fn all(bench: &mut Bench) -> Result<()> {
    let first = |step: fn(&Gpu) -> Result<()>| {
        move || {
            let gpu = pollster::block_on(request(Allowance::Adapter))?;
            let start = Instant::now();
            step(&gpu)?;
            gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
            Ok(start.elapsed().as_secs_f64())
        }
    };
    let mut contenders = [Contender::clocked("first step", first(ours)), Contender::clocked("by hand, 64", first(by_hand))];
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    let case = |name: &str| Case { group: COLD, name: name.to_owned(), elements: N, tensors: 1, bytes: None };
    bench.report.race(case("AdamW, to the first step"), &timings);
    let start = Instant::now();
    pollster::block_on(request(Allowance::Adapter))?;
    bench.report.figure(COLD, "an adapter and a device", start.elapsed().as_secs_f64() * 1e3, "ms");
    for rule in rules::all() {
        let gpu = &bench.gpu;
        let tensors = Tensors::new(&gpu.device, [("w", [1])])?;
        let make = || {
            let start = Instant::now();
            let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), tensors.params())?;
            let seconds = start.elapsed().as_secs_f64();
            drop(optimizer);
            Ok(seconds)
        };
        let timings = race(&bench.clock(), &mut [Contender::clocked(rule.name(), make)], bench.effort().times(0.1))?;
        bench.report.race(Case { elements: 1, ..case(&format!("{}, its pipelines", rule.name())) }, &timings);
    }
    Ok(())
}

fn ours(gpu: &Gpu) -> Result<()> {
    let tensors = Tensors::new(&gpu.device, [("w", [N])])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), tensors.params())?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}

fn by_hand(gpu: &Gpu) -> Result<()> {
    let source = Source::new(gpu, N)?;
    let mut scalar = Scalar::new(gpu, &ScalarBuffers::new(gpu, &source, [N])?, 64);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    scalar.record(&mut encoder.begin_compute_pass(&Default::default()));
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}
