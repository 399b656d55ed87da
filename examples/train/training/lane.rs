//! The way of a submission's results back to the host, on which training never waits.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use wgpu_optim::adapter::Gpu;
use wgpu_optim::wgpu::{self, BufferUsages};

use super::schedule::Chunk;
use crate::model::{Stats, Sums};

/// The slot of the sums that evaluations add to; each step of an epoch has one of those after it.
pub const TEST: u32 = 0;
/// The most steps of a submission.
pub const MOST: usize = 64;

/// The moments that are measured: before the steps, after them, after the evaluation.
const MOMENTS: u32 = 3;
/// Bytes of the staging buffer: the test's sums, those of the steps, the moments.
const TIMES: u64 = (1 + MOST as u64) * Sums::SLOT;
const SIZE: u64 = TIMES + MOMENTS as u64 * 8;

/// A buffer through which results come back, and the clock on the GPU, if it has one.
pub struct Lane {
    staging: wgpu::Buffer,
    clock: Option<Clock>,
}

struct Clock {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// Seconds per tick.
    period: f64,
}

/// A submission whose results are not here yet.
pub struct Flight {
    chunk: Chunk,
    lane: Lane,
    submission: wgpu::SubmissionIndex,
    mapped: Arc<OnceLock<Result<(), wgpu::BufferAsyncError>>>,
}

/// A submission's results.
pub struct Arrival {
    /// What was done.
    pub chunk: Chunk,
    /// The sums of each step.
    pub steps: Vec<Stats>,
    /// The sums of the evaluation, if there was one.
    pub test: Stats,
    /// Seconds of the GPU's clock: the steps, the evaluation.
    pub seconds: Option<[f64; 2]>,
}

impl Lane {
    pub fn new(gpu: &Gpu) -> Self {
        let buffer = |label, size, usage| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let (ty, count) = (wgpu::QueryType::Timestamp, MOMENTS);
        let clock = || Clock {
            queries: gpu.device.create_query_set(&wgpu::QuerySetDescriptor { label: Some("moments"), ty, count }),
            resolved: buffer("moments", u64::from(MOMENTS) * 8, BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC),
            period: f64::from(gpu.queue.get_timestamp_period()) / 1e9,
        };
        Lane {
            staging: buffer("results", SIZE, BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            clock: gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY).then(clock),
        }
    }

    /// Records that the clock is looked at; each of the moments in turn. A pass without work has a time too.
    pub fn look(&self, encoder: &mut wgpu::CommandEncoder, moment: u32) {
        let Some(clock) = &self.clock else { return };
        let timestamp_writes = Some(wgpu::ComputePassTimestampWrites {
            query_set: &clock.queries,
            beginning_of_pass_write_index: Some(moment),
            end_of_pass_write_index: None,
        });
        drop(encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some("moment"), timestamp_writes }));
    }

    /// Submits what was recorded, and asks for its results.
    pub fn submit(self, gpu: &Gpu, mut encoder: wgpu::CommandEncoder, chunk: Chunk, sums: &Sums) -> Flight {
        let (first, steps) = (u64::from(TEST) + 1 + chunk.steps.start as u64, chunk.steps.len() as u64);
        encoder.copy_buffer_to_buffer(&sums.buffer, u64::from(TEST) * Sums::SLOT, &self.staging, 0, Sums::SLOT);
        if steps > 0 {
            encoder.copy_buffer_to_buffer(&sums.buffer, first * Sums::SLOT, &self.staging, Sums::SLOT, steps * Sums::SLOT);
        }
        if let Some(clock) = &self.clock {
            encoder.resolve_query_set(&clock.queries, 0..MOMENTS, &clock.resolved, 0);
            encoder.copy_buffer_to_buffer(&clock.resolved, 0, &self.staging, TIMES, clock.resolved.size());
        }
        let submission = gpu.queue.submit([encoder.finish()]);
        let mapped = Arc::new(OnceLock::new());
        let answer = mapped.clone();
        // It comes once.
        self.staging.map_async(wgpu::MapMode::Read, .., move |result| answer.set(result).unwrap_or_default());
        Flight { chunk, lane: self, submission, mapped }
    }
}

impl Flight {
    /// Waits for the results, and gives the lane back. Later submissions go on meanwhile.
    pub fn land(self, gpu: &Gpu) -> Result<(Arrival, Lane), Box<dyn Error>> {
        gpu.device.poll(wgpu::PollType::Wait { submission_index: Some(self.submission.clone()), timeout: None })?;
        self.landed()?.map_err(|_| "the device finished a submission without its results".into())
    }

    /// The results and the lane if they are here, else what is still under way.
    pub fn landed(self) -> Result<Result<(Arrival, Lane), Flight>, Box<dyn Error>> {
        match self.mapped.get() {
            Some(mapped) => mapped.clone()?,
            None => return Ok(Err(self)),
        }
        let Flight { chunk, lane, .. } = self;
        let bytes: Vec<u8> = lane.staging.get_mapped_range(..)?.to_vec();
        lane.staging.unmap();
        let (stats, times) = bytes.split_at(TIMES as usize);
        let stats: Vec<Stats> = bytemuck::pod_collect_to_vec(stats);
        let times: Vec<u64> = bytemuck::pod_collect_to_vec(times);
        let between = |from: u64, to: u64, clock: &Clock| to.saturating_sub(from) as f64 * clock.period;
        let seconds = lane.clock.as_ref().map(|clock| [between(times[0], times[1], clock), between(times[1], times[2], clock)]);
        Ok(Ok((Arrival { steps: stats[1..=chunk.steps.len()].to_vec(), test: stats[0], seconds, chunk }, lane)))
    }
}
