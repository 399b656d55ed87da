//! The buffers of the state: one for each set of parameters that are updated together, so that no two dispatches write one buffer.

use super::{Binding, create};
use crate::error::Result;
use crate::program::{Place, Segment, Window};

/// The pages of all sets; a set without state has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    buffers: Vec<Option<wgpu::Buffer>>,
    /// The numbers of rows, columns and slices.
    lines: Vec<wgpu::Buffer>,
}

impl Pages {
    /// Allocates the pages of these sizes, and the buffers of so many numbers of rows, columns and slices, that are not there yet; wgpu makes them zero.
    pub(crate) fn extend(&mut self, device: &wgpu::Device, sizes: &[u64], lines: &[u64]) -> Result<()> {
        let page = |&size: &u64| wgpu::BufferDescriptor {
            label: Some("wgpu-optim state"),
            size,
            usage: super::buffers::KEPT,
            mapped_at_creation: false,
        };
        let new = sizes[self.buffers.len()..].iter().map(|size| (*size > 0).then(|| create(device, &page(size))).transpose());
        let new = new.collect::<Result<Vec<_>>>()?;
        let lines = lines[self.lines.len()..].iter().map(|elements| create(device, &page(&(4 * elements)))).collect::<Result<Vec<_>>>()?;
        self.buffers.extend(new);
        self.lines.extend(lines);
        Ok(())
    }

    /// One lane of a segment, which has some.
    pub(crate) fn binding(&self, segment: &Segment, lane: usize) -> Option<Binding> {
        let place = segment.lane(lane as u64);
        let page = self.buffers[place.buffer].as_ref()?;
        Some(Binding::padded(page, place.offset, 4 * (segment.elements.end - segment.elements.start), place.room))
    }

    /// The numbers of a parameter's rows, columns or slices, `count` of them.
    pub(crate) fn line(&self, place: Place, count: u64) -> Option<Binding> {
        Some(Binding::padded(self.lines.get(place.buffer)?, place.offset, 4 * count, place.room))
    }

    /// The buffer of this number, with the numbers of rows, columns and slices.
    pub(crate) fn lines(&self, buffer: usize) -> Option<&wgpu::Buffer> {
        self.lines.get(buffer)
    }

    /// A part of a page.
    pub(crate) fn resource(&self, window: Window) -> Option<wgpu::BindingResource<'_>> {
        Some(super::resource(self.buffers[window.buffer].as_ref()?, window))
    }

    /// Whether this is one of the pages.
    pub(crate) fn own(&self, buffer: &wgpu::Buffer) -> bool {
        self.all().any(|page| page == buffer)
    }

    /// Bytes of all pages.
    pub(crate) fn bytes(&self) -> u64 {
        self.all().map(wgpu::Buffer::size).sum()
    }

    fn all(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        self.buffers.iter().flatten().chain(&self.lines)
    }
}
