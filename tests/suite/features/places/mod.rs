//! Parameters that get other places between steps: bit for bit what parameters do that stay where they are, and nothing made without need.

mod pool;
mod random;
mod recorded;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::{AdamW, Binding, Clip, Group, Lion, LrScales, Optimizer, Options, Param};

use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (number, context) in contexts.iter().enumerate() {
        for seed in 0..6 {
            let seed = 100 * number as u64 + seed;
            trials.push(context.trial(format!("features/places/random/{seed}"), move |gpu| random::moves(gpu, seed)));
        }
        trials.push(context.trial("features/places/recorded-before".into(), recorded::recorded_before));
        trials.push(context.trial("features/places/nothing-is-made".into(), recorded::nothing_is_made));
    }
    trials
}

/// Where values and gradients of all parameters are.
type Places = Vec<(Binding, Binding)>;

fn buffer(gpu: &Gpu, bytes: u64) -> wgpu::Buffer {
    use wgpu::BufferUsages as Usage;
    let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false })
}

fn elements(shape: [usize; 2]) -> u64 {
    (shape[0] * shape[1]) as u64
}

/// The same parameters, in these places.
fn params(shapes: &[[usize; 2]], places: &Places, scales: &[Option<LrScales>]) -> Vec<Param> {
    let own = shapes.iter().zip(places).zip(scales).enumerate();
    own.map(|(index, ((shape, (value, gradient)), scales))| Param {
        lr_scales: scales.clone(),
        ..Param::new(format!("p{index}"), shape, value.clone(), gradient.clone())
    })
    .collect()
}

fn optimizer(gpu: &Gpu, params: Vec<Param>, clips: [Option<Clip>; 2], options: Options) -> Result<Optimizer, Failed> {
    let middle = params.len() / 2;
    let (first, second) = params.split_at(middle);
    let mut groups = [
        Group::new(AdamW { lr: 1e-2, ..AdamW::default() }, first.to_vec()),
        Group::new(Lion { lr: 1e-2, weight_decay: 0.1, ..Lion::default() }, second.to_vec()),
    ];
    groups.iter_mut().zip(clips).for_each(|(group, clip)| group.clip = clip);
    Ok(Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?)
}

fn write(gpu: &Gpu, binding: &Binding, data: &[f32]) {
    gpu.queue.write_buffer(binding.buffer(), binding.offset(), bytemuck::cast_slice(data));
}

fn submit(gpu: &Gpu, record: impl FnOnce(&mut wgpu::CommandEncoder) -> wgpu_optim::Result<()>) -> Outcome {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    record(&mut encoder)?;
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}

fn step(gpu: &Gpu, optimizer: &Optimizer) -> Outcome {
    submit(gpu, |encoder| {
        optimizer.step(encoder);
        Ok(())
    })
}
