//! A rule of one's own, outside the crate: momentum over gradients clipped by value. The WGSL and its CPU twin, proven by the crate's own
//! tests in one call, then put to use.

use std::error::Error;

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::rule::{NoScalars, Range, Real, Rule, clamped};
use wgpu_optim::{Optimizer, Tensors, hyper_parameters, layout, state, testing};

hyper_parameters! {
    /// `b = momentum * b + clamp(g, -limit, limit);  p -= lr * b`
    pub struct ClippedMomentum {
        /// Learning rate.
        pub lr: f64 = 1e-2, Range::NON_NEGATIVE, scheduled;
        /// How much of the buffer is kept.
        pub momentum: f64 = 0.9, Range::BELOW_ONE;
        /// No gradient counts for more than this.
        pub limit: f64 = 1.0, Range::NON_NEGATIVE;
    }
}

layout! {
    /// What the kernel reads per group.
    pub struct Hyper<F> { lr: F, momentum: F, limit: F }
}

state! {
    /// What is kept per element.
    pub struct State<F> { b = "momentum_buffer" }
}

impl Rule for ClippedMomentum {
    const NAME: &'static str = "ClippedMomentum";
    const FORMULA: &'static str = "b = momentum * b + clamp(g, -limit, limit);  p -= lr * b";
    const WGSL: &'static str = "
        fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            let g = clamped(gradient, vec4f(-h.limit), vec4f(h.limit));
            state.b = h.momentum * state.b + g;
            *p -= h.lr * state.b;
        }";
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr), momentum: F::of(self.momentum), limit: F::of(self.limit) }
    }

    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }

    #[inline(always)]
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        let g = clamped(gradient, -h.limit, h.limit);
        state.b = h.momentum * state.b + g;
        *p = *p - h.lr * state.b;
    }

    fn cases() -> Vec<(&'static str, Self)> {
        vec![("default", Self::default()), ("changed", ClippedMomentum { lr: 0.1, momentum: 0.5, limit: 0.3 })]
    }
}

#[allow(dead_code, reason = "the test suite uses the rule itself")]
fn main() -> Result<(), Box<dyn Error>> {
    let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
    testing::prove(&gpu, &ClippedMomentum::default())?;
    println!("proven on {}: {} rows hold", gpu.info.name, testing::rows(&ClippedMomentum::default()).len());

    let tensors = Tensors::new(&gpu.device, [("w", [4])])?;
    tensors.write_gradient(&gpu.queue, "w", &[0.5, -0.5, 100.0, 0.0])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, ClippedMomentum::default(), tensors.params())?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    (0..2).for_each(|_| optimizer.step(&mut encoder));
    gpu.queue.submit([encoder.finish()]);
    println!("two steps from zero: {:?}", pollster::block_on(optimizer.read_value("w"))?);
    Ok(())
}
