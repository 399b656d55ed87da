//! SGD: gradient descent, with momentum and weight decay.

use crate::rule::{KnownAs, Range, Real, Rule, penalized};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Stochastic gradient descent, with momentum, Nesterov's look-ahead and weight decay.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p   (coupled)   or   p -= lr * weight_decay * p   (decoupled)
    /// b = g at the first step, else momentum * b + (1 - dampening) * g
    /// p -= lr * (nesterov ? g + momentum * b : b)
    /// ```
    ///
    /// With its defaults this is gradient descent: `p -= lr * g`. Over gradients of the whole data set it is (full-batch) gradient
    /// descent; over those of a random mini-batch it is stochastic gradient descent. The rule is the same, the batch decides.
    ///
    /// Sources: Robbins and Monro, doi 10.1214/aoms/1177729586; Polyak's momentum and Nesterov's form as in Sutskever et al., "On
    /// the importance of initialization and momentum in deep learning" (ICML 2013), in the variant of `torch.optim.SGD`, where `lr`
    /// multiplies the buffer instead of entering it. As in torch the first step copies the gradient, undamped, so a
    /// buffer of zeros is not the same as an absent one when `dampening` is not 0; "first" is a step count of 0.
    ///
    /// torch's SGD has only the coupled decay. `decoupled_weight_decay` makes it SGDW: Loshchilov and Hutter, arXiv 1711.05101, algorithm 1,
    /// with the decay scaled by `lr` and taken from the values as they were before the step, as torch's AdamW and pytorch_optimizer's `SGDW` do.
    pub struct Sgd {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// How much of the buffer is kept; 0: no buffer, no memory for one.
        pub momentum: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// How much of the gradient does not enter the buffer; without momentum it has no effect.
        pub dampening: f64 = 0.0, Range::FINITE;
        /// L2 penalty, added to the gradient; decoupled from it if `decoupled_weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Look ahead along the buffer; needs momentum, and no dampening.
        pub nesterov: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
        /// Shrink the values by `lr * weight_decay` instead of adding the penalty to the gradient: this makes it SGDW.
        pub decoupled_weight_decay: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `undamped` is `1 - dampening`.
    pub struct Hyper<F> { lr: F, momentum: F, undamped: F, coupled_decay: F, decoupled_decay: F, nesterov: u32, sign: F }
}

scalars! {
    /// Per step: how much of the buffer is kept, how much of the gradient taken, and by how much the values shrink.
    pub struct Scalars<F> { keep, take, decay }
}

state! {
    /// Only with momentum.
    pub struct State<F> { b = "momentum_buffer" }
}

impl Rule for Sgd {
    const NAME: &'static str = "Sgd";
    const FORMULA: &'static str = "b = momentum * b + (1 - dampening) * g;  p -= lr * b";
    const WGSL: &'static str = include_str!("../../shaders/rules/sgd.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs::torch("SGD"),
        KnownAs {
            framework: "pytorch_optimizer",
            name: "SGDW",
            keys: &[("weight_decouple", "decoupled_weight_decay")],
            preset: &[("lr", 1e-4), ("decoupled_weight_decay", 1.0)],
        },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let decay = |decoupled| if self.decoupled_weight_decay == decoupled { self.weight_decay } else { 0.0 };
        Hyper {
            lr: F::of(self.lr),
            momentum: F::of(self.momentum),
            undamped: F::of(if self.momentum == 0.0 { 1.0 } else { 1.0 - self.dampening }),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            nesterov: u32::from(self.nesterov),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let first = step <= F::one();
        let keep = if first { F::zero() } else { h.momentum };
        let take = if first { F::one() } else { h.undamped };
        Scalars { keep, take, decay: h.lr * h.decoupled_decay }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.coupled_decay);
        let kept = if s.keep == F::zero() { F::zero() } else { s.keep * state.b };
        state.b = kept + s.take * g;
        let ahead = g + h.momentum * state.b;
        *p = *p - penalized(h.lr * if h.nesterov != 0 { ahead } else { state.b }, *p, s.decay);
    }

    fn uses(&self, _state: &str) -> bool {
        self.momentum != 0.0
    }

    fn check(&self) -> Result<(), String> {
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            let (momentum, dampening) = (self.momentum, self.dampening);
            return Err(format!("nesterov needs momentum above 0 and dampening 0, got momentum {momentum} and dampening {dampening}"));
        }
        Ok(())
    }

    fn begins(&self) -> bool {
        self.momentum != 0.0 && self.dampening != 0.0
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let plain = Sgd { lr: 0.05, weight_decay: 0.1, ..Sgd::default() };
        let momentum = Sgd { momentum: 0.9, ..plain };
        vec![
            ("default", Sgd::default()),
            ("plain", plain),
            ("momentum", momentum),
            ("dampened", Sgd { dampening: 0.3, maximize: true, ..momentum }),
            ("nesterov", Sgd { nesterov: true, ..momentum }),
            ("decoupled", Sgd { decoupled_weight_decay: true, ..momentum }),
        ]
    }
}
