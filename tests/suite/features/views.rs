//! Views are states that the GPU knows: what does not fit them changes nothing and is told once.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{Scene, Style, same_bits};
use wgpu_optim::{
    DynamicScale, Ema, Error, Group, Lookahead, LossScale, MicroBatches, Optimizer, Options, ScheduleFreeSgd, Sgd, Swa, Tensors, View,
};

use super::Row;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 9] = [
        ("evaluate-twice-is-once", evaluate_twice),
        ("train-without-evaluate-is-nothing", train_first),
        ("a-step-in-a-view-changes-nothing", step_in_a_view),
        ("what-evaluate-shows", what_evaluate_shows),
        ("what-is-refused", what_is_refused),
        ("all-in-one-encoder", all_in_one_encoder),
        ("reading-in-a-view", reading_in_a_view),
        ("writing-in-a-view", writing_in_a_view),
        ("changes-in-a-view", changes_in_a_view),
    ];
    rows.into_iter().map(|(name, run)| contexts[0].trial(format!("features/views/{name}"), run)).collect()
}

/// One optimizer over `a` and `b`, with gradients that stay.
struct Model<'a> {
    gpu: &'a Gpu,
    tensors: Tensors,
    optimizer: Optimizer,
}

impl<'a> Model<'a> {
    fn new(gpu: &'a Gpu, groups: impl FnOnce(&Tensors) -> Vec<Group>, options: Options) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, [("a", [7]), ("b", [4100])])?;
        for name in ["a", "b"] {
            let len = if name == "a" { 7 } else { 4100 };
            let numbers = |scale: f32| (0..len).map(|i| scale * ((i * 37 % 19) as f32 - 8.5)).collect::<Vec<f32>>();
            tensors.write_value(&gpu.queue, name, &numbers(0.125))?;
            tensors.write_gradient(&gpu.queue, name, &numbers(0.03))?;
        }
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups(&tensors), options)?;
        Ok(Model { gpu, tensors, optimizer })
    }

    fn one(gpu: &'a Gpu, options: Options) -> Result<Self, Failed> {
        Self::new(gpu, |tensors| vec![Group::new(Sgd { lr: 0.5, momentum: 0.9, ..Sgd::default() }, tensors.params())], options)
    }

    fn submit(&self, record: impl FnOnce(&Optimizer, &mut wgpu::CommandEncoder) -> wgpu_optim::Result<()>) -> Outcome {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&self.optimizer, &mut encoder)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    fn record(&self, what: fn(&Optimizer, &mut wgpu::CommandEncoder)) -> Outcome {
        self.submit(|optimizer, encoder| {
            what(optimizer, encoder);
            Ok(())
        })
    }

    fn swap(&self, average: &str) -> Outcome {
        self.submit(|optimizer, encoder| optimizer.swap(encoder, average))
    }

    fn shown(&self) -> Result<Vec<f32>, Failed> {
        let [a, b] = ["a", "b"].map(|name| block_on(self.optimizer.read_shown(name)));
        Ok([a?, b?].concat())
    }

    /// Everything, as bits: values, states, counts, scalars, progress.
    fn all(&self) -> Result<Vec<u32>, Failed> {
        let mut words = Vec::new();
        for name in ["a", "b"] {
            words.extend(block_on(self.optimizer.read_value(name))?.iter().map(|x| x.to_bits()));
            words.extend(block_on(self.optimizer.read_gradient(name))?.iter().map(|x| x.to_bits()));
            for state in self.optimizer.state_names(name)? {
                words.extend(block_on(self.optimizer.read_state(name, state))?.iter().map(|x| x.to_bits()));
            }
        }
        words.extend(block_on(self.optimizer.read_steps())?);
        words.extend(block_on(self.optimizer.read_scalars())?.concat().iter().map(|x| x.to_bits()));
        let progress = block_on(self.optimizer.read_progress())?;
        words.extend([progress.step, progress.skips, progress.growth_tracker, progress.loss_scale.to_bits()]);
        Ok(words)
    }

    fn view(&self) -> Result<View, Failed> {
        Ok(block_on(self.optimizer.report())?.view)
    }

    /// The next read-back tells this, and the one after it nothing.
    fn tells(&self, expected: &str) -> Outcome {
        let told = block_on(self.optimizer.report()).map_err(|error| error.to_string());
        assert_eq!(told.map(drop), Err(expected.to_owned()));
        assert!(block_on(self.optimizer.report()).is_ok(), "told twice");
        Ok(())
    }
}

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

fn evaluate_twice(gpu: &Gpu) -> Outcome {
    let mut scene = free(gpu)?;
    scene.evaluate()?;
    let once = shown(&scene)?;
    scene.evaluate()?;
    same_bits("evaluated twice", &shown(&scene)?, &once)?;
    Ok(scene.check()?)
}

fn train_first(gpu: &Gpu) -> Outcome {
    let mut scene = free(gpu)?;
    let before = shown(&scene)?;
    scene.train()?;
    same_bits("trained without an evaluation", &shown(&scene)?, &before)?;
    scene.step(|_| true)?;
    Ok(scene.check()?)
}

/// Everything that a step or a micro-batch might change stays, also in a view that it is recorded in; the first of them is told, once, and steps go on
/// once the trained values are back.
fn step_in_a_view(gpu: &Gpu) -> Outcome {
    let options = Options {
        loss_scale: LossScale::Dynamic(DynamicScale { init: 4.0, interval: 2, ..DynamicScale::default() }),
        micro_batches: MicroBatches::Mean,
        ema: Some(Ema { decay: 0.5, ..Ema::default() }),
        zero_grad: true,
        measure_update: true,
        ..Options::default()
    };
    let (model, other) = (Model::one(gpu, options)?, Model::one(gpu, options)?);
    let next = |model: &Model<'_>| -> Outcome {
        model.tensors.write_gradient(&gpu.queue, "b", &[0.25; 4100])?;
        model.submit(|optimizer, encoder| optimizer.accumulate(encoder))
    };
    for own in [&model, &other] {
        own.record(Optimizer::step)?;
        next(own)?;
    }
    let before = (model.all()?, block_on(model.optimizer.report())?);
    model.swap("ema")?;
    let during = model.shown()?;
    model.record(Optimizer::step)?;
    model.submit(|optimizer, encoder| optimizer.accumulate(encoder))?;
    model.record(Optimizer::step)?;
    model.tells(
        "a step was recorded, the first of 3 such calls, while the average \"ema\" is shown; steps and micro-batches among them changed nothing; \
         record train before them",
    )?;
    same_bits("shown", &model.shown()?, &during)?;
    model.submit(|optimizer, encoder| optimizer.accumulate(encoder))?;
    let told = block_on(model.optimizer.read_steps()).map_err(|error| error.to_string());
    let expected = "accumulate was recorded while the average \"ema\" is shown; it changed nothing; record train before it";
    assert_eq!(told.map(drop), Err(expected.to_owned()));
    model.swap("ema")?;
    assert!(before.0 == model.all()?, "something was changed");
    assert_eq!(block_on(model.optimizer.report())?, before.1);
    // Also what was accumulated before the view.
    for own in [&model, &other] {
        next(own)?;
        own.record(Optimizer::step)?;
    }
    assert!(model.all()? == other.all()?, "the next step is another");
    Ok(())
}

fn what_evaluate_shows(gpu: &Gpu) -> Outcome {
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

fn read_state(model: &Model<'_>, name: &str, state: &str) -> Result<Vec<f32>, Failed> {
    Ok(block_on(model.optimizer.read_state(name, state))?)
}

/// The table in [`View`]'s documentation, on both.
fn what_is_refused(gpu: &Gpu) -> Outcome {
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
fn all_in_one_encoder(gpu: &Gpu) -> Outcome {
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

fn reading_in_a_view(gpu: &Gpu) -> Outcome {
    let model = Model::one(gpu, Options { ema: Some(Ema { decay: 0.5, ..Ema::default() }), ..Options::default() })?;
    (0..2).try_for_each(|_| model.record(Optimizer::step))?;
    let (value, b, ema) = (block_on(model.optimizer.read_value("a"))?, read_state(&model, "a", "b")?, read_state(&model, "a", "ema")?);
    model.record(Optimizer::evaluate)?;
    let refused = |got: wgpu_optim::Result<Vec<f32>>| got.map_err(|error| error.to_string());
    let expected = "a: read_value while evaluate's values are shown; record train before it, or use read_shown for what the values show";
    assert_eq!(refused(block_on(model.optimizer.read_value("a"))), Err(expected.to_owned()));
    assert_eq!(refused(block_on(model.optimizer.read_value("a"))), Err(expected.to_owned()), "as long as it is so");
    let expected = expected.replace("read_value", "read_state of ema");
    assert_eq!(refused(block_on(model.optimizer.read_state("a", "ema"))), Err(expected));
    same_bits("shown", &block_on(model.optimizer.read_shown("a"))?, &ema)?;
    same_bits("b", &read_state(&model, "a", "b")?, &b)?;
    assert_eq!(block_on(model.optimizer.read_steps())?, [2, 2]);
    model.record(Optimizer::train)?;
    same_bits("value", &block_on(model.optimizer.read_value("a"))?, &value)?;
    same_bits("ema", &read_state(&model, "a", "ema")?, &ema)?;
    Ok(())
}

fn writing_in_a_view(gpu: &Gpu) -> Outcome {
    let model = Model::one(gpu, Options { ema: Some(Ema { decay: 0.5, ..Ema::default() }), ..Options::default() })?;
    model.optimizer.write_value("a", &[1.0; 7])?;
    model.record(Optimizer::step)?;
    model.optimizer.write_value("a", &[2.0; 7])?;
    model.record(Optimizer::evaluate)?;
    model.optimizer.write_state("a", "b", &[0.5; 7])?;
    assert_eq!(model.view()?, View::Evaluated);
    let expected = "values or an average were written while evaluate's values are shown; they replaced what is shown or kept aside; submit train, and write again";
    model.optimizer.write_value("a", &[3.0; 7])?;
    model.tells(expected)?;
    model.optimizer.write_state("a", "ema", &[4.0; 7])?;
    model.record(Optimizer::train)?;
    model.tells(expected)?;
    model.optimizer.write_value("a", &[5.0; 7])?;
    model.optimizer.write_state("a", "ema", &[6.0; 7])?;
    same_bits("a", &block_on(model.optimizer.read_value("a"))?, &[5.0; 7])?;
    same_bits("ema", &read_state(&model, "a", "ema")?, &[6.0; 7])?;
    Ok(())
}

/// What the host changes while an average is shown does not hinder the way back.
fn changes_in_a_view(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema { start: 2, ..Ema::default() }), micro_batches: MicroBatches::Sum, ..Options::default() };
    let mut model = Model::one(gpu, options)?;
    (0..2).try_for_each(|_| model.record(Optimizer::step))?;
    let trained = model.shown()?;
    model.swap("ema")?;
    let more = Tensors::new(&gpu.device, [("c", [9])])?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let rule = ScheduleFreeSgd { lr: 0.5, ..ScheduleFreeSgd::default() };
    model.optimizer.add_group(&mut encoder, Group::new(rule, more.params()))?;
    model.optimizer.accumulate(&mut encoder)?;
    gpu.queue.submit([encoder.finish()]);
    model.tells("accumulate was recorded while the average \"ema\" is shown; it changed nothing; record train before it")?;
    model.optimizer.write_steps("a", 0)?;
    model.optimizer.set_active(["b"], false)?;
    model.optimizer.set_schedule(0, "lr", Some(wgpu_optim::Schedule::Constant(0.1)))?;
    model.record(Optimizer::step)?;
    assert!(block_on(model.optimizer.read_progress()).is_err());
    assert_eq!(block_on(model.optimizer.read_steps())?, [0, 2, 0]);
    model.record(Optimizer::train)?;
    same_bits("back", &model.shown()?, &trained)?;
    Ok(())
}
