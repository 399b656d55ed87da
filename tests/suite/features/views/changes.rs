//! Changes of views: what each shows, and which are refused.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{Scene, Style, same_bits};
use wgpu_optim::{Ema, Error, Group, Lookahead, Optimizer, Options, ScheduleFreeSgd, Sgd, Swa, Tensors, View};

use super::{Model, read_state};
use crate::context::Outcome;

fn free(gpu: &Gpu) -> Result<Scene<'_>, Failed> {
    let rule = ScheduleFreeSgd { lr: 0.1, ..ScheduleFreeSgd::default() };
    let mut scene = Scene::new(gpu, &rule, Style::Packed, &[5, 4099], 7)?;
    (0..5).try_for_each(|_| scene.step(|_| true))?;
    Ok(scene)
}

fn shown(scene: &Scene<'_>) -> Result<Vec<f32>, Failed> {
    let read = |name: &String| block_on(scene.optimizer.read_shown(name));
    Ok(scene.names.iter().map(read).collect::<Result<Vec<_>, _>>()?.concat())
}

pub(super) fn evaluate_twice(gpu: &Gpu) -> Outcome {
    let mut scene = free(gpu)?;
    scene.evaluate()?;
    let once = shown(&scene)?;
    scene.evaluate()?;
    same_bits("evaluated twice", &shown(&scene)?, &once)?;
    Ok(scene.check()?)
}

pub(super) fn train_first(gpu: &Gpu) -> Outcome {
    let mut scene = free(gpu)?;
    let before = shown(&scene)?;
    scene.train()?;
    same_bits("trained without an evaluation", &shown(&scene)?, &before)?;
    scene.step(|_| true)?;
    Ok(scene.check()?)
}

pub(super) fn what_evaluate_shows(gpu: &Gpu) -> Outcome {
    let averages = |lookahead, ema, swa| Options {
        lookahead: if lookahead { Some(Lookahead::default()) } else { None },
        ema,
        swa,
        ..Options::default()
    };
    let (ema, swa) = (Some(Ema { decay: 0.5, start: 2, ..Ema::default() }), Some(Swa { start: 1, every: 1 }));
    let cases = [
        (averages(true, ema, swa), Some("ema"), View::Evaluated),
        (averages(false, None, swa), Some("swa"), View::Evaluated),
        (averages(true, None, None), None, View::Trained),
    ];
    for (options, average, view) in cases {
        let model = Model::one(gpu, options)?;
        (0..3).try_for_each(|_| model.record(Optimizer::step))?;
        let read = |name: &str| match average {
            Some(average) => block_on(model.optimizer.read_state(name, average)),
            None => block_on(model.optimizer.read_value(name)),
        };
        let expected = [read("a")?, read("b")?].concat();
        model.record(Optimizer::evaluate)?;
        assert_eq!(model.view()?, view);
        same_bits("evaluated", &model.shown()?, &expected)?;
    }
    // Each by its own: a rule's values, and the average where there are none.
    let groups = |tensors: &Tensors| {
        let mut params = tensors.params();
        vec![
            Group::matching(ScheduleFreeSgd { lr: 0.1, ..ScheduleFreeSgd::default() }, &mut params, "a"),
            Group::new(Sgd { lr: 0.5, ..Sgd::default() }, params),
        ]
    };
    let model = Model::new(gpu, groups, averages(false, ema, None))?;
    let before = [model.shown()?];
    model.record(Optimizer::step)?;
    let first = model.shown()?;
    model.record(Optimizer::evaluate)?;
    // Of `b` there is no average before its second step, and the mean of one is the value.
    same_bits("after one step", &model.shown()?[7..], &first[7..])?;
    model.record(Optimizer::train)?;
    (0..3).try_for_each(|_| model.record(Optimizer::step))?;
    let ([a, z], ema) = (
        ["value", "z"].map(|what| if what == "z" { read_state(&model, "a", "z") } else { Ok(block_on(model.optimizer.read_value("a"))?) }),
        read_state(&model, "b", "ema")?,
    );
    let (a, z) = (a?, z?);
    model.record(Optimizer::evaluate)?;
    let evaluated = model.shown()?;
    same_bits("b", &evaluated[7..], &ema)?;
    for ((x, y), z) in evaluated.iter().zip(&a).zip(&z) {
        let expected = (f64::from(*y) - 0.1 * f64::from(*z)) / 0.9;
        assert!((f64::from(*x) - expected).abs() < 1e-5, "{x}, expected {expected}");
    }
    assert_ne!(before[0], evaluated);
    Ok(())
}

/// The table in [`View`]'s documentation, on both.
pub(super) fn what_is_refused(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema::default()), swa: Some(Swa::default()), ..Options::default() };
    let (evaluated, ema, swa) = (View::Evaluated, View::Average("ema"), View::Average("swa"));
    let table = [
        (View::Trained, [Some(evaluated), Some(View::Trained), Some(ema), Some(swa)]),
        (evaluated, [Some(evaluated), Some(View::Trained), None, None]),
        (ema, [None, Some(View::Trained), Some(View::Trained), None]),
        (swa, [None, Some(View::Trained), None, Some(View::Trained)]),
    ];
    let changes = ["evaluate", "train", "ema", "swa"];
    let model = Model::one(gpu, options)?;
    (0..2).try_for_each(|_| model.record(Optimizer::step))?;
    let change = |what: &str| match what {
        "evaluate" => model.record(Optimizer::evaluate),
        "train" => model.record(Optimizer::train),
        average => model.swap(average),
    };
    let mut cpu = CpuOptimizer::<f32>::with_options([Group::new(Sgd::default(), [CpuParam::from(("a", 3))])], options)?;
    let mut values = [1.0, 2.0, 3.0];
    cpu.step(&mut [&mut values], &[Some(&[1.0, 1.0, 1.0])])?;
    fn change_cpu(cpu: &mut CpuOptimizer<f32>, what: &str, values: &mut [f32]) -> wgpu_optim::Result<()> {
        match what {
            "evaluate" => cpu.evaluate(&mut [values]),
            "train" => cpu.train(&mut [values]),
            average => cpu.swap(average, &mut [values]),
        }
    }
    let trained = model.all()?;
    for (shown, row) in table {
        for (what, expected) in changes.into_iter().zip(row) {
            let enter = match shown {
                View::Trained => "train",
                View::Evaluated => "evaluate",
                View::Average(name) => name,
                other => return Err(format!("no row for {other}").into()),
            };
            change(enter)?;
            change_cpu(&mut cpu, enter, &mut values)?;
            assert_eq!((model.view()?, cpu.view()), (shown, shown));
            let before = model.shown()?;
            change(what)?;
            let refused = change_cpu(&mut cpu, what, &mut values);
            match expected {
                Some(expected) => {
                    refused?;
                    assert_eq!((model.view()?, cpu.view()), (expected, expected), "{what} in {shown}");
                }
                None => {
                    assert_eq!(block_on(model.optimizer.report()).map(drop), refused, "{what} in {shown}");
                    assert!(matches!(refused, Err(Error::InView { view, .. }) if view == shown), "{what} in {shown}");
                    assert_eq!((model.view()?, cpu.view()), (shown, shown), "{what} in {shown}");
                    same_bits(what, &model.shown()?, &before)?;
                }
            }
            change("train")?;
            change_cpu(&mut cpu, "train", &mut values)?;
            assert!(model.all()? == trained, "{what} in {shown} and back");
        }
    }
    Ok(())
}

/// As if each had been submitted alone.
pub(super) fn all_in_one_encoder(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema { decay: 0.5, ..Ema::default() }), ..Options::default() };
    let (model, plain) = (Model::one(gpu, options)?, Model::one(gpu, options)?);
    model.submit(|optimizer, encoder| {
        optimizer.train(encoder);
        optimizer.step(encoder);
        optimizer.step(encoder);
        optimizer.evaluate(encoder);
        optimizer.evaluate(encoder);
        optimizer.step(encoder);
        optimizer.swap(encoder, "ema")?;
        optimizer.train(encoder);
        optimizer.step(encoder);
        optimizer.swap(encoder, "ema")?;
        optimizer.swap(encoder, "ema")?;
        optimizer.step(encoder);
        Ok(())
    })?;
    (0..4).try_for_each(|_| plain.record(Optimizer::step))?;
    model.tells("a step was recorded, the first of 2 such calls, while evaluate's values are shown; steps and micro-batches among them changed nothing; record train before them")?;
    assert!(model.all()? == plain.all()?, "other than four steps");
    Ok(())
}
