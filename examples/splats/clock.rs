//! How much of the GPU's time the optimizer takes, by timestamps, where there are any.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::wgpu;

/// Timestamps of the two passes of each step: a beginning and an end of either.
const STAMPS: u32 = 4;

/// A clock for a number of steps.
pub struct Clock {
    queries: wgpu::QuerySet,
    stamps: wgpu::Buffer,
    nanoseconds: f64,
}

/// Which of the two passes of a step.
#[derive(Clone, Copy)]
pub enum Pass {
    /// Forward, backward, and what decides the density.
    Splats = 0,
    /// The optimizer's step.
    Step = 2,
}

impl Clock {
    /// If the device has timestamps.
    pub fn new(gpu: &Gpu, steps: usize) -> Option<Self> {
        let count = STAMPS * steps as u32;
        let has = gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) && count <= wgpu::QUERY_SET_MAX_QUERIES;
        let ty = wgpu::QueryType::Timestamp;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let descriptor = wgpu::BufferDescriptor { label: Some("stamps"), size: 8 * u64::from(count), usage, mapped_at_creation: false };
        has.then(|| Clock {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor { label: None, ty, count }),
            stamps: gpu.device.create_buffer(&descriptor),
            nanoseconds: f64::from(gpu.queue.get_timestamp_period()),
        })
    }

    /// For a pass of the step of this number.
    pub fn writes(&self, step: usize, pass: Pass) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = STAMPS * step as u32 + pass as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Records what brings the stamps of the first steps into a buffer that can be read.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder, steps: usize) -> &wgpu::Buffer {
        encoder.resolve_query_set(&self.queries, 0..STAMPS * steps as u32, &self.stamps, 0);
        &self.stamps
    }

    /// Seconds in either pass, of all these stamps.
    pub fn seconds(&self, stamps: &[u64]) -> [f64; 2] {
        let took = |first: usize| {
            let ticks: u64 = stamps.chunks_exact(STAMPS as usize).map(|step| step[first + 1].saturating_sub(step[first])).sum();
            ticks as f64 * self.nanoseconds * 1e-9
        };
        [Pass::Splats, Pass::Step].map(|pass| took(pass as usize))
    }
}
