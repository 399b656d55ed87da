//! A loan: burn's tensors, found and held until what is recorded over them is submitted.

use std::collections::HashSet;
use std::time::Instant;

use burn::module::{Module, ParamId};
use burn::optim::GradientsParams;
use wgpu_optim::Binding;

use super::{BurnOptimizer, Shared};
use crate::error::{Error, Result};
use crate::handover::Handover;
use crate::lend::{self, Answer, Asked, Lent};
use crate::own;
use crate::walk::{Walked, walk};

/// Values, and the gradients that there are. While it lives they stay where they are.
#[derive(Debug)]
pub(super) struct Loan {
    values: Vec<Lent>,
    gradients: Vec<Option<Lent>>,
    nothing: Lent,
    pub(super) handover: Handover,
}

/// Whose values are going to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writes {
    /// Those with a gradient or one that is pending, which the caller lets take part.
    Active,
    All,
}

impl Loan {
    pub(super) fn has_gradient(&self, index: usize) -> bool {
        self.gradients[index].is_some()
    }

    /// Where everything is; zeros in the place of gradients that are not there.
    fn places(&self) -> Vec<(Binding, Binding)> {
        let nothing = self.nothing.binding();
        let place = |(value, gradient): (&Lent, &Option<Lent>)| {
            let value = value.binding();
            let gradient = gradient.as_ref().map_or_else(|| Binding::new(nothing.buffer(), nothing.offset(), value.size()), Lent::binding);
            (value, gradient)
        };
        self.values.iter().zip(&self.gradients).map(place).collect()
    }
}

impl BurnOptimizer {
    /// Values that are only read: a row-major copy will do.
    pub(super) fn borrow<M: Module>(&self, model: &M, gradients: Option<GradientsParams>) -> Result<Loan> {
        let mut handover = Handover::default();
        handover.times.resolve = lend::settle(&self.device.plain())?;
        let begin = Instant::now();
        let walked = walk(model, &self.known, &self.device.plain(), gradients)?;
        handover.times.walk = begin.elapsed();
        self.ask(walked, true, handover)
    }

    /// Values that are written: those that something else has too become the model's own first, or are refused.
    pub(super) fn borrow_to_write<M: Module>(&self, model: &mut M, gradients: Option<GradientsParams>, writes: Writes) -> Result<Loan> {
        let mut handover = Handover::default();
        handover.times.resolve = lend::settle(&self.device.plain())?;
        let begin = Instant::now();
        own::part_cells(model);
        let walked = walk(model, &self.known, &self.device.plain(), gradients)?;
        handover.times.walk = begin.elapsed();
        let alone = walked.alone.clone();
        let mut loan = self.ask(walked, false, handover)?;
        let is_written = |index: usize| match writes {
            Writes::All => true,
            Writes::Active => self.enabled[index] && (loan.has_gradient(index) || self.pending[index]),
        };
        let is_own = |index: usize, value: &Lent| alone[index] && value.is_alone && value.strides.is_none();
        let foreign = |(index, value): &(usize, &Lent)| is_written(*index) && !is_own(*index, value);
        let foreign: Vec<usize> = loan.values.iter().enumerate().filter(foreign).map(|(index, _)| index).collect();
        if foreign.is_empty() {
            return Ok(loan);
        }
        if self.shared == Shared::Refuse {
            return Err(self.refused(foreign[0], &loan.values[foreign[0]]));
        }
        let begin = Instant::now();
        let ids = self.ids_of(&foreign);
        own::copy_values(model, ids)?;
        loan.handover.times.resolve += lend::settle(&self.device.plain())?;
        let walked = walk(model, &self.known, &self.device.plain(), None)?;
        loan.handover.times.walk += begin.elapsed();
        let alone = walked.alone.clone();
        let again = self.ask(walked, false, Handover::default())?;
        for &index in &foreign {
            let value = &again.values[index];
            if !(alone[index] && value.is_alone && value.strides.is_none()) {
                return Err(self.refused(index, value));
            }
        }
        loan.handover.copied = foreign.iter().map(|&index| self.known.params[index].0.clone()).collect();
        loan.handover.times.resolve += again.handover.times.resolve;
        loan.handover.times.lend += again.handover.times.lend;
        loan.values = again.values;
        Ok(loan)
    }

    fn ask(&self, walked: Walked, is_read: bool, handover: Handover) -> Result<Loan> {
        let Walked { values, gradients, .. } = walked;
        let count = values.len();
        let has: Vec<bool> = gradients.iter().map(Option::is_some).collect();
        let mut asked = Vec::with_capacity(2 * count + 1);
        asked.extend(values.into_iter().map(|tensor| Asked { tensor, is_read }));
        asked.extend(gradients.into_iter().flatten().map(|tensor| Asked { tensor, is_read: true }));
        asked.push(Asked { tensor: lend::primitive(self.nothing.clone())?, is_read: true });
        let Answer { lent, resolve, lend } = lend::lend(&self.device.plain(), asked)?;
        let mut lent = lent.into_iter();
        let values: Vec<Lent> = lent.by_ref().take(count).collect();
        let gradients: Vec<Option<Lent>> = has.into_iter().map(|has| if has { lent.next() } else { None }).collect();
        let nothing = lent.next().ok_or_else(|| Error::Burn("a tensor was asked for and not lent".to_owned()))?;
        let mut handover = handover;
        handover.gradients_copied = gradients.iter().flatten().filter(|gradient| gradient.is_copy).count();
        handover.times.resolve += resolve;
        handover.times.lend += lend;
        Ok(Loan { values, gradients, nothing, handover })
    }

    /// Binds what has moved.
    pub(super) fn place(&mut self, loan: &mut Loan) -> Result<()> {
        let begin = Instant::now();
        loan.handover.moved = self.rebind(&loan.places())?;
        loan.handover.times.rebind += begin.elapsed();
        Ok(())
    }

    /// Binds the first parameters at these places, and says how many of them were elsewhere.
    pub(super) fn rebind(&mut self, places: &[(Binding, Binding)]) -> Result<usize> {
        let names = self.known.params.iter().map(|(name, _)| &**name);
        let moved = names.zip(places.iter().zip(&self.places)).filter(|(_, (new, old))| new != old);
        let moved: Vec<_> = moved.map(|(name, ((value, gradient), _))| (name, value.clone(), gradient.clone())).collect();
        let count = moved.len();
        if count > 0 {
            self.optimizer.set_places(moved)?;
            self.places[..places.len()].clone_from_slice(places);
        }
        Ok(count)
    }

    fn refused(&self, index: usize, value: &Lent) -> Error {
        let (param, shape) = self.known.params[index].clone();
        match value.strides.clone() {
            Some(strides) => Error::Strided { param, shape, strides },
            None => Error::Shared { param },
        }
    }

    fn ids_of(&self, indices: &[usize]) -> HashSet<ParamId> {
        let is_one = |index: &Option<usize>| index.is_some_and(|index| indices.binary_search(&index).is_ok());
        self.known.ids.iter().filter(|(_, index)| is_one(index)).map(|(id, _)| *id).collect()
    }
}
