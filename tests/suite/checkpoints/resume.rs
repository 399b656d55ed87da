//! Saved, loaded into another optimizer, and one more step: the bits of a run that went on.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::RestoreOptions;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::must_fail;
use wgpu_optim::{AdamW, Checkpoint, Ema, Group, MicroBatches, NAdam, Options, Report, rules};

use super::run::{CpuRun, Run, params, same};
use crate::context::{Context, Outcome};
use crate::features::pairs::{FEATURES, Setting, everything, rule, with};

/// Two matrices, a vector, a batch of matrices, one number, an empty tensor, and one that needs windows and several staging buffers on narrow devices.
const SHAPES: [&[usize]; 7] = [&[6, 5], &[33, 8], &[7], &[2, 3, 4], &[], &[0, 3], &[252, 290]];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        for (case, own) in rule.cases() {
            for context in contexts {
                let (own, name) = (own.clone(), format!("checkpoints/rules/{}/{case}", rule.name()));
                trials.push(context.trial_of(&*own.clone(), name, move |gpu| of_rule(gpu, own)));
            }
        }
    }
    for (index, feature) in FEATURES.into_iter().enumerate() {
        for context in &contexts[..2] {
            let run = move |gpu: &Gpu| of_setting(gpu, &with(rule(index), &[feature]));
            trials.push(context.trial(format!("checkpoints/features/{}", feature.0), run));
        }
    }
    for index in 0..6 {
        let name = format!("checkpoints/everything/{}", rule(index).name());
        trials.push(contexts[0].trial(name, move |gpu| of_setting(gpu, &everything(rule(index), "clip-norm"))));
    }
    trials.push(contexts[0].trial("checkpoints/a-row-that-fails".into(), |gpu| {
        let setting = of(AdamW::default().into());
        Ok(must_fail("a resumed run with other gradients", resumed(gpu, &setting, &setting, 100))?)
    }));
    trials.extend(rules::all().into_iter().map(|rule| {
        let own = rule.clone();
        Trial::test(format!("checkpoints/cpu/{}", rule.name()), move || on_cpu(own))
    }));
    for (name, run) in [("from-gpu-to-cpu", from_gpu_to_cpu as fn(&Gpu) -> Outcome), ("from-cpu-to-gpu", from_cpu_to_gpu)] {
        trials.push(contexts[0].trial(format!("checkpoints/{name}"), run));
    }
    trials
}

fn of(rule: Box<dyn AnyRule>) -> Setting {
    // A matrix that is multiplied has to be in one binding, which on some of these devices the large one is not.
    let shapes = if rule.orthogonalizes() || rule.keeps_squares() { &SHAPES[..6] } else { &SHAPES[..] };
    of_shapes(rule, shapes)
}

/// Without the large one.
pub fn small(rule: Box<dyn AnyRule>) -> Setting {
    of_shapes(rule, &SHAPES[..6])
}

fn of_shapes(rule: Box<dyn AnyRule>, shapes: &[&[usize]]) -> Setting {
    let params = shapes.iter().enumerate().map(|(index, shape)| CpuParam::new(format!("p{index}"), shape));
    let options = Options { ema: Some(Ema { decay: 0.9, warm_up: true, ..Ema::default() }), ..Options::default() };
    Setting { groups: vec![Group::new(rule, params)], options }
}

/// The parameters in two groups and another order.
fn rearranged(setting: &Setting) -> Setting {
    let Group { rule, params, .. } = &setting.groups[0];
    let mut params: Vec<CpuParam> = params.iter().rev().cloned().collect();
    let rest = params.split_off(3);
    Setting { groups: vec![Group::new(rule.clone(), params), Group::new(rule.clone(), rest)], options: setting.options }
}

fn of_rule(gpu: &Gpu, rule: Box<dyn AnyRule>) -> Outcome {
    let setting = of(rule);
    resumed(gpu, &setting, &rearranged(&setting), 3)
}

fn of_setting(gpu: &Gpu, setting: &Setting) -> Outcome {
    resumed(gpu, setting, setting, 3)
}

/// Three steps, and half of the fourth where gradients accumulate; saved, loaded by an optimizer of `other`, and two more steps from `next` on.
fn resumed(gpu: &Gpu, setting: &Setting, other: &Setting, next: u64) -> Outcome {
    let going = Run::new(gpu, setting, 1)?;
    going.steps(0..3)?;
    let accumulates = setting.options.micro_batches != MicroBatches::One;
    if accumulates {
        going.micro_batch(50)?;
    }
    let saved = going.checkpoint()?;
    let loaded = Checkpoint::from_bytes(&saved.to_bytes()?)?;
    assert_eq!(loaded.to_bytes()?, saved.to_bytes()?, "the bytes of what was loaded");
    let resumed = Run::new(gpu, other, 77)?;
    let restored = resumed.optimizer.restore(&loaded, RestoreOptions::default())?;
    assert_eq!((restored.taken.len(), restored.differences), (saved.tensors().count(), vec![]));
    same("after loading", &resumed.checkpoint()?, &saved)?;
    if setting.groups.len() == other.groups.len() {
        let [resumed, going] = [&resumed, &going].map(|run| block_on(run.optimizer.report()));
        let told = |report: Report| (report.step, report.skips, report.loss_scale, report.lr, report.view);
        assert_eq!(told(resumed?), told(going?), "the report after loading");
    }
    if !accumulates {
        let order = |run: &Run| -> Result<Vec<_>, libtest_mimic::Failed> {
            let mut all: Vec<_> = params(&run.setting).map(|param| param.name.clone()).zip(run.evaluated()?).collect();
            all.sort();
            Ok(all)
        };
        assert_eq!(order(&resumed)?, order(&going)?, "what evaluate shows after loading");
    }
    going.steps(3..5)?;
    resumed.steps(next..next + 2)?;
    same("two steps later", &resumed.checkpoint()?, &going.checkpoint()?)
}

/// On the CPU, where values are the caller's.
fn on_cpu(rule: Box<dyn AnyRule>) -> Outcome {
    let setting = of(rule);
    let (mut going, mut resumed) = (CpuRun::new(&setting, 1)?, CpuRun::new(&setting, 77)?);
    going.steps(0..3)?;
    let saved = going.checkpoint()?;
    resumed.restore(&Checkpoint::from_bytes(&saved.to_bytes()?)?)?;
    same("after loading", &resumed.checkpoint()?, &saved)?;
    going.steps(3..5)?;
    resumed.steps(3..5)?;
    same("two steps later", &resumed.checkpoint()?, &going.checkpoint()?)
}

/// NAdam carries a scalar from step to step; both backends have it.
fn nadam() -> Setting {
    of(NAdam { lr: 1e-2, ..NAdam::default() }.into())
}

fn from_gpu_to_cpu(gpu: &Gpu) -> Outcome {
    let (run, mut twin) = (Run::new(gpu, &nadam(), 1)?, CpuRun::new(&nadam(), 77)?);
    run.steps(0..3)?;
    twin.restore(&run.checkpoint()?)?;
    run.steps(3..5)?;
    twin.steps(3..5)?;
    near(&run.checkpoint()?, &twin.checkpoint()?)
}

fn from_cpu_to_gpu(gpu: &Gpu) -> Outcome {
    let (run, mut twin) = (Run::new(gpu, &nadam(), 1)?, CpuRun::new(&nadam(), 77)?);
    twin.steps(0..3)?;
    let saved = twin.checkpoint()?;
    run.optimizer.restore(&saved, RestoreOptions::default())?;
    same("after loading", &run.checkpoint()?, &saved)?;
    twin.steps(3..5)?;
    run.steps(3..5)?;
    near(&run.checkpoint()?, &twin.checkpoint()?)
}

/// f32 in two orders of rounding.
pub fn near(got: &Checkpoint, expected: &Checkpoint) -> Outcome {
    assert_eq!(got.progress(), expected.progress());
    for (name, _, data) in expected.tensors() {
        let (got, largest) = (got.tensor(&name)?, data.iter().fold(0.0, |most: f32, x| most.max(x.abs())));
        for (index, (got, expected)) in got.iter().zip(data).enumerate() {
            if (got - expected).abs() > 2e-6 * largest || got.is_nan() {
                return Err(format!("{name}[{index}]: {got}, expected {expected}").into());
            }
        }
    }
    Ok(())
}
