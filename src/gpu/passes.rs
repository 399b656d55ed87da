use super::Engine;
use super::record::upload;
use crate::error::{Error, Result};
use crate::plan::{Bucket, Limits, Row, Window};
use crate::rule::{AnyRule, Pass};
use crate::wgsl::Slot;

/// The recorded form of a plan: per pass one dispatch per bucket, with everything bound. Rules without views have no part in theirs.
#[derive(Debug)]
pub(crate) struct Passes {
    dispatches: Vec<(Pass, Dispatch)>,
}

/// One dispatch, ready to be recorded.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) bind_group: wgpu::BindGroup,
    pub(crate) workgroups: (u32, u32),
}

impl Dispatch {
    pub(crate) fn record(&self, recorder: &mut wgpu::ComputePass<'_>) {
        recorder.set_pipeline(&self.pipeline);
        recorder.set_bind_group(0, &self.bind_group, &[]);
        recorder.dispatch_workgroups(self.workgroups.0, self.workgroups.1, 1);
    }
}

impl Passes {
    /// Uploads the rows and binds the windows. `rules` are the variants', `buffers` the caller's, both by the plan's numbers.
    pub(crate) fn new(engine: &mut Engine, rules: &[Box<dyn AnyRule>], buckets: &[Bucket], buffers: &[wgpu::Buffer]) -> Result<Self> {
        let Engine { device, limits, kernels, lanes, record, .. } = engine;
        let (rows, starts) = rows(buckets, limits);
        let (needed, allowed) = (rows.len() as u64, limits.buffer);
        if needed > allowed {
            return Err(Error::Limit { what: "the table of chunks".to_owned(), needed, limit: "max_buffer_size", allowed });
        }
        let rows = upload(device, "wgpu-optim rows", &rows)?;
        let mut dispatches = Vec::new();
        let rule = |bucket: &Bucket| &*rules[bucket.kernel.variant];
        let used = |pass| buckets.iter().zip(&starts).filter(move |(bucket, _)| pass == Pass::Update || rule(bucket).has_views());
        let all = [Pass::Update, Pass::Evaluate, Pass::Train].into_iter().flat_map(|pass| used(pass).map(move |bucket| (pass, bucket)));
        for (pass, (bucket, &start)) in all {
            let kernel = kernels.get(device, pass, bucket.kernel, rule(bucket))?;
            let own = Window { buffer: 0, offset: start, size: size_of_val(&*bucket.rows) as u64 };
            let state = bucket.state.unwrap_or(bucket.values);
            let bind_group = kernel.bind(device, |slot| match slot {
                Slot::Rows => resource(&rows, own),
                Slot::Values => resource(&buffers[bucket.values.buffer], bucket.values),
                Slot::Gradients => {
                    let window = bucket.gradients.unwrap_or(bucket.values);
                    resource(&buffers[window.buffer], window)
                }
                Slot::Lane(lane) => {
                    let (buffer, window) = lanes.window(state, lane);
                    resource(buffer, window)
                }
                Slot::Record | Slot::Settings | Slot::Entries => record.buffer.as_entire_binding(),
            })?;
            let workgroups = fold(bucket.rows.len() as u64, limits.workgroups);
            dispatches.push((pass, Dispatch { pipeline: kernel.pipeline.clone(), bind_group, workgroups }));
        }
        Ok(Passes { dispatches })
    }

    /// Records the dispatches of a pass.
    pub(crate) fn dispatch(&self, pass: Pass, recorder: &mut wgpu::ComputePass<'_>) {
        self.of(pass).for_each(|dispatch| dispatch.record(recorder));
    }

    /// The dispatches of a pass.
    pub(crate) fn of(&self, pass: Pass) -> impl Iterator<Item = &Dispatch> {
        self.dispatches.iter().filter(move |(own, _)| *own == pass).map(|(_, dispatch)| dispatch)
    }
}

/// All rows, each bucket's at a place where it can be bound, and those places in bytes.
fn rows(buckets: &[Bucket], limits: &Limits) -> (Vec<u8>, Vec<u64>) {
    let mut bytes: Vec<u8> = Vec::new();
    let mut starts = Vec::new();
    for bucket in buckets {
        bytes.resize(bytes.len().next_multiple_of(limits.alignment as usize), 0);
        starts.push(bytes.len() as u64);
        bytes.extend_from_slice(bytemuck::cast_slice::<Row, u8>(&bucket.rows));
    }
    (bytes, starts)
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
