use super::{Binding, caught};
use crate::error::Result;
use crate::plan::{Segment, Window};

/// The buffers of the state arena, one a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    buffers: Vec<wgpu::Buffer>,
}

impl Pages {
    /// Allocates the pages of these sizes that are not there yet; wgpu makes them zero.
    pub(crate) fn extend(&mut self, device: &wgpu::Device, sizes: &[u64]) -> Result<()> {
        use wgpu::BufferUsages as Usage;
        let page = |&size: &u64| wgpu::BufferDescriptor {
            label: Some("wgpu-optim state"),
            size,
            usage: Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST,
            mapped_at_creation: false,
        };
        let new = &sizes[self.buffers.len()..];
        self.buffers.extend(caught(device, || new.iter().map(|size| device.create_buffer(&page(size))).collect::<Vec<_>>())?);
        Ok(())
    }

    /// One lane of a segment.
    pub(crate) fn binding(&self, segment: &Segment, lane: usize) -> Binding {
        let place = segment.lane(lane as u64);
        Binding::padded(&self.buffers[place.buffer], place.offset, 4 * (segment.elements.end - segment.elements.start), place.room)
    }

    /// A part of a page.
    pub(crate) fn resource(&self, window: Window) -> wgpu::BindingResource<'_> {
        super::resource(&self.buffers[window.buffer], window)
    }

    /// Whether this is one of the arena's buffers.
    pub(crate) fn own(&self, buffer: &wgpu::Buffer) -> bool {
        self.buffers.contains(buffer)
    }

    /// Bytes of all pages.
    pub(crate) fn bytes(&self) -> u64 {
        self.buffers.iter().map(wgpu::Buffer::size).sum()
    }
}
