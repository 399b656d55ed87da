//! Kernels as pipelines.

use super::{Bound, caught, made, now};
use crate::error::{Error, Result};
use crate::wgsl::{Resource, Shader};

/// Invocations of the smallest workgroup that kernels are divided for.
const INVOCATIONS: u64 = 8;

/// A pipeline and what it binds.
#[derive(Clone, Debug)]
pub(crate) struct Compiled<S = Resource> {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
    /// What each binding is, and whether it is written.
    pub(crate) slots: Vec<(S, bool)>,
}

impl Compiled {
    /// Which of its bucket's arrays it binds.
    pub(crate) fn arrays(&self) -> impl Iterator<Item = usize> + Clone {
        self.slots.iter().filter_map(|(slot, _)| if let Resource::Array(index) = slot { Some(*index) } else { None })
    }
}

impl<S: Copy> Compiled<S> {
    /// Compiles a shader; one that does not compile, or needs more storage buffers than the device binds, is an error.
    pub(crate) fn new(device: &wgpu::Device, label: &str, shader: &Shader<S>) -> Result<Self> {
        let slots = &shader.slots;
        let module = module(device, label, shader)?;
        let version = shader.has_version().then(|| caught(device, || version_layout(device))).transpose()?;
        let limits = device.limits();
        let obeyed = [
            ("max_storage_buffers_per_shader_stage", slots.len() as u64, limits.max_storage_buffers_per_shader_stage),
            ("max_bindings_per_bind_group", slots.len() as u64, limits.max_bindings_per_bind_group),
            ("max_compute_invocations_per_workgroup", INVOCATIONS, limits.max_compute_invocations_per_workgroup),
            ("max_compute_workgroup_size_x", INVOCATIONS, limits.max_compute_workgroup_size_x),
            ("max_compute_workgroups_per_dimension", 1, limits.max_compute_workgroups_per_dimension),
        ];
        for (limit, needed, allowed) in obeyed.map(|(limit, needed, allowed)| (limit, needed, u64::from(allowed))) {
            if needed > allowed {
                return Err(Error::Limit { what: format!("the kernel {label}"), needed, limit, allowed });
            }
        }
        let entry = |(binding, &(_, written)): (usize, &(S, bool))| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: !written },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = slots.iter().enumerate().map(entry).collect();
        made::count(made::Thing::Pipeline);
        caught(device, || {
            let label = Some(label);
            let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
            let both = [Some(&layout), version.as_ref()];
            let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label,
                bind_group_layouts: if version.is_some() { &both } else { &both[..1] },
                immediate_size: 0,
            });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label,
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            });
            Compiled { pipeline, layout, slots: slots.to_vec() }
        })
    }

    /// Binds what `resource` has for each slot.
    pub(crate) fn bind<'a>(&self, device: &wgpu::Device, resource: impl Fn(S) -> wgpu::BindingResource<'a>) -> Result<Bound> {
        let entry = |(binding, &(slot, _)): (usize, &(S, bool))| wgpu::BindGroupEntry { binding: binding as u32, resource: resource(slot) };
        let entries: Vec<_> = self.slots.iter().enumerate().map(entry).collect();
        let buffer = |(entry, (_, written)): (&wgpu::BindGroupEntry<'_>, &(S, bool))| match &entry.resource {
            wgpu::BindingResource::Buffer(binding) if *written => Some(binding.buffer.clone()),
            _ => None,
        };
        let written = entries.iter().zip(&self.slots).filter_map(buffer).collect();
        let descriptor = wgpu::BindGroupDescriptor { label: Some("wgpu-optim"), layout: &self.layout, entries: &entries };
        made::count(made::Thing::BindGroup);
        caught(device, || Bound { group: device.create_bind_group(&descriptor), written })
    }
}

/// The layout of the bind group that says which version of the table of parameters a step was recorded with.
pub(crate) fn version_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let ty = wgpu::BufferBindingType::Uniform;
    let ty = wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    let entry = wgpu::BindGroupLayoutEntry { binding: 0, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("wgpu-optim version"), entries: &[entry] })
}

/// Compiles the text; what is wrong in the rule's own part of it is said by the rule's own line.
fn module<S>(device: &wgpu::Device, label: &str, shader: &Shader<S>) -> Result<wgpu::ShaderModule> {
    let source = wgpu::ShaderSource::Wgsl(shader.source.as_str().into());
    let mut message = None;
    let made = caught(device, || {
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(label), source });
        let messages = now(module.get_compilation_info()).map(|info| info.messages).unwrap_or_default();
        message = messages.into_iter().find(|message| message.message_type == wgpu::CompilationMessageType::Error);
        module
    });
    made.map_err(|error| message.and_then(|message| own_line(label, shader, &message)).unwrap_or(error))
}

fn own_line<S>(label: &str, shader: &Shader<S>, message: &wgpu::CompilationMessage) -> Option<Error> {
    let offset = message.location?.offset as usize;
    let before = shader.source.get(shader.own.start..offset).filter(|_| offset <= shader.own.end)?;
    let line = 1 + before.matches('\n').count();
    let text = shader.source[shader.own.clone()].lines().nth(line - 1)?.trim().to_owned();
    Some(Error::Wgsl { kernel: label.to_owned(), line, text, message: message.message.clone() })
}
