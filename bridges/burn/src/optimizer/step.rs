//! Steps and micro-batches.

use std::time::Instant;

use burn::module::Module;
use burn::optim::GradientsParams;
use wgpu_optim::wgpu;

use super::BurnOptimizer;
use super::loan::{Loan, Writes};
use crate::error::Result;
use crate::handover::Handover;

impl BurnOptimizer {
    /// One step, submitted to the queue: every parameter that has a gradient, or one from a micro-batch before, and that is not set inactive, is updated. It waits
    /// for nothing on the GPU. What burn has recorded is submitted before it.
    ///
    /// Values that something else has too are copied first, or refused ([`BurnOptimizer::set_shared`]); no clone of the model changes.
    ///
    /// # Errors
    ///
    /// - [`Error::Shared`](crate::Error::Shared), [`Error::Strided`](crate::Error::Strided): with [`Shared::Refuse`](crate::Shared::Refuse).
    /// - [`Error::Missing`](crate::Error::Missing), [`Error::Shape`](crate::Error::Shape), [`Error::Dtype`](crate::Error::Dtype),
    ///   [`Error::OtherDevice`](crate::Error::OtherDevice): the model is not what it was. [`Error::NoGroup`](crate::Error::NoGroup),
    ///   [`Error::Strays`](crate::Error::Strays): gradients that are nobody's.
    /// - [`Error::Optimizer`](crate::Error::Optimizer): what [`Optimizer::set_places`](wgpu_optim::Optimizer::set_places) refuses. [`Error::Burn`](crate::Error::Burn).
    ///
    /// After an error no value has changed; the gradients are gone.
    pub fn step<M: Module>(&mut self, model: &mut M, gradients: GradientsParams) -> Result<Handover> {
        let mut loan = self.borrow_to_write(model, Some(gradients), Writes::Active)?;
        let takes_part = |own: &Self, loan: &Loan, index: usize| loan.has_gradient(index) || own.pending[index];
        self.prepare(&mut loan, takes_part)?;
        let begin = Instant::now();
        self.submit("wgpu-optim-burn step", |optimizer, encoder| optimizer.step(encoder));
        loan.handover.times.record = begin.elapsed();
        for (pending, &active) in self.pending.iter_mut().zip(&self.active) {
            *pending &= !active;
        }
        Ok(loan.handover)
    }

    /// Adds the gradients of one micro-batch to those of the next step, whose own are the last; [`Options::micro_batches`](wgpu_optim::Options::micro_batches)
    /// says how they add up.
    ///
    /// # Errors
    ///
    /// Those of [`BurnOptimizer::step`]; [`Error::Optimizer`](crate::Error::Optimizer) with `NotEnabled` without that option.
    pub fn accumulate<M: Module>(&mut self, model: &M, gradients: GradientsParams) -> Result<Handover> {
        let mut loan = self.borrow(model, Some(gradients))?;
        self.prepare(&mut loan, |_, loan, index| loan.has_gradient(index))?;
        let begin = Instant::now();
        let mut result = Ok(());
        self.submit("wgpu-optim-burn accumulate", |optimizer, encoder| result = optimizer.accumulate(encoder));
        result?;
        loan.handover.times.record = begin.elapsed();
        for (pending, &active) in self.pending.iter_mut().zip(&self.active) {
            *pending |= active;
        }
        Ok(loan.handover)
    }

    /// Binds what has moved, and has those take part that are to.
    fn prepare(&mut self, loan: &mut Loan, takes_part: impl Fn(&Self, &Loan, usize) -> bool) -> Result<()> {
        self.place(loan)?;
        let begin = Instant::now();
        let wanted: Vec<bool> = (0..self.active.len()).map(|index| self.enabled[index] && takes_part(self, loan, index)).collect();
        for active in [true, false] {
            let changed = |(index, _): &(usize, &String)| wanted[*index] == active && self.active[*index] != active;
            let names: Vec<&str> =
                self.known.params.iter().map(|(name, _)| name).enumerate().filter(changed).map(|(_, name)| &**name).collect();
            if !names.is_empty() {
                self.optimizer.set_active(names, active)?;
            }
        }
        self.active = wanted;
        loan.handover.active = self.active.iter().filter(|&&active| active).count();
        loan.handover.times.rebind += begin.elapsed();
        Ok(())
    }

    /// Records and submits.
    pub(super) fn submit(&self, label: &str, record: impl FnOnce(&wgpu_optim::Optimizer, &mut wgpu::CommandEncoder)) {
        let mut encoder = self.device.wgpu().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) });
        record(&self.optimizer, &mut encoder);
        self.device.queue().submit([encoder.finish()]);
    }
}
