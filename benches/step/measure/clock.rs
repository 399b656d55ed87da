//! Times runs by the host's clock and by GPU timestamps.

use std::time::Instant;

use wgpu_optim::adapter::Gpu;

use super::{Contender, Pace, Run};
use crate::Result;

/// What one run took, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// From the first command to a device that is idle again.
    pub whole: f64,
    /// Of it, until the last command was recorded.
    pub record: Option<f64>,
    /// Between the timestamps of the pass.
    pub gpu: Option<f64>,
}

/// Times runs by the host's clock, and passes by the GPU's where it has one.
pub struct Clock<'a> {
    gpu: &'a Gpu,
    pace: Pace,
    stamps: Option<Stamps>,
}

/// Timestamps and their way back.
struct Stamps {
    queries: wgpu::QuerySet,
    count: u32,
    resolved: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl<'a> Clock<'a> {
    pub fn new(gpu: &'a Gpu, pace: Pace) -> Self {
        let has = gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
        Clock { gpu, pace, stamps: has.then(|| Stamps::new(&gpu.device, 2)) }
    }

    /// How contenders come to their turns.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Keeps the device busy with a contender's own runs, for about so many seconds and once at least. One of them always waits behind another, so
    /// that the device does not idle while the host records.
    pub fn busy(&self, contender: &mut Contender<'_>, seconds: f64) -> Result<()> {
        let start = Instant::now();
        let mut before = None;
        loop {
            let submission = match &mut contender.run {
                Run::Elsewhere(_, run) => run().map(|_| None)?,
                Run::Encoder(record) => Some(self.submit(record).1),
                Run::Pass(record) => Some(self.submit(&mut |encoder| record(&mut encoder.begin_compute_pass(&Default::default()))).1),
            };
            if let Some(before) = std::mem::replace(&mut before, submission) {
                self.gpu.device.poll(wgpu::PollType::Wait { submission_index: Some(before), timeout: None })?;
            }
            if start.elapsed().as_secs_f64() >= seconds {
                break;
            }
        }
        self.gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
        Ok(())
    }

    /// One run.
    pub fn time(&self, contender: &mut Contender<'_>) -> Result<Sample> {
        match &mut contender.run {
            Run::Elsewhere(_, run) => run(),
            Run::Encoder(record) => self.recorded(record, None),
            Run::Pass(record) => {
                let writes = self.stamps.as_ref().map(|stamps| wgpu::ComputePassTimestampWrites {
                    query_set: &stamps.queries,
                    beginning_of_pass_write_index: Some(0),
                    end_of_pass_write_index: Some(1),
                });
                let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: writes };
                self.recorded(&mut |encoder| record(&mut encoder.begin_compute_pass(&descriptor)), self.stamps.as_ref())
            }
        }
    }

    /// Reading the timestamps back is a submission of its own, after the time was taken.
    fn recorded(&self, record: &mut dyn FnMut(&mut wgpu::CommandEncoder), stamps: Option<&Stamps>) -> Result<Sample> {
        let start = Instant::now();
        let (recorded, _) = self.submit(record);
        self.gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
        let whole = start.elapsed().as_secs_f64();
        let gpu = stamps.map(|stamps| Ok::<_, Box<dyn std::error::Error>>(stamps.read(self.gpu)?[0])).transpose()?;
        Ok(Sample { whole, record: Some(recorded), gpu })
    }

    /// Seconds until the last command was recorded, and what was submitted.
    fn submit(&self, record: &mut dyn FnMut(&mut wgpu::CommandEncoder)) -> (f64, wgpu::SubmissionIndex) {
        let start = Instant::now();
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&mut encoder);
        let recorded = start.elapsed().as_secs_f64();
        (recorded, self.gpu.queue.submit([encoder.finish()]))
    }
}

impl Stamps {
    fn new(device: &wgpu::Device, count: u32) -> Self {
        use wgpu::BufferUsages as Usage;
        let descriptor = wgpu::QuerySetDescriptor { label: None, ty: wgpu::QueryType::Timestamp, count };
        let size = 8 * u64::from(count);
        let buffer = |usage| device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
        let queries = device.create_query_set(&descriptor);
        let (resolved, staging) = (buffer(Usage::QUERY_RESOLVE | Usage::COPY_SRC), buffer(Usage::COPY_DST | Usage::MAP_READ));
        Stamps { queries, count, resolved, staging }
    }

    /// Seconds from each timestamp to the next one.
    fn read(&self, gpu: &Gpu) -> Result<Vec<f64>> {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.resolve_query_set(&self.queries, 0..self.count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.staging, 0, self.staging.size());
        gpu.queue.submit([encoder.finish()]);
        self.staging.map_async(wgpu::MapMode::Read, .., |_| ());
        gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&self.staging.get_mapped_range(..)?);
        self.staging.unmap();
        let seconds = |ticks: &[u64]| ticks[1].saturating_sub(ticks[0]) as f64 * f64::from(gpu.queue.get_timestamp_period()) / 1e9;
        Ok(ticks.windows(2).map(seconds).collect())
    }
}

/// Times each dispatch of a compute pass.
pub struct Laps(Stamps);

impl Laps {
    /// Of so many dispatches.
    pub fn new(gpu: &Gpu, dispatches: usize) -> Self {
        Laps(Stamps::new(&gpu.device, dispatches as u32 + 1))
    }

    /// Seconds of each dispatch; `record` writes a timestamp after each, from the second query on.
    pub fn time(&self, gpu: &Gpu, record: &mut dyn FnMut(&mut wgpu::ComputePass<'_>, &wgpu::QuerySet)) -> Result<Vec<f64>> {
        let (query_set, first) = (&self.0.queries, Some(0));
        let writes = wgpu::ComputePassTimestampWrites { query_set, beginning_of_pass_write_index: first, end_of_pass_write_index: None };
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(writes) };
        record(&mut encoder.begin_compute_pass(&descriptor), query_set);
        gpu.queue.submit([encoder.finish()]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
        self.0.read(gpu)
    }
}
