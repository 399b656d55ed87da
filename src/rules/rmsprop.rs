//! RMSProp: steps by the gradient over the root of its mean square.

use crate::rule::{KnownAs, NoScalars, Range, Real, Rule, at_least, moving_average, penalized, square};
use crate::{hyper_parameters, layout, state};

hyper_parameters! {
    /// RMSProp: steps by the gradient over the root of its mean square.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p
    /// v = alpha * v + (1 - alpha) * g^2
    /// a = alpha * a + (1 - alpha) * g                 (centered)
    /// s = centered ? max(v - a^2, 0) : v
    /// d = eps_inside ? sqrt(s + eps) : sqrt(s) + eps
    /// b = momentum * b + g / d;   p -= lr * b         (b is not kept without momentum)
    /// ```
    ///
    /// Sources: Hinton, Coursera "Neural networks for machine learning", lecture 6e; centered: Graves, arXiv 1308.0850, equations
    /// 38 to 45. The default is `torch.optim.RMSprop`; `eps_inside` is the textbooks' and optax's form (with momentum, optax keeps
    /// `lr` inside `b`: the same values as long as `lr` is constant). There is no bias correction: the first step is
    /// about `lr / sqrt(1 - alpha)`.
    ///
    /// Differences from torch: `max(v - a^2, 0)`, since rounding makes `v - a^2` negative for a constant gradient and torch then
    /// returns NaN (its f32 run does so at step 1,222); and `alpha` above 1 is refused, since it makes `v` negative.
    pub struct RmsProp {
        /// Learning rate.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean square (and of the mean, if centered).
        pub alpha: f64 = 0.99, Range::UNIT;
        /// Added to the denominator, or inside its root.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// L2 penalty, added to the gradient.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// How much of the momentum buffer is kept; 0: no buffer, no memory for one.
        pub momentum: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Divide by the root of the variance instead of the mean square.
        pub centered: bool = false, Range::UNIT;
        /// `sqrt(s + eps)` instead of `sqrt(s) + eps`.
        pub eps_inside: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `rest` is `1 - alpha`, and one of the two eps is 0.
    pub struct Hyper<F> {
        lr: F, alpha: F, rest: F, eps_inside: F, eps_outside: F, weight_decay: F, momentum: F, centered: u32, sign: F,
    }
}

state! {
    /// `a` only if centered, `b` only with momentum.
    pub struct State<F> { v = "square_avg", a = "grad_avg", b = "momentum_buffer" }
}

impl Rule for RmsProp {
    const NAME: &'static str = "RmsProp";
    const FORMULA: &'static str = "p -= lr * g / (√v + eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/rmsprop.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs::torch("RMSprop"),
        KnownAs {
            framework: "optax",
            name: "rmsprop",
            keys: &[("learning_rate", "lr"), ("decay", "alpha"), ("eps_in_sqrt", "eps_inside")],
            preset: &[("alpha", 0.9), ("eps_inside", 1.0)],
        },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let eps = |inside| F::of(if self.eps_inside == inside { self.eps } else { 0.0 });
        Hyper {
            lr: F::of(self.lr),
            alpha: F::of(self.alpha),
            rest: F::of(1.0 - self.alpha),
            eps_inside: eps(true),
            eps_outside: eps(false),
            weight_decay: F::of(self.weight_decay),
            momentum: F::of(self.momentum),
            centered: u32::from(self.centered),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.weight_decay);
        state.v = moving_average(state.v, square(g), h.alpha, h.rest);
        let mut variance = state.v;
        if h.centered != 0 {
            state.a = moving_average(state.a, g, h.alpha, h.rest);
            variance = at_least(state.v - state.a * state.a, F::zero());
        }
        let denominator = (variance + h.eps_inside).sqrt() + h.eps_outside;
        state.b = h.momentum * state.b + g / denominator;
        *p = *p - h.lr * state.b;
    }

    fn uses(&self, state: &str) -> bool {
        match state {
            "a" => self.centered,
            "b" => self.momentum != 0.0,
            _ => true,
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = RmsProp { lr: 2e-3, alpha: 0.9, eps: 1e-4, weight_decay: 0.1, ..RmsProp::default() };
        vec![
            ("default", RmsProp::default()),
            ("changed", changed),
            ("eps-inside", RmsProp { eps_inside: true, ..changed }),
            ("momentum", RmsProp { momentum: 0.8, maximize: true, ..changed }),
            ("centered", RmsProp { centered: true, ..changed }),
            ("centered-momentum", RmsProp { centered: true, momentum: 0.8, eps_inside: true, ..changed }),
        ]
    }
}
