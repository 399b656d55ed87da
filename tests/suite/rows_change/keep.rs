//! Options and clips that come to a running optimizer and go again: what stays is what it was, to the bit, and what comes goes on as if the host had written it.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::must_fail;
use wgpu_optim::{
    AdamW, AdaptiveClip, Clip, DynamicScale, Ema, Error, Group, Lookahead, LossScale, MicroBatches, NonFinite, NormClip, Optimizer,
    Options, Sgd, Swa, Tensors, View, rules,
};

use crate::checkpoints::run::{CpuRun, Run, contents};
use crate::context::{Context, Outcome};
use crate::features::pairs::Setting;

const SHAPES: [(&str, &[usize]); 4] = [("a", &[6, 5]), ("b", &[7]), ("c", &[2, 3, 4]), ("large", &[250, 290])];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for mut rule in rules::all() {
        // Roots of squares of 290 take a software adapter seconds in each step.
        if rule.keeps_squares() {
            rule.set("max_dim", 32.0);
        }
        // One of each kind on all devices: kernels are compiled anew for each of the options.
        let own = ["AdamW", "Lamb", "Adafactor", "MadGrad"].contains(&rule.name());
        for context in if own { contexts } else { &contexts[..1] } {
            let own = rule.clone();
            trials.push(context.trial(format!("keep/options/{}", rule.name()), move |gpu| comes_and_goes(gpu, own)));
        }
        trials.push(Trial::test(format!("keep/cpu/options/{}", rule.name()), move || on_cpu(rule)));
    }
    trials.push(contexts[0].trial("keep/clip".into(), clip));
    trials.push(contexts[0].trial("keep/pending".into(), pending));
    trials.push(contexts[0].trial("keep/shown".into(), shown));
    trials.push(contexts[0].trial("keep/another-start".into(), another_start));
    trials.push(contexts[0].trial("keep/loss-scale".into(), loss_scale));
    trials.push(contexts[0].trial("keep/refused".into(), refused));
    trials.push(contexts[0].trial("keep/an-average-that-fails".into(), |gpu| {
        let rule = || AdamW::default().into();
        let mut run = Run::new(gpu, &setting(rule(), Options::default()), 1)?;
        run.steps(0..2)?;
        let mut expected = begun(&contents(&run.checkpoint()?), &everything(&AdamW::default()));
        change(&mut run, everything(&AdamW::default()))?;
        expected.entry("b/ema".into()).or_default()[3] ^= 1;
        Ok(must_fail("another average", is(&run, &expected))?)
    }));
    trials
}

fn setting(rule: Box<dyn AnyRule>, options: Options) -> Setting {
    let params = |all: &[(&str, &[usize])]| all.iter().map(|(name, shape)| CpuParam::new(*name, shape)).collect::<Vec<_>>();
    let (first, second) = SHAPES.split_at(2);
    let groups = vec![Group::new(rule.clone(), params(first)), Group { name: Some("second".into()), ..Group::new(rule, params(second)) }];
    Setting { groups, options }
}

/// All that options can keep with a rule.
fn everything(rule: &dyn AnyRule) -> Options {
    Options {
        ema: Some(Ema { decay: 0.75, ..Ema::default() }),
        swa: Some(Swa { start: 4, every: 1 }),
        lookahead: (!rule.tracks_values()).then_some(Lookahead { every: 3, alpha: 0.5 }),
        micro_batches: MicroBatches::Mean,
        clip: Clip::Norm(NormClip { max_norm: 2.0, ..NormClip::default() }),
        non_finite: NonFinite::Skip,
        measure_update: true,
        ..Options::default()
    }
}

fn change(run: &mut Run<'_>, options: Options) -> Outcome {
    let mut encoder = run.gpu.device.create_command_encoder(&Default::default());
    run.optimizer.change_options(&mut encoder, options)?;
    run.gpu.queue.submit([encoder.finish()]);
    run.setting.options = options;
    Ok(())
}

/// What is kept once these options begin: averages as values, no gradients.
fn begun(before: &BTreeMap<String, Vec<u32>>, options: &Options) -> BTreeMap<String, Vec<u32>> {
    let mut expected = before.clone();
    for (name, _) in SHAPES {
        let value = before[&format!("{name}/value")].clone();
        if options.accumulates() {
            expected.insert(format!("{name}/accumulated"), vec![0; value.len()]);
        }
        options.averages().iter().for_each(|average| drop(expected.insert(format!("{name}/{}", average.state()), value.clone())));
    }
    expected
}

fn is(run: &Run<'_>, expected: &BTreeMap<String, Vec<u32>>) -> Outcome {
    same(&contents(&run.checkpoint()?), expected)
}

fn same(got: &BTreeMap<String, Vec<u32>>, expected: &BTreeMap<String, Vec<u32>>) -> Outcome {
    assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    match expected.iter().find(|(name, data)| got[*name] != **data) {
        Some((name, data)) => Err(format!("{name} is {:x?}, expected {data:x?}", got[name]).chars().take(400).collect::<String>().into()),
        None => Ok(()),
    }
}

/// Everything begins after two steps, and ends after two more with half of a step accumulated; each time as an optimizer that had it from the beginning goes on.
fn comes_and_goes(gpu: &Gpu, rule: Box<dyn AnyRule>) -> Outcome {
    let mut run = Run::new(gpu, &setting(rule.clone(), Options::default()), 1)?;
    run.steps(0..2)?;
    let options = everything(&*rule);
    let expected = begun(&contents(&run.checkpoint()?), &options);
    change(&mut run, options)?;
    is(&run, &expected)?;
    let other = Run::new(gpu, &run.setting, 7)?;
    other.optimizer.restore(&run.checkpoint()?, Default::default())?;
    for run in [&run, &other] {
        run.micro_batch(20)?;
        run.steps(3..6)?;
        run.micro_batch(21)?;
    }
    is(&run, &contents(&other.checkpoint()?))?;
    let mut expected = contents(&run.checkpoint()?);
    expected.retain(|name, _| !["ema", "swa", "slow", "accumulated"].iter().any(|state| name.ends_with(&format!("/{state}"))));
    change(&mut run, Options::default())?;
    is(&run, &expected)?;
    let plain = Run::new(gpu, &run.setting, 7)?;
    plain.optimizer.restore(&run.checkpoint()?, Default::default())?;
    for run in [&run, &plain] {
        run.steps(6..8)?;
    }
    is(&run, &contents(&plain.checkpoint()?))?;
    // What was accumulated before is in no step to come.
    let mean = Options { micro_batches: MicroBatches::Mean, ..Options::default() };
    change(&mut run, mean)?;
    let other = Run::new(gpu, &run.setting, 7)?;
    other.optimizer.restore(&run.checkpoint()?, Default::default())?;
    for run in [&run, &other] {
        run.steps(8..9)?;
    }
    is(&run, &contents(&other.checkpoint()?))
}

fn on_cpu(rule: Box<dyn AnyRule>) -> Outcome {
    let mut run = CpuRun::new(&setting(rule.clone(), Options::default()), 1)?;
    run.steps(0..2)?;
    let options = everything(&*rule);
    let expected = begun(&contents(&run.checkpoint()?), &options);
    run.change_options(options)?;
    same(&contents(&run.checkpoint()?), &expected)?;
    let mut other = CpuRun::new(&setting(rule, options), 7)?;
    other.restore(&run.checkpoint()?)?;
    for run in [&mut run, &mut other] {
        run.steps(3..6)?;
    }
    same(&contents(&run.checkpoint()?), &contents(&other.checkpoint()?))?;
    let mut expected = contents(&run.checkpoint()?);
    expected.retain(|name, _| !["ema", "swa", "slow", "accumulated"].iter().any(|state| name.ends_with(&format!("/{state}"))));
    run.change_options(Options::default())?;
    same(&contents(&run.checkpoint()?), &expected)?;
    run.steps(6..8)
}

/// Adaptive clipping begins, for one group.
fn clip(gpu: &Gpu) -> Outcome {
    let adaptive = Clip::Adaptive(AdaptiveClip { clipping: 0.02, eps: 1e-3 });
    let mut run = Run::new(gpu, &setting(AdamW::default().into(), Options::default()), 1)?;
    run.steps(0..2)?;
    let before = contents(&run.checkpoint()?);
    assert!(matches!(run.optimizer.set_clip("second", adaptive), Err(Error::Conflict { .. })));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    run.optimizer.change_clip(&mut encoder, "second", adaptive)?;
    gpu.queue.submit([encoder.finish()]);
    run.setting.groups[1].clip = Some(adaptive);
    is(&run, &before)?;
    let other = Run::new(gpu, &run.setting, 7)?;
    other.optimizer.restore(&run.checkpoint()?, Default::default())?;
    let mut twin = CpuRun::new(&setting(AdamW::default().into(), Options::default()), 1)?;
    twin.optimizer().change_clip("second", adaptive)?;
    twin.restore(&run.checkpoint()?)?;
    for run in [&run, &other] {
        run.steps(2..4)?;
    }
    twin.steps(2..4)?;
    is(&run, &contents(&other.checkpoint()?))?;
    let [gpu, cpu] = [run.checkpoint()?, twin.checkpoint()?];
    for (name, _, data) in gpu.tensors() {
        let off = data.iter().zip(cpu.tensor(&name)?).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "{name}: {off}");
    }
    Ok(())
}

/// An average that is shown when it goes: the trained values come back.
fn shown(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema { decay: 0.5, ..Ema::default() }), ..Options::default() };
    let mut run = Run::new(gpu, &setting(AdamW::default().into(), options), 1)?;
    run.steps(0..3)?;
    let trained = contents(&run.checkpoint()?)["a/value"].clone();
    run.submit(|encoder| {
        run.optimizer.evaluate(encoder);
        Ok(())
    })?;
    change(&mut run, Options::default())?;
    assert_eq!(block_on(run.optimizer.report())?.view, View::Trained);
    assert_eq!(contents(&run.checkpoint()?)["a/value"], trained);
    // Where no average comes or goes, what is shown stays.
    change(&mut run, options)?;
    run.submit(|encoder| {
        run.optimizer.evaluate(encoder);
        Ok(())
    })?;
    change(&mut run, Options { micro_batches: MicroBatches::Sum, ..options })?;
    assert_eq!(block_on(run.optimizer.report())?.view, View::Evaluated);
    run.submit(|encoder| {
        run.optimizer.train(encoder);
        Ok(())
    })?;
    assert_eq!(contents(&run.checkpoint()?)["a/value"], trained);
    let mut cpu = CpuOptimizer::<f32>::with_options([Group::new(Sgd { lr: 1.0, ..Sgd::default() }, [("w", 1).into()])], options)?;
    let mut w = [0.0];
    for _ in 0..2 {
        cpu.step(&mut [&mut w], &[Some(&[-2.0])])?;
    }
    cpu.evaluate(&mut [&mut w])?;
    cpu.change_options(&mut [&mut w], Options::default())?;
    assert_eq!((w, cpu.view()), ([4.0], View::Trained));
    Ok(())
}

/// An average with another start is another average, which begins as the values are; one with another decay goes on.
fn another_start(gpu: &Gpu) -> Outcome {
    let options = |decay, start| Options { ema: Some(Ema { decay, start, ..Ema::default() }), ..Options::default() };
    let mut run = Run::new(gpu, &setting(AdamW::default().into(), options(0.5, 1)), 1)?;
    run.steps(0..3)?;
    let before = contents(&run.checkpoint()?);
    change(&mut run, options(0.25, 1))?;
    is(&run, &before)?;
    change(&mut run, options(0.25, 2))?;
    is(&run, &begun(&before, &options(0.25, 2)))
}

/// The loss scale goes on where it is dynamic before and after, and begins where it is not.
fn loss_scale(gpu: &Gpu) -> Outcome {
    let dynamic = |init| LossScale::Dynamic(DynamicScale { init, interval: 1, ..DynamicScale::default() });
    let options = |loss_scale, ema| Options { loss_scale, ema, ..Options::default() };
    let mut run = Run::new(gpu, &setting(AdamW::default().into(), options(dynamic(8.0), None)), 1)?;
    run.steps(0..2)?;
    let scale = |run: &Run<'_>| block_on(run.optimizer.report()).map(|report| report.loss_scale);
    let grown = scale(&run)?;
    change(&mut run, options(dynamic(64.0), Some(Ema::default())))?;
    assert_eq!(scale(&run)?, grown);
    change(&mut run, options(LossScale::Static(4.0), None))?;
    assert_eq!(scale(&run)?, 4.0);
    // In one encoder, the step before goes by the scale before.
    let tensors = Tensors::new(&gpu.device, [("w", [1])])?;
    tensors.write_gradient(&gpu.queue, "w", &[1024.0])?;
    let groups = [Group::new(Sgd { lr: 1.0, ..Sgd::default() }, tensors.params())];
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups, options(LossScale::Static(1024.0), None))?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    optimizer.change_options(&mut encoder, Options::default())?;
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(optimizer.read_value("w"))?, [-1.0 - 1024.0]);
    Ok(())
}

fn refused(gpu: &Gpu) -> Outcome {
    let mut run = Run::new(gpu, &setting(wgpu_optim::ScheduleFreeSgd::default().into(), Options::default()), 1)?;
    run.steps(0..2)?;
    let before = contents(&run.checkpoint()?);
    let refused = [
        Options { lookahead: Some(Lookahead::default()), ..Options::default() },
        Options { ema: Some(Ema { decay: 2.0, ..Ema::default() }), ..Options::default() },
    ];
    for options in refused {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        assert!(run.optimizer.change_options(&mut encoder, options).is_err());
        gpu.queue.submit([encoder.finish()]);
        is(&run, &before)?;
        let mut twin = CpuOptimizer::<f32>::with_options(run.setting.groups.clone(), Options::default())?;
        let mut values: Vec<Vec<f32>> = SHAPES.iter().map(|(_, shape)| vec![0.0; shape.iter().product()]).collect();
        let told = twin.change_options(&mut values.iter_mut().map(|own| &mut **own).collect::<Vec<_>>(), options);
        let told = told.map_err(|error| error.to_string());
        let gpus = run.optimizer.change_options(&mut gpu.device.create_command_encoder(&Default::default()), options);
        assert_eq!(told, gpus.map_err(|error| error.to_string()));
    }
    run.steps(2..3)
}

/// Micro-batches that were pending when they ended do not count when they begin again.
fn pending(gpu: &Gpu) -> Outcome {
    let options = |micro_batches| Options { micro_batches, ..Options::default() };
    let rule = || Sgd { lr: 1.0, ..Sgd::default() };
    let tensors = Tensors::new(&gpu.device, [("w", [1])])?;
    tensors.write_gradient(&gpu.queue, "w", &[4.0])?;
    let groups = [Group::new(rule(), tensors.params())];
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups, options(MicroBatches::Sum))?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.accumulate(&mut encoder)?;
    optimizer.change_options(&mut encoder, options(MicroBatches::One))?;
    optimizer.change_options(&mut encoder, options(MicroBatches::Mean))?;
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(optimizer.read_value("w"))?, [-4.0]);
    let mut twin = CpuOptimizer::<f32>::with_options([Group::new(rule(), [("w", 1).into()])], options(MicroBatches::Sum))?;
    let mut w = [0.0];
    twin.accumulate(&[Some(&[4.0])])?;
    twin.change_options(&mut [&mut w], options(MicroBatches::One))?;
    twin.change_options(&mut [&mut w], options(MicroBatches::Mean))?;
    twin.step(&mut [&mut w], &[Some(&[4.0])])?;
    assert_eq!(w, [-4.0]);
    Ok(())
}
