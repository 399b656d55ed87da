//! LaProp: momentum over gradients that are already divided by the root of their mean square.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, at_least, bias_correction, decayed_average, larger, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// LaProp: as Adam, but each gradient is divided by the root of the mean square before it enters the mean, not the mean after it.
    ///
    /// ```text
    /// v = beta2 * v + (1 - beta2) * g^2;   s = v
    /// a = beta2 * a + (1 - beta2) * g;     s = t > centered_after ? max(v - a^2, 0) : v      (centered)
    /// max_v = max(max_v, s);   s = max_v                                                     (amsgrad)
    /// mean_lr = beta1 * mean_lr + (1 - beta1) * lr
    /// m = beta1 * m + (1 - beta1) * lr * g / (sqrt(s / (1 - beta2^t)) + eps)
    /// p -= lr / mean_lr * m
    /// p -= weight_decay * p
    /// ```
    ///
    /// Sources: Ziyin, Wang and Ueda, arXiv 2002.04839, algorithm 1, as in the authors' own file: `lr` is inside `m`, and `m` is corrected by the mean of
    /// `lr` (with a constant `lr` this is `m / (1 - beta1^t)`), `eps` is added after the correction, and the decay is neither multiplied by `lr` nor applied
    /// before the step. (pytorch_optimizer adds `eps` before the correction and multiplies the decay by `lr`.) The last two lines are computed as one difference, with one rounding of `p`.
    ///
    /// Differences from the authors' file: `max(v - a^2, 0)`, since rounding makes `v - a^2` negative and its root NaN; and an `lr` that becomes 0 stops the
    /// step at once, where theirs goes on by `m`.
    ///
    /// A zero gradient moves nothing but by `m` and the decay. With `eps = 0`, one at the first step gives NaN. Where the mean is subtracted, a gradient
    /// that does not change is divided by `eps` alone: choose one that is much larger than the default. `g^2` and `a^2` saturate
    /// ([`square`](crate::rule::square)).
    pub struct LaProp {
        /// Learning rate.
        pub lr: f64 = 4e-4, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the divided gradients.
        pub beta1: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE;
        /// Added to the denominator.
        pub eps: f64 = 1e-15, Range::NON_NEGATIVE;
        /// Each step shrinks the values by this much of them, whatever `lr` is.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Divide by the largest mean square so far.
        pub amsgrad: bool = false, Range::UNIT;
        /// Divide by the root of the variance instead of the mean square.
        pub centered: bool = false, Range::UNIT;
        /// Steps in which the mean is not subtracted yet, with `centered`.
        pub centered_after: f64 = 10.0, Range::NON_NEGATIVE;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, weight_decay: F, centered: u32, centered_after: F }
}

scalars! {
    /// Per step; `mean_lr` goes on from the last one. `subtracts` is 1 where the mean is subtracted, else 0.
    pub struct Scalars<F> { mean_lr, step_size, inverse_root2, subtracts }
}

state! {
    /// `a` only if centered, `max_v` only with `amsgrad`.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq", a = "exp_mean_avg_beta2", max_v = "max_exp_avg_sq" }
}

impl Rule for LaProp {
    const NAME: &'static str = "LaProp";
    const FORMULA: &'static str = "m = beta1 * m + (1 - beta1) * g / (√v̂ + eps);  p -= lr * m̂ + weight_decay * p";
    const WGSL: &'static str = include_str!("../../shaders/rules/laprop.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v", "max_v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "LaProp", ..KnownAs::torch("LaProp") }];
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
            centered: u32::from(self.centered),
            centered_after: F::of(self.centered_after),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let mean_lr = decayed_average(last.mean_lr, h.lr, h.beta1);
        Scalars {
            mean_lr,
            step_size: if mean_lr == F::zero() { F::zero() } else { h.lr / mean_lr },
            inverse_root2: bias_correction(h.beta2, step).sqrt().recip(),
            subtracts: if step > h.centered_after { F::one() } else { F::zero() },
        }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.v = decayed_average(state.v, square(gradient), h.beta2);
        let mut spread = state.v;
        if h.centered != 0 {
            state.a = decayed_average(state.a, gradient, h.beta2);
            spread = at_least(state.v - s.subtracts * square(state.a), F::zero());
        }
        state.max_v = larger(state.max_v, spread);
        let denominator = state.max_v.sqrt() * s.inverse_root2 + h.eps;
        state.m = decayed_average(state.m, h.lr * (gradient / denominator), h.beta1);
        let step = s.step_size * state.m;
        *p = *p - penalized(step, *p - step, h.weight_decay);
    }

    fn uses(&self, state: &str) -> bool {
        match state {
            "a" => self.centered,
            "max_v" => self.amsgrad,
            _ => true,
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = LaProp { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-3, weight_decay: 1e-2, ..LaProp::default() };
        vec![
            ("default", LaProp::default()),
            ("changed", changed),
            ("amsgrad", LaProp { amsgrad: true, ..changed }),
            ("centered", LaProp { centered: true, centered_after: 2.0, eps: 0.1, ..changed }),
            ("centered-amsgrad", LaProp { centered: true, centered_after: 1.0, eps: 0.1, amsgrad: true, ..changed }),
            ("memoryless", LaProp { beta1: 0.0, beta2: 0.3, ..changed }),
        ]
    }
}
