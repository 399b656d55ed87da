//! Tensors as kernels bind them that go through rows: in stretches, each within what the device lets be bound.

use super::Parameter;
use crate::coalesce::List;
use crate::error::{Error, Result};
use crate::gpu::{Binding, Dispatch, Recorder};
use crate::program::{Limits, Segment, pieces};
use crate::rule::Extent;
use crate::step::go_with_rows;

/// Where elements of a tensor are: in one buffer, `count` from `first` on.
#[derive(Clone, Copy)]
pub(super) struct Stretch<'a> {
    pub(super) buffer: &'a wgpu::Buffer,
    pub(super) offset: u64,
    pub(super) first: u64,
    pub(super) count: u64,
    /// How many may be written, with padding that nobody else has.
    pub(super) room: u64,
}

impl Stretch<'_> {
    /// What of it lies between these elements, if anything does.
    pub(super) fn within(&self, begin: u64, end: u64) -> Option<Self> {
        let (first, last) = (self.first.max(begin), (self.first + self.count).min(end));
        let count = last.checked_sub(first).filter(|&count| count > 0)?;
        let padding = if last == self.first + self.count { self.room - self.count } else { 0 };
        Some(Stretch { buffer: self.buffer, offset: self.offset + 4 * (first - self.first), first, count, room: count + padding })
    }
}

impl Parameter {
    /// Where its elements are kept: not where there is but room for more.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Segment> {
        self.state.iter().enumerate().filter(|(number, own)| *number == 0 || !own.elements.is_empty()).map(|(_, own)| own)
    }

    /// The entries of micro-batches, where its gradient is row-sparse and there may be several.
    pub(super) fn pending(&self) -> Option<&List> {
        self.sparse.as_ref()?.list()
    }

    /// How many numbers of this extent a row has; `None` where they are of more rows than one.
    pub(super) fn width(&self, extent: Extent) -> Option<u64> {
        let (shape, count) = (&self.param.shape, self.extents.count(extent));
        // A parameter that is masked is a matrix of its rows.
        let is_own = self.masked.is_some() || go_with_rows(extent, shape);
        is_own.then(|| count / shape.first().map_or(1, |&rows| rows as u64).max(1))
    }
}

/// Elements of a stretch at most.
pub(super) fn most(limits: &Limits) -> u64 {
    (limits.binding - limits.alignment) / 16 * 4
}

/// Parts of a tensor, cut where they are larger than what can be bound.
pub(super) fn stretches(parts: &[(Binding, u64)], most: u64) -> Vec<Stretch<'_>> {
    let mut first = 0;
    let mut all = Vec::new();
    for (part, elements) in parts {
        let room = part.room(4 * elements) / 4;
        let stretch = |range: core::ops::Range<u64>| Stretch {
            buffer: part.buffer(),
            offset: part.offset() + 4 * range.start,
            first: first + range.start,
            count: range.end - range.start,
            room: if range.end == *elements { room } else { range.end } - range.start,
        };
        all.extend(pieces(0..*elements, most).map(stretch));
        first += elements;
    }
    all
}

/// A binding that begins where the device allows it, and where the stretch begins in it.
pub(super) fn bound(stretch: Stretch<'_>, alignment: u64) -> (wgpu::BindingResource<'_>, u32) {
    let Stretch { buffer, offset, count, .. } = stretch;
    let start = offset / alignment * alignment;
    let size = wgpu::BufferSize::new(offset - start + 4 * count.max(1));
    (wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: start, size }), ((offset - start) / 4) as u32)
}

/// Fails for more elements than these kernels count.
pub(super) fn check_counted(what: impl FnOnce() -> String, needed: u64) -> Result<()> {
    let (limit, allowed) = ("number of elements in 32 bits", u64::from(u32::MAX));
    if needed > allowed { Err(Error::Limit { what: what(), needed, limit, allowed }) } else { Ok(()) }
}

/// Records them in a pass of their own.
pub(super) fn record(encoder: &mut wgpu::CommandEncoder, label: &str, dispatches: &[Dispatch]) {
    let descriptor = wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes: None };
    let mut pass = encoder.begin_compute_pass(&descriptor);
    dispatches.iter().for_each(|dispatch| pass.record(dispatch));
}
