//! Checkpoints, by the paths of the module's parameters.

use burn::module::Module;
use wgpu_optim::Checkpoint;
use wgpu_optim::checkpoint::{RestoreOptions, Restored};

use super::BurnOptimizer;
use super::loan::Writes;
use crate::error::Result;

impl BurnOptimizer {
    /// All that the optimizer keeps, and the model's values, by the paths of its parameters. Parameters without a group are not in it.
    ///
    /// ```no_run
    /// # fn save(optimizer: &mut wgpu_optim_burn::BurnOptimizer, model: &mut burn::nn::Linear) -> wgpu_optim_burn::Result<()> {
    /// use wgpu_optim::Checkpoint;
    ///
    /// pollster::block_on(optimizer.checkpoint(model))?.save("run.safetensors")?;
    /// // later, with a model and an optimizer that are made as these were:
    /// optimizer.restore(model, &Checkpoint::load("run.safetensors")?, Default::default())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`BurnOptimizer::step`] that are about the model; [`Error::Optimizer`](crate::Error::Optimizer) with those of
    /// [`Optimizer::checkpoint`](wgpu_optim::Optimizer::checkpoint).
    pub async fn checkpoint<M: Module>(&mut self, model: &M) -> Result<Checkpoint> {
        let mut loan = self.borrow(model, None)?;
        self.place(&mut loan)?;
        let checkpoint = self.optimizer.checkpoint().await?;
        drop(loan);
        Ok(checkpoint)
    }

    /// Goes on from a checkpoint: state and values, by the paths of parameters. The next step is the one that would have come after it. A clone of the model keeps
    /// the values that it has.
    ///
    /// # Errors
    ///
    /// Those of [`BurnOptimizer::step`] that are about the model; [`Error::Optimizer`](crate::Error::Optimizer) with `Differences`, which lists all that
    /// does not fit.
    pub fn restore<M: Module>(&mut self, model: &mut M, checkpoint: &Checkpoint, options: RestoreOptions) -> Result<Restored> {
        let mut loan = self.borrow_to_write(model, None, Writes::All)?;
        self.place(&mut loan)?;
        Ok(self.optimizer.restore(checkpoint, options)?)
    }
}
