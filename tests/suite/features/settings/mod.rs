//! What can be changed and asked on a running optimizer: clips, options, schedules of more than the learning rate, groups by name.

mod options;
mod schedules;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::testing::{Scene, Style};
use wgpu_optim::{
    Adam, AdaptiveClip, Clip, Ema, Group, LossScale, MicroBatches, NormClip, Optimizer, Options, Schedule, Sgd, Swa, Tensors,
};

use super::Row;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 7] = [
        ("other-clips", options::other_clips),
        ("other-options", options::other_options),
        ("options-keep-the-rest", options::options_keep_the_rest),
        ("scheduled-max-norm", schedules::scheduled_max_norm),
        ("cycled-beta", schedules::cycled_beta),
        ("groups-by-name", groups_by_name),
        ("what-cannot-change", what_cannot_change),
    ];
    let mut trials: Vec<Trial> = rows.into_iter().map(|(name, run)| contexts[0].trial(format!("features/settings/{name}"), run)).collect();
    trials.push(Trial::test("features/settings/debiased-is-zero-start", options::debiased));
    trials.push(Trial::test("features/settings/beta-of-a-schedule", schedules::beta_near_one));
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
