//! Row-sparse gradients over several micro-batches: their entries are one list, in their order; what is pending is kept, and what has no room is told.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Made, must_fail, same_bits};
use wgpu_optim::{
    AdamW, Clip, Error, Group, MicroBatches, NonFinite, NormClip, Optimizer, Options, Param, Schedule, Sgd, SparseRows, Tensors, rules,
};

use super::tables::{Scene, Table, agrees, step};
use super::{Row, trials_of};
use crate::context::{Context, Outcome};
use crate::errors::says;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for name in ["Sgd", "Adagrad", "Adam"] {
        for context in &contexts[..2] {
            let own = move |gpu: &Gpu| {
                let rule = rules::all().into_iter().find(|rule| rule.name() == name).ok_or("no such rule")?;
                [MicroBatches::Sum, MicroBatches::Mean].into_iter().try_for_each(|how| agrees(gpu, &*rule, options(how), false))
            };
            trials.push(context.trial(format!("sparse/micro-batches/{name}"), own));
        }
    }
    trials.extend(trials_of("micro-batches", &contexts[..2], [("with-all-options", with_all_options)]));
    let rows: [Row; 6] = [
        ("are-one-list", are_one_list),
        ("room", room),
        ("refused", refused),
        ("skipped-and-inactive", skipped_and_inactive),
        ("out-of-order", out_of_order),
        ("nothing-is-made", nothing_is_made),
    ];
    trials.extend(trials_of("micro-batches", &contexts[1..2], rows));
    trials
}

pub fn options(micro_batches: MicroBatches) -> Options {
    Options { micro_batches, ..Options::default() }
}

/// Clipping by a norm, a schedule, scales, steps that are skipped, and what is measured.
fn with_all_options(gpu: &Gpu) -> Outcome {
    let options = Options {
        clip: Clip::Norm(NormClip { max_norm: 0.7, ..NormClip::default() }),
        non_finite: NonFinite::Skip,
        zero_grad: true,
        measure_update: true,
        ..options(MicroBatches::Mean)
    };
    let rule: Box<dyn AnyRule> = AdamW { weight_decay: 0.1, ..AdamW::default() }.into();
    let mut scene = Scene::new(gpu, &*rule, options, true)?;
    let schedule = || Some(Schedule::Linear { from: 1e-2, to: 1e-3, steps: 3 });
    scene.optimizer.set_schedule(0, "lr", schedule())?;
    scene.twin.set_schedule(0, "lr", schedule())?;
    for turn in 0..4 {
        scene.step(turn, turn % 3)?;
        scene.check(&format!("step {turn}"))?;
    }
    Ok(())
}

/// Entries of one micro-batch: rows, and gradient rows.
pub type Entries<'a> = (&'a [u32], &'a [f32]);

/// A table of 20 rows of 3 numbers, with room for four entries in each of three micro-batches.
pub struct Own {
    pub table: Table,
    pub tensors: Tensors,
    pub optimizer: Optimizer,
}

pub const A: Entries<'static> = (&[3, 17, 3], &[1e8, 0.2, 0.3, 1.0, -1.0, 2.0, 1.0, 1e-8, -5.0]);
pub const B: Entries<'static> = (&[17, 0, 99, 3], &[0.3, 0.3, 1e7, 4.0, 5.0, 6.0, 9.0, 9.0, 9.0, -1e8, 1e-3, 2.5]);
pub const C: Entries<'static> = (&[0], &[0.125, 0.3, -0.7]);

impl Own {
    pub fn new(gpu: &Gpu, options: Options, micro_batches: u32) -> Result<Self, Failed> {
        Self::with(gpu, options, 4, micro_batches)
    }

    pub fn with(gpu: &Gpu, options: Options, most: usize, micro_batches: u32) -> Result<Self, Failed> {
        let table = Table::new(gpu, "w", (20, &[3], most));
        let tensors = Tensors::new(&gpu.device, [("w", [20, 3]), ("plain", [1, 2])])?;
        let sparse = Some(SparseRows { micro_batches, ..SparseRows::new(&table.rows, &table.count) });
        let params = [Param { sparse, ..table.param(&tensors)? }, tensors.param("plain")?.clone()];
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(rule(), params)], options)?;
        tensors.write_value(&gpu.queue, "w", &table.values)?;
        Ok(Own { table, tensors, optimizer })
    }

    fn write(&self, gpu: &Gpu, (rows, gradient): Entries<'_>) {
        gpu.queue.write_buffer(&self.table.rows, 0, bytemuck::cast_slice(rows));
        gpu.queue.write_buffer(&self.table.gradient, 0, bytemuck::cast_slice(gradient));
        gpu.queue.write_buffer(&self.table.count, 0, bytemuck::cast_slice(&[rows.len() as u32]));
    }

    pub fn accumulate(&self, gpu: &Gpu, entries: Entries<'_>) -> Outcome {
        self.write(gpu, entries);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.optimizer.accumulate(&mut encoder)?;
        gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    /// A step by these entries; the values after it.
    pub fn step(&self, gpu: &Gpu, entries: Entries<'_>) -> Result<Vec<f32>, Failed> {
        self.write(gpu, entries);
        step(gpu, &self.optimizer);
        Ok(block_on(self.optimizer.read_value("w"))?)
    }
}

pub fn rule() -> AdamW {
    AdamW { weight_decay: 0.1, lr: 0.1, ..AdamW::default() }
}

/// All of these in one list.
pub fn joined(all: &[Entries<'_>]) -> (Vec<u32>, Vec<f32>) {
    (all.iter().flat_map(|own| own.0.to_vec()).collect(), all.iter().flat_map(|own| own.1.to_vec()).collect())
}

/// Three micro-batches are what one backward pass is that has appended their entries, bit for bit, step after step.
fn are_one_list(gpu: &Gpu) -> Outcome {
    let (own, one) = (Own::new(gpu, options(MicroBatches::Sum), 3)?, Own::with(gpu, Options::default(), 12, 1)?);
    for micro_batches in [&[A, B, C][..], &[C], &[B, A], &[A, A, B]] {
        let (last, earlier) = micro_batches.split_last().ok_or("no micro-batch")?;
        earlier.iter().try_for_each(|entries| own.accumulate(gpu, *entries))?;
        let (rows, gradient) = joined(micro_batches);
        let expected = one.step(gpu, (&rows, &gradient))?;
        same_bits("values", &own.step(gpu, *last)?, &expected)?;
    }
    // Another order is another sum: before the first step, so that no larger square hides it.
    let (own, one) = (Own::new(gpu, options(MicroBatches::Sum), 3)?, Own::with(gpu, Options::default(), 12, 1)?);
    let (rows, gradient) = joined(&[C, B, A]);
    [A, B].into_iter().try_for_each(|entries| own.accumulate(gpu, entries))?;
    let got = own.step(gpu, C)?;
    Ok(must_fail("another order of the entries", same_bits("values", &got, &one.step(gpu, (&rows, &gradient))?))?)
}

/// Entries that there is no room for are told, whether their micro-batch or the list is too long for them; the next step has all of it again.
fn room(gpu: &Gpu) -> Outcome {
    let (own, one) = (Own::new(gpu, options(MicroBatches::Sum), 2)?, Own::with(gpu, Options::default(), 8, 1)?);
    let ignored = |own: &Own| -> Result<u32, Failed> { Ok(block_on(own.optimizer.report())?.ignored().map(|(_, count)| count).sum()) };
    for _ in 0..2 {
        [A, B].into_iter().try_for_each(|entries| own.accumulate(gpu, entries))?;
        let (rows, gradient) = joined(&[A, B, A]);
        let expected = one.step(gpu, (&rows[..8], &gradient[..24]))?;
        same_bits("as many as there is room for", &own.step(gpu, A)?, &expected)?;
        // One of a row that there is not, and two of ten.
        assert_eq!(ignored(&own)?, 1 + 2);
        same_bits("a step of its own", &own.step(gpu, C)?, &one.step(gpu, C)?)?;
        assert_eq!(ignored(&own)?, 0);
        // A micro-batch that says that it has more than it has room for.
        own.write(gpu, B);
        gpu.queue.write_buffer(&own.table.count, 0, bytemuck::cast_slice(&[9_u32]));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        own.optimizer.accumulate(&mut encoder)?;
        gpu.queue.submit([encoder.finish()]);
        let (rows, gradient) = joined(&[B, C]);
        same_bits("five", &own.step(gpu, C)?, &one.step(gpu, (&rows, &gradient))?)?;
        assert_eq!(ignored(&own)?, 1 + 5);
    }
    Ok(())
}

fn refused(gpu: &Gpu) -> Outcome {
    for got in [0, 1] {
        let expected =
            format!("w: Options::micro_batches accumulates gradients, and SparseRows::micro_batches must be at least 2, got {got}");
        let made = Own::new(gpu, options(MicroBatches::Mean), got).map(drop);
        let message = made.err().and_then(|failed| failed.message().map(str::to_owned)).unwrap_or_default();
        assert!(message.contains(&expected), "{message}, expected {expected}");
    }
    // Without micro-batches nobody asks.
    Own::new(gpu, Options::default(), 0)?;
    let (table, tensors) = (Table::new(gpu, "w", (20, &[3], 4)), Tensors::new(&gpu.device, [("w", [20, 3])])?);
    let sparse = SparseRows { micro_batches: u32::MAX, ..SparseRows::new(&table.rows, &table.count) };
    let param = Param { sparse: Some(sparse), ..table.param(&tensors)? };
    let made = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Sgd::default(), [param])], options(MicroBatches::Sum));
    says(
        made.map(drop),
        "w: SparseRows::micro_batches, in entries, needs 17179869180, the device's number of entries in 32 bits is 4294967295; request a device with a higher limit, or split",
    )
}

/// A skipped step forgets what was accumulated, as for other parameters; a micro-batch counts for those that are active.
fn skipped_and_inactive(gpu: &Gpu) -> Outcome {
    let skips = Options { non_finite: NonFinite::Skip, ..options(MicroBatches::Sum) };
    let (mut own, one) = (Own::new(gpu, skips, 3)?, Own::with(gpu, Options::default(), 12, 1)?);
    own.accumulate(gpu, (&[1], &[f32::NAN; 3]))?;
    let before = own.table.values.clone();
    same_bits("a skipped step", &own.step(gpu, A)?, &before)?;
    same_bits("the next one", &own.step(gpu, C)?, &one.step(gpu, C)?)?;
    own.accumulate(gpu, A)?;
    own.optimizer.set_active(["w"], false)?;
    own.accumulate(gpu, B)?;
    own.optimizer.set_active(["w"], true)?;
    let (rows, gradient) = joined(&[A, C]);
    same_bits("without the one in between", &own.step(gpu, C)?, &one.step(gpu, (&rows, &gradient))?)?;
    // Nor does one count that is not active in the step, in which it is forgotten.
    own.accumulate(gpu, A)?;
    own.optimizer.set_active(["w"], false)?;
    own.step(gpu, B)?;
    own.optimizer.set_active(["w"], true)?;
    Ok(same_bits("the step after", &own.step(gpu, C)?, &one.step(gpu, C)?)?)
}

/// What is submitted on the wrong side of a change appends nothing.
fn out_of_order(gpu: &Gpu) -> Outcome {
    let (mut own, one) = (Own::new(gpu, options(MicroBatches::Sum), 3)?, Own::with(gpu, Options::default(), 12, 1)?);
    own.accumulate(gpu, A)?;
    own.write(gpu, B);
    let mut early = gpu.device.create_command_encoder(&Default::default());
    own.optimizer.accumulate(&mut early)?;
    let mut change = gpu.device.create_command_encoder(&Default::default());
    own.optimizer.change_options(&mut change, Options { measure_update: true, ..*own.optimizer.options() })?;
    gpu.queue.submit([change.finish(), early.finish()]);
    let told = block_on(own.optimizer.report()).map(drop);
    assert!(matches!(told, Err(Error::OutOfOrder { .. })), "{told:?}");
    let (rows, gradient) = joined(&[A, C]);
    Ok(same_bits("values", &own.step(gpu, C)?, &one.step(gpu, (&rows, &gradient))?)?)
}

/// Micro-batches and steps make nothing; a step has two dispatches more than without.
fn nothing_is_made(gpu: &Gpu) -> Outcome {
    let (own, one) = (Own::new(gpu, options(MicroBatches::Sum), 3)?, Own::new(gpu, Options::default(), 1)?);
    let made = Made::so_far();
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    for _ in 0..2 {
        own.optimizer.accumulate(&mut encoder)?;
        own.optimizer.step(&mut encoder);
    }
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(made.since(), Made::default());
    let [with, without] = [&own, &one].map(|own| own.optimizer.recorded_step());
    assert_eq!((with.dispatches, with.waits), (without.dispatches + 2, without.waits));
    Ok(())
}
