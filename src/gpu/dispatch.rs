use crate::plan::Window;

/// One dispatch, ready to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) bind_group: wgpu::BindGroup,
    pub(crate) workgroups: (u32, u32),
}

/// What dispatches are recorded into.
pub(crate) trait Recorder {
    fn record(&mut self, dispatch: &Dispatch);
}

impl Recorder for wgpu::ComputePass<'_> {
    fn record(&mut self, dispatch: &Dispatch) {
        self.set_pipeline(&dispatch.pipeline);
        self.set_bind_group(0, &dispatch.bind_group, &[]);
        self.dispatch_workgroups(dispatch.workgroups.0, dispatch.workgroups.1, 1);
    }
}

/// What was recorded, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Dispatches. Each has a bind group of its own, which was made before.
    pub dispatches: usize,
    /// Workgroups.
    pub workgroups: u64,
}

impl Recorder for Recorded {
    fn record(&mut self, dispatch: &Dispatch) {
        self.dispatches += 1;
        self.workgroups += u64::from(dispatch.workgroups.0) * u64::from(dispatch.workgroups.1);
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
