//! Options, clips and groups of another kind than before, on the CPU: what tensors keep changes with them.

use super::tensor::Tensor;
use super::{CpuOptimizer, CpuParam};
use crate::error::{Error, Result};
use crate::rule::Real;
use crate::step::{Average, Clip, Config, Group, GroupKey, MaskedRows, Options};

impl<F: Real> CpuOptimizer<F> {
    /// Sets any options, as [`Optimizer::change_options`](crate::Optimizer::change_options) does: averages and micro-batches may come and go. An average that comes begins as
    /// the values are.
    ///
    /// ```
    /// use wgpu_optim::{Ema, Options, Sgd, cpu::CpuOptimizer};
    ///
    /// let mut optimizer = CpuOptimizer::<f32>::new(Sgd { lr: 1.0, ..Default::default() }, [("w", 1)])?;
    /// let mut w = [0.0];
    /// optimizer.step(&mut [&mut w], &[Some(&[-2.0])])?; // 2
    /// let options = Options { ema: Some(Ema { decay: 0.5, ..Default::default() }), ..*optimizer.options() };
    /// optimizer.change_options(&mut [&mut w], options)?;
    /// optimizer.step(&mut [&mut w], &[Some(&[-2.0])])?; // 4
    /// assert_eq!(optimizer.state("w", "ema")?, [3.0]);
    /// # Ok::<(), wgpu_optim::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::Option`], [`Error::Setting`], [`Error::Schedule`], [`Error::Conflict`], as there.
    /// - [`Error::Slices`], [`Error::Length`]: there are more or fewer slices than tensors, or one has another length.
    pub fn change_options(&mut self, values: &mut [&mut [F]], options: Options) -> Result<()> {
        self.check_values(values)?;
        self.config.check_storage(&options)?;
        let mut config = self.config.clone();
        let begins = config.replace_options(options);
        let (before, after) = (self.config.options.averages(), options.averages());
        let goes_on = |average: &Average| before.iter().any(|own| own.state() == average.state() && own.check_becomes(average).is_ok());
        let mut begun = after.iter().filter(|average| !goes_on(average));
        let storages = self.tensors.iter().map(|own| own.storage(&config)).collect::<Result<Vec<_>>>()?;
        let has_all = |average: &Average| {
            self.tensors.iter().zip(&storages).try_for_each(|(own, storage)| {
                own.numbers.check_begins(&own.name, average.state())?;
                storage.check_begins(&own.name, average.state())
            })
        };
        begun.try_for_each(has_all)?;
        self.keep(&config)?;
        if before != after {
            // What is shown may be in one that goes.
            self.tensors.iter_mut().zip(&mut *values).for_each(|(tensor, value)| tensor.bring_back(value));
            self.common.view = crate::step::view::TRAINED;
            self.tensors.iter_mut().zip(values).for_each(|(tensor, value)| tensor.average(&before, &after, value));
        }
        self.tensors.iter_mut().zip(storages).for_each(|(tensor, storage)| tensor.stored.storage = storage);
        begins.into_iter().for_each(|loss_scale| self.common.loss_scale = F::of(loss_scale));
        self.update = self.update.filter(|_| options.measure_update);
        if !options.accumulates() {
            self.common.micro_batches = 0;
        }
        Ok(())
    }

    /// Sets how a group's gradients are limited, also where [`Clip::Adaptive`] begins.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::change_clip`](crate::Optimizer::change_clip), but for what only a device refuses.
    pub fn change_clip(&mut self, group: impl GroupKey, clip: Clip) -> Result<()> {
        let mut config = self.config.clone();
        config.replace_clip(self.config.number(group)?, clip)?;
        self.keep(&config)
    }

    /// Removes a group with its tensors. Those after it are numbered one less; names stay.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownGroup`], [`Error::UnknownName`]: there is no such group. [`Error::NoParameters`]: no tensor would be left.
    /// - [`Error::InView`] while other values than the trained ones are shown.
    pub fn remove_group(&mut self, group: impl GroupKey) -> Result<()> {
        self.check_shown("remove_group")?;
        let group = self.config.number(group)?;
        let rest: Vec<usize> = (0..self.config.groups.len()).filter(|&other| other != group).collect();
        if self.tensors.iter().all(|tensor| tensor.group == group) {
            return Err(Error::NoParameters);
        }
        let config = self.config.clone();
        self.regroup(&config, &rest)?;
        self.common.norms = None;
        Ok(())
    }

    /// Goes on with all groups as this config has them.
    fn keep(&mut self, config: &Config) -> Result<()> {
        for Tensor { name, shape, len, mask, group, .. } in &self.tensors {
            let rule = &*config.groups[*group].rule;
            match mask {
                Some(mask) if mask.is_sparse() => {
                    MaskedRows::sparse(name, shape, *len as u64, rule, &config.clip(*group))?;
                }
                _ => {}
            }
        }
        self.regroup(config, &(0..config.groups.len()).collect::<Vec<_>>())?;
        for tensor in &mut self.tensors {
            tensor.unit = self.config.clip(tensor.group).unit(&tensor.shape).map(|unit| unit as usize);
            if !self.config.options.accumulates() {
                (tensor.pending, tensor.accumulated) = (0, Vec::new());
            }
            let has_lane = self.config.options.accumulates() && !tensor.is_row_sparse();
            tensor.accumulated.resize(if has_lane { tensor.len } else { 0 }, F::zero());
        }
        self.common.norms = None;
        Ok(())
    }

    /// Goes on with those of the groups that have these numbers, as this config has them.
    fn regroup(&mut self, config: &Config, groups: &[usize]) -> Result<()> {
        let (next, blocks) = self.regrouped(config, groups)?;
        let viewed = self.viewed.as_ref().unwrap_or(&self.config);
        let known: Vec<usize> = groups.iter().copied().filter(|&group| group < viewed.groups.len()).collect();
        let viewed = self.regrouped(viewed, &known)?.0;
        self.tensors.retain(|tensor| groups.contains(&tensor.group));
        for (tensor, block) in self.tensors.iter_mut().zip(blocks) {
            tensor.group = groups.iter().position(|&group| group == tensor.group).unwrap_or_default();
            tensor.block = block;
        }
        (self.config, self.viewed) = (next, Some(viewed));
        self.number_rules();
        self.compile();
        Ok(())
    }

    /// A config of these groups, and the block of each of their tensors.
    fn regrouped(&self, config: &Config, groups: &[usize]) -> Result<(Config, Vec<usize>)> {
        let mut next = Config::new(config.options)?;
        let mut blocks = vec![None; self.tensors.len()];
        for &number in groups {
            let Group { name, rule, clip, state, schedules, .. } = config.groups[number].clone();
            let place = next.groups.len();
            next.add(Group { name, rule, clip, state, schedules, params: Vec::<CpuParam>::new() })?;
            for (tensor, block) in self.tensors.iter().zip(&mut blocks).filter(|(tensor, _)| tensor.group == number) {
                *block = Some(next.block(place, &tensor.name, self.config.blocks.list[tensor.block].lr_scale)?);
            }
        }
        Ok((next, blocks.into_iter().flatten().collect()))
    }
}

impl<F: Real> Tensor<F> {
    /// Keeps these averages in the place of those before; one that begins is as the values are.
    fn average(&mut self, before: &[Average], after: &[Average], value: &[F]) {
        let of = |average: &Average| {
            let own = before.iter().position(|own| own.state() == average.state() && own.check_becomes(average).is_ok());
            own.map_or_else(|| value.to_vec(), |own| self.averages[own].clone())
        };
        self.averages = after.iter().map(of).collect();
    }
}
