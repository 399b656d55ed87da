//! `Options`: everything that a step does besides its rule.

use super::{Average, Clip, Ema, Lookahead, LossScale, StateStorage, Swa};
use crate::error::{Error, Result};

/// What a step does besides the rule. With the default, it does nothing besides.
///
/// Everything here happens on the GPU. For a [`Tensors`](crate::Tensors) model it takes at most one dispatch more, and two for each micro-batch
/// before a step. In bytes of memory traffic per element: a norm or a check reads 4, an average moves 8 in the steps in which it changes, accumulated
/// gradients are 4 to read, `zero_grad` writes 4.
///
/// ```
/// use wgpu_optim::{Clip, Ema, LossScale, NonFinite, NormClip, Options};
///
/// // For `Optimizer::with_options`, or for `CpuOptimizer::with_options`.
/// let options = Options {
///     clip: Clip::Norm(NormClip { max_norm: 1.0, ..Default::default() }),
///     non_finite: NonFinite::Skip,
///     ema: Some(Ema::default()),
///     ..Default::default()
/// };
/// assert!(options.may_skip() && !options.accumulates());
/// assert_eq!(options.loss_scale, LossScale::None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// How gradients are limited in groups without a [`Group`](crate::Group)`::clip` of their own.
    ///
    /// Default: `Clip::None`.
    pub clip: Clip,
    /// The factor by which the loss was multiplied.
    ///
    /// Default: `LossScale::None`.
    pub loss_scale: LossScale,
    /// What a step does if a gradient is infinite or NaN.
    ///
    /// Default: `NonFinite::Apply`.
    pub non_finite: NonFinite,
    /// How the gradients of several backward passes become those of one step.
    ///
    /// Default: `MicroBatches::One`.
    pub micro_batches: MicroBatches,
    /// Sets each gradient to zero once [`Optimizer::step`](crate::Optimizer::step) or [`Optimizer::accumulate`](crate::Optimizer::accumulate) has
    /// read it, in a skipped step too. The gradients of parameters that are not active stay, and so do those of masked rows
    /// and row-sparse ones. For backward passes that add to gradients.
    ///
    /// Default: `false`.
    pub zero_grad: bool,
    /// Lookahead around the rule.
    ///
    /// Default: `None`.
    pub lookahead: Option<Lookahead>,
    /// A moving average of the values.
    ///
    /// Default: `None`.
    pub ema: Option<Ema>,
    /// A mean of the values.
    ///
    /// Default: `None`.
    pub swa: Option<Swa>,
    /// What states are stored as, those of rules, averages and accumulated gradients, in groups without a [`Group`](crate::Group)`::state` of their own.
    ///
    /// Default: `StateStorage::default()`, f32.
    pub state: StateStorage,
    /// Measures how far each step moves the values, for [`Report::update_ratio`](crate::Report::update_ratio).
    ///
    /// Default: `false`.
    pub measure_update: bool,
}

/// What happens in a step that finds an infinite or NaN gradient in an active parameter. It is tested on bits, since WGSL may assume
/// that there are none.
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{NonFinite, Options, Sgd};
///
/// let options = Options { non_finite: NonFinite::Skip, ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(Sgd::default(), [("w", 2).into()])], options)?;
/// let mut w = [1.0, 2.0];
/// optimizer.step(&mut [&mut w], &[Some(&[0.5, f32::INFINITY])])?;
/// assert_eq!((w, optimizer.report()?.skips), ([1.0, 2.0], 1));
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NonFinite {
    /// The step goes on, as in torch: such an element becomes NaN. Nothing is tested.
    #[default]
    Apply,
    /// The step is skipped for all parameters: values, state, step counts, averages and schedules stay as they are, bit for bit, and
    /// [`Report::skips`](crate::Report::skips) counts it. [`LossScale::Dynamic`] implies this.
    Skip,
    /// That step and all after it are skipped, until a read-back fails with [`Error::NonFinite`](crate::Error::NonFinite), which names the first such parameter. It is
    /// told once, also where [`Optimizer::set_options`](crate::Optimizer::set_options) took another policy in the meantime; steps recorded with that one go by it.
    Fail,
}

/// How gradients accumulate over [`Optimizer::accumulate`](crate::Optimizer::accumulate) and the [`Optimizer::step`](crate::Optimizer::step) that
/// ends it, in f32 or as [`StateStorage::accumulated`](crate::StateStorage::accumulated) says.
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{MicroBatches, Options, Sgd};
///
/// let options = Options { micro_batches: MicroBatches::Mean, ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(Sgd { lr: 1.0, ..Default::default() }, [("w", 1).into()])], options)?;
/// let mut w = [0.0];
/// optimizer.accumulate(&[Some(&[1.0])])?;
/// optimizer.step(&mut [&mut w], &[Some(&[3.0])])?;
/// assert_eq!(w, [-2.0]); // the mean of 1 and 3
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MicroBatches {
    /// They do not accumulate: each step takes the gradients of one backward pass.
    #[default]
    One,
    /// A step takes their sum.
    Sum,
    /// A step takes their mean: over the micro-batches, whether a parameter took part in all of them or not, as dividing the loss by their number does.
    Mean,
}

impl Options {
    /// The averages in the order in which they are formed.
    pub fn averages(&self) -> Vec<Average> {
        let all = [self.lookahead.map(Average::Lookahead), self.ema.map(Average::Ema), self.swa.map(Average::Swa)];
        all.into_iter().flatten().collect()
    }

    /// Whether steps may be skipped.
    pub fn may_skip(&self) -> bool {
        self.non_finite != NonFinite::Apply || matches!(self.loss_scale, LossScale::Dynamic(_))
    }

    /// Whether gradients are accumulated.
    pub fn accumulates(&self) -> bool {
        self.micro_batches != MicroBatches::One
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.loss_scale.check()?;
        if self.non_finite == NonFinite::Fail && matches!(self.loss_scale, LossScale::Dynamic(_)) {
            return Err(Error::Conflict {
                what: "LossScale::Dynamic looks for overflows and NonFinite::Fail fails at the first one; use NonFinite::Skip".into(),
            });
        }
        self.averages().iter().try_for_each(Average::check)
    }
}
