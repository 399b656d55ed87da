use futures_intrusive::channel::shared::oneshot_channel;

use super::{Binding, caught};
use crate::error::{Error, Result, Role};

/// Copies `len` elements from the GPU. It submits a copy of its own and, on native platforms, waits for the queue; so it belongs between
/// steps, not in one. A lost device is an error.
pub(crate) async fn read<T: bytemuck::Pod>(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    buffer: &wgpu::Buffer,
    offset: u64,
    len: u64,
) -> Result<Vec<T>> {
    let size = len * size_of::<T>() as u64;
    if size == 0 {
        return Ok(Vec::new());
    }
    let (staging, submission) = caught(device, || {
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let label = Some("wgpu-optim read-back");
        let staging = device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label });
        encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, size);
        (staging, queue.submit([encoder.finish()]))
    })
    .map_err(|error| Error::ReadBack(error.to_string()))?;
    let (sender, receiver) = oneshot_channel();
    // The receiver is dropped only together with this future, when nobody waits for the result any more.
    caught(device, || staging.map_async(wgpu::MapMode::Read, .., move |result| sender.send(result).unwrap_or_default()))
        .map_err(|error| Error::ReadBack(error.to_string()))?;
    let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
    device.poll(poll).map_err(|error| Error::ReadBack(error.to_string()))?;
    match receiver.receive().await {
        Some(Ok(())) => {}
        Some(Err(error)) => return Err(Error::ReadBack(error.to_string())),
        None => return Err(Error::ReadBack("the device dropped the request".into())),
    }
    let view = staging.get_mapped_range(..).map_err(|error| Error::ReadBack(error.to_string()))?;
    Ok(bytemuck::pod_collect_to_vec(&view))
}

/// Writes a whole tensor through the queue.
pub(crate) fn write(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    param: &str,
    role: Role,
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
    if data.is_empty() {
        return Ok(());
    }
    caught(device, || queue.write_buffer(binding.buffer(), binding.offset(), bytemuck::cast_slice(data)))
}
