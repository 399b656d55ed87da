//! CAME: Adafactor with a mean of its steps, and less of a step where it differs from that mean.

use super::factored;
use crate::rule::{Beta, Extent, KnownAs, Range, Real, Rule, Stage, at_least, decayed_average, penalized, factored_root, reciprocal_root, reciprocal_root_over, square, where_zero};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// CAME: the mean of Adafactor's steps, divided by the root of how far these are from it, which a matrix keeps by rows and columns only.
    ///
    /// ```text
    /// matrix: R = beta2 * R + (1 - beta2) * mean(g^2 + eps1 over the row);    C the same over the column
    ///         U = g / sqrt(R / mean(R) * C)
    /// vector: V = beta2 * V + (1 - beta2) * (g^2 + eps1);                     U = g / sqrt(V)
    /// U = U / max(1, rms(U) / clip_threshold);                                m = beta1 * m + (1 - beta1) * U
    /// matrix: Q = (U - m)^2 + eps2, and of its rows and columns QR and QC as R and C above, with beta3
    ///         p -= lr * m / sqrt(QR / mean(QR) * QC)
    /// vector: p -= lr * m
    /// p -= lr * weight_decay * p                                              (p as it was)
    /// ```
    ///
    /// Sources: Luo et al., arXiv 2307.02047, algorithm 2, in the form of the authors' `came-pytorch`. No mean is corrected for its start at zero, and with `beta3`
    /// near 1 the first steps of a matrix are long, about 100 times those of a vector. `rms` is over the whole tensor. A tensor of more than two dimensions is
    /// a batch of matrices, each with rows, columns and means of its own.
    ///
    /// Each root is taken and divided by on its own, since a row and a column of zeros have a product that f32 does not hold, where authors' code multiplies
    /// by two reciprocals. A gradient that is NaN or infinite makes all of its tensor NaN, by `rms(U)`. `g^2` and `U^2` saturate
    /// ([`square`](crate::rule::square)), and so do their sums; in torch, gradients of 1e20 give NaN.
    pub struct Came {
        /// Learning rate.
        pub lr: f64 = 2e-4, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the steps.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean squares of the gradient.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Decay of the mean squares of what steps differ by from their mean.
        pub beta3: f64 = 0.9999, Range::BELOW_ONE;
        /// Added to the gradient's squares.
        pub eps1: f64 = 1e-30, Range::open(0.0, f64::INFINITY);
        /// Added to the squares of what steps differ by.
        pub eps2: f64 = 1e-16, Range::open(0.0, f64::INFINITY);
        /// The size of `U` from which on it is made smaller.
        pub clip_threshold: f64 = 1.0, Range::open(0.0, f64::INFINITY);
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, beta3: Beta<F>, eps1: F, eps2: F, clip_threshold: F, weight_decay: F }
}

scalars! {
    /// Per step: the decay, and what `U` is multiplied by.
    pub struct Scalars<F> { decay, shrink }
}

state! {
    /// The mean of the steps; mean squares of the gradient and of what steps differ by, by rows and columns of a matrix, or of each element; what they are formed from.
    pub struct State<F> {
        m = "exp_avg", row_var: Rows = "exp_avg_sq_row", col_var: Columns = "exp_avg_sq_col", row_res: Rows = "exp_avg_res_row",
        col_res: Columns = "exp_avg_res_col", variance = "exp_avg_sq",
    }
    sums {
        row_squares: Mean over Rows, col_squares: Mean over Columns, row_mean: Mean over Slices, row_root: Sum over Rows,
        col_root: Sum over Columns, updates: Mean over Tensor, row_apart: Mean over Rows, col_apart: Mean over Columns,
        res_mean: Mean over Slices, row_res_root: Sum over Rows, col_res_root: Sum over Columns,
    }
}

const SQUARES: usize = 0;
const AVERAGE_ROWS: usize = 1;
const AVERAGE_COLUMNS: usize = 2;
const DELTAS: usize = 3;
const RESIDUALS: usize = 4;
const AVERAGE_ROWS_APART: usize = 5;

impl Rule for Came {
    const NAME: &'static str = "Came";
    const FORMULA: &'static str = "m = beta1 * m + (1 - beta1) * g / √(R * C / mean(R));  p -= lr * m / √(QR * QC / mean(QR))";
    const WGSL: &'static str = include_str!("../../shaders/rules/came.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["variance"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "came-pytorch", name: "CAME", keys: &[("eps", "eps1, eps2")], preset: &[] }];
    const STAGES: &'static [Stage] = &[
        factored::SQUARES,
        factored::AVERAGE_ROWS,
        factored::AVERAGE_COLUMNS,
        Stage {
            reads: &["row_root", "col_root", "variance"],
            writes: &["variance"],
            sums: &["updates"],
            resumes: true,
            ..Stage::new("deltas").reading(true, false)
        },
        Stage {
            reads: &["m", "row_root", "col_root", "variance"],
            writes: &["m"],
            sums: &["row_apart", "col_apart"],
            ..Stage::new("residuals").reading(true, false)
        },
        Stage {
            over: Extent::Rows,
            reads: &["row_apart", "row_res"],
            writes: &["row_res"],
            sums: &["res_mean", "row_res_root"],
            ..Stage::new("average_rows_apart")
        },
        Stage {
            over: Extent::Columns,
            reads: &["col_apart", "col_res", "res_mean"],
            writes: &["col_res"],
            sums: &["col_res_root"],
            ..Stage::new("average_columns_apart")
        },
        Stage { reads: &["m", "row_res_root", "col_res_root"], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            beta3: Beta::of(self.beta3),
            eps1: F::of(self.eps1),
            eps2: F::of(self.eps2),
            clip_threshold: F::of(self.clip_threshold),
            weight_decay: F::of(self.weight_decay),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, _step: F, _last: &Scalars<F>) -> Scalars<F> {
        Scalars { decay: h.lr * h.weight_decay, shrink: F::one() }
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        match stage {
            SQUARES => {
                state.row_squares = square(gradient) + h.eps1;
                state.col_squares = square(gradient) + h.eps1;
            }
            AVERAGE_ROWS => {
                state.row_var = decayed_average(state.row_var, state.row_squares, h.beta2);
                state.row_mean = state.row_var;
                state.row_root = reciprocal_root(state.row_var);
            }
            AVERAGE_COLUMNS => {
                state.col_var = decayed_average(state.col_var, state.col_squares, h.beta2);
                state.col_root = reciprocal_root_over(state.col_var, state.row_mean);
            }
            DELTAS => {
                state.variance = decayed_average(state.variance, square(gradient) + h.eps1, h.beta2);
                state.updates = square(gradient * factored_root(state.row_root, state.col_root, state.variance));
            }
            RESIDUALS => {
                let u = gradient * factored_root(state.row_root, state.col_root, state.variance) * s.shrink;
                state.m = decayed_average(state.m, u, h.beta1);
                state.row_apart = square(u - state.m) + h.eps2;
                state.col_apart = square(u - state.m) + h.eps2;
            }
            AVERAGE_ROWS_APART => {
                state.row_res = decayed_average(state.row_res, state.row_apart, h.beta3);
                state.res_mean = state.row_res;
                state.row_res_root = reciprocal_root(state.row_res);
            }
            _average_columns_apart => {
                state.col_res = decayed_average(state.col_res, state.col_apart, h.beta3);
                state.col_res_root = reciprocal_root_over(state.col_res, state.res_mean);
            }
        }
    }

    fn resume<F: Real>(_deltas: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        Scalars { shrink: at_least(sums.updates.sqrt() / h.clip_threshold, F::one()).recip(), ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        let step = h.lr * (state.m * where_zero(state.row_res_root, F::one(), state.row_res_root * state.col_res_root));
        *p = *p - penalized(step, *p, s.decay);
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        match state_or_sum {
            "m" | "updates" => true,
            "variance" => !is_matrix,
            _ => is_matrix,
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed =
            Came { lr: 2e-2, beta1: 0.8, beta2: 0.95, beta3: 0.9, eps1: 0.1, eps2: 0.1, clip_threshold: 0.3, weight_decay: 0.1 };
        vec![("default", Came::default()), ("changed", changed)]
    }
}
