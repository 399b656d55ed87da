//! Feeds the model with mini-batches of the data set.

use std::error::Error;

use bytemuck::{Pod, Zeroable};
use wgpu_optim::Binding;
use wgpu_optim::batches::{Batch, Batches, Column, Dtype, Sampler};
use wgpu_optim::wgpu::{self, BufferUsages, util::DeviceExt};

/// Rows on the GPU: a byte per pixel, a label per row.
#[derive(Debug)]
pub struct Rows {
    /// The pixels; a program may write others into it.
    pub pixels: wgpu::Buffer,
    labels: wgpu::Buffer,
    dtype: Dtype,
}

/// How an epoch is cut into steps. The same layout as [`Steps::WGSL`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Steps {
    /// Rows of a step. If they are not all rows, a batch has to be a whole step.
    pub rows: u32,
    /// Rows of an epoch.
    pub all: u32,
    /// The slot of an epoch's first step among the sums; those of the others follow.
    pub slot: u32,
    /// A uniform binding's size is a multiple of 16 on some backends.
    pub padding: u32,
}

/// Where the model's next rows come from: the crate's mini-batches.
#[derive(Debug)]
pub struct Feed {
    /// They know the place in the data.
    pub batches: Batches,
    pub(super) bind_group: wgpu::BindGroup,
    /// Batches per step.
    pub(super) parts: u32,
}

impl Rows {
    /// Uploads rows of pixels, which count as `scale * pixel`, and a label for each row.
    pub fn new(device: &wgpu::Device, pixels: &[u8], labels: &[u32], scale: f64) -> Self {
        let upload = |label, contents: &[u8]| {
            let descriptor =
                wgpu::util::BufferInitDescriptor { label: Some(label), contents, usage: BufferUsages::STORAGE | BufferUsages::COPY_DST };
            device.create_buffer_init(&descriptor)
        };
        // Pixels are a multiple of 4 per row, so whole words.
        let dtype = Dtype::U8 { scale, offset: 0.0 };
        Rows { pixels: upload("pixels", pixels), labels: upload("labels", bytemuck::cast_slice(labels)), dtype }
    }
}

impl Steps {
    pub(super) const WGSL: &'static str = "struct Steps { rows: u32, all: u32, slot: u32, padding: u32 }\n";
}

impl Feed {
    /// Batches of these rows into the model's buffers: `inputs` of `width` f32 a row, and `labels`.
    pub(super) fn new(
        (device, queue): (&wgpu::Device, &wgpu::Queue),
        rows: &Rows,
        sampler: Sampler,
        steps: Steps,
        layout: &wgpu::BindGroupLayout,
        (inputs, width, labels): (&wgpu::Buffer, usize, &wgpu::Buffer),
    ) -> Result<Self, Box<dyn Error>> {
        // The model's buffers have room for the larger of two sizes of batches.
        let (inputs, labels) = (Binding::prefix(inputs), Binding::prefix(labels));
        let columns =
            [Column::new("pixels", width, rows.dtype, &rows.pixels, inputs), Column::new("labels", 1, Dtype::U32, &rows.labels, labels)];
        let batches = Batches::new(device, queue, sampler, columns)?;
        let (contents, usage) = (bytemuck::bytes_of(&steps), BufferUsages::UNIFORM);
        let steps_buffer = device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: Some("steps"), contents, usage });
        let entries = [
            wgpu::BindGroupEntry { binding: 0, resource: batches.batch().resource() },
            wgpu::BindGroupEntry { binding: 1, resource: steps_buffer.as_entire_binding() },
        ];
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some("feed"), layout, entries: &entries });
        Ok(Feed { batches, bind_group, parts: steps.rows.div_ceil(sampler.batch_size) })
    }

    pub(super) fn layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
        let ty = wgpu::BindingType::Buffer { ty: wgpu::BufferBindingType::Uniform, has_dynamic_offset: false, min_binding_size: None };
        let entry = |binding| wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None };
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("feed"), entries: &[entry(0), entry(1)] })
    }

    /// What all kernels have in front.
    pub(super) fn wgsl() -> String {
        [Batch::WGSL, Steps::WGSL, include_str!("batch.wgsl")].concat()
    }

    /// Records the next batch.
    pub(super) fn next(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.batches.next_in(pass);
        // It changed group 0.
        pass.set_bind_group(0, &self.bind_group, &[]);
    }

    /// The most rows of a batch.
    pub(super) fn batch_size(&self) -> u32 {
        self.batches.sampler().batch_size
    }
}
