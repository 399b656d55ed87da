//! Parameters and groups that are removed, and one that gets another name.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Ema, Error, Group, MicroBatches, NonFinite, Optimizer, Options, Schedule, Sgd, Tensors, rules};

use crate::checkpoints::run::{Run, contents};
use crate::context::{Context, Outcome};
use crate::features::pairs::Setting;

const SHAPES: [(&str, &[usize]); 4] = [("a", &[6, 5]), ("b", &[7]), ("c", &[2, 3, 4]), ("large", &[250, 290])];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        for context in [&contexts[0], &contexts[3]] {
            let own = rule.clone();
            trials.push(context.trial(format!("rows/remove/{}", rule.name()), move |gpu| removed(gpu, own)));
        }
    }
    trials.push(contexts[0].trial("rows/remove/groups".into(), groups));
    trials.push(contexts[0].trial("rows/rename".into(), renamed));
    trials.push(Trial::test("rows/remove/a-failure-that-is-told-later", failure_after_removal));
    trials.push(contexts[0].trial("rows/remove/an-offender".into(), offender_after_removal));
    trials.push(contexts[0].trial("rows/remove/learning-rates".into(), rates_after_removal));
    trials
}

fn setting(rule: &dyn AnyRule, all: &[(&str, &[usize])]) -> Setting {
    let params = |all: &[(&str, &[usize])]| all.iter().map(|(name, shape)| CpuParam::new(*name, shape)).collect::<Vec<_>>();
    let (first, second) = all.split_at(all.len() / 2);
    let mut other = rule.boxed();
    other.set("lr", 0.01);
    let options = Options { ema: Some(Ema::default()), micro_batches: MicroBatches::Sum, ..Options::default() };
    let groups = vec![Group::new(rule.boxed(), params(first)), Group { name: Some("second".into()), ..Group::new(other, params(second)) }];
    Setting { groups, options }
}

/// Those that are left go on as if the others had never been there.
fn removed(gpu: &Gpu, rule: Box<dyn AnyRule>) -> Outcome {
    // A matrix that is multiplied has to be in one binding.
    let fitting = |(name, shape): (&'static str, &'static [usize])| {
        (name, if (rule.orthogonalizes() || rule.keeps_squares()) && name == "large" { &[25, 29][..] } else { shape })
    };
    let shapes = SHAPES.map(fitting);
    let mut run = Run::new(gpu, &setting(&*rule, &shapes), 1)?;
    run.steps(0..2)?;
    run.micro_batch(20)?;
    let whole = Run::new(gpu, &setting(&*rule, &shapes), 1)?;
    whole.steps(0..2)?;
    whole.micro_batch(20)?;
    let before = contents(&run.checkpoint()?);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    run.optimizer.remove(&mut encoder, ["b", "c"])?;
    gpu.queue.submit([encoder.finish()]);
    run.setting.groups.iter_mut().for_each(|group| group.params.retain(|param| !["b", "c"].contains(&&*param.name)));
    let is_left = |name: &str| !name.starts_with("b/") && !name.starts_with("c/") && !name.starts_with("b ") && !name.starts_with("c ");
    let left = |all: std::collections::BTreeMap<String, Vec<u32>>| all.into_iter().filter(|(name, _)| is_left(name)).collect::<Vec<_>>();
    assert_eq!(left(contents(&run.checkpoint()?)), left(before), "after the removal");
    assert_eq!(run.optimizer.names().collect::<Vec<_>>(), ["a", "large"]);
    if rule.is_staged(rule.counts_matrices()) && gpu.device.limits().max_buffer_size < 1 << 20 {
        // The state has other places in small buffers, and sums over a tensor are formed by these.
        return run.steps(2..4);
    }
    for run in [&run, &whole] {
        run.steps(2..4)?;
    }
    assert_eq!(left(contents(&run.checkpoint()?)), left(contents(&whole.checkpoint()?)), "two steps later");
    Ok(())
}

fn groups(gpu: &Gpu) -> Outcome {
    let rule = rules::named("AdamW").ok_or("no AdamW")?;
    let mut run = Run::new(gpu, &setting(&*rule, &SHAPES), 1)?;
    run.steps(0..2)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let mut fails = |optimizer: &mut wgpu_optim::Optimizer| optimizer.remove_group(&mut encoder, "third");
    assert!(matches!(fails(&mut run.optimizer), Err(Error::UnknownName { .. })));
    run.optimizer.remove_group(&mut encoder, 0)?;
    assert_eq!((run.optimizer.groups().len(), run.optimizer.group_of("large")?), (1, 0));
    run.optimizer.set("second", "lr", 0.5)?;
    match run.optimizer.remove(&mut encoder, ["c", "large"]) {
        Err(Error::NoParameters) => {}
        other => return Err(format!("{other:?}").into()),
    }
    // All of it is still there, and can be recorded.
    run.optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(pollster::block_on(run.optimizer.read_steps())?, [3, 3]);
    Ok(())
}

/// A failure that was not told before the parameter before it is removed.
fn failure_after_removal() -> Outcome {
    let options = Options { non_finite: NonFinite::Fail, ..Options::default() };
    let group = Group::new(Sgd::default(), [CpuParam::new("a", &[1]), CpuParam::new("b", &[1])]);
    let mut optimizer = CpuOptimizer::<f32>::with_options([group], options)?;
    optimizer.step(&mut [&mut [1.0], &mut [1.0]], &[Some(&[0.0]), Some(&[f32::NAN])])?;
    optimizer.remove(["a"])?;
    match optimizer.report() {
        Err(Error::NonFinite { param, step: 1 }) if param == "b" => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// On the GPU a removed parameter is not named any more, and no other one in its place.
fn offender_after_removal(gpu: &Gpu) -> Outcome {
    let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
    let tensors = Tensors::new(&gpu.device, [("a", [4]), ("b", [4]), ("c", [4])])?;
    tensors.write_gradient(&gpu.queue, "b", &[f32::NAN; 4])?;
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Sgd::default(), tensors.params())], options)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    optimizer.remove(&mut encoder, ["a"])?;
    gpu.queue.submit([encoder.finish()]);
    let report = pollster::block_on(optimizer.report())?;
    assert_eq!((report.skips, report.offender), (1, None));
    Ok(())
}

/// What reports say of learning rates is as it was: that of a group of which every parameter is scaled, too.
fn rates_after_removal(gpu: &Gpu) -> Outcome {
    let mut own = setting(&Sgd::default(), &SHAPES);
    for group in &mut own.groups {
        group.schedules.push(("lr".into(), Schedule::Linear { from: 1.0, to: 0.0, steps: 8 }));
        group.params.iter_mut().for_each(|param| param.lr_scale = 0.5);
    }
    let mut run = Run::new(gpu, &own, 1)?;
    run.steps(0..3)?;
    let rates = |run: &Run<'_>| pollster::block_on(run.optimizer.report()).map(|report| report.lr);
    assert_eq!(rates(&run)?, [Some(0.75), Some(0.75)]);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    run.optimizer.remove(&mut encoder, ["b"])?;
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(rates(&run)?, [Some(0.75), Some(0.75)]);
    Ok(())
}

fn renamed(gpu: &Gpu) -> Outcome {
    let rule = rules::named("AdamW").ok_or("no AdamW")?;
    let mut run = Run::new(gpu, &setting(&*rule, &SHAPES), 1)?;
    run.steps(0..2)?;
    let before = run.checkpoint()?;
    assert!(matches!(run.optimizer.rename("a", "b"), Err(Error::DuplicateName { .. })));
    assert!(matches!(run.optimizer.rename("z", "y"), Err(Error::UnknownName { .. })));
    run.optimizer.rename("a", "a")?;
    run.optimizer.rename("a", "first.weight")?;
    let after = run.checkpoint()?;
    assert_eq!(after.tensor("first.weight/exp_avg")?, before.tensor("a/exp_avg")?);
    assert!(run.optimizer.state("a", "m").is_err());
    Ok(())
}
