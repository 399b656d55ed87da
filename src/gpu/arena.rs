use super::{Binding, caught};
use crate::error::Result;
use crate::plan::{Page, Place, Window};

/// The buffers of the state arena: per page one for each state in use.
#[derive(Debug)]
pub(crate) struct Lanes {
    pages: Vec<Vec<wgpu::Buffer>>,
}

impl Lanes {
    /// Allocates the pages; wgpu makes them zero. `lanes` tells how many states a variant uses.
    pub(crate) fn new(device: &wgpu::Device, pages: &[Page], lanes: impl Fn(usize) -> usize) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let lane = |page: &Page| wgpu::BufferDescriptor {
            label: Some("wgpu-optim state"),
            size: page.size,
            usage: Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST,
            mapped_at_creation: false,
        };
        let page = |page: &Page| (0..lanes(page.variant)).map(|_| device.create_buffer(&lane(page))).collect();
        Ok(Lanes { pages: caught(device, || pages.iter().map(page).collect())? })
    }

    /// One state tensor of one parameter.
    pub(crate) fn binding(&self, place: Place, lane: usize, bytes: u64) -> Binding {
        Binding::padded(&self.pages[place.buffer][lane], place.offset, bytes)
    }

    /// A window of one lane.
    pub(crate) fn window(&self, window: Window, lane: usize) -> (&wgpu::Buffer, Window) {
        (&self.pages[window.buffer][lane], window)
    }

    /// Whether this is one of the arena's buffers.
    pub(crate) fn own(&self, buffer: &wgpu::Buffer) -> bool {
        self.pages.iter().flatten().any(|lane| lane == buffer)
    }

    /// Bytes of all pages.
    pub(crate) fn bytes(&self) -> u64 {
        self.pages.iter().flatten().map(wgpu::Buffer::size).sum()
    }
}
