//! What can be changed and asked on a running optimizer: clips, options, schedules of more than the learning rate, groups by name.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{Scene, Style, same_bits};
use wgpu_optim::{
    Adam, AdaptiveClip, Clip, DynamicScale, Ema, Group, Lookahead, LossScale, MicroBatches, NonFinite, NormClip, NormOrder, NormScope,
    Optimizer, Options, Schedule, Sgd, Swa, Tensors,
};

use super::Row;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 7] = [
        ("other-clips", other_clips),
        ("other-options", other_options),
        ("options-keep-the-rest", options_keep_the_rest),
        ("scheduled-max-norm", scheduled_max_norm),
        ("cycled-beta", cycled_beta),
        ("groups-by-name", groups_by_name),
        ("what-cannot-change", what_cannot_change),
    ];
    let mut trials: Vec<Trial> = rows.into_iter().map(|(name, run)| contexts[0].trial(format!("features/settings/{name}"), run)).collect();
    trials.push(Trial::test("features/settings/debiased-is-zero-start", debiased));
    trials.push(Trial::test("features/settings/beta-of-a-schedule", beta_near_one));
    trials
}

fn adam() -> Adam {
    Adam { lr: 0.02, weight_decay: 0.1, ..Adam::default() }
}

fn norm(max_norm: f64) -> NormClip {
    NormClip { max_norm, ..NormClip::default() }
}

fn groups() -> Vec<Group<CpuParam>> {
    let named = |name: &str, group: Group<CpuParam>| Group { name: Some(name.into()), ..group };
    let momentum = Sgd { lr: 0.05, momentum: 0.9, ..Sgd::default() };
    vec![
        named("weights", Group::new(adam(), [CpuParam::new("w", &[5, 700])])),
        named("biases", Group::new(momentum, [CpuParam::new("b", &[7]), CpuParam::new("c", &[4097])])),
    ]
}

/// Thresholds, kinds and scopes, with and without gradients being measured before.
fn other_clips(gpu: &Gpu) -> Outcome {
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
fn other_options(gpu: &Gpu) -> Outcome {
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
fn options_keep_the_rest(gpu: &Gpu) -> Outcome {
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

fn scheduled_max_norm(gpu: &Gpu) -> Outcome {
    let line = Schedule::Linear { from: 1.0, to: 0.1, steps: 3 };
    for over in [NormScope::All, NormScope::Group, NormScope::Parameter] {
        let mut groups = groups();
        groups[0].schedules.push(("max_norm".into(), line.clone()));
        let options = Options { clip: Clip::Norm(NormClip { over, ..norm(0.4) }), ..Options::default() };
        let mut scene = Scene::with_options(gpu, groups, options, Style::Tensors, 7)?;
        for turn in 0..6 {
            if turn == 3 {
                scene.optimizer.set("weights", "max_norm", 0.05)?;
                scene.twin.set("weights", "max_norm", 0.05)?;
                assert!(scene.optimizer.groups()[0].schedules.is_empty());
            }
            if turn == 4 {
                scene.optimizer.set_schedule(1, "max_norm", Some(line.clone()))?;
                scene.twin.set_schedule(1, "max_norm", Some(line.clone()))?;
            }
            scene.step(|_| true)?;
            scene.check()?;
        }
    }
    // By number: a gradient of ones over four elements has the norm 2.
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    tensors.write_gradient(&gpu.queue, "a", &[1.0; 4])?;
    let group = Group {
        schedules: vec![("max_norm".into(), Schedule::Linear { from: 1.0, to: 0.25, steps: 2 })],
        ..Group::new(Sgd { lr: 1.0, ..Sgd::default() }, tensors.params())
    };
    let options = Options { clip: Clip::Norm(NormClip { eps: 0.0, ..norm(9.0) }), ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)?;
    let mut expected = 0.0;
    for max_norm in [1.0, 0.625, 0.25, 0.25] {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        expected -= max_norm / 2.0;
        let got = block_on(optimizer.read_value("a"))?[0];
        assert!((got - expected).abs() <= 1e-6, "{got}, expected {expected}");
    }
    Ok(())
}

/// torch's `OneCycleLR` with `cycle_momentum`: both corrections are by the beta of the step, as in its Adam.
fn cycled_beta(gpu: &Gpu) -> Outcome {
    let beta = Schedule::OneCycle {
        from: 0.95,
        peak: 0.85,
        to: 0.95,
        steps: 12,
        pct_start: 0.3,
        anneal: wgpu_optim::schedule::Anneal::Cosine,
        three_phase: false,
    };
    let gradient = |t: u32| (0.9 * f64::from(t)).sin() + 0.05;
    let tensors = Tensors::new(&gpu.device, [("a", [1])])?;
    tensors.write_value(&gpu.queue, "a", &[1.0])?;
    let rule = Adam { lr: 0.1, ..Adam::default() };
    let group = Group { schedules: vec![("beta1".into(), beta.clone())], ..Group::new(rule, tensors.params()) };
    let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, [group])?;
    let (mut p, mut m, mut v) = (1.0_f64, 0.0_f64, 0.0_f64);
    for t in 0..12 {
        let (g, b, step) = (gradient(t), beta.value(t), f64::from(t + 1));
        m = b * m + (1.0 - b) * g;
        v = 0.999 * v + 0.001 * g * g;
        p -= 0.1 / (1.0 - b.powf(step)) * m / ((v / (1.0 - 0.999_f64.powf(step))).sqrt() + 1e-8);
        tensors.write_gradient(&gpu.queue, "a", &[g as f32])?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let got = f64::from(block_on(optimizer.read_value("a"))?[0]);
        assert!((got - p).abs() < 1e-5, "step {step}: {got}, expected {p}");
        // 1 - beta is off by 1e-6 at most, so the correction by 1e-6 / (1 - beta) and some rounding.
        let scalar = f64::from(block_on(optimizer.read_scalars())?[0][0]);
        let exact = 0.1 / (1.0 - b.powf(step));
        assert!((scalar / exact - 1.0).abs() <= 1e-6 / (1.0 - b) + 5e-7, "step {step}: {scalar}, expected {exact}");
    }
    Ok(())
}

fn beta_near_one() -> Outcome {
    let make = |schedule| {
        let group = Group { schedules: vec![("beta2".into(), schedule)], ..Group::new(adam(), [CpuParam::from(("a", 3))]) };
        CpuOptimizer::<f32>::with_groups([group]).map(drop).map_err(|error| error.to_string())
    };
    make(Schedule::Linear { from: 0.9, to: 0.9999, steps: 9 })?;
    let expected =
        "group 0: the schedule of beta2: its values go up to 0.99999; a schedule's are within 1e-6, so 1 - beta2 needs at most 0.9999";
    assert_eq!(make(Schedule::Constant(0.99999)), Err(expected.to_owned()));
    Ok(())
}

/// From zero, and divided by `1 - decay^n`.
fn debiased() -> Outcome {
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

fn groups_by_name(gpu: &Gpu) -> Outcome {
    let mut scene = Scene::with_options(gpu, groups(), Options::default(), Style::Tensors, 2)?;
    let schedule = Schedule::Cosine { from: 0.1, to: 0.01, steps: 5 };
    scene.optimizer.set_schedule("weights", "lr", Some(schedule.clone()))?;
    scene.optimizer.set("biases", "lr", 0.25)?;
    scene.optimizer.set_active(["c"], false)?;
    let optimizer = &scene.optimizer;
    assert_eq!(optimizer.groups()[0].schedules, [("lr".to_owned(), schedule)], "the other group's schedule ended");
    let names: Vec<Option<&str>> = optimizer.groups().iter().map(|group| group.name.as_deref()).collect();
    assert_eq!(names, [Some("weights"), Some("biases")]);
    assert_eq!((optimizer.group_of("c")?, optimizer.is_active("c")?, optimizer.is_active("b")?), (1, false, true));
    let lr = |optimizer: &Optimizer| optimizer.rule("biases").map(|rule| rule.values()[0]);
    assert_eq!(lr(optimizer), Some(0.25));
    let unknown = scene.optimizer.set("bias", "lr", 0.1).map_err(|error| error.to_string());
    assert_eq!(unknown, Err("there is no group \"bias\"; there are: weights, biases".to_owned()));
    let more = Tensors::new(&gpu.device, [("d", [4])])?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let twice = Group { name: Some("biases".into()), ..Group::new(Sgd::default(), more.params()) };
    let twice = scene.optimizer.add_group(&mut encoder, twice).map_err(|error| error.to_string());
    assert_eq!(twice, Err("two groups have the name \"biases\"".to_owned()));
    scene.optimizer.set_lr_of_all(0.125)?;
    assert!(scene.optimizer.groups().iter().all(|group| group.schedules.is_empty()));
    Ok(())
}

/// Each is an error on both sides, and leaves the optimizer as it was.
fn what_cannot_change(gpu: &Gpu) -> Outcome {
    let mut scene = Scene::with_options(gpu, groups(), Options { ema: Some(Ema::default()), ..Options::default() }, Style::Tensors, 2)?;
    let kept = *scene.optimizer.options();
    let wrong = [
        Options::default(),
        Options { swa: Some(Swa::default()), ..kept },
        Options { micro_batches: MicroBatches::Mean, ..kept },
        Options { clip: Clip::Adaptive(AdaptiveClip::default()), ..kept },
        Options { clip: Clip::Value(-1.0), ..kept },
        Options { ema: Some(Ema { warm_up: true, debias: true, ..Ema::default() }), ..kept },
        Options { loss_scale: LossScale::Static(0.0), ..kept },
    ];
    for options in wrong {
        let refused = scene.optimizer.set_options(options);
        assert!(refused.is_err(), "{options:?}");
        assert_eq!(refused, scene.twin.set_options(options));
    }
    let line = Some(Schedule::Constant(1.0));
    let both: [(Result<(), _>, Result<(), _>); 4] = [
        (
            scene.optimizer.set_clip(0, Clip::Adaptive(AdaptiveClip::default())),
            scene.twin.set_clip(0, Clip::Adaptive(AdaptiveClip::default())),
        ),
        (scene.optimizer.set_clip(2, Clip::None), scene.twin.set_clip(2, Clip::None)),
        (scene.optimizer.set_schedule(0, "max_norm", line.clone()), scene.twin.set_schedule(0, "max_norm", line)),
        (scene.optimizer.set("weights", "max_norm", 1.0), scene.twin.set("weights", "max_norm", 1.0)),
    ];
    for (index, (refused, twin)) in both.into_iter().enumerate() {
        assert!(refused.is_err(), "{index}");
        assert_eq!(refused, twin);
    }
    assert_eq!(*scene.optimizer.options(), kept);
    scene.step(|_| true)?;
    let checked: Result<(), Failed> = scene.check().map_err(Failed::from);
    checked
}
