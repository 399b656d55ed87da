//! A rule that the crate does not know gets everything that the crate's own have.

use libtest_mimic::Trial;
use std::sync::Arc;
use wgpu_optim::rule::{NoScalars, Range, Real, Rule};
use wgpu_optim::{Group, Optimizer, Tensors, hyper_parameters, layout, state};

use crate::context::Context;
use crate::parity::agrees;
use crate::scene::Style;

hyper_parameters! {
    /// Steps of constant size along the clamped gradients' running sum.
    pub struct SignSum {
        /// Step size.
        pub lr: f64 = 1e-3, Range::NON_NEGATIVE;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F }
}

state! {
    /// The sum.
    pub struct State<F> { sum = "sign_sum" }
}

impl Rule for SignSum {
    const NAME: &'static str = "Adam";
    const FORMULA: &'static str = "sum += clamp(g, -1, 1);  p -= lr * sum";
    const WGSL: &'static str = "
        fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.sum += min(max(gradient, vec4f(-1.0)), vec4f(1.0));
            *p -= h.lr * state.sum;
        }";
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
        state.sum = state.sum + gradient.max(-F::one()).min(F::one());
        *p = *p - h.lr * state.sum;
    }

    fn cases() -> Vec<(&'static str, Self)> {
        vec![("fast", SignSum { lr: 0.5 })]
    }
}

/// A rule whose WGSL does not compile.
#[derive(Clone, Copy, Debug, Default)]
struct Broken(SignSum);

impl wgpu_optim::rule::HyperParameters for Broken {
    const PARAMETERS: &'static [wgpu_optim::rule::HyperParameter] = &[];
    fn values(&self) -> Vec<f64> {
        Vec::new()
    }
    fn set(&mut self, _name: &str, _value: f64) -> bool {
        false
    }
}

impl Rule for Broken {
    const NAME: &'static str = "Broken";
    const FORMULA: &'static str = "";
    const WGSL: &'static str = "// A rule that goes wrong.
fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    *p -= h.rate * gradient;
}";
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        self.0.hyper()
    }
    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &NoScalars<F>) -> NoScalars<F> {
        SignSum::prepare(h, step, last)
    }
    fn update<F: Real>(h: &Hyper<F>, s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        SignSum::update(h, s, gradient, p, state);
    }
    fn cases() -> Vec<(&'static str, Self)> {
        Vec::new()
    }
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for style in crate::scene::STYLES {
        trials.push(contexts[0].trial(format!("own-rule/{style:?}"), move |gpu| agrees(gpu, &SignSum { lr: 0.5 }, style)));
    }
    trials.push(contexts[0].trial("own-rule/beside-the-crate's-of-the-same-name".into(), |gpu| {
        let groups = vec![
            (SignSum { lr: 0.5 }.into(), vec![5, 300]),
            (wgpu_optim::Adam::default().into(), vec![7]),
            (wgpu_optim::Sgd::default().into(), vec![]),
        ];
        let mut scene = crate::scene::Scene::with_groups(gpu, groups, Style::Packed, 1)?;
        scene.step(|_| true)?;
        scene.check()
    }));
    trials.push(contexts[0].trial("own-rule/wgsl-that-does-not-compile".into(), |gpu| {
        let tensors = Tensors::new(&gpu.device, [("w", [4])])?;
        let groups = [Group::new(Broken::default(), tensors.params())];
        let message = Optimizer::with_groups(&gpu.device, &gpu.queue, groups).map(drop).map_err(|error| error.to_string());
        let expected = "Broken prepare: line 3 of the rule's WGSL, `*p -= h.rate * gradient;`: ";
        match message {
            Err(message) if message.starts_with(expected) && message.contains("rate") => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }));
    trials
}
