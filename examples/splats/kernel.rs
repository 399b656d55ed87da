//! Compiles, binds and dispatches kernels, and reads buffers.

use std::error::Error;
use std::sync::mpsc;

use wgpu_optim::wgpu;

/// A compute kernel, compiled.
pub struct Kernel {
    label: &'static str,
    pipeline: wgpu::ComputePipeline,
}

impl Kernel {
    /// Its WGSL in parts, and the values of its `override`s.
    pub fn new(device: &wgpu::Device, label: &'static str, source: &[&str], constants: &[(&str, f64)]) -> Self {
        let source = wgpu::ShaderSource::Wgsl(source.concat().into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(label), source });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
            cache: None,
        });
        Kernel { label, pipeline }
    }

    /// With buffers, numbered in order, each as a whole.
    pub fn bind(&self, device: &wgpu::Device, buffers: &[&wgpu::Buffer]) -> Dispatch {
        self.bind_parts(device, buffers.iter().map(|buffer| buffer.as_entire_binding()))
    }

    /// With parts of buffers, numbered in order.
    pub fn bind_parts<'a>(&self, device: &wgpu::Device, parts: impl IntoIterator<Item = wgpu::BindingResource<'a>>) -> Dispatch {
        let entries: Vec<_> = (0..).zip(parts).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        let layout = &self.pipeline.get_bind_group_layout(0);
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(self.label), layout, entries: &entries });
        Dispatch { pipeline: self.pipeline.clone(), bind_group }
    }
}

/// A kernel with its buffers.
pub struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
}

impl Dispatch {
    /// Records so many workgroups, in both directions.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, [width, height]: [u32; 2]) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(width, height, 1);
    }
}

/// A storage buffer of so many words that can be copied.
pub fn buffer(device: &wgpu::Device, label: &str, words: usize) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size: 4 * words as u64, usage, mapped_at_creation: false })
}

/// The words of some buffers, in one copy and one wait.
pub fn read(device: &wgpu::Device, queue: &wgpu::Queue, buffers: &[&wgpu::Buffer]) -> Result<Vec<Vec<u32>>, Box<dyn Error>> {
    let size = buffers.iter().map(|buffer| buffer.size()).sum();
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = device.create_buffer(&wgpu::BufferDescriptor { label: Some("read"), size, usage, mapped_at_creation: false });
    let mut encoder = device.create_command_encoder(&Default::default());
    let mut at = 0;
    for buffer in buffers {
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, at, buffer.size());
        at += buffer.size();
    }
    queue.submit([encoder.finish()]);
    let (sender, receiver) = mpsc::channel();
    // The receiver lives until the end of this function, so a failed send means that nobody waits any more.
    staging.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result).unwrap_or_default());
    device.poll(wgpu::PollType::wait_indefinitely())?;
    receiver.recv()??;
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(&staging.get_mapped_range(..)?);
    let mut rest = &*words;
    let mut take = |buffer: &&wgpu::Buffer| {
        let (own, others) = rest.split_at(buffer.size() as usize / 4);
        rest = others;
        own.to_vec()
    };
    Ok(buffers.iter().map(&mut take).collect())
}
