//! Shampoo: the gradient times an inverse root of what it was along each axis.

use crate::rule::{KnownAs, Product, Range, Real, Rule, Stage, penalized};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Shampoo: steps along the gradient, preconditioned by an inverse root of its own products along each axis.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p   (coupled)   or   p -= lr * weight_decay * p   (decoupled)
    /// for each axis i:   P_i = P_i + G_i G_i^T,  matrix_eps * I before the first step
    /// every `every` steps:   R_i = P_i^(-1 / (2 k));   R_i = 0 before
    /// p -= lr * g turned by R_i along each axis
    /// ```
    ///
    /// G_i is g as a matrix whose rows are the indices of axis i; k is the number of axes that have a P_i. Of a matrix, P_0 is `G G^T` and P_1 is `G^T G`, both to the power -1/4; of a vector
    /// the rule is Adagrad with a full matrix. A convolution's kernel of four dimensions has four P_i, as in the source.
    ///
    /// Sources: Gupta, Koren and Singer, "Shampoo: preconditioned stochastic tensor optimization" (ICML 2018), algorithm 2, in the form of pytorch_optimizer 4.1.0's `Shampoo` with
    /// `momentum=0`. Its momentum blends the last preconditioned update into the next gradient, which no paper has and this rule has not either. Nor has it the grafting, the blocks and the moving averages of Meta's
    /// DistributedShampoo.
    ///
    /// **Axes without a matrix.** An axis of more than `max_dim` indices has none: it is left as it is, and k does not count it. So a large embedding is preconditioned along its columns alone, to the power -1/2. A
    /// tensor whose axes are all larger, or which has no axis, moves by `lr * g`. Those of a parameter take `8 * sum(n_i^2)` bytes, and have to fit in a binding.
    ///
    /// **Roots** are found by products alone: an iteration of Newton's method, some sixty products of squares, whatever their size, which workgroups share; so a step records some sixty dispatches, which return at once where no root is due. Each
    /// product takes as many operations as the cube of the axis has; for large axes, a larger `every` pays. Beside roots from eigenvalues in f32, rounding is about three times as large, and within what recorded runs of PyTorch have. An
    /// eigenvalue that is 0 counts as 2^-22 to 2^-23 of the norm of P_i (the root of the sum of its squares), since in f32 what is smaller is rounding; what is above 2^-16 of the norm is off by 1e-6 at most for that. In scratch memory, which all tensors share, a root
    /// takes `20 n_i^2` bytes while it is found.
    ///
    /// `max_dim` stays as it is in a running optimizer.
    ///
    /// A gradient that is NaN or infinite makes NaN of what shares an index with it along an axis with a P_i, at once or in the next step. Numbers of P_i grow to 1e34 and no further, so that finite gradients of any size make no NaN.
    pub struct Shampoo {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// L2 penalty, added to the gradient; decoupled from it if `decoupled_weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// What each P_i has on its diagonal before the first step.
        pub matrix_eps: f64 = 1e-6, Range::open(0.0, f64::INFINITY);
        /// Steps from one root to the next; a fraction is cut off. Until the first one, values only decay.
        pub every: f64 = 1.0, Range::AT_LEAST_ONE;
        /// The most indices of an axis that has a matrix.
        pub max_dim: f64 = 1024.0, Range::AT_LEAST_ONE;
        /// Shrink the values by `lr * weight_decay` instead of adding the penalty to the gradient.
        pub decoupled_weight_decay: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, coupled_decay: F, decoupled_decay: F, matrix_eps: F, every: F, sign: F }
}

scalars! {
    /// Per step: the sizes of step and decay; how much of P_i is kept, of the products added, and of the diagonal; whether roots are due, and steps since they were.
    pub struct Scalars<F> { step_size, decay, keep, add, ridge, due, since }
}

state! {
    /// P_i and R_i of all axes; the gradient, and what the products make of it.
    pub struct State<F> { preconditioner: Squares = "pre_cond", root: Squares = "inv_pre_cond", direction = "" }
}

impl Rule for Shampoo {
    const NAME: &'static str = "Shampoo";
    const FORMULA: &'static str = "P_i += G_i G_i^T;  p -= lr * P_0^(-1/4) G P_1^(-1/4)";
    const WGSL: &'static str = include_str!("../../shaders/rules/shampoo.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs {
        framework: "pytorch_optimizer",
        name: "Shampoo",
        keys: &[("preconditioning_compute_steps", "every"), ("weight_decouple", "decoupled_weight_decay")],
        preset: &[],
    }];
    const FIXED: &'static [&'static str] = &["max_dim"];
    const STAGES: &'static [Stage] = &[
        Stage {
            writes: &["direction"],
            products: &[
                Product::Gram { of: "direction", into: "preconditioner", keep: "keep", add: "add", ridge: "ridge" },
                Product::Root { of: "preconditioner", into: "root", when: "due" },
                Product::Turn { of: "direction", by: "root", back: true },
            ],
            ..Stage::new("shampoo_gradient").reading(true, true)
        },
        Stage { reads: &["direction"], writes: &[], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let decay = |decoupled| if self.decoupled_weight_decay == decoupled { self.weight_decay } else { 0.0 };
        Hyper {
            lr: F::of(self.lr),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            matrix_eps: F::of(self.matrix_eps),
            every: F::of(self.every.floor()),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let (since, first) = (last.since + F::one(), step <= F::one());
        // Whole numbers, but for rounding.
        let due = since + F::of(0.5) > h.every;
        Scalars {
            step_size: h.lr,
            decay: h.lr * h.decoupled_decay,
            keep: F::one(),
            add: F::one(),
            ridge: if first { h.matrix_eps } else { F::zero() },
            due: if due { F::one() } else { F::zero() },
            since: if due { F::zero() } else { since },
        }
    }

    #[inline(always)]
    fn stage<F: Real>(_stage: usize, h: &Hyper<F>, _s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        state.direction = penalized(h.sign * gradient, p, h.coupled_decay);
    }

    #[inline(always)]
    fn update<F: Real>(_h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        *p = *p - penalized(s.step_size * state.direction, *p, s.decay);
    }

    fn has_square(&self, dimensions: usize, size: usize) -> bool {
        dimensions > 0 && size as f64 <= self.max_dim.floor()
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let own = Shampoo { lr: 0.1, matrix_eps: 0.5, ..Shampoo::default() };
        vec![
            ("default", Shampoo::default()),
            ("decoupled", Shampoo { weight_decay: 0.3, decoupled_weight_decay: true, maximize: true, ..own }),
            ("seldom", Shampoo { weight_decay: 0.2, every: 3.0, ..own }),
            ("one-sided", Shampoo { max_dim: 20.0, ..own }),
        ]
    }
}
