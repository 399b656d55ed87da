//! The buffers of the state: one for each set of parameters that are updated together, so that no two dispatches write one buffer.

use std::collections::HashSet;

use super::{Binding, create};
use crate::error::Result;
use crate::program::{Place, Segment, Window};

/// The pages of all sets; a set without state has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    buffers: Vec<Option<wgpu::Buffer>>,
    /// The numbers of rows, columns and slices.
    lines: Vec<wgpu::Buffer>,
    /// Pages of before the last change, to be used again.
    spare: Vec<wgpu::Buffer>,
}

impl Pages {
    /// Allocates the pages of these sizes, and the buffers of so many numbers of rows, columns and slices, that are not there yet; wgpu makes them zero.
    pub(crate) fn extend(&mut self, device: &wgpu::Device, sizes: &[u64], lines: &[u64]) -> Result<()> {
        self.extend_from(device, sizes, lines, Vec::new())
    }

    /// Likewise, but pages may be some of these, which hold what they held.
    fn extend_from(&mut self, device: &wgpu::Device, sizes: &[u64], lines: &[u64], mut spare: Vec<wgpu::Buffer>) -> Result<()> {
        let new = |size: u64| {
            let (label, usage) = (Some("wgpu-optim state"), super::buffers::KEPT);
            create(device, &wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false })
        };
        let mut page = |&size: &u64| {
            let fits = spare.iter().enumerate().filter(|(_, page)| (size..=2 * size).contains(&page.size()));
            match fits.min_by_key(|(_, page)| page.size()).map(|(index, _)| index) {
                _ if size == 0 => Ok(None),
                Some(index) => Ok(Some(spare.swap_remove(index))),
                None => new(size).map(Some),
            }
        };
        let pages = sizes[self.buffers.len()..].iter().map(&mut page).collect::<Result<Vec<_>>>()?;
        let lines = lines[self.lines.len()..].iter().map(|elements| new(4 * elements)).collect::<Result<Vec<_>>>()?;
        self.buffers.extend(pages);
        self.lines.extend(lines);
        Ok(())
    }

    /// Those of an optimizer that this one becomes: these themselves, if they are to stay, but for those of lines; else others, which may hold what spare ones held.
    pub(crate) fn next(&self, device: &wgpu::Device, sizes: &[u64], lines: &[u64], stay: bool) -> Result<Self> {
        let mut next = Pages::default();
        if stay {
            next.buffers.clone_from(&self.buffers);
            next.spare.clone_from(&self.spare);
            next.extend(device, sizes, lines)?;
        } else {
            next.extend_from(device, sizes, lines, self.spare.clone())?;
        }
        Ok(next)
    }

    /// Keeps those of these pages of the optimizer before that are no longer in use, for the next one.
    pub(crate) fn keep(&mut self, before: &Pages, pages: &HashSet<usize>) {
        let pages = before.buffers.iter().enumerate().filter(|(page, _)| pages.contains(page)).filter_map(|(_, page)| page.as_ref());
        self.spare = pages.filter(|page| !self.own(page)).cloned().collect();
    }

    /// Whether a page of ours was one of the spare ones of the optimizer before, so that it is not zero.
    pub(crate) fn is_used(&self, before: &Pages, page: &wgpu::Buffer) -> bool {
        before.spare.contains(page) && !self.spare.contains(page)
    }

    /// One lane of a segment, which has some.
    pub(crate) fn binding(&self, segment: &Segment, lane: usize) -> Option<Binding> {
        let place = segment.lane(lane as u64);
        let page = self.buffers[place.buffer].as_ref()?;
        Some(Binding::padded(page, place.offset, segment.bytes_of(lane as u64), place.room))
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
        self.all().chain(&self.spare).any(|page| page == buffer)
    }

    /// Bytes of all pages, with those that are kept to be used again.
    pub(crate) fn bytes(&self) -> u64 {
        self.all().chain(&self.spare).map(wgpu::Buffer::size).sum()
    }

    fn all(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        self.buffers.iter().flatten().chain(&self.lines)
    }
}
