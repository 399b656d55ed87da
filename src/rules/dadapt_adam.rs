//! D-Adaptation for Adam: a learning rate estimated from how far all tensors have come.

use crate::rule::{
    Beta, KnownAs, Range, Real, Rule, Stage, at_least, bias_correction, by_sign, clamped, decayed_average, moving_average, penalized, saturated, square,
};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// D-Adaptation for Adam: its step size is a lower bound `d` of the distance to the solution, made from all tensors, which never falls.
    ///
    /// ```text
    /// g = gradient + weight_decay * p (coupled);   k = use_bias_correction ? sqrt(1 - beta2^t) / (1 - beta1^t) : 1
    /// D = d * lr * k;                              r = layer_scale
    /// A = sum(r * D * g * s / (sqrt(v) + eps)) over all tensors, with s and v as they were
    /// m = beta1 * m + (1 - beta1) * r * D * g;     v = beta2 * v + (1 - beta2) * g^2
    /// s = sqrt(beta2) * s + (1 - sqrt(beta2)) * D * g
    /// S = sum(r * abs(s)) over all tensors;        N = sqrt(beta2) * N + (1 - sqrt(beta2)) * A
    /// d = max(d, min(N / ((1 - sqrt(beta2)) * S), d * growth_rate))
    /// p -= D * weight_decay * p (decoupled) + m / (sqrt(v) + eps)                    (D from the old d)
    /// ```
    ///
    /// Sources: Defazio and Mishchenko, arXiv 2301.07733, algorithm 5, in the form of the authors' `dadaptation` (`DAdaptAdam`). optax's `dadapt_adamw` is it
    /// with `decoupled_weight_decay` and `use_bias_correction`. The step size is a part of `m`, so a change of `lr` acts with delay.
    ///
    /// `lr` stays at 1 and is a factor for schedules. Where it is 0, a tensor has no part in the sums, and its state and values stay. (The authors'
    /// values go on by their last mean.) Where `S` is 0, nothing moves: gradients of 0 make NaN in optax.
    ///
    /// `d` is one for all tensors of the optimizer that are active in every step. It is a scalar of each of them
    /// ([`Optimizer::read_scalars`](crate::Optimizer::read_scalars) has `d` and `N` first), so a tensor that misses steps goes on with the `d` that
    /// it had; and `t` counts its own steps. A tensor that joins later begins at `d0`, and takes some `2 / (1 - beta2)` steps to where the others are. Groups share one
    /// `d` only if they differ in `lr`, `layer_scale` and `weight_decay` alone.
    ///
    /// A gradient that is NaN or infinite makes all tensors NaN, by `A` and `S`. `g^2` saturates ([`square`](crate::rule::square)); `D * g`, `s` and what an
    /// element adds to a sum are limited to 1e30, and `d` grows to 1e10 at most. An `S` below f32's normal numbers is 0.
    pub struct DAdaptAdam {
        /// Factor of the estimated step size.
        pub lr: f64 = 1.0, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the steps.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of the gradient's square; its root is that of the sums.
        pub beta2: f64 = 0.999, Range::BELOW_ONE;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::open(0.0, f64::INFINITY);
        /// L2 penalty, added to the gradient; decoupled from it if `decoupled_weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Shrink the values by `D * weight_decay` instead, and by all of them at most.
        pub decoupled_weight_decay: bool = false, Range::UNIT;
        /// Correct both means for their start at zero.
        pub use_bias_correction: bool = false, Range::UNIT;
        /// The first estimate.
        pub d0: f64 = 1e-6, Range::open(0.0, f64::INFINITY);
        /// By which factor `d` grows in a step at most.
        pub growth_rate: f64 = 1e30, Range::AT_LEAST_ONE;
        /// How long the group's steps are beside those of others.
        pub layer_scale: f64 = 1.0, Range::NON_NEGATIVE;
    }
}

layout! {
    /// Per group; `beta3` is the root of `beta2`, `rest3` is `1 - beta3`.
    pub struct Hyper<F> {
        lr: F, beta1: Beta<F>, beta2: Beta<F>, beta3: F, rest3: F, eps: F, coupled_decay: F, decoupled_decay: F, corrected: u32, d0: F, growth: F,
        layer_scale: F,
    }
}

scalars! {
    /// Carried from step to step: `d`, `n`. Per step: `D`, `r * D`, the decay, and whether anything `moves`: 1, 0 where `S` is 0, NaN where `d` is.
    pub struct Scalars<F> { d, n, step_size, scaled, decay, moves }
}

state! {
    /// The mean of the steps, that of the gradient's square, and that of `D * g`; what `d` is estimated from.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq", s = "s" }
    sums { along: Sum over All, sizes: Sum over All }
}

impl Rule for DAdaptAdam {
    const NAME: &'static str = "DAdaptAdam";
    const FORMULA: &'static str = "d = max(d, Σ d * g * s / √v / Σ |s|);  m = beta1 * m + (1 - beta1) * lr * d * g;  p -= m / (√v + eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/dadapt_adam.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs { framework: "dadaptation", name: "DAdaptAdam", keys: &[("decouple", "decoupled_weight_decay")], preset: &[] },
        KnownAs {
            framework: "optax",
            name: "dadapt_adamw",
            keys: &[("learning_rate", "lr"), ("estim_lr0", "d0")],
            preset: &[("decoupled_weight_decay", 1.0), ("use_bias_correction", 1.0)],
        },
    ];
    const STAGES: &'static [Stage] = &[
        Stage {
            reads: &["m", "v", "s"],
            writes: &["m", "v", "s"],
            sums: &["along", "sizes"],
            resumes: true,
            ..Stage::new("estimate").reading(true, true)
        },
        Stage { reads: &["m", "v"], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let decay = |decoupled| if self.decoupled_weight_decay == decoupled { self.weight_decay } else { 0.0 };
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            beta3: F::of(self.beta2.sqrt()),
            rest3: F::of((1.0 - self.beta2) / (1.0 + self.beta2.sqrt())),
            eps: F::of(self.eps),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            corrected: u32::from(self.use_bias_correction),
            d0: F::of(self.d0),
            growth: F::of(self.growth_rate),
            layer_scale: F::of(self.layer_scale),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let d = if last.d == F::zero() { h.d0 } else { last.d };
        let k = if h.corrected != 0 { bias_correction(h.beta2, step).sqrt() / bias_correction(h.beta1, step) } else { F::one() };
        let step_size = d * h.lr * k;
        let decay = clamped(step_size * h.decoupled_decay, F::zero(), F::one());
        Scalars { d, n: last.n, step_size, scaled: h.layer_scale * step_size, decay, moves: F::one() }
    }

    #[inline(always)]
    fn stage<F: Real>(_estimate: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        let g = penalized(gradient, p, h.coupled_decay);
        if s.step_size == F::zero() {
            return;
        }
        let most = F::of(1e30);
        let pushed = clamped(s.scaled * g, -most, most);
        state.along = clamped(pushed * (state.s / (state.v.sqrt() + h.eps)), -most, most);
        state.m = decayed_average(state.m, pushed, h.beta1);
        state.v = decayed_average(state.v, square(g), h.beta2);
        state.s = moving_average(state.s, clamped(s.step_size * g, -most, most), h.beta3, h.rest3);
        state.sizes = clamped(h.layer_scale * state.s.abs(), F::zero(), most);
    }

    fn resume<F: Real>(_estimate: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        if sums.sizes < F::of(1.1754944e-38) {
            return Scalars { decay: F::zero(), moves: F::zero(), ..*s };
        }
        let n = s.n + h.rest3 * (sums.along - s.n);
        let share = clamped(n / sums.sizes, F::of(-1e20), F::of(1e20));
        let estimate = clamped(share / h.rest3, F::zero(), F::of(1e10));
        let d = at_least(clamped(estimate, F::zero(), saturated(s.d * h.growth)), s.d);
        let moves = if s.step_size == F::zero() { F::zero() } else { by_sign(d, F::zero(), F::zero(), F::one()) };
        Scalars { d, n, moves, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        let step = s.moves * (state.m / (state.v.sqrt() + h.eps));
        *p = if s.moves == F::zero() { *p } else { *p - penalized(step, *p, s.decay) };
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed =
            DAdaptAdam { lr: 0.5, beta1: 0.8, beta2: 0.95, eps: 1e-2, weight_decay: 0.1, d0: 0.1, layer_scale: 0.7, ..DAdaptAdam::default() };
        vec![
            ("default", DAdaptAdam::default()),
            // With so much of a penalty all steps lead to 0, and the estimate grows.
            ("changed", DAdaptAdam { weight_decay: 1e5, ..changed }),
            ("decoupled", DAdaptAdam { decoupled_weight_decay: true, use_bias_correction: true, ..changed }),
            ("limited", DAdaptAdam { weight_decay: 1e5, growth_rate: 1.1, ..changed }),
        ]
    }
}
