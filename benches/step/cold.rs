//! A fresh device: how long it takes until the first step is done, and what of it is the pipelines.

use std::time::Instant;

use wgpu_optim::adapter::{DeviceLimits, Gpu, request};
use wgpu_optim::rules;
use wgpu_optim::{AdamW, Optimizer, Tensors};

use crate::data::Source;
use crate::measure::{Contender, race};
use crate::peers::{Empty, Scalar, ScalarBuffers, burn};
use crate::report::Case;
use crate::{Bench, Result};

const COLD: &str = "cold";
/// A layer, and a model.
const MODELS: [(&str, usize, usize); 2] = [("one tensor of 100,000", 1, 100_000), ("1,000 of 1,000", 1000, 1000)];
/// How a fresh device comes to its first step of tensors of these lengths.
type Start = fn(&Gpu, &[usize]) -> Result<()>;

/// Time to the first step, on a device of its own each time; and to make an optimizer of each rule, on a device that is warm.
pub fn all(bench: &mut Bench) -> Result<()> {
    for (name, tensors, length) in MODELS {
        first_step(bench, name, vec![length; if bench.is_smoke() { tensors.min(10) } else { tensors }])?;
    }
    pipelines(bench)
}

fn first_step(bench: &mut Bench, name: &str, lengths: Vec<usize>) -> Result<()> {
    let first = |start: Start| {
        let lengths = &lengths;
        move || {
            let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
            let clock = Instant::now();
            start(&gpu, lengths)?;
            gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
            Ok(clock.elapsed().as_secs_f64())
        }
    };
    let mut contenders = vec![
        Contender::clocked("first step", first(ours)),
        Contender::clocked("by hand, 64", first(by_hand)),
        Contender::clocked("two empty dispatches", first(empty)),
    ];
    if bench.cli.burn.is_some() {
        // A process of its own each time, and its device is there before the clock starts.
        let shapes: Vec<Vec<usize>> = lengths.iter().map(|&n| vec![n]).collect();
        let bench = &*bench;
        contenders.push(Contender::clocked("burn", move || burn(bench).ok_or("no --burn")??.first_step(&shapes)));
    }
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let name = format!("AdamW, to the first step, {name}");
    bench.report.race(Case { group: COLD, name, elements: lengths.iter().sum(), tensors: lengths.len(), bytes: None }, &timings);
    Ok(())
}

fn pipelines(bench: &mut Bench) -> Result<()> {
    let start = Instant::now();
    pollster::block_on(request(DeviceLimits::Adapter))?;
    bench.report.figure(COLD, "an adapter and a device", start.elapsed().as_secs_f64() * 1e3, "ms");
    for rule in rules::all() {
        let gpu = &bench.gpu;
        // A matrix, for which some rules have more kernels than for a vector.
        let tensors = Tensors::new(&gpu.device, [("w", [4, 4])])?;
        let make = || {
            let start = Instant::now();
            let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), tensors.params())?;
            let seconds = start.elapsed().as_secs_f64();
            drop(optimizer);
            Ok(seconds)
        };
        let timings = race(&bench.clock(), &mut [Contender::clocked(rule.name(), make)], bench.effort().times(0.1))?;
        bench
            .report
            .race(Case { group: COLD, name: format!("{}, its pipelines", rule.name()), elements: 16, tensors: 1, bytes: None }, &timings);
    }
    Ok(())
}

fn ours(gpu: &Gpu, lengths: &[usize]) -> Result<()> {
    let named = lengths.iter().enumerate().map(|(index, &n)| (index.to_string(), [n]));
    let tensors = Tensors::new(&gpu.device, named)?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), tensors.params())?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}

fn by_hand(gpu: &Gpu, lengths: &[usize]) -> Result<()> {
    let longest = lengths.iter().copied().max().unwrap_or_default();
    let source = Source::new(gpu, longest)?;
    let mut scalar = Scalar::new(gpu, &ScalarBuffers::new(gpu, &source, lengths.iter().copied())?, 64);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    scalar.record(&mut encoder.begin_compute_pass(&Default::default()));
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}

/// What no library can be faster than.
fn empty(gpu: &Gpu, _lengths: &[usize]) -> Result<()> {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    Empty::new(&gpu.device).record(&mut encoder, 2);
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}
