//! The CPU backend's views: shows evaluation weights or averages, and brings the trained values back.

use super::job::{Job, Work, run};
use super::tensor::Tensor;
use super::{CpuOptimizer, assigned};
use crate::error::{Error, Result};
use crate::rule::{Function, Real};
use crate::step::{Average, Showing, View, view};

/// How a tensor's trained values come back.
#[derive(Clone, Debug)]
pub(super) enum Back<F> {
    /// They are shown.
    Shown,
    /// They were kept aside.
    Aside(Vec<F>),
    /// They are in the place of this average.
    Average(usize),
}

impl<F: Real> CpuOptimizer<F> {
    /// Shows the values to evaluate the model with, as [`crate::Optimizer::evaluate`] does.
    ///
    /// # Errors
    ///
    /// - [`Error::InView`]: an average is shown.
    /// - [`Error::Slices`], [`Error::Length`]: there are more or fewer slices than tensors, or one has another length.
    pub fn evaluate(&mut self, values: &mut [&mut [F]]) -> Result<()> {
        let has_average = view::evaluated_average(&self.config.options.averages()).is_some();
        match has_average || self.config.groups.iter().any(|group| group.rule.has_views()) {
            true => self.show(view::EVALUATED, values),
            false => self.check_values(values),
        }
    }

    /// Shows the trained values again, bit for bit.
    ///
    /// # Errors
    ///
    /// [`Error::Slices`], [`Error::Length`]: there are more or fewer slices than tensors, or one has another length.
    pub fn train(&mut self, values: &mut [&mut [F]]) -> Result<()> {
        self.show(view::TRAINED, values)
    }

    /// Shows an average, `"ema"`, `"swa"`, or Lookahead's `"slow"`, or, if it is shown, the trained values again. Tensors without an average yet stay.
    ///
    /// # Errors
    ///
    /// - [`Error::NotEnabled`], [`Error::UnknownName`]: the options keep no average, or others.
    /// - [`Error::InView`]: evaluated values or another average are shown.
    /// - [`Error::Slices`], [`Error::Length`]: there are more or fewer slices than tensors, or one has another length.
    pub fn swap(&mut self, average: &str, values: &mut [&mut [F]]) -> Result<()> {
        self.show(view::swapped(&self.config.options, average)?, values)
    }

    /// What the values show.
    pub fn view(&self) -> View {
        view::numbered(&self.config.options, self.common.view)
    }

    fn show(&mut self, wanted: u32, values: &mut [&mut [F]]) -> Result<()> {
        self.check_values(values)?;
        let shown = self.common.view;
        let next = view::after(shown, wanted).ok_or_else(|| self.misplaced(view::CHANGE + wanted))?;
        if next == shown {
            return Ok(());
        }
        match next {
            view::TRAINED => self.tensors.iter_mut().zip(values).for_each(|(tensor, value)| tensor.bring_back(value)),
            _ => self.leave(next, values),
        }
        self.common.view = next;
        Ok(())
    }

    /// From the trained values to those of another view.
    fn leave(&mut self, next: u32, values: &mut [&mut [F]]) {
        let config = self.viewed.as_ref().unwrap_or(&self.config);
        let averages = self.config.options.averages();
        let evaluated = view::evaluated_average(&averages);
        let average = if next == view::EVALUATED { evaluated } else { Some((next - view::SWAPPED) as usize) };
        let has_own = |tensor: &Tensor<F>| next == view::EVALUATED && self.config.groups[tensor.group].rule.has_views();
        let step_kind = self.config.step_kind();
        let rule = |tensor: &Tensor<F>| &*self.config.groups[tensor.group].rule;
        let exchanges = |tensor: &Tensor<F>| step_kind.showing(rule(tensor), tensor.keeps()) == Showing::Exchanged;
        for (tensor, value) in self.tensors.iter_mut().zip(&mut *values) {
            match average.filter(|&index| tensor.step >= averages[index].words::<F>().first()) {
                _ if has_own(tensor) => tensor.put_aside(value),
                Some(index) if exchanges(tensor) => {
                    tensor.averages[index].swap_with_slice(value);
                    tensor.back = Back::Average(index);
                }
                Some(index) => {
                    tensor.back = Back::Aside(value.to_vec());
                    value.copy_from_slice(&tensor.averages[index]);
                    tensor.show(value);
                }
                None => {}
            }
        }
        let assigned = assigned(config, self.common.step);
        let blocks = &config.blocks.list;
        // A group that was added since the last step has no block in its config, and no step to view.
        let work = |tensor: &Tensor<F>| {
            let (block, assigned) = (blocks.get(tensor.block)?, assigned.get(tensor.block)?);
            Some(Work { pass: Function::Evaluate, rule: &*block.rule, assigned, extra: None })
        };
        let works: Vec<Option<Work<'_, F>>> = self.tensors.iter().map(work).collect();
        let elements = values.iter().map(|value| value.len()).sum();
        let evaluated: Vec<bool> = self.tensors.iter().map(|tensor| has_own(tensor) && tensor.step > 0).collect();
        let own = self.tensors.iter_mut().zip(&mut *values).zip(&works).zip(&evaluated).filter(|(_, evaluated)| **evaluated);
        run(elements, own.filter_map(|(((tensor, value), work), _)| Some(Job::new(work.as_ref()?, tensor, value, &[]))));
        let own = self.tensors.iter().zip(values).zip(evaluated).filter(|(_, evaluated)| *evaluated);
        own.for_each(|((tensor, value), _)| tensor.show(value));
    }

    /// The error for something that does not fit what is shown.
    pub(super) fn misplaced(&self, what: u32) -> Error {
        view::misplaced(&self.config.options, what, self.common.view)
    }

    /// Fails while other values than the trained ones are shown.
    pub(super) fn check_trained(&self, what: u32) -> Result<()> {
        if self.common.view == view::TRAINED { Ok(()) } else { Err(self.misplaced(what)) }
    }

    /// Fails while other values than the trained ones are shown, for what does not come in a step.
    pub(super) fn check_shown(&self, what: &str) -> Result<()> {
        let (what, instead) = (what.to_owned(), "call train before it");
        match self.view() {
            View::Trained => Ok(()),
            view => Err(Error::InView { what, view, instead }),
        }
    }

    /// Fails if the trained values may be in the place of this state.
    pub(super) fn check_state(&self, tensor: &str, state: &str) -> Result<()> {
        let is_average = self.config.options.averages().iter().map(Average::state).any(|average| average == state);
        if self.common.view == view::TRAINED || !is_average {
            return Ok(());
        }
        let what = format!("{tensor}: the state {state} was asked for");
        Err(Error::InView { what, view: self.view(), instead: "call train before it" })
    }
}

impl<F: Real> Tensor<F> {
    /// Keeps the trained values, if a step has been taken; what is evaluated is formed of master values, where there are some.
    fn put_aside(&mut self, values: &mut [F]) {
        if self.step > 0 {
            self.back = Back::Aside(values.to_vec());
            if self.numbers.master {
                values.copy_from_slice(&self.master);
            }
        }
    }

    pub(super) fn bring_back(&mut self, values: &mut [F]) {
        match core::mem::replace(&mut self.back, Back::Shown) {
            Back::Shown => {}
            Back::Aside(trained) => values.copy_from_slice(&trained),
            Back::Average(index) => self.averages[index].swap_with_slice(values),
        }
    }
}
