//! Dispatches, and what they are recorded into.

use super::Compiled;
use crate::program::{Pass, Window};

/// One dispatch, ready to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) bound: Bound,
    pub(crate) workgroups: (u32, u32),
}

/// A bind group, and the buffers in it that are written.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) group: wgpu::BindGroup,
    pub(crate) written: Vec<wgpu::Buffer>,
}

impl Dispatch {
    pub(crate) fn new<S>(kernel: &Compiled<S>, bound: Bound, workgroups: (u32, u32)) -> Self {
        Dispatch { pipeline: kernel.pipeline.clone(), bound, workgroups }
    }
}

/// What dispatches are recorded into.
pub(crate) trait Recorder {
    /// What follows is of this pass.
    fn begin(&mut self, _: Pass) {}

    /// What follows waits for what came before, in any case.
    fn after(&mut self) {}

    /// What follows looks rows up in the version of the table of parameters that this group has.
    fn version(&mut self, group: &wgpu::BindGroup);

    fn record(&mut self, dispatch: &Dispatch);
}

impl Recorder for wgpu::ComputePass<'_> {
    fn version(&mut self, group: &wgpu::BindGroup) {
        self.set_bind_group(1, group, &[]);
    }

    fn record(&mut self, dispatch: &Dispatch) {
        self.set_pipeline(&dispatch.pipeline);
        self.set_bind_group(0, &dispatch.bound.group, &[]);
        self.dispatch_workgroups(dispatch.workgroups.0, dispatch.workgroups.1, 1);
    }
}

/// Records into a pass, and writes a timestamp after each dispatch, where the device has [`wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES`].
pub(crate) struct Stamped<'a, 'encoder> {
    pass: &'a mut wgpu::ComputePass<'encoder>,
    queries: &'a wgpu::QuerySet,
    /// Which pass each dispatch is of. Its timestamp is one further.
    passes: Vec<Pass>,
    current: Option<Pass>,
}

impl<'a, 'encoder> Stamped<'a, 'encoder> {
    pub(crate) fn new(pass: &'a mut wgpu::ComputePass<'encoder>, queries: &'a wgpu::QuerySet) -> Self {
        Stamped { pass, queries, passes: Vec::new(), current: None }
    }

    pub(crate) fn passes(self) -> Vec<Pass> {
        self.passes
    }
}

impl Recorder for Stamped<'_, '_> {
    fn begin(&mut self, pass: Pass) {
        self.current = Some(pass);
    }

    fn version(&mut self, group: &wgpu::BindGroup) {
        self.pass.version(group);
    }

    fn record(&mut self, dispatch: &Dispatch) {
        self.pass.record(dispatch);
        self.passes.extend(self.current);
        self.pass.write_timestamp(self.queries, self.passes.len() as u32);
    }
}

/// What was recorded, counted.
///
/// ```
/// /// Whether a step of this optimizer is one dispatch for `prepare` and one for all parameters.
/// fn is_least(optimizer: &wgpu_optim::Optimizer) -> bool {
///     let work = optimizer.recorded_step();
///     work.dispatches == 2 && work.waits == 0
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordedWork {
    /// Pipelines set.
    pub pipelines: usize,
    /// Bind groups set; all were made before.
    pub bind_groups: usize,
    /// Dispatches.
    pub dispatches: usize,
    /// Workgroups of all dispatches.
    pub workgroups: u64,
    /// Dispatches that wait for another, although neither needs what the other does: both write one buffer.
    pub waits: usize,
}

/// A count in the making.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    recorded: RecordedWork,
    /// What is written since something had to be waited for.
    written: Vec<wgpu::Buffer>,
}

impl Counter {
    pub(crate) fn recorded(self) -> RecordedWork {
        self.recorded
    }
}

impl Recorder for Counter {
    fn after(&mut self) {
        self.written.clear();
    }

    fn version(&mut self, _: &wgpu::BindGroup) {
        self.recorded.bind_groups += 1;
    }

    fn record(&mut self, dispatch: &Dispatch) {
        let RecordedWork { pipelines, bind_groups, dispatches, workgroups, waits } = self.recorded;
        let waits_for = dispatch.bound.written.iter().any(|buffer| self.written.contains(buffer));
        self.recorded = RecordedWork {
            pipelines: pipelines + 1,
            bind_groups: bind_groups + 1,
            dispatches: dispatches + 1,
            workgroups: workgroups + u64::from(dispatch.workgroups.0) * u64::from(dispatch.workgroups.1),
            waits: waits + usize::from(waits_for),
        };
        self.written.extend_from_slice(&dispatch.bound.written);
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
