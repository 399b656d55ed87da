//! A peer that records empty dispatches: what recording and launching alone cost.

use crate::traffic::pipeline;

/// The label of a step's pass is as long, should labels be copied.
const LABEL: &str = "wgpu-optim step";

/// As many dispatches as a step has, by hand: two pipelines in turns, a bind group for each, and next to nothing to do.
pub struct Empty {
    pipelines: [(wgpu::ComputePipeline, wgpu::BindGroup); 2],
}

impl Empty {
    pub fn new(device: &wgpu::Device) -> Self {
        let descriptor = wgpu::BufferDescriptor { label: None, size: 16, usage: wgpu::BufferUsages::STORAGE, mapped_at_creation: false };
        let buffer = device.create_buffer(&descriptor);
        let entries = [wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }];
        // Of two numbers, or a driver may compile only one.
        let dispatch = |number: u32| {
            let pipeline = pipeline(
                device,
                &format!(
                    "@group(0) @binding(0) var<storage, read_write> x: array<u32>;\n\
                     @compute @workgroup_size(1)\nfn main() {{\n    x[0] = {number}u;\n}}\n"
                ),
            );
            let layout = pipeline.get_bind_group_layout(0);
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
            (pipeline, group)
        };
        Empty { pipelines: [1, 2].map(dispatch) }
    }

    pub fn record(&self, encoder: &mut wgpu::CommandEncoder, dispatches: usize) {
        let descriptor = wgpu::ComputePassDescriptor { label: Some(LABEL), timestamp_writes: None };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        for (pipeline, group) in self.pipelines.iter().cycle().take(dispatches) {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(1, 1, 1);
        }
    }
}
