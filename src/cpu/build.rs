//! Makes a CPU optimizer, adds groups and changes its settings.

use std::collections::HashSet;

use super::decide::Common;
use super::tensor::Tensor;
use super::{CpuOptimizer, CpuParam};
use crate::error::{Error, Result, unknown};
use crate::rule::{AnyRule, Real};
use crate::schedule::Schedule;
use crate::step::{Clip, Config, Group, GroupKey, Options};

impl<F: Real> CpuOptimizer<F> {
    /// An optimizer for tensors of these names and lengths, with one rule.
    ///
    /// # Errors
    ///
    /// Those of [`CpuOptimizer::with_options`].
    pub fn new<P: Into<CpuParam>>(rule: impl Into<Box<dyn AnyRule>>, tensors: impl IntoIterator<Item = P>) -> Result<Self> {
        Self::with_groups([Group::new(rule, tensors.into_iter().map(Into::into))])
    }

    /// An optimizer of several groups, each with its rule.
    ///
    /// # Errors
    ///
    /// Those of [`CpuOptimizer::with_options`].
    pub fn with_groups(groups: impl IntoIterator<Item = Group<CpuParam>>) -> Result<Self> {
        Self::with_options(groups, Options::default())
    }

    /// An optimizer of several groups whose steps do more than their rules.
    ///
    /// # Errors
    ///
    /// - Tensors: [`Error::NoParameters`], [`Error::DuplicateName`], [`Error::HugeTensor`], [`Error::LrScale`], [`Error::Scales`],
    ///   [`Error::ScaledState`]; [`Error::Length`] of the numbers of `lr_scales`.
    /// - Settings: [`Error::OutOfRange`], [`Error::NotF32`] and [`Error::HyperParameters`] of a rule; [`Error::Setting`] of a clip; [`Error::Schedule`];
    ///   [`Error::Option`]; [`Error::Conflict`] between two of them; [`Error::UnknownName`] where what a schedule or an `lr_scale` is for does not exist.
    /// - A rule of your own: [`Error::Stages`].
    pub fn with_options(groups: impl IntoIterator<Item = Group<CpuParam>>, options: Options) -> Result<Self> {
        let config = Config::new(options)?;
        let common = Common {
            loss_scale: F::of(options.loss_scale.initial()),
            growth_tracker: 0,
            step: 0,
            skips: 0,
            failed: None,
            micro_batches: 0,
            norm: None,
            norms: None,
            view: 0,
        };
        let mut optimizer = CpuOptimizer { config, viewed: None, tensors: Vec::new(), common, program: Vec::new(), update: None };
        groups.into_iter().try_for_each(|group| optimizer.add_group(group))?;
        if optimizer.tensors.is_empty() {
            return Err(Error::NoParameters);
        }
        Ok(optimizer)
    }

    /// One more group, from the next step on.
    ///
    /// # Errors
    ///
    /// Those of [`CpuOptimizer::with_options`], but an empty group is legal.
    pub fn add_group(&mut self, group: Group<CpuParam>) -> Result<()> {
        let (mut config, number) = (self.config.clone(), self.config.groups.len());
        let mut names: HashSet<String> = self.tensors.iter().map(|tensor| tensor.name.clone()).collect();
        let mut tensors = Vec::new();
        for param in config.add(group)? {
            if !names.insert(param.name.clone()) {
                return Err(Error::DuplicateName { param: param.name });
            }
            let block = config.block(number, &param.name, param.lr_scale)?;
            tensors.push(Tensor::new(param, number, block, &config)?);
        }
        self.tensors.extend(tensors);
        self.config = config;
        self.number_rules();
        self.compile();
        Ok(())
    }

    /// Replaces a group's hyper-parameters. Its schedules stay. This and what follows is as [`crate::Optimizer`] has it, from the next step on.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_rule`](crate::Optimizer::set_rule), but for what only a device refuses.
    pub fn set_rule(&mut self, group: impl GroupKey, rule: impl Into<Box<dyn AnyRule>>) -> Result<()> {
        let group = self.config.number(group)?;
        self.change(|config| config.set_rule(group, rule.into()))
    }

    /// Sets one hyper-parameter of a group, or its clip's `"max_norm"`; a schedule that it had ends.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set`](crate::Optimizer::set), but for what only a device refuses.
    pub fn set(&mut self, group: impl GroupKey, hyper_parameter: &str, value: f64) -> Result<()> {
        let group = self.config.number(group)?;
        self.change(|config| config.set(group, hyper_parameter, value))
    }

    /// Sets the learning rate of every group to the same number; schedules that it had end.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set`](crate::Optimizer::set), but for what only a device refuses.
    pub fn set_lr_of_all(&mut self, lr: f64) -> Result<()> {
        self.change(|config| (0..config.groups.len()).try_for_each(|group| config.set(group, "lr", lr)))
    }

    /// Gives a hyper-parameter of a group a schedule, or, with `None`, the rule's own value again.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_schedule`](crate::Optimizer::set_schedule), but for what only a device refuses.
    pub fn set_schedule(&mut self, group: impl GroupKey, hyper_parameter: &str, schedule: Option<Schedule>) -> Result<()> {
        let group = self.config.number(group)?;
        self.change(|config| config.set_schedule(group, hyper_parameter, schedule))
    }

    /// Sets how a group's gradients are limited.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::set_clip`](crate::Optimizer::set_clip), but for what only a device refuses.
    pub fn set_clip(&mut self, group: impl GroupKey, clip: Clip) -> Result<()> {
        let group = self.config.number(group)?;
        self.change(|config| config.set_clip(group, clip))
    }

    /// Sets the options, which have to keep the same states.
    ///
    /// # Errors
    ///
    /// [`Error::Option`], [`Error::Setting`], [`Error::Schedule`], [`Error::Conflict`], as [`Optimizer::set_options`](crate::Optimizer::set_options)
    /// says.
    pub fn set_options(&mut self, options: Options) -> Result<()> {
        let begins = self.change(|config| config.set_options(options))?;
        begins.into_iter().for_each(|loss_scale| self.common.loss_scale = F::of(loss_scale));
        self.update = self.update.filter(|_| options.measure_update);
        Ok(())
    }

    /// The options as they are set now.
    pub fn options(&self) -> &Options {
        &self.config.options
    }

    /// The groups as they are set now, without their tensors.
    pub fn groups(&self) -> &[Group<()>] {
        &self.config.groups
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Config) -> Result<T>) -> Result<T> {
        let mut config = self.config.clone();
        let result = change(&mut config)?;
        for Tensor { name, mask, group, .. } in &self.tensors {
            mask.iter().try_for_each(|mask| mask.check(name, &*config.groups[*group].rule))?;
        }
        let before = core::mem::replace(&mut self.config, config);
        self.viewed.get_or_insert(before);
        self.compile();
        Ok(result)
    }

    /// Says whether tensors are active in the steps from now on, as [`crate::Optimizer::set_active`] does.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no tensor has one of these names.
    pub fn set_active<'a>(&mut self, tensors: impl IntoIterator<Item = &'a str>, active: bool) -> Result<()> {
        let names = || self.tensors.iter().map(|tensor| &*tensor.name);
        let find = |name| names().position(|known| known == name).ok_or_else(|| unknown("parameter", name, names()));
        let indices: Vec<usize> = tensors.into_iter().map(find).collect::<Result<_>>()?;
        indices.into_iter().for_each(|index| self.tensors[index].frozen = !active);
        Ok(())
    }
}
