//! What a step costs the host: time to record, and heap allocations.

use std::time::Instant;

use wgpu_optim::{AdamW, Binding, Clip, NormClip, Optimizer, Options, Schedule, Tensors};

use crate::data::{Source, buffer};
use crate::measure::{Contender, race};
use crate::peers::Empty;
use crate::report::Case;
use crate::{Bench, Result, separate};

const HOST: &str = "host";
const COUNTS: [usize; 3] = [1, 100, 10_000];
const LENGTH: usize = 100;
/// Steps in one encoder, so that the clock does not count.
const STEPS: u32 = 100;

/// Over the number of tensors in one bucket.
pub fn all(bench: &mut Bench) -> Result<()> {
    let empty = Empty::new(&bench.gpu.device);
    let mut optimizers = Vec::new();
    for count in COUNTS {
        let tensors = Tensors::new(&bench.gpu.device, (0..count).map(|index| (index.to_string(), [LENGTH])))?;
        optimizers.push((count, Optimizer::new(&bench.gpu.device, &bench.gpu.queue, AdamW::default(), tensors.params())?));
    }
    let dispatches = optimizers[0].1.dispatches();
    let device = &bench.gpu.device;
    let recorded = |record: &dyn Fn(&mut wgpu::CommandEncoder)| -> Result<f64> {
        let mut encoder = device.create_command_encoder(&Default::default());
        let start = Instant::now();
        (0..STEPS).for_each(|_| record(&mut encoder));
        Ok(start.elapsed().as_secs_f64() / f64::from(STEPS))
    };
    let mut contenders = Vec::new();
    for (count, optimizer) in &optimizers {
        contenders.push(Contender::clocked(format!("{count} tensors"), || recorded(&|encoder| optimizer.step(encoder))));
    }
    let by_hand = || recorded(&|encoder| empty.record(encoder, dispatches));
    contenders.push(Contender::clocked(format!("{dispatches} empty dispatches by hand"), by_hand));
    let mut timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    for count in COUNTS {
        let case =
            Case { group: HOST, name: format!("{count} tensors of {LENGTH}"), elements: count * LENGTH, tensors: count, bytes: None };
        bench.report.race(case, &timings);
        timings[..COUNTS.len()].rotate_left(1);
    }
    let base = timings[0].whole.median;
    bench.report.figure(HOST, "10,000 tensors over 1 tensor", timings[2].whole.median / base, "times the time");
    let by_hand = allocations(bench, |encoder| empty.record(encoder, dispatches));
    bench.report.figure(HOST, "heap allocations of 100 steps: empty dispatches by hand", by_hand, "");
    for (count, optimizer) in &optimizers {
        let ours = allocations(bench, |encoder| optimizer.step(encoder));
        bench.report.figure(HOST, format!("heap allocations of 100 steps: {count} tensors"), ours, "");
        bench.report.figure(HOST, format!("of them not wgpu's, a step: {count} tensors"), (ours - by_hand) / f64::from(STEPS), "");
    }
    optimizers.iter_mut().try_for_each(|(count, optimizer)| changes(bench, *count, optimizer))?;
    rebinding(bench)
}

/// Tensors that get other places.
const MOVED: usize = 400;
/// Elements by which they move at most.
const SPARE: usize = 4 * STEPS as usize;

/// The mean time in which tensors get other places, each in buffers of its own: what hosts like burn ask for in every step.
fn rebinding(bench: &mut Bench) -> Result<()> {
    let clipped = Options { clip: Clip::Norm(NormClip::default()), ..Options::default() };
    for (options, what) in [(Options::default(), ""), (clipped, ", clipped by a norm")] {
        let named = || (0..MOVED).map(|index| (index.to_string(), [LENGTH]));
        let source = Source::new(&bench.gpu, LENGTH * MOVED)?;
        let mut optimizer = separate::optimizer(bench, AdamW::default(), &source, named(), options)?;
        let size = 4 * (LENGTH + SPARE) as u64;
        let buffers =
            || named().map(|(name, _)| Ok((name, buffer(&bench.gpu, size)?, buffer(&bench.gpu, size)?))).collect::<Result<Vec<_>>>();
        let sets = [buffers()?, buffers()?];
        let at = |buffer: &wgpu::Buffer, call: usize| Binding::new(buffer, 16 * call as u64, 4 * LENGTH as u64);
        let mut mean = |name: &str, set: &mut dyn FnMut(&mut Optimizer, usize) -> wgpu_optim::Result<()>| -> Result<()> {
            let mut seconds = 0.0;
            for call in 0..STEPS as usize {
                let start = Instant::now();
                set(&mut optimizer, call)?;
                seconds += start.elapsed().as_secs_f64() / f64::from(STEPS);
                // What was written goes to the GPU.
                bench.gpu.queue.submit([]);
            }
            bench.report.figure(HOST, format!("{name}: {MOVED} tensors in buffers of their own{what}"), 1e6 * seconds, "us a call");
            Ok(())
        };
        let gradients = |call: usize| sets[call % 2].iter().map(move |(name, _, gradient)| (&**name, at(gradient, 0)));
        mean("set_gradients, two sets in turn", &mut |optimizer, call| optimizer.set_gradients(gradients(call)))?;
        let places =
            |set: usize, call: usize| sets[set].iter().map(move |(name, value, gradient)| (&**name, at(value, call), at(gradient, call)));
        mean("set_places, two sets in turn", &mut |optimizer, call| optimizer.set_places(places(call % 2, 0)))?;
        mean("set_places, other offsets in each call", &mut |optimizer, call| optimizer.set_places(places(0, call)))?;
    }
    Ok(())
}

/// A change of the optimizer, in the call of this number.
type Change = fn(&mut Optimizer, u32) -> wgpu_optim::Result<()>;

/// What the host may change before each step: the mean time of a call.
fn changes(bench: &mut Bench, count: usize, optimizer: &mut Optimizer) -> Result<()> {
    let changes: [(&str, Change); 3] = [
        ("set", |optimizer, call| optimizer.set(0, "lr", 1e-3 + 1e-6 * f64::from(call))),
        ("set_active of one", |optimizer, call| optimizer.set_active(["0"], call.is_multiple_of(2))),
        ("set_schedule, on and off", |optimizer, call| {
            optimizer.set_schedule(0, "lr", call.is_multiple_of(2).then_some(Schedule::Constant(1e-3)))
        }),
    ];
    for (name, change) in changes {
        // Twice before the clock starts, so that what is compiled once is there.
        (0..2).try_for_each(|call| change(optimizer, call))?;
        let start = Instant::now();
        (0..STEPS).try_for_each(|call| change(optimizer, call))?;
        let seconds = start.elapsed().as_secs_f64() / f64::from(STEPS);
        bench.report.figure(HOST, format!("{name}: {count} tensors"), 1e6 * seconds, "us a call");
    }
    Ok(())
}

/// Allocations of this thread while steps are recorded, the second time: then the encoder has what it keeps.
fn allocations(bench: &Bench, record: impl Fn(&mut wgpu::CommandEncoder)) -> f64 {
    let mut encoder = bench.gpu.device.create_command_encoder(&Default::default());
    record(&mut encoder);
    allocation_counter::measure(|| (0..STEPS).for_each(|_| record(&mut encoder))).count_total as f64
}
