//! Evaluates schedules on an adapter, and checks that broken kernels are noticed.

use std::sync::{Arc, mpsc};

use libtest_mimic::{Failed, Trial};
use wgpu::util::{BufferInitDescriptor, DeviceExt};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::schedule::{self, Schedule};
use wgpu_optim::testing::{module, must_fail};

use super::{cases, compare, nested};
use crate::context::{Context, Outcome};

const MAIN: &str = "
@group(0) @binding(0) var<storage, read> schedules: array<u32>;
@group(0) @binding(1) var<storage, read> queries: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x < arrayLength(&queries) {
        values[id.x] = schedule(queries[id.x].x, queries[id.x].y);
    }
}
";

pub fn source() -> String {
    [MAIN, include_str!("../../../shaders/lib/numerics.wgsl"), &schedule::wgsl()].concat()
}

pub fn kernel_is_valid() -> Outcome {
    module(&source())?;
    Ok(())
}

pub fn trial(context: &Arc<Context>, name: &'static str, schedule: Schedule) -> Trial {
    context.trial(format!("schedules/{name}"), move |gpu| {
        schedule.check()?;
        let steps = steps(&schedule, 1000, 5000);
        let worst = compare(&steps, &evaluate(gpu, &schedule, &steps)?, |step| schedule.value(step))?;
        eprintln!("{} {name}: {} pieces, worst {worst:.2e}", gpu.info.name, schedule.words().len() / schedule::WORDS);
        Ok(())
    })
}

/// The first ones, two on either side of every end and restart, the last before 10^7, and some between, ever further apart.
pub fn steps(schedule: &Schedule, first: u32, between: u32) -> Vec<u32> {
    let mut ends = vec![10_000_000_u32];
    let mut end = 0_u32;
    for piece in schedule.words().chunks(schedule::WORDS) {
        end = end.saturating_add(piece[0]);
        ends.push(end);
    }
    if let Schedule::CosineRestarts { steps, mult, .. } = *schedule {
        let lengths = (0..1000).scan(steps, |length, _| Some(core::mem::replace(length, length.saturating_mul(mult))));
        ends.extend(lengths.scan(0_u32, |end, length| {
            *end = end.saturating_add(length);
            Some(*end)
        }));
    }
    let near = ends.into_iter().flat_map(|end| end.saturating_sub(2)..=end.saturating_add(2));
    let sparse = (0..between).map(|i| (1000.0 * 10_000_f64.powf(f64::from(i) / f64::from(between))) as u32);
    let mut steps: Vec<u32> = (0..first).chain(near).chain(sparse).filter(|&step| step <= 10_000_000).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// The schedule's values at these steps, by the adapter.
pub fn evaluate(gpu: &Gpu, schedule: &Schedule, steps: &[u32]) -> Result<Vec<f32>, Failed> {
    let queries: Vec<[u32; 2]> = steps.iter().map(|&step| [0, step]).collect();
    run(gpu, &schedule.words(), &queries)
}

/// One after the other in one buffer, each asked for a few steps.
pub fn several(gpu: &Gpu) -> Outcome {
    let (mut words, mut queries, mut truths) = (Vec::new(), Vec::new(), Vec::new());
    for (_, schedule) in cases() {
        let steps = [0, 1, 99, 1000, 12_345];
        queries.extend(steps.map(|step| [words.len() as u32, step]));
        truths.extend(steps.map(|step| schedule.value(step)));
        words.extend(schedule.words());
    }
    let got = run(gpu, &words, &queries)?;
    let places: Vec<u32> = (0..truths.len() as u32).collect();
    compare(&places, &got, |place| truths[place as usize])?;
    Ok(())
}

/// Counts saturate at 2^32 - 1, where a schedule still has a value.
pub fn last_step(gpu: &Gpu) -> Outcome {
    let schedules = [nested(), Schedule::CosineRestarts { from: 0.1, to: 0.01, steps: 3, mult: 7 }, Schedule::Constant(2.0)];
    for schedule in schedules {
        let steps = [u32::MAX - 2, u32::MAX - 1, u32::MAX];
        compare(&steps, &evaluate(gpu, &schedule, &steps)?, |step| schedule.value(step))?;
    }
    Ok(())
}

/// Kernels with one mistake each, which some schedule has to notice.
pub fn mistakes_are_noticed(gpu: &Gpu) -> Outcome {
    let mistakes = [
        ("-4.6816510e-3", "-4.6826510e-3"),
        ("f32(piece.end - k) + piece.tail", "f32(piece.end - k)"),
        ("f32(k) + piece.head", "f32(k)"),
        ("select(m - span, -other, whole == 0)", "-other"),
        ("(1.0 - scale) - scale * series", "1.0 - (scale + scale * series)"),
        ("f32(count) * ln_low + ", ""),
        ("k / piece.times", "k"),
        ("cycle * times", "cycle"),
        ("next += SCHEDULE_WORDS", "next += SCHEDULE_WORDS; k += 1u"),
    ];
    for (part, instead) in mistakes {
        let wrong = source().replace(part, instead);
        assert_ne!(wrong, source(), "no {part} in the kernel");
        let agree = || -> Outcome {
            for (_, schedule) in cases() {
                let steps = steps(&schedule, 1000, 5000);
                let queries: Vec<[u32; 2]> = steps.iter().map(|&step| [0, step]).collect();
                compare(&steps, &run_source(gpu, &wrong, &schedule.words(), &queries)?, |step| schedule.value(step))?;
            }
            Ok(())
        };
        must_fail(part, agree())?;
    }
    Ok(())
}

pub fn run(gpu: &Gpu, words: &[u32], queries: &[[u32; 2]]) -> Result<Vec<f32>, Failed> {
    run_source(gpu, &source(), words, queries)
}

fn run_source(gpu: &Gpu, source: &str, words: &[u32], queries: &[[u32; 2]]) -> Result<Vec<f32>, Failed> {
    let (device, queue) = (&gpu.device, &gpu.queue);
    let input =
        |contents: &[u8]| device.create_buffer_init(&BufferInitDescriptor { label: None, contents, usage: wgpu::BufferUsages::STORAGE });
    let size = 4 * queries.len() as u64;
    let output = |usage| device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    let values = output(wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC);
    let readable = output(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
    let source = wgpu::ShaderSource::Wgsl(source.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let buffers = [input(bytemuck::cast_slice(words)), input(bytemuck::cast_slice(queries)), values.clone()];
    let entries: Vec<_> =
        (0..).zip(&buffers).map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }).collect();
    let layout = pipeline.get_bind_group_layout(0);
    let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &bind_group, &[]);
    pass.dispatch_workgroups((queries.len() as u32).div_ceil(64), 1, 1);
    drop(pass);
    encoder.copy_buffer_to_buffer(&values, 0, &readable, 0, size);
    queue.submit([encoder.finish()]);
    let (sender, receiver) = mpsc::channel();
    readable.map_async(wgpu::MapMode::Read, .., move |result| drop(sender.send(result)));
    device.poll(wgpu::PollType::wait_indefinitely())?;
    receiver.recv()??;
    let bytes = readable.get_mapped_range(..)?.to_vec();
    Ok(bytemuck::cast_slice(&bytes).to_vec())
}
