//! AdEMAMix: Adam with a second, slower mean of the gradient.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, moving_average, one_minus_pow, parts, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// AdEMAMix: AdamW with a second, slow mean of the gradient, so that gradients of tens of thousands of steps ago still count.
    ///
    /// ```text
    /// alpha_t = min(alpha, alpha * t / alpha_warmup);   beta3_t = beta3 from t = beta3_warmup on, before it with s = t / beta3_warmup
    /// beta3_t = exp(ln(beta1) * ln(beta3) / ((1 - s) * ln(beta3) + s * ln(beta1)))
    /// m1 = beta1 * m1 + (1 - beta1) * g;   m2 = beta3_t * m2 + (1 - beta3_t) * g;   v = beta2 * v + (1 - beta2) * g^2
    /// p -= lr * ((m1 / (1 - beta1^t) + alpha_t * m2) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * p)
    /// ```
    ///
    /// Sources: Pagliardini et al., "The AdEMAMix optimizer: better, faster, older", arXiv 2409.03137, algorithm 1 with its schedulers of
    /// alpha and beta3 (there both last as long as the training); without them as in optax's `ademamix`, where they are the caller's
    /// schedules. The warm-up of `beta3` makes the number of steps that the slow mean remembers grow linearly from that of `beta1`; one
    /// that is not larger than `beta1` has none, by the paper's minimum. (The authors' code adds 1e-8 to each beta inside the logarithm,
    /// which is 1e-4 of `1 - 0.9999`.) `m2` is not corrected for its start at zero, on purpose.
    ///
    /// A zero gradient with `eps = 0` at the first step gives NaN.
    pub struct AdEMAMix {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the fast mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE;
        /// Decay of the slow mean.
        pub beta3: f64 = 0.9999, Range::BELOW_ONE;
        /// Weight of the slow mean against the fast one.
        pub alpha: f64 = 5.0, Range::NON_NEGATIVE;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Steps over which `alpha` grows from 0; 0: none.
        pub alpha_warmup: f64 = 0.0, Range::NON_NEGATIVE;
        /// Steps over which `beta3` grows from `beta1`; 0: none.
        pub beta3_warmup: f64 = 0.0, Range::NON_NEGATIVE;
    }
}

layout! {
    /// Per group; `rest3` is `1 - beta3`, `slope_low` what the rounding of `slope` left over. While it warms up, `1 / ln(beta3_t)` is
    /// `inverse_ln_beta1 + t * slope`.
    pub struct Hyper<F> {
        lr: F, beta1: Beta<F>, beta2: Beta<F>, rest3: F, alpha: F, alpha_growth: F, eps: F, weight_decay: F, beta3_warmup: F,
        inverse_ln_beta1: F, slope: F, slope_low: F,
    }
}

scalars! {
    /// Per step; `rest3` is `1 - beta3_t`.
    pub struct Scalars<F> { step_size, slow_size, inverse_root2, rest3, decay }
}

state! {
    /// The fast and the slow mean of the gradient, and the mean of its square.
    pub struct State<F> { m1 = "exp_avg", m2 = "exp_avg_slow", v = "exp_avg_sq" }
}

impl Rule for AdEMAMix {
    const NAME: &'static str = "AdEMAMix";
    const FORMULA: &'static str = "p -= lr * ((m̂1 + alpha * m2) / (√v̂ + eps) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/ademamix.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs {
        framework: "optax",
        name: "ademamix",
        keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2"), ("b3", "beta3")],
        preset: &[],
    }];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        // 1 / ln(0) is -0.
        let inverse_ln_beta1 = self.beta1.ln().recip();
        let warms_up = self.beta3_warmup > 0.0 && self.beta3 > self.beta1;
        // 1 / ln(beta3) - 1 / ln(beta1), without the difference of two that may be near each other.
        let rise = match self.beta1 == 0.0 {
            true => self.beta3.ln().recip(),
            false => -((self.beta3 - self.beta1) / self.beta1).ln_1p() / self.beta1.ln() / self.beta3.ln(),
        };
        let slope = if warms_up { rise / self.beta3_warmup } else { 0.0 };
        let (slope, slope_low) = parts(slope);
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            rest3: F::of(1.0 - self.beta3),
            alpha: F::of(self.alpha),
            alpha_growth: F::of(if self.alpha_warmup > 0.0 { self.alpha / self.alpha_warmup } else { self.alpha }),
            eps: F::of(self.eps),
            weight_decay: F::of(self.weight_decay),
            beta3_warmup: F::of(if warms_up { self.beta3_warmup } else { 0.0 }),
            inverse_ln_beta1: F::of(inverse_ln_beta1),
            slope,
            slope_low,
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let bias_correction1 = bias_correction(h.beta1, step);
        let bias_correction2 = bias_correction(h.beta2, step);
        let step_size = h.lr / bias_correction1;
        let slow_size = h.lr * h.alpha.min(step * h.alpha_growth);
        let mut rest3 = h.rest3;
        if step < h.beta3_warmup {
            let inverse = step * h.slope + (step * h.slope_low + h.inverse_ln_beta1);
            rest3 = one_minus_pow(inverse.recip(), F::zero(), F::one());
        }
        Scalars { step_size, slow_size, inverse_root2: bias_correction2.sqrt().recip(), rest3, decay: h.lr * h.weight_decay }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.m1 = decayed_average(state.m1, gradient, h.beta1);
        state.m2 = moving_average(state.m2, gradient, F::one() - s.rest3, s.rest3);
        state.v = decayed_average(state.v, square(gradient), h.beta2);
        let denominator = state.v.sqrt() * s.inverse_root2 + h.eps;
        *p = *p - penalized((s.step_size * state.m1 + s.slow_size * state.m2) / denominator, *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed =
            AdEMAMix { lr: 2e-2, beta1: 0.8, beta2: 0.95, beta3: 0.99, alpha: 2.0, eps: 1e-2, weight_decay: 0.1, ..AdEMAMix::default() };
        vec![
            ("default", AdEMAMix::default()),
            ("changed", changed),
            ("warm-ups", AdEMAMix { alpha_warmup: 30.0, beta3_warmup: 20.0, ..changed }),
            ("long-warm-ups", AdEMAMix { alpha_warmup: 3e6, beta3_warmup: 5e6, beta3: 0.9999, ..changed }),
            ("memoryless", AdEMAMix { beta1: 0.0, beta2: 0.3, beta3: 0.4, beta3_warmup: 3.0, ..changed }),
        ]
    }
}
