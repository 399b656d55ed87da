//! The table of parameters in versions. A step is recorded with one, which nothing overwrites: whatever is submitted when, it finds the values and
//! gradients that it was recorded with.

use std::sync::Arc;

use super::buffers::upload_for;
use super::compiled::version_layout;
use super::executor::OverRows;
use super::{Bound, Engine, Executor, caught, made, put, resource};
use crate::error::{Error, Result};
use crate::program::{Limits, Places, Purpose, Window};

/// Versions that the first buffer has room for: those of a host that keeps its places, or that alternates between some.
const FIRST: u64 = 4;

/// Versions of a later buffer at most. Each new buffer needs new bind groups.
const MOST: u64 = 64;

/// Bytes of all versions in a buffer, unless `FIRST` take more.
const BYTES: u64 = 2 << 20;

/// Bytes of the uniform that kernels load.
const SHIFT: u64 = 16;

/// How many of the latest versions are known by their words, to be taken again: as many as there are sets of bind groups.
const KNOWN: usize = SETS;

/// How many sets of bind groups a dispatch keeps.
pub(super) const SETS: usize = 4;

/// Rows, and after them versions of the table of parameters that these look things up in.
#[derive(Clone, Debug)]
pub(crate) struct Versions {
    buffer: wgpu::Buffer,
    /// For each version that there is room for, a uniform with how far on it is: a storage buffer more would be too many for some kernels, and an offset
    /// that is chosen while recording allocates.
    groups: Arc<[wgpu::BindGroup]>,
    rows: Arc<[u32]>,
    /// Bytes of a version.
    size: u64,
    /// How many are taken, and which one steps are recorded with.
    taken: u64,
    current: u64,
    latest: Vec<(u64, Arc<[u32]>)>,
}

/// What a table with other words is.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// A version that is there.
    Known(u64),
    /// One more, of these words.
    More(Arc<[u32]>),
    /// The first one of another buffer.
    Replaced(Versions),
}

impl Versions {
    /// The first one.
    pub(super) fn new(device: &wgpu::Device, rows: Arc<[u32]>, words: Vec<u32>, limits: &Limits) -> Result<Self> {
        Self::with_room(device, rows, words.into(), limits, FIRST)
    }

    fn with_room(device: &wgpu::Device, rows: Arc<[u32]>, words: Arc<[u32]>, limits: &Limits, wanted: u64) -> Result<Self> {
        // Of no buckets, four words: a binding has at least one.
        let (begin, size) = (size_of_val(&*rows) as u64, (size_of_val(&*words) as u64).max(16));
        let binding = (limits.binding, "max_storage_buffer_binding_size");
        let (allowed, limit) = if limits.buffer < limits.binding { (limits.buffer, "max_buffer_size") } else { binding };
        let fit = allowed.saturating_sub(begin) / size;
        if fit == 0 {
            return Err(Error::Limit { what: "the table of chunks".to_owned(), needed: begin + size, limit, allowed });
        }
        let room = wanted.min((BYTES / size).max(FIRST)).min(fit);
        let mut all = rows.to_vec();
        all.extend_from_slice(&words);
        all.resize(((begin + room * size) / 4) as usize, 0);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffer = upload_for(device, "wgpu-optim rows", usage, &all)?;
        let groups = groups(device, room, size)?;
        Ok(Versions { buffer, groups, rows, size, taken: 1, current: 0, latest: vec![(0, words)] })
    }

    /// The version with these words.
    pub(super) fn next(&self, device: &wgpu::Device, words: Vec<u32>, limits: &Limits) -> Result<Next> {
        let known = self.latest.iter().find(|(_, own)| **own == *words);
        if let Some(&(version, _)) = known {
            return Ok(Next::Known(version));
        }
        match self.taken < self.groups.len() as u64 {
            true => Ok(Next::More(words.into())),
            false => Ok(Next::Replaced(Self::with_room(device, self.rows.clone(), words.into(), limits, MOST)?)),
        }
    }

    /// Writes it, if it is not there. Nothing reads it yet: another one may be written in its place until it is kept.
    pub(super) fn write(&self, device: &wgpu::Device, queue: &wgpu::Queue, next: &Next) -> Result<()> {
        let Next::More(words) = next else { return Ok(()) };
        put(device, queue, &self.buffer, size_of_val(&*self.rows) as u64 + self.taken * self.size, words)
    }

    /// Steps are recorded with this one from now on.
    pub(super) fn keep(&mut self, next: Next) {
        match next {
            Next::Known(version) => self.current = version,
            Next::Replaced(versions) => *self = versions,
            Next::More(words) => {
                self.current = self.taken;
                self.taken += 1;
                self.latest.drain(..(self.latest.len() + 1).saturating_sub(KNOWN));
                self.latest.push((self.current, words));
            }
        }
    }

    /// The bind group of the version that steps are recorded with.
    pub(super) fn version(&self) -> &wgpu::BindGroup {
        &self.groups[self.current as usize]
    }

    /// All from this byte on.
    pub(super) fn from(&self, offset: u64) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: &self.buffer, offset, size: None })
    }
}

/// The bind groups of so many versions of so many bytes.
fn groups(device: &wgpu::Device, versions: u64, size: u64) -> Result<Arc<[wgpu::BindGroup]>> {
    let stride = u64::from(device.limits().min_uniform_buffer_offset_alignment).max(SHIFT);
    let mut shifts = vec![0_u32; (versions * stride / 4) as usize];
    for (version, shift) in shifts.chunks_mut(stride as usize / 4).enumerate() {
        shift[0] = (version as u64 * size / 16) as u32;
    }
    let shifts = upload_for(device, "wgpu-optim versions", wgpu::BufferUsages::UNIFORM, &shifts)?;
    caught(device, || {
        let layout = version_layout(device);
        let group = |version: u64| {
            made::count(made::Thing::BindGroup);
            let resource = resource(&shifts, Window { buffer: 0, offset: version * stride, size: SHIFT });
            let entries = [wgpu::BindGroupEntry { binding: 0, resource }];
            device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some("wgpu-optim version"), layout: &layout, entries: &entries })
        };
        (0..versions).map(group).collect()
    })
}

/// A part of a buffer: where it begins, and how long it is.
type Span = (wgpu::Buffer, u64, u64);

/// The latest bind groups of a dispatch, by what they bind of the caller's. So hosts that alternate between sets of buffers need no new ones. They keep
/// the buffers alive.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    groups: Vec<(Vec<Span>, Bound)>,
}

impl Known {
    /// The bind group of these spans, made where it is not known.
    pub(super) fn get<'a>(
        &mut self,
        spans: impl Iterator<Item = (&'a wgpu::Buffer, Window)> + Clone,
        make: impl FnOnce() -> Result<Bound>,
    ) -> Result<Bound> {
        let is = |own: &[Span]| {
            own.iter()
                .map(|(buffer, offset, size)| (buffer, *offset, *size))
                .eq(spans.clone().map(|(buffer, at)| (buffer, at.offset, at.size)))
        };
        if let Some(at) = self.groups.iter().position(|(own, _)| is(own)) {
            return Ok(self.groups[at].1.clone());
        }
        let bound = make()?;
        self.groups.drain(..(self.groups.len() + 1).saturating_sub(SETS));
        self.groups.push((spans.map(|(buffer, at)| (buffer.clone(), at.offset, at.size)).collect(), bound.clone()));
        Ok(bound)
    }
}

impl Executor {
    /// Gives tensors, by their numbers, other places in these buffers, for the steps recorded from now on. Says whether that was possible: another plan may
    /// be needed. After an error nothing has changed.
    pub(crate) fn moved(&mut self, engine: &Engine, places: &[Places], buffers: &[&wgpu::Buffer]) -> Result<bool> {
        // Lists are bound anew where another plan is made.
        if self.tables.is_some() {
            return Ok(false);
        }
        let Engine { device, queue, limits, .. } = engine;
        let Some(update) = self.update.moved(places, limits) else { return Ok(false) };
        let Some(measure) = self.measure.moved(places, limits) else { return Ok(false) };
        let tables = [(&self.update, &update), (&self.measure, &measure)];
        let nexts = tables.map(|(stage, change)| stage.table.next(device, change.words(), limits));
        let [next_update, next_measure] = nexts;
        let (next_update, next_measure) = (next_update?, next_measure?);
        let mut all = core::mem::take(&mut self.bound);
        let mut bounds = Vec::new();
        for (_, ready) in &mut all {
            let purpose = ready.purpose;
            let (change, next) = match purpose {
                Purpose::Measure => (&measure, &next_measure),
                // Of tables there are none.
                Purpose::Update | Purpose::Table => (&update, &next_update),
            };
            for rows in &mut ready.rows {
                match self.rebound(engine, purpose, rows, change.windows(rows.number), next, buffers) {
                    Ok(bound) => bounds.push(bound),
                    Err(error) => {
                        // Some may be of a table that is not kept.
                        all.iter_mut().flat_map(|(_, ready)| &mut ready.rows).for_each(|rows| rows.known = Known::default());
                        self.bound = all;
                        return Err(error);
                    }
                }
            }
        }
        self.bound = all;
        self.update.table.write(device, queue, &next_update)?;
        self.measure.table.write(device, queue, &next_measure)?;
        self.update.keep(update, next_update);
        self.measure.keep(measure, next_measure);
        if !self.buffers.iter().eq(buffers.iter().copied()) {
            self.buffers = buffers.iter().map(|&buffer| buffer.clone()).collect();
        }
        for (rows, bound) in self.bound.iter_mut().flat_map(|(_, ready)| &mut ready.rows).zip(bounds) {
            bound.into_iter().for_each(|bound| rows.dispatch.bound = bound);
        }
        Ok(true)
    }

    /// The bind group of a dispatch with other windows and another table, if it is another one.
    fn rebound(
        &self,
        engine: &Engine,
        purpose: Purpose,
        rows: &mut OverRows,
        windows: &[Window],
        next: &Next,
        buffers: &[&wgpu::Buffer],
    ) -> Result<Option<Bound>> {
        let Some(buckets) = self.buckets(purpose) else { return Ok(None) };
        let window = |array: usize| (buffers[windows[array].buffer], windows[array]);
        let old = &buckets.placed(rows.number).bucket.windows;
        let is_same = |array: usize| {
            let (own, new) = (old[array], windows[array]);
            (own.offset, own.size) == (new.offset, new.size) && self.buffers[own.buffer] == *buffers[new.buffer]
        };
        let table = match next {
            Next::Replaced(table) => table,
            _ if rows.kernel.arrays().all(is_same) => return Ok(None),
            _ => &buckets.table,
        };
        let OverRows { number, kernel, known, .. } = rows;
        if let Next::Replaced(_) = next {
            *known = Known::default();
        }
        known
            .get(kernel.arrays().map(window), || self.bind_rows(engine, kernel, (*number, buckets.placed(*number)), table, window))
            .map(Some)
    }
}
