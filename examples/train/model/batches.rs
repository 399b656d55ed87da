use bytemuck::{Pod, Zeroable};
use wgpu_optim::wgpu::{self, util::DeviceExt};

/// Consecutive places in the order of the samples, worked on together. The same layout as `Batch` in `batch.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Batch {
    /// The first place.
    pub first: u32,
    /// How many.
    pub rows: u32,
    /// Which of the sums its loss is added to.
    pub slot: u32,
}

/// The batches of an epoch on the GPU, one for each dynamic offset of a uniform buffer, so that recording a step writes nothing.
#[derive(Debug)]
pub struct Batches {
    pub(super) list: Vec<Batch>,
    pub(super) bind_group: wgpu::BindGroup,
    pub(super) stride: u32,
}

impl Batches {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn new(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, list: Vec<Batch>) -> Self {
        let stride = device.limits().min_uniform_buffer_offset_alignment.max(size_of::<Batch>() as u32);
        let mut contents = Vec::new();
        for batch in &list {
            contents.extend_from_slice(bytemuck::bytes_of(batch));
            contents.resize(contents.len().next_multiple_of(stride as usize), 0);
        }
        let (label, usage) = (Some("batches"), wgpu::BufferUsages::UNIFORM);
        let buffer = device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label, contents: &contents, usage });
        let size = wgpu::BufferSize::new(size_of::<Batch>() as u64);
        let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: &buffer, offset: 0, size });
        let entries = &[wgpu::BindGroupEntry { binding: 0, resource }];
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout, entries });
        Batches { list, bind_group, stride }
    }

    pub(super) fn layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
        let ty = wgpu::BindingType::Buffer { ty: wgpu::BufferBindingType::Uniform, has_dynamic_offset: true, min_binding_size: None };
        let entry = wgpu::BindGroupLayoutEntry { binding: 0, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None };
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("batches"), entries: &[entry] })
    }
}
