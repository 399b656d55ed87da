//! Other clips and other options between steps.

use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{Scene, Style, same_bits};
use wgpu_optim::{
    AdaptiveClip, Clip, DynamicScale, Ema, Group, Lookahead, LossScale, MicroBatches, NonFinite, NormClip, NormOrder, NormScope, Options,
    Sgd, Swa,
};

use super::{groups, norm};
use crate::context::Outcome;

/// Thresholds, kinds and scopes, with and without gradients being measured before.
pub(super) fn other_clips(gpu: &Gpu) -> Outcome {
    let adaptive = Options { clip: Clip::Adaptive(AdaptiveClip { clipping: 0.2, eps: 1e-2 }), ..Options::default() };
    for options in [Options::default(), adaptive] {
        let mut scene = Scene::with_options(gpu, groups(), options, Style::Packed, 3)?;
        let step = |scene: &mut Scene<'_>| -> Outcome {
            scene.step(|_| true)?;
            Ok(scene.check()?)
        };
        step(&mut scene)?;
        let clips = [
            Clip::Norm(norm(0.7)),
            Clip::Norm(norm(0.2)),
            Clip::Norm(NormClip { order: NormOrder::Infinity, over: NormScope::Group, ..norm(0.3) }),
            Clip::Norm(NormClip { over: NormScope::Parameter, ..norm(0.3) }),
            Clip::Value(0.1),
            Clip::None,
            Clip::Norm(norm(f64::INFINITY)),
        ];
        for clip in clips {
            let before = scene.read()?;
            for group in ["biases", "weights"] {
                scene.optimizer.set_clip(group, clip)?;
                scene.twin.set_clip(group, clip)?;
                step(&mut scene)?;
            }
            assert_ne!(before, scene.read()?);
            assert_eq!(scene.optimizer.groups()[1].clip, Some(clip));
        }
        let mut twin_of_none = scene.twin.clone();
        twin_of_none.set_clip(0, Clip::Value(1e-3))?;
        scene.twin = twin_of_none;
        scene.step(|_| true)?;
        assert!(scene.check().is_err(), "a clip that the twin alone has was not seen");
    }
    Ok(())
}

/// Each with the twin, over several steps and a NaN.
pub(super) fn other_options(gpu: &Gpu) -> Outcome {
    let first = Options {
        micro_batches: MicroBatches::Sum,
        lookahead: Some(Lookahead { every: 2, alpha: 0.5 }),
        ema: Some(Ema { decay: 0.9, ..Ema::default() }),
        swa: Some(Swa::default()),
        ..Options::default()
    };
    let dynamic = |interval| LossScale::Dynamic(DynamicScale { init: 1024.0, interval, ..DynamicScale::default() });
    let all = [
        Options { ema: Some(Ema { decay: 0.5, debias: true, ..Ema::default() }), ..first },
        Options { ema: Some(Ema { decay: 0.3, warm_up: true, ..Ema::default() }), ..first },
        Options { lookahead: Some(Lookahead { every: 3, alpha: 0.2 }), ..first },
        Options { loss_scale: LossScale::Static(512.0), ..first },
        Options { non_finite: NonFinite::Skip, micro_batches: MicroBatches::Mean, ..first },
        Options { loss_scale: dynamic(2), zero_grad: true, ..first },
        Options { loss_scale: dynamic(1), clip: Clip::Norm(norm(0.5)), measure_update: true, ..first },
        first,
    ];
    for options in all {
        // Anew each time: after some twenty steps the twin's error bounds are beyond all numbers.
        let mut scene = Scene::with_options(gpu, groups(), first, Style::Tensors, 5)?;
        scene.step(|_| true)?;
        for options in [options, first] {
            scene.set_options(options)?;
            assert_eq!(*scene.optimizer.options(), options);
            for turn in 0..3 {
                scene.accumulate(|_| true)?;
                let mut gradients = scene.next_gradients();
                if turn == 1 && options.may_skip() {
                    gradients[1][3] = f32::NAN;
                    scene.set_gradients(&gradients);
                }
                scene.step_with(&gradients, |_| true)?;
                scene.check()?;
            }
            let (got, truth) = (block_on(scene.optimizer.report())?, scene.twin.report()?);
            assert_eq!((got.step, got.skips, f64::from(got.loss_scale)), (truth.step, truth.skips, truth.loss_scale.value), "{options:?}");
            assert_eq!(got.gradient_norm.is_some(), truth.gradient_norm.is_some());
        }
    }
    Ok(())
}

/// What is asked for and taken back leaves no trace, and other steps than those in between are what they were: bit for bit.
pub(super) fn options_keep_the_rest(gpu: &Gpu) -> Outcome {
    let options = Options { micro_batches: MicroBatches::Sum, ema: Some(Ema::default()), ..Options::default() };
    let other = Options {
        non_finite: NonFinite::Skip,
        measure_update: true,
        zero_grad: true,
        ema: Some(Ema { decay: 0.1, ..Ema::default() }),
        ..options
    };
    let make = || Scene::with_options(gpu, groups(), options, Style::Packed, 9);
    let (mut changed, mut plain) = (make()?, make()?);
    for scene in [&mut changed, &mut plain] {
        scene.step(|_| true)?;
        scene.accumulate(|_| true)?;
    }
    changed.optimizer.set_options(other)?;
    changed.optimizer.set_clip(0, Clip::Value(1.0))?;
    let same = |changed: &Scene<'_>| -> Outcome {
        for (index, (got, expected)) in changed.read()?.iter().zip(&plain.read()?).enumerate() {
            same_bits(&format!("tensor {index}"), got, expected)?;
        }
        let [got, expected] = [changed, &plain].map(|scene| block_on(scene.optimizer.read_progress()));
        assert_eq!(got?, expected?);
        let [got, expected] = [changed, &plain].map(|scene| block_on(scene.optimizer.read_scalars()));
        assert_eq!(got?, expected?);
        Ok(())
    };
    same(&changed)?;
    changed.optimizer.set_options(options)?;
    changed.optimizer.set_clip(0, Clip::None)?;
    let (mut changed, mut plain) = (changed, plain);
    for scene in [&mut changed, &mut plain] {
        scene.step(|_| true)?;
    }
    for (index, (got, expected)) in changed.read()?.iter().zip(&plain.read()?).enumerate() {
        same_bits(&format!("tensor {index}"), got, expected)?;
    }
    Ok(())
}

/// From zero, and divided by `1 - decay^n`.
pub(super) fn debiased() -> Outcome {
    let decay = 0.97;
    let ema = Ema { decay, debias: true, start: 3, every: 2, ..Ema::default() };
    let options = Options { ema: Some(ema), ..Options::default() };
    let mut optimizer =
        CpuOptimizer::<f64>::with_options([Group::new(Sgd { lr: 0.1, ..Sgd::default() }, [CpuParam::from(("a", 1))])], options)?;
    let (mut value, mut mean, mut n) = ([1.0], 0.0, 0);
    for t in 1..200 {
        optimizer.step(&mut [&mut value], &[Some(&[(0.3 * f64::from(t)).cos()])])?;
        if t >= 3 && (t - 3) % 2 == 0 {
            n += 1;
            mean = decay * mean + (1.0 - decay) * value[0];
            let (got, expected) = (optimizer.state("a", "ema")?[0], mean / (1.0 - decay.powi(n)));
            assert!((got - expected).abs() < 1e-12, "{t}: {got}, expected {expected}");
        }
    }
    Ok(())
}
