//! Norms and factors that hurt.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{Scene, Style};
use wgpu_optim::{AdaptiveClip, Clip, Group, LossScale, MicroBatches, NonFinite, NormClip, NormOrder, Optimizer, Options, Tensors};

use super::super::Row;
use super::{sgd, submit};
use crate::context::Outcome;

pub const ROWS: [Row; 12] = [
    ("groups-without-parameters-do-not-count", empty_groups),
    ("units-whose-last-part-begins-between-vectors", units_at_the_end),
    ("limit-far-above-the-norm", limit_far_above),
    ("limit-far-above-the-norm-with-eps", limit_far_above_with_eps),
    ("adaptive-clip-of-an-infinity", adaptive_infinity),
    ("norm-with-extreme-loss-scales", extreme_scales),
    ("mean-with-the-largest-loss-scale", mean_largest_scale),
    ("clip-of-the-hugest", clip_hugest),
    ("clip-by-the-hugest-magnitude", clip_by_the_hugest_magnitude),
    ("clip-of-a-norm-beyond-f32", clip_beyond_f32),
    ("adaptive-clip-of-the-hugest", adaptive_hugest),
    ("divided-by-the-largest", divided_by_the_largest),
];

/// Where it stands among the groups makes no difference to the norm.
fn empty_groups(gpu: &Gpu) -> Outcome {
    for place in 0..3 {
        let tensors = Tensors::new(&gpu.device, [("a", [3]), ("b", [4]), ("c", [5]), ("d", [6])])?;
        for (name, len) in [("a", 3), ("b", 4), ("c", 5), ("d", 6)] {
            tensors.write_gradient(&gpu.queue, name, &vec![1.0; len])?;
        }
        let params = tensors.params();
        let mut groups = vec![Group::new(sgd(1.0), params[..2].to_vec()), Group::new(sgd(1.0), params[2..].to_vec())];
        groups.insert(place, Group::new(sgd(1.0), Vec::new()));
        let clip = Clip::Norm(NormClip { max_norm: 1.0, eps: 0.0, ..NormClip::default() });
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups, Options { clip, ..Options::default() })?;
        submit(gpu, |encoder| optimizer.step(encoder));
        let norm = block_on(optimizer.report())?.gradient_norm.ok_or("no norm")?;
        let value = block_on(optimizer.read_value("a"))?[0];
        if (norm - 18.0_f32.sqrt()).abs() > 1e-5 {
            return Err(format!(
                "empty group at {place}: norm {norm}, expected {}; moved by {value}, expected {}",
                18.0_f32.sqrt(),
                -1.0 / 18.0_f32.sqrt()
            )
            .into());
        }
    }
    Ok(())
}

/// A tensor whose state fills a page to the last vector, with units that are no multiples of vectors.
fn units_at_the_end(gpu: &Gpu) -> Outcome {
    let mut failed = Vec::new();
    for shape in [[640, 7], [64, 513], [4, 1025], [64, 3], [128, 511], [256, 4097]] {
        let group = Group::new(sgd(0.1), [CpuParam::new("p", &shape)]);
        let clip = Clip::Adaptive(AdaptiveClip { clipping: 0.2, eps: 1e-2 });
        let options = Options { clip, micro_batches: MicroBatches::Sum, ..Options::default() };
        let run = || -> Outcome {
            let mut scene = Scene::with_options(gpu, vec![group], options, Style::Tensors, 3)?;
            for _ in 0..2 {
                scene.accumulate(|_| true)?;
                scene.step(|_| true)?;
                scene.check()?;
            }
            Ok(())
        };
        if let Err(error) = run() {
            failed.push(format!("{shape:?}: {}", error.message().unwrap_or("failed")));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

fn clipped(gpu: &Gpu, clip: NormClip, loss_scale: LossScale, gradient: &[f32]) -> Result<(Vec<f32>, f32), Failed> {
    let tensors = Tensors::new(&gpu.device, [("a", [gradient.len()])])?;
    tensors.write_gradient(&gpu.queue, "a", gradient)?;
    let options = Options { clip: Clip::Norm(clip), loss_scale, ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    submit(gpu, |encoder| optimizer.step(encoder));
    Ok((block_on(optimizer.read_value("a"))?, block_on(optimizer.report())?.gradient_norm.ok_or("no norm")?))
}

/// A norm that is smaller by more than f32 holds is not clipped.
fn limit_far_above(gpu: &Gpu) -> Outcome {
    for (max_norm, g) in [(1e38, 0.01), (f64::from(f32::MAX), 0.5), (1e20, 1e-20)] {
        for order in [NormOrder::Two, NormOrder::Infinity] {
            let (value, norm) = clipped(gpu, NormClip { max_norm, eps: 0.0, order, ..NormClip::default() }, LossScale::None, &[g])?;
            if value != [-g] {
                return Err(format!("max_norm {max_norm:e}, norm {norm:e}: got {value:?}, expected {:?}", [-g]).into());
            }
        }
    }
    Ok(())
}

fn limit_far_above_with_eps(gpu: &Gpu) -> Outcome {
    let (value, norm) = clipped(gpu, NormClip { max_norm: 1e36, ..NormClip::default() }, LossScale::None, &[1e-5])?;
    if value != [-1e-5] {
        return Err(format!("norm {norm:e}: got {value:?}").into());
    }
    Ok(())
}

/// GPU and twin agree on what is no number, with NonFinite::Apply.
fn adaptive_infinity(gpu: &Gpu) -> Outcome {
    let mut failed = Vec::new();
    for bad in [f32::INFINITY, f32::NAN] {
        let clip = Clip::Adaptive(AdaptiveClip { clipping: 0.5, eps: 1e-3 });
        let options = Options { clip, ..Options::default() };
        let tensors = Tensors::new(&gpu.device, [("a", [2, 4])])?;
        let gradient = [1.0, bad, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        tensors.write_gradient(&gpu.queue, "a", &gradient)?;
        tensors.write_value(&gpu.queue, "a", &[1.0; 8])?;
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
        submit(gpu, |encoder| optimizer.step(encoder));
        let got = block_on(optimizer.read_value("a"))?;
        let mut twin = CpuOptimizer::<f32>::with_options([Group::new(sgd(1.0), [CpuParam::new("a", &[2, 4])])], options)?;
        let mut expected = [1.0_f32; 8];
        twin.step(&mut [&mut expected], &[Some(&gradient)])?;
        let like = |(a, b): (&f32, &f32)| (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-5;
        if !got.iter().zip(&expected).all(like) {
            failed.push(format!("{bad}: GPU {got:?}, CPU {expected:?}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

/// The norm is that of the unscaled gradients, at every scale that is accepted.
fn extreme_scales(gpu: &Gpu) -> Outcome {
    let mut failed = Vec::new();
    for (exponent, g) in [(-64, 1e7_f32), (-64, 1.0), (-40, 1e20), (64, 2e10), (64, 1e20), (64, 1e33), (50, 1e9), (60, 1e9)] {
        let scale = 2.0_f64.powi(exponent);
        let truth = (2.0 * f64::from(g) / scale).min(f64::from(f32::MAX));
        let clip = NormClip { max_norm: 1e-3, eps: 0.0, ..NormClip::default() };
        let (value, norm) = clipped(gpu, clip, LossScale::Static(scale), &[g; 4])?;
        let each = (f64::from(g) / scale).min(0.5e-3);
        let holds = (f64::from(norm) - truth).abs() <= 1e-6 * truth && (f64::from(-value[0]) - each).abs() < 1e-5 * each;
        if !holds {
            failed.push(format!(
                "scale 2^{exponent}, gradient {g:e}: norm {norm:e}, expected {truth:e}; step {:e}, expected {each:e}",
                -value[0]
            ));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

fn mean_largest_scale(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    let scale = 2.0_f64.powi(64);
    tensors.write_gradient(&gpu.queue, "a", &[2.0_f32.powi(58); 4])?;
    let options = Options { loss_scale: LossScale::Static(scale), micro_batches: MicroBatches::Mean, ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    submit(gpu, |encoder| {
        (0..3).for_each(|_| optimizer.accumulate(encoder).unwrap_or_default());
        optimizer.step(encoder);
    });
    let value = block_on(optimizer.read_value("a"))?[0];
    if value != -(2.0_f32.powi(-6)) {
        return Err(format!("moved by {value:e}, expected {:e}", -(2.0_f32.powi(-6))).into());
    }
    Ok(())
}

/// The documentation promises norms without overflow or underflow up to 3e38.
fn clip_hugest(gpu: &Gpu) -> Outcome {
    let (value, norm) = clipped(gpu, NormClip { max_norm: 1.0, ..NormClip::default() }, LossScale::None, &[3e38])?;
    if (value[0] + 1.0).abs() > 1e-5 {
        return Err(format!("norm {norm:e}: moved by {value:?}, expected -1").into());
    }
    Ok(())
}

/// One step from these values, on the adapter and by its twin.
fn both(gpu: &Gpu, options: Options, value: &[f32], gradient: &[f32]) -> Result<[Vec<f32>; 2], Failed> {
    let tensors = Tensors::new(&gpu.device, [("a", [value.len()])])?;
    tensors.write_value(&gpu.queue, "a", value)?;
    tensors.write_gradient(&gpu.queue, "a", gradient)?;
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    submit(gpu, |encoder| optimizer.step(encoder));
    let mut twin = CpuOptimizer::<f32>::with_options([Group::new(sgd(1.0), [CpuParam::new("a", &[value.len()])])], options)?;
    let mut expected = value.to_vec();
    twin.step(&mut [&mut expected], &[Some(gradient)])?;
    Ok([block_on(optimizer.read_value("a"))?, expected])
}

fn near(what: &str, got: [Vec<f32>; 2], expected: &[f32]) -> Outcome {
    for (who, got) in ["GPU", "twin"].into_iter().zip(got) {
        if !got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() <= 2e-6 * expected.abs().max(1e-30)) {
            return Err(format!("{what}: {who} {got:?}, expected {expected:?}").into());
        }
    }
    Ok(())
}

/// The unscaled magnitude is beyond f32; its factor, 1.7e-39, is no normal number, and the clipped gradient is.
fn clip_by_the_hugest_magnitude(gpu: &Gpu) -> Outcome {
    for non_finite in [NonFinite::Apply, NonFinite::Skip] {
        let clip = Clip::Norm(NormClip { order: NormOrder::Infinity, ..NormClip::default() });
        let options = Options { clip, loss_scale: LossScale::Static(0.5), non_finite, ..Options::default() };
        near("1", both(gpu, options, &[0.0; 4], &[3e38, 1.0, 1.0, -1.5e38])?, &[-1.0, 0.0, 0.0, 0.5])?;
    }
    Ok(())
}

/// Not by the largest number that f32 has, at any scale.
fn clip_beyond_f32(gpu: &Gpu) -> Outcome {
    for loss_scale in [LossScale::None, LossScale::Static(0.5), LossScale::Static(2.0_f64.powi(-64)), LossScale::Static(2.0_f64.powi(64))] {
        for max_norm in [1e-6, 1.0, 1e12] {
            let clip = Clip::Norm(NormClip { max_norm, ..NormClip::default() });
            let options = Options { clip, loss_scale, ..Options::default() };
            let each = (0.5 * max_norm) as f32;
            let what = format!("{loss_scale:?}, max_norm {max_norm:e}");
            near(&what, both(gpu, options, &[0.0; 4], &[3e38, -3e38, 3e38, -3e38])?, &[-each, each, -each, each])?;
        }
    }
    Ok(())
}

fn adaptive_hugest(gpu: &Gpu) -> Outcome {
    for loss_scale in [LossScale::None, LossScale::Static(0.5)] {
        let clip = Clip::Adaptive(AdaptiveClip { clipping: 0.5, eps: 1e-3 });
        let options = Options { clip, loss_scale, ..Options::default() };
        near("adaptive", both(gpu, options, &[1.0, 0.0], &[3e38, 3e38])?, &[1.0 - 0.125_f32.sqrt(), -0.125_f32.sqrt()])?;
    }
    Ok(())
}

/// Adamax divides by the gradient's magnitude, whose reciprocal adapters may flush.
fn divided_by_the_largest(gpu: &Gpu) -> Outcome {
    let rule = wgpu_optim::Adamax { lr: 1.0, ..Default::default() };
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    tensors.write_gradient(&gpu.queue, "a", &[3e38, -2e38, 1e30, 1e32])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params())?;
    submit(gpu, |encoder| optimizer.step(encoder));
    let got = block_on(optimizer.read_value("a"))?;
    near("Adamax", [got.clone(), got], &[-1.0, 1.0, -1.0, -1.0])
}

/// As on the GPU and in torch: beside a NaN nothing but NaN is left.
pub fn cpu_norm_of_nan() -> Outcome {
    let mut failed = Vec::new();
    for order in [NormOrder::Two, NormOrder::Infinity] {
        for bad in [f32::NAN, f32::INFINITY] {
            let options = Options { clip: Clip::Norm(NormClip { order, ..NormClip::default() }), ..Options::default() };
            let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(sgd(1.0), [CpuParam::new("a", &[3])])], options)?;
            let mut value = [0.0_f32; 3];
            optimizer.step(&mut [&mut value], &[Some(&[100.0, bad, 100.0])])?;
            let norm = optimizer.report()?.gradient_norm;
            if !(value[1].is_nan() && if bad.is_nan() { value[0].is_nan() } else { value[0] == 0.0 }) {
                failed.push(format!("{order:?} with {bad}: {value:?}, norm {norm:?}"));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

pub fn cpu_adaptive_nan() -> Outcome {
    let options = Options { clip: Clip::Adaptive(AdaptiveClip { clipping: 0.5, eps: 1e-3 }), ..Options::default() };
    let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(sgd(1.0), [CpuParam::new("a", &[3])])], options)?;
    let mut value = [1.0_f32; 3];
    optimizer.step(&mut [&mut value], &[Some(&[1.0, f32::NAN, 1.0])])?;
    if !value[0].is_nan() && (value[0] - 1.0).abs() > 1.0 {
        return Err(format!("a NaN makes the clip multiply what is beside it: {value:?}").into());
    }
    Ok(())
}
