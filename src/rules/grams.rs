//! Grams: the size of Adam's step, along the sign of the gradient.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, penalized, sign_of, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Grams: Adam's step as far as its size goes; its direction is the sign of the gradient of this step.
    ///
    /// ```text
    /// m = beta1 * m + (1 - beta1) * g;   v = beta2 * v + (1 - beta2) * g^2
    /// rate = correct_bias ? lr * sqrt(1 - beta2^t) / (1 - beta1^t) : lr
    /// p -= rate * sign(g) * abs(m) / (sqrt(v) + eps) + lr * weight_decay * p
    /// ```
    ///
    /// Sources: Cao, Li and Song, "Gradient descent with adaptive momentum scaling", arXiv 2412.17107, algorithm 1, as in the authors' package
    /// `grams-pytorch`: `eps` is added to the root of `v` as it is, before the correction. (pytorch_optimizer adds it after: up to 4e-3 of the displacement
    /// apart after 20 steps.) The decay is decoupled.
    ///
    /// `sign(0)` is 0: where the gradient is zero, only the decay moves a value. `g^2` saturates ([`square`](crate::rule::square)). With `eps = 0`, a zero
    /// gradient at the first step gives NaN.
    pub struct Grams {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the denominator.
        pub eps: f64 = 1e-6, Range::NON_NEGATIVE;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Correct both means for their start at zero.
        pub correct_bias: bool = true, Range::UNIT;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, weight_decay: F, correct_bias: u32 }
}

scalars! {
    /// Per step.
    pub struct Scalars<F> { step_size, decay }
}

state! {
    /// The means of the gradient and of its square.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
}

impl Rule for Grams {
    const NAME: &'static str = "Grams";
    const FORMULA: &'static str = "p -= lr * (√bc2 / bc1 * sign(g) * |m| / (√v + eps) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/grams.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "grams-pytorch", ..KnownAs::torch("Grams") }];
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
            correct_bias: u32::from(self.correct_bias),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let decay = h.lr * h.weight_decay;
        if h.correct_bias == 0 {
            return Scalars { step_size: h.lr, decay };
        }
        let root2 = bias_correction(h.beta2, step).sqrt();
        Scalars { step_size: h.lr * root2 / bias_correction(h.beta1, step), decay }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.m = decayed_average(state.m, gradient, h.beta1);
        state.v = decayed_average(state.v, square(gradient), h.beta2);
        let size = state.m.abs() / (state.v.sqrt() + h.eps);
        *p = *p - penalized(s.step_size * (sign_of(gradient) * size), *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Grams { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.1, ..Grams::default() };
        vec![
            ("default", Grams::default()),
            ("changed", changed),
            ("uncorrected", Grams { correct_bias: false, ..changed }),
            ("memoryless", Grams { beta1: 0.0, beta2: 0.3, ..changed }),
        ]
    }
}
