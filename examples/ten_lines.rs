//! The README's ten lines, with a model small enough to read: 1,000 values that are pulled towards a target.

use std::error::Error;

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::{AdamW, Optimizer, Tensors};

/// What the README shows.
///
/// # Errors
///
/// Those of `backward`, [`Tensors::new`] and [`Optimizer::new`].
pub fn train<B: Fn(&mut wgpu::CommandEncoder)>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    backward: impl FnOnce(&Tensors) -> wgpu_optim::Result<B>,
    steps: usize,
) -> wgpu_optim::Result<Optimizer> {
    let tensors = Tensors::new(device, [("w", [1000])])?; // names and shapes, as many as you like
    let backward = backward(&tensors)?; // your passes bind `tensors.value("w")?.resource()` and `tensors.gradient("w")?.resource()`
    let optimizer = Optimizer::new(device, queue, AdamW { lr: 1e-2, ..Default::default() }, tensors.params())?;
    for _ in 0..steps {
        let mut encoder = device.create_command_encoder(&Default::default());
        backward(&mut encoder); // fills the gradients
        optimizer.step(&mut encoder);
        queue.submit([encoder.finish()]);
    }
    Ok(optimizer)
}

/// The gradient of `0.5 * (value - target)^2`.
const BACKWARD: &str = "
@group(0) @binding(0) var<storage, read> value: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradient: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if id.x < arrayLength(&value) {
        let target_value = sin(f32(id.x));
        gradient[id.x] = value[id.x] - target_value;
    }
}";

/// Trains and returns the largest distance from the target.
///
/// # Errors
///
/// An adapter that is not there, or what the optimizer refuses.
pub fn run() -> Result<f32, Box<dyn Error>> {
    let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
    let source = wgpu::ShaderSource::Wgsl(BACKWARD.into());
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("backward"), source });
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("backward"),
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let backward = |tensors: &Tensors| {
        let entries = [
            wgpu::BindGroupEntry { binding: 0, resource: tensors.value("w")?.resource() },
            wgpu::BindGroupEntry { binding: 1, resource: tensors.gradient("w")?.resource() },
        ];
        let layout = pipeline.get_bind_group_layout(0);
        let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        Ok(move |encoder: &mut wgpu::CommandEncoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(1000_u32.div_ceil(64), 1, 1);
        })
    };
    let optimizer = train(&gpu.device, &gpu.queue, backward, 500)?;
    let values = pollster::block_on(optimizer.read_value("w"))?;
    Ok(values.iter().enumerate().map(|(i, value)| (value - (i as f32).sin()).abs()).fold(0.0, f32::max))
}

#[allow(dead_code, reason = "the test suite runs `run` itself")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("after 500 steps the values are within {:.4} of their targets", run()?);
    Ok(())
}
