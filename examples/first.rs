//! The README's first program: a line through points, in buffers of its own.

use std::error::Error;

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::wgpu::util::{BufferInitDescriptor, DeviceExt};
use wgpu_optim::{Adam, Optimizer, Param, wgpu};

/// Writes the gradient of the mean squared error of `slope * x + intercept`.
const BACKWARD: &str = "
@group(0) @binding(0) var<storage, read> points: array<vec2f>;
@group(0) @binding(1) var<storage, read> line: vec2f; // slope, intercept
@group(0) @binding(2) var<storage, read_write> gradient: vec2f;
@compute @workgroup_size(1)
fn main() {
    var sum = vec2f();
    for (var i = 0u; i < arrayLength(&points); i++) {
        let error = line.x * points[i].x + line.y - points[i].y;
        sum += 2.0 * error * vec2f(points[i].x, 1.0);
    }
    gradient = sum / f32(arrayLength(&points));
}";

pub(crate) fn fit() -> Result<Vec<f32>, Box<dyn Error>> {
    // A device, if you have none yet; else yours, as it is.
    let wgpu_optim::adapter::Gpu { device, queue, .. } = pollster::block_on(request(DeviceLimits::Adapter))?;

    // Your buffers: STORAGE is all that a step needs. Reading values and saving them needs COPY_SRC, writing and restoring them COPY_DST.
    let buffer = |contents: &[f32]| {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        device.create_buffer_init(&BufferInitDescriptor { label: None, contents: bytemuck::cast_slice(contents), usage })
    };
    let points: Vec<f32> = (0..64).map(|i| i as f32 / 63.0).flat_map(|x| [x, 2.0 * x - 1.0]).collect();
    let (points, line, gradient) = (buffer(&points), buffer(&[0.0; 2]), buffer(&[0.0; 2]));

    // Your backward pass.
    let source = wgpu::ShaderSource::Wgsl(BACKWARD.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let resources = [&points, &line, &gradient].map(wgpu::Buffer::as_entire_binding);
    let entries: Vec<_> = (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
    let layout = pipeline.get_bind_group_layout(0);
    let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });

    // The optimizer: a name, a shape, where the values are and where their gradient is.
    let params = [Param::new("line", &[2], &line, &gradient)];
    let optimizer = Optimizer::new(&device, &queue, Adam { lr: 0.1, ..Default::default() }, params)?;
    for _ in 0..500 {
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
        drop(pass);
        optimizer.step(&mut encoder); // only records: nothing is submitted, waited for or allocated
        queue.submit([encoder.finish()]);
    }
    Ok(pollster::block_on(optimizer.read_value("line"))?)
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("slope and intercept: {:?}", fit()?); // close to 2 and -1
    Ok(())
}
