//! MARS: AdamW and Lion by gradients from which a part of their noise is taken, by how they changed since the last step.

use crate::rule::{Extents, Beta, KnownAs, Range, Real, Rule, Stage, at_least, bias_correction, decayed_average, is_beyond, larger, penalized, saturated, sign_of, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// MARS-AdamW: AdamW by corrected gradients for matrices, and plain AdamW with settings of its own for all other tensors.
    ///
    /// ```text
    /// tensors of exactly two dimensions, and all if optimize_1d:
    ///   c = g + gamma * beta1 / (1 - beta1) * (g - last);   last = g          (last is 0 at first)
    ///   c = c / max(1, norm(c)), over the tensor
    ///   m = beta1 * m + (1 - beta1) * c;   v = beta2 * v + (1 - beta2) * c^2
    ///   p -= lr * (m / (1 - beta1^t) / (sqrt(s) / sqrt(1 - beta2^t) + eps) + weight_decay * p),   s = amsgrad ? max of v so far : v
    /// all others: the same with c = g, lr_1d, beta1_1d, beta2_1d and weight_decay_1d
    /// ```
    ///
    /// Sources: Yuan et al., "MARS: unleashing the power of variance reduction for training large models", arXiv 2411.10438, algorithm 2 with the gradient of
    /// the last step in place of this batch's at the last values ("MARS-approx"), as in the authors' `mars.py`. There `lr_1d` is a factor of `lr`, fixed when the
    /// optimizer is made; here it is a learning rate with a schedule of its own. (pytorch_optimizer counts tensors of three dimensions and more as matrices
    /// too.) Their `last` is an alias of the gradient and wrong where that is zeroed in place; here it is a copy.
    ///
    /// A zero gradient leaves the decay and what is left of `m`, and where `c` is formed, pushes back once by a part of the last gradient. One that is NaN or infinite makes all of a corrected tensor NaN, by the norm, and its element
    /// elsewhere. A `c` whose norm is beyond f32 counts as 0. `c` and squares saturate ([`square`](crate::rule::square)). With `eps = 0`, a zero gradient at the first step gives NaN. Each tensor
    /// keeps `last`, corrected or not.
    pub struct MarsAdamW {
        /// Learning rate of corrected tensors.
        pub lr: f64 = 3e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the corrected gradient.
        pub beta1: f64 = 0.95, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.99, Range::BELOW_ONE;
        /// Added to the denominator, of all tensors.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// Each step shrinks the values of corrected tensors by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// How much of the gradient's change is added to it, in units of `beta1 / (1 - beta1)`.
        pub gamma: f64 = 0.025, Range::NON_NEGATIVE;
        /// Divide by the largest mean square so far.
        pub amsgrad: bool = false, Range::UNIT;
        /// Correct the gradients of all tensors, whatever their shape.
        pub optimize_1d: bool = false, Range::UNIT;
        /// Learning rate of the other tensors, which `Param::lr_scale` multiplies too. A schedule of `lr` does not reach it: it has its own.
        pub lr_1d: f64 = 3e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of their gradient.
        pub beta1_1d: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2_1d: f64 = 0.95, Range::BELOW_ONE;
        /// Each step shrinks their values by `lr_1d * weight_decay_1d`.
        pub weight_decay_1d: f64 = 0.1, Range::NON_NEGATIVE, scheduled;
    }
}

hyper_parameters! {
    /// MARS-Lion: [`MarsAdamW`] in which corrected tensors move by the sign of the mean.
    ///
    /// ```text
    /// tensors of exactly two dimensions, and all if optimize_1d: c as there;
    ///   m = beta1 * m + (1 - beta1) * c;   p -= lr * (sign(m) + weight_decay * p)
    /// all others: AdamW with lr_1d, beta1_1d, beta2_1d, eps and weight_decay_1d
    /// ```
    ///
    /// Sources: as there, algorithm 3; `mars_type="mars-lion"` in the authors' `mars.py`. `sign(0)` is 0.
    pub struct MarsLion {
        /// Learning rate of corrected tensors.
        pub lr: f64 = 3e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the corrected gradient.
        pub beta1: f64 = 0.95, Range::BELOW_ONE;
        /// Each step shrinks the values of corrected tensors by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// How much of the gradient's change is added to it, in units of `beta1 / (1 - beta1)`.
        pub gamma: f64 = 0.025, Range::NON_NEGATIVE;
        /// Correct the gradients of all tensors, whatever their shape.
        pub optimize_1d: bool = false, Range::UNIT;
        /// Learning rate of the other tensors, which `Param::lr_scale` multiplies too. A schedule of `lr` does not reach it: it has its own.
        pub lr_1d: f64 = 3e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of their gradient.
        pub beta1_1d: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2_1d: f64 = 0.95, Range::BELOW_ONE;
        /// Added to their denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// Each step shrinks their values by `lr_1d * weight_decay_1d`.
        pub weight_decay_1d: f64 = 0.1, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group; `correction` is `gamma * beta1 / (1 - beta1)`.
    pub struct Hyper<F> {
        lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, weight_decay: F, correction: F, is_lion: u32,
        optimize_1d: u32, lr_1d: F, beta1_1d: Beta<F>, beta2_1d: Beta<F>, weight_decay_1d: F,
    }
}

scalars! {
    /// Per step: those of the other tensors, and, from the second stage on, those of a corrected one, which `corrects`, that is 1 then, says.
    pub struct Scalars<F> { step_size, inverse_root2, decay, clip, corrects, corrected_step_size, corrected_inverse_root2 }
}

state! {
    /// The means, and the last gradient; the squared norm of the corrected gradient; 1 in matrices. `max_v` only with `amsgrad`.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq", last = "last_grad", max_v = "max_exp_avg_sq" }
    sums { squares: Sum over Tensor, matrix: Mean over Tensor }
}

/// The gradient and a part of its change.
#[inline(always)]
fn mars_gradient<F: Real>(h: &Hyper<F>, g: F, last: F) -> F {
    saturated(g + h.correction * (g - last))
}

impl Rule for MarsAdamW {
    const NAME: &'static str = "MarsAdamW";
    const FORMULA: &'static str = "c = g + gamma * beta1 / (1 - beta1) * (g - last);  p -= lr * (m̂(c) / (√v̂(c) + eps) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/mars.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v", "max_v"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "MARS", name: "MARS", keys: &[("betas_1d", "beta1_1d, beta2_1d")], preset: &[] }];
    const LEARNING_RATES: &'static [&'static str] = &["lr", "lr_1d"];
    const STAGES: &'static [Stage] = &[
        Stage { reads: &["last"], sums: &["squares", "matrix"], resumes: true, ..Stage::new("mars_norm").reading(true, false) },
        Stage {
            reads: &["m", "v", "last", "max_v"],
            writes: &["m", "v", "last", "max_v"],
            ..Stage::new("update").reading(true, true)
        },
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
            weight_decay: F::of(self.weight_decay),
            correction: F::of(self.gamma * self.beta1 / (1.0 - self.beta1)),
            is_lion: 0,
            optimize_1d: u32::from(self.optimize_1d),
            lr_1d: F::of(self.lr_1d),
            beta1_1d: Beta::of(self.beta1_1d),
            beta2_1d: Beta::of(self.beta2_1d),
            weight_decay_1d: F::of(self.weight_decay_1d),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let corrected_step_size = if h.is_lion != 0 { h.lr } else { h.lr / bias_correction(h.beta1, step) };
        Scalars {
            step_size: h.lr_1d / bias_correction(h.beta1_1d, step),
            inverse_root2: bias_correction(h.beta2_1d, step).sqrt().recip(),
            decay: h.lr_1d * h.weight_decay_1d,
            clip: F::one(),
            corrects: F::zero(),
            corrected_step_size,
            corrected_inverse_root2: bias_correction(h.beta2, step).sqrt().recip(),
        }
    }

    #[inline(always)]
    fn stage<F: Real>(_norm: usize, h: &Hyper<F>, _s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        state.squares = square(mars_gradient(h, gradient, state.last));
        state.matrix = F::one();
    }

    fn resume<F: Real>(_norm: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        if h.optimize_1d == 0 && sums.matrix == F::zero() {
            return *s;
        }
        Scalars {
            step_size: s.corrected_step_size,
            inverse_root2: s.corrected_inverse_root2,
            decay: h.lr * h.weight_decay,
            clip: if is_beyond(sums.squares) { F::zero() } else { at_least(sums.squares.sqrt(), F::one()).recip() },
            corrects: F::one(),
            ..*s
        }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let corrects = s.corrects != F::zero();
        let (beta1, beta2) = if corrects { (h.beta1, h.beta2) } else { (h.beta1_1d, h.beta2_1d) };
        let g = if corrects { s.clip * mars_gradient(h, gradient, state.last) } else { gradient };
        state.last = gradient;
        state.m = decayed_average(state.m, g, beta1);
        state.v = decayed_average(state.v, square(g), beta2);
        state.max_v = larger(state.max_v, state.v);
        let denominator = state.max_v.sqrt() * s.inverse_root2 + h.eps;
        let u = if corrects && h.is_lion != 0 { sign_of(state.m) } else { state.m / denominator };
        *p = *p - penalized(s.step_size * u, *p, s.decay);
    }

    /// Exactly two dimensions are those of a matrix.
    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        Ok(if shape.len() == 2 { shape.to_vec() } else { vec![Extents::of(shape).elements as usize] })
    }

    fn uses(&self, state: &str) -> bool {
        state != "max_v" || self.amsgrad
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        if state_or_sum == "matrix" { is_matrix } else { Rule::uses(self, state_or_sum) }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let corrected = MarsAdamW { lr: 2e-2, beta1: 0.8, beta2: 0.9, eps: 1e-4, weight_decay: 0.1, gamma: 0.3, ..MarsAdamW::default() };
        let changed = MarsAdamW { lr_1d: 1e-2, beta1_1d: 0.7, beta2_1d: 0.8, weight_decay_1d: 0.2, ..corrected };
        vec![
            ("default", MarsAdamW::default()),
            ("changed", changed),
            ("all", MarsAdamW { optimize_1d: true, ..changed }),
            ("amsgrad", MarsAdamW { amsgrad: true, ..changed }),
            ("memoryless", MarsAdamW { beta1: 0.0, beta2: 0.3, beta1_1d: 0.0, beta2_1d: 0.3, ..changed }),
        ]
    }
}

impl Rule for MarsLion {
    const NAME: &'static str = "MarsLion";
    const FORMULA: &'static str = "c = g + gamma * beta1 / (1 - beta1) * (g - last);  p -= lr * (sign(m(c)) + weight_decay * p)";
    const WGSL: &'static str = MarsAdamW::WGSL;
    const NEVER_NEGATIVE: &'static [&'static str] = MarsAdamW::NEVER_NEGATIVE;
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "MARS", name: "mars-lion", keys: &[("betas_1d", "beta1_1d, beta2_1d")], preset: &[] }];
    const LEARNING_RATES: &'static [&'static str] = MarsAdamW::LEARNING_RATES;
    const STAGES: &'static [Stage] = MarsAdamW::STAGES;
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let MarsLion { lr, beta1, weight_decay, gamma, optimize_1d, lr_1d, beta1_1d, beta2_1d, eps, weight_decay_1d } = *self;
        let corrected = MarsAdamW { lr, beta1, beta2: 0.0, weight_decay, gamma, optimize_1d, ..MarsAdamW::default() };
        let both = MarsAdamW { lr_1d, beta1_1d, beta2_1d, eps, weight_decay_1d, ..corrected };
        Hyper { is_lion: 1, ..both.hyper() }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        MarsAdamW::prepare(h, step, last)
    }

    #[inline(always)]
    fn stage<F: Real>(norm: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        MarsAdamW::stage(norm, h, s, gradient, p, state);
    }

    fn resume<F: Real>(norm: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        MarsAdamW::resume(norm, h, s, sums)
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        MarsAdamW::update(h, s, gradient, p, state);
    }

    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        MarsAdamW::default().counts_as(shape)
    }

    fn uses(&self, state: &str) -> bool {
        state != "max_v"
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        match state_or_sum {
            "matrix" => is_matrix,
            "v" => !is_matrix,
            _ => Rule::uses(self, state_or_sum),
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let corrected = MarsLion { lr: 2e-2, beta1: 0.8, weight_decay: 0.1, gamma: 0.3, ..MarsLion::default() };
        let changed = MarsLion { lr_1d: 1e-2, beta1_1d: 0.7, beta2_1d: 0.8, eps: 1e-4, weight_decay_1d: 0.2, ..corrected };
        vec![
            ("default", MarsLion::default()),
            ("changed", changed),
            ("all", MarsLion { optimize_1d: true, ..changed }),
            ("memoryless", MarsLion { beta1: 0.3, beta1_1d: 0.0, beta2_1d: 0.3, ..changed }),
        ]
    }
}
