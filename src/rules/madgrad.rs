//! MADGRAD: dual averaging with a cube root of weighted squares.

use crate::rule::{KnownAs, Range, Real, Rule, moving_average, penalized, saturated, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// MADGRAD: dual averaging, from the first value along the sum of all gradients, over the cube root of the sum of their squares.
    ///
    /// ```text
    /// x0 = p before the first step
    /// lambda = (lr + eps) * sqrt(t);   g += weight_decay * p
    /// v += lambda * g^2;   s += lambda * g
    /// p = momentum * p + (1 - momentum) * (x0 - s / (cbrt(v) + eps))
    /// ```
    ///
    /// Sources: Defazio and Jelassi, "Adaptivity without compromise", arXiv 2101.11075, algorithm 1, in the form of the authors' package
    /// `madgrad` and of optax's function of that name, which add `eps` to `lr` as well; with the authors', and unlike optax, `lr = 0` stays
    /// 0. Their code without momentum forms `x0` from `p` again in each step; here it is kept, so that its rounding errors do not add up.
    ///
    /// `lr` is not Adam's, and wants a sweep of its own. A zero gradient with `eps = 0` at the first step gives NaN, as in optax. `g^2`,
    /// `v` and `s` saturate at f32's largest number.
    pub struct MadGrad {
        /// Learning rate.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// How much of the old value each step keeps.
        pub momentum: f64 = 0.9, Range::BELOW_ONE;
        /// L2 penalty, added to the gradient.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Added to the denominator, and to `lr`.
        pub eps: f64 = 1e-6, Range::NON_NEGATIVE;
    }
}

layout! {
    /// Per group; `rest` is `1 - momentum`, `stable_lr` is `lr + eps`.
    pub struct Hyper<F> { stable_lr: F, momentum: F, rest: F, weight_decay: F, eps: F }
}

scalars! {
    /// Per step; `first` is 1 in the first one, else 0.
    pub struct Scalars<F> { lambda, first }
}

state! {
    /// The weighted sums of squares and of gradients, and the value before the first step.
    pub struct State<F> { v = "grad_sum_sq", s = "s", x0 = "x0" }
}

impl Rule for MadGrad {
    const NAME: &'static str = "MadGrad";
    const FORMULA: &'static str = "p = momentum * p + (1 - momentum) * (x0 - s / (∛v + eps))";
    const WGSL: &'static str = include_str!("../../shaders/rules/madgrad.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "optax", name: "madgrad", keys: &[("learning_rate", "lr")], preset: &[] }];
    const VALUES: &'static [&'static str] = &["x0"];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            stable_lr: F::of(if self.lr == 0.0 { 0.0 } else { self.lr + self.eps }),
            momentum: F::of(self.momentum),
            rest: F::of(1.0 - self.momentum),
            weight_decay: F::of(self.weight_decay),
            eps: F::of(self.eps),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        Scalars { lambda: h.stable_lr * step.sqrt(), first: if step <= F::one() { F::one() } else { F::zero() } }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.x0 = if s.first != F::zero() { *p } else { state.x0 };
        let g = penalized(gradient, *p, h.weight_decay);
        state.v = saturated(state.v + s.lambda * square(g));
        state.s = saturated(state.s + s.lambda * g);
        let z = state.x0 - state.s / (state.v.cube_root() + h.eps);
        *p = moving_average(*p, z, h.momentum, h.rest);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = MadGrad { lr: 5e-2, momentum: 0.7, weight_decay: 0.1, eps: 1e-2 };
        vec![("default", MadGrad::default()), ("changed", changed), ("without-momentum", MadGrad { momentum: 0.0, ..changed })]
    }
}
