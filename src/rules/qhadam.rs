//! QHAdam: Adam whose means are mixed with the gradient itself.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, moving_average, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// QHAdam: [`Adam`](crate::Adam) with each mean mixed with what enters it now (quasi-hyperbolic).
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p   (coupled)   or   p -= lr * weight_decay * p   (decoupled)
    /// m += (1 - beta1) / (1 - beta1^t) * (g - m)                     (the mean, corrected for its start)
    /// v += (1 - beta2) / (1 - beta2^t) * (g^2 - v)
    /// p -= lr * (nu1 * m + (1 - nu1) * g) / (sqrt(nu2 * v + (1 - nu2) * g^2) + eps)
    /// ```
    ///
    /// With `nu1 = nu2 = 1`, the defaults of the authors' package, it is Adam.
    ///
    /// Sources: Ma and Yarats, arXiv 1810.06801, in the form of the authors' `qhoptim` and of
    /// pytorch_optimizer: `m` and `v` are kept corrected, so the states are theirs. `m` moves by [`moving_average`](crate::rule::moving_average), and a decoupled decay
    /// is subtracted, as in Adam. With `eps = 0`, a zero gradient at the first step gives NaN, as in Adam.
    pub struct QHAdam {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE;
        /// How much of the mean of the gradient is used; the rest is the gradient itself.
        pub nu1: f64 = 1.0, Range::UNIT;
        /// How much of the mean of its square is used; the rest is the square itself.
        pub nu2: f64 = 1.0, Range::UNIT;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// L2 penalty, added to the gradient; decoupled from it if `decoupled_weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
        /// Shrink the values by `lr * weight_decay` instead of adding the penalty to the gradient.
        pub decoupled_weight_decay: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `now` is `1 - nu`.
    pub struct Hyper<F> {
        lr: F, beta1: Beta<F>, beta2: Beta<F>, nu1: F, now1: F, nu2: F, now2: F, eps: F, coupled_decay: F, decoupled_decay: F, sign: F,
    }
}

scalars! {
    /// Per step: how much enters each mean.
    pub struct Scalars<F> { take1, take2, decay }
}

state! {
    /// Both corrected for their start.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
}

impl Rule for QHAdam {
    const NAME: &'static str = "QHAdam";
    const FORMULA: &'static str = "p -= lr * (nu1 * m̂ + (1 - nu1) * g) / (√(nu2 * v̂ + (1 - nu2) * g²) + eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/qhadam.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "pytorch_optimizer", name: "QHAdam", keys: &[("weight_decouple", "decoupled_weight_decay")], preset: &[] }];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let decay = |decoupled| if self.decoupled_weight_decay == decoupled { self.weight_decay } else { 0.0 };
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            nu1: F::of(self.nu1),
            now1: F::of(1.0 - self.nu1),
            nu2: F::of(self.nu2),
            now2: F::of(1.0 - self.nu2),
            eps: F::of(self.eps),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let take1 = h.beta1.rest / bias_correction(h.beta1, step);
        let take2 = h.beta2.rest / bias_correction(h.beta2, step);
        Scalars { take1: take1.min(F::one()), take2: take2.min(F::one()), decay: h.lr * h.decoupled_decay }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.coupled_decay);
        *p = *p - penalized(F::zero(), *p, s.decay);
        state.m = moving_average(state.m, g, F::one() - s.take1, s.take1);
        state.v = moving_average(state.v, square(g), F::one() - s.take2, s.take2);
        let mean = h.nu1 * state.m + h.now1 * g;
        let mean_square = h.nu2 * state.v + h.now2 * square(g);
        *p = *p - h.lr * (mean / (mean_square.sqrt() + h.eps));
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = QHAdam { lr: 2e-2, beta1: 0.8, beta2: 0.95, nu1: 0.7, nu2: 0.9, eps: 1e-4, weight_decay: 0.1, ..QHAdam::default() };
        vec![
            ("default", QHAdam::default()),
            ("changed", changed),
            ("decoupled", QHAdam { decoupled_weight_decay: true, maximize: true, ..changed }),
            ("memoryless", QHAdam { beta1: 0.0, beta2: 0.3, ..changed }),
        ]
    }
}
