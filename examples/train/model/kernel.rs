//! Compiles, binds and dispatches one kernel of the network.

use wgpu_optim::wgpu::{self, BindingResource, ShaderStages};

use super::Feed;

/// Elements in each direction that one workgroup covers in the kernels that tile: 8 x 8 invocations of 4 x 4.
const TILES: u32 = 8;

/// How many tiles a dispatch is high.
#[derive(Clone, Copy, Debug)]
pub enum Height {
    /// As many as the batch has rows to fill.
    Batch,
    /// A number that does not depend on the batch.
    Tiles(u32),
}

/// A compute kernel and what it works on. Bindings are numbered in order: `reads`, then `writes`.
pub struct Kernel<'a> {
    /// For error messages and GPU debuggers.
    pub label: &'a str,
    /// WGSL text without the part common to all.
    pub source: &'a str,
    /// Values of its `override`s.
    pub constants: &'a [(&'a str, f64)],
    /// What it reads.
    pub reads: &'a [BindingResource<'a>],
    /// What it writes.
    pub writes: &'a [BindingResource<'a>],
    /// Tiles from left to right.
    pub width: u32,
    /// Tiles from top to bottom.
    pub height: Height,
}

/// A kernel compiled and bound.
#[derive(Debug)]
pub struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    width: u32,
    height: Height,
}

impl<'a> Kernel<'a> {
    /// Compiles and binds it; `feed` is the layout of group 0.
    pub fn build(&self, device: &wgpu::Device, feed: &wgpu::BindGroupLayout) -> Dispatch {
        let label = Some(self.label);
        let layout = self.layout(device);
        let source = wgpu::ShaderSource::Wgsl((Feed::wgsl() + self.source).into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(feed), Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { constants: self.constants, ..Default::default() },
            cache: None,
        });
        let resources = self.reads.iter().chain(self.writes);
        let entry = |(binding, resource): (u32, &BindingResource<'a>)| wgpu::BindGroupEntry { binding, resource: resource.clone() };
        let entries: Vec<_> = (0..).zip(resources).map(entry).collect();
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout: &layout, entries: &entries });
        Dispatch { pipeline, bind_group, width: self.width, height: self.height }
    }

    fn layout(&self, device: &wgpu::Device) -> wgpu::BindGroupLayout {
        let entry = |binding: usize| {
            let read_only = binding < self.reads.len();
            let ty = wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            };
            wgpu::BindGroupLayoutEntry { binding: binding as u32, visibility: ShaderStages::COMPUTE, ty, count: None }
        };
        let entries: Vec<_> = (0..self.reads.len() + self.writes.len()).map(entry).collect();
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(self.label), entries: &entries })
    }
}

impl Dispatch {
    /// Records it for batches of up to a number of rows, whose feed is group 0.
    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>, rows: u32) {
        let height = match self.height {
            Height::Batch => rows.div_ceil(4),
            Height::Tiles(height) => height,
        };
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(1, &self.bind_group, &[]);
        pass.dispatch_workgroups(self.width.div_ceil(TILES), height.div_ceil(TILES), 1);
    }
}
