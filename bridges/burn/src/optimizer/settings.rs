//! Settings of a running optimizer: rules, hyper-parameters, schedules, clips, options, which parameters take part.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::step::Group;
use wgpu_optim::{Clip, GroupKey, Options, Schedule};

use super::build::check_options;
use super::{BurnOptimizer, Shared};
use crate::error::Result;

/// Each does what [`wgpu_optim::Optimizer`]'s of the same name does, whose page has more.
impl BurnOptimizer {
    /// What steps do with values that something else has too.
    pub fn set_shared(&mut self, shared: Shared) {
        self.shared = shared;
    }

    /// Lets parameters take part in steps, or keeps them as they are, whatever gradients they have. Names are whole paths. Those without a gradient take no part in any case.
    ///
    /// # Errors
    ///
    /// [`Error::Optimizer`](crate::Error::Optimizer) with `UnknownName`: none has this path.
    pub fn set_active<'a>(&mut self, params: impl IntoIterator<Item = &'a str>, active: bool) -> Result<()> {
        let mut enabled = self.enabled.clone();
        for param in params {
            // It knows what to say of a name that there is not.
            self.optimizer.group_of(param)?;
            self.known.params.iter().zip(&mut enabled).filter(|((name, _), _)| name == param).for_each(|(_, own)| *own = active);
        }
        self.enabled = enabled;
        Ok(())
    }

    /// Replaces a group's hyper-parameters.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_rule`](wgpu_optim::Optimizer::set_rule).
    pub fn set_rule(&mut self, group: impl GroupKey, rule: impl Into<Box<dyn AnyRule>>) -> Result<()> {
        Ok(self.optimizer.set_rule(group, rule)?)
    }

    /// Sets one hyper-parameter of a group by name.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set`](wgpu_optim::Optimizer::set).
    pub fn set(&mut self, group: impl GroupKey, hyper_parameter: &str, value: f64) -> Result<()> {
        Ok(self.optimizer.set(group, hyper_parameter, value)?)
    }

    /// Sets the learning rate of every group to the same number: for burn's own schedulers, before each step.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_lr_of_all`](wgpu_optim::Optimizer::set_lr_of_all).
    pub fn set_lr_of_all(&mut self, lr: f64) -> Result<()> {
        Ok(self.optimizer.set_lr_of_all(lr)?)
    }

    /// Gives a hyper-parameter of a group a schedule, which the GPU evaluates, or its own value again.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_schedule`](wgpu_optim::Optimizer::set_schedule).
    pub fn set_schedule(&mut self, group: impl GroupKey, hyper_parameter: &str, schedule: Option<Schedule>) -> Result<()> {
        Ok(self.optimizer.set_schedule(group, hyper_parameter, schedule)?)
    }

    /// Sets how a group's gradients are limited, whatever has to be kept for that.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::change_clip`](wgpu_optim::Optimizer::change_clip).
    pub fn set_clip(&mut self, group: impl GroupKey, clip: Clip) -> Result<()> {
        let mut encoder = self.encoder();
        self.optimizer.change_clip(&mut encoder, group, clip)?;
        self.device.queue().submit([encoder.finish()]);
        Ok(())
    }

    /// Sets the options, whatever has to be kept for them: averages and micro-batches may come and go.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::change_options`](wgpu_optim::Optimizer::change_options); [`Error::Option`](crate::Error::Option) with `zero_grad`.
    pub fn set_options(&mut self, options: Options) -> Result<()> {
        check_options(&options)?;
        let mut encoder = self.encoder();
        self.optimizer.change_options(&mut encoder, options)?;
        self.device.queue().submit([encoder.finish()]);
        if !options.accumulates() {
            self.pending.fill(false);
        }
        Ok(())
    }

    /// The options as they are set now.
    pub fn options(&self) -> &Options {
        self.optimizer.options()
    }

    /// The groups as they are set now, without their parameters.
    pub fn groups(&self) -> &[Group<()>] {
        self.optimizer.groups()
    }

    /// The number of a parameter's group.
    ///
    /// # Errors
    ///
    /// [`Error::Optimizer`](crate::Error::Optimizer) with `UnknownName`: none has this path.
    pub fn group_of(&self, param: &str) -> Result<usize> {
        Ok(self.optimizer.group_of(param)?)
    }

    fn encoder(&self) -> wgpu_optim::wgpu::CommandEncoder {
        self.device.wgpu().create_command_encoder(&Default::default())
    }
}
