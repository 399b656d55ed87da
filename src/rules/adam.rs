//! Adam and AdamW: one formula, with coupled and with decoupled weight decay.

use crate::rule::{
    Beta, Extent, Extents, KnownAs, Range, Real, Rule, Stage, bias_correction, by_sign, decayed_average, larger, penalized, square, where_same_side,
};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Adam: steps by the mean of the gradient over the root of its mean square, each corrected for its start at zero.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p   (coupled)   or   p -= lr * weight_decay * p   (decoupled)
    /// m = beta1 * m + (1 - beta1) * g
    /// v = beta2 * v + (1 - beta2) * (second_moment_per_row ? mean(g^2) over the row : g^2);     s = amsgrad ? (max_v = max(max_v, v)) : v
    /// cautious: that decay, but p -= lr * weight_decay * p only where (p >= 0) == (m >= 0)
    /// p -= lr / (1 - beta1^t) * m / (sqrt(s) / sqrt(1 - beta2^t) + eps)
    /// ```
    ///
    /// Sources: Kingma and Ba, arXiv 1412.6980, algorithm 1; AMSGrad: Reddi et al., arXiv 1904.09237, algorithm 2. As in
    /// `torch.optim.Adam`, AMSGrad's maximum is of the raw `v` (optax takes that of the corrected one: 2.7e-2 apart after 20
    /// steps), and `eps` is added after the correction. Differences from torch are of rounding only: see [`moving_average`](crate::rule::moving_average),
    /// and decay is subtracted from `p` rather than multiplied into it, since `1 - lr * weight_decay` in f32 would
    /// round away up to 1% of a decay of 3e-6.
    ///
    /// Cautious weight decay: arXiv 2510.12402, in burn's form, where 0 counts as positive; where neither number is 0, other forms are the same.
    /// It is a decoupled decay, whether or not `decoupled_weight_decay` is set too.
    ///
    /// `second_moment_per_row` is brush's, for Gaussian splats (`reduce_moment_2` in its `adam_scaled.rs`): a row is all that has one index in the first dimension, and a
    /// tensor of one dimension has a second moment for each element. It goes with [`Optimizer::change_rows`](crate::Optimizer::change_rows), and not with row masks and
    /// row-sparse gradients. A gradient that is NaN or infinite then makes its row NaN. [`AdamMini`](crate::AdamMini) has blocks of other sizes.
    ///
    /// A zero gradient with `eps = 0` at the first step gives NaN, as in torch. `g^2` saturates
    /// ([`square`](crate::rule::square)), where torch's `v` becomes infinite and freezes the element.
    pub struct Adam {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// L2 penalty, added to the gradient; decoupled from it if `decoupled_weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Divide by the largest mean square so far.
        pub amsgrad: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
        /// Shrink the values by `lr * weight_decay` instead of adding the penalty to the gradient: this makes it [`AdamW`].
        pub decoupled_weight_decay: bool = false, Range::UNIT;
        /// Shrink by `lr * weight_decay` only the values that the step makes smaller anyway: those of the sign of `m`.
        pub cautious_weight_decay: bool = false, Range::UNIT;
        /// No bias correction, as in gsplat's `SelectiveAdam`: `m` and `v` are taken as they are.
        pub uncorrected: bool = false, Range::UNIT;
        /// Add `eps` to the root of `v` as it is, and correct their quotient, as in the text of arXiv 1412.6980, section 2 (there it is ε̂), and in torch's `SparseAdam`.
        pub uncorrected_eps: bool = false, Range::UNIT;
        /// Keep one second moment for each row of the first dimension, the mean of those of its elements. It stays as it is in a running optimizer.
        pub second_moment_per_row: bool = false, Range::UNIT;
    }
}

hyper_parameters! {
    /// AdamW: [`Adam`] with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2) and torch's default for it.
    pub struct AdamW {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// Divide by the largest mean square so far.
        pub amsgrad: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
        /// Shrink only the values that the step makes smaller anyway: those of the sign of `m`.
        pub cautious_weight_decay: bool = false, Range::UNIT;
        /// Keep one second moment for each row of the first dimension, as [`Adam`] does. It stays as it is in a running optimizer.
        pub second_moment_per_row: bool = false, Range::UNIT;
    }
}

impl From<AdamW> for Adam {
    fn from(adamw: AdamW) -> Self {
        let AdamW { lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, cautious_weight_decay, second_moment_per_row } = adamw;
        let decay = Adam { weight_decay, decoupled_weight_decay: true, cautious_weight_decay, second_moment_per_row, ..Adam::default() };
        Adam { lr, beta1, beta2, eps, amsgrad, maximize, ..decay }
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> {
        lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, coupled_decay: F, decoupled_decay: F, cautious: u32, sign: F,
        uncorrected: u32, uncorrected_eps: u32,
    }
}

scalars! {
    /// Per step.
    pub struct Scalars<F> { step_size, inverse_root2, decay }
}

state! {
    /// `max_v` only with `amsgrad`; `v_row` in the place of `v` with `second_moment_per_row`, where there is more than one dimension.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq", max_v = "max_exp_avg_sq", v_row: Rows = "exp_avg_sq_row" }
    sums { row_squares: Mean over Rows }
}

const SQUARES: usize = 0;
const AVERAGE_ROWS: Stage =
    Stage { over: Extent::Rows, reads: &["row_squares", "v_row"], writes: &["v_row"], ..Stage::new("adam_rows") };
const UPDATE: Stage =
    Stage { reads: &["m", "v", "max_v", "v_row"], writes: &["m", "v", "max_v"], ..Stage::new("update").reading(true, true) };

impl Rule for Adam {
    const NAME: &'static str = "Adam";
    const FORMULA: &'static str = "p -= lr * m̂ / (√v̂ + eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/adam.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v", "max_v"];
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs::torch("Adam"),
        KnownAs { preset: &[("uncorrected_eps", 1.0)], ..KnownAs::torch("SparseAdam") },
        KnownAs { framework: "gsplat", preset: &[("uncorrected", 1.0)], ..KnownAs::torch("SelectiveAdam") },
    ];
    const FIXED: &'static [&'static str] = &["second_moment_per_row"];
    // A penalty is a part of the gradient.
    const STAGES: &'static [Stage] =
        &[Stage { sums: &["row_squares"], ..Stage::new("adam_squares").reading(true, true) }, AVERAGE_ROWS, UPDATE];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let is_decoupled = self.decoupled_weight_decay || self.cautious_weight_decay;
        let decay = |decoupled| if is_decoupled == decoupled { self.weight_decay } else { 0.0 };
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            eps: F::of(self.eps),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            cautious: u32::from(self.cautious_weight_decay),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
            uncorrected: u32::from(self.uncorrected),
            uncorrected_eps: u32::from(self.uncorrected_eps),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let decay = h.lr * h.decoupled_decay;
        if h.uncorrected != 0 {
            return Scalars { step_size: h.lr, inverse_root2: F::one(), decay };
        }
        let step_size = h.lr / bias_correction(h.beta1, step);
        let inverse_root2 = bias_correction(h.beta2, step).sqrt().recip();
        match h.uncorrected_eps {
            0 => Scalars { step_size, inverse_root2, decay },
            _ => Scalars { step_size: step_size / inverse_root2, inverse_root2: F::one(), decay },
        }
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, _s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        match stage {
            SQUARES => state.row_squares = square(penalized(h.sign * gradient, p, h.coupled_decay)),
            _rows => state.v_row = decayed_average(state.v_row, state.row_squares, h.beta2),
        }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.coupled_decay);
        state.m = decayed_average(state.m, g, h.beta1);
        state.v = decayed_average(state.v, square(g), h.beta2);
        // Without rows theirs is 0; so it is where all of a row was 0 so far, and then so is that of each element.
        state.max_v = larger(state.max_v, by_sign(state.v_row, state.v, state.v, state.v_row));
        let denominator = state.max_v.sqrt() * s.inverse_root2 + h.eps;
        let decayed = if h.cautious != 0 { where_same_side(*p, *p, state.m) } else { *p };
        *p = *p - penalized(s.step_size * (state.m / denominator), decayed, s.decay);
    }

    fn uses(&self, state: &str) -> bool {
        match state {
            "max_v" => self.amsgrad,
            "v_row" => self.second_moment_per_row,
            _ => true,
        }
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        match state_or_sum {
            "v_row" | "row_squares" => is_matrix,
            "v" => !is_matrix,
            _ => Rule::uses(self, state_or_sum),
        }
    }

    /// A matrix of its rows, which have a number each, or a vector.
    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        let elements = Extents::of(shape).elements as usize;
        Ok(match shape {
            [_, _, ..] if self.second_moment_per_row && elements == 0 => shape.to_vec(),
            [rows, _, ..] if self.second_moment_per_row => vec![*rows, elements / rows],
            _ => vec![elements],
        })
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Adam { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.1, ..Adam::default() };
        vec![
            ("default", Adam::default()),
            ("coupled", changed),
            ("decoupled", Adam { decoupled_weight_decay: true, ..changed }),
            ("amsgrad", Adam { amsgrad: true, maximize: true, ..changed }),
            ("cautious", Adam { cautious_weight_decay: true, ..changed }),
            ("memoryless", Adam { beta1: 0.0, beta2: 0.3, ..changed }),
            ("selective", Adam { uncorrected: true, ..changed }),
            ("sparse", Adam { uncorrected_eps: true, weight_decay: 0.0, ..changed }),
            ("rows", Adam { second_moment_per_row: true, maximize: true, ..changed }),
            ("rows-amsgrad", Adam { second_moment_per_row: true, amsgrad: true, ..changed }),
        ]
    }
}

impl Rule for AdamW {
    const NAME: &'static str = "AdamW";
    const FORMULA: &'static str = "p -= lr * (m̂ / (√v̂ + eps) + weight_decay * p)";
    const WGSL: &'static str = Adam::WGSL;
    const NEVER_NEGATIVE: &'static [&'static str] = Adam::NEVER_NEGATIVE;
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs::torch("AdamW")];
    const FIXED: &'static [&'static str] = Adam::FIXED;
    const STAGES: &'static [Stage] =
        &[Stage { sums: &["row_squares"], ..Stage::new("adam_squares").reading(true, false) }, AVERAGE_ROWS, UPDATE];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Adam::from(*self).hyper()
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        Adam::prepare(h, step, last)
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        Adam::stage(stage, h, s, gradient, p, state);
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        Adam::update(h, s, gradient, p, state);
    }

    fn uses(&self, state: &str) -> bool {
        Rule::uses(&Adam::from(*self), state)
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        Rule::uses_for(&Adam::from(*self), state_or_sum, is_matrix)
    }

    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        Rule::counts_as(&Adam::from(*self), shape)
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = AdamW { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.1, ..AdamW::default() };
        vec![
            ("default", AdamW::default()),
            ("changed", changed),
            ("amsgrad", AdamW { amsgrad: true, maximize: true, ..changed }),
            ("cautious", AdamW { cautious_weight_decay: true, maximize: true, ..changed }),
            ("rows", AdamW { second_moment_per_row: true, ..changed }),
        ]
    }
}
