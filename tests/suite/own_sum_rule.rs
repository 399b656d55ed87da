//! The same for a rule with a sum and two stages: it gets everything that the crate's own have, and one that is wrong is noticed.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{HyperParameter, HyperParameters, NoScalars, Real, Rule, Stage};
use wgpu_optim::testing::{Check, Row, Scene, Style, rows};
use wgpu_optim::{Optimizer, Tensors};

use crate::context::{Context, Outcome};
use crate::own_rule::noticed;

#[path = "../../examples/own_sum_rule.rs"]
mod example;
use example::{Hyper, NormalizedMomentum, State};

/// The example's rule with a mistake, under a name that the crate has too.
#[derive(Clone, Copy, Debug, Default)]
struct Wrong<const MISTAKE: usize>(NormalizedMomentum);

const DOES_NOT_COMPILE: usize = 0;
const DIFFERS_FROM_ITS_TWIN: usize = 1;
const ADDS_UP_SOMETHING_ELSE: usize = 2;
const READS_WHAT_IS_NOT_THERE: usize = 3;
const READS_BEFORE_IT_IS_FORMED: usize = 4;

impl<const MISTAKE: usize> HyperParameters for Wrong<MISTAKE> {
    const PARAMETERS: &'static [HyperParameter] = NormalizedMomentum::PARAMETERS;
    fn values(&self) -> Vec<f64> {
        HyperParameters::values(&self.0)
    }
    fn set(&mut self, name: &str, value: f64) -> bool {
        HyperParameters::set(&mut self.0, name, value)
    }
}

/// The WGSL of a stage and of `update`, in three lines each.
macro_rules! text {
    ($square:literal, $step:literal) => {
        concat!(
            "fn add_gradient(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {\n",
            "    state.m = h.momentum * state.m + gradient; state.mean_square = ",
            $square,
            ";\n}\nfn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {\n    *p -= ",
            $step,
            " * h.lr * (state.m / (sqrt(state.mean_square) + h.eps));\n}"
        )
    };
}

impl<const MISTAKE: usize> Rule for Wrong<MISTAKE> {
    const NAME: &'static str = "Adam";
    const FORMULA: &'static str = NormalizedMomentum::FORMULA;
    const WGSL: &'static str = [
        text!("square(state.momentum)", "1.0"),
        text!("square(state.m)", "1.0001"),
        text!("1.001 * square(state.m)", "1.0"),
        NormalizedMomentum::WGSL,
        NormalizedMomentum::WGSL,
    ][MISTAKE];
    const STAGES: &'static [Stage] = match MISTAKE {
        READS_WHAT_IS_NOT_THERE => &[NormalizedMomentum::STAGES[0], Stage { reads: &["mean_squares"], ..Stage::UPDATE }],
        READS_BEFORE_IT_IS_FORMED => &[Stage { reads: &["mean_square"], ..NormalizedMomentum::STAGES[0] }, Stage::UPDATE],
        _ => NormalizedMomentum::STAGES,
    };
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        self.0.hyper()
    }
    fn prepare<F: Real>(h: &Hyper<F>, step: F, last: &NoScalars<F>) -> NoScalars<F> {
        NormalizedMomentum::prepare(h, step, last)
    }
    fn stage<F: Real>(stage: usize, h: &Hyper<F>, s: &NoScalars<F>, gradient: F, p: F, state: &mut State<F>) {
        NormalizedMomentum::stage(stage, h, s, gradient, p, state);
    }
    fn update<F: Real>(h: &Hyper<F>, s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        NormalizedMomentum::update(h, s, gradient, p, state);
    }
    fn cases() -> Vec<(&'static str, Self)> {
        NormalizedMomentum::cases().into_iter().map(|(name, rule)| (name, Wrong(rule))).collect()
    }
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for Row { name, check, .. } in rows(&NormalizedMomentum::default()) {
        trials.push(match check {
            Check::OnGpu(run) => contexts[0].trial(name, move |gpu| Ok(run(gpu)?)),
            Check::Plain(run) => Trial::test(name, move || Ok(run()?)),
        });
    }
    // Where small tensors need windows, and models several buffers, a tensor's sum comes from several dispatches.
    for context in contexts {
        trials.push(context.trial("own-sum-rule/beside-the-crate's".into(), beside_the_crates));
    }
    let mut row = |what: &str, run: fn(&Gpu) -> Outcome| trials.push(contexts[0].trial(format!("own-sum-rule/{what}"), run));
    row("that-does-not-compile", |gpu| {
        let place = "Adam prepare: line 2 of the rule's WGSL, `state.m = h.momentum * state.m + gradient; state.mean_square = square(state.momentum);`";
        refused(gpu, Wrong::<DOES_NOT_COMPILE>::default(), place)
    });
    row("that-differs-from-its-twin", |gpu| noticed(gpu, "value[", &Wrong::<DIFFERS_FROM_ITS_TWIN>::default()));
    row("that-adds-up-something-else", |gpu| noticed(gpu, "value[", &Wrong::<ADDS_UP_SOMETHING_ELSE>::default()));
    row("that-reads-what-is-not-there", |gpu| {
        let message = "Adam: stage `update` reads `mean_squares`, which is neither a state nor a sum";
        refused(gpu, Wrong::<READS_WHAT_IS_NOT_THERE>::default(), message)
    });
    row("that-reads-before-it-is-formed", |gpu| {
        let message = "Adam: stage `add_gradient` reads the sum `mean_square`, which no earlier stage forms";
        refused(gpu, Wrong::<READS_BEFORE_IT_IS_FORMED>::default(), message)
    });
    trials
}

/// Beside rules with sums and without, in tensors of more than one window, for a few steps.
fn beside_the_crates(gpu: &Gpu) -> Outcome {
    let groups = vec![
        (NormalizedMomentum::default().into(), vec![5, 0, 20_000, 300]),
        (wgpu_optim::Lamb::default().into(), vec![7, 5000]),
        (NormalizedMomentum { momentum: 0.5, ..Default::default() }.into(), vec![4097]),
        (wgpu_optim::Sgd::default().into(), vec![3]),
    ];
    let mut scene = Scene::with_groups(gpu, groups, Style::Packed, 1)?;
    for _ in 0..3 {
        scene.step(|_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// The optimizer is not made, and says why.
fn refused(gpu: &Gpu, rule: impl Rule, why: &str) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [4])])?;
    match Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params()).map(drop) {
        Err(error) if error.to_string().starts_with(why) => Ok(()),
        other => Err(format!("{other:?}, expected {why:?}").into()),
    }
}
