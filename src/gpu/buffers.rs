//! Buffers of our own.

use super::{caught, is_lost, made};
use crate::error::{Error, Result};

/// What buffers are for that are read back, and written, between steps.
pub(crate) const KEPT: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

/// Bytes of the smallest buffer, since wgpu binds none without room for one element of its array: more than any of ours has.
const LEAST: u64 = 64;

/// Makes a buffer. A lost device is an error, though wgpu has none.
pub(crate) fn create(device: &wgpu::Device, descriptor: &wgpu::BufferDescriptor<'_>) -> Result<wgpu::Buffer> {
    let buffer = caught(device, || device.create_buffer(descriptor)).map_err(|error| match error {
        Error::OutOfMemory(_) => Error::OutOfMemory(format!("{} bytes for {}", descriptor.size, descriptor.label.unwrap_or_default())),
        other => other,
    })?;
    made::count(made::Thing::Buffer);
    // Who maps one learns it there.
    if !descriptor.mapped_at_creation && is_lost(device) { Err(Error::DeviceLost) } else { Ok(buffer) }
}

/// Fails with what wgpu has against binding this buffer, whatever else is bound: it was destroyed, or is another device's.
pub(crate) fn check_binds(device: &wgpu::Device, buffer: &wgpu::Buffer) -> Result<()> {
    let label = Some("wgpu-optim probe");
    let ty = wgpu::BufferBindingType::Storage { read_only: true };
    let ty = wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    let entry = wgpu::BindGroupLayoutEntry { binding: 0, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None };
    // Its first element: the whole may be larger than a binding.
    let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: 0, size: wgpu::BufferSize::new(4) });
    caught(device, || {
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &[entry] });
        let entries = [wgpu::BindGroupEntry { binding: 0, resource }];
        device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout: &layout, entries: &entries })
    })
    .map(drop)
}

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
    let descriptor =
        wgpu::BufferDescriptor { label: Some(&label), size: if size == 0 { LEAST } else { size }, usage: KEPT, mapped_at_creation: false };
    create(device, &descriptor)
}

/// A storage buffer with these contents, which nothing writes again.
pub(crate) fn upload<T: bytemuck::Pod>(device: &wgpu::Device, label: &str, data: &[T]) -> Result<wgpu::Buffer> {
    upload_for(device, label, wgpu::BufferUsages::STORAGE, data)
}

/// A storage buffer with these contents that has to fit in one binding.
pub(crate) fn table<T: bytemuck::Pod>(device: &wgpu::Device, what: &str, data: &[T]) -> Result<wgpu::Buffer> {
    fits(device, what, size_of_val(data) as u64)?;
    upload(device, &format!("wgpu-optim {what}"), data)
}

/// A buffer with these contents for these uses.
pub(crate) fn upload_for<T: bytemuck::Pod>(
    device: &wgpu::Device,
    label: &str,
    usage: wgpu::BufferUsages,
    data: &[T],
) -> Result<wgpu::Buffer> {
    upload_bytes(device, label, usage, bytemuck::cast_slice(data))
}

fn upload_bytes(device: &wgpu::Device, label: &str, usage: wgpu::BufferUsages, bytes: &[u8]) -> Result<wgpu::Buffer> {
    let size = if bytes.is_empty() { LEAST } else { bytes.len() as u64 };
    let descriptor = wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: true };
    // Not `create_buffer_init`, which panics on a lost device.
    let buffer = create(device, &descriptor)?;
    // wgpu had nothing against it and it is void: the device is lost.
    let mut view = buffer.get_mapped_range_mut(..).map_err(|_| Error::DeviceLost)?;
    view.slice(..bytes.len()).copy_from_slice(bytes);
    drop(view);
    buffer.unmap();
    Ok(buffer)
}
