//! Adagrad: steps by the gradient over the root of its summed squares.

use crate::rule::{KnownAs, Range, Real, Rule, penalized, saturated, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Adagrad: steps by the gradient over the root of the sum of all its squares, so that each element's steps get ever smaller.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p
    /// sum += g^2                                    (sum = initial_accumulator_value before the first step)
    /// p -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(sum) + eps)
    /// ```
    ///
    /// Sources: Duchi, Hazan and Singer, JMLR 12 (2011), section 1.1, with diagonal matrices, in the form of `torch.optim.Adagrad`: `lr_decay`
    /// and the place of `eps` are torch's. (optax's `adagrad` is another form: `eps` inside the root, and 0.1 in place of
    /// `initial_accumulator_value`'s 0.)
    ///
    /// The first step is `lr` in size whatever the gradient's. A zero gradient with `eps = 0` and no initial sum gives NaN, as in
    /// torch. "First" is a step count of 0: the initial value is added to whatever the state is then, and the
    /// state reads as 0 before (torch's holds the value from the start). The sum saturates at f32's largest number, where
    /// torch's becomes infinite and the element stays where it is.
    pub struct Adagrad {
        /// Learning rate.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// How fast the learning rate falls with the step count.
        pub lr_decay: f64 = 0.0, Range::NON_NEGATIVE;
        /// L2 penalty, added to the gradient.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// The sum before the first step.
        pub initial_accumulator_value: f64 = 0.0, Range::NON_NEGATIVE;
        /// Added to the denominator.
        pub eps: f64 = 1e-10, Range::NON_NEGATIVE;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, lr_decay: F, weight_decay: F, initial_accumulator_value: F, eps: F, sign: F }
}

scalars! {
    /// Per step; `initial` is not 0 in the first only.
    pub struct Scalars<F> { step_size, initial }
}

state! {
    /// The sum of squares.
    pub struct State<F> { sum = "sum" }
}

impl Rule for Adagrad {
    const NAME: &'static str = "Adagrad";
    const FORMULA: &'static str = "sum += g²;  p -= lr * g / (√sum + eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/adagrad.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["sum"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs::torch("Adagrad")];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            lr_decay: F::of(self.lr_decay),
            weight_decay: F::of(self.weight_decay),
            initial_accumulator_value: F::of(self.initial_accumulator_value),
            eps: F::of(self.eps),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let initial = if step <= F::one() { h.initial_accumulator_value } else { F::zero() };
        Scalars { step_size: h.lr / (F::one() + (step - F::one()) * h.lr_decay), initial }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.weight_decay);
        state.sum = state.sum + s.initial;
        state.sum = saturated(state.sum + square(g));
        *p = *p - s.step_size * (g / (state.sum.sqrt() + h.eps));
    }

    fn begins(&self) -> bool {
        self.initial_accumulator_value != 0.0
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Adagrad { lr: 5e-2, lr_decay: 0.3, weight_decay: 0.1, eps: 1e-2, ..Adagrad::default() };
        vec![
            ("default", Adagrad::default()),
            ("changed", changed),
            ("initial", Adagrad { initial_accumulator_value: 0.5, maximize: true, ..changed }),
            ("slow", Adagrad { lr_decay: 1e-3, ..Adagrad::default() }),
        ]
    }
}
