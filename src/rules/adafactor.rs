//! Adafactor: mean squares of gradients by rows and columns instead of by elements.

use super::factored;
use crate::rule::{KnownAs, Range, Real, Rule, Stage, at_least, at_most, exponent_parts, moving_average, penalized, power, factored_root, reciprocal_root, reciprocal_root_over, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Adafactor: steps by the gradient over the root of its mean square, which for a matrix is kept by rows and columns only.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   w = t^beta2_decay
    /// matrix: R = R + w * (mean(g^2) over the row - R);   C = C + w * (mean(g^2) over the column - C)
    ///         V = R * C / max(mean(R), eps1)
    /// vector: V = V + w * (g^2 - V)
    /// U = g / max(sqrt(V), eps1)
    /// a = max(eps2, rms(p)) * min(lr, 1 / sqrt(t))
    /// p -= lr * weight_decay * p + a * U / max(1, rms(U) / d)
    /// ```
    ///
    /// Sources: Shazeer and Stern, arXiv 1804.04235, algorithms 4 to 6, in the form of `torch.optim.Adafactor`. `rms` is over the whole tensor, and `rms(p)`
    /// is taken before the decay. A tensor of more than two dimensions is a batch of matrices, each with rows, columns and `mean(R)` of its own.
    /// (optax's `adafactor` adds its `eps` to `g^2`, keeps all of `V` where a dimension is below 128, and its decay is not multiplied by `lr`.)
    ///
    /// The root of `V` is formed as that of `R / mean(R)` times that of `C`, so that gradients of 1e10 are no reason to stop, as they are for torch in f32, where `R * C` becomes
    /// infinite; and it is compared with `eps1`, not `V` with its square, which f32 has not for 1e-30. A gradient that has been zero so far moves nothing, with `eps1 = 0` too,
    /// where torch gives NaN. Decay and step are subtracted at once, since `1 - lr * weight_decay` rounds.
    ///
    /// torch's default for `eps1` is the epsilon of the type of the values: this one is that of f32. A gradient that is NaN or infinite makes all of its tensor
    /// NaN, by `rms(U)`. `g^2`, `U^2` and `p^2` saturate ([`square`](crate::rule::square)), and so do their sums.
    pub struct Adafactor {
        /// Learning rate: the largest part of its size by which a tensor moves in each step.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// The power of the step with which the weight of a new gradient falls.
        pub beta2_decay: f64 = -0.8, Range::NON_POSITIVE;
        /// The least denominator.
        pub eps1: f64 = 1.1920928955078125e-07, Range::NON_NEGATIVE;
        /// What a tensor of smaller values counts as large.
        pub eps2: f64 = 1e-3, Range::NON_NEGATIVE;
        /// The size of `U` from which on steps are made smaller.
        pub d: f64 = 1.0, Range::AT_LEAST_ONE;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `exponent` and `exponent_low` are the parts of `beta2_decay`; `least` is `eps1`, but a normal number of f32, and `most` is `1 / eps1` likewise.
    pub struct Hyper<F> { lr: F, exponent: F, exponent_low: F, least: F, most: F, eps2: F, d: F, weight_decay: F, sign: F }
}

scalars! {
    /// Per step: the weight of what is new in means; `step_size` is `min(lr, 1 / sqrt(t))` at first, and from the last stage
    /// on what `U` is multiplied by.
    pub struct Scalars<F> { weight, step_size, decay }
}

state! {
    /// The mean squares, by rows and columns of a matrix, else of each element; what they are formed from; the mean squares of the step and of the values.
    pub struct State<F> { row_var: Rows = "row_var", col_var: Columns = "col_var", variance = "variance" }
    sums {
        row_squares: Mean over Rows, col_squares: Mean over Columns, row_mean: Mean over Slices,
        row_root: Sum over Rows, col_root: Sum over Columns,
        updates: Mean over Tensor, values: Mean over Tensor,
    }
}

/// `U`. `row_root` is 0 where there are no rows: for vectors.
#[inline(always)]
fn adafactor_step<F: Real>(h: &Hyper<F>, g: F, state: &State<F>) -> F {
    g * at_most(factored_root(state.row_root, state.col_root, state.variance), h.most)
}

const SQUARES: usize = 0;
const AVERAGE_ROWS: usize = 1;
const AVERAGE_COLUMNS: usize = 2;

impl Rule for Adafactor {
    const NAME: &'static str = "Adafactor";
    const FORMULA: &'static str = "U = g / √(R * C / mean(R));  p -= lr * rms(p) * U / max(1, rms(U) / d)";
    const WGSL: &'static str = include_str!("../../shaders/rules/adafactor.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["variance"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { keys: &[("eps", "eps1, eps2")], ..KnownAs::torch("Adafactor") }];
    const STAGES: &'static [Stage] = &[
        factored::SQUARES,
        factored::AVERAGE_ROWS,
        factored::AVERAGE_COLUMNS,
        Stage {
            reads: &["row_root", "col_root", "variance"],
            writes: &["variance"],
            sums: &["updates", "values"],
            resumes: true,
            ..Stage::new("deltas").reading(true, true)
        },
        Stage { reads: &["row_root", "col_root", "variance"], ..Stage::new("update").reading(true, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let (exponent, exponent_low) = exponent_parts(self.beta2_decay);
        Hyper {
            lr: F::of(self.lr),
            exponent,
            exponent_low,
            least: F::of(self.eps1.max(f64::from(f32::MIN_POSITIVE))),
            most: F::of(self.eps1.recip().min(f64::from(f32::MAX))),
            eps2: F::of(self.eps2),
            d: F::of(self.d),
            weight_decay: F::of(self.weight_decay),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let weight = power(step, h.exponent, h.exponent_low);
        Scalars { weight, step_size: h.lr.min(step.sqrt().recip()), decay: h.lr * h.weight_decay }
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        match stage {
            SQUARES => {
                state.row_squares = square(gradient);
                state.col_squares = square(gradient);
            }
            AVERAGE_ROWS => {
                state.row_var = moving_average(state.row_var, state.row_squares, F::one() - s.weight, s.weight);
                state.row_mean = state.row_var;
                state.row_root = reciprocal_root(state.row_var);
            }
            AVERAGE_COLUMNS => {
                state.col_var = moving_average(state.col_var, state.col_squares, F::one() - s.weight, s.weight);
                state.col_root = reciprocal_root_over(state.col_var, at_least(state.row_mean, h.least));
            }
            _deltas => {
                state.variance = moving_average(state.variance, square(gradient), F::one() - s.weight, s.weight);
                state.updates = square(adafactor_step(h, h.sign * gradient, state));
                state.values = square(p);
            }
        }
    }

    fn resume<F: Real>(_deltas: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let size = at_least(sums.values.sqrt(), h.eps2);
        let excess = at_least(sums.updates.sqrt() / h.d, F::one());
        Scalars { step_size: s.step_size * size / excess, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let step = s.step_size * adafactor_step(h, h.sign * gradient, state);
        *p = *p - penalized(step, *p, s.decay);
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        match state_or_sum {
            "variance" => !is_matrix,
            own if factored::is_of_matrices(own) => is_matrix,
            _ => true,
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Adafactor { lr: 2e-2, beta2_decay: -2.0, eps1: 1e-3, eps2: 2.0, d: 1.06, weight_decay: 0.1, maximize: true };
        vec![
            ("default", Adafactor::default()),
            ("changed", changed),
            ("large", Adafactor { lr: 0.45, beta2_decay: -0.9, eps2: 1e-3, weight_decay: 0.02, maximize: false, ..changed }),
            ("slow", Adafactor { beta2_decay: -0.3, ..changed }),
        ]
    }
}
