//! RAdam: Adam that waits until its mean square can be trusted.

use crate::rule::{Beta, KnownAs, Range, Real, Rule, bias_correction, decayed_average, ln_beta, penalized, square, step_pow};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// RAdam: Adam that does without its denominator as long as that rests on too few gradients, and trusts it gradually afterwards.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient;   g += weight_decay * p   (coupled)   or   p -= lr * weight_decay * p   (decoupled)
    /// m = beta1 * m + (1 - beta1) * g;   v = beta2 * v + (1 - beta2) * g^2
    /// rho_inf = 2 / (1 - beta2) - 1;   rho = rho_inf - 2 * t * beta2^t / (1 - beta2^t)
    /// r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
    /// p -= lr / (1 - beta1^t) * m * (rho > 5 ? r * sqrt(1 - beta2^t) / (sqrt(v) + eps) : 1)
    /// ```
    ///
    /// Sources: Liu et al., arXiv 1908.03265, algorithm 2, with the threshold 5 (the paper: 4) and the place of `eps`, beside the
    /// uncorrected root, of `torch.optim.RAdam`. (optax's `radam` begins at `rho >= 5` and adds `eps` to the corrected root.)
    ///
    /// For `beta2` from 0.9 up, 5 steps go along the mean of the gradient, without a bound on their size; for `beta2` up to 2/3, `rho` never exceeds 5
    /// and all steps do. `rho` is `coth(a / 2) - t * (coth(a * t / 2) - 1)` with `a = -ln(beta2)`, a small difference of large
    /// numbers for small `a * t`; there it is formed from the series of `coth(x) - 1 / x`. Which step is the first to be rectified is found on the
    /// host, so that no rounding decides it.
    ///
    /// Once rectified, a zero gradient so far with `eps = 0` gives NaN, as in torch. `g^2` saturates instead of becoming
    /// infinite.
    pub struct RAdam {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub beta1: f64 = 0.9, Range::BELOW_ONE;
        /// Decay of the mean of its square.
        pub beta2: f64 = 0.999, Range::BELOW_ONE;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
        /// L2 penalty, added to the gradient; decoupled from it if `decoupled_weight_decay`.
        pub weight_decay: f64 = 0.0, Range::NON_NEGATIVE, scheduled;
        /// Shrink the values by `lr * weight_decay` instead of adding the penalty to the gradient.
        pub decoupled_weight_decay: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

impl RAdam {
    fn rho_inf(&self) -> f64 {
        2.0 / (1.0 - self.beta2) - 1.0
    }

    /// `rho` of a step. Beside what is far larger, `coth(x) - 1 / x` is all that counts.
    fn rho(&self, step: u32) -> f64 {
        let (t, a) = (f64::from(step), -ln_beta::<f64>(self.beta2).0);
        match 0.5 * a * t < SERIES {
            true => t - t * coth_rest(0.5 * a * t) + coth_rest(0.5 * a),
            false => self.rho_inf() - 2.0 * t * (-a * t).exp() / -(-a * t).exp_m1(),
        }
    }

    /// The first step to be rectified, if there is one: `rho` grows with the step towards `rho_inf`, and is nearer to it than f64 can tell before step
    /// 1000 where that is near 5.
    fn rectified_from(&self) -> Option<u32> {
        (1..1000).filter(|_| self.rho_inf() > 5.0).find(|&step| self.rho(step) > 5.0)
    }
}

/// Below this, `coth(x) - 1 / x` loses a digit or more, and these terms of its series have all that f64 has; f32 has enough of five.
const SERIES: f64 = 0.5;

/// The magnitudes of the terms, of alternating sign: `4^k |B_2k| / (2k)!` of `x^(2k - 1)`, with Bernoulli's numbers.
const TERMS: [f64; 11] = [
    1.0 / 3.0,
    1.0 / 45.0,
    2.0 / 945.0,
    1.0 / 4725.0,
    2.0 / 93_555.0,
    1382.0 / 638_512_875.0,
    4.0 / 18_243_225.0,
    3617.0 / 162_820_783_125.0,
    87_734.0 / 38_979_295_480_125.0,
    349_222.0 / 1_531_329_465_290_625.0,
    310_732.0 / 13_447_856_940_643_125.0,
];

/// `coth(x) - 1 / x` for `x` below [`SERIES`].
fn coth_series<F: Real>(x: F) -> F {
    let y = x * x;
    x * TERMS.iter().rfold(F::zero(), |rest, &term| F::of(term) - y * rest)
}

/// `coth(x) - 1 / x`
fn coth_rest(x: f64) -> f64 {
    if x < SERIES { coth_series(x) } else { x.tanh().recip() - x.recip() }
}

layout! {
    /// Per group; `rectification` is the constant factor of `r`.
    pub struct Hyper<F> {
        lr: F, beta1: Beta<F>, beta2: Beta<F>, eps: F, coupled_decay: F, decoupled_decay: F, sign: F, rho_inf: F, rho_offset: F,
        rectified_from: F, rectification: F,
    }
}

scalars! {
    /// Per step; `rectifier` is `r * sqrt(1 - beta2^t)`, or 0 for a step that is not rectified.
    pub struct Scalars<F> { step_size, rectifier, decay }
}

state! {
    /// The means of the gradient and of its square.
    pub struct State<F> { m = "exp_avg", v = "exp_avg_sq" }
}

fn rho<F: Real>(h: &Hyper<F>, step: F) -> F {
    let x = F::of(-0.5) * step * h.beta2.ln;
    if x < F::of(SERIES) {
        return step - step * coth_series(x) + h.rho_offset;
    }
    let power = step_pow(h.beta2.ln, h.beta2.ln_low, step);
    h.rho_inf - F::of(2.0) * step * power / bias_correction(h.beta2, step)
}

impl Rule for RAdam {
    const NAME: &'static str = "RAdam";
    const FORMULA: &'static str = "p -= lr * m̂ * (rho > 5 ? r * √(1 - beta2^t) / (√v + eps) : 1)";
    const WGSL: &'static str = include_str!("../../shaders/rules/radam.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs::torch("RAdam")];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let decay = |decoupled| if self.decoupled_weight_decay == decoupled { self.weight_decay } else { 0.0 };
        let (rho_inf, from) = (self.rho_inf(), self.rectified_from());
        Hyper {
            lr: F::of(self.lr),
            beta1: Beta::of(self.beta1),
            beta2: Beta::of(self.beta2),
            eps: F::of(self.eps),
            coupled_decay: F::of(decay(false)),
            decoupled_decay: F::of(decay(true)),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
            rho_inf: F::of(rho_inf),
            rho_offset: F::of(coth_rest(-0.5 * ln_beta::<f64>(self.beta2).0)),
            rectified_from: F::of(from.map_or(f64::from(f32::MAX), f64::from)),
            rectification: F::of(from.map_or(0.0, |_| (rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0))).sqrt())),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let step_size = h.lr / bias_correction(h.beta1, step);
        if step < h.rectified_from {
            return Scalars { step_size, rectifier: F::zero(), decay: h.lr * h.decoupled_decay };
        }
        let length = rho(h, step);
        let ratio = (length - F::of(4.0)) * (length - F::of(2.0)) / length;
        let bias_correction2 = bias_correction(h.beta2, step);
        Scalars { step_size, rectifier: (ratio * bias_correction2).sqrt() * h.rectification, decay: h.lr * h.decoupled_decay }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = penalized(h.sign * gradient, *p, h.coupled_decay);
        state.m = decayed_average(state.m, g, h.beta1);
        state.v = decayed_average(state.v, square(g), h.beta2);
        let mut direction = state.m;
        if s.rectifier > F::zero() {
            direction = direction * (s.rectifier / (state.v.sqrt() + h.eps));
        }
        *p = *p - penalized(s.step_size * direction, *p, s.decay);
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let changed = RAdam { lr: 2e-2, beta1: 0.8, beta2: 0.95, eps: 1e-4, weight_decay: 0.1, ..RAdam::default() };
        vec![
            ("default", RAdam::default()),
            ("coupled", RAdam { maximize: true, ..changed }),
            ("decoupled", RAdam { decoupled_weight_decay: true, ..changed }),
            ("never-rectified", RAdam { beta1: 0.0, beta2: 0.3, ..changed }),
            ("late", RAdam { beta2: 0.8, ..changed }),
            ("long-memory", RAdam { beta2: 0.99999, ..changed }),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{RAdam, TERMS, rho};
    use crate::rule::Rule;

    /// `rho` loses two digits at most where its other form has all but three.
    #[test]
    fn rho_in_f64_is_what_its_definition_says() {
        let rule = RAdam { beta2: 0.999, ..RAdam::default() };
        let h = rule.hyper::<f64>();
        for t in 200..1100 {
            let (step, power) = (f64::from(t), (f64::from(t) * 0.999_f64.ln()).exp_m1());
            let exact = rule.rho_inf() + 2.0 * step * (1.0 + power) / power;
            let got = rho(&h, step);
            assert!((got / exact - 1.0).abs() < 1e-11, "step {t}: {got}, expected {exact}");
        }
        assert!(TERMS.windows(2).all(|pair| pair[1] < pair[0] / 9.0));
    }
}
