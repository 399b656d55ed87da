//! LARS: SGD with momentum, each tensor's step scaled to the size of its values.

use crate::rule::{KnownAs, Range, Real, Rule, Stage, is_beyond, normal_square, penalized};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// LARS: SGD with momentum, in which the gradient of each tensor is scaled to `trust_coefficient` of the size of its values.
    ///
    /// ```text
    /// g = gradient + weight_decay * p
    /// q = trust_coefficient * norm(p) / (norm(g) + eps), both over the tensor; 1 if one of them is 0
    /// u = lr * q * g
    /// b = u + momentum * b
    /// p -= nesterov ? u + momentum * b : b
    /// ```
    ///
    /// Sources: You, Gitman and Ginsburg, "Large batch training of convolutional networks", arXiv 1708.03888, algorithm 1, as in optax's `lars`: `lr` is
    /// inside `b`, so a later `lr` acts with delay, and the decay is in the gradient whose norm is taken. (pytorch_optimizer takes the norm before the
    /// decay: 1e-2 of the displacement apart after 20 steps; apex's and torchvision's LARC have `norm(g) + weight_decay * norm(p)` there.) optax keeps `-b`.
    ///
    /// Tensors of any shape are treated alike, scalars too. Biases that are to be neither scaled nor decayed are another group, with
    /// [`Sgd`](crate::Sgd) for their rule. A tensor of zeros moves by `lr * g`, which is much more than later steps are.
    ///
    /// A gradient that is NaN or infinite makes all of its tensor NaN, by the norm. A gradient whose norm is beyond f32 moves nothing, as an infinite norm would. Squares saturate ([`square`](crate::rule::square)), and so do their
    /// sums; a square below f32's normal numbers is 0, whatever the adapter makes of these.
    pub struct Lars {
        /// Learning rate.
        pub lr: f64 = 1.0, Range::NON_NEGATIVE, scheduled;
        /// L2 penalty, added to the gradient.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// By how much of its norm a tensor moves in a step of `lr` 1 without momentum.
        pub trust_coefficient: f64 = 1e-3, Range::NON_NEGATIVE;
        /// Added to the norm of the gradient.
        pub eps: f64 = 0.0, Range::NON_NEGATIVE;
        /// How much of the momentum buffer is kept.
        pub momentum: f64 = 0.9, Range::NON_NEGATIVE, scheduled;
        /// Look ahead by one more step of momentum.
        pub nesterov: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, weight_decay: F, trust_coefficient: F, eps: F, momentum: F, nesterov: u32 }
}

scalars! {
    /// Per step; `step_size` has `q` in it from the second stage on.
    pub struct Scalars<F> { step_size }
}

state! {
    /// The momentum buffer; the squared norms of the values and of the gradient.
    pub struct State<F> { b = "momentum_buffer" }
    sums { values: Sum over Tensor, gradients: Sum over Tensor }
}

impl Rule for Lars {
    const NAME: &'static str = "Lars";
    const FORMULA: &'static str = "b = lr * trust_coefficient * ‖p‖ / ‖g‖ * g + momentum * b;  p -= b";
    const WGSL: &'static str = include_str!("../../shaders/rules/lars.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "optax", name: "lars", keys: &[("learning_rate", "lr")], preset: &[] }];
    const STAGES: &'static [Stage] = &[
        Stage { sums: &["values", "gradients"], resumes: true, ..Stage::new("lars_norms").reading(true, true) },
        Stage { reads: &["b"], writes: &["b"], ..Stage::new("update").reading(true, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            weight_decay: F::of(self.weight_decay),
            trust_coefficient: F::of(self.trust_coefficient),
            eps: F::of(self.eps),
            momentum: F::of(self.momentum),
            nesterov: u32::from(self.nesterov),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, _step: F, _last: &Scalars<F>) -> Scalars<F> {
        Scalars { step_size: h.lr }
    }

    #[inline(always)]
    fn stage<F: Real>(_norms: usize, h: &Hyper<F>, _s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        state.values = normal_square(p);
        state.gradients = normal_square(penalized(gradient, p, h.weight_decay));
    }

    fn resume<F: Real>(_norms: usize, h: &Hyper<F>, _s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let is_zero = sums.values == F::zero() || sums.gradients == F::zero();
        let ratio = h.trust_coefficient * sums.values.sqrt() / (sums.gradients.sqrt() + h.eps);
        let ratio = if is_zero { F::one() } else { ratio };
        Scalars { step_size: if is_beyond(sums.gradients) { F::zero() } else { h.lr * ratio } }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let u = s.step_size * penalized(gradient, *p, h.weight_decay);
        state.b = u + h.momentum * state.b;
        *p = *p - if h.nesterov != 0 { u + h.momentum * state.b } else { state.b };
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Lars { lr: 0.5, weight_decay: 0.1, trust_coefficient: 2e-2, eps: 100.0, momentum: 0.8, ..Lars::default() };
        vec![
            ("default", Lars::default()),
            ("changed", changed),
            ("nesterov", Lars { nesterov: true, ..changed }),
            ("plain", Lars { momentum: 0.0, weight_decay: 0.0, ..changed }),
        ]
    }
}
