//! Adafactor in optax's form: with momentum, and with all mean squares of tensors whose dimensions are small.

use super::factored;
use crate::rule::{
    KnownAs, Range, Real, Rule, Stage, at_least, exponent_parts, moving_average, penalized, power, factored_root, reciprocal_root, reciprocal_root_over, square,
};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Adafactor as optax has it. [`Adafactor`](crate::Adafactor) is torch's form.
    ///
    /// ```text
    /// w = max(t - decay_offset, 1)^-decay_rate;  q = g^2 + eps
    /// factored: R = R + w * (mean(q over the row) - R);   C = C + w * (mean(q over the column) - C);   U = g / sqrt(R / mean(R) * C)
    /// else:     V = V + w * (q - V);                                                                   U = g / sqrt(V)
    /// u = lr * U / max(1, rms(U) / clipping_threshold) * (multiply_by_parameter_scale ? max(rms(p), 1e-3) : 1)
    /// m = momentum * m + (1 - momentum) * u
    /// p -= m + weight_decay_rate * p
    /// ```
    ///
    /// Sources: Shazeer and Stern, arXiv 1804.04235, in the form of optax's `adafactor`, without a learning rate of which `lr` is 1. The decay is not multiplied by
    /// `lr`, and the mean `m` is not corrected for its start at zero. Where the same dimensions are factored and `lr` is at most `1 / sqrt(t)`, torch's form
    /// is the same.
    ///
    /// A tensor is factored if the second largest of its dimensions is at least `min_dim_size_to_factor`, over the two largest; of equal ones the later counts as
    /// larger. Here these have to be neighbours with nothing but dimensions of 1 behind them; dimensions before them are a batch, as in optax. Other tensors that
    /// optax would factor are refused: give them a group without `factored`, or other shapes.
    ///
    /// Each root is taken and divided by on its own, since a row and a column of zeros have a product that f32 does not hold. A gradient that is NaN or infinite
    /// makes all of its tensor NaN, by `rms(U)`. `g^2`, `U^2` and `p^2` saturate ([`square`](crate::rule::square)), and so do their sums.
    pub struct OptaxAdafactor {
        /// Learning rate.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// The second largest dimension from which on a tensor is factored. It stays as it is in a running optimizer.
        pub min_dim_size_to_factor: f64 = 128.0, Range::NON_NEGATIVE;
        /// Keep mean squares by rows and columns where the dimensions are large enough. It stays as it is in a running optimizer.
        pub factored: bool = true, Range::UNIT;
        /// The power of the step with which the weight of a new gradient falls.
        pub decay_rate: f64 = 0.8, Range::NON_NEGATIVE;
        /// Steps that this power does not count.
        pub decay_offset: f64 = 0.0, Range::NON_NEGATIVE;
        /// Move a tensor by a part of its size.
        pub multiply_by_parameter_scale: bool = true, Range::UNIT;
        /// The size of `U` from which on steps are made smaller.
        pub clipping_threshold: f64 = 1.0, Range::open(0.0, f64::INFINITY);
        /// Decay of the mean of the steps; without one, 0.
        pub momentum: f64 = 0.0, Range::BELOW_ONE;
        /// Each step shrinks the values by this part.
        pub weight_decay_rate: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Added to the gradient's squares.
        pub eps: f64 = 1e-30, Range::open(0.0, f64::INFINITY);
    }
}

layout! {
    /// Per group; `exponent` and `exponent_low` are the parts of `-decay_rate`, `rest` is `1 - momentum`.
    pub struct Hyper<F> {
        lr: F, exponent: F, exponent_low: F, decay_offset: F, scaled: u32, clipping_threshold: F, momentum: F, rest: F, weight_decay_rate: F,
        eps: F,
    }
}

scalars! {
    /// Per step: the weight of what is new in means; from the last stage on, what `U` is multiplied by.
    pub struct Scalars<F> { weight, step_size }
}

state! {
    /// The mean squares, by rows and columns or of each element, and the mean of the steps; what they are formed from; the mean squares of the step and the values.
    pub struct State<F> { row_var: Rows = "row_var", col_var: Columns = "col_var", variance = "v", m = "m" }
    sums {
        row_squares: Mean over Rows, col_squares: Mean over Columns, row_mean: Mean over Slices,
        row_root: Sum over Rows, col_root: Sum over Columns,
        updates: Mean over Tensor, values: Mean over Tensor,
    }
}

const SQUARES: usize = 0;
const AVERAGE_ROWS: usize = 1;
const AVERAGE_COLUMNS: usize = 2;

impl Rule for OptaxAdafactor {
    const NAME: &'static str = "OptaxAdafactor";
    const FORMULA: &'static str = "U = g / √(R * C / mean(R));  p -= lr * rms(p) * U / max(1, rms(U)) + weight_decay_rate * p";
    const WGSL: &'static str = include_str!("../../shaders/rules/optax_adafactor.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["variance"];
    const KNOWN_AS: &'static [KnownAs] =
        &[KnownAs { framework: "optax", name: "adafactor", keys: &[("learning_rate", "lr")], preset: &[("lr", 1.0)] }];
    const FIXED: &'static [&'static str] = &["min_dim_size_to_factor", "factored"];
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
        Stage {
            reads: &["row_root", "col_root", "variance", "m"],
            writes: &["m"],
            ..Stage::new("update").reading(true, true)
        },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let (exponent, exponent_low) = exponent_parts(-self.decay_rate);
        Hyper {
            lr: F::of(self.lr),
            exponent,
            exponent_low,
            decay_offset: F::of(self.decay_offset),
            scaled: u32::from(self.multiply_by_parameter_scale),
            clipping_threshold: F::of(self.clipping_threshold),
            momentum: F::of(self.momentum),
            rest: F::of(1.0 - self.momentum),
            weight_decay_rate: F::of(self.weight_decay_rate),
            eps: F::of(self.eps),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let counted = at_least(step - h.decay_offset, F::one());
        Scalars { weight: power(counted, h.exponent, h.exponent_low), step_size: h.lr }
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        let rest = F::one() - s.weight;
        match stage {
            SQUARES => {
                state.row_squares = square(gradient) + h.eps;
                state.col_squares = square(gradient) + h.eps;
            }
            AVERAGE_ROWS => {
                state.row_var = moving_average(state.row_var, state.row_squares, rest, s.weight);
                state.row_mean = state.row_var;
                state.row_root = reciprocal_root(state.row_var);
            }
            AVERAGE_COLUMNS => {
                state.col_var = moving_average(state.col_var, state.col_squares, rest, s.weight);
                state.col_root = reciprocal_root_over(state.col_var, state.row_mean);
            }
            _deltas => {
                state.variance = moving_average(state.variance, square(gradient) + h.eps, rest, s.weight);
                state.updates = square(gradient * factored_root(state.row_root, state.col_root, state.variance));
                state.values = square(p);
            }
        }
    }

    fn resume<F: Real>(_deltas: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        let excess = at_least(sums.updates.sqrt() / h.clipping_threshold, F::one());
        let size = if h.scaled != 0 { at_least(sums.values.sqrt(), F::of(1e-3)) } else { F::one() };
        Scalars { step_size: h.lr * size / excess, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let step = s.step_size * (gradient * factored_root(state.row_root, state.col_root, state.variance));
        state.m = moving_average(state.m, step, h.momentum, h.rest);
        *p = *p - penalized(state.m, *p, h.weight_decay_rate);
    }

    fn uses(&self, state: &str) -> bool {
        state != "m" || self.momentum != 0.0
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        match state_or_sum {
            "variance" => !is_matrix,
            own if factored::is_of_matrices(own) => is_matrix,
            _ => self.uses(state_or_sum),
        }
    }

    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        let elements = if shape.contains(&0) { 0 } else { shape.iter().fold(1_usize, |count, &size| count.saturating_mul(size)) };
        let mut axes: Vec<(usize, usize)> = shape.iter().copied().zip(0..).collect();
        axes.sort_unstable();
        let [.., (_, second), (_, largest)] = axes[..] else { return Ok(vec![elements]) };
        if !self.factored || (shape[second] as f64) < self.min_dim_size_to_factor || elements == 0 {
            return Ok(vec![elements]);
        }
        let (one, other) = (second.min(largest), second.max(largest));
        let alone = |axes: &[usize]| axes.iter().all(|&size| size == 1);
        if !alone(&shape[one + 1..other]) || !alone(&shape[other + 1..]) {
            let what = "the two largest dimensions are factored, and have to be the last ones";
            return Err(format!("{what}, with the shape {shape:?}; give it another shape, or a group without `factored`"));
        }
        let batch: usize = shape[..one].iter().product();
        Ok(if batch == 1 { vec![shape[one], shape[other]] } else { vec![batch, shape[one], shape[other]] })
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = OptaxAdafactor {
            lr: 2e-2,
            min_dim_size_to_factor: 3.1,
            decay_rate: 0.6,
            decay_offset: 0.5,
            clipping_threshold: 0.8,
            momentum: 0.7,
            weight_decay_rate: 0.01,
            eps: 1e-3,
            ..OptaxAdafactor::default()
        };
        vec![
            ("default", OptaxAdafactor::default()),
            ("changed", changed),
            ("factored", OptaxAdafactor { min_dim_size_to_factor: 2.0, multiply_by_parameter_scale: false, momentum: 0.0, ..changed }),
            ("whole", OptaxAdafactor { factored: false, decay_offset: 0.0, ..changed }),
        ]
    }
}
