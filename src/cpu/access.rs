//! Reports, and reading and writing state and step counts by name, on the CPU.

use super::CpuOptimizer;
use crate::error::{Error, Result, unknown};
use crate::rule::Real;
use crate::step::{ACCUMULATED, MASTER, ROW_STEPS, View};

/// What [`CpuOptimizer::report`] tells; see [`crate::Report`].
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{Adam, NonFinite, Options};
///
/// let options = Options { non_finite: NonFinite::Skip, ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f64>::with_options([Group::new(Adam::default(), [("w", 2).into()])], options)?;
/// optimizer.step(&mut [&mut [0.0; 2]], &[Some(&[3.0, 4.0])])?;
/// let report = optimizer.report()?;
/// assert_eq!((report.step, report.skips, report.gradient_norm), (1, 0, Some(5.0)));
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuReport<F> {
    /// Steps taken, without skipped ones.
    pub step: u32,
    /// Skipped steps.
    pub skips: u32,
    /// The norm of all gradients in the last step taken, before clipping, if that step measured it.
    pub gradient_norm: Option<F>,
    /// The scale for the next loss.
    pub loss_scale: F,
    /// The norm of the last step's changes over that of the values before, if it is measured and a number.
    pub update_ratio: Option<f64>,
    /// What the values show.
    pub view: View,
}

impl<F: Real> CpuOptimizer<F> {
    /// What the last step did.
    ///
    /// # Errors
    ///
    /// [`Error::NonFinite`]: a step failed ([`NonFinite::Fail`](crate::NonFinite::Fail)). It names the first such tensor, and is told once.
    pub fn report(&mut self) -> Result<CpuReport<F>> {
        if let Some((step, param)) = self.common.failed.take() {
            return Err(Error::NonFinite { param, step });
        }
        let common = &self.common;
        Ok(CpuReport {
            step: common.step,
            skips: common.skips,
            gradient_norm: common.norm,
            loss_scale: common.loss_scale,
            update_ratio: self.update.map(|(moved, values)| moved / values).filter(|ratio| ratio.is_finite()),
            view: self.view(),
        })
    }

    /// The state of a tensor, by the rule's name for it; empty if these hyper-parameters do not use it. Also `"accumulated"`, `"master"`, `"row_steps"`, and the
    /// averages `"slow"`, `"ema"`, `"swa"`.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: there is no such tensor, or its rule and the options have no such state.
    /// - [`Error::InView`]: it is an average, and other values than the trained ones are shown.
    pub fn state(&self, tensor: &str, state: &str) -> Result<&[F]> {
        self.check_state(tensor, state)?;
        let (tensor, lane) = self.find(tensor, state)?;
        let tensor = &self.tensors[tensor];
        Ok(match lane {
            Lane::State(lane) => &tensor.lanes[lane],
            Lane::Average(average) => &tensor.averages[average],
            Lane::Accumulated => &tensor.accumulated,
            Lane::Master => &tensor.master,
            Lane::RowSteps => tensor.mask.as_ref().map_or(&[], |mask| &mask.steps),
        })
    }

    /// The state of a tensor as [`CpuOptimizer::state`] has it, to be written.
    ///
    /// # Errors
    ///
    /// Those of [`CpuOptimizer::state`].
    pub fn state_mut(&mut self, tensor: &str, state: &str) -> Result<&mut [F]> {
        self.check_state(tensor, state)?;
        let (tensor, lane) = self.find(tensor, state)?;
        let tensor = &mut self.tensors[tensor];
        Ok(match lane {
            Lane::State(lane) => &mut tensor.lanes[lane],
            Lane::Average(average) => &mut tensor.averages[average],
            Lane::Accumulated => &mut tensor.accumulated,
            Lane::Master => &mut tensor.master,
            Lane::RowSteps => tensor.mask.as_mut().map_or(&mut [], |mask| &mut mask.steps),
        })
    }

    /// The gradient norm of each tensor in the last step taken, unscaled, before clipping, in the order of construction, and that of each group; `None` unless
    /// that step measured them. [`Report::norms`](crate::Report::norms) has them on the GPU.
    pub fn norms(&self) -> Option<[&[F]; 2]> {
        self.common.norms.as_ref().map(|norms| norms.each_ref().map(|own| &**own))
    }

    /// How many steps each tensor has taken, in the order of construction.
    pub fn steps(&self) -> Vec<u32> {
        self.tensors.iter().map(|tensor| tensor.step).collect()
    }

    /// The scalars of each tensor's last step, in the order of construction; empty before the first.
    pub fn scalars(&self) -> Vec<&[F]> {
        self.tensors.iter().map(|tensor| &*tensor.scalars).collect()
    }

    fn find(&self, tensor: &str, state: &str) -> Result<(usize, Lane)> {
        let index = self.tensors.iter().position(|known| known.name == tensor);
        let index = index.ok_or_else(|| unknown("parameter", tensor, self.tensors.iter().map(|tensor| &*tensor.name)))?;
        let states = self.config.groups[self.tensors[index].group].rule.states();
        let averages = self.config.options.averages();
        let own = states.iter().position(|known| known.name == state).map(Lane::State);
        let average = averages.iter().position(|known| known.state() == state).map(Lane::Average);
        let accumulates = self.config.options.accumulates() && !self.tensors[index].is_row_sparse();
        let accumulated = (state == ACCUMULATED && accumulates).then_some(Lane::Accumulated);
        let counted = self.tensors[index].mask.as_ref().filter(|mask| state == ROW_STEPS && mask.own_steps());
        let master = (state == MASTER && self.tensors[index].numbers.master).then_some(Lane::Master);
        let lane = own.or(average).or(accumulated).or(master).or(counted.map(|_| Lane::RowSteps));
        Ok((index, lane.ok_or_else(|| unknown("state", state, states.iter().map(|state| state.name)))?))
    }
}

/// Where a state is kept.
enum Lane {
    State(usize),
    Average(usize),
    Accumulated,
    Master,
    RowSteps,
}
