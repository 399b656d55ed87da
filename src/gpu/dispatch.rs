//! Dispatches, and what they are recorded into.

use super::Compiled;
use crate::plan::Window;

/// One dispatch, ready to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) bind_group: wgpu::BindGroup,
    pub(crate) workgroups: (u32, u32),
}

impl Dispatch {
    pub(crate) fn new<S>(kernel: &Compiled<S>, bind_group: wgpu::BindGroup, workgroups: (u32, u32)) -> Self {
        Dispatch { pipeline: kernel.pipeline.clone(), bind_group, workgroups }
    }
}

/// What dispatches are recorded into.
pub(crate) trait Recorder {
    fn set_pipeline(&mut self, pipeline: &wgpu::ComputePipeline);
    fn set_bind_group(&mut self, bind_group: &wgpu::BindGroup);
    fn dispatch(&mut self, x: u32, y: u32);

    fn record(&mut self, dispatch: &Dispatch) {
        self.set_pipeline(&dispatch.pipeline);
        self.set_bind_group(&dispatch.bind_group);
        self.dispatch(dispatch.workgroups.0, dispatch.workgroups.1);
    }
}

impl Recorder for wgpu::ComputePass<'_> {
    fn set_pipeline(&mut self, pipeline: &wgpu::ComputePipeline) {
        wgpu::ComputePass::set_pipeline(self, pipeline);
    }
    fn set_bind_group(&mut self, bind_group: &wgpu::BindGroup) {
        wgpu::ComputePass::set_bind_group(self, 0, bind_group, &[]);
    }
    fn dispatch(&mut self, x: u32, y: u32) {
        self.dispatch_workgroups(x, y, 1);
    }
}

/// What was recorded, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Pipelines set.
    pub pipelines: usize,
    /// Bind groups set; all were made before.
    pub bind_groups: usize,
    /// Dispatches.
    pub dispatches: usize,
    /// Workgroups of all dispatches.
    pub workgroups: u64,
}

impl Recorder for Recorded {
    fn set_pipeline(&mut self, _pipeline: &wgpu::ComputePipeline) {
        self.pipelines += 1;
    }
    fn set_bind_group(&mut self, _bind_group: &wgpu::BindGroup) {
        self.bind_groups += 1;
    }
    fn dispatch(&mut self, x: u32, y: u32) {
        self.dispatches += 1;
        self.workgroups += u64::from(x) * u64::from(y);
    }
}

/// `count` workgroups in at most `most` a dimension, with as few to spare as two dimensions allow.
pub(crate) fn fold(count: u64, most: u64) -> (u32, u32) {
    let y = count.div_ceil(most);
    (count.div_ceil(y) as u32, y as u32)
}

pub(crate) fn resource(buffer: &wgpu::Buffer, window: Window) -> wgpu::BindingResource<'_> {
    let size = wgpu::BufferSize::new(window.size);
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: window.offset, size })
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn workgroups_fold_into_two_dimensions() {
        assert_eq!(fold(1, 65_535), (1, 1));
        assert_eq!(fold(65_535, 65_535), (65_535, 1));
        assert_eq!(fold(65_536, 65_535), (32_768, 2));
        assert_eq!(fold(65_537, 65_535), (32_769, 2));
    }
}
