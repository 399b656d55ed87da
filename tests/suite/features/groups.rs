//! Groups by choice, and groups that come later.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::schedule::Schedule;
use wgpu_optim::testing::{Scene, Style, same_bits};
use wgpu_optim::{AdamW, Clip, Ema, Error, Group, NonFinite, NormClip, Optimizer, Options, Param, Sgd, Tensors};

use super::Row;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = vec![Trial::test("features/groups/chosen", chosen)];
    let rows: [Row; 4] = [
        ("added-later", added_later),
        ("added-between-steps-of-one-encoder", added_in_one_encoder),
        ("frozen-and-thawed", frozen_and_thawed),
        ("of-the-same-names-on-both-sides", by_patterns),
    ];
    for context in &contexts[..3] {
        trials.extend(rows.map(|(name, run)| context.trial(format!("features/groups/{name}"), run)));
    }
    trials
}

fn params() -> Vec<CpuParam> {
    [("fc1.weight", &[4, 3][..]), ("fc1.bias", &[4]), ("norm1.gain", &[4]), ("fc2.weight", &[2, 4]), ("fc10.bias", &[2])]
        .map(|(name, shape)| CpuParam::new(name, shape))
        .to_vec()
}

fn names(group: &Group<CpuParam>) -> Vec<&str> {
    group.params.iter().map(|param| &*param.name).collect()
}

fn chosen() -> Outcome {
    let mut rest = params();
    let chosen = Group::matching(Sgd::default(), &mut rest, ["*.bias", "norm?.*"]);
    assert_eq!(names(&chosen), ["fc1.bias", "norm1.gain", "fc10.bias"]);
    let first = Group::matching(Sgd::default(), &mut rest, "fc1.*");
    assert_eq!(names(&first), ["fc1.weight"]);
    let small = Group::matching(Sgd::default(), &mut rest, |param: &CpuParam| param.shape.iter().product::<usize>() == 8);
    assert_eq!((names(&small), rest.len()), (vec!["fc2.weight"], 0));
    let groups = Group::decay_matrices_only(AdamW::default(), params());
    assert_eq!((names(&groups[0]), names(&groups[1])), (vec!["fc1.weight", "fc2.weight"], vec!["fc1.bias", "norm1.gain", "fc10.bias"]));
    let decays = [&groups[0], &groups[1]].map(|group| format!("{:?}", group.rule).contains("weight_decay: 0.01"));
    assert_eq!(decays, [true, false]);
    assert_eq!(Group::decay_matrices_only(AdamW::default(), params()[1..2].to_vec()).len(), 1);
    Ok(())
}

fn options() -> Options {
    let clip = Clip::Norm(NormClip { max_norm: 0.5, ..NormClip::default() });
    Options { clip, non_finite: NonFinite::Skip, ema: Some(Ema { decay: 0.5, ..Ema::default() }), ..Options::default() }
}

fn later(name: &str, len: usize) -> Vec<CpuParam> {
    vec![CpuParam::new(name, &[len]), CpuParam { lr_scale: 0.5, ..CpuParam::new(format!("{name}-slow"), &[3, 5]) }]
}

/// GPU and truth agree before and after two more groups, of a known rule and of another one, with more features than there were.
fn added_later(gpu: &Gpu) -> Outcome {
    for options in [Options::default(), options()] {
        let first = Group::new(AdamW { lr: 1e-2, ..AdamW::default() }, later("first", 4099));
        let mut scene = Scene::with_options(gpu, vec![first], options, Style::Tensors, 9)?;
        for (number, name) in [(0, "second"), (1, "third")] {
            (0..2).try_for_each(|_| scene.step(|_| true))?;
            scene.check()?;
            let mut group = match number {
                0 => Group::new(AdamW { lr: 3e-2, ..AdamW::default() }, later(name, 70)),
                _ => Group::new(Sgd { momentum: 0.9, ..Sgd::default() }, later(name, 5000)),
            };
            group.clip = Some(Clip::Value(0.25));
            group.schedules.push(("lr".into(), Schedule::Exponential { from: 0.1, gamma: 0.5 }));
            scene.add_group(group)?;
        }
        (0..3).try_for_each(|_| scene.step(|_| true))?;
        scene.check()?;
        assert_eq!(block_on(scene.optimizer.read_steps())?, [7, 7, 5, 5, 3, 3]);
        assert_eq!(block_on(scene.optimizer.report())?.step, 7);
    }
    Ok(())
}

/// Steps before and after it in one encoder see what there was and what there is.
fn added_in_one_encoder(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [3]), ("b", [3])])?;
    for name in ["a", "b"] {
        tensors.write_gradient(&gpu.queue, name, &[1.0; 3])?;
    }
    let one =
        |name: &str| -> wgpu_optim::Result<Group> { Ok(Group::new(Sgd { lr: 1.0, ..Sgd::default() }, [tensors.param(name)?.clone()])) };
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [one("a")?], options())?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    optimizer.step(&mut encoder);
    optimizer.add_group(&mut encoder, one("b")?)?;
    optimizer.step(&mut encoder);
    assert_eq!(optimizer.add_group(&mut encoder, one("a")?), Err(Error::DuplicateName { param: "a".into() }));
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(optimizer.read_steps())?, [4, 2]);
    let (alone, together) = (0.5 / 3.0_f32.sqrt(), 0.5 / 6.0_f32.sqrt());
    for (name, expected) in [("a", -2.0 * (alone + together)), ("b", -2.0 * together)] {
        for value in block_on(optimizer.read_value(name))? {
            assert!((value / expected - 1.0).abs() < 2e-6, "{name}: {value}, expected {expected}");
        }
    }
    Ok(())
}

fn frozen_and_thawed(gpu: &Gpu) -> Outcome {
    let mut params = later("a", 300);
    params[0].frozen = true;
    let mut scene = Scene::with_options(gpu, vec![Group::new(AdamW::default(), params)], options(), Style::Packed, 13)?;
    let before = block_on(scene.optimizer.read_value("a"))?;
    (0..2).try_for_each(|_| scene.step(|index| index != 0))?;
    scene.check()?;
    same_bits("a", &block_on(scene.optimizer.read_value("a"))?, &before)?;
    scene.optimizer.set_active(["a"], true)?;
    scene.twin.set_active(["a"], true)?;
    (0..2).try_for_each(|_| scene.step(|_| true))?;
    scene.check()?;
    assert_eq!(block_on(scene.optimizer.read_steps())?, [2, 4]);
    Ok(())
}

/// The same patterns choose the same parameters on both sides.
fn by_patterns(gpu: &Gpu) -> Outcome {
    let shapes: Vec<(String, Vec<usize>)> = params().into_iter().map(|param| (param.name, param.shape)).collect();
    let tensors = Tensors::new(&gpu.device, shapes)?;
    let (mut here, mut there) = (tensors.params(), params());
    let here = Group::matching(AdamW::default(), &mut here, "*.bias");
    let there = Group::matching(AdamW::default(), &mut there, "*.bias");
    let chosen: Vec<&str> = here.params.iter().map(|param: &Param| &*param.name).collect();
    assert_eq!(chosen, names(&there));
    CpuOptimizer::<f32>::with_groups([there])?;
    Optimizer::with_groups(&gpu.device, &gpu.queue, [here])?;
    Ok(())
}
