//! A rule of one's own that needs a sum over each tensor: momentum whose step is as long for large gradients as for small ones. Two stages in WGSL, with
//! the sum between them, and their CPU twin, proven by the crate's own tests in one call, then put to use.

use std::error::Error;

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::rule::{NoScalars, Range, Real, Rule, Stage, square};
use wgpu_optim::{Optimizer, Tensors, hyper_parameters, layout, state, testing};

hyper_parameters! {
    /// `m = momentum * m + g;  p -= lr * m / (rms(m) + eps)`, the root mean square being that of the whole tensor.
    pub struct NormalizedMomentum {
        /// Learning rate: how far an element moves, in the root mean square over the tensor.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE;
        /// How much of the buffer is kept.
        pub momentum: f64 = 0.9, Range::BELOW_ONE;
        /// Added to the denominator.
        pub eps: f64 = 1e-8, Range::NON_NEGATIVE;
    }
}

layout! {
    /// What the kernel reads per group.
    pub struct Hyper<F> { lr: F, momentum: F, eps: F }
}

state! {
    /// What is kept per element, and what the first stage adds up.
    pub struct State<F> { m = "momentum_buffer" }
    sums { mean_square: Mean over Tensor }
}

impl Rule for NormalizedMomentum {
    const NAME: &'static str = "NormalizedMomentum";
    const FORMULA: &'static str = "m = momentum * m + g;  p -= lr * m / (rms(m) + eps)";
    const WGSL: &'static str = "
        fn add_gradient(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.m = h.momentum * state.m + gradient;
            state.mean_square = square(state.m);
        }
        fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            *p -= h.lr * (state.m / (sqrt(state.mean_square) + h.eps));
        }";
    const STAGES: &'static [Stage] = &[
        Stage { reads: &["m"], writes: &["m"], sums: &["mean_square"], ..Stage::new("add_gradient").reading(true, false) },
        Stage { reads: &["m", "mean_square"], ..Stage::new("update").reading(false, true) },
    ];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr), momentum: F::of(self.momentum), eps: F::of(self.eps) }
    }

    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }

    #[inline(always)]
    fn stage<F: Real>(_add_gradient: usize, h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        state.m = h.momentum * state.m + gradient;
        state.mean_square = square(state.m);
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        *p = *p - h.lr * (state.m / (state.mean_square.sqrt() + h.eps));
    }

    fn cases() -> Vec<(&'static str, Self)> {
        vec![("default", Self::default()), ("changed", NormalizedMomentum { lr: 0.1, momentum: 0.5, eps: 0.3 })]
    }
}

#[allow(dead_code, reason = "the test suite uses the rule itself")]
fn main() -> Result<(), Box<dyn Error>> {
    let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
    testing::prove(&gpu, &NormalizedMomentum::default())?;
    println!("proven on {}: {} rows hold", gpu.info.name, testing::rows(&NormalizedMomentum::default()).len());

    let tensors = Tensors::new(&gpu.device, [("small", [4]), ("large", [4])])?;
    tensors.write_gradient(&gpu.queue, "small", &[3e-6, -3e-6, 4e-6, 4e-6])?;
    tensors.write_gradient(&gpu.queue, "large", &[3e6, -3e6, 4e6, 4e6])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, NormalizedMomentum::default(), tensors.params())?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    (0..2).for_each(|_| optimizer.step(&mut encoder));
    gpu.queue.submit([encoder.finish()]);
    for name in ["small", "large"] {
        println!("two steps from zero, {name} gradients: {:?}", pollster::block_on(optimizer.read_value(name))?);
    }
    Ok(())
}
