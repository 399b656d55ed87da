//! Signum: steps by the sign of the momentum.

use crate::rule::{KnownAs, NoScalars, Range, Real, Rule, moving_average, penalized, sign_of};
use crate::{hyper_parameters, layout, state};

hyper_parameters! {
    /// Signum: steps of one size along the sign of the gradient's mean; without momentum it is signSGD.
    ///
    /// ```text
    /// b = momentum * b + (1 - momentum) * g           (b = g, and not kept, without momentum)
    /// p -= lr * (sign(b) + weight_decay * p)
    /// ```
    ///
    /// Sources: Bernstein et al., "signSGD: compressed optimisation for non-convex problems", arXiv 1802.04434, algorithms 1 and 2, as in optax's
    /// `signum` and `sign_sgd`, which have no decay; its decoupled form is that of the same authors' arXiv 1810.05291, algorithm 1.
    ///
    /// A gradient that is NaN or infinite makes its element NaN, as with the other rules. (optax: a NaN does; an infinity is one more step of `lr` and leaves
    /// the mean infinite, until one of the other sign makes it NaN.)
    ///
    /// `sign(0)` is 0: where `b` is zero, only the decay moves a value.
    pub struct Signum {
        /// Learning rate: how far each value moves in each step.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient; 0: no mean, no memory for one.
        pub momentum: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group; `rest` is `1 - momentum`.
    pub struct Hyper<F> { lr: F, momentum: F, rest: F, weight_decay: F }
}

state! {
    /// Only with momentum.
    pub struct State<F> { b = "momentum_buffer" }
}

impl Rule for Signum {
    const NAME: &'static str = "Signum";
    const FORMULA: &'static str = "b = momentum * b + (1 - momentum) * g;  p -= lr * (sign(b) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/signum.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs { framework: "optax", name: "signum", keys: &[("learning_rate", "lr"), ("beta", "momentum")], preset: &[] },
        KnownAs { framework: "optax", name: "sign_sgd", keys: &[("learning_rate", "lr")], preset: &[("momentum", 0.0)] },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            momentum: F::of(self.momentum),
            rest: F::of(1.0 - self.momentum),
            weight_decay: F::of(self.weight_decay),
        }
    }

    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.b = moving_average(state.b, gradient, h.momentum, h.rest);
        *p = *p - h.lr * penalized(sign_of(state.b), *p, h.weight_decay);
    }

    fn uses(&self, _state: &str) -> bool {
        self.momentum != 0.0
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Signum { lr: 2e-2, momentum: 0.7, weight_decay: 0.1 };
        vec![("default", Signum::default()), ("changed", changed), ("sign-sgd", Signum { momentum: 0.0, ..changed })]
    }
}
