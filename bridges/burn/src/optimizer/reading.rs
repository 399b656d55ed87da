//! Reports, and what is kept of parameters, read back or written.

use wgpu_optim::{PendingReport, TrainingProgress};

use super::BurnOptimizer;
use crate::error::Result;

/// Each does what [`wgpu_optim::Optimizer`]'s of the same name does, whose page has more. Values are burn's: read them from the model.
impl BurnOptimizer {
    /// What the last step did, and where training stands: norms, skipped steps, learning rates.
    pub fn report(&self) -> PendingReport {
        self.optimizer.report()
    }

    /// The paths of the parameters, in the optimizer's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.optimizer.names()
    }

    /// How many dispatches a step is.
    pub fn dispatches(&self) -> usize {
        self.optimizer.dispatches()
    }

    /// Bytes of state.
    pub fn state_bytes(&self) -> u64 {
        self.optimizer.state_bytes()
    }

    /// The names of a parameter's states.
    ///
    /// # Errors
    ///
    /// [`Error::Optimizer`](crate::Error::Optimizer) with `UnknownName`: none has this path.
    pub fn state_names(&self, param: &str) -> Result<Vec<&'static str>> {
        Ok(self.optimizer.state_names(param)?)
    }

    /// A state of a parameter, such as Adam's `"m"`, or `"ema"`.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::read_state`](wgpu_optim::Optimizer::read_state).
    pub async fn read_state(&self, param: &str, state: &str) -> Result<Vec<f32>> {
        Ok(self.optimizer.read_state(param, state).await?)
    }

    /// Writes a state of a parameter.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::write_state`](wgpu_optim::Optimizer::write_state).
    pub fn write_state(&self, param: &str, state: &str, data: &[f32]) -> Result<()> {
        Ok(self.optimizer.write_state(param, state, data)?)
    }

    /// The step counts of all parameters.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::read_steps`](wgpu_optim::Optimizer::read_steps).
    pub async fn read_steps(&self) -> Result<Vec<u32>> {
        Ok(self.optimizer.read_steps().await?)
    }

    /// Steps, skipped ones, and the loss scale.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::read_progress`](wgpu_optim::Optimizer::read_progress).
    pub async fn read_progress(&self) -> Result<TrainingProgress> {
        Ok(self.optimizer.read_progress().await?)
    }

    /// The factor by which the loss is to be multiplied from now on.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_loss_scale`](wgpu_optim::Optimizer::set_loss_scale).
    pub fn set_loss_scale(&self, loss_scale: f64) -> Result<()> {
        Ok(self.optimizer.set_loss_scale(loss_scale)?)
    }
}
