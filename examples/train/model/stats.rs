//! Sums of loss and correct answers on the GPU, and how they are read.

use std::error::Error;
use std::ops::Range;
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

/// The sums on the GPU.
#[derive(Debug)]
pub struct Sums {
    /// One [`Stats`] per slot.
    pub buffer: wgpu::Buffer,
}

impl Sums {
    /// Bytes of a slot.
    pub const SLOT: u64 = size_of::<Stats>() as u64;

    pub(super) fn new(device: &wgpu::Device, slots: usize) -> Self {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let size = slots as u64 * Self::SLOT;
        let descriptor = wgpu::BufferDescriptor { label: Some("sums"), size, usage, mapped_at_creation: false };
        Sums { buffer: device.create_buffer(&descriptor) }
    }

    /// Records that these sums start at zero.
    pub fn clear(&self, encoder: &mut wgpu::CommandEncoder, slots: Range<u64>) {
        encoder.clear_buffer(&self.buffer, slots.start * Self::SLOT, Some((slots.end - slots.start) * Self::SLOT));
    }
}

/// Waits for all that was submitted and returns what a buffer holds.
pub fn read<T: Pod>(device: &wgpu::Device, queue: &wgpu::Queue, buffer: &wgpu::Buffer) -> Result<Vec<T>, Box<dyn Error>> {
    let (size, usage) = (buffer.size(), BufferUsages::MAP_READ | BufferUsages::COPY_DST);
    let staging = device.create_buffer(&wgpu::BufferDescriptor { label: Some("read"), size, usage, mapped_at_creation: false });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("read") });
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, size);
    queue.submit([encoder.finish()]);
    let (sender, receiver) = mpsc::channel();
    // The receiver lives until the end of this function, so a failed send means that nobody waits any more.
    staging.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result).unwrap_or_default());
    device.poll(wgpu::PollType::wait_indefinitely())?;
    receiver.recv()??;
    Ok(bytemuck::pod_collect_to_vec(&staging.get_mapped_range(..)?))
}
