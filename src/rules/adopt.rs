//! ADOPT: Adam that divides by the mean square from before the step.

use crate::rule::{KnownAs, Range, Real, Rule, clamped, larger, moving_average, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// ADOPT: Adam that divides by the mean square of the gradients *before* this one, and takes the mean after the division.
    ///
    /// ```text
    /// the first step only sets v = g^2; then
    /// c = clamp(g / max(sqrt(v), eps), -k^(1/4), k^(1/4))       k: the steps before this one; clamped with use_clipping
    /// m = beta1 * m + (1 - beta1) * c
    /// p -= lr * (m + weight_decay * p)
    /// v = beta2 * v + (1 - beta2) * g^2
    /// ```
    ///
    /// Sources: Taniguchi et al., "ADOPT: modified Adam can converge with any beta2 with the optimal rate", arXiv 2411.02853, with the
    /// clipping of the authors' code, as in optax's `adopt`. The decay, which optax's has not, is that of the authors' code with `decouple`: like
    /// everything else it starts with the second step. (pytorch_optimizer's `ADOPT` counts `k` one further, and decays in the first.)
    ///
    /// A gradient that is NaN or infinite makes its element NaN, in the first step too, where optax's value stays until the second.
    ///
    /// `eps` has to be above 0, since the first step divides by it.
    pub struct Adopt {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the normed gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean square of the gradient.
        pub beta2: f64 = 0.9999, Range::BELOW_ONE;
        /// The denominator is at least this.
        pub eps: f64 = 1e-6, Range::open(0.0, f64::INFINITY);
        /// Each step but the first shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Clamp the normed gradient to the fourth root of the number of steps before this one.
        pub use_clipping: bool = true, Range::UNIT;
    }
}

layout! {
    /// Per group; `rest` is `1 - beta`, `limit` the largest number, which limits nothing.
    pub struct Hyper<F> { lr: F, beta1: F, rest1: F, beta2: F, rest2: F, eps: F, weight_decay: F, use_clipping: u32, limit: F }
}

scalars! {
    /// Per step; the first one keeps nothing of `v`, clips `c` to 0 and does not decay.
    pub struct Scalars<F> { limit, beta2, rest2, decay }
}

state! {
    /// The mean of the normed gradient, and the mean square of the gradient.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
}

impl Rule for Adopt {
    const NAME: &'static str = "Adopt";
    const FORMULA: &'static str = "m = beta1 * m + (1 - beta1) * clamp(g / max(√v_before, eps), ±k^¼);  p -= lr * m";
    const WGSL: &'static str = include_str!("../../shaders/rules/adopt.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "optax", name: "adopt", keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")], preset: &[] }];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: F::of(self.beta1),
            rest1: F::of(1.0 - self.beta1),
            beta2: F::of(self.beta2),
            rest2: F::of(1.0 - self.beta2),
            eps: F::of(self.eps),
            weight_decay: F::of(self.weight_decay),
            use_clipping: u32::from(self.use_clipping),
            limit: F::of(f64::from(f32::MAX)),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let first = step <= F::one();
        let clip = (step - F::one()).max(F::one()).sqrt().sqrt();
        let limit = if h.use_clipping != 0 { clip } else { h.limit };
        Scalars {
            limit: if first { F::zero() } else { limit },
            beta2: if first { F::zero() } else { h.beta2 },
            rest2: if first { F::one() } else { h.rest2 },
            decay: if first { F::zero() } else { h.lr * h.weight_decay },
        }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let normed = gradient / larger(state.v.sqrt(), h.eps);
        let clipped = clamped(normed, -s.limit, s.limit);
        state.m = moving_average(state.m, clipped, h.beta1, h.rest1);
        *p = *p - penalized(h.lr * state.m, *p, s.decay);
        state.v = moving_average(state.v, square(gradient), s.beta2, s.rest2);
    }

    fn begins(&self) -> bool {
        true
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Adopt { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 0.2, weight_decay: 0.1, ..Adopt::default() };
        vec![
            ("default", Adopt::default()),
            ("changed", changed),
            ("unclipped", Adopt { use_clipping: false, ..changed }),
            ("forgetful", Adopt { beta1: 0.4, beta2: 0.3, ..changed }),
        ]
    }
}
