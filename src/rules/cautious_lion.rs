//! CautiousLion: Lion that moves only where its step and the gradient agree in sign.

use crate::rule::{KnownAs, Range, Real, Rule, Stage, at_least, moving_average, penalized, sign_of, where_agreeing};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// CautiousLion: [`Lion`](crate::Lion)'s step, 0 where it goes along the gradient of this step, and larger elsewhere to make up for it.
    ///
    /// ```text
    /// c = beta1 * m + (1 - beta1) * g
    /// agrees = (c > 0 and g > 0) or (c < 0 and g < 0);   share = mean(agrees) over the tensor
    /// p -= lr / max(share, 0.001) * (agrees ? sign(c) : 0) + lr * weight_decay * p
    /// m = beta2 * m + (1 - beta2) * g
    /// ```
    ///
    /// Sources: Liang et al., arXiv 2411.16085, algorithm 1 around Lion, as in the authors' `c_lion.py`. As with [`CautiousAdamW`](crate::CautiousAdamW),
    /// signs are compared, where theirs asks whether a product is above 0. The decay is decoupled, and no more cautious than Lion's.
    ///
    /// Tensors of any shape are treated alike, scalars too. Where the gradient is zero, only the decay moves a value. A gradient that is NaN or infinite makes all
    /// of its tensor NaN, by the mean.
    pub struct CautiousLion {
        /// Learning rate: how far values move in a step in which all of them do.
        pub lr: f64 = 1e-4, Range::NON_NEGATIVE, scheduled;
        /// How much of the mean there is in the mixture whose sign is taken.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta2: f64 = 0.99, Range::BELOW_ONE, scheduled;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
    }
}

/// The least share that the step is divided by.
const LEAST_SHARE: f64 = 1e-3;

layout! {
    /// Per group; `rest` is `1 - beta`.
    pub struct Hyper<F> { lr: F, beta1: F, rest1: F, beta2: F, rest2: F, weight_decay: F }
}

scalars! {
    /// Per step; `step_size` has the share in it from the second stage on.
    pub struct Scalars<F> { step_size, decay }
}

state! {
    /// The mean of the gradient; how many of the elements agree.
    pub struct State<F> { m = "exp_avg" }
    sums { share: Mean over Tensor }
}

impl Rule for CautiousLion {
    const NAME: &'static str = "CautiousLion";
    const FORMULA: &'static str = "c = beta1 * m + (1 - beta1) * g;  p -= lr * (where(c * g > 0, sign(c), 0) / mean(c * g > 0) + weight_decay * p)";
    const WGSL: &'static str = include_str!("../../shaders/rules/cautious_lion.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "C-Optim", ..KnownAs::torch("CautiousLion") }];
    const STAGES: &'static [Stage] = &[
        Stage { reads: &["m"], sums: &["share"], resumes: true, ..Stage::new("cautious_mixture").reading(true, false) },
        Stage { reads: &["m"], writes: &["m"], ..Stage::new("update").reading(true, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: F::of(self.beta1),
            rest1: F::of(1.0 - self.beta1),
            beta2: F::of(self.beta2),
            rest2: F::of(1.0 - self.beta2),
            weight_decay: F::of(self.weight_decay),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, _step: F, _last: &Scalars<F>) -> Scalars<F> {
        Scalars { step_size: h.lr, decay: h.lr * h.weight_decay }
    }

    #[inline(always)]
    fn stage<F: Real>(_mixture: usize, h: &Hyper<F>, _s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        let c = moving_average(state.m, gradient, h.beta1, h.rest1);
        state.share = where_agreeing(F::one(), c, gradient);
    }

    fn resume<F: Real>(_mixture: usize, _h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        Scalars { step_size: s.step_size / at_least(sums.share, F::of(LEAST_SHARE)), ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let c = moving_average(state.m, gradient, h.beta1, h.rest1);
        let u = where_agreeing(sign_of(c), c, gradient);
        *p = *p - penalized(s.step_size * u, *p, s.decay);
        state.m = moving_average(state.m, gradient, h.beta2, h.rest2);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = CautiousLion { lr: 2e-2, beta1: 0.8, beta2: 0.95, weight_decay: 0.1 };
        vec![("default", CautiousLion::default()), ("changed", changed), ("memoryless", CautiousLion { beta1: 0.4, beta2: 0.3, ..changed })]
    }
}
