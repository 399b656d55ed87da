//! Adadelta: steps in the unit of the values, from the mean square of earlier updates.

use crate::rule::{KnownAs, NoScalars, Range, Real, Rule, moving_average, penalized, square};
use crate::{hyper_parameters, layout, state};

hyper_parameters! {
    /// Adadelta: steps by the gradient times the ratio of two roots of mean squares, that of the steps so far and that of the gradients.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p
    /// v = rho * v + (1 - rho) * g^2
    /// d = sqrt(u + eps) / sqrt(v + eps) * g
    /// u = rho * u + (1 - rho) * d^2
    /// p -= lr * d
    /// ```
    ///
    /// Sources: Zeiler, arXiv 1212.5701, algorithm 1, with the `lr` of `torch.optim.Adadelta` (1, the paper's form, by default). A step has
    /// the units of the value, so `lr` needs no tuning; the first is about `lr * sqrt(eps / (1 - rho))` in size, from which it grows: `eps`
    /// sets the pace.
    ///
    /// With `eps = 0` nothing ever moves, as `u` stays 0, and a zero gradient at the first step gives NaN, as in torch. `g^2` saturates
    /// at f32's largest number.
    pub struct Adadelta {
        /// Learning rate.
        pub lr: f64 = 1.0, Range::NON_NEGATIVE, scheduled;
        /// Decay of both mean squares.
        pub rho: f64 = 0.9, Range::UNIT;
        /// Added inside both roots.
        pub eps: f64 = 1e-6, Range::NON_NEGATIVE;
        /// L2 penalty, added to the gradient.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `rest` is `1 - rho`.
    pub struct Hyper<F> { lr: F, rho: F, rest: F, eps: F, weight_decay: F, sign: F }
}

state! {
    /// The mean squares of the gradients and of the steps.
    pub struct State<F> { v = "square_avg", u = "acc_delta" }
}

impl Rule for Adadelta {
    const NAME: &'static str = "Adadelta";
    const FORMULA: &'static str = "d = √(u + eps) / √(v + eps) * g;  p -= lr * d";
    const WGSL: &'static str = include_str!("../../shaders/rules/adadelta.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v", "u"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs::torch("Adadelta"), KnownAs { framework: "optax", name: "adadelta", keys: &[("learning_rate", "lr")], preset: &[] }];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            rho: F::of(self.rho),
            rest: F::of(1.0 - self.rho),
            eps: F::of(self.eps),
            weight_decay: F::of(self.weight_decay),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.weight_decay);
        state.v = moving_average(state.v, square(g), h.rho, h.rest);
        let delta = (state.u + h.eps).sqrt() / (state.v + h.eps).sqrt() * g;
        state.u = moving_average(state.u, square(delta), h.rho, h.rest);
        *p = *p - h.lr * delta;
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Adadelta { lr: 0.5, rho: 0.8, eps: 1e-2, weight_decay: 0.1, ..Adadelta::default() };
        vec![
            ("default", Adadelta::default()),
            ("changed", changed),
            ("short", Adadelta { rho: 0.3, maximize: true, ..changed }),
            ("forgetful", Adadelta { rho: 0.0, ..changed }),
        ]
    }
}
