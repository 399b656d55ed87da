//! Averages of the values: EMA, SWA and Lookahead.

use crate::error::{Error, Result};
use crate::layout;
use crate::rule::{Real, ln_beta, one_minus_pow};

/// An exponential moving average of the values: `ema = decay * ema + (1 - decay) * p` after a parameter's steps; the first one copies. As torch's
/// `AveragedModel` with `get_ema_multi_avg_fn`, except that a parameter that takes no part in a step is not averaged either: its value is what it was.
///
/// The state is called `ema`; [`Optimizer::evaluate`](crate::Optimizer::evaluate) or [`Optimizer::swap`](crate::Optimizer::swap) shows it in place of
/// the values.
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{Ema, Options, Sgd};
///
/// let options = Options { ema: Some(Ema { decay: 0.5, ..Default::default() }), ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(Sgd { lr: 1.0, ..Default::default() }, [("w", 1).into()])], options)?;
/// let mut w = [0.0];
/// for _ in 0..2 {
///     optimizer.step(&mut [&mut w], &[Some(&[-2.0])])?; // 2, then 4
/// }
/// assert_eq!((w, optimizer.state("w", "ema")?), ([4.0], &[3.0][..]));
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ema {
    /// How much of the average is kept; 1 keeps the first copy, as in torch, or with `debias` the mean.
    ///
    /// Default: `0.999`, range: `[0, 1]`.
    pub decay: f64,
    /// Keeps `min(decay, (1 + n) / (10 + n))` instead, in the `n`-th average after the copy, so that early values are forgotten.
    ///
    /// Default: `false`.
    pub warm_up: bool,
    /// Starts from zero and corrects for that, as Adam's means do. The first value then counts like any other; without `debias` it is copied, and stands
    /// for all values before it. The `n`-th value enters as `ema += w * (p - ema)` with `w = (1 - decay) / (1 - decay^n)`, so the state holds the corrected
    /// mean at all times, and a render pass can bind it as it is. With a decay of 1, `w` is
    /// its limit `1 / n`: the mean of all values. Not with `warm_up`.
    ///
    /// Default: `false`.
    pub debias: bool,
    /// The parameter's step after which the first copy is made. `set_options` leaves it and `every` as they are, since what they say of the average that is kept has to
    /// be true; with others, `change_options` begins another average.
    ///
    /// Default: `1`, range: `[1, 2^32)`.
    pub start: u32,
    /// Steps from one average to the next.
    ///
    /// Default: `1`, range: `[1, 2^32)`.
    pub every: u32,
}

impl Default for Ema {
    fn default() -> Self {
        Ema { decay: 0.999, warm_up: false, debias: false, start: 1, every: 1 }
    }
}

/// The mean of the values after steps `start`, `start + every`, ...: stochastic weight averaging (Izmailov et al., arXiv 1803.05407; torch's
/// `AveragedModel` with its default function). The state is called `swa`; [`Optimizer::swap`](crate::Optimizer::swap) shows it in place of
/// the values.
///
/// ```
/// use wgpu_optim::{Options, Swa};
///
/// // The mean of the values after steps 1000, 1100, 1200, ...
/// let options = Options { swa: Some(Swa { start: 1000, every: 100 }), ..Default::default() };
/// assert_eq!(options.averages()[0].state(), "swa");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Swa {
    /// The parameter's first step whose values count. As with [`Ema::start`], another one, or another `every`, is another average.
    ///
    /// Default: `1`, range: `[1, 2^32)`.
    pub start: u32,
    /// Steps from one value that counts to the next.
    ///
    /// Default: `1`, range: `[1, 2^32)`.
    pub every: u32,
}

impl Default for Swa {
    fn default() -> Self {
        Swa { start: 1, every: 1 }
    }
}

/// Lookahead (Zhang et al., arXiv 1907.08610, algorithm 1): after every `every` steps of a parameter `slow += alpha * (p - slow);  p = slow`, where
/// `slow` begins as the first values. It comes before the averages. The state is called `slow`.
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{Lookahead, Options, Sgd};
///
/// let options = Options { lookahead: Some(Lookahead { every: 2, alpha: 0.5 }), ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(Sgd { lr: 1.0, ..Default::default() }, [("w", 1).into()])], options)?;
/// let mut w = [0.0];
/// for _ in 0..2 {
///     optimizer.step(&mut [&mut w], &[Some(&[-2.0])])?; // 2, then 4, of which half is kept
/// }
/// assert_eq!(w, [2.0]);
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lookahead {
    /// Steps from one synchronization to the next.
    ///
    /// Default: `5`, range: `[1, 2^32)`.
    pub every: u32,
    /// How far the slow values follow: 1 is all the way.
    ///
    /// Default: `0.5`, range: `(0, 1]`.
    pub alpha: f64,
}

impl Default for Lookahead {
    fn default() -> Self {
        Lookahead { every: 5, alpha: 0.5 }
    }
}

/// Any of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Average {
    /// See [`Lookahead`].
    Lookahead(Lookahead),
    /// See [`Ema`].
    Ema(Ema),
    /// See [`Swa`].
    Swa(Swa),
}

layout! {
    /// An average as the kernels read it: `rest` is `1 - decay` or `alpha`, `low` what the rounding of `ln(decay)` left over.
    pub struct AverageWords<F> { kind: u32, start: u32, every: u32, rest: F, ln_decay: F, ln_decay_low: F }
}

impl Average {
    /// What the number in [`AverageWords`] means; the names are WGSL's too.
    pub const KINDS: [(&'static str, u32); 5] = [("LOOKAHEAD", 0), ("EMA", 1), ("EMA_WARM_UP", 2), ("SWA", 3), ("EMA_DEBIASED", 4)];

    /// The name of its state.
    pub fn state(&self) -> &'static str {
        match self {
            Average::Lookahead(_) => "slow",
            Average::Ema(_) => "ema",
            Average::Swa(_) => "swa",
        }
    }

    pub(crate) fn words<F: Real>(&self) -> AverageWords<F> {
        let (kind, start, every, rest) = match *self {
            Average::Lookahead(Lookahead { every, alpha }) => (0, every, every, alpha),
            Average::Ema(Ema { decay, warm_up, debias, start, every }) => {
                let kind = match debias {
                    // The limit of the corrected weight for a decay near 1 is that of a mean.
                    true if decay == 1.0 => 3,
                    true => 4,
                    false => 1 + u32::from(warm_up),
                };
                (kind, start, every, 1.0 - decay)
            }
            Average::Swa(Swa { start, every }) => (3, start, every, 0.0),
        };
        let decay = if let Average::Ema(Ema { decay, .. }) = *self { decay } else { 0.0 };
        let (ln_decay, ln_decay_low) = ln_beta(decay);
        AverageWords { kind, start, every, rest: F::of(rest), ln_decay, ln_decay_low }
    }

    /// Fails if another one cannot go on from what this one keeps. Whether there is an average, and of how many values, follows from a parameter's step
    /// count, `start` and `every`; Lookahead's is there from the first step on.
    pub(crate) fn check_becomes(&self, other: &Average) -> Result<()> {
        if let Average::Lookahead(_) = self {
            return Ok(());
        }
        let (has, wants) = (self.words::<f64>(), other.words::<f64>());
        for (name, has, wants) in [("start", has.start, wants.start), ("every", has.every, wants.every)] {
            if has != wants {
                let state = self.state();
                let what = format!(
                    "{state}: the average that is kept has {name} {has}; {name} {wants} is another average, which change_options begins"
                );
                return Err(Error::Conflict { what });
            }
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<()> {
        let AverageWords { start, every, .. } = self.words::<f64>();
        let whole = |name, got: u32| if got >= 1 { Ok(()) } else { Err(Error::Option { name, wants: "at least 1", got: f64::from(got) }) };
        whole("the average's start", start)?;
        whole("the average's every", every)?;
        if let Average::Ema(Ema { warm_up: true, debias: true, .. }) = *self {
            let what = "Ema::warm_up and Ema::debias are two ways to forget the first values; use one".into();
            return Err(Error::Conflict { what });
        }
        let (name, wants, got, valid) = match *self {
            Average::Lookahead(Lookahead { alpha, .. }) => ("Lookahead::alpha", "in (0, 1]", alpha, alpha > 0.0 && alpha <= 1.0),
            Average::Ema(Ema { decay, .. }) => ("Ema::decay", "in [0, 1]", decay, (0.0..=1.0).contains(&decay)),
            Average::Swa(_) => return Ok(()),
        };
        if valid { Ok(()) } else { Err(Error::Option { name, wants, got }) }
    }
}

impl<F: Real> AverageWords<F> {
    /// The parameter's step from which on there is an average; Lookahead's is there from the first on.
    pub fn first(&self) -> u32 {
        if self.kind == 0 { 1 } else { self.start }
    }

    /// How much of the values goes into the average after this step of a parameter; 0 where it stays. `shaders/step/averages.wgsl` has the same.
    pub fn weight(&self, step: u32) -> F {
        if step < self.start || !(step - self.start).is_multiple_of(self.every) {
            return F::zero();
        }
        let n = F::of(f64::from((step - self.start) / self.every));
        match self.kind {
            0 => self.rest,
            3 => F::one() / (n + F::one()),
            _ if n == F::zero() => F::one(),
            1 => self.rest,
            4 => self.rest / one_minus_pow(self.ln_decay, self.ln_decay_low, n + F::one()),
            _ => self.rest.max(F::of(9.0) / (n + F::of(10.0))),
        }
    }
}
