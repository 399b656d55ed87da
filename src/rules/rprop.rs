//! Rprop: a step size per element that only the signs of gradients change.

use crate::rule::{KnownAs, Range, Real, Rule, by_sign, clamped};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Rprop, resilient backpropagation: each element has its own step size, which grows while the gradient keeps its sign, and shrinks when
    /// it changes. For gradients of the whole data set.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient
    /// f = eta_plus where g * prev > 0,  eta_minus where g * prev < 0,  else 1
    /// step_size = clamp(f * step_size, step_size_min, step_size_max)         (lr before the first step)
    /// g = 0 where g * prev < 0
    /// p -= sign(g) * step_size;   prev = g
    /// ```
    ///
    /// Sources: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning: the RPROP algorithm" (ICNN 1993), in the
    /// variant without weight backtracking of Igel and Huesken, "Improving the Rprop learning algorithm" (NC 2000), "iRprop-", as
    /// `torch.optim.Rprop` has it: where the sign changed the value rests for one step, and the next step neither grows nor shrinks. The
    /// limits also hold where `f` is 1, so for the first step. There is no weight decay. (optax's `rprop` applies the step of the previous call.)
    ///
    /// Alone among the rules it goes on after a gradient that is no number, as torch does: a NaN has sign 0, so the value rests, and so does the factor of
    /// the next step; an infinity has its sign.
    ///
    /// Signs are compared, not the product's: `g * prev` is 0 in f32 where it is below 1.4e-45, and torch then takes `f = 1`. Here the result is that
    /// of f64.
    pub struct Rprop {
        /// The size of the first step; later ones follow from it.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// The factor of a step size when the gradient changed its sign.
        pub eta_minus: f64 = 0.5, Range::open(0.0, 1.0);
        /// The factor of a step size when the gradient kept its sign.
        pub eta_plus: f64 = 1.2, Range::open(1.0, f64::INFINITY);
        /// The smallest step size.
        pub step_size_min: f64 = 1e-6, Range::NON_NEGATIVE;
        /// The largest step size.
        pub step_size_max: f64 = 50.0, Range::NON_NEGATIVE;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, eta_minus: F, eta_plus: F, step_size_min: F, step_size_max: F, sign: F }
}

scalars! {
    /// Per step; not 0 in the first only.
    pub struct Scalars<F> { initial }
}

state! {
    /// The last gradient, or 0 where the value rested, and the step size.
    pub struct State<F> { prev = "prev", step_size = "step_size" }
}

/// -1, 0 or 1 by the sign of `x`, and 0 for a NaN, as in torch.
#[inline(always)]
fn rprop_sign<F: Real>(x: F) -> F {
    if x.is_nan() { F::zero() } else { x.sign() }
}

impl Rule for Rprop {
    const NAME: &'static str = "Rprop";
    const FORMULA: &'static str = "step_size *= g * prev > 0 ? eta_plus : eta_minus;  p -= step_size * sign(g)";
    const WGSL: &'static str = include_str!("../../shaders/rules/rprop.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["step_size"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs {
        framework: "torch",
        name: "Rprop",
        keys: &[("etas", "eta_minus, eta_plus"), ("step_sizes", "step_size_min, step_size_max")],
        preset: &[],
    }];
    const GOES_ON: bool = true;
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            eta_minus: F::of(self.eta_minus),
            eta_plus: F::of(self.eta_plus),
            step_size_min: F::of(self.step_size_min),
            step_size_max: F::of(self.step_size_max),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        Scalars { initial: if step <= F::one() { h.lr } else { F::zero() } }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = h.sign * gradient;
        let agreement = rprop_sign(g) * rprop_sign(state.prev);
        let factor = by_sign(agreement, h.eta_minus, F::one(), h.eta_plus);
        state.step_size = state.step_size + s.initial;
        state.step_size = clamped(state.step_size * factor, h.step_size_min, h.step_size_max);
        state.prev = by_sign(agreement, F::zero(), g, g);
        *p = *p - rprop_sign(state.prev) * state.step_size;
    }

    fn check(&self) -> Result<(), String> {
        if self.step_size_min > self.step_size_max {
            let (min, max) = (self.step_size_min, self.step_size_max);
            return Err(format!("step_size_min must be at most step_size_max, got {min} and {max}"));
        }
        Ok(())
    }

    fn begins(&self) -> bool {
        true
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Rprop { lr: 2e-2, eta_minus: 0.4, eta_plus: 1.3, ..Rprop::default() };
        vec![
            ("default", Rprop::default()),
            ("changed", changed),
            ("limited", Rprop { step_size_min: 1.5e-2, step_size_max: 2.2e-2, maximize: true, ..changed }),
        ]
    }
}
