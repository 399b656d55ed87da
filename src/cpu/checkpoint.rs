//! Takes a checkpoint of a CPU optimizer, and puts one back, of whichever backend.

use super::CpuOptimizer;
use super::tensor::Tensor;
use crate::checkpoint::{
    Checkpoint, Coding, Described, Entries, Fit, Numbers, Outline, RestoreOptions, Restored, Take, decoded, encoded, kept,
};
use crate::error::{BufferRole, Result};
use crate::step::{Assignment, Lane, LaneRole, TrainingProgress};

impl Tensor<f32> {
    /// The entries accumulated since the last step.
    fn kept_entries(&self) -> Entries {
        let kept = self.mask.as_ref().filter(|_| self.pending > 0).map(|mask| mask.entries.clone());
        kept.map_or_else(Entries::default, |(rows, gradient)| Entries { rows, gradient })
    }
}

impl CpuOptimizer<f32> {
    /// All that the optimizer keeps, as [`Optimizer::checkpoint`](crate::Optimizer::checkpoint) takes it; `values` has a slice for each tensor, in the
    /// order of construction, or is `None` for a checkpoint without values.
    ///
    /// # Errors
    ///
    /// [`Error::InView`](crate::Error::InView) while other values than the trained ones are shown; [`Error::Slices`](crate::Error::Slices), [`Error::Length`](crate::Error::Length).
    pub fn checkpoint(&self, values: Option<&[&[f32]]>) -> Result<Checkpoint> {
        self.check_shown("checkpoint")?;
        if let Some(values) = values {
            self.check_slices(BufferRole::Value, values.len())?;
            self.tensors.iter().zip(values).try_for_each(|(tensor, value)| tensor.check(BufferRole::Value, value.len()))?;
        }
        let numbers = |(index, tensor): (usize, &Tensor<f32>)| {
            let lanes = kept(&self.config, tensor.group, tensor.keeps());
            let lane = |lane: &Lane| match lane.role {
                LaneRole::Scale => Ok(tensor.stored.scales[self.state_number(tensor, lane)].clone()),
                _ => self.state(&tensor.name, lane.name).map(<[f32]>::to_vec),
            };
            let mut scalars = tensor.scalars.clone();
            // There are none before the first step.
            scalars.resize(self.config.groups[tensor.group].rule.scalar_fields().len(), 0.0);
            Ok(Numbers {
                steps: tensor.step,
                pending: tensor.pending,
                scalars,
                hyper: self.last_hyper(tensor),
                value: values.map(|values| values[index].to_vec()),
                lanes: lanes.iter().map(lane).collect::<Result<_>>()?,
                entries: tensor.kept_entries(),
            })
        };
        let params = self.tensors.iter().enumerate().map(numbers).collect::<Result<_>>()?;
        let common = &self.common;
        let (step, skips, loss_scale, growth_tracker) = (common.step, common.skips, common.loss_scale, common.growth_tracker);
        let progress = TrainingProgress { step, skips, loss_scale, growth_tracker };
        Ok(Checkpoint::new(&self.config, self.outline(), progress, common.micro_batches, params))
    }

    /// Goes on from a checkpoint, as [`Optimizer::restore`](crate::Optimizer::restore) does; `values` has a slice for each tensor if
    /// [`RestoreOptions::values`] asks for values.
    ///
    /// # Errors
    ///
    /// [`Error::Differences`](crate::Error::Differences) lists all that does not fit; [`Error::InView`](crate::Error::InView) while other values than the trained ones are shown; [`Error::Slices`](crate::Error::Slices),
    /// [`Error::Length`](crate::Error::Length). After any of them the optimizer is as it was.
    pub fn restore(&mut self, checkpoint: &Checkpoint, values: Option<&mut [&mut [f32]]>, options: RestoreOptions) -> Result<Restored> {
        self.check_shown("restore")?;
        let slices = values.unwrap_or_default();
        if options.values {
            self.check_values(slices)?;
        }
        let outline = self.outline();
        // Only a device has no more.
        let accumulates = self.config.options.accumulates();
        let room = |index: usize| if accumulates && self.tensors[index].is_row_sparse() { usize::MAX } else { 0 };
        let fit = Fit::new(checkpoint, &outline, room, options)?;
        for take @ Take { param, value, state, .. } in &fit.params {
            if let Some(value) = value {
                slices[*param].copy_from_slice(value);
                self.tensors[*param].show(&mut *slices[*param]);
            }
            let Some(numbers) = state else { continue };
            let tensor = &self.tensors[*param];
            let (name, lanes) = (tensor.name.clone(), kept(&self.config, tensor.group, tensor.keeps()));
            let given = take.given(numbers, &lanes);
            let codings = Coding::all(&lanes);
            let words = encoded(&codings, &given);
            let stored = decoded(&codings, &words, |lane| given[lane].map_or(words[lane].len(), <[f32]>::len));
            for (lane, numbers) in lanes.iter().zip(stored) {
                match lane.role {
                    LaneRole::Scale => {
                        let number = self.state_number(&self.tensors[*param], lane);
                        self.tensors[*param].stored.scales[number] = numbers;
                    }
                    _ => self.state_mut(&name, lane.name)?.copy_from_slice(&numbers),
                }
            }
            let tensor = &mut self.tensors[*param];
            (tensor.step, tensor.pending) = (numbers.steps, numbers.pending);
            if let Some(mask) = &mut tensor.mask {
                mask.entries = (numbers.entries.rows.clone(), numbers.entries.gradient.clone());
            }
            // Before the first step there are none.
            tensor.scalars = if numbers.steps == 0 { Vec::new() } else { numbers.scalars.clone() };
        }
        if fit.progress {
            let TrainingProgress { step, skips, loss_scale, growth_tracker } = checkpoint.progress();
            let common = &mut self.common;
            (common.step, common.skips, common.micro_batches) = (step, skips, checkpoint.micro_batches);
            (common.norm, common.norms, common.failed) = (None, None, None);
            // Views go by the settings as they are.
            (self.update, self.viewed) = (None, None);
            if fit.loss_scale {
                (common.loss_scale, common.growth_tracker) = (loss_scale, growth_tracker);
            }
        }
        Ok(fit.restored)
    }

    /// Which of its rule's states a lane is of.
    fn state_number(&self, tensor: &Tensor<f32>, lane: &Lane) -> usize {
        let states = self.config.groups[tensor.group].rule.states();
        states.iter().position(|state| state.name == lane.name).unwrap_or_default()
    }

    /// The words of the hyper-parameters of a tensor's last step, as kernels have them.
    fn last_hyper(&self, tensor: &Tensor<f32>) -> Vec<u32> {
        let config = self.viewed.as_ref().unwrap_or(&self.config);
        let (block, schedules) = (&config.blocks.list[tensor.block], &config.groups[tensor.group].schedules);
        let Some(last) = self.common.step.checked_sub(1) else { return block.rule.hyper_words() };
        let word = |assignment| match assignment {
            Assignment::Constant(word) => word,
            Assignment::Scheduled { schedule, form } => (form.of(schedules[schedule].1.value(last)).0 as f32).to_bits(),
        };
        block.assignments().into_iter().map(word).collect()
    }

    fn outline(&self) -> Outline {
        let described = self.tensors.iter().map(|tensor| Described {
            name: &tensor.name,
            shape: &tensor.shape,
            group: tensor.group,
            lr_scale: self.config.blocks.list[tensor.block].lr_scale,
            is_active: !tensor.frozen,
            lr_scales: tensor.scales.as_ref().map(|(scales, _)| scales.len() as u64),
            lr_scale_schedules: &tensor.scale_schedules,
            keeps: tensor.keeps(),
            values: tensor.numbers.values(),
        });
        Outline::of(&self.config, described)
    }
}
