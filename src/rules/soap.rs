//! SOAP: Adam in the eigenbasis of Shampoo's matrices.

use crate::rule::{Beta, KnownAs, Product, Range, Real, Rule, Stage, bias_correction, normal_square, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// SOAP: Adam, run in the eigenbasis of the gradient's own products along each axis.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient
    /// first step:    S_i = (1 - shampoo_beta) * G_i G_i^T for each axis i;   Q_i = eigenvectors of S_i by falling eigenvalues;   nothing moves
    /// step k + 1:    r = g turned by Q_i^T along each axis
    ///                m = beta1 * m + (1 - beta1) * r;   v = beta2 * v + (1 - beta2) * r^2
    ///                u = m / (sqrt(v) + eps), turned back by Q_i;   normalize_grads:  u = u / (1e-30 + rms(u))
    ///                p -= lr * sqrt(1 - beta2^k) / (1 - beta1^k) * u;   p -= lr * weight_decay * p
    ///                S_i = shampoo_beta * S_i + (1 - shampoo_beta) * G_i G_i^T
    ///                every `every` steps:   columns of Q_i, and with them v, sorted by falling diagonals of Q_i^T S_i Q_i;
    ///                                       Q_i = orthogonal factor of S_i Q_i;   m in the new basis
    /// ```
    ///
    /// G_i is g as a matrix whose rows are the indices of axis i. A convolution's kernel of four dimensions has four Q_i, as in the source without `merge_dims`.
    ///
    /// Source: Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam" (arXiv 2409.11321), in the form of the authors' `soap.py` (a1e5535), whose defaults these are, but for `max_dim`: theirs is 10000. `normalize_grads`, `correct_bias` and
    /// `precondition_1d` are its own. Where it turns m back and forth in each step, which lets its rounding into directions where v is near 0, m stays in the basis here, and changes it when the basis changes.
    ///
    /// **Steps.** The first step of a parameter finds the basis, and moves nothing; its step count is 1 all the same. The authors' stays 0, so their step k is our step k + 1, as schedules and reports count.
    ///
    /// **Axes without a matrix.** An axis of more than `max_dim` indices has none and is not turned. A vector has none either, unless `precondition_1d`. What has no matrix runs Adam. Those of a parameter take `8 * sum(n_i^2)` bytes, and have to fit in
    /// a binding.
    ///
    /// **The basis** is found by Jacobi's rotations, once, and renewed by one product and by Gram and Schmidt's method, in panels of 32 columns that workgroups share. The rotations of a matrix are the work of one workgroup, and grow with the cube of its size: those of 128
    /// indices take a second on llvmpipe, and no card has timed them. An axis with more indices than elements share one has more
    /// directions than the first gradient; which basis these get is as arbitrary as it is for the authors, and differs from device to device.
    ///
    /// `max_dim` and `precondition_1d` stay as they are in a running optimizer. m and v are of f32, whatever [`StateStorage`](crate::StateStorage) says.
    ///
    /// A gradient that is NaN or infinite makes NaN of what shares an index with it along an axis with a Q_i.
    pub struct Soap {
        /// Learning rate.
        pub lr: f64 = 3e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the turned gradient.
        pub beta1: f64 = 0.95, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.95, Range::BELOW_ONE;
        /// Decay of S_i; below 0: `beta2`.
        pub shampoo_beta: f64 = -1.0, Range::open(-2.0, 1.0);
        /// Added to the root.
        pub eps: f64 = 1e-8, Range::open(0.0, f64::INFINITY);
        /// Each step shrinks the values by `lr * weight_decay`, after the update.
        pub weight_decay: f64 = 0.01, Range::NON_NEGATIVE, scheduled;
        /// Steps from one renewal of the basis to the next; a fraction is cut off.
        pub every: f64 = 10.0, Range::AT_LEAST_ONE;
        /// The most indices of an axis that has a matrix.
        pub max_dim: f64 = 1024.0, Range::AT_LEAST_ONE;
        /// Vectors have a matrix too.
        pub precondition_1d: bool = false, Range::UNIT;
        /// Divide the update by its root mean square.
        pub normalize_grads: bool = false, Range::UNIT;
        /// Divide both means by their sums of weights.
        pub correct_bias: bool = true, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `shampoo_beta` and `shampoo_rest` are how much S_i keeps and takes.
    pub struct Hyper<F> {
        lr: F, weight_decay: F, beta1: Beta<F>, beta2: Beta<F>, shampoo_beta: F, shampoo_rest: F, eps: F, every: F, normalize: F, correct: F, sign: F,
    }
}

scalars! {
    /// Per step: how much of the turned gradient and of its square the means take; the sizes of step and decay; how much of S_i is kept, of the products added, and of the diagonal; whether it is the first step; whether a renewal is
    /// due, and steps since there was one.
    pub struct Scalars<F> { take1, take2, step_size, decay, keep, add, ridge, first, due, since }
}

state! {
    /// The means in the basis; S_i and Q_i of all axes; the gradient, and what becomes of it; the mean of its square.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq", s: Squares = "GG", q: Squares = "eigenbasis", direction = "" }
    sums { mean_square: Mean over Tensor }
}

const GRADIENT: usize = 0;
const MOMENTS: usize = 1;

impl Rule for Soap {
    const NAME: &'static str = "Soap";
    const FORMULA: &'static str = "r = Q^T g;  m, v of r as Adam;  p -= lr * Q (m / (√v + eps))";
    const WGSL: &'static str = include_str!("../../shaders/rules/soap.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs {
        framework: "SOAP",
        name: "SOAP",
        keys: &[("precondition_frequency", "every"), ("max_precond_dim", "max_dim")],
        preset: &[("max_dim", 10000.0)],
    }];
    const FIXED: &'static [&'static str] = &["max_dim", "precondition_1d"];
    const STAGES: &'static [Stage] = &[
        Stage {
            writes: &["direction"],
            products: &[
                Product::Gram { of: "direction", into: "s", keep: "keep", add: "add", ridge: "ridge" },
                Product::Basis { of: "s", into: "q", when: "first" },
                Product::Turn { of: "direction", by: "q", back: false },
            ],
            ..Stage::new("soap_gradient").reading(true, false)
        },
        Stage {
            reads: &["m", "v", "direction"],
            writes: &["m", "v", "direction"],
            products: &[
                Product::Turn { of: "direction", by: "q", back: true },
                Product::Renew { of: "s", basis: "q", turned: "m", sorted: "v", when: "due" },
            ],
            ..Stage::new("soap_moments")
        },
        Stage { reads: &["direction"], sums: &["mean_square"], resumes: true, ..Stage::new("soap_norm") },
        Stage { reads: &["direction"], writes: &[], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let flag = |flag: bool| F::of(f64::from(u8::from(flag)));
        let shampoo_beta = if self.shampoo_beta < 0.0 { self.beta2 } else { self.shampoo_beta };
        Hyper {
            lr: F::of(self.lr),
            weight_decay: F::of(self.weight_decay),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            shampoo_beta: F::of(shampoo_beta),
            shampoo_rest: F::of(1.0 - shampoo_beta),
            eps: F::of(self.eps),
            every: F::of(self.every.floor()),
            normalize: flag(self.normalize_grads),
            correct: flag(self.correct_bias),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let (zero, one) = (F::zero(), F::one());
        let (first, since) = (step <= one, last.since + one);
        // Whole numbers, but for rounding.
        let due = !first && since + F::of(0.5) > h.every;
        // In the first step, nothing has been averaged.
        let k = if first { one } else { step - one };
        let corrected = h.lr * bias_correction(h.beta2, k).sqrt() / bias_correction(h.beta1, k);
        let corrected = if h.correct > zero { corrected } else { h.lr };
        Scalars {
            take1: if first { zero } else { h.beta1.rest },
            take2: if first { zero } else { h.beta2.rest },
            step_size: if first { zero } else { corrected },
            decay: if first { zero } else { h.lr * h.weight_decay },
            keep: h.shampoo_beta,
            add: h.shampoo_rest,
            ridge: zero,
            first: if first { one } else { zero },
            due: if due { one } else { zero },
            since: if first || due { zero } else { since },
        }
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        match stage {
            GRADIENT => state.direction = h.sign * gradient,
            MOMENTS => {
                // In the first step both stay 0.
                state.m = state.m + s.take1 * (state.direction - state.m);
                state.v = state.v + s.take2 * (square(state.direction) - state.v);
                state.direction = state.m / (state.v.sqrt() + h.eps);
            }
            _norm => state.mean_square = normal_square(state.direction),
        }
    }

    fn resume<F: Real>(_norm: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let root = F::of(1e-30) + sums.mean_square.sqrt();
        Scalars { step_size: if h.normalize > F::zero() { s.step_size / root } else { s.step_size }, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(_h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        let moved = *p - s.step_size * state.direction;
        *p = moved - penalized(F::zero(), moved, s.decay);
    }

    fn uses(&self, state: &str) -> bool {
        state != "mean_square" || self.normalize_grads
    }

    fn has_square(&self, dimensions: usize, size: usize) -> bool {
        (dimensions > 1 || (self.precondition_1d && dimensions == 1)) && size as f64 <= self.max_dim.floor()
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let own = Soap { lr: 2e-2, beta1: 0.8, beta2: 0.9, eps: 1e-3, weight_decay: 0.3, every: 2.0, ..Soap::default() };
        vec![
            ("default", Soap::default()),
            ("often", Soap { every: 1.0, shampoo_beta: 0.7, ..own }),
            ("plain", Soap { correct_bias: false, maximize: true, every: 3.0, ..own }),
            ("normalized", Soap { normalize_grads: true, ..own }),
            // Which basis a vector's null space gets is arbitrary.
            ("vectors", Soap { precondition_1d: true, max_dim: 1.0, ..own }),
            ("one-sided", Soap { max_dim: 20.0, ..own }),
        ]
    }
}
