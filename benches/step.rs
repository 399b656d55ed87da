//! One step of every rule on the GPU, against a WGSL copy of the same number of bytes on the same adapter, and against this crate's own CPU
//! backend: `cargo bench`. Medians of wall time from submission to idle; random data.
//!
//! `cargo bench -- --smoke` runs one small size, to see that everything runs.

use std::error::Error;
use std::time::{Duration, Instant};

use wgpu_optim::adapter::{Allowance, Gpu, request};
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Optimizer, Tensors, rules};

/// Inside the caches, and well past them.
const SIZES: [usize; 3] = [100_000, 1_000_000, 8_000_000];
const REPEATS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo test --benches` passes no `--bench`: then, as with `--smoke`, everything only has to run.
    let arguments: Vec<String> = std::env::args().collect();
    let smoke = arguments.iter().any(|argument| argument == "--smoke") || !arguments.iter().any(|argument| argument == "--bench");
    let gpu = match pollster::block_on(request(Allowance::Adapter)) {
        Ok(gpu) => gpu,
        Err(error) if smoke => {
            eprintln!("skipped: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    println!("adapter: {} ({} {})\n", gpu.info.name, gpu.info.driver, gpu.info.driver_info);
    println!("{:<10} {:>10} {:>6} {:>12} {:>8} {:>10} {:>12} {:>8}", "rule", "n", "bytes", "gpu", "GB/s", "of copy", "cpu", "GB/s");
    for &n in if smoke { &SIZES[..1] } else { &SIZES[..] } {
        for rule in rules::all() {
            let bytes = n * rule.bytes_per_parameter();
            let (gpu_time, copy, cpu) = (on_gpu(&gpu, &*rule, n)?, copied(&gpu, bytes), on_cpu(&*rule, n)?);
            let rate = |time: Duration| bytes as f64 / time.as_secs_f64() / 1e9;
            println!(
                "{:<10} {n:>10} {:>6} {gpu_time:>12.2?} {:>8.2} {:>10.2} {cpu:>12.2?} {:>8.2}",
                rule.name(),
                rule.bytes_per_parameter(),
                rate(gpu_time),
                copy.as_secs_f64() / gpu_time.as_secs_f64(),
                rate(cpu),
            );
        }
    }
    Ok(())
}

/// The median of repeated runs, after two to warm up.
fn median(mut run: impl FnMut()) -> Duration {
    let mut time = || {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    let mut times: Vec<Duration> = (0..2 + REPEATS).map(|_| time()).skip(2).collect();
    times.sort_unstable();
    times[REPEATS / 2]
}

/// Uniform in (-0.5, 0.5).
fn random(n: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..n).map(|_| next()).collect()
}

fn finish(gpu: &Gpu, encoder: wgpu::CommandEncoder) {
    gpu.queue.submit([encoder.finish()]);
    // An error here is a lost device, which the figures then show.
    gpu.device.poll(wgpu::PollType::wait_indefinitely()).map(drop).unwrap_or_default();
}

fn on_gpu(gpu: &Gpu, rule: &dyn AnyRule, n: usize) -> Result<Duration, Box<dyn Error>> {
    let tensors = Tensors::new(&gpu.device, [("w", [n])])?;
    tensors.write_value(&gpu.queue, "w", &random(n))?;
    tensors.write_gradient(&gpu.queue, "w", &random(n))?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), tensors.params())?;
    Ok(median(|| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        finish(gpu, encoder);
    }))
}

fn on_cpu(rule: &dyn AnyRule, n: usize) -> Result<Duration, Box<dyn Error>> {
    let mut optimizer = CpuOptimizer::<f32>::new(rule.boxed(), [("w", n)])?;
    let (mut value, gradient) = (random(n), random(n));
    let mut outcome = Ok(());
    let time = median(|| {
        if let Err(error) = optimizer.step(&mut [&mut value], &[Some(&gradient)]) {
            outcome = Err(error);
        }
    });
    outcome?;
    Ok(time)
}

const COPY: &str = "
@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> target_: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) invocation: u32) {
    for (var i = workgroup.x * 1024u + invocation; i < min(arrayLength(&source), (workgroup.x + 1u) * 1024u); i += 64u) {
        target_[i] = source[i];
    }
}";

/// A copy that reads half of `bytes` and writes the other half, in dispatches that each bind at most 64 MiB.
fn copied(gpu: &Gpu, bytes: usize) -> Duration {
    let source = wgpu::ShaderSource::Wgsl(COPY.into());
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let half = (bytes / 2).next_multiple_of(16);
    let part = half.min(64 << 20);
    let groups: Vec<(wgpu::BindGroup, u32)> = (0..half.div_ceil(part))
        .map(|index| {
            let size = part.min(half - index * part) as u64;
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            let buffer = || gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
            let (source, target) = (buffer(), buffer());
            gpu.queue.write_buffer(&source, 0, bytemuck::cast_slice(&random(size as usize / 4)));
            let entries = [(0, &source), (1, &target)]
                .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() });
            let layout = pipeline.get_bind_group_layout(0);
            let descriptor = wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries };
            (gpu.device.create_bind_group(&descriptor), (size / 16).div_ceil(1024) as u32)
        })
        .collect();
    median(|| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        for (group, workgroups) in &groups {
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(*workgroups, 1, 1);
        }
        drop(pass);
        finish(gpu, encoder);
    })
}
