//! Rows that come and go: parameters get other rows, by an index on the GPU, and their state goes along.

use super::mover::{Begins, Move, Mover};
use super::remake::Kept;
use super::stretches::{Stretch, bound, check_counted};
use super::{Optimizer, Parameter};
use crate::coalesce::renumber;
use crate::error::{BufferRole, Error, Result};
use crate::gpu::{Binding, Dispatch, Param};
use crate::rule::Extent;
use crate::step::{LaneRole, check_rows};

/// Other rows for some parameters: rows are kept, reordered, copied, dropped and added.
///
/// A row is what the first dimension counts: a number of a vector, a row of a matrix, a matrix of a batch.
///
/// ```
/// use wgpu_optim::{Binding, Optimizer, Param, RowChange, wgpu};
///
/// /// 1,000 points become as many as `rows` has: `rows[i]` is the row that is the i-th now.
/// fn densify(
///     optimizer: &mut Optimizer,
///     encoder: &mut wgpu::CommandEncoder,
///     rows: &wgpu::Buffer,
///     [means, means_gradient]: [&wgpu::Buffer; 2],
///     [opacities, opacities_gradient]: [&wgpu::Buffer; 2],
/// ) -> wgpu_optim::Result<()> {
///     let count = (rows.size() / 4) as usize;
///     let params = vec![
///         Param::new("means", &[count, 3], Binding::prefix(means), Binding::prefix(means_gradient)),
///         Param::new("opacities", &[count], Binding::prefix(opacities), Binding::prefix(opacities_gradient)),
///     ];
///     optimizer.change_rows(encoder, RowChange { rows: rows.into(), params, values: true })
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RowChange {
    /// For each row that there is now, as u32: the row that it was, whose values and state it takes over; that row with the bit [`RowChange::FRESH`], for a copy
    /// whose state begins at zero; or [`RowChange::NEW`]. A row that was not there counts as new. One index is for all parameters of the change.
    pub rows: Binding,
    /// The parameters as they are from now on: names that the optimizer has, as many rows as the index, other sizes as before, and buffers of their own for values
    /// and gradients. Buffers with room to grow are bound by [`Binding::prefix`]. Each is taken as it is here: `lr_scale`, `lr_scales`, `row_mask` and `sparse` end where
    /// they are not given again, with the counts of rows that a mask had; only `frozen` and `reserved_rows` carry over. With `values`, the values' buffers have to be others
    /// than before; gradients and masks may stay where they are.
    pub params: Vec<Param>,
    /// Whether the values are moved too, from the buffers before to those now. Otherwise these hold them already.
    pub values: bool,
}

impl RowChange {
    /// The bit of a row that is a copy of another and begins with a state of zero, as the clones of Gaussian splatting do.
    pub const FRESH: u32 = crate::program::FRESH;
    /// A row that is new: its values are what the caller has written into the new buffer before, and its state is zero.
    pub const NEW: u32 = crate::program::NEW;
}

/// What moves.
pub(super) struct Moves<'a> {
    rows: &'a Binding,
    values: bool,
    /// The numbers of the parameters whose rows change.
    params: Vec<usize>,
}

impl Optimizer {
    /// Gives parameters other rows, and takes their state along, on the GPU, without reading back: each state of a row that stays is what it was, to the
    /// bit; averages of new rows begin as their values, and so do states that hold values ([`Rule::VALUES`](crate::rule::Rule::VALUES)), of copies too that begin anew. (A state of zero is what rules begin with, but for Rprop: its new rows begin with the smallest step.) Step counts, hyper-parameters, other parameters and what was accumulated stay.
    /// Pending entries of a row-sparse gradient are for the row that their row has become from then on: the first one in the index that takes its state over, since each is one entry of a list whose room is for no
    /// more. Those of a row that is gone are for none, and the next [`Report::ignored`](crate::Report::ignored) counts them.
    ///
    /// About the encoder, see [`Optimizer::remove`]: write and read nothing before it is submitted. Nothing is compiled that was compiled before; the first call compiles a kernel that moves rows, or several where rows have other alignments or one binding does not hold a tensor. Buffers of the
    /// state are made anew, those before are freed when the GPU is done with them; with [`Param::reserved_rows`] they are kept for the next change.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`](crate::Error::UnknownName): a parameter that the optimizer does not have. [`Error::DuplicateName`](crate::Error::DuplicateName): one that comes twice.
    /// - [`Error::Conflict`](crate::Error::Conflict): a shape that differs in more than the first dimension, an index of another length, or values that would
    ///   move into a buffer that has values to be moved. Numbers of 16 bits where a row has an odd number of elements, states of 8 bits where it has no multiple of 256, master values, and averages that are
    ///   stored otherwise than the values.
    /// - Whatever [`Optimizer::new`] refuses of the new parameters.
    pub fn change_rows(&mut self, encoder: &mut wgpu::CommandEncoder, change: RowChange) -> Result<()> {
        let RowChange { rows, params, values } = change;
        let mut kept = self.kept();
        let mut moves = Moves { rows: &rows, values, params: Vec::new() };
        for param in params {
            let from = self.find(&param.name)?;
            if moves.params.contains(&from) {
                return Err(Error::DuplicateName { param: param.name });
            }
            self.check_change(from, &param, &moves)?;
            moves.params.push(from);
            let Parameter { param: before, member, .. } = &self.parameters[from];
            let (frozen, reserved_rows) = (param.frozen || !member.active, param.reserved_rows.max(before.reserved_rows));
            kept[from] = Some(Kept { param: Param { frozen, reserved_rows, ..param }, from });
        }
        // One move would write what another is still to read.
        let old = |buffer: &wgpu::Buffer| moves.params.iter().any(|&from| self.parameters[from].param.value.buffer() == buffer);
        let is_shared = |own: &&Kept| moves.params.contains(&own.from) && old(own.param.value.buffer());
        if let Some(Kept { param, .. }) = kept.iter().flatten().find(is_shared).filter(|_| values) {
            let what = "its values would move into a buffer that has values to be moved; give it another";
            return Err(Error::Conflict { what: format!("{}: {what}", param.name) });
        }
        let all: Vec<usize> = (0..self.config.groups.len()).collect();
        self.remake(encoder, &self.config.clone(), &all, kept, Some(&moves))
    }

    fn check_change(&self, from: usize, param: &Param, moves: &Moves<'_>) -> Result<()> {
        let (before, name) = (&self.parameters[from], &param.name);
        check_rows(name, self.rule_of(before), [&before.param.shape, &param.shape], moves.rows.size() / 4)?;
        moves.rows.check(name, BufferRole::Rows, &param.shape[..1], "u32", 4 * param.shape[0] as u64)?;
        if moves.rows.buffer() == param.value.buffer() {
            return Err(Error::Conflict { what: format!("{name}: the index lies in the buffer of its values") });
        }
        Ok(())
    }
}

impl Moves<'_> {
    /// Whether the numbers of this extent go along with the rows of a parameter, and how many a row has. Those of the columns of a matrix, and of the one row that
    /// a vector is, do not.
    pub(super) fn width(&self, from: usize, to: &Parameter, extent: Extent) -> Option<u64> {
        if self.params.contains(&from) { to.width(extent) } else { None }
    }

    /// What moves the rows of all of them.
    pub(super) fn dispatches(&self, old: &Optimizer, new: &Optimizer, sources: &[usize]) -> Result<Vec<Dispatch>> {
        let (limits, mut dispatches) = (&new.engine.limits, Vec::new());
        let indexed = self.rows.size();
        if indexed > limits.binding - limits.alignment {
            let (what, limit) = ("the index of rows".to_owned(), "max_storage_buffer_binding_size");
            return Err(Error::Limit { what, needed: indexed, limit, allowed: limits.binding - limits.alignment });
        }
        let index = Stretch { buffer: self.rows.buffer(), offset: self.rows.offset(), first: 0, count: indexed / 4, room: 0 };
        for (to, &from) in new.parameters.iter().zip(sources).filter(|(_, from)| self.params.contains(from)) {
            let before = &old.parameters[from];
            check_counted(|| format!("{}: rows that change", to.param.name), before.elements.max(to.elements))?;
            if let (Some(_), Some(list)) = (before.pending(), to.pending()) {
                let (index, at) = bound(index, limits.alignment);
                let rows = [before, to].map(|parameter| parameter.param.shape[0] as u32);
                dispatches.extend(renumber(&new.engine.pipelines, list, Some((&index, at)), rows)?);
            }
            let mover = Mover { engine: &new.engine, index, rows: before.param.shape[0] as u32 };
            let mut moves = self.of(old, new, from, to);
            // Those with rows of as many words together; what begins as the values are, when these are there.
            moves.sort_by_key(Move::order);
            let moves: Vec<&Move<'_>> = moves.iter().filter(|own| own.does_anything()).collect();
            for together in moves.chunk_by(|own, next| own.order() == next.order()) {
                mover.add(together, 0, &mut dispatches)?;
            }
        }
        Ok(dispatches)
    }

    /// The tensors of a parameter whose rows move.
    fn of<'a>(&self, old: &Optimizer, new: &Optimizer, from: usize, to: &'a Parameter) -> Vec<Move<'a>> {
        let (before, of) = (&old.parameters[from], to.kind.values);
        // Numbers of 16 bits move as words, of which rows have whole ones.
        let width = of.words(self.width(from, to, Extent::Elements).unwrap_or(1)) as u32;
        let values = |own: &Binding, elements: u64| vec![(own.clone(), of.words(elements))];
        let (source, target) = (values(&before.param.value, before.elements), values(&to.param.value, to.elements));
        let values = self.values.then_some(Move { width, copies: true, begins: Begins::Written, source, target });
        let lanes = old.lanes_in_parts(before).into_iter().zip(new.lanes_in_parts(to));
        let lanes = lanes.filter_map(|((lane, source), (_, target))| {
            let width = lane.format.words(self.width(from, to, lane.extent)?) as u32;
            let parts = |own: Vec<Binding>| own.into_iter().map(|part| (part.clone(), part.elements())).collect();
            let copies = matches!(lane.role, LaneRole::Average | LaneRole::Aside);
            Some(Move { width, copies, begins: new.begins(to, &lane), source: parts(source), target: parts(target) })
        });
        values.into_iter().chain(lanes).collect()
    }
}
