//! LAMB: Adam's step, scaled to the size of each tensor.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, Stage, bias_correction, decayed_average, normal_square, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// LAMB: Adam's step, of each tensor, scaled to `lr` of the size of its values.
    ///
    /// ```text
    /// m = beta1 * m + (1 - beta1) * g;   v = beta2 * v + (1 - beta2) * g^2
    /// u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t) + eps_root) + eps) + weight_decay * p
    /// q = norm(p) / norm(u), both over the tensor; 1 if one of them is 0
    /// p -= lr * q * u
    /// ```
    ///
    /// Sources: You et al., "Large batch optimization for deep learning", arXiv 1904.00962, algorithm 2, as in optax's `lamb`: the norm of the values is taken
    /// as it is, not limited to 10, and both means are corrected for their start. The decay is a part of `u`, so `q` applies to it too. (apex and
    /// pytorch_optimizer differ in all of this.)
    ///
    /// Tensors of any shape are treated alike, scalars too; biases go without decay only in a group without it
    /// ([`Group::decay_matrices_only`](crate::Group::decay_matrices_only)). A tensor of zeros moves by `lr * u`.
    ///
    /// A gradient that is NaN or infinite makes all of its tensor NaN, by the norm of `u`. A zero gradient with `eps = eps_root = 0` at the first step does
    /// so too. `g^2`, `u^2` and `p^2` saturate ([`square`](crate::rule::square)), and so do their sums. A `u^2` or `p^2` below f32's normal numbers is 0, whatever
    /// the adapter makes of these.
    pub struct Lamb {
        /// Learning rate: by how much of its norm a tensor moves in each step.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the denominator.
        pub eps: f64 = 1e-6, Range::NON_NEGATIVE;
        /// Added under the root.
        pub eps_root: f64 = 0.0, Range::NON_NEGATIVE;
        /// How much of the values is added to the step before it is scaled.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, eps_root: F, weight_decay: F }
}

scalars! {
    /// Per step; `step_size` and `decay` have `q` in them from the second stage on. `root` is `eps_root * (1 - beta2^t)`.
    pub struct Scalars<F> { inverse1, inverse_root2, root, step_size, decay }
}

state! {
    /// The means of the gradient and of its square; the squared norms of the values and of the step.
    pub struct State<F> { m = "mu", v = "nu" }
    sums { values: Sum over Tensor, updates: Sum over Tensor }
}

/// Adam's step.
#[inline(always)]
fn lamb_step<F: Real>(h: &Hyper<F>, s: &Scalars<F>, state: &State<F>) -> F {
    let denominator = (state.v + s.root).sqrt() * s.inverse_root2 + h.eps;
    s.inverse1 * (state.m / denominator)
}

impl Rule for Lamb {
    const NAME: &'static str = "Lamb";
    const FORMULA: &'static str = "u = m̂ / (√v̂ + eps) + weight_decay * p;  p -= lr * ‖p‖ / ‖u‖ * u";
    const WGSL: &'static str = include_str!("../../shaders/rules/lamb.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "optax", name: "lamb", keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")], preset: &[] }];
    const STAGES: &'static [Stage] = &[
        Stage {
            reads: &["m", "v"],
            writes: &["m", "v"],
            sums: &["values", "updates"],
            resumes: true,
            ..Stage::new("moments").reading(true, true)
        },
        Stage { reads: &["m", "v"], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            eps: F::of(self.eps),
            eps_root: F::of(self.eps_root),
            weight_decay: F::of(self.weight_decay),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let bias_correction1 = bias_correction(h.beta1, step);
        let bias_correction2 = bias_correction(h.beta2, step);
        Scalars {
            inverse1: F::one() / bias_correction1,
            inverse_root2: bias_correction2.sqrt().recip(),
            root: h.eps_root * bias_correction2,
            step_size: h.lr,
            decay: h.lr * h.weight_decay,
        }
    }

    #[inline(always)]
    fn stage<F: Real>(_moments: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        state.m = decayed_average(state.m, gradient, h.beta1);
        state.v = decayed_average(state.v, square(gradient), h.beta2);
        state.values = normal_square(p);
        state.updates = normal_square(penalized(lamb_step(h, s, state), p, h.weight_decay));
    }

    fn resume<F: Real>(_moments: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let is_zero = sums.values == F::zero() || sums.updates == F::zero();
        let ratio = if is_zero { F::one() } else { sums.values.sqrt() / sums.updates.sqrt() };
        Scalars { step_size: h.lr * ratio, decay: h.lr * ratio * h.weight_decay, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        *p = *p - penalized(s.step_size * lamb_step(h, s, state), *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Lamb { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, eps_root: 1e-4, weight_decay: 0.1 };
        vec![("default", Lamb::default()), ("changed", changed), ("forgetful", Lamb { beta1: 0.5, beta2: 0.6, eps_root: 0.0, ..changed })]
    }
}
