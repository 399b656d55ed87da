//! Reads a drawing with the network as it is: the probability of each digit.

use std::sync::{Arc, OnceLock};

use wgpu_optim::adapter::Gpu;
use wgpu_optim::batches::Sampler;
use wgpu_optim::wgpu::{self, BufferUsages};
use wgpu_optim::{Optimizer, Tensors};

use crate::Failure;
use crate::data::Images;
use crate::model::{Feed, Model, Room, Rows, Stats, Steps, Sums};
use crate::session::HIDDEN;

/// The drawing as so many rows as there are digits, each with another label: a row's cross-entropy is the negative logarithm of its label's probability.
pub struct Pad {
    gpu: &'static Gpu,
    model: Model,
    rows: Rows,
    feed: Feed,
    classes: u32,
    staging: wgpu::Buffer,
    asked: Option<Arc<OnceLock<Result<(), wgpu::BufferAsyncError>>>>,
}

impl Pad {
    /// For the network whose values are these tensors.
    ///
    /// # Errors
    ///
    /// What the device refuses.
    pub fn new(gpu: &'static Gpu, tensors: &Tensors, images: &Images) -> Result<Self, Failure> {
        let (device, classes) = (&gpu.device, images.classes.len());
        let widths = [&[images.size()], &HIDDEN[..], &[classes]].concat();
        let model = Model::new(device, tensors, &widths, Room { capacity: 1, places: classes, slots: classes })?;
        let labels: Vec<u32> = (0..classes as u32).collect();
        let rows = Rows::new(device, &vec![0; classes * images.size()], &labels, 1.0 / f64::from(images.white));
        let sampler = Sampler { rows: classes as u32, batch_size: 1, shuffle: false, ..Sampler::default() };
        let feed = model.feed(device, &gpu.queue, &rows, sampler, Steps { rows: 1, all: classes as u32, slot: 0, padding: 0 })?;
        let (size, usage) = (classes as u64 * Sums::SLOT, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let staging = device.create_buffer(&wgpu::BufferDescriptor { label: Some("pad"), size, usage, mapped_at_creation: false });
        Ok(Pad { gpu, model, rows, feed, classes: classes as u32, staging, asked: None })
    }

    /// Asks what a drawing is, a byte per pixel. Says whether it could: the last answer may not be here yet.
    pub fn ask(&mut self, optimizer: &Optimizer, pixels: &[u8]) -> bool {
        if self.asked.is_some() {
            return false;
        }
        let Gpu { device, queue, .. } = self.gpu;
        queue.write_buffer(&self.rows.pixels, 0, &pixels.repeat(self.classes as usize));
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("pad") });
        self.model.sums.clear(&mut encoder, 0..self.classes.into());
        optimizer.evaluate(&mut encoder);
        (0..self.classes).for_each(|_| self.model.evaluate(&mut encoder, &self.feed));
        optimizer.train(&mut encoder);
        encoder.copy_buffer_to_buffer(&self.model.sums.buffer, 0, &self.staging, 0, self.staging.size());
        queue.submit([encoder.finish()]);
        let asked = Arc::new(OnceLock::new());
        let answer = asked.clone();
        // It comes once.
        self.staging.map_async(wgpu::MapMode::Read, .., move |result| answer.set(result).unwrap_or_default());
        self.asked = Some(asked);
        true
    }

    /// The probability of each digit, if the answer is here.
    ///
    /// # Errors
    ///
    /// A lost device.
    pub fn answer(&mut self) -> Result<Option<Vec<f32>>, Failure> {
        let Some(asked) = &self.asked else { return Ok(None) };
        match asked.get() {
            Some(mapped) => mapped.clone()?,
            None => return Ok(None),
        }
        self.asked = None;
        let stats: Vec<Stats> = bytemuck::pod_collect_to_vec(&self.staging.get_mapped_range(..)?);
        self.staging.unmap();
        Ok(Some(stats.iter().map(|stats| (-stats.loss).exp()).collect()))
    }
}
