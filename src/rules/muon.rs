//! Muon: momentum, orthogonalized. What its iterations multiply by, and which parameters it is for, are beside.

mod iterations;

use crate::rule::{
    Beta, Extent, KnownAs, Range, Real, Rule, Stage, at_least, bias_correction, by_sign, decayed_average, penalized, saturated, square,
};
use crate::{hyper_parameters, layout, scalars, state};
use iterations::{MOST, SAFETY, grown};

hyper_parameters! {
    /// Muon: steps along the orthogonal matrix that is nearest to the momentum.
    ///
    /// ```text
    /// g = maximize ? -gradient : gradient
    /// B = momentum * B + (1 - momentum) * g
    /// u = nesterov ? momentum * B + (1 - momentum) * g : B
    /// X = u / max(|u|, eps),  transposed where there are more rows than columns
    /// ns_steps times:   A = X X^T;   X = a X + (b A + c A A) X
    /// p -= lr * weight_decay * p + lr * f * X
    /// f = sqrt(max(1, rows / columns)), or rms_scale * sqrt(max(rows, columns))
    /// ```
    ///
    /// `|u|` is the Frobenius norm. With the default coefficients the singular values of X come to lie between 0.68 and 1.13.
    ///
    /// Sources: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), in the form of `torch.optim.Muon`, whose defaults these are; `rms_scale`
    /// 0.2 is its `match_rms_adamw`, `unclamped` its `spectral_unclamped`. Jordan's own `SingleDeviceMuon` has `added_eps`, `lr` 0.02 and `weight_decay` 0. optax's
    /// `contrib.muon` has `added_eps`, `debias`, `eps` 1e-8, `weight_decay` 0, `inputs_first`; its `adaptive`, its `consistent_rms` (`rms_scale` with `inputs_first`), its
    /// `"dion"` coefficients. torch's iterations are in bf16; these are in f32, whose results are ten thousand times as near to the exact ones, or on request in f16.
    ///
    /// **Shapes.** Muon is for the matrices of hidden layers; [`Muon::is_for`] tells which these usually are, so that all else goes to another group. A tensor of three dimensions is
    /// a batch of matrices; one of more, as of a convolution, is one matrix, of its first dimension by all others, and `f` is of that (Jordan's is of the last two
    /// dimensions of the kernel). A vector or a number is a matrix of one row, whose X is a multiple of `u / |u|`; torch refuses those. The whole matrix has to fit in a binding.
    ///
    /// `adaptive` multiplies X by the sum of `u * X` over the matrix, the nuclear norm of `u`, nearly. `debias` divides B by `1 - momentum^t`, with `nesterov` the part of it
    /// that is ahead by `1 - momentum^(t + 1)`: that changes how much of `g` there is in `u`.
    ///
    /// **In f16.** With `ns_f16`, X, A and B are kept in f16 between products, and their sums are in f32. The scratch memory of products is half as large; nothing else is, states and gradients
    /// included. X is off by 5e-4 to 1.4e-3 of its root mean square, with Polar Express by up to 3e-3 and, of a matrix of one row, 1.5e-2; torch's bf16 is off by 1.3e-2. That is for matrices of
    /// normal numbers; where most singular values are small beside a few, roundings grow with the small ones, to 4e-2 for eight large ones and a hundredth of noise, as they do in bf16, to 0.3, and in f32, to 2e-5. Gradients may be as large
    /// or small as in f32: they are brought to norm 1 first. On the GPU it needs a device that was requested with [`wgpu::Features::SHADER_F16`], WebGPU's `"shader-f16"`; without,
    /// it is [`Error::Feature`](crate::Error::Feature), and no optimizer asks for the feature by itself. [`CpuOptimizer`](crate::cpu::CpuOptimizer) rounds likewise in f32, and not at all in f64. It has not been timed
    /// on a GPU.
    ///
    /// ```
    /// use wgpu_optim::adapter::{DeviceLimits, instance, request_with_features};
    /// use wgpu_optim::{Muon, Optimizer, Tensors, wgpu};
    ///
    /// async fn in_f16() -> wgpu_optim::Result<Optimizer> {
    ///     let f16 = wgpu::Features::SHADER_F16; // in `required_features` of whoever requests a device of their own
    ///     let gpu = request_with_features(&instance().await?, DeviceLimits::Adapter, f16).await?;
    ///     let tensors = Tensors::new(&gpu.device, [("hidden.weight", [64, 128])])?;
    ///     Optimizer::new(&gpu.device, &gpu.queue, Muon { ns_f16: true, ..Muon::default() }, tensors.params())
    /// }
    /// match pollster::block_on(in_f16()) {
    ///     Ok(optimizer) => assert!(optimizer.dispatches() > 15), // three for each of five iterations, and what is around them
    ///     Err(error) => println!("no f16 here: {error}"),
    /// }
    /// ```
    ///
    /// What the coefficients depend on stays as it is in a running optimizer: `ns_a`, `ns_b`, `ns_c`, `ns_steps`, `dion`, `polar_express`, `rms_scale`, `unclamped`,
    /// `inputs_first`, `adaptive`, `ns_f16`.
    ///
    /// A gradient that is NaN or infinite makes all of its matrix NaN, by `|u|`. Where the sum of the squares of `u` is beyond f32's largest number, X is 0: the values
    /// only decay in that step, and B goes on. A zero gradient with `eps = 0` gives NaN.
    pub struct Muon {
        /// Learning rate.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE, scheduled;
        /// Each step shrinks the values by `lr * weight_decay`.
        pub weight_decay: f64 = 0.1, Range::NON_NEGATIVE, scheduled;
        /// Decay of the mean of the gradient.
        pub momentum: f64 = 0.95, Range::BELOW_ONE, scheduled;
        /// Look ahead by one more step of the momentum.
        pub nesterov: bool = true, Range::UNIT;
        /// The coefficient of X in an iteration.
        pub ns_a: f64 = 3.4445, Range::FINITE;
        /// That of A X.
        pub ns_b: f64 = -4.775, Range::FINITE;
        /// That of A A X.
        pub ns_c: f64 = 2.0315, Range::FINITE;
        /// The least norm by which `u` is divided.
        pub eps: f64 = 1e-7, Range::NON_NEGATIVE;
        /// Iterations, fewer than 100; a fraction is cut off.
        pub ns_steps: f64 = 5.0, Range::AT_LEAST_ONE;
        /// Coefficients that differ from iteration to iteration instead of `ns_a`, `ns_b` and `ns_c`: optax's `"dion"`, of five iterations, the last of which is repeated.
        pub dion: bool = false, Range::UNIT;
        /// Those of Polar Express, by microsoft/dion, likewise. `|u|` then counts as 1.02 times as large.
        pub polar_express: bool = false, Range::UNIT;
        /// If it is not 0, the root mean square that X is brought to, near enough, whatever its shape.
        pub rms_scale: f64 = 0.0, Range::NON_NEGATIVE;
        /// `f` is `sqrt(rows / columns)`, also where that is below 1.
        pub unclamped: bool = false, Range::UNIT;
        /// Rows are inputs and columns outputs, as in JAX: `f` has columns over rows.
        pub inputs_first: bool = false, Range::UNIT;
        /// `eps` is added to the norm.
        pub added_eps: bool = false, Range::UNIT;
        /// Divide the mean by its sum of weights.
        pub debias: bool = false, Range::UNIT;
        /// Multiply X by the sum of `u * X`.
        pub adaptive: bool = false, Range::UNIT;
        /// Keep X, A and B in f16 between products, on a device that has it.
        pub ns_f16: bool = false, Range::UNIT;
        /// Step along the gradient instead of against it.
        pub maximize: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group; flags are 0 or 1. `safety` is what the norm is multiplied by.
    pub struct Hyper<F> { lr: F, weight_decay: F, momentum: Beta<F>, nesterov: F, debias: F, eps: F, added_eps: F, safety: F, adaptive: F, sign: F }
}

scalars! {
    /// Per step: how much of the gradient and of its mean there is in `u`; the sizes of step and decay.
    pub struct Scalars<F> { of_gradient, of_mean, step_size, decay }
}

state! {
    /// The mean of the gradient; `u`, and from the iterations on X; sums of squares of `u`, and of `u * X`, by rows and by matrices.
    pub struct State<F> { b = "momentum_buffer", direction = "" }
    sums {
        row_squares: Sum over Rows, squares: Sum over Slices,
        row_agreement: Sum over Rows, agreement: Sum over Slices,
    }
}

const MOMENTUM: usize = 0;
const NORMS: usize = 1;
const NORMALIZE: usize = 2;
const AGREEMENTS: usize = 3;

/// What the momentum and the gradient point along.
#[inline(always)]
fn muon_direction<F: Real>(s: &Scalars<F>, g: F, b: F) -> F {
    s.of_gradient * g + s.of_mean * b
}

impl Rule for Muon {
    const NAME: &'static str = "Muon";
    const FORMULA: &'static str = "B = momentum * B + (1 - momentum) * g;  p -= lr * orthogonalized(B)";
    const WGSL: &'static str = include_str!("../../shaders/rules/muon.wgsl");
    const KNOWN_AS: &'static [KnownAs] = &[
        KnownAs {
            keys: &[
                ("ns_coefficients", "ns_a, ns_b, ns_c"),
                ("adjust_lr_fn=original", "rms_scale=0"),
                ("adjust_lr_fn=match_rms_adamw", "rms_scale=0.2"),
                ("adjust_lr_fn=spectral_unclamped", "unclamped=1"),
            ],
            ..KnownAs::torch("Muon")
        },
        KnownAs { framework: "Muon", name: "SingleDeviceMuon", keys: &[], preset: &[("added_eps", 1.0), ("lr", 0.02), ("weight_decay", 0.0)] },
        KnownAs {
            framework: "optax",
            name: "muon",
            keys: &[("learning_rate", "lr"), ("beta", "momentum"), ("consistent_rms", "rms_scale")],
            preset: &[("added_eps", 1.0), ("debias", 1.0), ("inputs_first", 1.0), ("eps", 1e-8), ("weight_decay", 0.0)],
        },
    ];
    const FIXED: &'static [&'static str] =
        &["ns_a", "ns_b", "ns_c", "ns_steps", "dion", "polar_express", "rms_scale", "unclamped", "inputs_first", "adaptive", "ns_f16"];
    const STAGES: &'static [Stage] = &[
        Stage {
            reads: &["b"],
            writes: &["b", "direction"],
            sums: &["row_squares"],
            ..Stage::new("muon_momentum").reading(true, false)
        },
        Stage { over: Extent::Rows, reads: &["row_squares"], sums: &["squares"], ..Stage::new("muon_norms") },
        Stage {
            reads: &["direction", "squares"],
            writes: &["direction"],
            orthogonalizes: Some("direction"),
            ..Stage::new("muon_normalize")
        },
        Stage { reads: &["b", "direction"], sums: &["row_agreement"], ..Stage::new("muon_agree").reading(true, false) },
        Stage { over: Extent::Rows, reads: &["row_agreement"], sums: &["agreement"], ..Stage::new("muon_agreements") },
        Stage { reads: &["direction", "agreement"], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = Scalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let flag = |flag: bool| F::of(f64::from(u8::from(flag)));
        Hyper {
            lr: F::of(self.lr),
            weight_decay: F::of(self.weight_decay),
            momentum: Beta::of(self.momentum),
            nesterov: flag(self.nesterov),
            debias: flag(self.debias),
            eps: F::of(self.eps),
            added_eps: flag(self.added_eps),
            safety: F::of(if self.polar_express { SAFETY } else { 1.0 }),
            adaptive: flag(self.adaptive),
            sign: F::of(if self.maximize { -1.0 } else { 1.0 }),
        }
    }

    fn prepare<F: Real>(h: &Hyper<F>, step: F, _last: &Scalars<F>) -> Scalars<F> {
        let now = by_sign(h.debias, F::one(), F::one(), bias_correction(h.momentum, step));
        let next = by_sign(h.debias, F::one(), F::one(), bias_correction(h.momentum, step + F::one()));
        let ahead = h.momentum.beta / next;
        Scalars {
            of_gradient: h.nesterov * h.momentum.rest / now,
            of_mean: by_sign(h.nesterov, F::one(), F::one() / now, ahead),
            step_size: h.lr,
            decay: h.lr * h.weight_decay,
        }
    }

    #[inline(always)]
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, s: &Scalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        match stage {
            MOMENTUM => {
                let g = h.sign * gradient;
                state.b = decayed_average(state.b, g, h.momentum);
                state.direction = muon_direction(s, g, state.b);
                state.row_squares = square(state.direction);
            }
            NORMS => state.squares = saturated(state.row_squares),
            NORMALIZE => {
                let norm = state.squares.sqrt() * h.safety;
                let divisor = by_sign(h.added_eps, norm, at_least(norm, h.eps), norm + h.eps);
                // A sum that is f32's largest number has saturated.
                let room = F::of(f64::from(f32::MAX)) - state.squares;
                state.direction = by_sign(room, F::zero(), F::zero(), state.direction / divisor);
            }
            AGREEMENTS => state.row_agreement = muon_direction(s, h.sign * gradient, state.b) * state.direction,
            _agreements => state.agreement = saturated(state.row_agreement),
        }
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, s: &Scalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        let size = by_sign(h.adaptive, F::one(), F::one(), state.agreement);
        *p = *p - penalized(s.step_size * (size * state.direction), *p, s.decay);
    }

    fn uses(&self, state: &str) -> bool {
        match state {
            "row_agreement" | "agreement" => self.adaptive,
            _ => true,
        }
    }

    fn counts_as(&self, shape: &[usize]) -> Result<Vec<usize>, String> {
        Ok(match *shape {
            [] => vec![1, 1],
            [length] => vec![1, length],
            [first, _, _, _, ..] => vec![first, shape[1..].iter().product()],
            _ => shape.to_vec(),
        })
    }

    fn coefficients(&self, rows: usize, columns: usize) -> Vec<[f64; 3]> {
        let mut all = self.iterations();
        // The sum of `u * X` has the factor once more.
        let factor = self.factor(rows, columns);
        let factor = if self.adaptive { factor.sqrt() } else { factor };
        all.iter_mut().last().into_iter().flatten().for_each(|own| *own *= factor);
        all
    }

    fn iterates_in_f16(&self) -> bool {
        self.ns_f16
    }

    fn check(&self) -> Result<(), String> {
        if self.dion && self.polar_express {
            return Err("dion and polar_express are both coefficients of the iterations; use one".into());
        }
        if self.ns_steps >= 100.0 {
            return Err(format!("ns_steps is {}; use fewer than 100 iterations", self.ns_steps));
        }
        let largest = grown(&self.iterations());
        if largest <= MOST {
            return Ok(());
        }
        let Muon { ns_a, ns_b, ns_c, ns_steps, .. } = self;
        Err(format!(
            "ns_a {ns_a}, ns_b {ns_b}, ns_c {ns_c} in {} iterations make numbers as large as {largest:.1e} of 1; use coefficients that keep it near 1",
            ns_steps.floor()
        ))
    }

    fn cases() -> Vec<(&'static str, Self)> {
        let own = Muon { lr: 2e-2, weight_decay: 0.3, momentum: 0.8, ..Muon::default() };
        vec![
            ("default", Muon::default()),
            ("plain", Muon { nesterov: false, ns_steps: 3.0, ns_a: 3.2, ns_b: -4.2, ns_c: 1.7, rms_scale: 0.2, maximize: true, ..own }),
            ("added", Muon { added_eps: true, eps: 3e5, ns_steps: 2.0, unclamped: true, ..own }),
            ("optax", Muon { added_eps: true, debias: true, inputs_first: true, adaptive: true, lr: 1e-3, ..own }),
            ("dion", Muon { dion: true, ns_steps: 4.0, ..own }),
            ("half", Muon { ns_f16: true, ..own }),
            ("polar", Muon { polar_express: true, nesterov: false, debias: true, ..own }),
        ]
    }
}
