//! The passes of a step, one after another, as the program has them.

use super::CpuOptimizer;
use super::decide::Limit;
use super::job::{Extra, Job, Work, run};
use super::measure::Measure;
use super::row_mask::RowMask;
use super::stages;
use super::tensor::Tensor;
use crate::program::{Needs, Pass, Program, distinct};
use crate::rule::{Function, Real, ScheduledMember};
use crate::step::{Clip, Config, LossScale, MicroBatches};

/// What one pass of a step leaves for the next ones.
struct Step<F> {
    measured: Vec<Measure>,
    limits: Vec<Limit<F>>,
    /// What schedules set, for each block.
    assigned: Vec<Vec<ScheduledMember>>,
}

impl<F: Real> CpuOptimizer<F> {
    /// A group of each rule, in the order of the rules' numbers.
    fn rules(&self) -> Vec<usize> {
        distinct(&self.config, self.tensors.iter().map(|tensor| tensor.group))
    }

    /// Compiles the program for the tensors and settings as they are.
    pub(super) fn compile(&mut self) {
        let rules: Vec<_> = self.rules().into_iter().map(|group| &*self.config.groups[group].rule).collect();
        let needs = Needs {
            coalescing: self.tensors.iter().any(Tensor::is_row_sparse),
            mastering: self.tensors.iter().any(|tensor| tensor.is_row_sparse() && tensor.numbers.master),
            appending: self.config.options.accumulates() && self.tensors.iter().any(Tensor::is_row_sparse),
            unit_factors: self.tensors.iter().any(|tensor| tensor.unit.is_some() && tensor.len > 0),
            scheduled_scales: self.tensors.iter().any(|tensor| !tensor.scale_schedules.is_empty()),
        };
        self.program = Program::new(&self.config.step_kind(), &rules, needs).step;
    }

    /// Gives each tensor the number of its rule.
    pub(super) fn number_rules(&mut self) {
        let rules = self.rules();
        for tensor in &mut self.tensors {
            let own = &*self.config.groups[tensor.group].rule;
            tensor.rule = rules.iter().position(|&known| self.config.groups[known].rule.is_like(own)).unwrap_or_default();
        }
    }

    /// The passes that a step runs, in order.
    #[doc(hidden)]
    pub fn passes(&self) -> &[Pass] {
        &self.program
    }

    /// Runs the passes of a step; the first `prepare` decides whether those after it run.
    pub(super) fn run(&mut self, values: &mut [&mut [F]], gradients: &[Option<&[F]>]) {
        let mut step = Step { measured: vec![Measure::default(); gradients.len()], limits: Vec::new(), assigned: Vec::new() };
        let mut index = 0;
        while let Some(&pass) = self.program.get(index) {
            index += 1;
            match pass {
                Pass::Measure => step.measured = gradients.iter().map(|own| own.map_or_else(Measure::default, Measure::of)).collect(),
                Pass::Prepare(0) => {
                    let Some(limits) = self.decide(core::mem::take(&mut step.measured), values, gradients) else { return };
                    self.viewed = None;
                    (step.limits, step.assigned) = (limits, assigned(&self.config, self.common.step));
                    self.prepare(0, values, gradients, &step.assigned);
                }
                Pass::Prepare(rule) => self.prepare(rule, values, gradients, &step.assigned),
                Pass::ScheduleScales => self.tensors.iter_mut().for_each(|tensor| tensor.schedule_scales(self.common.step)),
                Pass::Stage(stage) | Pass::Lines(stage) => {
                    let works = works(&self.config, &self.tensors, &step);
                    let over_elements = matches!(pass, Pass::Stage(_));
                    stages::run((stage, over_elements), &mut self.tensors, values, gradients, &works);
                }
                Pass::Resume { rule, stage } => {
                    let works = works(&self.config, &self.tensors, &step);
                    let own = self.tensors.iter_mut().zip(&works).zip(gradients);
                    let own = own.filter(|((tensor, _), gradient)| gradient.is_some() && tensor.rule == rule);
                    own.for_each(|((tensor, work), _)| tensor.resume(stage, work));
                }
                Pass::Orthogonalize(stage) => self.orthogonalize(stage, gradients),
                Pass::Squares(stage) => self.multiply(stage, gradients),
                Pass::Update => {
                    self.update(values, gradients, &step);
                    let own = self.tensors.iter_mut().zip(values.iter_mut()).zip(gradients).filter(|(_, gradient)| gradient.is_some());
                    own.filter(|((tensor, _), _)| tensor.numbers.master).for_each(|((tensor, value), _)| tensor.take_master(value));
                }
                // Before all others, where gradients are given; where the step is decided about.
                Pass::Coalesce | Pass::UnitFactors => {}
                // With the update.
                Pass::Average => {}
                // Of micro-batches, views, reports and copies.
                Pass::Accumulate
                | Pass::Count
                | Pass::Append
                | Pass::Decide(_)
                | Pass::Show
                | Pass::ShowTables
                | Pass::Report
                | Pass::Copy
                | Pass::CopyTables => {}
            }
        }
    }

    /// The scalars of the tensors of a rule that have gradients, and the master values in the place of the values.
    fn prepare(&mut self, rule: usize, values: &mut [&mut [F]], gradients: &[Option<&[F]>], assigned: &[Vec<ScheduledMember>]) {
        let own = self.tensors.iter_mut().zip(values).zip(gradients);
        for ((tensor, value), _) in own.filter(|((tensor, _), gradient)| gradient.is_some() && tensor.rule == rule) {
            tensor.step = tensor.step.saturating_add(1);
            let twin = F::twin(&*self.config.blocks.list[tensor.block].rule);
            tensor.scalars = twin.prepare(&assigned[tensor.block], tensor.step, &tensor.scalars);
            tensor.totals = vec![Vec::new(); self.config.groups[tensor.group].rule.sums().len()];
            if tensor.numbers.master {
                tensor.lend_master(value);
            }
        }
    }

    /// Each slice of the state that a stage has left for it, of the tensors that have gradients.
    fn orthogonalize(&mut self, stage: usize, gradients: &[Option<&[F]>]) {
        let given = self.tensors.iter_mut().zip(gradients).filter(|(tensor, gradient)| gradient.is_some() && tensor.len > 0);
        for (tensor, _) in given {
            let rule = &*self.config.groups[tensor.group].rule;
            let Some(name) = rule.stages().get(stage).and_then(|stage| stage.orthogonalizes) else { continue };
            let state = rule.states().iter().position(|state| state.name == name).unwrap_or_default();
            let [height, width] = [tensor.extents.height(), tensor.extents.width()].map(|size| size as usize);
            let (coefficients, in_f16) = (rule.coefficients(height, width), rule.iterates_in_f16());
            tensor.lanes[state].chunks_mut(height * width).for_each(|slice| F::orthogonalize(slice, height, width, &coefficients, in_f16));
        }
    }

    /// The products with squares of axes that follow a stage, of the tensors that have gradients.
    fn multiply(&mut self, stage: usize, gradients: &[Option<&[F]>]) {
        let given = self.tensors.iter_mut().zip(gradients).filter(|(tensor, gradient)| gradient.is_some() && tensor.len > 0);
        for (tensor, _) in given {
            let rule = &*self.config.groups[tensor.group].rule;
            let products = rule.stages().get(stage).map_or(&[][..], |stage| stage.products);
            products.iter().for_each(|product| tensor.multiply(rule, product));
        }
    }

    /// The last stages of all rules.
    fn update(&mut self, values: &mut [&mut [F]], gradients: &[Option<&[F]>], step: &Step<F>) {
        let before = self.config.options.measure_update.then(|| values.iter().map(|value| value.to_vec()).collect::<Vec<_>>());
        let works = works(&self.config, &self.tensors, step);
        let elements = gradients.iter().flatten().map(|gradient| gradient.len()).sum();
        let all = self.tensors.iter_mut().zip(values.iter_mut()).zip(&works).zip(gradients);
        run(elements, all.filter_map(|(((tensor, value), work), gradient)| Some(Job::new(work, tensor, value, (*gradient)?))));
        for (tensor, work) in
            self.tensors.iter_mut().zip(&works).zip(gradients).filter(|(_, gradient)| gradient.is_some()).map(|(own, _)| own)
        {
            if let Some(last) = work.rule.stages().last().filter(|_| !tensor.stored.is_plain()) {
                tensor.store(work.rule, last);
            }
        }
        let averages = self.config.options.averages();
        let updated = self.tensors.iter_mut().zip(gradients).filter(|(_, gradient)| gradient.is_some());
        updated.for_each(|(tensor, _)| tensor.store_averages(&averages));
        self.tensors.iter_mut().for_each(|tensor| tensor.totals.clear());
        let given = self.tensors.iter().zip(values.iter_mut()).zip(gradients).filter(|(_, gradient)| gradient.is_some());
        given.filter(|((tensor, _), _)| !tensor.numbers.master).for_each(|((tensor, value), _)| tensor.round(value));
        let updated = self.tensors.iter_mut().zip(gradients).filter(|(_, gradient)| gradient.is_some());
        updated.filter_map(|(tensor, _)| tensor.mask.as_mut()).for_each(RowMask::count);
        self.update = before.map(|before| update_norms(&self.tensors, &before, values, gradients));
    }
}

/// What schedules set in the last of so many steps, for each block.
pub(super) fn assigned(config: &Config, steps: u32) -> Vec<Vec<ScheduledMember>> {
    config.blocks.list.iter().map(|block| block.assigned(&config.groups[block.group].schedules, steps.saturating_sub(1))).collect()
}

/// What a step does with each tensor.
fn works<'a, F: Real>(config: &'a Config, tensors: &[Tensor<F>], step: &'a Step<F>) -> Vec<Work<'a, F>> {
    tensors.iter().zip(&step.limits).map(|(tensor, limit)| work(config, tensor, limit, &step.assigned)).collect()
}

/// What an update does with a tensor.
fn work<'a, F: Real>(config: &'a Config, tensor: &Tensor<F>, limit: &'a Limit<F>, assigned: &'a [Vec<ScheduledMember>]) -> Work<'a, F> {
    let averages = config.options.averages();
    let weights = averages.into_iter().map(|average| (average, average.words::<F>().weight(tensor.step)));
    let scaled = config.options.loss_scale != LossScale::None || config.options.micro_batches == MicroBatches::Mean;
    let extra = Extra {
        factor: limit.factor,
        units: tensor.unit.filter(|_| !limit.units.is_empty()).map(|unit| (&limit.units[..], unit)),
        limit: limit.limit,
        first: tensor.step == 1,
        weights: weights.collect(),
    };
    let plain = !scaled && config.clip(tensor.group) == Clip::None && extra.weights.is_empty() && tensor.scales.is_none();
    let rule = &*config.blocks.list[tensor.block].rule;
    Work { pass: Function::Update, rule, assigned: &assigned[tensor.block], extra: (!plain).then_some(extra) }
}

/// The norms of the changes of the tensors that have gradients, and of their values before.
fn update_norms<F: Real>(tensors: &[Tensor<F>], before: &[Vec<F>], after: &[&mut [F]], gradients: &[Option<&[F]>]) -> (f64, f64) {
    let (mut moved, mut values) = (0.0, 0.0);
    let given = tensors.iter().zip(before).zip(after).zip(gradients).filter(|(_, gradient)| gradient.is_some());
    for ((tensor, before), after) in given.map(|(own, _)| own) {
        let sees = |element: usize| tensor.mask.as_ref().is_none_or(|mask| mask.sees(element));
        let seen = before.iter().zip(after.iter()).enumerate().filter(|(element, _)| sees(*element));
        for (p, q) in seen.map(|(_, (p, q))| (p.to_value(), q.to_value())) {
            moved += (q - p) * (q - p);
            values += p * p;
        }
    }
    (moved.sqrt(), values.sqrt())
}
