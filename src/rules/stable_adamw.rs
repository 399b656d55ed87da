//! StableAdamW: AdamW that steps less where gradients are larger than their mean square expects.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, Stage, at_least, bias_correction, moving_average, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// StableAdamW: AdamW with the update clipping of Adafactor: the learning rate of a tensor is divided by how much its squared gradients exceed their mean.
    ///
    /// ```text
    /// weight_i = (1 - beta_i) / (1 - beta_i^t)
    /// m += weight_1 * (g - m);   v += weight_2 * (g^2 - v)                  (so m and v are free of their start at zero)
    /// r = sqrt(mean(g^2 / max(v, eps^2))), over the tensor;   rate = lr / max(1, r)
    /// p -= rate * m / (sqrt(v) + eps) + rate * weight_decay * p
    /// decouple_lr: rate / max_lr * weight_decay * p instead
    /// ```
    ///
    /// Sources: Wortsman et al., "Stable and low-precision training for large-scale vision-language models", arXiv 2304.13013, algorithm 2, as in torch-optimi's
    /// `StableAdamW`, whose `decouple_lr` is "fully decoupled" decay: `max_lr` is the largest `lr` of the schedule, so that with the same `weight_decay` the
    /// values shrink alike whatever `lr` is. There `max_lr` is the first `lr` unless it is given; here it is a number with a default.
    ///
    /// Tensors of any shape are treated alike, scalars too. A zero gradient leaves the decay and what is left of `m`. A gradient that is NaN or infinite makes
    /// all of its tensor NaN, by the mean. `g^2` saturates ([`square`](crate::rule::square)).
    pub struct StableAdamW {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.99, Range::BELOW_ONE;
        /// Added to the denominator, and the least root of `v` in the mean.
        pub eps: f64 = 1e-6, Range::open(0.0, f64::INFINITY);
        /// Each step shrinks the values by as much as `rate` times this.
        pub weight_decay: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// Shrink by `rate / max_lr` times `weight_decay` instead.
        pub decouple_lr: bool = false, Range::UNIT;
        /// The `lr` at which a step shrinks by all of `weight_decay`, with `decouple_lr`: the largest that `lr` has. (torch-optimi takes the first `lr` for it.)
        pub max_lr: f64 = 1e-3, Range::open(0.0, f64::INFINITY);
    }
}

layout! {
    /// Per group; `scale` is `max_lr` with `decouple_lr`, else 1.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, weight_decay: F, scale: F }
}

scalars! {
    /// Per step; `rate` and `decay` have the mean in them from the second stage on.
    pub struct Scalars<F> { weight1, weight2, rate, decay }
}

state! {
    /// The means of the gradient and of its square; the mean of its squares over theirs.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
    sums { excess: Mean over Tensor }
}

impl Rule for StableAdamW {
    const NAME: &'static str = "StableAdamW";
    const FORMULA: &'static str = "rate = lr / max(1, √mean(g² / v̂));  p -= rate * (m̂ / (√v̂ + eps) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/stable_adamw.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "torch-optimi", ..KnownAs::torch("StableAdamW") }];
    const STAGES: &'static [Stage] = &[
        Stage {
            reads: &["m", "v"],
            writes: &["m", "v"],
            sums: &["excess"],
            resumes: true,
            ..Stage::new("stable_moments").reading(true, false)
        },
        Stage { reads: &["m", "v"], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            eps: F::of(self.eps),
            weight_decay: F::of(self.weight_decay),
            scale: F::of(if self.decouple_lr { self.max_lr } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        Scalars {
            weight1: h.beta1.rest / bias_correction(h.beta1, step),
            weight2: h.beta2.rest / bias_correction(h.beta2, step),
            rate: h.lr,
            decay: h.lr / h.scale * h.weight_decay,
        }
    }

    #[inline(always)]
    fn stage<F: Real>(_moments: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        state.m = moving_average(state.m, gradient, F::one() - s.weight1, s.weight1);
        state.v = moving_average(state.v, square(gradient), F::one() - s.weight2, s.weight2);
        state.excess = square(gradient / at_least(state.v.sqrt(), h.eps));
    }

    fn resume<F: Real>(_moments: usize, _h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let excess = at_least(sums.excess.sqrt(), F::one());
        Scalars { rate: s.rate / excess, decay: s.decay / excess, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        let denominator = state.v.sqrt() + h.eps;
        *p = *p - penalized(s.rate * (state.m / denominator), *p, s.decay);
    }

    fn check(&self) -> Result<(), String> {
        match self.decouple_lr && self.lr > self.max_lr {
            true => Err(format!("with decouple_lr, lr {:?} must be at most max_lr {:?}; give max_lr the largest lr", self.lr, self.max_lr)),
            false => Ok(()),
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = StableAdamW { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-3, weight_decay: 0.1, ..StableAdamW::default() };
        vec![
            ("default", StableAdamW::default()),
            ("changed", changed),
            ("decoupled", StableAdamW { decouple_lr: true, max_lr: 0.5, ..changed }),
            ("memoryless", StableAdamW { beta1: 0.0, beta2: 0.3, ..changed }),
        ]
    }
}
