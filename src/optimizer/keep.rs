//! Options and clips that keep something else of parameters than those before.

use core::mem::offset_of;

use super::Optimizer;
use crate::error::Result;
use crate::gpu::upload_for;
use crate::step::{Clip, Config, GroupKey, Options, Status};

impl Optimizer {
    /// Sets any options, for the steps recorded from now on: averages and micro-batches may come and go, and averages may get another `start` or `every`.
    /// Values, the states of rules, step counts and the averages that go on stay, bit for bit. Where [`Optimizer::set_options`] will do, it costs less: where other
    /// lanes are kept than before, this makes all state anew, and it compiles kernels that were not.
    ///
    /// An average that comes begins as the values are then. Which steps count in it follows from `start` and `every`, by the parameter's step count, as for one that was there
    /// from the beginning: one whose `start` is still to come begins there, with a copy, and one whose `start` is over takes these first values for the average of
    /// all steps until now. An average that gets another `start` or `every` is one that goes and one that comes. What was accumulated goes with
    /// [`Options::micro_batches`]. Where averages come or go and others than the trained values are shown, the trained ones are again.
    ///
    /// A loss scale that begins is as in [`Optimizer::set_options`], but in the encoder's order. About the encoder, see [`Optimizer::remove`]: write and read nothing before it is submitted.
    ///
    /// ```
    /// use wgpu_optim::{Optimizer, Options, Swa, wgpu};
    ///
    /// /// The mean of the values from now on, in the last part of a run.
    /// fn average(optimizer: &mut Optimizer, encoder: &mut wgpu::CommandEncoder, steps: u32) -> wgpu_optim::Result<()> {
    ///     let options = Options { swa: Some(Swa { start: steps + 1, every: 10 }), ..*optimizer.options() };
    ///     optimizer.change_options(encoder, options)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Option`](crate::Error::Option), [`Error::Setting`](crate::Error::Setting), [`Error::Schedule`](crate::Error::Schedule): a number is out of range.
    /// - [`Error::Conflict`](crate::Error::Conflict): two options exclude each other, or what a rule, a mask or a row-sparse gradient does not go with.
    /// - Whatever [`Optimizer::with_options`] refuses of the parameters then, such as [`Error::Limit`](crate::Error::Limit) and
    ///   [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn change_options(&mut self, encoder: &mut wgpu::CommandEncoder, options: Options) -> Result<()> {
        self.config.check_storage(&options)?;
        let mut config = self.config.clone();
        let begins = config
            .replace_options(options)
            .map(|loss_scale| upload_for(&self.engine.device, "wgpu-optim loss scale", wgpu::BufferUsages::COPY_SRC, &[loss_scale as f32]));
        let begins = begins.transpose()?;
        self.keep(encoder, &config)?;
        if let Some(loss_scale) = begins {
            encoder.copy_buffer_to_buffer(&loss_scale, 0, &self.engine.record.status, offset_of!(Status, loss_scale) as u64, 4);
        }
        Ok(())
    }

    /// Sets how a group's gradients are limited, as [`Optimizer::set_clip`] does, also where [`Clip::Adaptive`] begins. It costs as much as
    /// [`Optimizer::change_options`].
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownGroup`](crate::Error::UnknownGroup), [`Error::UnknownName`](crate::Error::UnknownName): there is no such group.
    /// - [`Error::Setting`](crate::Error::Setting): a number of the clip is out of range.
    /// - Those of [`Optimizer::change_options`].
    pub fn change_clip(&mut self, encoder: &mut wgpu::CommandEncoder, group: impl GroupKey, clip: Clip) -> Result<()> {
        let mut config = self.config.clone();
        config.replace_clip(self.config.number(group)?, clip)?;
        self.keep(encoder, &config)
    }

    /// Becomes an optimizer of this config, with all groups and parameters.
    fn keep(&mut self, encoder: &mut wgpu::CommandEncoder, config: &Config) -> Result<()> {
        let all: Vec<usize> = (0..config.groups.len()).collect();
        let kept = self.kept();
        self.remake(encoder, config, &all, kept, None)
    }
}
