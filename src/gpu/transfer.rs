//! Copies between host and GPU: waits for reads, queues writes.

use futures_intrusive::channel::shared::oneshot_channel;

use super::buffers::create;
use super::{Given, caught, checked, is_lost};
use crate::error::{Error, Result};

/// Copies `len` elements from the GPU. It submits a copy of its own and, on native platforms, waits for the queue; so it belongs between steps, not in one.
/// A lost device is an error.
pub(crate) async fn read<T: bytemuck::Pod>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
    offset: u64,
    len: u64,
) -> Result<Vec<T>> {
    let own = Span { buffer, offset, bytes: len * size_of::<T>() as u64 };
    Ok(elements(read_all(device, queue, &[own]).await?.pop().unwrap_or_default()))
}

/// Words as elements; of f32 as they lie, without a copy.
pub(crate) fn elements<T: bytemuck::Pod>(words: Vec<u32>) -> Vec<T> {
    bytemuck::allocation::try_cast_vec(words).unwrap_or_else(|(_, words)| bytemuck::pod_collect_to_vec(&words))
}

/// A part of a buffer, a multiple of 4 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    pub(crate) buffer: &'a wgpu::Buffer,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// The largest staging buffer: half of what WebGPU lets a buffer have, so that a large model is not in memory three times.
const MOST_STAGING: u64 = 1 << 27;

/// Copies parts of buffers from the GPU as they are at one moment, each in words: one submission, and one wait.
pub(crate) async fn read_all(device: &wgpu::Device, queue: &wgpu::Queue, spans: &[Span<'_>]) -> Result<Vec<Vec<u32>>> {
    let most = MOST_STAGING.min(device.limits().max_buffer_size) / 4 * 4;
    let pieces = pieces(spans, most);
    let count = pieces.last().map_or(0, |piece| piece.staging + 1);
    let size = |staging| pieces.iter().filter(|piece| piece.staging == staging).map(|piece| piece.bytes).sum();
    let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
    let label = Some("wgpu-optim read-back");
    let mut words: Vec<Vec<u32>> = spans.iter().map(|span| Vec::with_capacity((span.bytes / 4) as usize)).collect();
    if count == 0 {
        return Ok(words);
    }
    let descriptor = |staging| wgpu::BufferDescriptor { label, size: size(staging), usage, mapped_at_creation: false };
    let launch = || {
        let staging: Vec<wgpu::Buffer> = (0..count).map(|number| create(device, &descriptor(number))).collect::<Result<_>>()?;
        let submission = caught(device, || {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label });
            for &Piece { span, from, staging: number, to, bytes } in &pieces {
                let Span { buffer, offset, .. } = spans[span];
                encoder.copy_buffer_to_buffer(buffer, offset + from, &staging[number], to, bytes);
            }
            queue.submit([encoder.finish()])
        })?;
        let mut receivers = Vec::with_capacity(count);
        for buffer in &staging {
            let (sender, receiver) = oneshot_channel();
            // The receiver is dropped only together with this future, when nobody waits for the result any more.
            caught(device, || buffer.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result).unwrap_or_default()))?;
            receivers.push(receiver);
        }
        Ok((staging, submission, receivers))
    };
    let (staging, submission, receivers) = checked(device, launch).await?;
    let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
    device.poll(poll).map_err(|error| failed(device, &error))?;
    for (number, (buffer, receiver)) in staging.into_iter().zip(receivers).enumerate() {
        match receiver.receive().await {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(failed(device, &error)),
            None => return Err(failed(device, &"the device dropped the request")),
        }
        let view = buffer.get_mapped_range(..).map_err(|error| failed(device, &error))?;
        for &Piece { span, to, bytes, .. } in pieces.iter().filter(|piece| piece.staging == number) {
            words[span].extend(view[to as usize..(to + bytes) as usize].chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>));
        }
    }
    Ok(words)
}

/// A part of a span, in one staging buffer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    span: usize,
    from: u64,
    staging: usize,
    to: u64,
    bytes: u64,
}

/// Spans one after another, cut where a staging buffer is full.
fn pieces(spans: &[Span<'_>], most: u64) -> Vec<Piece> {
    let (mut pieces, mut staging, mut to) = (Vec::new(), 0, 0);
    for (span, &Span { bytes, .. }) in spans.iter().enumerate() {
        let mut from = 0;
        while from < bytes {
            if to == most {
                (staging, to) = (staging + 1, 0);
            }
            let bytes = (bytes - from).min(most - to);
            pieces.push(Piece { span, from, staging, to, bytes });
            (from, to) = (from + bytes, to + bytes);
        }
    }
    pieces
}

/// Why a read-back that was submitted did not arrive.
pub(crate) fn failed(device: &wgpu::Device, reason: &dyn core::fmt::Display) -> Error {
    if is_lost(device) { Error::DeviceLost } else { Error::ReadBack(reason.to_string()) }
}

/// Writes a whole tensor through the queue, rounded to the nearest where it has fewer bits.
pub(crate) fn write(device: &wgpu::Device, queue: &wgpu::Queue, given: &Given<'_>, data: &[f32]) -> Result<()> {
    let Given { param, role, binding, format, elements } = *given;
    if data.len() as u64 != elements {
        return Err(Error::Length { param: param.into(), role, needed: elements, got: data.len() as u64 });
    }
    let (has, needs) = (binding.buffer().usage(), wgpu::BufferUsages::COPY_DST);
    if !has.contains(needs) {
        return Err(Error::MissingUsage { param: param.into(), role, has, needs });
    }
    let put = match format.packed() {
        None => put(device, queue, binding.buffer(), binding.offset(), data),
        Some(_) => put(device, queue, binding.buffer(), binding.offset(), &format.encode(data, &[])),
    };
    put.map_err(|error| error.about(param, role))
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
