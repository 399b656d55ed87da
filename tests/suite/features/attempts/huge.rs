//! Numbers near the ends of f32 that are still numbers.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{AdEMAMix, Adagrad, Adam, Asgd, Group, LrScales, MadGrad, Optimizer, Options, RAdam, Tensors, rules};

use super::super::Row;
use super::{sgd, submit};
use crate::context::{Outcome, has_features_of};

pub const ROWS: [Row; 4] = [
    ("huge-gradients-of-every-rule", huge_gradients),
    ("huge-hyper-parameters", huge_hyper_parameters),
    ("scaled-steps-that-are-lost", scaled_steps_that_are_lost),
    ("steps-that-are-lost-move-nothing", lost_steps_move_nothing),
];

const SHAPE: [usize; 2] = [3, 5];

/// A rule's values, of the GPU and of its twin.
type Values = (Vec<f32>, Vec<f32>);

/// The values of each rule, once 0.5, after steps with these gradients: of matrices, so that rules with sums of rows run all of
/// their stages.
fn trained(gpu: &Gpu, rules: &[Box<dyn AnyRule>], gradients: &[f32]) -> Result<Vec<Values>, Failed> {
    let names: Vec<String> = (0..rules.len()).map(|index| index.to_string()).collect();
    let tensors = Tensors::new(&gpu.device, names.iter().map(|name| (name.clone(), SHAPE)))?;
    let groups = rules.iter().zip(tensors.params()).map(|(rule, param)| Group::new(rule.clone(), [param]));
    let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups)?;
    let groups = rules.iter().zip(&names).map(|(rule, name)| Group::new(rule.clone(), [CpuParam::new(name, &SHAPE)]));
    let mut twin = CpuOptimizer::<f32>::with_groups(groups)?;
    let mut values = vec![vec![0.5; 15]; rules.len()];
    names.iter().try_for_each(|name| tensors.write_value(&gpu.queue, name, &[0.5; 15]))?;
    for &gradient in gradients {
        names.iter().try_for_each(|name| tensors.write_gradient(&gpu.queue, name, &[gradient; 15]))?;
        submit(gpu, |encoder| optimizer.step(encoder));
        let mut slices: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
        twin.step(&mut slices, &vec![Some(&[gradient; 15][..]); rules.len()])?;
    }
    let got: Result<Vec<Vec<f32>>, _> = names.iter().map(|name| block_on(optimizer.read_value(name))).collect();
    Ok(got?.into_iter().zip(values).collect())
}

/// Squares of these are beyond f32, and sums of squares more so; that makes no NaN.
fn huge_gradients(gpu: &Gpu) -> Outcome {
    let alternating: Vec<f32> = (0..40).map(|turn| if turn % 2 == 0 { 2e19 } else { -2e19 }).collect();
    let runs = [&alternating[..], &[1e20, 1.0, 1.0], &[1.5e19; 40], &[1e19, -1e18, 3e18, 1e19, 1e20, -1e20]];
    let mut wrong = Vec::new();
    let mut all: Vec<Box<dyn AnyRule>> = vec![MadGrad { lr: 2.0, ..MadGrad::default() }.into()];
    for rule in rules::all() {
        all.extend(rule.cases().into_iter().map(|(_, rule)| rule).filter(|rule| has_features_of(gpu, &**rule)));
    }
    for (run, gradients) in runs.iter().enumerate() {
        for (rule, (got, twin)) in all.iter().zip(trained(gpu, &all, gradients)?) {
            let is_wrong = |(got, twin): (&f32, &f32)| got.is_nan() || twin.is_nan() || got.is_infinite() != twin.is_infinite();
            if got.iter().zip(&twin).any(is_wrong) {
                wrong.push(format!("{rule:?}, run {run}: {:?}, the twin {:?}", got[0], twin[0]));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// The same on both sides, infinite or not.
fn huge_hyper_parameters(gpu: &Gpu) -> Outcome {
    let lr = 3e38;
    let mut rules: Vec<Box<dyn AnyRule>> = vec![
        Adam { lr, ..Adam::default() }.into(),
        RAdam { lr, ..RAdam::default() }.into(),
        AdEMAMix { lr, ..AdEMAMix::default() }.into(),
        Asgd { lr, ..Asgd::default() }.into(),
    ];
    for rule in rules::all() {
        let mut huge = rule.clone();
        huge.set("lr", lr);
        rules.extend(huge.validate().is_ok().then_some(huge));
    }
    for lr_decay in [1e7, 2e7, 1e19, 3e38] {
        rules.push(Adagrad { lr_decay, ..Adagrad::default() }.into());
    }
    let mut wrong = Vec::new();
    for gradients in [&[1.0][..], &[1.0, 0.5, -2.0]] {
        for (rule, (got, twin)) in rules.iter().zip(trained(gpu, &rules, gradients)?) {
            let is_same = |got: f32, twin: f32| match (got.is_finite(), twin.is_finite()) {
                (true, true) => (got - twin).abs() <= 1e-5 * twin.abs().max(1e-30),
                // Where `p - lr * x` is fused, as it is on an H200, an infinite value stays infinite; else the product overflows, and infinity less infinity is NaN.
                (false, false) => twin.is_nan() || got == twin,
                _ => false,
            };
            if !got.iter().zip(&twin).all(|(&got, &twin)| is_same(got, twin)) {
                wrong.push(format!("{rule:?}, {} steps: {:e}, the twin {:e}", gradients.len(), got[0], twin[0]));
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// A step that the value's last digit does not show is none, whatever its scale; and an infinite value stays.
fn scaled_steps_that_are_lost(gpu: &Gpu) -> Outcome {
    let starts = [f32::INFINITY, f32::NEG_INFINITY, 1e8, 3e38, 1.0, 16_777_216.0, -1e8];
    for (scale, expected) in [
        (100.0, [f32::INFINITY, f32::NEG_INFINITY, 1e8, 3e38, -49.0, 16_777_216.0, -1e8]),
        (0.5, [f32::INFINITY, f32::NEG_INFINITY, 1e8, 3e38, 0.75, 16_777_216.0, -1e8]),
    ] {
        let tensors = Tensors::new(&gpu.device, [("a", [7]), ("scales", [1])])?;
        tensors.write_value(&gpu.queue, "a", &starts)?;
        tensors.write_gradient(&gpu.queue, "a", &[0.5; 7])?;
        let scales = Tensors::new(&gpu.device, [("scales", [1])])?;
        scales.write_value(&gpu.queue, "scales", &[scale])?;
        let mut param = tensors.param("a")?.clone();
        param.lr_scales = Some(LrScales { binding: scales.value("scales")?.clone(), shape: vec![1] });
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, sgd(1.0), [param])?;
        submit(gpu, |encoder| optimizer.step(encoder));
        let mut own = CpuParam::new("a", &[7]);
        own.lr_scales = Some((vec![scale], vec![1]));
        let mut twin = CpuOptimizer::<f32>::with_groups([Group::new(sgd(1.0), [own])])?;
        let mut values = starts;
        twin.step(&mut [&mut values], &[Some(&[0.5; 7])])?;
        assert_eq!((block_on(optimizer.read_value("a"))?, values), (expected.to_vec(), expected), "scale {scale}");
    }
    Ok(())
}

fn lost_steps_move_nothing(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    tensors.write_value(&gpu.queue, "a", &[1e8; 4])?;
    tensors.write_gradient(&gpu.queue, "a", &[0.5; 4])?;
    let options = Options { measure_update: true, ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    submit(gpu, |encoder| optimizer.step(encoder));
    assert_eq!(block_on(optimizer.report())?.update_ratio, Some(0.0));
    Ok(())
}
