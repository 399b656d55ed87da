//! Rules with sums and stages on the CPU: against formulas that are written out here, in f64, and at the edges.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{AnyRule, NoScalars, Range, Real, Rule, Stage};
use wgpu_optim::testing::{STYLES, Scene, gradients, values};
use wgpu_optim::{Adafactor, Error, Group, Lamb, Options, Sgd, hyper_parameters, layout, state};

use crate::context::{Context, Outcome};

const SHAPES: [&[usize]; 9] = [&[], &[1], &[7], &[1, 5], &[5, 1], &[3, 4], &[2, 3, 4], &[2, 1, 4, 3], &[300, 200]];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in &contexts[..2] {
        trials.push(context.trial("stages/group-and-all".into(), group_and_all_on_gpu));
    }
    for (case, rule) in <Lamb as Rule>::cases() {
        trials.push(Trial::test(format!("stages/Lamb/{case}/formula"), move || is_the_formula(rule.into(), |seen| lamb(&rule, seen))));
    }
    for (case, rule) in <Adafactor as Rule>::cases() {
        let run = move || is_the_formula(rule.into(), |seen| adafactor(&rule, seen));
        trials.push(Trial::test(format!("stages/Adafactor/{case}/formula"), run));
    }
    trials.push(Trial::test("stages/zeros", zeros));
    trials.push(Trial::test("stages/large-gradients", large_gradients));
    trials.push(Trial::test("stages/states-are-of-rows-and-columns", rows_and_columns));
    trials.push(Trial::test("stages/bytes", bytes));
    trials.push(Trial::test("stages/group-and-all", group_and_all));
    trials.push(Trial::test("stages/what-does-not-fit-is-refused", refused));
    trials
}

/// Gradients of each step so far, and the values before the last.
struct Seen<'a> {
    gradients: &'a [Vec<f64>],
    values: &'a [f64],
    shape: &'a [usize],
}

fn wide(numbers: Vec<f32>) -> Vec<f64> {
    numbers.into_iter().map(f64::from).collect()
}

/// Four steps of tensors of each shape agree with the formula, which is run from the gradients of all steps.
fn is_the_formula(rule: Box<dyn AnyRule>, formula: impl Fn(&Seen<'_>) -> Vec<f64>) -> Outcome {
    for shape in SHAPES {
        let len = shape.iter().product();
        let mut optimizer = CpuOptimizer::<f64>::new(rule.clone(), [CpuParam::new("w", shape)])?;
        let mut got = wide(values(1, len));
        let mut given: Vec<Vec<f64>> = Vec::new();
        for step in 0..4 {
            given.push(wide(gradients(step, len)));
            let expected = formula(&Seen { gradients: &given, values: &got, shape });
            optimizer.step(&mut [&mut got], &[Some(&given[step as usize])])?;
            for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
                let near = (got - expected).abs() <= 1e-12 * (1.0 + expected.abs());
                assert!(near, "{shape:?} step {step}: [{index}] is {got:e}, expected {expected:e}");
            }
        }
    }
    Ok(())
}

fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = numbers.into_iter().fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    sum / f64::from(count)
}

fn norm(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn lamb(rule: &Lamb, seen: &Seen<'_>) -> Vec<f64> {
    let t = seen.gradients.len() as i32;
    let step = |(index, &p): (usize, &f64)| {
        let (mut m, mut v) = (0.0, 0.0);
        for g in seen.gradients.iter().map(|gradient| gradient[index]) {
            m = rule.beta1 * m + (1.0 - rule.beta1) * g;
            v = rule.beta2 * v + (1.0 - rule.beta2) * g * g;
        }
        let (m, v) = (m / (1.0 - rule.beta1.powi(t)), v / (1.0 - rule.beta2.powi(t)));
        m / ((v + rule.eps_root).sqrt() + rule.eps) + rule.weight_decay * p
    };
    let steps: Vec<f64> = seen.values.iter().enumerate().map(step).collect();
    let (p, u) = (norm(seen.values), norm(&steps));
    let ratio = if p == 0.0 || u == 0.0 { 1.0 } else { p / u };
    seen.values.iter().zip(steps).map(|(p, u)| p - rule.lr * ratio * u).collect()
}

fn adafactor(rule: &Adafactor, seen: &Seen<'_>) -> Vec<f64> {
    let (t, len) = (seen.gradients.len() as f64, seen.values.len());
    let (rows, columns) = match *seen.shape {
        [.., rows, columns] => (rows, columns),
        _ => (1, len),
    };
    let squares = |step: usize, index: usize| seen.gradients[step][index].powi(2);
    // A mean over the steps, of what each has.
    let averaged = |of: &dyn Fn(usize) -> f64| {
        (0..seen.gradients.len()).fold(0.0, |average, step| average + ((step + 1) as f64).powf(rule.beta2_decay) * (of(step) - average))
    };
    let by_row = |row: usize| averaged(&|step| mean((0..columns).map(|column| squares(step, row * columns + column))));
    let by_column =
        |slice: usize, column: usize| averaged(&|step| mean((0..rows).map(|row| squares(step, (slice * rows + row) * columns + column))));
    let is_matrix = seen.shape.len() >= 2;
    let count = if is_matrix { len / columns } else { 0 };
    let row_vars: Vec<f64> = (0..count).map(by_row).collect();
    let col_vars: Vec<f64> = (0..count / rows.max(1) * columns).map(|at| by_column(at / columns, at % columns)).collect();
    let step = |index: usize| {
        let variance = if is_matrix {
            let (row, slice) = (index / columns, index / (rows * columns));
            let row_mean = mean(row_vars[slice * rows..(slice + 1) * rows].iter().copied());
            row_vars[row] * col_vars[slice * columns + index % columns] / row_mean.max(rule.eps1)
        } else {
            averaged(&|step| squares(step, index))
        };
        seen.gradients[t as usize - 1][index] / variance.max(rule.eps1 * rule.eps1).sqrt()
    };
    let steps: Vec<f64> = (0..len).map(step).collect();
    let rms = |numbers: &[f64]| norm(numbers) / (len as f64).sqrt();
    let alpha = rule.eps2.max(rms(seen.values)) * rule.lr.min(1.0 / t.sqrt());
    let scale = alpha / (rms(&steps) / rule.d).max(1.0) * if rule.maximize { -1.0 } else { 1.0 };
    seen.values.iter().zip(steps).map(|(p, u)| p * (1.0 - rule.lr * rule.weight_decay) - scale * u).collect()
}

/// The values after some steps with these gradients.
fn after<F: Real>(
    rule: impl Into<Box<dyn AnyRule>>,
    shape: &[usize],
    start: f64,
    gradient: impl Fn(usize) -> f64,
) -> wgpu_optim::Result<Vec<f64>> {
    let len = shape.iter().product();
    let mut optimizer = CpuOptimizer::<F>::new(rule, [CpuParam::new("w", shape)])?;
    let (mut value, gradient) = (vec![F::of(start); len], (0..len).map(|index| F::of(gradient(index))).collect::<Vec<F>>());
    for _ in 0..3 {
        optimizer.step(&mut [&mut value], &[Some(&gradient)])?;
    }
    Ok(value.into_iter().map(F::to_value).collect())
}

/// Zero gradients move nothing, and values of zero move by `lr * u`, or as if they were of size `eps2`.
fn zeros() -> Outcome {
    for shape in SHAPES {
        let still = [after::<f32>(Lamb::default(), shape, 0.5, |_| 0.0)?, after::<f32>(Adafactor::default(), shape, 0.5, |_| 0.0)?];
        assert!(still.iter().flatten().all(|&p| p == 0.5), "{shape:?}: {still:?}");
        let (lamb, adafactor) = (Lamb { lr: 1e-3, ..Lamb::default() }, Adafactor::default());
        let first = [after::<f32>(lamb, shape, 0.0, |_| 1.0)?, after::<f32>(adafactor, shape, 0.0, |_| 1.0)?];
        // LAMB: 1e-3 at first, then as much of that. Adafactor: 1e-3 * 1e-2 three times.
        assert!(first[0].iter().all(|p| (p / -1.002e-3 - 1.0).abs() < 5e-2), "{shape:?}: {:?}", first[0]);
        assert!(first[1].iter().all(|p| (p / -3e-5 - 1.0).abs() < 1e-3), "{shape:?}: {:?}", first[1]);
    }
    Ok(())
}

/// Gradients times 1e10 are the same step, in f32 too.
fn large_gradients() -> Outcome {
    for shape in SHAPES {
        let gradient = |scale: f64| move |index: usize| scale * (0.3 + (index % 7) as f64);
        for rule in [Box::<dyn AnyRule>::from(Lamb::default()), Adafactor::default().into()] {
            let (usual, large) =
                (after::<f64>(rule.clone(), shape, 0.5, gradient(1.0))?, after::<f32>(rule.clone(), shape, 0.5, gradient(1e10))?);
            for (usual, large) in usual.iter().zip(&large) {
                let (usual, large) = (usual - 0.5, large - 0.5);
                assert!(usual != 0.0 && (large / usual - 1.0).abs() < 1e-3, "{} {shape:?}: {large:e}, expected {usual:e}", rule.name());
            }
        }
    }
    Ok(())
}

fn rows_and_columns() -> Outcome {
    let tensors = [CpuParam::new("vector", &[7]), CpuParam::new("matrix", &[3, 4]), CpuParam::new("batch", &[2, 3, 4])];
    let optimizer = CpuOptimizer::<f32>::new(Adafactor::default(), tensors)?;
    let lens = |tensor: &str| -> wgpu_optim::Result<Vec<usize>> {
        ["row_var", "col_var", "variance"].into_iter().map(|state| Ok(optimizer.state(tensor, state)?.len())).collect()
    };
    assert_eq!([lens("vector")?, lens("matrix")?, lens("batch")?], [vec![0, 0, 7], vec![3, 4, 0], vec![6, 8, 0]]);
    Ok(())
}

fn bytes() -> Outcome {
    let of = |rule: Box<dyn AnyRule>| [true, false].map(|is_matrix| rule.bytes_per_element(is_matrix));
    assert_eq!([of(Lamb::default().into()), of(Adafactor::default().into()), of(Sgd::default().into())], [[40, 40], [24, 32], [12, 12]]);
    Ok(())
}

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
fn group_and_all() -> Outcome {
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
fn group_and_all_on_gpu(gpu: &Gpu) -> Outcome {
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

fn refused() -> Outcome {
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

impl wgpu_optim::rule::HyperParameters for Wrong {
    const PARAMETERS: &'static [wgpu_optim::rule::HyperParameter] = Shared::PARAMETERS;
    fn values(&self) -> Vec<f64> {
        wgpu_optim::rule::HyperParameters::values(&self.0)
    }
    fn set(&mut self, name: &str, value: f64) -> bool {
        wgpu_optim::rule::HyperParameters::set(&mut self.0, name, value)
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
