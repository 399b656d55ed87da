//! Sophia: clipped steps by an estimate of the Hessian's diagonal.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, at_least, bias_correction, clamped, decayed_average, moving_average, penalized};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Sophia: steps by the mean of the gradient over that of the Hessian's diagonal, clipped. The caller estimates the diagonal.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient
    /// m = beta1 * m + (1 - beta1) * g
    /// p -= lr * (clamp(m / (1 - beta1^t) / max(gamma * h, eps), -clip_threshold, clip_threshold) + weight_decay * p)
    /// h = beta2 * h + (1 - beta2) * hessian_estimate                 (if t - 1 is a multiple of update_interval)
    /// ```
    ///
    /// `hessian_estimate` is a state tensor that the rule only reads. Before steps 1, `1 + update_interval`, `1 + 2 * update_interval` and so on,
    /// a pass of the caller's writes it, in the same encoder if it likes; in other steps it is not used, and may stay as it is:
    ///
    /// ```no_run
    /// # fn pass(optimizer: &wgpu_optim::Optimizer, encoder: &mut wgpu_optim::wgpu::CommandEncoder) -> wgpu_optim::Result<()> {
    /// let estimate = optimizer.state("fc1.weight", "hessian_estimate")?; // a binding, `estimate.resource()` for a bind group
    /// // ... record the pass that writes it: z * (H z) with random signs z (Hutchinson), or
    /// // rows * g * g, g being the mean gradient over rows whose labels were drawn from the model (Gauss-Newton-Bartlett) ...
    /// # let _ = estimate;
    /// optimizer.step(encoder);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What is estimated is the Hessian of what is minimized: with `maximize`, of the objective negated. Without an estimate, `h` is 0 and
    /// the steps are `lr * clip_threshold * sign(m)`.
    ///
    /// Sources: Liu et al., arXiv 2305.14342, in the form of optax's `sophia`: the mean is corrected for its start, the update uses
    /// the `h` of before, and the estimate enters at the first step. pytorch_optimizer's `SophiaH` does neither of the first two, clips
    /// at 0.01 and has no `gamma`. An interval that is not whole is kept on average.
    pub struct Sophia {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.965, Range::BELOW_ONE;
        /// Decay of the mean of the estimates.
        pub beta2: f64 = 0.99, Range::BELOW_ONE;
        /// The least denominator.
        pub eps: f64 = 1e-8, Range::open(0.0, f64::INFINITY);
        /// Scales the mean of the estimates: the larger, the fewer elements are clipped.
        pub gamma: f64 = 0.01, Range::NON_NEGATIVE;
        /// The largest step of an element, in units of `lr`.
        pub clip_threshold: f64 = 1.0, Range::NON_NEGATIVE;
        /// Steps from one estimate to the next; at most 1 means every step.
        pub update_interval: f64 = 10.0, Range::open(0.0, f64::INFINITY);
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 1e-4, Range::NON_NEGATIVE, scheduled;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `rest2` is `1 - beta2`.
    pub struct Hyper<F> {
        lr: F, beta1: Beta<F>, beta2: F, rest2: F, eps: F, gamma: F, clip_threshold: F, update_interval: F, weight_decay: F, sign: F,
    }
}

scalars! {
    /// Per step: whether the estimate enters, and how many steps are `left` before it does again.
    pub struct Scalars<F> { inverse1, decay, fold, left }
}

state! {
    /// The caller writes `hessian_estimate`.
    pub struct State<F> { m = "mu", h = "nu", hessian_estimate = "hessian_estimate" }
}

impl Rule for Sophia {
    const NAME: &'static str = "Sophia";
    const FORMULA: &'static str = "p -= lr * (clamp(m̂ / max(gamma * h, eps), ±clip_threshold) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/sophia.wgsl");
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "optax", name: "sophia", keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")], preset: &[] }];
    const INPUTS: &'static [&'static str] = &["hessian_estimate"];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: F::of(self.beta2),
            rest2: F::of(1.0 - self.beta2),
            eps: F::of(self.eps),
            gamma: F::of(self.gamma),
            clip_threshold: F::of(self.clip_threshold),
            update_interval: F::of(self.update_interval.max(1.0)),
            weight_decay: F::of(self.weight_decay),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let bias_correction1 = bias_correction(h.beta1, step);
        let fold = if last.left < F::one() { F::one() } else { F::zero() };
        let left = last.left + fold * h.update_interval - F::one();
        Scalars { inverse1: bias_correction1.recip(), decay: h.lr * h.weight_decay, fold, left }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = h.sign * gradient;
        state.m = decayed_average(state.m, g, h.beta1);
        let u = state.m * s.inverse1 / at_least(h.gamma * state.h, h.eps);
        *p = *p - penalized(h.lr * clamped(u, -h.clip_threshold, h.clip_threshold), *p, s.decay);
        if s.fold != F::zero() {
            state.h = moving_average(state.h, state.hessian_estimate, h.beta2, h.rest2);
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Sophia { lr: 2e-2, beta1: 0.8, beta2: 0.7, eps: 0.5, gamma: 0.1, weight_decay: 0.1, ..Sophia::default() };
        vec![
            ("default", Sophia::default()),
            ("changed", Sophia { clip_threshold: 0.7, ..changed }),
            ("often", Sophia { update_interval: 3.0, maximize: true, ..changed }),
        ]
    }
}
