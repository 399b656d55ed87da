use std::error::Error;
use std::sync::mpsc;

use bytemuck::{Pod, Zeroable};
use wgpu_optim::wgpu::{self, BufferUsages};

/// What one slot has summed up. The same layout as `Stats` in `loss.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Stats {
    /// Sum of the cross-entropy of the rows, in nats.
    pub loss: f32,
    /// Rows whose largest logit is that of their label.
    pub correct: u32,
}

/// The sums on the GPU and the buffer through which they are read.
#[derive(Debug)]
pub struct Sums {
    pub(super) buffer: wgpu::Buffer,
    staging: wgpu::Buffer,
}

impl Sums {
    pub(super) fn new(device: &wgpu::Device, slots: usize) -> Self {
        let buffer = |label, usage| {
            let size = (slots * size_of::<Stats>()) as u64;
            device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        Sums {
            buffer: buffer("sums", BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST),
            staging: buffer("sums, read back", BufferUsages::MAP_READ | BufferUsages::COPY_DST),
        }
    }

    /// Records that all sums start at zero.
    pub fn clear(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.clear_buffer(&self.buffer, 0, None);
    }

    /// Records the copy that [`Sums::read`] reads, after everything that adds to the sums.
    pub fn copy(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.copy_buffer_to_buffer(&self.buffer, 0, &self.staging, 0, self.buffer.size());
    }

    /// Waits for all that was submitted and returns the sums of each slot.
    pub fn read(&self, device: &wgpu::Device) -> Result<Vec<Stats>, Box<dyn Error>> {
        let (sender, receiver) = mpsc::channel();
        // The receiver lives until the end of this function, so a failed send means that nobody waits any more.
        self.staging.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result).unwrap_or_default());
        device.poll(wgpu::PollType::wait_indefinitely())?;
        receiver.recv()??;
        let sums = bytemuck::pod_collect_to_vec(&self.staging.get_mapped_range(..)?);
        self.staging.unmap();
        Ok(sums)
    }
}
