//! Lion: steps by the sign of two mixed momenta.

use crate::rule::{KnownAs, NoScalars, Range, Real, Rule, moving_average, penalized, sign_of};
use crate::{hyper_parameters, layout, state};

hyper_parameters! {
    /// Lion: steps of one size along the sign of a mixture of the gradient and its mean.
    ///
    /// ```text
    /// c = beta1 * m + (1 - beta1) * g
    /// p -= lr * (sign(c) + weight_decay * p)
    /// m = beta2 * m + (1 - beta2) * g
    /// ```
    ///
    /// Sources: Chen et al., "Symbolic discovery of optimization algorithms", arXiv 2302.06675, algorithm 2, as in optax's `lion`, except that
    /// `weight_decay` is 0 by default, as in the authors' own code (optax: 1e-3). The decay is decoupled.
    ///
    /// A gradient that is NaN or infinite makes its element NaN, as with the other rules. (optax: a NaN does; an infinity is one more step of `lr` and leaves
    /// the mean infinite, until one of the other sign makes it NaN.)
    ///
    /// `sign(0)` is 0: where gradient and mean are zero, only the decay moves a value. The usual `lr` is 3 to 10 times smaller than Adam's.
    pub struct Lion {
        /// Learning rate: how far each value moves in each step.
        pub lr: f64 = 1e-4, Range::NON_NEGATIVE, scheduled;
        /// How much of the mean there is in the mixture whose sign is taken.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta2: f64 = 0.99, Range::BELOW_ONE, scheduled;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group; `rest` is `1 - beta`.
    pub struct Hyper<F> { lr: F, beta1: F, rest1: F, beta2: F, rest2: F, weight_decay: F }
}

state! {
    /// The mean of the gradient.
    pub struct State<F> { m = "exp_avg" }
}

impl Rule for Lion {
    const NAME: &'static str = "Lion";
    const FORMULA: &'static str = "p -= lr * (sign(beta1 * m + (1 - beta1) * g) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/lion.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs {
        framework: "optax",
        name: "lion",
        keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")],
        preset: &[("weight_decay", 1e-3)],
    }];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: F::of(self.beta1),
            rest1: F::of(1.0 - self.beta1),
            beta2: F::of(self.beta2),
            rest2: F::of(1.0 - self.beta2),
            weight_decay: F::of(self.weight_decay),
        }
    }

    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let c = moving_average(state.m, gradient, h.beta1, h.rest1);
        *p = *p - h.lr * penalized(sign_of(c), *p, h.weight_decay);
        state.m = moving_average(state.m, gradient, h.beta2, h.rest2);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Lion { lr: 2e-2, beta1: 0.8, beta2: 0.95, weight_decay: 0.1 };
        vec![("default", Lion::default()), ("changed", changed), ("memoryless", Lion { beta1: 0.4, beta2: 0.3, ..changed })]
    }
}
