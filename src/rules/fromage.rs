//! Fromage: gradient descent in which a tensor turns by an angle.

use crate::rule::{KnownAs, Range, Real, Rule, Stage, at_least, is_beyond, penalized, saturated, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Fromage: each tensor moves against its gradient by `lr` of its norm, and shrinks so that the step does not make it longer. It keeps nothing.
    ///
    /// ```text
    /// k = 1 / sqrt(1 + lr^2)
    /// q = max(norm(p), min_norm) / max(norm(g), min_norm), both over the tensor
    /// p -= lr * k * q * g + (1 - k) * p
    /// ```
    ///
    /// Sources: Bernstein et al., "On the distance between two neural networks and the stability of learning", arXiv 2002.03432, algorithm 1, as in optax's
    /// `fromage`. `1 - k` is computed as `lr^2 / (1 + lr^2 + sqrt(1 + lr^2))`: the difference would lose all digits of a small `lr`.
    ///
    /// Tensors of any shape are treated alike, scalars too. A zero gradient still shrinks the values, and a tensor of zeros creeps, by `lr * min_norm` at
    /// most. A gradient whose squares are below f32's least number counts as one of norm 0; one that is NaN or infinite makes all of its tensor NaN, by
    /// the norm. One whose norm is beyond f32 leaves the shrinking alone. Squares saturate ([`square`](crate::rule::square)), and so do their sums.
    pub struct Fromage {
        /// Learning rate: the tangent of the angle by which a tensor turns at most.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// Norms are taken to be no less than this.
        pub min_norm: f64 = 1e-6, Range::open(0.0, f64::INFINITY);
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, min_norm: F }
}

scalars! {
    /// Per step; `step_size` has the ratio of the norms in it from the second stage on. `shrink` is `1 - k`.
    pub struct Scalars<F> { step_size, shrink }
}

state! {
    /// Nothing but the squared norms of the values and of the gradient.
    pub struct State<F> {}
    sums { values: Sum over Tensor, gradients: Sum over Tensor }
}

impl Rule for Fromage {
    const NAME: &'static str = "Fromage";
    const FORMULA: &'static str = "p = (p - lr * ‖p‖ / ‖g‖ * g) / √(1 + lr²)";
    const WGSL: &'static str = include_str!("../../shaders/rules/fromage.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "optax", name: "fromage", keys: &[("learning_rate", "lr")], preset: &[] }];
    const STAGES: &'static [Stage] = &[
        Stage { sums: &["values", "gradients"], resumes: true, ..Stage::new("fromage_norms").reading(true, true) },
        Stage::new("update").reading(true, true),
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr), min_norm: F::of(self.min_norm) }
    }

    fn prepare<F: Real>(h: &Hyper<F>, _step: F, _last: &Scalars<F>) -> Scalars<F> {
        let squared = square(h.lr);
        let length = (F::one() + squared).sqrt();
        Scalars { step_size: h.lr / length, shrink: squared / (F::one() + squared + length) }
    }

    #[inline(always)]
    fn stage<F: Real>(_norms: usize, _h: &Hyper<F>, _s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        state.values = square(p);
        state.gradients = square(gradient);
    }

    fn resume<F: Real>(_norms: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let values = at_least(sums.values.sqrt(), h.min_norm);
        let gradients = at_least(sums.gradients.sqrt(), h.min_norm);
        let ratio = saturated(values / gradients);
        Scalars { step_size: if is_beyond(sums.gradients) { F::zero() } else { s.step_size * ratio }, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(_h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, _state: &mut State<F>) {
        *p = *p - penalized(s.step_size * gradient, *p, s.shrink);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        vec![("default", Fromage::default()), ("changed", Fromage { lr: 0.5, min_norm: 100.0 }), ("short", Fromage { lr: 1e-3, min_norm: 0.3 })]
    }
}
