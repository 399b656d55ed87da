//! Adamax: Adam with the largest magnitude instead of the mean square.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, larger, penalized};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Adamax: Adam with the largest recent gradient in place of the root of the mean square.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p   (coupled)   or   p -= lr * weight_decay * p   (decoupled)
    /// m = beta1 * m + (1 - beta1) * g
    /// u = max(beta2 * u, |g| + eps)
    /// p -= lr / (1 - beta1^t) * m / u
    /// ```
    ///
    /// Sources: Kingma and Ba, arXiv 1412.6980, algorithm 2, which has no `eps`; it stands where `torch.optim.Adamax` and optax's `adamax`
    /// have it, under the maximum. torch has only the coupled decay; `decoupled_weight_decay` is optax's `adamaxw`, with AdamW's argument
    /// (Loshchilov and Hutter, arXiv 1711.05101). A step is at most about `lr` in size.
    ///
    /// A zero gradient with `eps = 0` at the first step gives NaN, as in torch. A gradient that is NaN makes `m` and the value NaN, but
    /// not `u`: WGSL's `max` may return the number, torch's returns NaN.
    pub struct Adamax {
        /// Learning rate.
        pub lr: f64 = 2e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the largest gradient.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the gradient's magnitude.
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
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: F, eps: F, coupled_decay: F, decoupled_decay: F, sign: F }
}

scalars! {
    /// Per step.
    pub struct Scalars<F> { step_size, decay }
}

state! {
    /// The mean and the largest gradient.
    pub struct State<F> { m = "exp_avg", u = "exp_inf" }
}

/// What optax calls the hyper-parameters.
const OPTAX_KEYS: &[(&str, &str)] = &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")];

impl Rule for Adamax {
    const NAME: &'static str = "Adamax";
    const FORMULA: &'static str = "u = max(beta2 * u, abs(g) + eps);  p -= lr * m̂ / u";
    const WGSL: &'static str = include_str!("../../shaders/rules/adamax.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["u"];
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs::torch("Adamax"),
        KnownAs { framework: "optax", name: "adamax", keys: OPTAX_KEYS, preset: &[] },
        KnownAs {
            framework: "optax",
            name: "adamaxw",
            keys: OPTAX_KEYS,
            preset: &[("weight_decay", 1e-4), ("decoupled_weight_decay", 1.0)],
        },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let decay = |decoupled| if self.decoupled_weight_decay == decoupled { self.weight_decay } else { 0.0 };
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: F::of(self.beta2),
            eps: F::of(self.eps),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let bias_correction1 = bias_correction(h.beta1, step);
        Scalars { step_size: h.lr / bias_correction1, decay: h.lr * h.decoupled_decay }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.coupled_decay);
        state.m = decayed_average(state.m, g, h.beta1);
        state.u = larger(h.beta2 * state.u, g.abs() + h.eps);
        *p = *p - penalized(s.step_size * (state.m / state.u), *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Adamax { lr: 2e-2, beta1: 0.8, beta2: 0.9, eps: 1e-2, weight_decay: 0.1, ..Adamax::default() };
        vec![
            ("default", Adamax::default()),
            ("coupled", Adamax { maximize: true, ..changed }),
            ("decoupled", Adamax { decoupled_weight_decay: true, ..changed }),
            ("memoryless", Adamax { beta1: 0.0, beta2: 0.3, ..changed }),
        ]
    }
}
