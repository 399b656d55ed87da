//! NovoGrad: momentum over gradients that are divided by the root of a mean square, of which each tensor has one.

use crate::rule::{KnownAs, Range, Real, Rule, Stage, is_beyond, moving_average, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// NovoGrad: the gradient of each tensor over the root of the mean of its squared norms, with momentum.
    ///
    /// ```text
    /// n = norm(g)^2 over the tensor
    /// nu = t > 1 ? beta2 * nu + (1 - beta2) * n : n
    /// m = beta1 * m + g / (sqrt(nu + eps_root) + eps) + weight_decay * p
    /// p -= lr * m
    /// ```
    ///
    /// Sources: Ginsburg et al., arXiv 1905.11286, algorithm 1, as in optax's `novograd`: there is no `1 - beta1`, and the decay is inside `m`. (The defaults
    /// of pytorch_optimizer's differ; apex keeps the norm, not its square, and corrects both means for their start.) `nu` is a number of the tensor, not a
    /// state tensor: [`Optimizer::read_scalars`](crate::Optimizer::read_scalars) has it.
    ///
    /// Tensors of any shape are treated alike, scalars too. A zero gradient leaves the decay and what is left of `m`; with `eps = eps_root = 0` a tensor becomes
    /// NaN, where `nu` is 0 or below f32's normal numbers. A gradient that is NaN or infinite makes all of its tensor NaN, by the norm. One whose norm is beyond f32 counts as 0 in `m`. `g^2` saturates
    /// ([`square`](crate::rule::square)), and so does its sum.
    pub struct NovoGrad {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// How much of the momentum buffer is kept.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of the squared norms.
        pub beta2: f64 = 0.25, Range::BELOW_ONE;
        /// Added to the denominator.
        pub eps: f64 = 1e-6, Range::NON_NEGATIVE;
        /// Added under the root.
        pub eps_root: f64 = 0.0, Range::NON_NEGATIVE;
        /// How much of the values is added to the divided gradient.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group; `rest2` is `1 - beta2`.
    pub struct Hyper<F> { lr: F, beta1: F, rest2: F, eps: F, eps_root: F, weight_decay: F }
}

scalars! {
    /// Per step; `nu` is that of the last one until the norm is there, and `weight` is how much of the new one enters: all at the first.
    pub struct Scalars<F> { nu, weight, denominator }
}

state! {
    /// The momentum buffer; the squared norm of the gradient.
    pub struct State<F> { m = "mu" }
    sums { squares: Sum over Tensor }
}

impl Rule for NovoGrad {
    const NAME: &'static str = "NovoGrad";
    const FORMULA: &'static str = "m = beta1 * m + g / (√mean(‖g‖²) + eps) + weight_decay * p;  p -= lr * m";
    const WGSL: &'static str = include_str!("../../shaders/rules/novograd.wgsl");
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "optax", name: "novograd", keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")], preset: &[] }];
    const STAGES: &'static [Stage] = &[
        Stage { sums: &["squares"], resumes: true, ..Stage::new("novograd_norm").reading(true, false) },
        Stage { reads: &["m"], writes: &["m"], ..Stage::new("update").reading(true, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: F::of(self.beta1),
            rest2: F::of(1.0 - self.beta2),
            eps: F::of(self.eps),
            eps_root: F::of(self.eps_root),
            weight_decay: F::of(self.weight_decay),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        Scalars { nu: last.nu, weight: if step <= F::one() { F::one() } else { h.rest2 }, denominator: F::one() }
    }

    #[inline(always)]
    fn stage<F: Real>(_norm: usize, _h: &Hyper<F>, _s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        state.squares = square(gradient);
    }

    fn resume<F: Real>(_norm: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let nu = moving_average(s.nu, sums.squares, F::one() - s.weight, s.weight);
        let denominator = if is_beyond(sums.squares) { -F::one() } else { (nu + h.eps_root).sqrt() + h.eps };
        Scalars { nu, denominator, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let a = if s.denominator < F::zero() { F::zero() } else { gradient / s.denominator };
        state.m = h.beta1 * state.m + penalized(a, *p, h.weight_decay);
        *p = *p - h.lr * state.m;
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = NovoGrad { lr: 2e-2, beta1: 0.8, beta2: 0.6, eps: 100.0, eps_root: 1e6, weight_decay: 0.1 };
        vec![
            ("default", NovoGrad::default()),
            ("changed", changed),
            ("slow", NovoGrad { beta2: 0.98, eps_root: 0.0, ..changed }),
            ("memoryless", NovoGrad { beta1: 0.0, beta2: 0.0, ..changed }),
        ]
    }
}
