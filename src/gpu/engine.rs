//! What an optimizer has on the device.

use super::{Pages, Pipelines, Record, RecordLayout};
use crate::program::{Limits, Sets, SumTree};

/// What an optimizer has on the device besides the caller's buffers and what is bound to them.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    pub(crate) limits: Limits,
    pub(crate) layout: RecordLayout,
    pub(crate) sets: Sets,
    /// Elements of each buffer for the numbers of rows, columns and slices.
    pub(crate) lines: Vec<u64>,
    pub(crate) pages: Pages,
    pub(crate) tree: SumTree,
    pub(crate) record: Record,
    pub(crate) pipelines: Pipelines,
}

impl Engine {
    /// Whether a buffer is one of ours, state or status, which no parameter may be in.
    pub(crate) fn own(&self, buffer: &wgpu::Buffer) -> bool {
        self.pages.own(buffer) || self.record.status == *buffer
    }
}
