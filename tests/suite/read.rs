//! What is in a buffer, and what an optimizer keeps, on the host.

use bytemuck::Pod;
use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Optimizer, wgpu};

use crate::context::Outcome;

/// All of a buffer, after everything that was submitted.
pub fn read<T: Pod>(gpu: &Gpu, buffer: &wgpu::Buffer) -> Result<Vec<T>, Failed> {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: buffer.size(), usage, mapped_at_creation: false });
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
    gpu.queue.submit([encoder.finish()]);
    staging.map_async(wgpu::MapMode::Read, .., |_| ());
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    Ok(bytemuck::pod_collect_to_vec(&staging.get_mapped_range(..)?))
}

/// All that an optimizer keeps, by name, as bits.
pub fn kept(optimizer: &Optimizer) -> Result<Vec<(String, Vec<u32>)>, Failed> {
    let checkpoint = block_on(optimizer.checkpoint())?;
    let bits = |data: &[f32]| data.iter().map(|x| x.to_bits()).collect();
    let mut all: Vec<_> = checkpoint.tensors().map(|(name, _, data)| (name, bits(data))).collect();
    all.sort();
    Ok(all)
}

/// Fails with the name of what differs.
pub fn same(got: &[(String, Vec<u32>)], expected: &[(String, Vec<u32>)]) -> Outcome {
    assert_eq!(got.iter().map(|(name, _)| name).collect::<Vec<_>>(), expected.iter().map(|(name, _)| name).collect::<Vec<_>>());
    match got.iter().zip(expected).find(|(got, expected)| got != expected) {
        Some(((name, _), _)) => Err(format!("{name} differs").into()),
        None => Ok(()),
    }
}
