//! SM3: Adagrad whose sums are kept by the axes of a tensor.

use crate::rule::{Extent, KnownAs, Range, Real, Rule, Stage, moving_average, saturated, square};
use crate::{hyper_parameters, layout, scalars, state};

hyper_parameters! {
    /// SM3: steps by the gradient over the root of a bound of the sum of its squares, of which each axis of a tensor keeps one number for each index.
    ///
    /// ```text
    /// a = (least of mu, over the axes, each at the element's index) + g^2
    /// mu of an axis at an index = largest a of the elements that have that index there;   of a vector mu is a
    /// u = g / sqrt(a + 1e-8)
    /// nu = momentum * nu + (1 - momentum) * u
    /// p -= lr * nu
    /// ```
    ///
    /// Sources: Anil, Gupta, Koren and Singer, "Memory-efficient adaptive optimization", arXiv 1901.11150, algorithm SM3-II, as in optax's `sm3`: the momentum is
    /// a mean of the steps, and 1e-8 is in the root.
    ///
    /// A tensor of any number of dimensions has a vector for each, in the state `mu` one after the other: 4 bytes for each index, beside the 4 of each element for `nu`.
    /// Of more than eight dimensions, the first ones count as one. A vector keeps `a`, and this is [`Adagrad`](crate::Adagrad) with momentum; so does a single
    /// number, which optax refuses.
    ///
    /// A zero gradient leaves what is left of `nu`. A gradient that is NaN or infinite makes its element NaN, and in a tensor of more dimensions, in the next steps, all that
    /// shares an index with it. `g^2` saturates ([`square`](crate::rule::square)), and so does `a`. Tensors get no other rows
    /// ([`Optimizer::change_rows`](crate::Optimizer::change_rows)), and no row masks.
    pub struct Sm3 {
        /// Learning rate.
        pub lr: f64 = 0.1, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the steps.
        pub momentum: f64 = 0.9, Range::BELOW_ONE, scheduled;
    }
}

/// Added to `a` in the root.
const EPS: f64 = 1e-8;

layout! {
    /// Per group; `rest` is `1 - momentum`.
    pub struct Hyper<F> { lr: F, momentum: F, rest: F }
}

scalars! {
    /// Per step.
    pub struct Scalars<F> { step_size }
}

state! {
    /// The mean of the steps; what is kept of the axes of a matrix, and else of each element; the largest `a` of each index.
    pub struct State<F> { nu = "nu", mu: Axes = "mu", a = "mu.0" }
    sums { cover: Largest over Axes }
}

const COVER: usize = 0;

impl Rule for Sm3 {
    const NAME: &'static str = "Sm3";
    const FORMULA: &'static str = "a = min(mu) + g^2;  mu = max(a);  nu = momentum * nu + (1 - momentum) * g / √a;  p -= lr * nu";
    const WGSL: &'static str = include_str!("../../shaders/rules/sm3.wgsl");
    const NEVER_NEGATIVE: &'static [&'static str] = &["a"];
    const KNOWN_AS: &'static [KnownAs] = &[KnownAs { framework: "optax", name: "sm3", keys: &[("learning_rate", "lr")], preset: &[] }];
    const STAGES: &'static [Stage] = &[
        Stage { reads: &["nu", "mu", "a"], writes: &["nu", "a"], sums: &["cover"], ..Stage::new("sm3_cover").reading(true, false) },
        Stage { over: Extent::Axes, reads: &["cover"], writes: &["mu"], ..Stage::new("sm3_axes") },
        Stage { reads: &["nu"], writes: &[], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr), momentum: F::of(self.momentum), rest: F::of(1.0 - self.momentum) }
    }

    fn prepare<F: Real>(h: &Hyper<F>, _step: F, _last: &Scalars<F>) -> Scalars<F> {
        Scalars { step_size: h.lr }
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, _s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        match stage {
            COVER => {
                // One of the two is not in use, and is 0.
                state.a = saturated(state.mu + state.a + square(gradient));
                state.cover = state.a;
                state.nu = moving_average(state.nu, gradient * (state.a + F::of(EPS)).inverse_sqrt(), h.momentum, h.rest);
            }
            _axes => state.mu = state.cover,
        }
    }

    #[inline(always)]
    fn update<F: Real>(_h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        *p = *p - s.step_size * state.nu;
    }

    fn uses_for(&self, state_or_sum: &str, is_matrix: bool) -> bool {
        match state_or_sum {
            "mu" | "cover" => is_matrix,
            "a" => !is_matrix,
            _ => true,
        }
    }

    fn cases() -> Vec<(&'static str, Self)> {
        vec![
            ("default", Sm3::default()),
            ("changed", Sm3 { lr: 2e-2, momentum: 0.7 }),
            ("plain", Sm3 { momentum: 0.0, ..Sm3::default() }),
        ]
    }
}
