//! CautiousAdamW: AdamW that moves only where mean and gradient agree in sign.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, Stage, at_least, bias_correction, decayed_average, penalized, square, where_agreeing};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// CautiousAdamW: AdamW's step, 0 where it goes along the gradient of this step, and larger elsewhere to make up for it.
    ///
    /// ```text
    /// m = beta1 * m + (1 - beta1) * g;   v = beta2 * v + (1 - beta2) * g^2
    /// agrees = (m > 0 and g > 0) or (m < 0 and g < 0);   share = mean(agrees) over the tensor
    /// rate = correct_bias ? lr * sqrt(1 - beta2^t) / (1 - beta1^t) : lr
    /// p -= rate / max(share, 0.001) * (agrees ? m : 0) / (sqrt(v) + eps) + lr * weight_decay * p
    /// ```
    ///
    /// The step is cautious here; the decay is not. `cautious_weight_decay` of [`AdamW`](crate::AdamW) is another thing: there every element moves, and some do
    /// not decay. [`CautiousLion`](crate::CautiousLion) is the same for Lion.
    ///
    /// Sources: Liang et al., "Cautious optimizers: improving training with one line of code", arXiv 2411.16085, algorithm 1, as in the authors' `c_adamw.py`
    /// of today, its sequential path: the step is divided by `max(mean(agrees), 1e-3)`, and `eps` is added before the correction. (Its first version and
    /// pytorch_optimizer divide by `(count + 1) / size`: 1e-2 to 1e-1 of the displacement apart after 20 steps.) `agrees` compares signs, where theirs asks whether
    /// `m * g > 0`, which is false for products below f32's least number.
    ///
    /// Tensors of any shape are treated alike, scalars too. Where the gradient is zero, only the decay moves a value. A gradient that is NaN or infinite makes all
    /// of its tensor NaN, by the mean. `g^2` saturates ([`square`](crate::rule::square)). With `eps = 0`, a zero gradient at the first step gives NaN.
    pub struct CautiousAdamW {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE, scheduled;
        /// Added to the denominator.
        pub eps: f64 = 1e-6, Range::NON_NEGATIVE;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Correct both means for their start at zero.
        pub correct_bias: bool = true, Range::UNIT;
    }
}

/// The least share that the step is divided by.
const LEAST_SHARE: f64 = 1e-3;

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, weight_decay: F, correct_bias: u32 }
}

scalars! {
    /// Per step; `step_size` has the share in it from the second stage on.
    pub struct Scalars<F> { step_size, decay }
}

state! {
    /// The means of the gradient and of its square; how many of the elements agree.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
    sums { share: Mean over Tensor }
}

impl Rule for CautiousAdamW {
    const NAME: &'static str = "CautiousAdamW";
    const FORMULA: &'static str = "p -= lr * (√bc2 / bc1 * where(m * g > 0, m, 0) / mean(m * g > 0) / (√v + eps) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/cautious_adamw.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "C-Optim", ..KnownAs::torch("CautiousAdamW") }];
    const STAGES: &'static [Stage] = &[
        Stage { reads: &["m"], writes: &["m"], sums: &["share"], resumes: true, ..Stage::new("cautious_mean").reading(true, false) },
        Stage { reads: &["m", "v"], writes: &["v"], ..Stage::new("update").reading(true, true) },
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
            correct_bias: u32::from(self.correct_bias),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let decay = h.lr * h.weight_decay;
        if h.correct_bias == 0 {
            return Scalars { step_size: h.lr, decay };
        }
        let root2 = bias_correction(h.beta2, step).sqrt();
        Scalars { step_size: h.lr * root2 / bias_correction(h.beta1, step), decay }
    }

    #[inline(always)]
    fn stage<F: Real>(_mean: usize, h: &Hyper<F>, _s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        state.m = decayed_average(state.m, gradient, h.beta1);
        state.share = where_agreeing(F::one(), state.m, gradient);
    }

    fn resume<F: Real>(_mean: usize, _h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        Scalars { step_size: s.step_size / at_least(sums.share, F::of(LEAST_SHARE)), ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.v = decayed_average(state.v, square(gradient), h.beta2);
        let u = where_agreeing(state.m, state.m, gradient) / (state.v.sqrt() + h.eps);
        *p = *p - penalized(s.step_size * u, *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = CautiousAdamW { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.1, ..CautiousAdamW::default() };
        vec![
            ("default", CautiousAdamW::default()),
            ("changed", changed),
            ("uncorrected", CautiousAdamW { correct_bias: false, ..changed }),
            ("memoryless", CautiousAdamW { beta1: 0.0, beta2: 0.3, ..changed }),
        ]
    }
}
