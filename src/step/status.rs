//! What all parameters of an optimizer share on the GPU: loss scale, step counts, skips and failures.

use super::{DynamicScale, LossScale, MicroBatches, NonFinite, Options};
use crate::layout;
use crate::rule::Real;
use crate::words::words;

/// The name of the state in which gradients accumulate.
pub const ACCUMULATED: &str = "accumulated";

layout! {
    /// The options as the kernels read them.
    pub struct OptionWords<F> {
        dynamic: u32, growth: F, backoff: F, interval: u32, mean: u32, fails: u32, averages: u32,
    }
}

words! {
    /// What the steps of one optimizer have in common, on the GPU. It begins with the loss scale, which the caller binds.
    pub struct Status {
        /// The scale of the next backward pass's loss.
        loss_scale: f32,
        /// Steps since the scale last changed.
        growth_tracker: u32,
        /// Steps, without skipped ones.
        step: u32,
        /// Skipped steps.
        skips: u32,
        /// Whether the last one was.
        skipped: u32,
        /// How many steps failed, each after the one before was told.
        failures: u32,
        /// How many of them read-backs told; while it is less, steps that are to fail are skipped.
        forgiven: u32,
        /// The step that failed last.
        failed_step: u32,
        /// 1 + its first parameter with an infinite or NaN gradient.
        failed_offender: u32,
        /// 1 + the first parameter with an infinite or NaN gradient, in the last step that had one.
        offender: u32,
        /// Micro-batches accumulated since the last step.
        micro_batches: u32,
        /// What gradients were multiplied by, clipping aside.
        unscale: f32,
        /// The norm of all gradients in the last step, before clipping.
        norm: f32,
        /// Their largest magnitude.
        largest: f32,
        /// Whether that step measured both.
        measured: u32,
        /// The norm of the last step's changes; a report sets it and the next.
        moved: f32,
        /// That of the values before it.
        values: f32,
        /// The number of the view that is shown.
        view: u32,
        /// How often something came in a view that it does not fit.
        misplaced: u32,
        /// As many of them as there were when a read-back told.
        told: u32,
        /// What the first one since then was.
        what: u32,
        /// In which view.
        shown: u32,
        /// Whether the host wrote values or averages since a kernel looked.
        written: u32,
    }
}

/// What a checkpoint needs besides values, state, step counts and scalars: where the optimizer as a whole stands.
/// [`Optimizer::read_progress`](crate::Optimizer::read_progress) reads it, [`write_progress`](crate::Optimizer::write_progress) writes it. Bias corrections
/// and averages follow the steps of each parameter instead: [`read_steps`](crate::Optimizer::read_steps).
///
/// The default is that of a new optimizer without a loss scale: no step, no skip, the factor 1.
///
/// ```
/// let resumed = wgpu_optim::TrainingProgress { step: 1000, ..Default::default() }; // schedules go on with their value at step 1000
/// assert_eq!(resumed.loss_scale, 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingProgress {
    /// Steps taken, without skipped ones: what schedules, [`Report::step`](crate::Report::step) and [`Error::NonFinite`](crate::Error::NonFinite) count.
    pub step: u32,
    /// Skipped steps.
    pub skips: u32,
    /// The loss scale.
    pub loss_scale: f32,
    /// Steps since the loss scale last changed.
    pub growth_tracker: u32,
}

impl Default for TrainingProgress {
    fn default() -> Self {
        TrainingProgress { step: 0, skips: 0, loss_scale: 1.0, growth_tracker: 0 }
    }
}

impl OptionWords<f64> {
    /// In any number.
    pub fn of<F: Real>(options: &Options) -> OptionWords<F> {
        let dynamic = if let LossScale::Dynamic(dynamic) = options.loss_scale { Some(dynamic) } else { None };
        let DynamicScale { growth, backoff, interval, .. } = dynamic.unwrap_or_default();
        OptionWords {
            dynamic: u32::from(dynamic.is_some()),
            growth: F::of(growth),
            backoff: F::of(backoff),
            interval,
            mean: u32::from(options.micro_batches == MicroBatches::Mean),
            fails: u32::from(options.non_finite == NonFinite::Fail),
            averages: options.averages().len() as u32,
        }
    }
}
