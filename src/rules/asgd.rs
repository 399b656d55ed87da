//! ASGD: SGD with an average of the values.

use crate::rule::{KnownAs, Range, Real, Rule, exponent_parts, moving_average, penalized, power};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Averaged SGD: gradient descent with a falling step size, and beside it the mean of the values that it passes through.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p
    /// p -= eta * lambd * p + eta * g                         (eta = lr in the first step)
    /// ax += mu * (p - ax)                                    (mu = 1 in the first step)
    /// eta = lr / (1 + lambd * lr * t)^alpha;   mu = 1 / max(1, t - t0)        for the next step
    /// ```
    ///
    /// Sources: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging" (SIAM J. Control Optim. 30, 1992); Xu, "Towards
    /// optimal one pass large scale learning with averaged stochastic gradient descent", arXiv 1107.2490, section 4, in the form of
    /// `torch.optim.ASGD`. As there, `eta` and `mu` lag by a step, and a change of `lr` shows one step later, except in the first.
    ///
    /// The values themselves are never replaced: the model to evaluate is the state `ax` (`Optimizer::state` binds it,
    /// `Optimizer::read_state` reads it). It equals the values until step `t0 + 2`, and then is the mean of them from that step on: with
    /// the default of `t0`, nothing is averaged in the first million steps.
    pub struct Asgd {
        /// Learning rate.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// Each step shrinks the values by `eta * lambd`; it also sets how fast `eta` falls.
        pub lambd: f64 = 1e-4, Range::NON_NEGATIVE;
        /// The power with which `eta` falls.
        pub alpha: f64 = 0.75, Range::NON_NEGATIVE;
        /// The step after which averaging starts.
        pub t0: f64 = 1e6, Range::FINITE;
        /// L2 penalty, added to the gradient.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `exponent` and `exponent_low` are the parts of `-alpha`.
    pub struct Hyper<F> { lr: F, lambd: F, lambd_lr: F, exponent: F, exponent_low: F, t0: F, weight_decay: F, sign: F }
}

scalars! {
    /// Per step: torch's `eta` and `mu`, carried to the next step, and those of this one.
    pub struct Scalars<F> { eta, mu, step_size, weight, decay }
}

state! {
    /// The mean of the values.
    pub struct State<F> { ax = "ax" }
}

impl Rule for Asgd {
    const NAME: &'static str = "Asgd";
    const FORMULA: &'static str = "p -= eta * (g + lambd * p);  ax += mu * (p - ax)";
    const WGSL: &'static str = include_str!("../../shaders/rules/asgd.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs::torch("ASGD")];
    const VALUES: &'static [&'static str] = &["ax"];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let (exponent, exponent_low) = exponent_parts(-self.alpha);
        Hyper {
            lr: F::of(self.lr),
            lambd: F::of(self.lambd),
            lambd_lr: F::of(self.lambd * self.lr),
            exponent,
            exponent_low,
            t0: F::of(self.t0),
            weight_decay: F::of(self.weight_decay),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let first = step <= F::one();
        let step_size = if first { h.lr } else { last.eta };
        let weight = if first { F::one() } else { last.mu };
        let eta = h.lr * power(F::one() + h.lambd_lr * step, h.exponent, h.exponent_low);
        let mu = F::one() / (step - h.t0).max(F::one());
        Scalars { eta, mu, step_size, weight, decay: h.lambd * step_size }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.weight_decay);
        *p = *p - penalized(s.step_size * g, *p, s.decay);
        state.ax = moving_average(state.ax, *p, F::one() - s.weight, s.weight);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Asgd { lr: 5e-2, lambd: 0.3, alpha: 0.6, weight_decay: 0.1, ..Asgd::default() };
        vec![
            ("default", Asgd::default()),
            ("changed", changed),
            ("averaged", Asgd { t0: 1.0, maximize: true, ..changed }),
            ("averaged-from-the-start", Asgd { t0: 0.0, alpha: 1.0, ..changed }),
        ]
    }
}
