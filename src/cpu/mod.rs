//! The CPU executor: the same steps, the rules' twins, all cores. In f64 it is the truth that GPU results are measured against, in f32 it
//! is the backend that benchmarks compare the GPU with.

mod access;
mod build;
mod job;
mod measure;
mod members;
mod param;
mod settle;
mod stages;
mod sums;
mod tensor;
mod view;

use job::{Extra, Job, Work, run};
use settle::{Common, Limit};
use tensor::Tensor;

pub use access::CpuReport;
pub use param::CpuParam;

use crate::error::{Error, Result, Role};
use crate::rule::{Assigned, Pass, Real};
use crate::step::{Clip, LossScale, MicroBatches, Setup, view as views};

/// A CPU optimizer over tensors that the caller owns, as slices.
///
/// It does what [`crate::Optimizer`] does with the same groups and options, but never writes gradients: [`crate::Options::zero_grad`] is the caller's.
#[derive(Clone, Debug)]
pub struct CpuOptimizer<F: Real> {
    setup: Setup,
    /// The hyper-parameters of the last step, where others were set since: views go by them.
    viewed: Option<Setup>,
    tensors: Vec<Tensor<F>>,
    common: Common<F>,
    /// The norms of the last step's changes and of the values before it, where they are measured.
    update: Option<(f64, f64)>,
}

impl<F: Real> CpuOptimizer<F> {
    /// Adds gradients to those of the next step; [`crate::Options::micro_batches`] says how. A tensor whose gradient is `None` has none in this
    /// micro-batch.
    pub fn accumulate(&mut self, gradients: &[Option<&[F]>]) -> Result<()> {
        if !self.setup.options.accumulates() {
            return Err(Error::NotEnabled { what: "accumulate", needs: "Options::micro_batches" });
        }
        self.check_gradients(gradients)?;
        self.check_trained(views::ACCUMULATE)?;
        for (tensor, gradient) in self.tensors.iter_mut().zip(gradients).filter(|(tensor, _)| !tensor.frozen) {
            gradient.iter().for_each(|gradient| tensor.accumulate(gradient));
        }
        self.common.micro_batches += 1;
        Ok(())
    }

    /// One step. `values` and `gradients` hold one slice per tensor, in the order of construction; a tensor whose gradient is `None` is
    /// skipped and its step count stays. Fails, before anything is changed, if a slice is missing or has another length, or while other values than the
    /// trained ones are shown.
    pub fn step(&mut self, values: &mut [&mut [F]], gradients: &[Option<&[F]>]) -> Result<()> {
        self.check_values(values)?;
        self.check_gradients(gradients)?;
        self.check_trained(views::STEP)?;
        let sum = |(tensor, gradient): (&mut Tensor<F>, &Option<&[F]>)| tensor.total(gradient.unwrap_or_default());
        let sums: Vec<Option<Vec<F>>> = self.tensors.iter_mut().zip(gradients).map(sum).collect();
        let gradients = self.tensors.iter().zip(gradients).map(|(tensor, gradient)| gradient.filter(|_| !tensor.frozen));
        let gradients: Vec<Option<&[F]>> = gradients.zip(&sums).map(|(own, sum)| own.map(|own| sum.as_deref().unwrap_or(own))).collect();
        if let Some(limits) = self.settle(values, &gradients) {
            self.viewed = None;
            let before = self.setup.options.measure_update.then(|| values.iter().map(|value| value.to_vec()).collect::<Vec<_>>());
            self.update(values, &gradients, &limits);
            self.update = before.map(|before| update_norms(&before, values, &gradients));
        }
        Ok(())
    }

    /// The update of the tensors that have gradients.
    fn update(&mut self, values: &mut [&mut [F]], gradients: &[Option<&[F]>], limits: &[Limit<F>]) {
        let assigned = assigned(&self.setup, self.common.step);
        self.tensors.iter_mut().for_each(|tensor| tensor.schedule_scales(self.common.step));
        for (tensor, _) in self.tensors.iter_mut().zip(gradients).filter(|(_, gradient)| gradient.is_some()) {
            tensor.step = tensor.step.saturating_add(1);
            let rule = F::twin(&*self.setup.blocks.list[tensor.block].rule);
            tensor.scalars = rule.prepare(&assigned[tensor.block], tensor.step, &tensor.scalars);
        }
        let work = |(tensor, limit)| work(&self.setup, tensor, limit, &assigned);
        let works: Vec<Work<'_, F>> = self.tensors.iter().zip(limits).map(work).collect();
        stages::run(&mut self.tensors, values, gradients, &works);
        let elements = gradients.iter().flatten().map(|gradient| gradient.len()).sum();
        let all = self.tensors.iter_mut().zip(values).zip(&works).zip(gradients);
        run(elements, all.filter_map(|(((tensor, value), work), gradient)| Some(Job::new(work, tensor, value, (*gradient)?))));
        self.tensors.iter_mut().for_each(|tensor| tensor.totals.clear());
    }

    fn check_values(&self, values: &[&mut [F]]) -> Result<()> {
        self.tensors.iter().enumerate().try_for_each(|(i, tensor)| tensor.check(Role::Value, values.get(i).map_or(0, |value| value.len())))
    }

    fn check_gradients(&self, gradients: &[Option<&[F]>]) -> Result<()> {
        let len = |i: usize, tensor: &Tensor<F>| gradients.get(i).map_or(0, |gradient| gradient.map_or(tensor.len, <[F]>::len));
        self.tensors.iter().enumerate().try_for_each(|(i, tensor)| tensor.check(Role::Gradient, len(i, tensor)))
    }
}

/// What schedules set in the last of so many steps, for each block.
fn assigned(setup: &Setup, steps: u32) -> Vec<Vec<Assigned>> {
    setup.blocks.list.iter().map(|block| block.assigned(&setup.groups[block.group].schedules, steps.saturating_sub(1))).collect()
}

/// What an update does with a tensor.
fn work<'a, F: Real>(setup: &'a Setup, tensor: &Tensor<F>, limit: &'a Limit<F>, assigned: &'a [Vec<Assigned>]) -> Work<'a, F> {
    let averages = setup.options.averages();
    let weights = averages.into_iter().map(|average| (average, average.words::<F>().weight(tensor.step)));
    let scaled = setup.options.loss_scale != LossScale::None || setup.options.micro_batches == MicroBatches::Mean;
    let extra = Extra {
        factor: limit.factor,
        units: tensor.unit.filter(|_| !limit.units.is_empty()).map(|unit| (&limit.units[..], unit)),
        limit: limit.limit,
        first: tensor.step == 1,
        weights: weights.collect(),
    };
    let plain = !scaled && setup.clip(tensor.group) == Clip::None && extra.weights.is_empty() && tensor.scales.is_none();
    let rule = &*setup.blocks.list[tensor.block].rule;
    Work { pass: Pass::Update, rule, assigned: &assigned[tensor.block], extra: (!plain).then_some(extra) }
}

/// The norms of the changes of the tensors that have gradients, and of their values before.
fn update_norms<F: Real>(before: &[Vec<F>], after: &[&mut [F]], gradients: &[Option<&[F]>]) -> (f64, f64) {
    let (mut moved, mut values) = (0.0, 0.0);
    for ((before, after), _) in before.iter().zip(after).zip(gradients).filter(|(_, gradient)| gradient.is_some()) {
        for (p, q) in before.iter().zip(after.iter()).map(|(p, q)| (p.to_value(), q.to_value())) {
            moved += (q - p) * (q - p);
            values += p * p;
        }
    }
    (moved.sqrt(), values.sqrt())
}
