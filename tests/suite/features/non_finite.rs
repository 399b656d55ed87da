//! Gradients that are NaN or infinite, and whatever else a step does: on the GPU and in the truth.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{AnyRule, Bounded};
use wgpu_optim::testing::{NON_FINITE, STYLES, Scene, Style};
use wgpu_optim::{AdamW, AdaptiveClip, Clip, Group, LossScale, NonFinite, Optimizer, Options, Rprop, Tensors};

use super::pairs::{FEATURES, Setting, everything, rule, scene, with};
use crate::context::{Context, Outcome};

/// A parameter of [`super::pairs`] and an element of it, in a vector and in what is left of one.
const PLACES: [(usize, usize); 5] = [(0, 1), (3, 4321), (4, 4096), (6, 3), (8, 256)];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    // The others leave such steps out.
    let features = FEATURES.into_iter().filter(|feature| !["skip", "dynamic-scale"].contains(&feature.0));
    for (index, feature) in features.enumerate() {
        let (context, style) = (&contexts[index % 3], STYLES[index % 5]);
        let run = move |gpu: &Gpu| agrees(gpu, &with(rule(index), &[feature]), style);
        trials.push(context.trial(format!("features/non-finite/{}/{style:?}", feature.0), run));
    }
    for style in STYLES {
        let run = move |gpu: &Gpu| {
            let mut setting = everything(rule(1), "clip-value");
            (setting.options.loss_scale, setting.options.non_finite) = (LossScale::Static(8.0), NonFinite::Apply);
            agrees(gpu, &setting, style)
        };
        trials.push(contexts[0].trial(format!("features/non-finite/everything/{style:?}"), run));
    }
    trials.push(contexts[0].trial("features/non-finite/values-under-adaptive-clip".into(), values_under_adaptive_clip));
    trials.push(contexts[0].trial("features/non-finite/rprop-as-torch".into(), rprop_as_torch));
    trials
}

/// A clean step, one with infinities, one with NaN, and one more.
fn agrees(gpu: &Gpu, setting: &Setting, style: Style) -> Outcome {
    let mut scene = scene(gpu, setting, style)?;
    let frozen: Vec<bool> = setting.groups.iter().flat_map(|group| &group.params).map(|param| param.frozen).collect();
    let taking_part = |index: usize| !frozen[index];
    let (nan, infinite) = NON_FINITE.split_at(3);
    for bad in [&[], infinite, nan, &[]] {
        if setting.options.accumulates() {
            scene.accumulate(taking_part)?;
        }
        let mut gradients = scene.next_gradients();
        for ((param, element), &bad) in PLACES.into_iter().zip(bad.iter().cycle()) {
            gradients[param][element] = bad;
        }
        scene.set_gradients(&gradients);
        scene.step_with(&gradients, taking_part)?;
        scene.check()?;
        agree_reports(&mut scene)?;
    }
    for average in setting.options.averages() {
        // There and back.
        for _ in 0..2 {
            scene.swap(average.state())?;
            scene.check()?;
        }
    }
    Ok(())
}

fn agree_reports(scene: &mut Scene<'_>) -> Outcome {
    let (got, truth) = (pollster::block_on(scene.optimizer.report())?, scene.twin.report()?);
    assert_eq!((got.step, got.skips), (truth.step, truth.skips));
    let like = |got: f32, truth: Bounded| match truth.value.is_finite() {
        true => (f64::from(got) - truth.value).abs() <= truth.error,
        false => (got.is_nan() && truth.value.is_nan()) || f64::from(got) == truth.value,
    };
    let norms = got.gradient_norm.zip(truth.gradient_norm);
    assert!(norms.is_none_or(|(got, truth)| like(got, truth)), "{norms:?}");
    assert_eq!(got.update_ratio.is_some(), truth.update_ratio.is_some(), "{:?}, expected {:?}", got.update_ratio, truth.update_ratio);
    Ok(())
}

/// A unit with a NaN among its values has no norm, so its gradient becomes NaN, as timm's does; beside an infinite value nothing is clipped.
fn values_under_adaptive_clip(gpu: &Gpu) -> Outcome {
    let options = Options { clip: Clip::Adaptive(AdaptiveClip { clipping: 0.5, eps: 1e-3 }), ..Options::default() };
    for width in [4, 5, 600, 5000] {
        let tensors = Tensors::new(&gpu.device, [("a", [3, width])])?;
        let mut values = vec![1.0_f32; 3 * width];
        (values[1], values[width + 1]) = (f32::NAN, f32::INFINITY);
        tensors.write_value(&gpu.queue, "a", &values)?;
        tensors.write_gradient(&gpu.queue, "a", &vec![100.0; 3 * width])?;
        let rule = wgpu_optim::Sgd { lr: 1.0, ..Default::default() };
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, tensors.params())], options)?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let got = pollster::block_on(optimizer.read_value("a"))?;
        let rows: Vec<&[f32]> = got.chunks(width).collect();
        assert!(rows[0].iter().all(|x| x.is_nan()), "{width}: {:?}", &rows[0][..4]);
        assert_eq!(rows[1][..4], [-99.0, f32::INFINITY, -99.0, -99.0], "{width}");
        assert!(rows[2].iter().all(|x| (x - 0.5).abs() < 1e-5), "{width}: {:?}", &rows[2][..4]);
    }
    Ok(())
}

/// What torch 2.15's formula makes of a first gradient that is no number, by hand: 0.5, then four steps whose next gradients are 0.1.
fn rprop_as_torch(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [5])])?;
    tensors.write_value(&gpu.queue, "a", &[0.5; 5])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Rprop::default(), tensors.params())?;
    // A NaN has no sign: the value rests, and the next factor is 1. Infinities have; the negative one is answered by half a step after a rest.
    let (nan, up, down) = ([0.5, 0.49, 0.478, 0.4636], [0.49, 0.478, 0.4636, 0.44632], [0.51, 0.51, 0.505, 0.499]);
    for step in 0..4 {
        tensors.write_gradient(&gpu.queue, "a", &if step == 0 { NON_FINITE } else { [0.1; 5] })?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let got = pollster::block_on(optimizer.read_value("a"))?;
        let expected = [nan[step], nan[step], nan[step], up[step], down[step]];
        let near = got.iter().zip(expected).all(|(got, expected): (&f32, f32)| (got - expected).abs() < 1e-6);
        assert!(near, "step {step}: {got:?}, expected {expected:?}");
    }
    Ok(())
}

/// No rule's update, unless it goes on, calls what may lose a NaN.
pub fn no_rule_loses_a_nan() -> Outcome {
    let rules: Vec<Box<dyn AnyRule>> = wgpu_optim::rules::all();
    assert!(rules.iter().any(|rule| rule.name() == AdamW::default().name()));
    for rule in rules {
        let text = rule.source();
        let update = text.split("fn update(").nth(1).ok_or("no update")?.split("\n}").next().unwrap_or_default();
        let calls =
            |name: &str| update.match_indices(name).any(|(at, _)| !update[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        let lossy: Vec<&str> = ["sign(", "min(", "max(", "clamp("].into_iter().filter(|name| calls(name)).collect();
        if !lossy.is_empty() {
            return Err(format!("{}: update calls {lossy:?}", rule.name()).into());
        }
    }
    Ok(())
}
