//! What people write today: a uniform write, a bind group and a dispatch for each tensor.

use bytemuck::{Pod, Zeroable};
use wgpu_optim::AdamW;
use wgpu_optim::adapter::Gpu;

use crate::Result;
use crate::data::{Source, buffer};
use crate::traffic::{fold, resource};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Settings {
    lr: f32,
    beta1: f32,
    beta2: f32,
    eps: f32,
    weight_decay: f32,
    correction1: f32,
    correction2: f32,
    n: u32,
}

/// The tensors: values, gradients and two moments in buffers of their own.
pub struct ScalarBuffers {
    tensors: Vec<(usize, [wgpu::Buffer; 4])>,
}

impl ScalarBuffers {
    pub fn new(gpu: &Gpu, source: &Source, lengths: impl IntoIterator<Item = usize>) -> Result<Self> {
        let tensor = |n: usize| -> Result<_> {
            let make = || buffer(gpu, 4 * n as u64);
            let buffers = [make()?, make()?, make()?, make()?];
            source.copy(gpu, 0, &buffers[0], 0, n);
            source.copy(gpu, 1, &buffers[1], 0, n);
            Ok((n, buffers))
        };
        Ok(ScalarBuffers { tensors: lengths.into_iter().map(tensor).collect::<Result<_>>()? })
    }
}

/// The optimizer, with workgroups of one size.
pub struct Scalar {
    queue: wgpu::Queue,
    pipeline: wgpu::ComputePipeline,
    parts: Vec<Part>,
    rule: AdamW,
    step: i32,
}

/// A tensor, or what of it can be bound at once.
struct Part {
    uniform: wgpu::Buffer,
    group: wgpu::BindGroup,
    workgroups: [u32; 2],
    n: u32,
}

impl Scalar {
    pub fn new(gpu: &Gpu, buffers: &ScalarBuffers, size: u32) -> Self {
        let pipeline = pipeline(&gpu.device, size);
        let (layout, limits) = (pipeline.get_bind_group_layout(0), gpu.device.limits());
        let most = limits.max_storage_buffer_binding_size / 256 * 256;
        let mut parts = Vec::new();
        for (n, buffers) in &buffers.tensors {
            let bytes = 4 * *n as u64;
            for start in (0..bytes.div_ceil(most)).map(|index| index * most) {
                let part = most.min(bytes - start);
                let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
                let descriptor = wgpu::BufferDescriptor { label: None, size: 32, usage, mapped_at_creation: false };
                let uniform = gpu.device.create_buffer(&descriptor);
                let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }];
                let bound = buffers.iter().zip(1..);
                entries.extend(bound.map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: resource(buffer, start, part) }));
                let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
                parts.push(Part { uniform, group, workgroups: fold((part / 4).div_ceil(u64::from(size)), &limits), n: (part / 4) as u32 });
            }
        }
        Scalar { queue: gpu.queue.clone(), pipeline, parts, rule: AdamW::default(), step: 0 }
    }

    pub fn record(&mut self, pass: &mut wgpu::ComputePass<'_>) {
        self.step += 1;
        let AdamW { lr, beta1, beta2, eps, weight_decay, .. } = self.rule;
        let correction = |beta: f64| (1.0 - beta.powi(self.step)) as f32;
        let [lr, eps, weight_decay] = [lr, eps, weight_decay].map(|value| value as f32);
        let (correction1, correction2) = (correction(beta1), correction(beta2));
        let (beta1, beta2) = (beta1 as f32, beta2 as f32);
        pass.set_pipeline(&self.pipeline);
        for Part { uniform, group, workgroups: [x, y], n } in &self.parts {
            let settings = Settings { lr, beta1, beta2, eps, weight_decay, correction1, correction2, n: *n };
            self.queue.write_buffer(uniform, 0, bytemuck::bytes_of(&settings));
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(*x, *y, 1);
        }
    }
}

fn pipeline(device: &wgpu::Device, size: u32) -> wgpu::ComputePipeline {
    let source = wgpu::ShaderSource::Wgsl(include_str!("scalar.wgsl").into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let constants = [("SIZE", f64::from(size))];
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions { constants: &constants, ..Default::default() },
        cache: None,
    })
}
