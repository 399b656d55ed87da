//! Adam-mini: Adam with one second moment for each block of a tensor.

use crate::rule::{Beta, Extent, KnownAs, Range, Real, Rule, Stage, bias_correction, by_sign, decayed_average, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Adam-mini: AdamW whose second moment is one number for a block of elements, the mean of their squares.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient
    /// m = beta1 * m + (1 - beta1) * g
    /// v = beta2 * v + (1 - beta2) * mean(g^2 over the block)
    /// p -= lr * weight_decay * p + lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
    /// ```
    ///
    /// Sources: Zhang et al., arXiv 2406.16793, in the form of the authors' `adam-mini`. That package chooses blocks by the names of parameters; here a
    /// group says it (`rows_per_block`): a row for embeddings, output layers, values and MLPs; the rows of a head for queries and keys; each element
    /// for biases; the tensor for all else. It leaves norms and biases without decay: put them in a group with `weight_decay` 0.
    ///
    /// A row is what differs in the last index alone; a tensor of one dimension is one row. A block of several rows needs a number of rows that it divides.
    /// Where each element is a block this is [`AdamW`](crate::AdamW), and where each row is one, AdamW with a second moment per row of the last dimension
    /// ([`AdamW`](crate::AdamW) has an option for rows of the first, as Gaussian splats have them).
    ///
    /// A gradient that is NaN or infinite makes its block NaN. A zero gradient in all of a block with `eps = 0` at the first step gives NaN, as in
    /// [`Adam`](crate::Adam). `g^2` saturates ([`square`](crate::rule::square)), and so does its sum.
    pub struct AdamMini {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Rows of a block. 0: each element is a block. From 1 on: so many rows are one, and have to divide the number of rows. From the number of rows on: the tensor is
        /// one. A fraction is cut off. It stays as it is in a running optimizer.
        pub rows_per_block: f64 = 1.0, Range::NON_NEGATIVE;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, weight_decay: F, sign: F }
}

scalars! {
    /// Per step.
    pub struct Scalars<F> { step_size, inverse_root2, decay }
}

state! {
    /// The mean of the gradient, and that of its square: of each block, which is a row here, or of each element.
    pub struct State<F> { m = "m", v_row: Rows = "vmean", v = "v" }
    sums { row_squares: Mean over Rows }
}

const SQUARES: usize = 0;

impl Rule for AdamMini {
    const NAME: &'static str = "AdamMini";
    const FORMULA: &'static str = "v = beta2 * v + (1 - beta2) * mean(g^2);  p -= lr * (m̂ / (√v̂ + eps) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/adam_mini.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "adam-mini", name: "Adam_mini", keys: &[], preset: &[] }];
    const FIXED: &'static [&'static str] = &["rows_per_block"];
    const STAGES: &'static [Stage] = &[
        Stage { sums: &["row_squares"], ..Stage::new("squares").reading(true, false) },
        Stage { over: Extent::Rows, reads: &["row_squares", "v_row"], writes: &["v_row"], ..Stage::new("average_rows") },
        Stage { reads: &["m", "v_row", "v"], writes: &["m", "v"], ..Stage::new("update").reading(true, true) },
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
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let step_size = h.lr / bias_correction(h.beta1, step);
        let inverse_root2 = bias_correction(h.beta2, step).sqrt().recip();
        Scalars { step_size, inverse_root2, decay: h.lr * h.weight_decay }
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, _s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        match stage {
            SQUARES => state.row_squares = square(gradient),
            _average_rows => state.v_row = decayed_average(state.v_row, state.row_squares, h.beta2),
        }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = h.sign * gradient;
        state.m = decayed_average(state.m, g, h.beta1);
        state.v = decayed_average(state.v, square(g), h.beta2);
        // Without rows theirs is 0; so it is where all of a row was 0 so far, and then so is that of each element.
        let v = by_sign(state.v_row, state.v, state.v, state.v_row);
        let step = s.step_size * (state.m / (v.sqrt() * s.inverse_root2 + h.eps));
        *p = *p - penalized(step, *p, s.decay);
    }

    fn uses(&self, state: &str) -> bool {
        match state {
            "v_row" => self.rows_per_block >= 1.0,
            "v" => self.rows_per_block < 1.0,
            _ => true,
        }
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        match state_or_sum {
            "v_row" | "row_squares" => is_matrix,
            "v" => !is_matrix,
            _ => true,
        }
    }

    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        let elements = if shape.contains(&0) { 0 } else { shape.iter().fold(1_usize, |count, &size| count.saturating_mul(size)) };
        let width = if shape.len() < 2 { elements } else { shape.last().copied().unwrap_or(1) };
        let rows = elements.checked_div(width).unwrap_or(1);
        match self.rows_per_block as usize {
            0 => Ok(vec![elements]),
            // A matrix whose rows are the blocks is what it is, also where it has one.
            1 if shape.len() >= 2 => Ok(shape.to_vec()),
            own if own >= rows => Ok(vec![1, elements]),
            own if rows.is_multiple_of(own) => Ok(vec![rows / own, own * width]),
            own => Err(format!("it has {rows} rows, which rows_per_block, {own}, does not divide; use a number that does, 0, or {rows}")),
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = AdamMini { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.1, ..AdamMini::default() };
        vec![
            ("default", AdamMini::default()),
            ("changed", changed),
            ("elements", AdamMini { rows_per_block: 0.0, maximize: true, ..changed }),
            ("blocks", AdamMini { rows_per_block: 3.0, ..changed }),
        ]
    }
}
