//! Second moments in 8 bits: no step is long because one is stored as 0, whatever gradients are.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{NoScalars, Range, Real, Rule, moving_average, square};
use wgpu_optim::testing::Random;
use wgpu_optim::{Adam, Dtype, Group, Optimizer, Options, StateStorage, Tensors, hyper_parameters, layout, state};

use crate::context::{Context, Outcome};

const ELEMENTS: usize = 8192;
const STEPS: usize = 300;
const LR: f64 = 1e-3;

hyper_parameters! {
    /// Adam without corrections, whose second moment says that it is never negative, or does not.
    pub struct Plain {
        /// Step size.
        pub lr: f64 = LR, Range::NON_NEGATIVE, scheduled;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F }
}

state! {
    /// Two moments.
    pub struct State<F> { m = "m", v = "v" }
}

impl Rule for Plain {
    const NAME: &'static str = "Plain";
    const FORMULA: &'static str = "m = 0.9 m + 0.1 g;  v = 0.95 v + 0.05 g^2;  p -= lr * m / (sqrt(v) + 1e-8)";
    const WGSL: &'static str = "";
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr) }
    }
    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        state.m = moving_average(state.m, gradient, F::of(0.9), F::of(0.1));
        state.v = moving_average(state.v, square(gradient), F::of(0.95), F::of(0.05));
        *p = *p - h.lr * state.m / (state.v.sqrt() + F::of(1e-8));
    }
    fn cases() -> Vec<(&'static str, Self)> {
        vec![("fast", Plain { lr: 0.5 })]
    }
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, spread, zeros) in [
        ("equal", 0.0, false),
        ("half-zero", 0.0, true),
        ("wide", 0.5, false),
        ("wider", 1.0, false),
        ("wide-half-zero", 0.5, true),
        ("wider-half-zero", 1.0, true),
    ] {
        let host = move || of_adam(spread, zeros, |options| host_steps(Adam { lr: LR, ..Adam::default() }, spread, zeros, options));
        trials.push(Trial::test(format!("storage/steps/{name}"), host));
        trials.push(
            contexts[0].trial(format!("storage/steps/{name}"), move |gpu| {
                of_adam(spread, zeros, |options| gpu_steps(gpu, spread, zeros, options))
            }),
        );
    }
    trials.push(Trial::test("storage/steps/what-is-stored-as-zero-makes-long-ones", || {
        let long = host_steps(Plain::default(), 0.5, true, of(Dtype::Dynamic8))?;
        assert!(long > 100.0, "the longest step is {long} lr");
        Ok(())
    }));
    trials
}

/// Of the sheet's columns: none of the steps is longer than 3 lr. The longest f32 ones are as long as 1.5 lr.
fn of_adam(spread: f64, zeros: bool, longest: impl Fn(Options) -> Result<f64, Failed>) -> Outcome {
    for dtype in [Dtype::Bf16, Dtype::F16, Dtype::Dynamic8] {
        let most = longest(of(dtype))?;
        assert!(most <= 3.0, "{dtype:?}, scales 10^({spread} N), half of them zero: {zeros}: the longest step is {most} lr");
    }
    Ok(())
}

fn of(dtype: Dtype) -> Options {
    Options { state: StateStorage::all(dtype), ..Default::default() }
}

/// Gradients of each step: elements have magnitudes of their own, over six orders where the spread is 1, and half of the gradients may be 0.
fn gradients(spread: f64, zeros: bool) -> impl Iterator<Item = Vec<f32>> {
    let mut random = Random(7);
    let scales: Vec<f64> = (0..ELEMENTS).map(|_| 10.0_f64.powf(spread * random.normal())).collect();
    let one = move |random: &mut Random, scale: f64| {
        let g = scale * random.normal();
        if zeros && random.bits().is_multiple_of(2) { 0.0 } else { g as f32 }
    };
    (0..STEPS).map(move |_| scales.iter().map(|&scale| one(&mut random, scale)).collect())
}

/// The longest step of any element, in learning rates.
fn host_steps(rule: impl Rule, spread: f64, zeros: bool, options: Options) -> Result<f64, Failed> {
    let groups = [Group::new(rule, [CpuParam::new("w", &[ELEMENTS])])];
    let mut optimizer = CpuOptimizer::<f32>::with_options(groups, options)?;
    let (mut values, mut most) = (vec![0.0_f32; ELEMENTS], 0.0_f64);
    for gradients in gradients(spread, zeros) {
        let before = values.clone();
        optimizer.step(&mut [&mut values], &[Some(&gradients)])?;
        most = most.max(longest(&before, &values));
    }
    Ok(most)
}

fn longest(before: &[f32], after: &[f32]) -> f64 {
    before.iter().zip(after).map(|(before, after)| f64::from((after - before).abs()) / LR).fold(0.0, f64::max)
}

fn gpu_steps(gpu: &Gpu, spread: f64, zeros: bool, options: Options) -> Result<f64, Failed> {
    let tensors = Tensors::new(&gpu.device, [("w", [ELEMENTS])])?;
    let groups = [Group::new(Adam { lr: LR, ..Adam::default() }, tensors.params())];
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?;
    let (mut before, mut most) = (vec![0.0_f32; ELEMENTS], 0.0_f64);
    for gradients in gradients(spread, zeros) {
        tensors.write_gradient(&gpu.queue, "w", &gradients)?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let after = block_on(optimizer.read_value("w"))?;
        most = most.max(longest(&before, &after));
        before = after;
    }
    Ok(most)
}
