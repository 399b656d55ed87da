//! Steps, reading, writing and settings while other values than the trained ones are shown.

use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::same_bits;
use wgpu_optim::{DynamicScale, Ema, Group, LossScale, MicroBatches, Optimizer, Options, ScheduleFreeSgd, Tensors, View};

use super::{Model, read_state};
use crate::context::Outcome;

/// Everything that a step or a micro-batch might change stays, also in a view that it is recorded in; the first of them is told, once, and steps go on
/// once the trained values are back.
pub(super) fn step_in_a_view(gpu: &Gpu) -> Outcome {
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
    // But for the norms of parameters, in whose place the refused step put its own.
    let told = |report: &wgpu_optim::Report| {
        let norms = (report.gradient_norm, report.largest_gradient, report.update_ratio);
        (report.step, report.skips, report.skipped, norms, report.lr.clone(), report.loss_scale, report.view)
    };
    let after = block_on(model.optimizer.report())?;
    assert_eq!((told(&after), after.group_norms.as_ref()), (told(&before.1), None));
    // Also what was accumulated before the view.
    for own in [&model, &other] {
        next(own)?;
        own.record(Optimizer::step)?;
    }
    assert!(model.all()? == other.all()?, "the next step is another");
    Ok(())
}

pub(super) fn reading_in_a_view(gpu: &Gpu) -> Outcome {
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

pub(super) fn writing_in_a_view(gpu: &Gpu) -> Outcome {
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
pub(super) fn changes_in_a_view(gpu: &Gpu) -> Outcome {
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
