//! Parameters that get more or fewer rows at their end, and what lanes begin with.

use super::mover::{Begins, Move, Mover};
use super::remake::Kept;
use super::rows::Moves;
use super::stretches::{Stretch, check_counted, stretches};
use super::{Optimizer, Parameter};
use crate::coalesce::renumber;
use crate::error::{Error, Result};
use crate::gpu::{Binding, Dispatch, Param, upload};
use crate::program::NEW;
use crate::step::{Lane, LaneRole, check_resized};

/// What gives lanes the numbers that they do not take over.
#[derive(Default)]
pub(super) struct Begun {
    /// What they begin with is values.
    pub(super) dispatches: Vec<Dispatch>,
    /// Or zero, in pages that may hold other numbers.
    pub(super) clears: Vec<Binding>,
}

/// What lies in these parts from a word on.
fn after(parts: &[Binding], begin: u64) -> Vec<Binding> {
    let words: Vec<(Binding, u64)> = parts.iter().map(|part| (part.clone(), part.elements())).collect();
    let stretches = stretches(&words, u64::MAX);
    let rest = stretches.iter().filter_map(|own| own.within(begin, u64::MAX));
    rest.map(|own| Binding::new(own.buffer, own.offset, 4 * own.count)).collect()
}

impl Optimizer {
    /// Gives parameters more or fewer rows at their end, each as many as its new shape says, and buffers of their own for values and gradients, which may be
    /// those before. Each is taken as it is here, as in [`RowChange::params`](crate::RowChange::params). The rows that there are before and after stay where they are, with their state, to the bit; states of new rows are zero, and averages and
    /// states that hold values begin as their values. Values are the caller's to write, before the encoder is submitted.
    ///
    /// Up to [`Param::reserved_rows`] nothing moves and no memory is allocated for state: it costs what a new optimizer costs on the host, and the bytes of the new rows
    /// on the GPU. Beyond, and where values go to other buffers with other neighbours, the state is copied. [`Optimizer::change_rows`] drops and reorders rows. About the
    /// encoder, see [`Optimizer::remove`]: write and read nothing before it is submitted.
    ///
    /// ```
    /// use wgpu_optim::{Binding, Optimizer, Param, wgpu};
    ///
    /// /// Points are appended: `values` and `gradients` have room for 100,000, and the caller has written the new ones.
    /// fn append(
    ///     optimizer: &mut Optimizer,
    ///     encoder: &mut wgpu::CommandEncoder,
    ///     count: usize,
    ///     [values, gradients]: [&wgpu::Buffer; 2],
    /// ) -> wgpu_optim::Result<()> {
    ///     let points = Param::new("points", &[count, 3], Binding::prefix(values), Binding::prefix(gradients));
    ///     optimizer.resize_rows(encoder, [Param { reserved_rows: 100_000, ..points }])
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: a parameter that the optimizer does not have. [`Error::DuplicateName`]: one that comes twice.
    /// - [`Error::Conflict`]: a shape that differs in more than the first dimension; or what [`Optimizer::change_rows`] refuses of how numbers are stored.
    /// - Whatever [`Optimizer::new`] refuses of the new parameters.
    pub fn resize_rows(&mut self, encoder: &mut wgpu::CommandEncoder, params: impl IntoIterator<Item = Param>) -> Result<()> {
        let (mut kept, mut seen) = (self.kept(), Vec::new());
        for param in params {
            let from = self.find(&param.name)?;
            if seen.contains(&from) {
                return Err(Error::DuplicateName { param: param.name });
            }
            check_resized(&param.name, self.rule_of(&self.parameters[from]), [&self.parameters[from].param.shape, &param.shape])?;
            let Parameter { param: before, member, .. } = &self.parameters[from];
            let (frozen, reserved_rows) = (param.frozen || !member.active, param.reserved_rows.max(before.reserved_rows));
            kept[from] = Some(Kept { param: Param { frozen, reserved_rows, ..param }, from });
            seen.push(from);
        }
        let all: Vec<usize> = (0..self.config.groups.len()).collect();
        self.remake(encoder, &self.config.clone(), &all, kept, None)
    }

    /// What the numbers of new rows are in a lane.
    pub(super) fn begins<'a>(&self, parameter: &'a Parameter, lane: &Lane) -> Begins<'a> {
        let is_average = matches!(lane.role, LaneRole::Average | LaneRole::Aside);
        match is_average || self.rule_of(parameter).values_in_state().contains(&lane.name) {
            true => Begins::Values(&parameter.param.value),
            false => Begins::Zero,
        }
    }

    /// What gives lanes the numbers that they do not take over: of averages that begin, and of rows that are new at the end, unless rows move.
    pub(super) fn begun(&self, next: &Optimizer, sources: &[usize], moves: Option<&Moves<'_>>) -> Result<Begun> {
        let mut begun = Begun::default();
        let mut as_values = Vec::new();
        for (to, &from) in next.parameters.iter().zip(sources).filter(|_| moves.is_none()) {
            for (lane, parts) in next.lanes_in_parts(to) {
                let begins = lane.role == LaneRole::Average && self.lane_before(from, &lane, next).is_none();
                let had = if begins { 0 } else { self.parameters[from].extents.count(lane.extent) };
                if had >= to.extents.count(lane.extent) {
                    continue;
                }
                if begins {
                    to.param.storage().check_begins(&to.param.name, lane.name)?;
                    to.kind.storage.check_begins(&to.param.name, lane.name)?;
                }
                let begin = lane.format.words(had);
                match next.begins(to, &lane) {
                    Begins::Zero => begun.clears.extend(after(&parts, begin)),
                    begins => as_values.push((to, lane, parts, begin, begins)),
                }
            }
        }
        if as_values.is_empty() {
            return Ok(begun);
        }
        // The whole lane is one row, and that is new.
        let index = upload(&next.engine.device, "wgpu-optim rows", &[NEW])?;
        let index = Stretch { buffer: &index, offset: 0, first: 0, count: 1, room: 0 };
        let mover = Mover { engine: &next.engine, index, rows: 0 };
        for (to, lane, parts, begin, begins) in as_values {
            check_counted(|| format!("{}: what is new of {}", to.param.name, lane.name), to.elements)?;
            let target = parts.into_iter().map(|part| (part.clone(), part.elements())).collect();
            let own = Move { width: lane.format.words(to.elements) as u32, copies: false, begins, source: Vec::new(), target };
            mover.add(&[&own], begin, &mut begun.dispatches)?;
        }
        Ok(begun)
    }

    /// What gives pending entries of rows that go, or that there never were, no row: those that come with their numbers are others.
    pub(super) fn renumbered(&self, next: &Optimizer, sources: &[usize]) -> Result<Vec<Dispatch>> {
        let mut dispatches = Vec::new();
        for (to, &from) in next.parameters.iter().zip(sources) {
            let before = &self.parameters[from];
            let Some(list) = before.pending().and(to.pending()) else { continue };
            let rows = [before, to].map(|parameter| parameter.param.shape[0] as u32);
            if rows[0] != rows[1] {
                dispatches.extend(renumber(&next.engine.pipelines, list, None, rows)?);
            }
        }
        Ok(dispatches)
    }

    /// Clears lanes that begin at zero in pages that were used before.
    pub(super) fn clear_used(&self, encoder: &mut wgpu::CommandEncoder, next: &Optimizer, sources: &[usize]) {
        for (to, &from) in next.parameters.iter().zip(sources) {
            let begins = |lane: &Lane| lane.role != LaneRole::Average && self.lane_before(from, lane, next).is_none();
            let begun = next.lanes_in_parts(to).into_iter().filter(|(lane, _)| begins(lane)).flat_map(|(_, parts)| parts);
            for part in begun.filter(|part| next.engine.pages.is_used(&self.engine.pages, part.buffer())) {
                encoder.clear_buffer(part.buffer(), part.offset(), Some(4 * part.elements()));
            }
        }
    }
}
