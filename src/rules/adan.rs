//! Adan: Adam with a mean of the gradient's change, as Nesterov's momentum has it.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Adan: Adam with Nesterov's momentum, in which the look ahead is the mean of how the gradient changes.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   difference = t > 1 ? g - g of the last step : 0
    /// m = beta1 * m + (1 - beta1) * g
    /// d = beta2 * d + (1 - beta2) * difference
    /// n = beta3 * n + (1 - beta3) * (g + beta2 * difference)^2
    /// u = (m / (1 - beta1^t) + beta2 * d / (1 - beta2^t)) / (sqrt(n) / sqrt(1 - beta3^t) + eps)
    /// p = (p - lr * u) / (1 + lr * weight_decay)                     (proximal)
    /// p = p - lr * weight_decay * p - lr * u                         (no_prox)
    /// ```
    ///
    /// Sources: Xie et al., arXiv 2208.06677, in the form of pytorch_optimizer's (`weight_decouple` is `no_prox`) and burn's. optax's `adan` has
    /// `1 - b2` where the others have `beta2`: 4e-2 apart after 20 steps. Both forms are computed as `p -= rate * (weight_decay * p + u)`, where
    /// `rate` is `lr` or `lr / (1 + lr * weight_decay)`: equal, with one rounding of `p`. With `eps = 0`, a zero gradient at the first step gives NaN.
    pub struct Adan {
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

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, beta3: Beta<F>, eps: F, weight_decay: F, no_prox: u32, sign: F }
}

scalars! {
    /// Per step; `later` is 0 at the first.
    pub struct Scalars<F> { step1, step2, inverse_root3, decay, later }
}

state! {
    /// The last gradient is kept negated, as elsewhere.
    pub struct State<F> { m = "exp_avg", d = "exp_avg_diff", n = "exp_avg_sq", negative = "previous_grad" }
}

/// What a gradient makes of the means and of the last gradient.
#[inline(always)]
pub(super) fn adan_means<F: Real>(h: &Hyper<F>, s: &Scalars<F>, g: F, [m, d, n, negative]: [&mut F; 4]) {
    let difference = s.later * (g + *negative);
    *negative = -g;
    *m = decayed_average(*m, g, h.beta1);
    *d = decayed_average(*d, difference, h.beta2);
    let ahead = g + h.beta2.beta * difference;
    *n = decayed_average(*n, square(ahead), h.beta3);
}

/// The step that follows from them.
#[inline(always)]
pub(super) fn adan_step<F: Real>(h: &Hyper<F>, s: &Scalars<F>, m: F, d: F, n: F) -> F {
    (s.step1 * m + s.step2 * d) / (n.sqrt() * s.inverse_root3 + h.eps)
}

impl Rule for Adan {
    const NAME: &'static str = "Adan";
    const FORMULA: &'static str = "p = (p - lr * (m̂ + beta2 * d̂) / (√n̂ + eps)) / (1 + lr * weight_decay)";
    const WGSL: &'static str = concat!(include_str!("../../shaders/rules/adan.wgsl"), include_str!("../../shaders/rules/adan_plain.wgsl"));
    const NEVER_NEGATIVE: &'static [&'static str] = &["n"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "pytorch_optimizer", name: "Adan", keys: &[("weight_decouple", "no_prox")], preset: &[] }];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            beta3: Beta::of(self.beta3),
            eps: F::of(self.eps),
            weight_decay: F::of(self.weight_decay),
            no_prox: u32::from(self.no_prox),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let bias_correction1 = bias_correction(h.beta1, step);
        let bias_correction2 = bias_correction(h.beta2, step);
        let bias_correction3 = bias_correction(h.beta3, step);
        let rate = if h.no_prox != 0 { h.lr } else { h.lr / (F::one() + h.lr * h.weight_decay) };
        Scalars {
            step1: rate / bias_correction1,
            step2: rate * h.beta2.beta / bias_correction2,
            inverse_root3: bias_correction3.sqrt().recip(),
            decay: rate * h.weight_decay,
            later: if step <= F::one() { F::zero() } else { F::one() },
        }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let State { m, d, n, negative } = state;
        adan_means(h, s, h.sign * gradient, [m, d, n, negative]);
        *p = *p - penalized(adan_step(h, s, *m, *d, *n), *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Adan { lr: 2e-2, beta1: 0.9, beta2: 0.8, beta3: 0.95, eps: 1e-4, weight_decay: 0.1, ..Adan::default() };
        vec![
            ("default", Adan::default()),
            ("changed", changed),
            ("no-prox", Adan { no_prox: true, maximize: true, ..changed }),
            ("memoryless", Adan { beta1: 0.0, beta2: 0.3, beta3: 0.0, ..changed }),
        ]
    }
}
