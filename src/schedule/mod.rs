//! Schedules: hyper-parameters that change with the step count, as plain data. The GPU evaluates them itself, from its own count, so a step
//! that is skipped does not advance them and nothing is written from the host.
//!
//! A [`Schedule`] is a value; sequencing is one more value. Numbers are absolute (a learning rate, not a factor of one), and steps count from
//! 0: the first step of an optimizer uses `value(0)`. What ends holds its last value for ever.
//!
//! ```
//! use wgpu_optim::schedule::Schedule;
//!
//! // A linear warm-up to 3e-4 over 100 steps, from a hundredth of that on, then a cosine to a tenth over 900.
//! let lr = Schedule::Sequence(vec![
//!     (100, Schedule::Linear { from: 3e-6, to: 3e-4, steps: 99 }),
//!     (900, Schedule::Cosine { from: 3e-4, to: 3e-5, steps: 900 }),
//! ]);
//! lr.check()?;
//! assert_eq!([0, 99, 100, 1000, 5000].map(|step| lr.value(step)), [3e-6, 3e-4, 3e-4, 3e-5, 3e-5]);
//! # Ok::<(), String>(())
//! ```
//!
//! A warm-up over `n` steps begins with `peak / n`, at step 0, and is at the peak at step `n - 1`: from 0, the first step would move nothing. Warm-up and
//! cosine are also one value, `WarmupStableDecay { from: peak / n, peak, to, warmup: n - 1, stable: 1, decay: steps - n, anneal: Anneal::Cosine }`, which is at `to` at step `steps`,
//! after the last one.
//!
//! Reduce-on-plateau depends on losses that the host reads back, so it is a helper of the host: [`Plateau`].

mod check;
mod compile;
mod kernel;
mod piece;
mod plateau;

pub use kernel::{WORDS, wgsl};
pub use plateau::{Mode, Plateau, ThresholdMode};

/// A number as a function of the step count `t = 0, 1, 2, ...`, in the unit of what it is for: the learning rate's, or none.
///
/// On the GPU each value is within 1e-6 of the exact one, relative to it, for the first 10^7 steps, and exactly 0 where that is (see
/// [`wgsl`]); below f32's smallest normal number, 1.18e-38, it may be 0. The values that a schedule names are, at the steps that it names, the nearest
/// f32, on every adapter.
///
/// ```
/// use wgpu_optim::Schedule;
/// use wgpu_optim::schedule::Anneal;
///
/// let decay = Schedule::WarmupStableDecay { from: 0.0, peak: 1e-3, to: 0.0, warmup: 10, stable: 80, decay: 10, anneal: Anneal::Linear };
/// assert_eq!([0, 10, 90, 95, 100].map(|step| decay.value(step)), [0.0, 1e-3, 1e-3, 5e-4, 0.0]);
/// assert_eq!(decay.bounds(), (0.0, 1e-3));
/// assert!(Schedule::Cosine { from: f64::NAN, to: 0.0, steps: 10 }.check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// Always this number. torch's `ConstantLR`, which changes once, is a [`Schedule::Sequence`] of two.
    Constant(f64),
    /// `from + (to - from) * t / steps`, then `to`: a warm-up, if it rises. torch: `LinearLR` with `from = lr * start_factor`,
    /// `to = lr * end_factor`, `steps = total_iters`.
    Linear {
        /// The value at step 0.
        from: f64,
        /// The value from step `steps` on.
        to: f64,
        /// How many steps it takes; with 0 it is `to` at once.
        steps: u32,
    },
    /// `from * gamma^floor(t / every)`, for ever. torch: `StepLR` with `every = step_size`.
    Step {
        /// The value of the first `every` steps.
        from: f64,
        /// By what each further `every` steps multiply it, above 0.
        gamma: f64,
        /// How many steps a value lasts, from 1.
        every: u32,
    },
    /// `from * gamma^n`, where `n` is the number of milestones at or before `t`. torch: `MultiStepLR`.
    MultiStep {
        /// The value before the first milestone.
        from: f64,
        /// By what each milestone multiplies it, above 0.
        gamma: f64,
        /// Steps, in ascending order; one that is there twice counts twice.
        milestones: Vec<u32>,
    },
    /// `from * gamma^t`, for ever; what grows needs an end, in a [`Schedule::Sequence`]. torch: `ExponentialLR`.
    Exponential {
        /// The value at step 0.
        from: f64,
        /// By what each step multiplies it, above 0.
        gamma: f64,
    },
    /// `to + (from - to) * (1 - t / steps)^power`, then `to`. torch: `PolynomialLR`, where `to` is 0 and `steps` is `total_iters`.
    Polynomial {
        /// The value at step 0.
        from: f64,
        /// The value from step `steps` on.
        to: f64,
        /// How many steps it takes; with 0 it is `to` at once.
        steps: u32,
        /// The exponent, above 0; 1 is linear.
        power: f64,
    },
    /// `to + (from - to) * (1 + cos(pi * t / steps)) / 2`, then `to`. torch: `CosineAnnealingLR` with `to = eta_min`, `steps = T_max`, which
    /// does not stay at `to` but rises again over the next `T_max` steps: as here a [`Schedule::Sequence`] of one down and one up.
    Cosine {
        /// The value at step 0.
        from: f64,
        /// The value from step `steps` on.
        to: f64,
        /// How many steps it takes; with 0 it is `to` at once.
        steps: u32,
    },
    /// [`Schedule::Cosine`] over and over, each time `mult` times as long (up to 2^32 - 1 steps): SGDR, arXiv 1608.03983, equation 5. torch:
    /// `CosineAnnealingWarmRestarts` with `to = eta_min`, `steps = T_0`, `mult = T_mult`.
    CosineRestarts {
        /// The value at each start.
        from: f64,
        /// What each cycle goes towards; the step that would have this value is the next cycle's first.
        to: f64,
        /// Steps of the first cycle, from 1.
        steps: u32,
        /// How many times as long each cycle is as the one before, from 1.
        mult: u32,
    },
    /// Up to a peak and down to almost nothing: super-convergence, arXiv 1708.07120, in torch's form, `OneCycleLR` with
    /// `from = max_lr / div_factor`, `peak = max_lr`, `to = from / final_div_factor` and `steps = total_steps`. Its momentum is one more of
    /// these, with `from = to = max_momentum` and `peak = base_momentum`.
    ///
    /// It is at the peak at step `pct_start * steps - 1` and at `to` at step `steps - 1`, from where on it stays there (torch raises an error
    /// after the step that follows, and lets the cosine rise at that). With `three_phase`, it is back at `from` at step
    /// `2 * pct_start * steps - 2`. These need not be whole numbers, as in torch. A phase without length is the value that it leads to, where
    /// torch divides by zero.
    OneCycle {
        /// The value at step 0.
        from: f64,
        /// The highest value, or the lowest for a momentum.
        peak: f64,
        /// The value from step `steps - 1` on.
        to: f64,
        /// How many steps it takes, from 1.
        steps: u32,
        /// Which part of the steps leads to the peak, from 0 to 1; torch's default is 0.3.
        pct_start: f64,
        /// How it goes from one to the next; torch knows the first two.
        anneal: Anneal,
        /// Go back to `from` in as many steps, and from there to `to`, instead of straight to `to`.
        three_phase: bool,
    },
    /// `from * sqrt(timescale / (timescale + t))`, for ever.
    InverseSqrt {
        /// The value at step 0.
        from: f64,
        /// After how many steps it has become `from / sqrt(2)`, from 1.
        timescale: u32,
    },
    /// `peak * min((t + 1) / warmup, sqrt(warmup / (t + 1)))`: the schedule of the transformer, by Noam Shazeer (Vaswani et al., arXiv
    /// 1706.03762, equation 3, whose `step_num` is `t + 1`), with `peak = 1 / sqrt(d_model * warmup)`.
    Noam {
        /// The highest value, at step `warmup - 1`.
        peak: f64,
        /// How many steps lead to it, from 1.
        warmup: u32,
    },
    /// Linearly from `from` to `peak` over `warmup` steps, there for `stable` steps, then to `to` over `decay` steps: arXiv 2404.06395,
    /// section 4. With `stable: 0` and `anneal: Anneal::Cosine` it is the usual warm-up and cosine.
    WarmupStableDecay {
        /// The value at step 0, if there is a warm-up.
        from: f64,
        /// The value of the stable steps.
        peak: f64,
        /// The value after the decay.
        to: f64,
        /// Steps of the warm-up, from 0.
        warmup: u32,
        /// Steps at the peak, from 0.
        stable: u32,
        /// Steps of the decay, from 0.
        decay: u32,
        /// How it decays; the paper has [`Anneal::Exponential`].
        anneal: Anneal,
    },
    /// Straight lines between these (step, value) points, in ascending order of steps; before the first point its value, after the last one its.
    PiecewiseLinear(Vec<(u32, f64)>),
    /// One after the other, each for as many steps as stand beside it (none with 0), from its own step 0 on; the last one for ever, whatever stands
    /// beside it. One that ends earlier holds its last value, one that is longer is cut off. torch: `SequentialLR`, whose `milestones` are
    /// the sums of these numbers.
    Sequence(Vec<(u32, Schedule)>),
}

/// How a value goes from `a` to `b` as `x` goes from 0 to 1.
///
/// ```
/// use wgpu_optim::schedule::{Anneal, Schedule};
///
/// let half_way = |anneal| {
///     let decay = Schedule::WarmupStableDecay { from: 0.0, peak: 1.0, to: 0.25, warmup: 0, stable: 0, decay: 2, anneal };
///     (decay.value(1) * 1000.0).round() / 1000.0
/// };
/// use Anneal::*;
/// assert_eq!([Cosine, Linear, Exponential, OneMinusSqrt].map(half_way), [0.625, 0.625, 0.5, 0.47]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anneal {
    /// `b + (a - b) * (1 + cos(pi * x)) / 2`
    Cosine,
    /// `a + (b - a) * x`
    Linear,
    /// `a * (b / a)^x`, for numbers of one sign, other than 0.
    Exponential,
    /// `a + (b - a) * sqrt(x)`: the "1-sqrt" of Hägele et al., arXiv 2405.18392.
    OneMinusSqrt,
}

impl Schedule {
    /// The value at a step, counted from 0, in f64: the truth that the GPU is measured against.
    pub fn value(&self, step: u32) -> f64 {
        let (mut at, mut pieces) = (step.min(piece::FOREVER - 1), self.pieces().into_iter());
        loop {
            match pieces.next() {
                Some(piece) if piece.length <= at => at -= piece.length,
                Some(piece) => return piece.value(at),
                None => return 0.0,
            }
        }
    }

    /// This schedule, `steps` steps later; until then, its first value: for a schedule that begins on a running optimizer, whose steps go on counting.
    ///
    /// ```
    /// use wgpu_optim::Schedule;
    ///
    /// let late = Schedule::Linear { from: 1.0, to: 0.0, steps: 10 }.delayed(1000);
    /// assert_eq!([0, 999, 1000, 1005, 1010].map(|step| late.value(step)), [1.0, 1.0, 1.0, 0.5, 0.0]);
    /// ```
    #[must_use]
    pub fn delayed(self, steps: u32) -> Self {
        Schedule::Sequence(vec![(steps, Schedule::Constant(self.value(0))), (0, self)])
    }

    /// The least and the greatest value that it ever has, or has as its limit.
    pub fn bounds(&self) -> (f64, f64) {
        let ends = self.pieces().into_iter().flat_map(|piece| piece.ends());
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)))
    }

    /// The schedule in the form that [`wgsl`] reads: pieces of a few words each, the last of which never ends.
    pub fn words(&self) -> Vec<u32> {
        use crate::rule::Layout;
        self.pieces().iter().flat_map(Layout::words).collect()
    }
}

impl From<f64> for Schedule {
    fn from(value: f64) -> Self {
        Schedule::Constant(value)
    }
}
