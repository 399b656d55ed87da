//! Schedule-free SGD and AdamW: no schedule, but an average of the values to evaluate with.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, lerp, ln_ratio, one_minus_pow, penalized, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// Schedule-free SGD: gradient descent on `z`, evaluated at its weighted average `x`, with gradients taken at `y` between the two. Needs
    /// no decreasing learning rate, and no number of steps to be known beforehand.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;    u = g + weight_decay * y
    /// lr_t = lr * min(1, t / warmup_steps);   lr_max = max(lr_max, lr_t)     (late_warmup: only then lr_t = that of step t - 1)
    /// weight = t^r * lr_max^weight_lr_power;  weight_sum += weight;   c = weight / weight_sum
    /// y += c * (z - y) - lr_t * (1 - momentum * (1 - c)) * u         (z = y before the first step)
    /// z -= lr_t * u
    /// evaluate: x = (y - (1 - momentum) * z) / momentum
    /// ```
    ///
    /// The values are `y` while training: record [`Optimizer::evaluate`](crate::Optimizer::evaluate) before the model is evaluated or exported, and
    /// [`Optimizer::train`](crate::Optimizer::train) before it is trained again. `y` is kept aside meanwhile, in 4 bytes more for each value, so it
    /// comes back to the bit, where the authors' packages round it at each change.
    ///
    /// Sources: Defazio et al., "The Road Less Scheduled", arXiv 2405.15682, in the form of the authors' `schedulefree`
    /// and of pytorch_optimizer, which never stores `x`. Differences: `weight_sum` is kept in units of the step's own weight, so that with a
    /// constant rate it counts steps exactly, where a plain f32 sum is off by 1% after a million; and steps count per
    /// parameter, as everywhere in this crate, not per group. optax's `schedule_free_sgd` has `late_warmup`. As long as
    /// the rate is 0 nothing moves.
    pub struct ScheduleFreeSgd {
        /// Learning rate.
        pub lr: f64 = 1.0, Range::NON_NEGATIVE, scheduled;
        /// Where between `z` (0) and the average `x` (1) gradients are taken.
        pub momentum: f64 = 0.9, Range::open(0.0, 1.0);
        /// L2 penalty at `y`, added to the gradient.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// The average weighs step `t` by `t^r`.
        pub r: f64 = 0.0, Range::NON_NEGATIVE;
        /// The average weighs a step by this power of the largest rate so far.
        pub weight_lr_power: f64 = 2.0, Range::NON_NEGATIVE;
        /// Over this many steps the rate rises to `lr`, by equal amounts.
        pub warmup_steps: f64 = 0.0, Range::NON_NEGATIVE;
        /// During the warm-up, step with the rate of the step before, at first 0, as optax does; the average weighs by this step's all the same.
        pub late_warmup: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

hyper_parameters! {
    /// Schedule-free AdamW: [`ScheduleFreeSgd`] whose steps are scaled by the root of the gradient's mean square.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient
    /// v = beta2 * v + (1 - beta2) * g^2
    /// u = g / (sqrt(v) / sqrt(1 - beta2^t) + eps) + weight_decay * y
    /// ```
    ///
    /// and from there on as in [`ScheduleFreeSgd`], with `beta1` for its `momentum`: there is no other mean of the gradient.
    ///
    /// Sources: arXiv 2405.15682; optax's `schedule_free_adamw`. pytorch_optimizer adds 1e-15
    /// inside the root too, which shows for `|g|` below 1e-4 only; some versions of the authors' own package fold the bias correction into
    /// `lr_t` instead, and so into the average's weights. With `eps = 0`, a zero gradient at the first step gives NaN, as in [`Adam`](crate::Adam).
    pub struct ScheduleFreeAdamW {
        /// Learning rate.
        pub lr: f64 = 2.5e-3, Range::NON_NEGATIVE, scheduled;
        /// Where between `z` (0) and the average `x` (1) gradients are taken.
        pub beta1: f64 = 0.9, Range::open(0.0, 1.0);
        /// Decay of the mean square of the gradient.
        pub beta2: f64 = 0.999, Range::BELOW_ONE;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// Each step pulls by `lr * weight_decay * y`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// The average weighs step `t` by `t^r`.
        pub r: f64 = 0.0, Range::NON_NEGATIVE;
        /// The average weighs a step by this power of the largest rate so far.
        pub weight_lr_power: f64 = 2.0, Range::NON_NEGATIVE;
        /// Over this many steps the rate rises to `lr`, by equal amounts.
        pub warmup_steps: f64 = 0.0, Range::NON_NEGATIVE;
        /// During the warm-up, step with the rate of the step before, at first 0, as optax does; the average weighs by this step's all the same.
        pub late_warmup: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; `rest` is `1 - beta`, `outward` is `1 - 1 / beta1`, and SGD has no `beta2`.
    pub struct Hyper<F> {
        lr: F, beta1: F, rest1: F, outward: F, beta2: Beta<F>, eps: F, weight_decay: F, r: F, weight_lr_power: F, warmup: F, late: F,
        sign: F,
    }
}

scalars! {
    /// Per step; `weight_sum` in units of the step's own weight, `peak` is `lr_max` over `min(1, t / warmup_steps)`: while `lr` stays as it is,
    /// both are free of rounding.
    pub struct Scalars<F> { lr, peak, weight_sum, c, y_step, inverse_root2, first }
}

state! {
    /// Where the steps lead.
    pub struct SgdState<F> { z = "z" }
}

state! {
    /// Where the steps lead, and the mean square.
    pub struct AdamWState<F> { z = "z", v = "exp_avg_sq" }
}

impl From<ScheduleFreeSgd> for ScheduleFreeAdamW {
    /// The same average; what is not in both is as if absent.
    fn from(
        ScheduleFreeSgd { lr, momentum, weight_decay, r, weight_lr_power, warmup_steps, late_warmup, maximize }: ScheduleFreeSgd,
    ) -> Self {
        ScheduleFreeAdamW {
            lr,
            beta1: momentum,
            beta2: 0.0,
            eps: 0.0,
            weight_decay,
            r,
            weight_lr_power,
            warmup_steps,
            late_warmup,
            maximize,
        }
    }
}

impl Rule for ScheduleFreeSgd {
    const NAME: &'static str = "ScheduleFreeSgd";
    const FORMULA: &'static str = "y += c * (z - y) - lr * (1 - momentum * (1 - c)) * g;  z -= lr * g";
    const WGSL: &'static str =
        concat!(include_str!("../../shaders/rules/schedule_free.wgsl"), include_str!("../../shaders/rules/schedule_free_sgd.wgsl"));
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs { framework: "pytorch_optimizer", name: "ScheduleFreeSGD", keys: &[], preset: &[] },
        KnownAs {
            framework: "optax",
            name: "schedule_free_sgd",
            keys: &[("learning_rate", "lr"), ("b1", "momentum")],
            preset: &[("late_warmup", 1.0)],
        },
    ];
    const VALUES: &'static [&'static str] = &["z"];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = SgdState<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        ScheduleFreeAdamW::from(*self).hyper()
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        ScheduleFreeAdamW::prepare(h, step, last)
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut SgdState<F>) {
        let z = if s.first != F::zero() { *p } else { state.z };
        let u = penalized(h.sign * gradient, *p, h.weight_decay);
        *p = lerp(*p, z, s.c) - s.y_step * u;
        state.z = z - s.lr * u;
    }

    const VIEWS: bool = true;

    #[inline(always)]
    fn evaluate<F: Real>(h: &Hyper<F>, _s: &Scalars<F>, p: &mut F, state: &mut SgdState<F>) {
        *p = lerp(*p, state.z, h.outward);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = ScheduleFreeSgd { lr: 0.05, momentum: 0.8, weight_decay: 0.1, ..ScheduleFreeSgd::default() };
        vec![
            ("default", ScheduleFreeSgd::default()),
            ("changed", changed),
            ("warm-up", ScheduleFreeSgd { warmup_steps: 3.0, weight_lr_power: 1.5, maximize: true, ..changed }),
            ("weighted", ScheduleFreeSgd { lr: 0.5, warmup_steps: 5.0, late_warmup: true, r: 0.7, momentum: 0.3, ..changed }),
        ]
    }
}

impl Rule for ScheduleFreeAdamW {
    const NAME: &'static str = "ScheduleFreeAdamW";
    const FORMULA: &'static str = "u = g / (√v̂ + eps) + weight_decay * y;  y += c * (z - y) - lr * (1 - beta1 * (1 - c)) * u;  z -= lr * u";
    const WGSL: &'static str =
        concat!(include_str!("../../shaders/rules/schedule_free.wgsl"), include_str!("../../shaders/rules/schedule_free_adamw.wgsl"));
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs { framework: "pytorch_optimizer", name: "ScheduleFreeAdamW", keys: &[], preset: &[] },
        KnownAs {
            framework: "optax",
            name: "schedule_free_adamw",
            keys: &[("learning_rate", "lr"), ("b1", "beta1"), ("b2", "beta2")],
            preset: &[("late_warmup", 1.0)],
        },
    ];
    const VALUES: &'static [&'static str] = &["z"];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = AdamWState<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper {
            lr: F::of(self.lr),
            beta1: F::of(self.beta1),
            rest1: F::of(1.0 - self.beta1),
            outward: F::of((self.beta1 - 1.0) / self.beta1),
            beta2: Beta::of(self.beta2),
            eps: F::of(self.eps),
            weight_decay: F::of(self.weight_decay),
            r: F::of(self.r),
            weight_lr_power: F::of(self.weight_lr_power),
            warmup: F::of(self.warmup_steps.max(1.0)),
            late: F::of(if self.late_warmup && self.warmup_steps > 0.0 { 1.0 } else { 0.0 }),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &Scalars<F>) -> Scalars<F> {
        let lr = h.lr * ((step - h.late).min(h.warmup) / h.warmup);
        let risen = ln_ratio((step - F::one()).min(h.warmup), step.min(h.warmup));
        let peak = h.lr.max(last.peak * (F::one() - one_minus_pow(risen, F::zero(), F::one())));
        let exponent = h.r * ln_ratio(step - F::one(), step) + h.weight_lr_power * (risen + ln_ratio(last.peak, peak));
        let weight_sum = F::one() + (last.weight_sum - last.weight_sum * one_minus_pow(exponent, F::zero(), F::one()));
        let c = F::one() / weight_sum;
        let inverse_root2 = bias_correction(h.beta2, step).sqrt().recip();
        let first = if step <= F::one() { F::one() } else { F::zero() };
        Scalars { lr, peak, weight_sum, c, y_step: lr * (h.rest1 + h.beta1 * c), inverse_root2, first }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut AdamWState<F>) {
        let z = if s.first != F::zero() { *p } else { state.z };
        let g = h.sign * gradient;
        state.v = decayed_average(state.v, square(g), h.beta2);
        let u = penalized(g / (state.v.sqrt() * s.inverse_root2 + h.eps), *p, h.weight_decay);
        *p = lerp(*p, z, s.c) - s.y_step * u;
        state.z = z - s.lr * u;
    }

    const VIEWS: bool = true;

    #[inline(always)]
    fn evaluate<F: Real>(h: &Hyper<F>, _s: &Scalars<F>, p: &mut F, state: &mut AdamWState<F>) {
        *p = lerp(*p, state.z, h.outward);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = ScheduleFreeAdamW { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.1, ..ScheduleFreeAdamW::default() };
        vec![
            ("default", ScheduleFreeAdamW::default()),
            ("changed", changed),
            ("warm-up", ScheduleFreeAdamW { warmup_steps: 3.0, weight_lr_power: 1.5, maximize: true, ..changed }),
            ("weighted", ScheduleFreeAdamW { lr: 0.2, warmup_steps: 5.0, late_warmup: true, r: 0.7, beta1: 0.3, ..changed }),
        ]
    }
}
