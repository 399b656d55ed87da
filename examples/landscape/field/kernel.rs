//! Compiles, binds and dispatches one kernel of the landscape.

use wgpu_optim::wgpu;

/// A compute kernel and the buffers that it is bound to, numbered in order.
pub struct Kernel<'a> {
    /// For error messages and GPU debuggers.
    pub label: &'a str,
    /// Its WGSL in parts.
    pub source: &'a [&'a str],
    /// Values of its `override`s.
    pub constants: &'a [(&'a str, f64)],
    /// What it reads and writes, each as a whole.
    pub buffers: &'a [&'a wgpu::Buffer],
}

/// A kernel compiled and bound.
#[derive(Debug)]
pub struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
}

impl<'a> Kernel<'a> {
    /// Compiles and binds it.
    pub fn build(&self, device: &wgpu::Device) -> Dispatch {
        let label = Some(self.label);
        let source = wgpu::ShaderSource::Wgsl(self.source.concat().into());
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { constants: self.constants, ..Default::default() },
            cache: None,
        });
        let entry = |(binding, buffer): (u32, &&'a wgpu::Buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() };
        let entries: Vec<_> = (0..).zip(self.buffers).map(entry).collect();
        let layout = pipeline.get_bind_group_layout(0);
        let bind_group = device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout: &layout, entries: &entries });
        Dispatch { pipeline, bind_group }
    }
}

impl Dispatch {
    /// Records one invocation per run.
    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, runs: usize) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups((runs as u32).div_ceil(64), 1, 1);
    }
}
