//! NAdam: Adam with Nesterov's momentum.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, moving_average, parts, penalized, square, step_pow};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// NAdam: Adam with Nesterov's look-ahead and a momentum that warms up.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p   (coupled)   or   p -= lr * weight_decay * p   (decoupled)
    /// mu(t) = beta1 * (1 - 0.96^(t * momentum_decay) / 2)
    /// P(t) = mu(1) * mu(2) * ... * mu(t)
    /// m = beta1 * m + (1 - beta1) * g;   v = beta2 * v + (1 - beta2) * g^2
    /// d = sqrt(v / (1 - beta2^t)) + eps
    /// p -= lr * ((1 - mu(t)) / (1 - P(t)) * g + mu(t + 1) / (1 - P(t + 1)) * m) / d
    /// ```
    ///
    /// Sources: Dozat, "Incorporating Nesterov momentum into Adam" (ICLR 2016 workshop), algorithm 8, with the schedule of
    /// `mu` of its footnote, as in `torch.optim.NAdam`. (optax's `nadam` has no schedule and corrects `m` by `1 - beta1^t`: 9e-3 apart after 20 steps.)
    ///
    /// torch carries `P`, its `mu_product`, from step to step; here it is `rest_product`, `1 - P`: the difference, which all that follows
    /// needs, cancels for `mu` near 1, and `P` soon leaves f32's range. It obeys `1 - P(t) = (1 - mu) + mu * (1 - P(t - 1))`,
    /// without cancellation, and is 0 before the first step.
    ///
    /// A zero gradient with `eps = 0` at the first step gives NaN, as in torch. `g^2` saturates instead of becoming
    /// infinite.
    pub struct NAdam {
        /// Learning rate.
        pub lr: f64 = 2e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient, and what the momentum warms up to.
        pub beta1: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// L2 penalty, added to the gradient; decoupled from it if `decoupled_weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// How fast the momentum warms up: from half of `beta1` at 0.
        pub momentum_decay: f64 = 4e-3, Range::NON_NEGATIVE;
        /// Shrink the values by `lr * weight_decay` instead of adding the penalty to the gradient.
        pub decoupled_weight_decay: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `rest1` is `1 - beta1`, `ln_decay` the logarithm of `0.96^momentum_decay`, `low` what its rounding left over.
    pub struct Hyper<F> {
        lr: F, beta1: F, half_beta1: F, rest1: F, beta2: Beta<F>, ln_decay: F, ln_decay_low: F, eps: F, coupled_decay: F,
        decoupled_decay: F, sign: F,
    }
}

scalars! {
    /// Per step; `rest_product` is carried to the next, `gap` in `prepare` is `beta1 - mu`.
    pub struct Scalars<F> { rest_product, gradient_step, mean_step, inverse_root2, decay }
}

state! {
    /// The means of the gradient and of its square.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
}

impl Rule for NAdam {
    const NAME: &'static str = "NAdam";
    const FORMULA: &'static str = "p -= lr * ((1 - mu) / (1 - P) * g + mu' / (1 - P') * m) / (√v̂ + eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/nadam.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs::torch("NAdam")];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let decay = |decoupled| if self.decoupled_weight_decay == decoupled { self.weight_decay } else { 0.0 };
        // Not by the power, which is next to 1 for a small one.
        let (ln_decay, ln_decay_low) = parts((self.momentum_decay * 0.96_f64.ln()).max(-1e3));
        Hyper {
            lr: F::of(self.lr),
            beta1: F::of(self.beta1),
            half_beta1: F::of(0.5 * self.beta1),
            rest1: F::of(1.0 - self.beta1),
            beta2: Beta::of(self.beta2),
            ln_decay,
            ln_decay_low,
            eps: F::of(self.eps),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let gap = h.half_beta1 * step_pow(h.ln_decay, h.ln_decay_low, step);
        let next_gap = h.half_beta1 * step_pow(h.ln_decay, h.ln_decay_low, step + F::one());
        let rest_product = (h.rest1 + gap) + (h.beta1 - gap) * last.rest_product;
        let next_rest_product = (h.rest1 + next_gap) + (h.beta1 - next_gap) * rest_product;
        let gradient_step = h.lr * ((h.rest1 + gap) / rest_product);
        let mean_step = h.lr * ((h.beta1 - next_gap) / next_rest_product);
        let bias_correction2 = bias_correction(h.beta2, step);
        let inverse_root2 = bias_correction2.sqrt().recip();
        Scalars { rest_product, gradient_step, mean_step, inverse_root2, decay: h.lr * h.decoupled_decay }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.coupled_decay);
        state.m = moving_average(state.m, g, h.beta1, h.rest1);
        state.v = decayed_average(state.v, square(g), h.beta2);
        let denominator = state.v.sqrt() * s.inverse_root2 + h.eps;
        *p = *p - penalized((s.gradient_step * g + s.mean_step * state.m) / denominator, *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = NAdam { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.1, momentum_decay: 0.5, ..NAdam::default() };
        vec![
            ("default", NAdam::default()),
            ("coupled", NAdam { maximize: true, ..changed }),
            ("decoupled", NAdam { decoupled_weight_decay: true, ..changed }),
            ("memoryless", NAdam { beta1: 0.0, beta2: 0.3, ..changed }),
            ("long-memory", NAdam { beta1: 0.999, momentum_decay: 20.0, ..changed }),
            ("unscheduled", NAdam { momentum_decay: 0.0, ..changed }),
        ]
    }
}
