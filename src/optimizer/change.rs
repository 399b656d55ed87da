//! Changes to a running optimizer: rules, hyper-parameters, schedules, clips, options and active parameters.

use super::buffers::named;
use super::build::{members, renewed};
use super::{Optimizer, Parameter};
use crate::error::{Result, unknown};
use crate::gpu::{Engine, Member, Record};
use crate::rule::AnyRule;
use crate::schedule::Schedule;
use crate::step::{Clip, Config, GroupKey, Options};
use crate::wgsl;

impl Optimizer {
    /// Replaces a group's hyper-parameters for the steps recorded from now on. Kernels and state stay, so the rule must be the same and
    /// use the same states. Schedules stay too. Groups go by number or by name, here and below.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownGroup`](crate::Error::UnknownGroup), [`Error::UnknownName`](crate::Error::UnknownName): there is no such group.
    /// - [`Error::OtherRule`](crate::Error::OtherRule): the rule needs other kernels or other state.
    /// - [`Error::OutOfRange`](crate::Error::OutOfRange), [`Error::NotF32`](crate::Error::NotF32),
    ///   [`Error::HyperParameters`](crate::Error::HyperParameters): the rule refuses a hyper-parameter. [`Error::Schedule`](crate::Error::Schedule): it
    ///   refuses one of the group's schedules.
    /// - The device: [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost),
    ///   [`Error::Wgpu`](crate::Error::Wgpu).
    pub fn set_rule(&mut self, group: impl GroupKey, rule: impl Into<Box<dyn AnyRule>>) -> Result<()> {
        let (group, rule) = (self.config.number(group)?, rule.into());
        self.set_up(|config| config.set_rule(group, rule))
    }

    /// Sets one hyper-parameter of a group by name, for the steps recorded from now on: `set("biases", "lr", 1e-4)`. A flag is 0 or 1. A schedule that
    /// it had ends. `"max_norm"` is that of the group's [`Clip::Norm`].
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownGroup`](crate::Error::UnknownGroup), [`Error::UnknownName`](crate::Error::UnknownName): there is no such group, or no such
    ///   hyper-parameter.
    /// - [`Error::OutOfRange`](crate::Error::OutOfRange), [`Error::NotF32`](crate::Error::NotF32),
    ///   [`Error::HyperParameters`](crate::Error::HyperParameters): the rule refuses the value. [`Error::Setting`](crate::Error::Setting): `max_norm` is
    ///   out of range. [`Error::Schedule`](crate::Error::Schedule): another schedule of the group does not go with it.
    /// - [`Error::OtherRule`](crate::Error::OtherRule): the value needs other state, as a momentum does where there was none.
    ///   [`Error::Conflict`](crate::Error::Conflict): `max_norm` of a group that is not clipped by a norm.
    /// - The device: [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost),
    ///   [`Error::Wgpu`](crate::Error::Wgpu).
    pub fn set(&mut self, group: impl GroupKey, hyper_parameter: &str, value: f64) -> Result<()> {
        let group = self.config.number(group)?;
        self.set_up(|config| config.set(group, hyper_parameter, value))
    }

    /// Sets the learning rate of every group to the same number, for the steps recorded from now on. Schedules that it had end, in every group.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set`]. Then no group is changed.
    pub fn set_lr_of_all(&mut self, lr: f64) -> Result<()> {
        self.set_up(|config| (0..config.groups.len()).try_for_each(|group| config.set(group, "lr", lr)))
    }

    /// Gives a hyper-parameter of a group a schedule, for the steps recorded from now on: in the
    /// optimizer's step `t`, counted from 1 without skipped steps, its value is `schedule.value(t - 1)`. With `None`, it is again what the rule has. `"max_norm"` is
    /// that of the group's [`Clip::Norm`].
    ///
    /// The count goes on where a schedule begins later. After `n` steps, the next one has `schedule.value(n)`; one that is to begin there is
    /// `schedule.delayed(n)`, which is `Sequence(vec![(n, Constant(schedule.value(0))), (0, schedule)])`. `n` is [`TrainingProgress::step`](crate::TrainingProgress::step).
    ///
    /// One schedule for different learning rates: [`Param::lr_scale`](crate::Param::lr_scale).
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownGroup`](crate::Error::UnknownGroup), [`Error::UnknownName`](crate::Error::UnknownName): there is no such group, or no such
    ///   hyper-parameter that can be scheduled.
    /// - [`Error::Schedule`](crate::Error::Schedule): the schedule has no meaning, or values that the rule or the clip refuses.
    /// - [`Error::Conflict`](crate::Error::Conflict): one for `max_norm` of a group that is not clipped by a norm.
    /// - [`Error::HyperParameters`](crate::Error::HyperParameters): a rule of your own does not depend on it as
    ///   [`HyperParameter::scheduled`](crate::rule::HyperParameter::scheduled) wants.
    /// - The device: [`Error::Limit`](crate::Error::Limit), [`Error::OutOfMemory`](crate::Error::OutOfMemory),
    ///   [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::Wgpu`](crate::Error::Wgpu).
    pub fn set_schedule(&mut self, group: impl GroupKey, hyper_parameter: &str, schedule: Option<Schedule>) -> Result<()> {
        let group = self.config.number(group)?;
        self.set_up(|config| config.set_schedule(group, hyper_parameter, schedule))
    }

    /// Sets how a group's gradients are limited, for the steps recorded from now on; a schedule of `max_norm` ends. It costs as much as
    /// [`Optimizer::set_active`], and kernels are compiled where gradients have to be measured that were not; `set(group, "max_norm", ..)` costs as
    /// much as another learning rate. [`Clip::Adaptive`] can end but not begin, which [`Optimizer::change_clip`] does.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownGroup`](crate::Error::UnknownGroup), [`Error::UnknownName`](crate::Error::UnknownName): there is no such group.
    /// - [`Error::Setting`](crate::Error::Setting): a number of the clip is out of range. [`Error::Conflict`](crate::Error::Conflict): adaptive clipping
    ///   would begin.
    /// - New kernels: [`Error::Limit`](crate::Error::Limit), [`Error::Wgsl`](crate::Error::Wgsl). The device:
    ///   [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::Wgpu`](crate::Error::Wgpu);
    ///   [`Error::Buffer`](crate::Error::Buffer) where wgpu refuses a buffer of yours.
    pub fn set_clip(&mut self, group: impl GroupKey, clip: Clip) -> Result<()> {
        let group = self.config.number(group)?;
        self.set_up_all(|config| config.set_clip(group, clip))
    }

    /// Sets the options for the steps recorded from now on. All else stays, bit for bit; so the options have to keep the same states: averages may get
    /// other decays and kinds, but not come or go, nor have another `start` or, but for Lookahead, `every`; micro-batches may not come or go either. For
    /// these there is [`Optimizer::change_options`]. Kernels are compiled where that changes them.
    ///
    /// A loss scale that was [`LossScale::Dynamic`](crate::LossScale::Dynamic) and still is goes on from where it stands, with its new numbers. Any other
    /// change of [`Options::loss_scale`] sets it to its first value; like `Queue::write_buffer`, that comes before everything submitted from now on.
    ///
    /// # Errors
    ///
    /// - [`Error::Option`](crate::Error::Option): a number is out of range. [`Error::Setting`](crate::Error::Setting),
    ///   [`Error::Schedule`](crate::Error::Schedule): the clip, or a schedule of its `max_norm`, is.
    /// - [`Error::Conflict`](crate::Error::Conflict): two options exclude each other, or other states would have to be kept.
    /// - [`Error::Overlap`](crate::Error::Overlap), [`Error::Conflict`](crate::Error::Conflict): `zero_grad` begins, and gradients share bytes or have
    ///   scales in their buffer.
    /// - New kernels: [`Error::Limit`](crate::Error::Limit), [`Error::Wgsl`](crate::Error::Wgsl). The device:
    ///   [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::Wgpu`](crate::Error::Wgpu);
    ///   [`Error::Buffer`](crate::Error::Buffer) where wgpu refuses a buffer of yours.
    pub fn set_options(&mut self, options: Options) -> Result<()> {
        let begins = self.set_up_all(|config| config.set_options(options))?;
        begins.map_or(Ok(()), |loss_scale| self.set_loss_scale(loss_scale))
    }

    /// The options as they are set now.
    pub fn options(&self) -> &Options {
        &self.config.options
    }

    /// The groups as they are set now, names, rules, clips and schedules, without their parameters: these, [`Optimizer::group_of`] tells.
    pub fn groups(&self) -> &[crate::step::Group<()>] {
        &self.config.groups
    }

    /// The number of a parameter's group.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`](crate::Error::UnknownName): no parameter has this name.
    pub fn group_of(&self, param: &str) -> Result<usize> {
        Ok(self.parameters[self.find(param)?].member.group)
    }

    /// Whether a parameter is active in the steps recorded from now on: [`Optimizer::set_active`].
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`](crate::Error::UnknownName): no parameter has this name.
    pub fn is_active(&self, param: &str) -> Result<bool> {
        Ok(self.parameters[self.find(param)?].member.active)
    }

    fn set_up(&mut self, change: impl FnOnce(&mut Config) -> Result<()>) -> Result<()> {
        let mut config = self.config.clone();
        change(&mut config)?;
        for Parameter { param, masked, member, .. } in &self.parameters {
            masked.iter().try_for_each(|rows| rows.check(&param.name, &*config.groups[member.group].rule))?;
        }
        let record = self.engine.record.with_settings(&self.engine.device, &config, &self.engine.layout)?;
        let before = core::mem::replace(&mut self.engine.record, record);
        if let Err(error) = self.executor.rebind(&self.engine, &config, &Record::SETTINGS) {
            self.engine.record = before;
            return Err(error);
        }
        self.config = config;
        Ok(())
    }

    /// Changes settings that kernels may depend on.
    fn set_up_all<T>(&mut self, change: impl FnOnce(&mut Config) -> Result<T>) -> Result<T> {
        let (mut config, mut parameters, mut engine) = (self.config.clone(), self.parameters.clone(), self.engine.clone());
        let result = change(&mut config)?;
        let members = members(&parameters);
        let is_adaptive = |parameter: &Parameter| matches!(config.clip(parameter.member.group), Clip::Adaptive(_));
        for parameter in parameters.iter_mut().filter(|parameter| !is_adaptive(parameter)) {
            (parameter.unit, parameter.kind.adaptive, parameter.kind.whole_units) = (None, false, false);
        }
        let same_units = parameters.iter().zip(&self.parameters).all(|(new, old)| new.unit == old.unit);
        let step_kind = config.step_kind();
        if same_units && step_kind.has_kernels_of(&self.config.step_kind()) {
            let record = engine.record.with_settings(&engine.device, &config, &engine.layout)?;
            engine.record = record.with_members(&engine.device, &config, &engine.layout, &members, &engine.tree)?;
            let executor = self.executor.bound(&engine, &config);
            self.executor = executor.map_err(|error| named(&engine.device, &parameters, error))?;
        } else {
            self.executor = renewed(&mut engine, &config, &parameters, &self.executor)?;
        }
        (self.config, self.parameters, self.engine) = (config, parameters, engine);
        Ok(result)
    }

    /// Activates or deactivates parameters, for the steps recorded from now on. One that is not active keeps value, state and step count, as a tensor
    /// without a gradient does in torch; the others go on counting. Its gradient stays too, even with
    /// [`Options::zero_grad`](crate::Options::zero_grad): if the backward pass adds to it all the while, record [`Optimizer::zero_grad`] before it
    /// is active again. Names are whole names.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`](crate::Error::UnknownName): no parameter has one of these names. The device:
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::Wgpu`](crate::Error::Wgpu);
    /// [`Error::Buffer`](crate::Error::Buffer) where wgpu refuses a buffer of yours.
    pub fn set_active<'a>(&mut self, params: impl IntoIterator<Item = &'a str>, active: bool) -> Result<()> {
        let mut members: Vec<Member> = members(&self.parameters);
        for param in params {
            members[self.find(param)?].active = active;
        }
        let Engine { device, layout, tree, record, .. } = &self.engine;
        let record = record.with_members(device, &self.config, layout, &members, tree)?;
        let before = core::mem::replace(&mut self.engine.record, record);
        if let Err(error) = self.executor.rebind(&self.engine, &self.config, &[wgsl::Resource::Parameters]) {
            self.engine.record = before;
            return Err(named(&self.engine.device, &self.parameters, error));
        }
        self.parameters.iter_mut().zip(members).for_each(|(parameter, member)| parameter.member = member);
        Ok(())
    }

    pub(super) fn find(&self, param: &str) -> Result<usize> {
        self.names.get(param).copied().ok_or_else(|| unknown("parameter", param, self.names()))
    }
}
