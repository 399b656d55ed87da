//! Tables that are larger than a binding: they are gone through in parts, each of which takes the listed rows that it has.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::checkpoint::Checkpoint;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{must_fail, same_bits};
use wgpu_optim::{
    Adagrad, AdaptiveClip, Bf16Copy, Binding, Clip, Error, Group, Lookahead, Optimizer, Options, Param, RowChange, Schedule, Sgd, Tensors,
};

use super::alone::{Alone, rule};
use super::stored::all;
use super::tables::{Rows, Scene, Table, buffer, step};
use super::{Row, trials_of};
use crate::context::{Context, Outcome, another};
use crate::errors::says;
use crate::numbers::PLAIN;

/// Of bindings of 64 KiB: values of two parts of whole vectors, and of rows of three; states of several parts; and small ones beside them.
const TABLES: [Rows; 5] = [(40, &[3], 25), (1000, &[64], 50), (9000, &[3], 150), (210, &[2, 50], 30), (3, &[1], 9)];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 4] = [("alone", alone), ("with-all-options", with_all_options), ("adaptive", adaptive), ("views", views)];
    let mut trials = trials_of("parts", &contexts[2..4], rows);
    let rows: [Row; 6] = [
        ("are-what-one-is", are_what_one_is),
        ("dispatches", dispatches),
        ("goes-on", goes_on),
        ("rows-change", rows_change),
        ("copies", copies),
        ("refused", refused),
    ];
    trials.extend(trials_of("parts", &contexts[2..3], rows));
    trials
}

fn alone(gpu: &Gpu) -> Outcome {
    let sgd = Sgd { lr: 0.3, ..Sgd::default() };
    Scene::of(gpu, &TABLES, PLAIN, &sgd, Options::default(), true)?.agrees()?;
    Scene::of(gpu, &TABLES, PLAIN, &Adagrad { lr: 0.3, ..Adagrad::default() }, Options::default(), false)?.agrees()?;
    Scene::of(gpu, &TABLES, PLAIN, &*rule(), Options::default(), true)?.agrees()
}

/// Micro-batches, clipping by a norm, a schedule, scales, averages, steps that are skipped, and what is measured.
fn with_all_options(gpu: &Gpu) -> Outcome {
    let mut scene = Scene::of(gpu, &TABLES, PLAIN, &*rule(), all(), true)?;
    let schedule = || Some(Schedule::Linear { from: 1e-1, to: 1e-2, steps: 3 });
    scene.optimizer.set_schedule(0, "lr", schedule())?;
    scene.twin.set_schedule(0, "lr", schedule())?;
    scene.agrees()
}

fn clip() -> Clip {
    Clip::Adaptive(AdaptiveClip { clipping: 0.05, ..AdaptiveClip::default() })
}

/// Values that one binding holds, and states that it does not.
fn adaptive(gpu: &Gpu) -> Outcome {
    const TABLES: [Rows; 3] = [(40, &[3], 25), (200, &[64], 50), (3000, &[3], 150)];
    let options = Options { clip: clip(), ..all() };
    Scene::of(gpu, &TABLES, PLAIN, &*rule(), options, false)?.agrees()
}

/// What is shown, and trained values that come back to the bit.
fn views(gpu: &Gpu) -> Outcome {
    Scene::of(gpu, &TABLES, PLAIN, &*rule(), all(), false)?.views(1)
}

fn unclipped() -> Options {
    Options { measure_update: false, clip: Clip::None, ..all() }
}

/// Rows of a backward pass, all over the table, some of them twice; the first and the last one of the table, and of its parts by and by.
fn entries(pass: u32, rows: u32, width: usize) -> (Vec<u32>, Vec<f32>) {
    let mut list: Vec<u32> = (0..38).map(|entry| (entry * entry * 331 + 7 * pass) % rows).collect();
    list.extend([0, rows - 1]);
    let gradient = (0..40 * width).map(|i| (i as f32 * 0.37 + pass as f32).sin() * 3.0).collect();
    (list, gradient)
}

/// Values after so many steps, each of two micro-batches.
fn run(gpu: &Gpu, own: &Alone, passes: core::ops::Range<u32>) -> Result<Vec<f32>, Failed> {
    let (rows, width) = (own.table.shape[0] as u32, own.table.shape[1]);
    let mut values = Vec::new();
    for pass in passes {
        let (list, gradient) = entries(2 * pass, rows, width);
        own.accumulate(gpu, &list, &gradient)?;
        let (list, gradient) = entries(2 * pass + 1, rows, width);
        values = own.step(gpu, &list, &gradient)?;
    }
    Ok(values)
}

/// To the bit, on a device that binds all of it, in rows of any length. Without norms, whose sums are cut by what a device binds.
fn are_what_one_is(gpu: &Gpu) -> Outcome {
    let large = another(DeviceLimits::Limited(Box::default()))?;
    let options = unclipped;
    for shape in [(1000, 64, 40), (9000, 3, 40), (20_000, 1, 40), (2500, 10, 40), (300, 101, 40)] {
        let parts = Alone::new(gpu, PLAIN, shape, options())?;
        let one = Alone::new(&large, PLAIN, shape, options())?;
        assert!(parts.optimizer.recorded_step().dispatches > one.optimizer.recorded_step().dispatches, "{shape:?}: several parts");
        let got = run(gpu, &parts, 0..4)?;
        same_bits(&format!("{shape:?}"), &got, &run(&large, &one, 0..4)?)?;
        must_fail("a step", same_bits("values", &got, &parts.table.values))?;
        crate::read::same(&crate::read::kept(&parts.optimizer)?, &crate::read::kept(&one.optimizer)?)?;
    }
    Ok(())
}

/// One for each part of the state; where there is none, parts are bound side by side. A table that one binding holds has one.
fn dispatches(gpu: &Gpu) -> Outcome {
    let of = |rule: &dyn AnyRule, rows: usize| -> Result<usize, Failed> {
        let table = Table::new(gpu, "w", (rows, &[4], 30));
        let tensors = Tensors::new(&gpu.device, [("w", [rows, 4])])?;
        let group = Group::new(rule.boxed(), [table.param(&tensors)?]);
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [group], Options::default())?;
        Ok(optimizer.recorded_step().dispatches)
    };
    let sgd = Sgd::default();
    assert_eq!([of(&sgd, 4000)?, of(&sgd, 5000)?, of(&sgd, 9000)?], [2 + 2, 2 + 2, 2 + 2]);
    assert_eq!([of(&*rule(), 2000)?, of(&*rule(), 2500)?, of(&*rule(), 6000)?], [2 + 2, 2 + 3, 2 + 4]);
    Ok(())
}

/// A run that goes on from a checkpoint's file has the same bits.
fn goes_on(gpu: &Gpu) -> Outcome {
    for shape in [(1000, 64, 40), (9000, 3, 40)] {
        let own = Alone::new(gpu, PLAIN, shape, all())?;
        run(gpu, &own, 0..2)?;
        let read = Checkpoint::from_bytes(&block_on(own.optimizer.checkpoint())?.to_bytes()?)?;
        let expected = run(gpu, &own, 2..4)?;
        let resumed = Alone::new(gpu, PLAIN, shape, all())?;
        run(gpu, &resumed, 5..6)?;
        resumed.optimizer.restore(&read, Default::default())?;
        same_bits("a run that goes on", &run(gpu, &resumed, 2..4)?, &expected)?;
        crate::read::same(&crate::read::kept(&resumed.optimizer)?, &crate::read::kept(&own.optimizer)?)?;
    }
    Ok(())
}

/// Rows in reverse order, with their state, then step as they would have.
fn rows_change(gpu: &Gpu) -> Outcome {
    let (rows, width) = (1000, 64);
    let options = Options { micro_batches: Default::default(), ..unclipped() };
    let mut own = Alone::new(gpu, PLAIN, (rows, width, 40), options)?;
    let stays = Alone::new(gpu, PLAIN, (rows, width, 40), options)?;
    let (list, gradient) = entries(1, rows as u32, width);
    own.step(gpu, &list, &gradient)?;
    stays.step(gpu, &list, &gradient)?;
    let (index, now) = (buffer(gpu, rows), Tensors::new(&gpu.device, [("w", [rows, width])])?);
    gpu.queue.write_buffer(&index, 0, bytemuck::cast_slice(&(0..rows as u32).rev().collect::<Vec<_>>()));
    let param = Param { value: now.value("w")?.clone(), ..own.table.param(&now)? };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    own.optimizer.change_rows(&mut encoder, RowChange { rows: index.into(), params: vec![param], values: true })?;
    gpu.queue.submit([encoder.finish()]);
    let (list, gradient) = entries(2, rows as u32, width);
    let reversed: Vec<u32> = list.iter().map(|row| rows as u32 - 1 - row).collect();
    let got = own.step(gpu, &reversed, &gradient)?;
    let expected: Vec<f32> = stays.step(gpu, &list, &gradient)?.chunks(width).rev().flatten().copied().collect();
    Ok(same_bits("values", &got, &expected)?)
}

/// Copies in bf16 of all parts are the values, rounded.
fn copies(gpu: &Gpu) -> Outcome {
    for (rows, width) in [(1000, 64), (9000, 3)] {
        let (copy, lookahead) = (buffer(gpu, rows * width / 2), Some(Lookahead { every: 2, alpha: 0.4 }));
        let own = Alone::of(gpu, PLAIN, (rows, width, 40), Options { lookahead, ..Options::default() }, |param| Param {
            bf16_copy: Some(Bf16Copy::new(Binding::prefix(&copy))),
            ..param
        })?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        own.optimizer.write_copies(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        for pass in 0..3 {
            let (list, gradient) = entries(pass, rows as u32, width);
            let values = own.step(gpu, &list, &gradient)?;
            let expected = wgpu_optim::testing::stored(wgpu_optim::Dtype::Bf16, &values).0;
            assert!(crate::read::read::<u32>(gpu, &copy)? == expected, "rows of {width}: step {pass}");
        }
    }
    Ok(())
}

fn refused(gpu: &Gpu) -> Outcome {
    let made = |shape: (usize, usize, usize), options: Options| -> Result<Result<(), Error>, Failed> {
        let (rows, width, most) = shape;
        let table = Table::new(gpu, "w", (rows, &[width], most));
        let tensors = Tensors::new(&gpu.device, [("w", [rows, width])])?;
        let group = Group::new(Sgd::default(), [table.param(&tensors)?]);
        Ok(Optimizer::with_options(&gpu.device, &gpu.queue, [group], options).map(drop))
    };
    let tail = "the device's max_storage_buffer_binding_size is 65536; request a device with a higher limit, or split";
    says(
        made((9, 5001, 3), Options::default())?,
        &format!("w: 4 of its rows of 5001 elements, in one binding for a row-sparse gradient, needs 80272, {tail}"),
    )?;
    says(
        made((5000, 4, 3), Options { clip: clip(), ..Options::default() })?,
        &format!("w: its values, all in one binding for adaptive clipping of a row-sparse gradient, needs 80256, {tail}"),
    )?;
    // What is refused later leaves everything as it was.
    let mut own = Alone::new(gpu, PLAIN, (1000, 64, 40), all())?;
    let before = run(gpu, &own, 0..1)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    says(
        own.optimizer.change_clip(&mut encoder, 0, clip()),
        &format!("w: its values, all in one binding for adaptive clipping of a row-sparse gradient, needs 256256, {tail}"),
    )?;
    drop(encoder);
    same_bits("after an error", &block_on(own.optimizer.read_value("w"))?, &before)?;
    step(gpu, &own.optimizer);
    must_fail("a step", same_bits("values", &block_on(own.optimizer.read_value("w"))?, &before))?;
    Ok(())
}
