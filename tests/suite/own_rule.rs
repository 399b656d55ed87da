//! A rule that the crate does not know gets everything that the crate's own have, and one that is wrong is noticed.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{HyperParameter, HyperParameters, NoScalars, Real, Rule};
use wgpu_optim::testing::{Check, Row, Scene, Style, must_fail, prove, rows};
use wgpu_optim::{Optimizer, Tensors};

use crate::context::{Context, Outcome};

#[path = "../../examples/own_rule.rs"]
mod example;
use example::{ClippedMomentum, Hyper, State};

/// The example's rule with a mistake in its WGSL, under a name that the crate has too.
#[derive(Clone, Copy, Debug, Default)]
struct Wrong<const MISTAKE: usize>(ClippedMomentum);

const DOES_NOT_COMPILE: usize = 0;
const DIFFERS_FROM_ITS_TWIN: usize = 1;
const IGNORES_A_HYPER_PARAMETER: usize = 2;

impl<const MISTAKE: usize> HyperParameters for Wrong<MISTAKE> {
    const PARAMETERS: &'static [HyperParameter] = ClippedMomentum::PARAMETERS;
    fn values(&self) -> Vec<f64> {
        HyperParameters::values(&self.0)
    }
    fn set(&mut self, name: &str, value: f64) -> bool {
        HyperParameters::set(&mut self.0, name, value)
    }
}

impl<const MISTAKE: usize> Rule for Wrong<MISTAKE> {
    const NAME: &'static str = "Adam";
    const FORMULA: &'static str = ClippedMomentum::FORMULA;
    const WGSL: &'static str = [
        "// A rule that goes wrong.
fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
    *p -= h.rate * gradient;
}",
        "fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.b = h.momentum * state.b + clamped(gradient, vec4f(-h.limit), vec4f(h.limit));
            *p -= 1.0001 * h.lr * state.b;
        }",
        ClippedMomentum::WGSL,
    ][MISTAKE];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        let limit = if MISTAKE == IGNORES_A_HYPER_PARAMETER { 1.0 } else { self.0.limit };
        ClippedMomentum { limit, ..self.0 }.hyper()
    }
    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &NoScalars<F>) -> NoScalars<F> {
        ClippedMomentum::prepare(h, step, last)
    }
    fn update<F: Real>(h: &Hyper<F>, s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        ClippedMomentum::update(h, s, gradient, p, state);
    }
    fn cases() -> Vec<(&'static str, Self)> {
        ClippedMomentum::cases().into_iter().map(|(name, rule)| (name, Wrong(rule))).collect()
    }
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for Row { name, check, .. } in rows(&ClippedMomentum::default()) {
        trials.push(match check {
            Check::OnGpu(run) => contexts[0].trial(name, move |gpu| Ok(run(gpu)?)),
            Check::Plain(run) => Trial::test(name, move || Ok(run()?)),
        });
    }
    let mut row = |what: &str, run: fn(&Gpu) -> Outcome| trials.push(contexts[0].trial(format!("own-rule/{what}"), run));
    row("beside-the-crate's-of-the-same-name", beside_the_crates_own);
    row("that-does-not-compile", does_not_compile);
    row("that-differs-from-its-twin", |gpu| noticed(gpu, "value[", &Wrong::<DIFFERS_FROM_ITS_TWIN>::default()));
    row("that-ignores-a-hyper-parameter", |gpu| noticed(gpu, "liveness/Adam/limit", &Wrong::<IGNORES_A_HYPER_PARAMETER>::default()));
    trials
}

/// The mistake is, and the message has this.
pub fn noticed(gpu: &Gpu, by: &str, rule: &dyn wgpu_optim::rule::AnyRule) -> Outcome {
    let outcome = prove(gpu, rule);
    must_fail("the mistake", outcome.clone())?;
    assert!(outcome.is_err_and(|failure| failure.0.contains(by)));
    Ok(())
}

fn beside_the_crates_own(gpu: &Gpu) -> Outcome {
    let groups = vec![
        (Wrong::<IGNORES_A_HYPER_PARAMETER>::default().into(), vec![5, 300]),
        (wgpu_optim::Adam::default().into(), vec![7]),
        (wgpu_optim::Sgd::default().into(), vec![]),
    ];
    let mut scene = Scene::with_groups(gpu, groups, Style::Packed, 1)?;
    scene.step(|_| true)?;
    Ok(scene.check()?)
}

fn does_not_compile(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [4])])?;
    let rule = Wrong::<DOES_NOT_COMPILE>::default();
    let message = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params()).map(drop).map_err(|error| error.to_string());
    let expected = "Adam prepare: line 3 of the rule's WGSL, `*p -= h.rate * gradient;`: ";
    match message {
        Err(message) if message.starts_with(expected) && message.contains("rate") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
