//! CautiousAdan: Adan that moves only where its step and the gradient agree in sign.

use super::Adan;
use super::adan::{Hyper, Scalars, adan_means, adan_step};
use crate::rule::{KnownAs, Range, Real, Rule, Stage, at_least, penalized, where_agreeing};
use crate::{hyper_parameters, state};

hyper_parameters! {
    /// CautiousAdan: [`Adan`]'s step, 0 where it goes along the gradient of this step, and larger elsewhere to make up for it.
    ///
    /// ```text
    /// u as Adan's
    /// agrees = (u > 0 and g > 0) or (u < 0 and g < 0);   share = mean(agrees) over the tensor
    /// p = (p - lr / max(share, 0.001) * (agrees ? u : 0)) / (1 + lr * weight_decay)                     (proximal)
    /// p = p - lr * weight_decay * p - lr / max(share, 0.001) * (agrees ? u : 0)                         (no_prox)
    /// ```
    ///
    /// Sources: Liang et al., arXiv 2411.16085, algorithm 1 around Adan, arXiv 2208.06677, in the form of the authors' `c_adamw.py`, as with
    /// [`CautiousAdamW`](crate::CautiousAdamW): the step is divided by `max(mean(agrees), 1e-3)`, and signs are compared, where theirs asks whether a product is above 0.
    /// (pytorch_optimizer's `Adan(cautious=True)` divides by `(count + 1) / size`.) The decay is no more cautious than Adan's.
    ///
    /// Tensors of any shape are treated alike, scalars too. Where the gradient is zero, only the decay moves a value. A gradient that is NaN or infinite makes all
    /// of its tensor NaN, by the mean. With `eps = 0`, a zero gradient at the first step gives NaN.
    pub struct CautiousAdan {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.98, Range::BELOW_ONE;
        /// Decay of the mean of its differences, and how far to look ahead.
        pub beta2: f64 = 0.92, Range::BELOW_ONE;
        /// Decay of the mean square.
        pub beta3: f64 = 0.99, Range::BELOW_ONE;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// Each step divides the values by `1 + lr * weight_decay`, or, with `no_prox`, multiplies them by `1 - lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Decay before the step, as AdamW does, instead of after it.
        pub no_prox: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

impl From<CautiousAdan> for Adan {
    fn from(CautiousAdan { lr, beta1, beta2, beta3, eps, weight_decay, no_prox, maximize }: CautiousAdan) -> Self {
        Adan { lr, beta1, beta2, beta3, eps, weight_decay, no_prox, maximize }
    }
}

/// The least share that the step is divided by.
const LEAST_SHARE: f64 = 1e-3;

state! {
    /// Adan's, the last gradient negated; how many of the elements agree.
    pub struct State<F> { m = "exp_avg", d = "exp_avg_diff", n = "exp_avg_sq", negative = "previous_grad" }
    sums { share: Mean over Tensor }
}

impl Rule for CautiousAdan {
    const NAME: &'static str = "CautiousAdan";
    const FORMULA: &'static str = "u = (m̂ + beta2 * d̂) / (√n̂ + eps);  p = (p - lr * where(u * g > 0, u, 0) / mean(u * g > 0)) / (1 + lr * weight_decay)";
    const WGSL: &'static str = concat!(include_str!("../../shaders/rules/adan.wgsl"), include_str!("../../shaders/rules/cautious_adan.wgsl"));
    const NEVER_NEGATIVE: &'static [&'static str] = &["n"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "C-Optim", name: "CautiousAdan", keys: &[("weight_decouple", "no_prox")], preset: &[] }];
    const STAGES: &'static [Stage] = &[
        Stage {
            reads: &["m", "d", "n", "negative"],
            writes: &["m", "d", "n", "negative"],
            sums: &["share"],
            resumes: true,
            ..Stage::new("cautious_means").reading(true, false)
        },
        Stage { reads: &["m", "d", "n"], writes: &[], ..Stage::new("update").reading(true, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Adan::from(*self).hyper()
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        Adan::prepare(h, step, last)
    }

    #[inline(always)]
    fn stage<F: Real>(_means: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        let g = h.sign * gradient;
        let State { m, d, n, negative, share } = state;
        adan_means(h, s, g, [m, d, n, negative]);
        *share = where_agreeing(F::one(), adan_step(h, s, *m, *d, *n), g);
    }

    fn resume<F: Real>(_means: usize, _h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let share = at_least(sums.share, F::of(LEAST_SHARE));
        Scalars { step1: s.step1 / share, step2: s.step2 / share, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let u = adan_step(h, s, state.m, state.d, state.n);
        *p = *p - penalized(where_agreeing(u, u, h.sign * gradient), *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = CautiousAdan { lr: 2e-2, beta1: 0.9, beta2: 0.8, beta3: 0.95, eps: 1e-4, weight_decay: 0.1, ..CautiousAdan::default() };
        vec![
            ("default", CautiousAdan::default()),
            ("changed", changed),
            ("no-prox", CautiousAdan { no_prox: true, maximize: true, ..changed }),
            ("memoryless", CautiousAdan { beta1: 0.0, beta2: 0.3, beta3: 0.0, ..changed }),
        ]
    }
}
