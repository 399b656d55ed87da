//! Prodigy: Adam that estimates its own learning rate, from how far all tensors have come.

use crate::rule::{
    Beta, KnownAs, Range, Real, Rule, Stage, at_least, bias_correction, clamped, decayed_average, penalized, saturated, square,
};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Prodigy: Adam whose step size is an estimate `d` of the distance to the solution, made from all tensors and growing as they move.
    ///
    /// ```text
    /// g = gradient + weight_decay * p (coupled);   k = use_bias_correction ? sqrt(1 - beta2^t) / (1 - beta1^t) : 1
    /// D = d * lr * k;                              beta3 = sqrt(beta2), unless it is given
    /// N = beta3 * N + sum(d / d0 * D * g * (p0 - p))                                 (over all tensors)
    /// m = beta1 * m + (1 - beta1) * d * g;         v = beta2 * v + (1 - beta2) * (d * g)^2
    /// s = beta3 * s + d / d0 * (safeguard_warmup ? d : D) * g
    /// S = sum(abs(s)) over all tensors;            h = d_coef * N / S
    /// d = d0 so far: d = max(d, h);                d_max = max(d_max, h);   d = min(d_max, d * growth_rate)
    /// p -= D * weight_decay * p (decoupled) + D * m / (sqrt(v) + d * eps)            (D from the old d, d * eps from the new one)
    /// ```
    ///
    /// Sources: Mishchenko and Defazio, arXiv 2306.06101, algorithm 4, in the form of the authors' `prodigyopt` (with `slice_p` 1). optax's `prodigy` is it with
    /// `use_bias_correction`. `p0` are the values before the first step.
    ///
    /// `lr` stays at 1 and is a factor for schedules. Where it is 0, a tensor has no part in the sums, and neither it nor its state changes. Where `S` is 0,
    /// nothing moves: gradients of 0 make NaN in optax.
    ///
    /// `d` is one for all tensors of the optimizer that are active in every step. It is a scalar of each of them
    /// ([`Optimizer::read_scalars`](crate::Optimizer::read_scalars) has `d`, `d_max` and `N` first), so a tensor that misses steps goes on
    /// with the `d` that it had; and `t` counts its own steps. A tensor that joins later begins at `d0`, and takes some `2 / (1 - beta2)` steps to where the
    /// others are. Groups share one `d` only if they differ in `lr` and `weight_decay` alone.
    ///
    /// In f32, `p0 - p` is off by half an ulp of `p`, as much as steps of `d0 = 1e-6` are long: the first estimates are partly noise, whichever code forms them.
    /// A gradient that is NaN or infinite makes all tensors NaN, by `N` and `S`. `(d * g)^2` saturates ([`square`](crate::rule::square)); `d * g`, `s` and what an
    /// element adds to a sum are limited to 1e30, and `h` to 1e10. An `S` below f32's normal numbers is 0.
    pub struct Prodigy {
        /// Factor of the estimated step size.
        pub lr: f64 = 1.0, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE, scheduled;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE;
        /// Decay of the sums that `d` is estimated from; 0 for the root of `beta2`.
        pub beta3: f64 = 0.0, Range::BELOW_ONE;
        /// Times `d`, added to the denominator.
        pub eps: f64 = 1e-8, Range::open(0.0, f64::INFINITY);
        /// Each step shrinks the values by `D * weight_decay`, and by all of them at most, if `decoupled_weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Without it, `weight_decay` is an L2 penalty, added to the gradient.
        pub decoupled_weight_decay: bool = true, Range::UNIT;
        /// Correct both means for their start at zero.
        pub use_bias_correction: bool = false, Range::UNIT;
        /// Keep `lr` out of `s`, for warm-ups: an `lr` that rises would make the estimate too large.
        pub safeguard_warmup: bool = false, Range::UNIT;
        /// The first estimate.
        pub d0: f64 = 1e-6, Range::open(0.0, f64::INFINITY);
        /// Factor of the estimate.
        pub d_coef: f64 = 1.0, Range::NON_NEGATIVE;
        /// By which factor `d` grows in a step at most, once it has left `d0`.
        pub growth_rate: f64 = 1e30, Range::AT_LEAST_ONE;
    }
}

layout! {
    /// Per group; `rest3` is `1 - beta3`.
    pub struct Hyper<F> {
        lr: F, beta1: Beta<F>, beta2: Beta<F>, rest3: F, eps: F, coupled_decay: F, decoupled_decay: F, corrected: u32, safeguard: u32, d0: F,
        d_coef: F, growth: F,
    }
}

scalars! {
    /// Carried from step to step: `d`, `d_max`, `n`. Per step: `D`, by what `g` is multiplied in the sums, what is added to the root of `v`, and
    /// `first`, 1 in the first step.
    pub struct Scalars<F> { d, d_max, n, step_size, weight, s_weight, eps, decay, first }
}

state! {
    /// The means, the weighted sum of gradients, and the values before the first step; what `d` is estimated from.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq", s = "s", p0 = "p0" }
    sums { along: Sum over All, sizes: Sum over All }
}

impl Rule for Prodigy {
    const NAME: &'static str = "Prodigy";
    const FORMULA: &'static str = "d = max(d, Σ d * g * (p0 - p) / Σ |s|);  p -= lr * d * m / (√v + d * eps)";
    const WGSL: &'static str = include_str!("../../shaders/rules/prodigy.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs {
            framework: "prodigyopt",
            name: "Prodigy",
            keys: &[("betas", "beta1, beta2"), ("decouple", "decoupled_weight_decay")],
            preset: &[],
        },
        KnownAs {
            framework: "optax",
            name: "prodigy",
            keys: &[("betas", "beta1, beta2"), ("learning_rate", "lr"), ("estim_lr0", "d0"), ("estim_lr_coef", "d_coef")],
            preset: &[("use_bias_correction", 1.0)],
        },
    ];
    const VALUES: &'static [&'static str] = &["p0"];
    const STAGES: &'static [Stage] = &[
        Stage {
            reads: &["m", "v", "s", "p0"],
            writes: &["m", "v", "s", "p0"],
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
            rest3: F::of(if self.beta3 == 0.0 { (1.0 - self.beta2) / (1.0 + self.beta2.sqrt()) } else { 1.0 - self.beta3 }),
            eps: F::of(self.eps),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            corrected: u32::from(self.use_bias_correction),
            safeguard: u32::from(self.safeguard_warmup),
            d0: F::of(self.d0),
            d_coef: F::of(self.d_coef),
            growth: F::of(self.growth_rate),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let d = if last.d == F::zero() { h.d0 } else { last.d };
        let d_max = at_least(last.d_max, d);
        let k = if h.corrected != 0 { bias_correction(h.beta2, step).sqrt() / bias_correction(h.beta1, step) } else { F::one() };
        let step_size = d * h.lr * k;
        let weight = saturated(d / h.d0 * step_size);
        let s_weight = if h.safeguard != 0 { saturated(d / h.d0 * d) } else { weight };
        let decay = clamped(step_size * h.decoupled_decay, F::zero(), F::one());
        let first = if step <= F::one() { F::one() } else { F::zero() };
        Scalars { d, d_max, n: last.n, step_size, weight, s_weight, eps: d * h.eps, decay, first }
    }

    #[inline(always)]
    fn stage<F: Real>(_estimate: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: F, state: &mut State<F>) {
        state.p0 = if s.first != F::zero() { p } else { state.p0 };
        let g = penalized(gradient, p, h.coupled_decay);
        if s.step_size == F::zero() {
            return;
        }
        let most = F::of(1e30);
        let dg = clamped(s.d * g, -most, most);
        state.m = decayed_average(state.m, dg, h.beta1);
        state.v = decayed_average(state.v, square(dg), h.beta2);
        state.s = clamped(state.s + (s.s_weight * g - h.rest3 * state.s), -most, most);
        state.along = clamped(clamped(s.weight * g, -most, most) * (state.p0 - p), -most, most);
        state.sizes = state.s.abs();
    }

    fn resume<F: Real>(_estimate: usize, h: &Hyper<F>, s: &Scalars<F>, sums: &State<F>) -> Scalars<F> {
        if sums.sizes < F::of(1.1754944e-38) {
            return Scalars { step_size: F::zero(), decay: F::zero(), ..*s };
        }
        let n = s.n + (sums.along - h.rest3 * s.n);
        let share = clamped(n / sums.sizes, F::of(-1e20), F::of(1e20));
        let estimate = clamped(h.d_coef * share, F::of(-1e10), F::of(1e10));
        let d_max = at_least(estimate, s.d_max);
        let raised = if s.d == h.d0 { at_least(estimate, s.d) } else { s.d };
        let d = clamped(d_max, F::zero(), saturated(raised * h.growth));
        Scalars { d, d_max, n, eps: d * h.eps, ..*s }
    }

    #[inline(always)]
    fn update<F: Real>(_h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        let step = s.step_size * (state.m / (state.v.sqrt() + s.eps));
        *p = if s.step_size == F::zero() { *p } else { *p - penalized(step, *p, s.decay) };
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = Prodigy { lr: 0.5, beta1: 0.8, beta2: 0.95, eps: 1e-2, weight_decay: 0.1, d0: 0.1, d_coef: 2.0, ..Prodigy::default() };
        let safe = Prodigy { safeguard_warmup: true, beta3: 0.9, ..changed };
        vec![
            ("estimated", Prodigy { d0: 0.1, ..Prodigy::default() }),
            ("changed", changed),
            // With so much of a penalty all steps lead to 0, and the estimate grows.
            ("coupled", Prodigy { decoupled_weight_decay: false, use_bias_correction: true, weight_decay: 1e5, ..changed }),
            ("limited", Prodigy { decoupled_weight_decay: false, weight_decay: 1e5, growth_rate: 1.1, ..safe }),
        ]
    }
}
