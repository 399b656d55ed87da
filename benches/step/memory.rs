//! Device memory per parameter, as wgpu's allocator counts it, against the byte model.

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::rule::Extents;
use wgpu_optim::{Optimizer, Tensors, rules};

use crate::{Bench, Result};

const MEMORY: &str = "memory";
const N: usize = 10_000_000;
/// Columns: some rules keep less of a matrix than of a vector.
const WIDTH: usize = 1000;

/// Each rule on a device of its own, after its first step, so that nothing else is counted.
pub fn all(bench: &mut Bench) -> Result<()> {
    let n = bench.sizes(&[N])[0];
    for rule in rules::all() {
        let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
        let allocated = || gpu.device.generate_allocator_report().map(|report| report.total_allocated_bytes);
        let Some(before) = allocated() else {
            bench.report.open(MEMORY, "bytes per parameter", "this backend of wgpu does not count what it allocates");
            return Ok(());
        };
        let shape = [n / WIDTH, WIDTH];
        let tensors = Tensors::new(&gpu.device, [("w", shape)])?;
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), tensors.params())?;
        let peak = allocated().unwrap_or(before);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
        let peak = peak.max(allocated().unwrap_or(before)) - before;
        let extents = Extents::of(&shape);
        let states = rule.active_states_for(true).into_iter().map(|state| extents.count(rule.states()[state].extent));
        let model = 8 * n as u64 + 4 * states.sum::<u64>();
        bench.report.figure(MEMORY, format!("{}, n = {n}: bytes per parameter", rule.name()), peak as f64 / n as f64, "bytes");
        let excess = 100.0 * (peak as f64 / model as f64 - 1.0);
        bench.report.figure(MEMORY, format!("{}, n = {n}: above value, gradient and state", rule.name()), excess, "%");
    }
    Ok(())
}
