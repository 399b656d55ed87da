//! AdaBelief: Adam with the variance around the mean instead of the mean square.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, penalized, saturated, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// AdaBelief: Adam that divides by how far the gradient strays from its mean instead of by its size.
    ///
    /// ```text
    /// m = beta1 * m + (1 - beta1) * g
    /// v = beta2 * v + (1 - beta2) * (g - m)^2 + eps_root
    /// p -= lr * (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * p)
    /// ```
    ///
    /// Sources: Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed gradients", arXiv 2010.07468, algorithm 2, in the
    /// form of optax's `adabelief`: `m` is already the new one, and `eps_root` is kept in `v`, so that it accumulates. The authors'
    /// PyTorch package adds `eps` in both places, and rectifies by default. The decay, which optax's has not, is decoupled.
    ///
    /// With `eps_root = 0` a gradient that never changes makes `v`, and so the denominator, vanish; `eps = 1e-16` is then all that is left of it,
    /// and with `eps = 0` as well a zero gradient gives NaN.
    pub struct AdaBelief {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean square of its deviation.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the denominator.
        pub eps: f64 = 1e-16, Range::NON_NEGATIVE;
        /// Added to the mean square in each step.
        pub eps_root: f64 = 1e-16, Range::NON_NEGATIVE;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, eps_root: F, weight_decay: F }
}

scalars! {
    /// Per step.
    pub struct Scalars<F> { step_size, inverse_root2, decay }
}

state! {
    /// The mean of the gradient, and the mean square of its deviation from it.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_var" }
}

impl Rule for AdaBelief {
    const NAME: &'static str = "AdaBelief";
    const FORMULA: &'static str = "v = beta2 * v + (1 - beta2) * (g - m)² + eps_root;  p -= lr * m̂ / (√v̂ + eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/adabelief.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs {
        framework: "optax",
        name: "adabelief",
        keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")],
        preset: &[],
    }];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            eps: F::of(self.eps),
            eps_root: F::of(self.eps_root),
            weight_decay: F::of(self.weight_decay),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let bias_correction1 = bias_correction(h.beta1, step);
        let bias_correction2 = bias_correction(h.beta2, step);
        Scalars { step_size: h.lr / bias_correction1, inverse_root2: bias_correction2.sqrt().recip(), decay: h.lr * h.weight_decay }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.m = decayed_average(state.m, gradient, h.beta1);
        let surprise = gradient - state.m;
        state.v = saturated(decayed_average(state.v, square(surprise), h.beta2) + h.eps_root);
        let denominator = state.v.sqrt() * s.inverse_root2 + h.eps;
        *p = *p - penalized(s.step_size * (state.m / denominator), *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = AdaBelief { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-2, eps_root: 1e-3, weight_decay: 0.1 };
        vec![("default", AdaBelief::default()), ("changed", changed), ("forgetful", AdaBelief { beta1: 0.4, beta2: 0.3, ..changed })]
    }
}
