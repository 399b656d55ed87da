//! The buffers of the state: one for each set of parameters that are updated together, so that no two dispatches write one buffer.

use super::{Binding, create};
use crate::error::Result;
use crate::plan::{Segment, Window};

/// The pages of all sets; a set without state has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    buffers: Vec<Option<wgpu::Buffer>>,
}

impl Pages {
    /// Allocates the pages of these sizes that are not there yet; wgpu makes them zero.
    pub(crate) fn extend(&mut self, device: &wgpu::Device, sizes: &[u64]) -> Result<()> {
        let page = |&size: &u64| wgpu::BufferDescriptor {
            label: Some("wgpu-optim state"),
            size,
            usage: super::buffers::KEPT,
            mapped_at_creation: false,
        };
        let new = sizes[self.buffers.len()..].iter().map(|size| (*size > 0).then(|| create(device, &page(size))).transpose());
        self.buffers.extend(new.collect::<Result<Vec<_>>>()?);
        Ok(())
    }

    /// One lane of a segment, which has some.
    pub(crate) fn binding(&self, segment: &Segment, lane: usize) -> Option<Binding> {
        let place = segment.lane(lane as u64);
        let page = self.buffers[place.buffer].as_ref()?;
        Some(Binding::padded(page, place.offset, 4 * (segment.elements.end - segment.elements.start), place.room))
    }

    /// A part of a page.
    pub(crate) fn resource(&self, window: Window) -> Option<wgpu::BindingResource<'_>> {
        Some(super::resource(self.buffers[window.buffer].as_ref()?, window))
    }

    /// Whether this is one of the pages.
    pub(crate) fn own(&self, buffer: &wgpu::Buffer) -> bool {
        self.buffers.iter().flatten().any(|page| page == buffer)
    }

    /// Bytes of all pages.
    pub(crate) fn bytes(&self) -> u64 {
        self.buffers.iter().flatten().map(wgpu::Buffer::size).sum()
    }
}
