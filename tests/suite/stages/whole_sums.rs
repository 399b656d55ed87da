//! A rule whose sums are over groups and all, and one whose stages do not go together.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{AnyRule, HyperParameter, HyperParameters, NoScalars, Range, Real, Rule, Stage};
use wgpu_optim::testing::{STYLES, Scene};
use wgpu_optim::{Error, Group, Options, Sgd, hyper_parameters, layout, state};

use crate::context::Outcome;

hyper_parameters! {
    /// Steps by what the gradients of the group, and of all, add up to.
    pub struct Shared {
        /// Step size.
        pub lr: f64 = 1.0, Range::NON_NEGATIVE, scheduled;
    }
}
layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F }
}
state! {
    /// Sums only.
    pub struct State<F> {}
    sums { group: Mean over Group, all: Sum over All }
}

impl Rule for Shared {
    const NAME: &'static str = "Shared";
    const FORMULA: &'static str = "p -= lr * (mean(g) of the group + 100 * sum(g) of all)";
    const WGSL: &'static str = "
        fn collect(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            state.group = gradient;
            state.all = gradient;
        }
        fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            *p -= h.lr * (state.group + 100.0 * state.all);
        }";
    const STAGES: &'static [Stage] = &[Stage { sums: &["group", "all"], ..Stage::new("collect").reading(true, false) }, Stage::UPDATE];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr) }
    }
    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, last: &NoScalars<F>) -> NoScalars<F> {
        *last
    }
    fn stage<F: Real>(_add: usize, _h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, _p: F, state: &mut State<F>) {
        (state.group, state.all) = (gradient, gradient);
    }
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, _gradient: F, p: &mut F, state: &mut State<F>) {
        *p = *p - h.lr * (state.group + F::of(100.0) * state.all);
    }
    fn cases() -> Vec<(&'static str, Self)> {
        vec![("default", Shared::default())]
    }
}

/// Tensors without a gradient, and those of other rules, add nothing.
pub(super) fn group_and_all() -> Outcome {
    let tensors = |names: &[&str]| names.iter().map(|name| CpuParam::new(*name, &[2])).collect::<Vec<_>>();
    let groups = [
        Group::new(Shared::default(), tensors(&["a", "b", "absent"])),
        Group::new(Shared::default(), tensors(&["c"])),
        Group::new(Sgd { lr: 1.0, ..Sgd::default() }, tensors(&["other"])),
    ];
    let mut optimizer = CpuOptimizer::<f64>::with_groups(groups)?;
    let mut values = vec![[0.0; 2]; 5];
    let gradients: [Option<&[f64]>; 5] = [Some(&[1.0, 2.0]), Some(&[3.0, 6.0]), None, Some(&[10.0, 20.0]), Some(&[0.5, 0.5])];
    let mut slices: Vec<&mut [f64]> = values.iter_mut().map(|value| &mut value[..]).collect();
    optimizer.step(&mut slices, &gradients)?;
    assert_eq!(values, [[-4203.0; 2], [-4203.0; 2], [0.0; 2], [-4215.0; 2], [-0.5; 2]]);
    Ok(())
}

/// The same on the GPU, where a parameter of one group is not active, in each step another.
pub(super) fn group_and_all_on_gpu(gpu: &Gpu) -> Outcome {
    let tensors = |names: &[&str], len: usize| names.iter().map(|name| CpuParam::new(*name, &[len])).collect::<Vec<_>>();
    let rule = Shared { lr: 1e-4 };
    let groups = vec![
        Group::new(rule, tensors(&["a", "b", "c"], 5003)),
        Group::new(rule, tensors(&["d"], 70)),
        Group::new(Sgd { lr: 1.0, ..Sgd::default() }, tensors(&["other"], 5)),
    ];
    for style in STYLES {
        let mut scene = Scene::with_options(gpu, groups.clone(), Options::default(), style, 3)?;
        for step in 0..4 {
            scene.optimizer.set_active(["a", "b", "c", "d", "other"], true)?;
            scene.optimizer.set_active([["a", "b", "c", "d"][step]], false)?;
            scene.step(|index| index != step)?;
            scene.check()?;
        }
    }
    Ok(())
}

pub(super) fn refused() -> Outcome {
    let rule = Box::<dyn AnyRule>::from(Wrong(Shared::default()));
    match CpuOptimizer::<f32>::new(rule, [("w", 2)]).map(drop) {
        Err(error @ Error::Stages { .. }) => {
            assert_eq!(error.to_string(), "Wrong: stage `late` reads `everything`, which is neither a state nor a sum")
        }
        other => return Err(format!("{other:?}").into()),
    }
    Ok(())
}

/// [`Shared`] with a stage that reads what is not there.
#[derive(Clone, Copy, Debug, Default)]
struct Wrong(Shared);

impl HyperParameters for Wrong {
    const PARAMETERS: &'static [HyperParameter] = Shared::PARAMETERS;
    fn values(&self) -> Vec<f64> {
        HyperParameters::values(&self.0)
    }
    fn set(&mut self, name: &str, value: f64) -> bool {
        HyperParameters::set(&mut self.0, name, value)
    }
}

impl Rule for Wrong {
    const NAME: &'static str = "Wrong";
    const FORMULA: &'static str = Shared::FORMULA;
    const WGSL: &'static str = "";
    const STAGES: &'static [Stage] = &[Stage { reads: &["everything"], ..Stage::new("late") }, Stage::UPDATE];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        self.0.hyper()
    }
    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, last: &NoScalars<F>) -> NoScalars<F> {
        *last
    }
    fn update<F: Real>(_h: &Hyper<F>, _s: &NoScalars<F>, _gradient: F, _p: &mut F, _state: &mut State<F>) {}
    fn cases() -> Vec<(&'static str, Self)> {
        Vec::new()
    }
}
