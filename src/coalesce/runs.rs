//! `Coalesce`: the buffers of one parameter's row-sparse gradient, and what is recorded for it.

use std::sync::Arc;

use super::append;
use super::kernels::{NOWHERE, Sizes, Slot, Task};
use super::list::List;
use super::numbers::Numbers;
use super::scratch::{Scratch, merges};
use super::source::{Part, RowGradients, Shape};
use super::teams::{spread, team};
use super::{MOST_TILE, PART};
use crate::error::{Error, Result};
use crate::gpu::{Dispatch, Pipelines, Recorder, Span, check_binds, fold, limits, resource, upload};
use crate::program::Limits;
use crate::wgsl::Shader;

/// How many sets of the caller's buffers are known, so that hosts that alternate between some need no new bind groups.
const KNOWN: usize = 4;

/// The entries of several micro-batches, and those of one, the caller's.
#[derive(Clone, Debug)]
struct Appended {
    list: List,
    /// Of one micro-batch.
    shape: Shape,
    source: RowGradients,
    /// What coalesces the list.
    dispatches: Arc<[Dispatch]>,
}

/// Adds up the gradient rows of one parameter that are for the same row, on the GPU. Everything is made here, once; a step only records.
#[derive(Clone, Debug)]
pub struct Coalesce {
    pipelines: Pipelines,
    name: String,
    shape: Shape,
    limits: Limits,
    sizes: Sizes,
    scratch: Scratch,
    /// The latest sets of buffers; the last one is recorded.
    known: Vec<(RowGradients, Arc<[Dispatch]>)>,
    /// Where entries of several micro-batches are in the place of the caller's.
    appended: Option<Appended>,
}

impl Coalesce {
    /// For a parameter of this name and shape, and these buffers at first.
    ///
    /// # Errors
    ///
    /// - Buffers: those of [`Coalesce::bind`].
    /// - [`Error::EmptyTensor`](crate::Error::EmptyTensor): no room for entries, or rows without elements.
    /// - [`Error::Limit`](crate::Error::Limit): what does not fit in a binding, or kernels that bind too much.
    /// - The device: [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn new(pipelines: &Pipelines, name: &str, shape: Shape, source: &RowGradients) -> Result<Self> {
        shape.elements(name)?;
        source.parts(name, &shape, &limits(pipelines.device()))?;
        let mut made = Self::unbound(pipelines, name, shape)?;
        made.bind(source)?;
        Ok(made)
    }

    /// The same for the entries of so many micro-batches, which [`Coalesce::append`] appends to a list of its own.
    ///
    /// # Errors
    ///
    /// Those of [`Coalesce::new`], of which [`Error::Limit`](crate::Error::Limit) also says where that list is too long.
    pub fn of_micro_batches(pipelines: &Pipelines, name: &str, shape: Shape, source: &RowGradients, micro_batches: u32) -> Result<Self> {
        let (needed, allowed) = (u64::from(shape.most) * u64::from(micro_batches), u64::from(u32::MAX));
        let Ok(most) = u32::try_from(needed) else {
            let (what, limit) = (format!("{name}: SparseRows::micro_batches, in entries,"), "number of entries in 32 bits");
            return Err(Error::Limit { what, needed, limit, allowed });
        };
        source.parts(name, &shape, &limits(pipelines.device()))?;
        let all = Shape { most, ..shape };
        all.elements(name)?;
        let list = List::new(pipelines.device(), name, &all)?;
        let mut made = Self::unbound(pipelines, name, all)?;
        let dispatches = made.dispatches(source, list.parts(), Some(&list))?.into();
        made.appended = Some(Appended { list, shape, source: source.clone(), dispatches });
        Ok(made)
    }

    /// Without what is recorded.
    fn unbound(pipelines: &Pipelines, name: &str, shape: Shape) -> Result<Self> {
        let device = pipelines.device();
        let limits = limits(device);
        let invocations = limits.division.invocations;
        // Some devices have a little less than 16 KiB.
        let held = device.limits().max_compute_workgroup_storage_size / 8;
        let tile = (1 << held.max(1).ilog2()).clamp(invocations, MOST_TILE);
        let scratch = Scratch::new(device, name, &shape, tile)?;
        let sizes = Sizes { invocations, tile };
        Ok(Coalesce {
            pipelines: pipelines.clone(),
            name: name.to_owned(),
            shape,
            limits,
            sizes,
            scratch,
            known: Vec::with_capacity(KNOWN + 1),
            appended: None,
        })
    }

    /// Takes other buffers for what is recorded from now on. After an error, everything is as it was.
    ///
    /// # Errors
    ///
    /// [`Error::SizeMismatch`](crate::Error::SizeMismatch), [`Error::OutOfBuffer`](crate::Error::OutOfBuffer), [`Error::MissingUsage`](crate::Error::MissingUsage),
    /// [`Error::Misaligned`](crate::Error::Misaligned), [`Error::Limit`](crate::Error::Limit), and [`Error::Buffer`](crate::Error::Buffer) where wgpu refuses one.
    pub fn bind(&mut self, source: &RowGradients) -> Result<()> {
        if let Some(Appended { shape, source: own, .. }) = &mut self.appended {
            source.parts(&self.name, shape, &self.limits)?;
            *own = source.clone();
            return Ok(());
        }
        if let Some(at) = self.known.iter().position(|(own, _)| own == source) {
            let known = self.known.remove(at);
            self.known.push(known);
            return Ok(());
        }
        let parts = source.parts(&self.name, &self.shape, &self.limits)?;
        let dispatches = self.dispatches(source, (parts, NOWHERE), None).map_err(|error| {
            let binds =
                |(binding, role, _): (&crate::Binding, _, _)| (&*self.name, role, check_binds(self.pipelines.device(), binding.buffer()));
            error.of_first_refused(source.all(&self.shape).into_iter().map(binds))
        })?;
        self.known.push((source.clone(), dispatches.into()));
        self.known.drain(..self.known.len().saturating_sub(KNOWN));
        Ok(())
    }

    /// For each run, its row, as u32, ascending; as many as [`Coalesce::found`] says, and `u32::MAX` after them.
    pub fn unique(&self) -> &wgpu::Buffer {
        &self.scratch.unique
    }

    /// Words: how many runs there are; how many entries have a row that the parameter does not have, or no room; how many others; how many runs are longer than
    /// [`MANY`](super::MANY), and which.
    pub fn found(&self) -> &wgpu::Buffer {
        &self.scratch.found
    }

    /// Where it is written how many entries were ignored, one u32.
    pub(crate) fn ignored(&self) -> Span<'_> {
        Span { buffer: &self.scratch.found, offset: 4, bytes: 4 }
    }

    /// The list of entries of several micro-batches, if it is for these.
    pub(crate) fn list(&self) -> Option<&List> {
        self.appended.as_ref().map(|own| &own.list)
    }

    /// What is recorded to append the entries that the caller's buffers hold, which each need the one before; nothing if it is for one micro-batch. It is for the
    /// parameter whose entry is there in the step record, and for a step's own micro-batch, or one before it, once that is counted.
    pub(crate) fn append(&self, record: (&wgpu::Buffer, u32), is_step: bool) -> Result<Vec<Dispatch>> {
        let Some(Appended { list, shape, source, .. }) = &self.appended else { return Ok(Vec::new()) };
        let parts = source.parts(&self.name, shape, &self.limits)?;
        append::dispatches(&self.pipelines, list, (source, shape, parts), record, is_step)
    }

    /// Another name, in errors from now on.
    pub(crate) fn rename(&mut self, name: &str) {
        self.name = name.to_owned();
    }

    /// For each run the sum of its gradient rows, as f32, one after the other without gaps, and what was there before after them.
    pub fn summed(&self) -> &wgpu::Buffer {
        &self.scratch.summed
    }

    /// How many dispatches are recorded.
    pub fn dispatches_recorded(&self) -> usize {
        self.latest().len()
    }

    /// Bytes of all buffers of its own.
    pub fn bytes(&self) -> u64 {
        self.scratch.bytes() + self.list().map_or(0, List::bytes)
    }

    /// Records it within a compute pass. It changes the pass's pipeline and bind group 0.
    pub fn record_in(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.record(pass);
    }

    /// Records it. Each dispatch needs the one before.
    pub(crate) fn record(&self, recorder: &mut impl Recorder) {
        for dispatch in self.latest() {
            recorder.record(dispatch);
            recorder.after();
        }
    }

    /// What is recorded; each needs the one before.
    pub(crate) fn latest(&self) -> &[Dispatch] {
        let own = self.appended.as_ref().map(|own| &own.dispatches);
        own.or(self.known.last().map(|(_, dispatches)| dispatches)).map_or(&[], |dispatches| dispatches)
    }

    /// Of the caller's entries, or of a list's.
    fn dispatches(&self, source: &RowGradients, (parts, lost_at): ([Part; 3], u32), list: Option<&List>) -> Result<Vec<Dispatch>> {
        let Shape { rows, width, most } = self.shape;
        let [rows_at, gradient_at, count_at] = parts.map(|part| part.at);
        let task = Task { rows, most, rows_at, count_at, width, gradient_at, lost_at, ..Task::default() };
        let given = [source.rows.buffer(), source.gradient.buffer(), source.count.buffer()];
        let buffers = list.map_or(given, |list| [&list.rows, &list.gradient, &list.rows]);
        let bound = Bound { own: self, buffers, parts, task };
        let (tiles, merges) = (most.div_ceil(self.sizes.tile), merges(most, self.sizes.tile));
        let folded = fold(u64::from(tiles), self.limits.workgroups);
        let mut dispatches = Vec::new();
        if tiles == 1 {
            dispatches.push(bound.dispatch("coalesce", self.sizes.whole(), bound.task, 1, (1, 1))?);
        } else {
            // Into the first of two buffers, which the first merge reads.
            dispatches.push(bound.dispatch("sort entries", self.sizes.sort(), bound.task, 1, folded)?);
            for (turn, &run) in merges.iter().enumerate() {
                let task = Task { run, ..bound.task };
                dispatches.push(bound.dispatch("merge entries", self.sizes.merge(), task, turn, self.spread(most.into()))?);
            }
            dispatches.push(bound.dispatch("tally runs", self.sizes.tally(), bound.task, merges.len(), folded)?);
            dispatches.push(bound.dispatch("place runs", self.sizes.place(), bound.task, merges.len(), folded)?);
        }
        let given = Numbers::of(source.dtype, width, gradient_at);
        // A list is in f32, whatever its micro-batches are.
        let numbers = if list.is_some() { given.in_f32() } else { given };
        let by = numbers.by();
        let team = team(width / by, self.sizes.invocations);
        let task = Task { width: width / by, gradient_at: gradient_at / by, team, ..bound.task };
        let parts = u64::from(task.width).div_ceil(u64::from(team * PART));
        let workgroups = self.spread(u64::from(most) * parts * u64::from(team));
        dispatches.push(bound.dispatch("sum runs", self.sizes.sum(numbers), task, merges.len(), workgroups)?);
        Ok(dispatches)
    }

    /// Workgroups for so many items, one an invocation and turn.
    fn spread(&self, items: u64) -> (u32, u32) {
        spread(items, self.sizes.invocations, self.limits.workgroups)
    }
}

/// What dispatches bind.
struct Bound<'a> {
    own: &'a Coalesce,
    /// Of rows, gradient and count.
    buffers: [&'a wgpu::Buffer; 3],
    parts: [Part; 3],
    task: Task,
}

impl Bound<'_> {
    /// A dispatch that reads what so many merges have sorted, or is one more.
    fn dispatch(&self, label: &str, shader: Shader<Slot>, task: Task, merged: usize, workgroups: (u32, u32)) -> Result<Dispatch> {
        let (scratch, device) = (&self.own.scratch, self.own.pipelines.device());
        let kernel = self.own.pipelines.get(label, shader)?;
        let task = upload(device, "wgpu-optim task", &[task])?;
        let [rows, gradient, count] = self.parts.map(|part| part.window);
        let bound = kernel.bind(device, |slot| {
            let buffer = match slot {
                Slot::Rows => return resource(self.buffers[0], rows),
                Slot::Gradient => return resource(self.buffers[1], gradient),
                Slot::Count => return resource(self.buffers[2], count),
                Slot::Keys => scratch.keys.get(merged % 2),
                Slot::Entries => scratch.entries.get(merged % 2),
                Slot::KeysAfter => scratch.keys.get((merged + 1) % 2),
                Slot::EntriesAfter => scratch.entries.get((merged + 1) % 2),
                Slot::Tallies => scratch.tallies.as_ref(),
                Slot::Unique => Some(&scratch.unique),
                Slot::Starts => Some(&scratch.starts),
                Slot::Found => Some(&scratch.found),
                Slot::Summed => Some(&scratch.summed),
                Slot::Task => None,
            };
            buffer.unwrap_or(&task).as_entire_binding()
        })?;
        Ok(Dispatch::new(&kernel, bound, workgroups))
    }
}
