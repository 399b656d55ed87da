//! Reads and writes what a checkpoint needs besides values, states and counts: schedule steps and the loss scale.

use core::mem::offset_of;

use super::Optimizer;
use crate::error::Result;
use crate::gpu::{put, read};
use crate::step::{Status, TrainingProgress, check_scale};

impl Optimizer {
    /// Reads what a checkpoint needs besides values, states ([`Optimizer::read_state`]), step counts and scalars: where schedules and the loss
    /// scale are. Bias corrections and averages follow [`Optimizer::read_steps`]. Micro-batches that were accumulated for the next step are not in it: save after a step.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::read_steps`].
    pub async fn read_progress(&self) -> Result<TrainingProgress> {
        let status = &self.engine.record.status;
        let status: Vec<Status> = read(&self.engine.device, &self.engine.queue, status, 0, 1).await?;
        self.teller().check(&status[0])?;
        let Status { step, skips, loss_scale, growth_tracker, .. } = status[0];
        Ok(TrainingProgress { step, skips, loss_scale, growth_tracker })
    }

    /// Writes what [`Optimizer::read_progress`] read. Like `Queue::write_buffer`, this comes before everything submitted from now on.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_loss_scale`].
    pub fn write_progress(&self, progress: &TrainingProgress) -> Result<()> {
        let TrainingProgress { step, skips, loss_scale, growth_tracker } = *progress;
        self.set_loss_scale(f64::from(loss_scale))?;
        self.write_status(offset_of!(Status, growth_tracker), &[growth_tracker, step, skips])
    }

    /// Sets the factor for the next loss, from 2^-64 to 2^64, whatever the options say. Like `Queue::write_buffer`, this comes before everything
    /// submitted from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Option`](crate::Error::Option): the factor is outside this range. The device: [`Error::OutOfMemory`](crate::Error::OutOfMemory),
    /// [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::Wgpu`](crate::Error::Wgpu).
    pub fn set_loss_scale(&self, loss_scale: f64) -> Result<()> {
        check_scale("the loss scale", loss_scale)?;
        self.write_status(offset_of!(Status, loss_scale), &[(loss_scale as f32).to_bits()])
    }

    pub(super) fn write_status(&self, offset: usize, words: &[u32]) -> Result<()> {
        put(&self.engine.device, &self.engine.queue, &self.engine.record.status, offset as u64, words)
    }
}
