//! What does not fit is told, all of it, and nothing is changed.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::{RestoreOptions, Restored};
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::{AdamW, Binding, Checkpoint, Ema, Error, Group, LossScale, Optimizer, Options, Param, Schedule, Sgd, Tensors, wgpu};

use super::run::{CpuRun, Run, same};
use crate::context::{Context, Outcome};
use crate::features::Row;
use crate::features::pairs::Setting;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 9] = [
        ("everything-that-differs-is-listed", all_is_listed),
        ("settings-are-compared", settings),
        ("settings-may-differ-by-choice", ignored_settings),
        ("partial-says-what-was-taken", partial),
        ("values-by-choice", values_by_choice),
        ("not-in-a-view", in_view),
        ("usages", usages),
        ("a-running-optimizer-goes-back", goes_back),
        ("the-last-step's-hyper-parameters", last_hyper_parameters),
    ];
    rows.into_iter().map(|(name, run)| contexts[0].trial(format!("checkpoints/fit/{name}"), run)).collect()
}

fn adamw() -> AdamW {
    AdamW { lr: 0.1, ..AdamW::default() }
}

fn setting(params: &[(&str, &[usize])]) -> Setting {
    let params = params.iter().map(|(name, shape)| CpuParam::new(*name, shape));
    Setting { groups: vec![Group::new(adamw(), params)], options: Options::default() }
}

const PARAMS: [(&str, &[usize]); 3] = [("fc1.weight", &[4, 3]), ("fc1.bias", &[4]), ("head", &[2, 4])];

fn saved(gpu: &Gpu) -> Result<Checkpoint, Failed> {
    let run = Run::new(gpu, &setting(&PARAMS), 1)?;
    run.steps(0..3)?;
    run.checkpoint()
}

/// The lines of what is told, after which nothing is changed.
fn refused(run: &Run, checkpoint: &Checkpoint, options: RestoreOptions) -> Result<Vec<String>, Failed> {
    let before = run.checkpoint()?;
    let told = match run.optimizer.restore(checkpoint, options) {
        Err(error @ Error::Differences { .. }) => error.to_string(),
        other => return Err(format!("{other:?}").into()),
    };
    same("after an error", &run.checkpoint()?, &before)?;
    let mut lines = told.lines().map(str::trim).map(str::to_owned);
    assert_eq!(
        lines.next().as_deref(),
        Some(
            "the checkpoint does not fit, and nothing was changed; RestoreOptions::partial takes what fits, ignore_settings keeps the optimizer's settings:"
        )
    );
    Ok(lines.collect())
}

fn all_is_listed(gpu: &Gpu) -> Outcome {
    let mut other = setting(&[("fc1.weight", &[3, 4]), ("new", &[5])]);
    other.groups.push(Group::new(Sgd { momentum: 0.9, ..Sgd::default() }, [CpuParam::new("head", &[2, 4])]));
    other.options.ema = Some(Ema::default());
    let run = Run::new(gpu, &other, 5)?;
    run.steps(0..1)?;
    let lines = refused(&run, &saved(gpu)?, RestoreOptions { ignore_settings: true, ..Default::default() })?;
    let expected = [
        "new is not in the checkpoint",
        "fc1.bias is only in the checkpoint",
        "fc1.weight: shape is [4, 3] in the checkpoint, [3, 4] in the optimizer",
        "head: rule is AdamW in the checkpoint, Sgd in the optimizer",
    ];
    assert_eq!(lines, expected);
    let mut averaged = setting(&PARAMS);
    averaged.options.ema = Some(Ema::default());
    let lines = refused(&Run::new(gpu, &averaged, 5)?, &saved(gpu)?, RestoreOptions { ignore_settings: true, ..Default::default() })?;
    let expected =
        ["fc1.weight/ema is not in the checkpoint", "fc1.bias/ema is not in the checkpoint", "head/ema is not in the checkpoint"];
    assert_eq!(lines, expected);
    let mut amsgrad = setting(&PARAMS);
    amsgrad.groups[0].rule = AdamW { amsgrad: true, ..adamw() }.into();
    let with_more = Run::new(gpu, &amsgrad, 5)?;
    let lines = refused(&Run::new(gpu, &setting(&PARAMS), 5)?, &with_more.checkpoint()?, RestoreOptions::default())?;
    assert_eq!(lines[0], "fc1.weight/max_exp_avg_sq is only in the checkpoint");
    assert_eq!(lines[3..], ["group 0 (fc1.weight): amsgrad is 1.0 in the checkpoint, 0.0 in the optimizer"]);
    Ok(())
}

fn settings(gpu: &Gpu) -> Outcome {
    let mut other = setting(&PARAMS);
    other.groups[0].rule = AdamW { lr: 0.2, ..adamw() }.into();
    other.groups[0].schedules.push(("weight_decay".into(), Schedule::Constant(0.5)));
    other.groups[0].params[1].lr_scale = 2.0;
    other.options.loss_scale = LossScale::Static(8.0);
    let mut run = Run::new(gpu, &other, 5)?;
    run.optimizer.set_active(["head"], false)?;
    let lines = refused(&run, &saved(gpu)?, RestoreOptions::default())?;
    let expected = [
        "options: loss_scale is None in the checkpoint, Static(8.0) in the optimizer",
        "group 0 (fc1.weight): lr is 0.1 in the checkpoint, 0.2 in the optimizer",
        "group 0 (fc1.weight): weight_decay is 0.01 in the checkpoint, nothing in the optimizer",
        "group 0 (fc1.weight): schedule of weight_decay is nothing in the checkpoint, Constant(0.5) in the optimizer",
        "fc1.bias: lr_scale is 1.0 in the checkpoint, 2.0 in the optimizer",
        "head: active is true in the checkpoint, false in the optimizer",
    ];
    assert_eq!(lines, expected);
    let mut scaled = setting(&PARAMS);
    scaled.groups[0].params[0].lr_scales = Some((vec![1.0; 4], vec![4, 1]));
    scaled.groups[0].params[0].lr_scale_schedules = vec![(1, Schedule::Constant(0.5))];
    let lines = refused(&Run::new(gpu, &scaled, 5)?, &saved(gpu)?, RestoreOptions::default())?;
    let expected = [
        "fc1.weight: lr_scale_schedules is nothing in the checkpoint, [(1, Constant(0.5))] in the optimizer",
        "fc1.weight: lr_scales is nothing in the checkpoint, 4 numbers in the optimizer",
    ];
    assert_eq!(lines, expected);
    Ok(())
}

/// Those of the optimizer stay in force, its loss scale too.
fn ignored_settings(gpu: &Gpu) -> Outcome {
    let mut other = setting(&PARAMS);
    other.groups[0].rule = AdamW { lr: 0.2, ..adamw() }.into();
    other.options.loss_scale = LossScale::Static(8.0);
    let (run, saved) = (Run::new(gpu, &other, 5)?, saved(gpu)?);
    run.optimizer.restore(&saved, RestoreOptions { ignore_settings: true, ..Default::default() })?;
    let now = run.checkpoint()?;
    assert_eq!(now.tensor("head/value")?, saved.tensor("head/value")?);
    assert_eq!((now.progress().step, now.progress().loss_scale), (3, 8.0));
    assert_eq!((now.settings("head")?["lr"].parse::<f64>(), saved.settings("head")?["lr"].parse::<f64>()), (Ok(0.2), Ok(0.1)));
    Ok(())
}

fn partial(gpu: &Gpu) -> Outcome {
    let mut other = setting(&[("fc1.weight", &[4, 3]), ("head", &[5, 4])]);
    other.groups.push(Group::new(Sgd { momentum: 0.9, ..Sgd::default() }, [CpuParam::new("fc1.bias", &[4])]));
    let (run, saved) = (Run::new(gpu, &other, 5)?, saved(gpu)?);
    run.steps(0..1)?;
    let before = run.checkpoint()?;
    let options = RestoreOptions { partial: true, ignore_settings: true, ..Default::default() };
    let Restored { taken, differences, .. } = run.optimizer.restore(&saved, options)?;
    assert_eq!(taken, ["fc1.weight/value", "fc1.weight/exp_avg", "fc1.weight/exp_avg_sq", "fc1.bias/value"]);
    let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
    let expected = [
        "head: shape is [2, 4] in the checkpoint, [5, 4] in the optimizer",
        "fc1.bias: rule is AdamW in the checkpoint, Sgd in the optimizer",
    ];
    assert_eq!(lines, expected);
    let now = run.checkpoint()?;
    for name in &taken {
        assert_eq!(now.tensor(name)?, saved.tensor(name)?, "{name}");
    }
    for name in ["head/value", "head/exp_avg", "fc1.bias/momentum_buffer"] {
        assert_eq!(now.tensor(name)?, before.tensor(name)?, "{name}");
    }
    assert_eq!(["fc1.weight", "head", "fc1.bias"].map(|name| now.steps(name).ok()), [Some(3), Some(1), Some(1)]);
    Ok(())
}

fn values_by_choice(gpu: &Gpu) -> Outcome {
    let whole = saved(gpu)?;
    let run = Run::new(gpu, &setting(&PARAMS), 5)?;
    let before = run.checkpoint()?;
    let keep = RestoreOptions { values: false, ..Default::default() };
    run.optimizer.restore(&whole, keep)?;
    assert_eq!(run.checkpoint()?.tensor("head/value")?, before.tensor("head/value")?);
    assert_eq!(run.checkpoint()?.tensor("head/exp_avg")?, whole.tensor("head/exp_avg")?);
    let without = block_on(run.optimizer.checkpoint_without_values())?;
    let without = Checkpoint::from_bytes(&without.to_bytes()?)?;
    assert!(without.tensor("head/value").is_err());
    assert_eq!(refused(&run, &without, RestoreOptions::default())?[0], "fc1.weight/value is not in the checkpoint");
    run.optimizer.restore(&without, keep)?;
    Ok(())
}

fn in_view(gpu: &Gpu) -> Outcome {
    let mut own = setting(&PARAMS);
    own.options.ema = Some(Ema::default());
    let run = Run::new(gpu, &own, 1)?;
    run.steps(0..2)?;
    let before = run.checkpoint()?;
    run.submit(|encoder| {
        run.optimizer.evaluate(encoder);
        Ok(())
    })?;
    match run.checkpoint() {
        Err(error) if error.message().is_some_and(|text| text.starts_with("checkpoint while evaluate's values are shown")) => {}
        other => return Err(format!("{:?}", other.map(|_| ())).into()),
    }
    run.submit(|encoder| {
        run.optimizer.train(encoder);
        Ok(())
    })?;
    same("after the view", &run.checkpoint()?, &before)
}

fn usages(gpu: &Gpu) -> Outcome {
    let buffer = |usage| gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
    let all = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let optimizer = |usage| {
        let param = Param::new("w", &[4], Binding::new(&buffer(usage), 0, 16), Binding::new(&buffer(all), 0, 16));
        Optimizer::new(&gpu.device, &gpu.queue, adamw(), [param])
    };
    let (whole, bare) = (optimizer(all)?, optimizer(wgpu::BufferUsages::STORAGE)?);
    assert!(matches!(block_on(bare.checkpoint()), Err(Error::MissingUsage { .. })));
    let saved = block_on(whole.checkpoint())?;
    assert!(matches!(bare.restore(&saved, RestoreOptions::default()), Err(Error::MissingUsage { .. })));
    let without = block_on(bare.checkpoint_without_values())?;
    bare.restore(&without, RestoreOptions { values: false, ..Default::default() })?;
    Ok(())
}

/// Reports and views go by the hyper-parameters of the last step taken, which schedules set.
fn last_hyper_parameters(gpu: &Gpu) -> Outcome {
    let mut own = setting(&PARAMS);
    own.groups[0].schedules.push(("lr".into(), Schedule::Linear { from: 1.0, to: 0.0, steps: 8 }));
    let (going, resumed) = (Run::new(gpu, &own, 1)?, Run::new(gpu, &own, 5)?);
    going.steps(0..3)?;
    resumed.optimizer.restore(&going.checkpoint()?, RestoreOptions::default())?;
    assert_eq!(block_on(resumed.optimizer.report())?.lr, [Some(0.75)]);
    // From the CPU too.
    let (mut on_cpu, other) = (CpuRun::new(&own, 1)?, Run::new(gpu, &own, 5)?);
    on_cpu.steps(0..3)?;
    other.optimizer.restore(&on_cpu.checkpoint()?, RestoreOptions::default())?;
    assert_eq!(block_on(other.optimizer.report())?.lr, [Some(0.75)]);
    Ok(())
}

/// Into the optimizer that it is of, some steps later.
fn goes_back(gpu: &Gpu) -> Outcome {
    let mut own = setting(&PARAMS);
    own.options.clip = wgpu_optim::Clip::Norm(wgpu_optim::NormClip::default());
    let run = Run::new(gpu, &own, 1)?;
    run.steps(0..3)?;
    let saved = run.checkpoint()?;
    run.steps(3..5)?;
    let later = run.checkpoint()?;
    run.optimizer.restore(&saved, RestoreOptions::default())?;
    let report = block_on(run.optimizer.report())?;
    assert_eq!((report.step, report.gradient_norm), (3, None));
    run.steps(3..5)?;
    same("again", &run.checkpoint()?, &later)?;
    // Another optimizer's parameters, in the order of `Tensors`.
    let tensors = Tensors::new(&gpu.device, PARAMS)?;
    let other = Optimizer::new(&gpu.device, &gpu.queue, adamw(), tensors.params())?;
    let options = RestoreOptions { ignore_settings: true, ..Default::default() };
    other.restore(&later, options)?;
    same("elsewhere", &block_on(other.checkpoint())?, &later)
}
