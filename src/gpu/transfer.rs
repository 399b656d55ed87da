//! Copies between host and GPU: waits for reads, queues writes.

use futures_intrusive::channel::shared::oneshot_channel;

use super::buffers::create;
use super::{Binding, caught, is_lost};
use crate::error::{BufferRole, Error, Result};

/// Copies `len` elements from the GPU.
pub(crate) async fn read<T: bytemuck::Pod>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
    offset: u64,
    len: u64,
) -> Result<Vec<T>> {
    let ((), data) = read_beside(device, queue, None, buffer, offset, len).await?;
    Ok(data)
}

/// Copies `len` elements from the GPU, and, from the start of another buffer, a `Head`. It submits a copy of its own and, on native platforms, waits for
/// the queue; so it belongs between steps, not in one. A lost device is an error.
pub(crate) async fn read_beside<Head: bytemuck::Pod, T: bytemuck::Pod>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    beside: Option<&wgpu::Buffer>,
    buffer: &wgpu::Buffer,
    offset: u64,
    len: u64,
) -> Result<(Head, Vec<T>)> {
    let (head, size) = (size_of::<Head>() as u64, len * size_of::<T>() as u64);
    let parts = [beside.map(|beside| (beside, 0, 0, head)), Some((buffer, offset, head, size))];
    let parts: Vec<_> = parts.into_iter().flatten().filter(|(.., size)| *size > 0).collect();
    if parts.is_empty() {
        return Ok((Head::zeroed(), Vec::new()));
    }
    let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
    let label = Some("wgpu-optim read-back");
    let staging = create(device, &wgpu::BufferDescriptor { label, size: head + size, usage, mapped_at_creation: false })?;
    let submission = caught(device, || {
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label });
        for &(source, from, to, size) in &parts {
            encoder.copy_buffer_to_buffer(source, from, &staging, to, size);
        }
        queue.submit([encoder.finish()])
    })?;
    let (sender, receiver) = oneshot_channel();
    // The receiver is dropped only together with this future, when nobody waits for the result any more.
    caught(device, || staging.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result).unwrap_or_default()))?;
    let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
    device.poll(poll).map_err(|error| failed(device, &error))?;
    match receiver.receive().await {
        Some(Ok(())) => {}
        Some(Err(error)) => return Err(failed(device, &error)),
        None => return Err(failed(device, &"the device dropped the request")),
    }
    let view = staging.get_mapped_range(..).map_err(|error| failed(device, &error))?;
    let (own, data) = view.split_at(head as usize);
    Ok((bytemuck::pod_read_unaligned(own), bytemuck::pod_collect_to_vec(data)))
}

/// Why a read-back that was submitted did not arrive.
pub(crate) fn failed(device: &wgpu::Device, reason: &dyn core::fmt::Display) -> Error {
    if is_lost(device) { Error::DeviceLost } else { Error::ReadBack(reason.to_string()) }
}

/// Writes a whole tensor through the queue.
pub(crate) fn write(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    param: &str,
    role: BufferRole,
    binding: &Binding,
    elements: u64,
    data: &[f32],
) -> Result<()> {
    if data.len() as u64 != elements {
        return Err(Error::Length { param: param.into(), role, needed: elements, got: data.len() as u64 });
    }
    let (has, needs) = (binding.buffer().usage(), wgpu::BufferUsages::COPY_DST);
    if !has.contains(needs) {
        return Err(Error::MissingUsage { param: param.into(), role, has, needs });
    }
    put(device, queue, binding.buffer(), binding.offset(), data).map_err(|error| error.about(param, role))
}

/// Writes a part of a buffer through the queue.
pub(crate) fn put<T: bytemuck::Pod>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
    offset: u64,
    data: &[T],
) -> Result<()> {
    let bytes: &[u8] = bytemuck::cast_slice(data);
    let Some(size) = wgpu::BufferSize::new(bytes.len() as u64) else { return Ok(()) };
    // `write_buffer` says nothing on a lost device; this gives no room to write to.
    let room = || queue.write_buffer_with(buffer, offset, size).map(|mut room| room.copy_from_slice(bytes));
    caught(device, room)?.ok_or(Error::DeviceLost)
}
