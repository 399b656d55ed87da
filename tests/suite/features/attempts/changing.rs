//! What the host changes between steps, and loads.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::schedule::Schedule;
use wgpu_optim::testing::{Made, Scene, Style};
use wgpu_optim::{Adam, Ema, Error, Group, MicroBatches, NonFinite, Optimizer, Options, ScheduleFreeSgd, Sgd, Tensors};

use super::super::Row;
use super::{sgd, submit};
use crate::context::Outcome;

pub const ROWS: [Row; 8] = [
    ("negative-multiplier-of-a-schedule", negative_multiplier),
    ("huge-multiplier-of-a-schedule", huge_multiplier),
    ("view-after-set-rule", view_after_set_rule),
    ("ten-thousand-changes", many_changes),
    ("own-state-in-an-added-group", own_state_added),
    ("no-schedule-of-an-unknown-name", unknown_schedule),
    ("evaluated-after-loading", evaluated_after_loading),
    ("set-active-does-not-compile", set_active_is_cheap),
];

fn multiplied(gpu: &Gpu, lr_scale: f64) -> Result<Vec<f32>, Error> {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    tensors.write_gradient(&gpu.queue, "a", &[1.0; 4])?;
    let mut params = tensors.params();
    params[0].lr_scale = lr_scale;
    let mut group = Group::new(sgd(0.0), params);
    group.schedules.push(("lr".into(), Schedule::Constant(0.5)));
    let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, [group])?;
    submit(gpu, |encoder| optimizer.step(encoder));
    block_on(optimizer.read_value("a"))
}

/// `lr_scale` is 0 or above, whatever the rule's own rate is.
fn negative_multiplier(gpu: &Gpu) -> Outcome {
    match multiplied(gpu, -1.0) {
        Err(_) => Ok(()),
        Ok(value) => Err(format!("accepted, and values became {value:?}").into()),
    }
}

fn huge_multiplier(gpu: &Gpu) -> Outcome {
    match multiplied(gpu, 1e300) {
        Err(_) => Ok(()),
        Ok(value) => Err(format!("accepted, and values became {value:?}").into()),
    }
}

/// Changing a rule between a step and an evaluation.
fn view_after_set_rule(gpu: &Gpu) -> Outcome {
    let rule = |momentum| ScheduleFreeSgd { lr: 0.5, momentum, ..ScheduleFreeSgd::default() };
    let mut scene = Scene::new(gpu, &rule(0.9), Style::Tensors, &[300], 5)?;
    (0..3).try_for_each(|_| scene.step(|_| true))?;
    scene.optimizer.set_rule(0, rule(0.5))?;
    scene.twin.set_rule(0, rule(0.5))?;
    scene.submit(|optimizer, encoder| {
        optimizer.evaluate(encoder);
        Ok(())
    })?;
    let mut truth: Vec<&mut [_]> = scene.truth.iter_mut().map(Vec::as_mut_slice).collect();
    scene.twin.evaluate(&mut truth)?;
    Ok(scene.check()?)
}

/// What the host sets again and again, ten thousand times, compiles at most two kernels: `prepare` with schedules and without. And it makes as many
/// buffers the last time as the first, none of which steps make.
fn many_changes(gpu: &Gpu) -> Outcome {
    let all = Options {
        non_finite: NonFinite::Skip,
        micro_batches: MicroBatches::Sum,
        measure_update: true,
        ema: Some(Ema::default()),
        ..Options::default()
    };
    for (options, rounds) in [(Options::default(), 2500), (all, 250)] {
        let names: Vec<String> = (0..100).map(|index| format!("p{index}")).collect();
        let tensors = Tensors::new(&gpu.device, names.iter().map(|name| (name.clone(), [10])))?;
        let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), tensors.params())], options)?;
        let (start, mut first) = (Made::so_far(), None);
        for round in 0..rounds {
            let before = Made::so_far();
            optimizer.set_schedule(0, "lr", Some(Schedule::Constant(1e-3)))?;
            optimizer.set_active(["p7"], round % 2 == 0)?;
            if round % 10 == 0 {
                submit(gpu, |encoder| optimizer.step(encoder));
            }
            optimizer.set_schedule(0, "lr", None)?;
            optimizer.set(0, "lr", 1e-3 + 1e-6 * f64::from(round))?;
            let compiled = start.since().pipelines;
            assert!(compiled <= 2, "{compiled} kernels were compiled by round {round}");
            let Made { buffers, bind_groups, .. } = before.since();
            let expected = *first.get_or_insert((buffers, bind_groups));
            assert_eq!((buffers, bind_groups), expected, "buffers and bind groups of round {round}, and of the first");
        }
    }
    Ok(())
}

fn own_state_added(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [64]), ("b", [64])])?;
    let rule = Sgd { momentum: 0.9, ..sgd(1.0) };
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule, [tensors.param("a")?.clone()])?;
    let own = optimizer.state("a", "b")?;
    let param = wgpu_optim::Param { value: own, ..tensors.param("b")?.clone() };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    match optimizer.add_group(&mut encoder, Group::new(rule, [param])) {
        Err(Error::OwnState { .. }) => Ok(()),
        other => Err(format!("{other:?}: set_values refuses this").into()),
    }
}

fn unknown_schedule(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, sgd(1.0), tensors.params())?;
    match optimizer.set_schedule(0, "leraning_rate", None) {
        Err(_) => Ok(()),
        Ok(()) => Err("a name that does not exist is accepted".into()),
    }
}

fn free_rule() -> ScheduleFreeSgd {
    ScheduleFreeSgd { lr: 0.5, momentum: 0.5, ..ScheduleFreeSgd::default() }
}

/// Trained for three steps, and all that a checkpoint has carried over to a new optimizer over other buffers.
fn loaded(gpu: &Gpu) -> Result<[(Tensors, Optimizer); 2], Failed> {
    let new = || -> Result<(Tensors, Optimizer), Failed> {
        let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
        tensors.write_gradient(&gpu.queue, "a", &[1.0, -2.0, 0.5, 0.25])?;
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, free_rule(), tensors.params())?;
        Ok((tensors, optimizer))
    };
    let (first, second) = (new()?, new()?);
    for _ in 0..3 {
        submit(gpu, |encoder| first.1.step(encoder));
    }
    second.0.write_value(&gpu.queue, "a", &block_on(first.1.read_value("a"))?)?;
    second.1.write_state("a", "z", &block_on(first.1.read_state("a", "z"))?)?;
    second.1.write_steps("a", block_on(first.1.read_steps())?[0])?;
    second.1.write_scalars("a", &block_on(first.1.read_scalars())?[0])?;
    second.1.write_progress(&block_on(first.1.read_progress())?)?;
    Ok([first, second])
}

/// What was saved while training is evaluated after loading.
fn evaluated_after_loading(gpu: &Gpu) -> Outcome {
    let both = loaded(gpu)?;
    let shown = |(_, optimizer): &(Tensors, Optimizer)| {
        submit(gpu, |encoder| optimizer.evaluate(encoder));
        block_on(optimizer.read_shown("a"))
    };
    assert_eq!(shown(&both[0])?, shown(&both[1])?, "without and with loading");
    Ok(())
}

/// Which parameters are active may change in each step, as with experts that get no tokens.
fn set_active_is_cheap(gpu: &Gpu) -> Outcome {
    let options = Options { micro_batches: MicroBatches::Sum, measure_update: true, ..Options::default() };
    let tensors = Tensors::new(&gpu.device, [("a", [4]), ("b", [4])])?;
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    let mut first = None;
    for index in 0..200 {
        let before = Made::so_far();
        optimizer.set_active(["a"], index % 2 == 0)?;
        submit(gpu, |encoder| optimizer.step(encoder));
        let made = before.since();
        assert_eq!(made.pipelines, 0, "a kernel was compiled");
        assert_eq!(made, *first.get_or_insert(made), "made by call {index}, and by the first");
    }
    assert_eq!(block_on(optimizer.read_steps())?, [100, 200]);
    Ok(())
}
