//! Yogi: Adam whose mean square grows by a fixed part of the squared gradient.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, penalized, saturated, sign_of, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Yogi: Adam whose mean square moves by at most a share of the squared gradient, so that it falls slowly after large gradients.
    ///
    /// ```text
    /// m = v = initial_accumulator_value before the first step
    /// m = beta1 * m + (1 - beta1) * g
    /// v = v - (1 - beta2) * sign(v - g^2) * g^2
    /// p -= lr * (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * p)
    /// ```
    ///
    /// Sources: Zaheer et al., "Adaptive methods for nonconvex optimization" (NeurIPS 2018), algorithm 2, in the form of optax's `yogi`: unlike the
    /// paper's it corrects both means for their start, and both start at `initial_accumulator_value`, of which the first correction makes
    /// 10 times as much in `m` and 1,000 times as much in `v`. The decay, which optax's has not, is decoupled.
    ///
    /// A zero gradient moves a value by `2.8e-4 * lr` in the first step, because `m` does not start at zero. `eps = 0` needs an
    /// `initial_accumulator_value` above 0, else a zero gradient gives NaN at first.
    pub struct Yogi {
        /// Learning rate.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// `1 - beta2` is the share of the squared gradient by which `v` moves.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the denominator.
        pub eps: f64 = 1e-3, Range::NON_NEGATIVE;
        /// What both means are before the first step.
        pub initial_accumulator_value: f64 = 1e-6, Range::NON_NEGATIVE;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, weight_decay: F, initial_accumulator_value: F }
}

scalars! {
    /// Per step; `initial` is what the states start from, at the first step, and 0 later.
    pub struct Scalars<F> { initial, step_size, inverse_root2, decay }
}

state! {
    /// The mean of the gradient, and what goes after its square.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
}

impl Rule for Yogi {
    const NAME: &'static str = "Yogi";
    const FORMULA: &'static str = "v -= (1 - beta2) * sign(v - g²) * g²;  p -= lr * m̂ / (√v̂ + eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/yogi.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "optax", name: "yogi", keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")], preset: &[] }];
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
            initial_accumulator_value: F::of(self.initial_accumulator_value),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let bias_correction1 = bias_correction(h.beta1, step);
        let bias_correction2 = bias_correction(h.beta2, step);
        let initial = if step <= F::one() { h.initial_accumulator_value } else { F::zero() };
        Scalars {
            initial,
            step_size: h.lr / bias_correction1,
            inverse_root2: bias_correction2.sqrt().recip(),
            decay: h.lr * h.weight_decay,
        }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.m = decayed_average(state.m + s.initial, gradient, h.beta1);
        state.v = state.v + s.initial;
        let squared = square(gradient);
        state.v = saturated(state.v - h.beta2.rest * sign_of(state.v - squared) * squared);
        let denominator = state.v.sqrt() * s.inverse_root2 + h.eps;
        *p = *p - penalized(s.step_size * (state.m / denominator), *p, s.decay);
    }

    fn begins(&self) -> bool {
        self.initial_accumulator_value != 0.0
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Yogi { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-2, initial_accumulator_value: 0.1, weight_decay: 0.1 };
        vec![("default", Yogi::default()), ("changed", changed), ("forgetful", Yogi { beta1: 0.4, beta2: 0.3, ..changed })]
    }
}
