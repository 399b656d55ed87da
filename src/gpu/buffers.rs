//! Buffers of our own.

use super::caught;
use crate::error::{Error, Result};

/// What buffers are for that are read back, and written, between steps.
pub(crate) const KEPT: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

/// Bytes of the smallest buffer, since wgpu binds none without room for one element of its array: more than any of ours has.
const LEAST: u64 = 64;

/// Fails if so many bytes do not fit in one binding.
pub(crate) fn fits(device: &wgpu::Device, what: &str, needed: u64) -> Result<()> {
    let allowed = super::limits(device).binding.min(super::limits(device).buffer);
    if needed <= allowed {
        return Ok(());
    }
    Err(Error::Limit { what: what.to_owned(), needed, limit: "max_storage_buffer_binding_size", allowed })
}

/// A buffer of zeros that has to fit in one binding.
pub(crate) fn whole(device: &wgpu::Device, what: &str, size: u64) -> Result<wgpu::Buffer> {
    fits(device, what, size)?;
    let label = format!("wgpu-optim {what}");
    let descriptor = wgpu::BufferDescriptor { label: Some(&label), size: size.max(LEAST), usage: KEPT, mapped_at_creation: false };
    caught(device, || device.create_buffer(&descriptor))
}

/// A storage buffer with these contents, which nothing writes again.
pub(crate) fn upload<T: bytemuck::Pod>(device: &wgpu::Device, label: &str, data: &[T]) -> Result<wgpu::Buffer> {
    upload_for(device, label, wgpu::BufferUsages::STORAGE, data)
}

/// The same, where it has to fit in one binding.
pub(crate) fn table<T: bytemuck::Pod>(device: &wgpu::Device, what: &str, data: &[T]) -> Result<wgpu::Buffer> {
    fits(device, what, size_of_val(data) as u64)?;
    upload(device, &format!("wgpu-optim {what}"), data)
}

/// The same for other uses besides.
pub(crate) fn upload_for<T: bytemuck::Pod>(
    device: &wgpu::Device,
    label: &str,
    usage: wgpu::BufferUsages,
    data: &[T],
) -> Result<wgpu::Buffer> {
    let bytes: &[u8] = bytemuck::cast_slice(data);
    let size = if bytes.is_empty() { LEAST } else { bytes.len() as u64 };
    let descriptor = wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: true };
    // Not `create_buffer_init`, which panics on a lost device.
    let buffer = caught(device, || device.create_buffer(&descriptor))?;
    let mut view = buffer.get_mapped_range_mut(..).map_err(|error| Error::Wgpu(error.to_string()))?;
    view.slice(..bytes.len()).copy_from_slice(bytes);
    drop(view);
    buffer.unmap();
    Ok(buffer)
}
