//! Parameters and groups that go, or have other names or rows: an optimizer is made of those that there are then, and what it keeps is carried over on
//! the GPU.

use core::mem::offset_of;
use std::sync::Arc;

use super::build::Before;
use super::rows::Moves;
use super::{Group, Optimizer, Parameter};
use crate::error::{Error, Result};
use crate::gpu::{Binding, Param};
use crate::program::Segment;
use crate::rule::Extent;
use crate::step::{Block, Config, GroupKey, Lane, LaneRole, Status, StepEntry, Stored, check_words};

/// A parameter that stays, as it will be, and its number before.
pub(super) struct Kept {
    pub(super) param: Param,
    pub(super) from: usize,
}

impl Optimizer {
    /// Removes parameters, with all that is kept of them; everything else stays, bit for bit. A group that has none left stays, empty. (Where a tensor's
    /// state does not fit in one buffer, it may be cut elsewhere from then on, and sums over that tensor round otherwise.) Reports after this no longer name
    /// the parameter that made an earlier step skip or fail.
    ///
    /// The encoder copies what stays to its new places; so steps recorded from now on are submitted after it, and those recorded until now before; both may be in
    /// this same encoder. What comes in another order changes nothing, and the next read-back is [`Error::OutOfOrder`]. Write nothing
    /// ([`Optimizer::write_state`], [`Optimizer::restore`] and others) between this call and the encoder's submission, and read no state: what is written then is lost, or
    /// lands where other numbers belong. Nothing is compiled that was compiled before.
    ///
    /// ```
    /// # fn prune(optimizer: &mut wgpu_optim::Optimizer, encoder: &mut wgpu_optim::wgpu::CommandEncoder) -> wgpu_optim::Result<()> {
    /// optimizer.remove(encoder, ["head.weight", "head.bias"])
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`](crate::Error::UnknownName): no such parameter.
    /// - [`Error::NoParameters`](crate::Error::NoParameters): none would be left.
    /// - [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn remove<'a>(&mut self, encoder: &mut wgpu::CommandEncoder, params: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut kept = self.kept();
        for param in params {
            kept[self.find(param)?] = None;
        }
        let all: Vec<usize> = (0..self.config.groups.len()).collect();
        self.remake(encoder, &self.config.clone(), &all, kept, None)
    }

    /// Removes a group with its parameters, as [`Optimizer::remove`] does. Those after it are numbered one less; names stay.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownGroup`](crate::Error::UnknownGroup) or [`Error::UnknownName`](crate::Error::UnknownName): no such group.
    /// - Those of [`Optimizer::remove`].
    pub fn remove_group(&mut self, encoder: &mut wgpu::CommandEncoder, group: impl GroupKey) -> Result<()> {
        let group = self.config.number(group)?;
        let mut kept = self.kept();
        let own = self.parameters.iter().zip(&mut kept).filter(|(parameter, _)| parameter.member.group == group);
        own.for_each(|(_, own)| *own = None);
        let rest: Vec<usize> = (0..self.config.groups.len()).filter(|&other| other != group).collect();
        self.remake(encoder, &self.config.clone(), &rest, kept, None)
    }

    /// Gives a parameter another name, in reports, checkpoints and errors from now on; reports that are under way say the one before.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`](crate::Error::UnknownName): no parameter `from`.
    /// - [`Error::DuplicateName`](crate::Error::DuplicateName): another parameter is called `to`.
    pub fn rename(&mut self, from: &str, to: impl Into<String>) -> Result<()> {
        let (index, to) = (self.find(from)?, to.into());
        if self.names.get(&to).is_some_and(|&other| other != index) {
            return Err(Error::DuplicateName { param: to });
        }
        self.names.remove(from);
        self.names.insert(to.clone(), index);
        if let Some(own) = &mut self.parameters[index].sparse {
            Arc::make_mut(own).rename(&to);
        }
        self.parameters[index].param.name = to;
        self.labels = super::build::labels(&self.parameters);
        Ok(())
    }

    /// Every parameter as it is.
    pub(super) fn kept(&self) -> Vec<Option<Kept>> {
        let own = |(from, Parameter { param, member, .. }): (usize, &Parameter)| {
            Some(Kept { param: Param { frozen: !member.active, ..param.clone() }, from })
        };
        self.parameters.iter().enumerate().map(own).collect()
    }

    /// Becomes an optimizer of these groups, as another config has them, and these parameters, with what it keeps carried over; with rows moved, if some are.
    /// Rows that a parameter has more or fewer of than before come and go at its end otherwise.
    pub(super) fn remake(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        config: &Config,
        groups: &[usize],
        kept: Vec<Option<Kept>>,
        moves: Option<&Moves<'_>>,
    ) -> Result<()> {
        let is_own = |own: &&Kept| own.param.bindings().any(|(_, binding)| self.engine.own(binding.buffer()));
        if let Some(Kept { param, .. }) = kept.iter().flatten().find(is_own) {
            return Err(Error::OwnState { param: param.name.clone() });
        }
        let mut sources = Vec::with_capacity(kept.len());
        let mut by_group: Vec<Vec<Kept>> = groups.iter().map(|_| Vec::new()).collect();
        for own in kept.into_iter().flatten() {
            let group = self.parameters[own.from].member.group;
            if let Some(place) = groups.iter().position(|&own| own == group) {
                by_group[place].push(own);
            }
        }
        let of = |(&number, kept): (&usize, Vec<Kept>)| {
            let crate::step::Group { name, rule, clip, state, schedules, .. } = config.groups[number].clone();
            sources.extend(kept.iter().map(|own| own.from));
            Group { name, rule, clip, state, schedules, params: kept.into_iter().map(|own| own.param).collect() }
        };
        let made: Vec<Group> = groups.iter().zip(by_group).map(of).collect();
        let (engine, before) = (&self.engine, Before { optimizer: self, rows_stay: moves.is_none() });
        let mut next = Optimizer::make(&engine.pipelines, &engine.queue, made, config.options, Some(before))?;
        for (to, &from) in next.parameters.iter().zip(&sources) {
            let has_moved = moves.is_some_and(|moves| moves.width(from, to, Extent::Elements).is_some());
            let before = &self.parameters[from];
            if has_moved || before.elements != to.elements || before.param.storage() != to.param.storage() {
                next.check_words(to, before)?;
            }
        }
        let mut moved = match moves {
            Some(moves) => moves.dispatches(self, &next, &sources)?,
            None => self.renumbered(&next, &sources)?,
        };
        let begun = self.begun(&next, &sources, moves)?;
        moved.extend(begun.dispatches);
        let is_resized = |(to, from): (&Parameter, &usize)| to.elements != self.parameters[*from].elements;
        let are_others = moves.is_some() || next.parameters.iter().zip(&sources).any(is_resized);
        if are_others || config.options.averages() != self.config.options.averages() {
            // What is shown may lie in an average that goes, or is not what new rows begin as.
            self.train(encoder);
        }
        self.clear_used(encoder, &next, &sources);
        self.carry(encoder, &next, &sources, groups, moves);
        for part in begun.clears {
            encoder.clear_buffer(part.buffer(), part.offset(), Some(part.size()));
        }
        if !moved.is_empty() {
            super::stretches::record(encoder, "wgpu-optim rows", &moved);
        }
        next.ring = core::mem::take(&mut self.ring);
        if moves.is_some() {
            let reserved = next.parameters.iter().zip(&sources).filter(|(own, _)| own.param.reserved_rows > 0);
            let pages = reserved.flat_map(|(_, &from)| self.parameters[from].state.iter().map(Segment::set)).collect();
            next.engine.pages.keep(&self.engine.pages, &pages);
        }
        *self = next;
        Ok(())
    }

    /// Copies what is kept, but for tensors whose rows move.
    fn carry(&self, encoder: &mut wgpu::CommandEncoder, next: &Optimizer, sources: &[usize], groups: &[usize], moves: Option<&Moves<'_>>) {
        next.engine.record.replace(encoder, &self.engine.record);
        let [old, new] = [self, next].map(|own| &own.engine.record.buffer);
        let mut copy = |from: usize, to: usize, words: usize| {
            if words > 0 {
                encoder.copy_buffer_to_buffer(old, 4 * from as u64, new, 4 * to as u64, 4 * words as u64);
            }
        };
        for (to, &from) in next.parameters.iter().zip(sources) {
            let from = &self.parameters[from];
            copy(from.member.record as usize, to.member.record as usize, size_of::<StepEntry>() / 4);
            copy(self.scalars_at(from), next.scalars_at(to), self.rule_of(from).scalar_fields().len());
        }
        for (block, &to) in next.config.blocks.list.iter().zip(&next.engine.layout.hyper) {
            let is_its = |own: &&Block| own.group == groups[block.group] && own.lr_scale == block.lr_scale;
            if let Some(from) = self.config.blocks.list.iter().position(|own| is_its(&own)) {
                copy(self.engine.layout.hyper[from] as usize, to as usize, block.rule.hyper_words().len());
            }
        }
        if self.config.options.accumulates() && !next.config.options.accumulates() {
            // What was accumulated is forgotten.
            let pending = |parameter: &Parameter| 4 * u64::from(parameter.member.record) + offset_of!(StepEntry, pending) as u64;
            next.parameters.iter().for_each(|own| encoder.clear_buffer(new, pending(own), Some(4)));
            encoder.clear_buffer(&self.engine.record.status, offset_of!(Status, micro_batches) as u64, Some(4));
        }
        if next.parameters.len() < self.parameters.len() {
            // Offenders are told by their numbers, which are others now.
            for offset in [offset_of!(Status, offender), offset_of!(Status, failed_offender)] {
                encoder.clear_buffer(&self.engine.record.status, offset as u64, Some(4));
            }
        }
        for (to, &from) in next.parameters.iter().zip(sources) {
            if let (Some(before), Some(own)) = (self.parameters[from].pending(), to.pending()) {
                own.take(encoder, before);
            }
            let has_moved = |extent| moves.is_some_and(|moves| moves.width(from, to, extent).is_some());
            for (lane, to) in next.lanes_in_parts(to).into_iter().filter(|(lane, _)| !has_moved(lane.extent)) {
                self.lane_before(from, &lane, next).into_iter().for_each(|from| copy_parts(encoder, &from, &to));
            }
        }
    }

    /// Fails unless the rows of a parameter of this optimizer can come from what it was before.
    fn check_words(&self, to: &Parameter, before: &Parameter) -> Result<()> {
        let stored = |own: &Parameter| Stored { elements: own.elements, numbers: own.param.storage(), states: own.kind.storage };
        let lanes = self.config.step_kind().lanes(self.rule_of(to), to.kind.keeps());
        let row = to.param.shape.iter().skip(1).map(|&size| size as u64).product();
        check_words(&to.param.name, row, &lanes, [&stored(before), &stored(to)])
    }

    /// The parts of what another optimizer keeps of a parameter, if this one keeps it too.
    pub(super) fn lane_before(&self, parameter: usize, lane: &Lane, next: &Optimizer) -> Option<Vec<Binding>> {
        let average = |of: &Optimizer| of.config.options.averages().into_iter().find(|average| average.state() == lane.name);
        let goes_on = lane.role != LaneRole::Average || average(self)?.check_becomes(&average(next)?).is_ok();
        let own = self.lanes_in_parts(&self.parameters[parameter]).into_iter().find(|(own, _)| own == lane)?;
        goes_on.then_some(own.1)
    }
}

/// A part of a tensor, and how many of its bytes are copied.
type Begun<'a> = Option<(&'a Binding, u64)>;

/// Copies a tensor that both sides have in parts, cut at other places.
fn copy_parts(encoder: &mut wgpu::CommandEncoder, from: &[Binding], to: &[Binding]) {
    let (mut from, mut to) = (from.iter(), to.iter());
    let [mut source, mut target]: [Begun<'_>; 2] = [None, None];
    loop {
        source = source.filter(|(part, done)| *done < 4 * part.elements()).or_else(|| from.next().map(|part| (part, 0)));
        target = target.filter(|(part, done)| *done < 4 * part.elements()).or_else(|| to.next().map(|part| (part, 0)));
        let (Some((own, read)), Some((other, written))) = (&mut source, &mut target) else { return };
        let bytes = (4 * own.elements() - *read).min(4 * other.elements() - *written);
        // In the same memory, it is there.
        if bytes > 0 && own.buffer() != other.buffer() {
            encoder.copy_buffer_to_buffer(own.buffer(), own.offset() + *read, other.buffer(), other.offset() + *written, bytes);
        }
        (*read, *written) = (*read + bytes, *written + bytes);
        if bytes == 0 {
            // Of an empty tensor.
            return;
        }
    }
}
