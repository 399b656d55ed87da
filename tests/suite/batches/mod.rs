//! Mini-batches: the GPU's are the twin's, bit for bit; every row comes once an epoch; order, resuming, limits and mistakes.

mod errors;
pub mod stage;
mod uses;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::batches::{Batch, CpuBatches, Cursor, Sampler, kernels};
use wgpu_optim::testing::{module, must_fail};

use crate::context::{Context, Outcome, another};
use stage::{SENTINEL, Stage};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, source) in kernels() {
        trials.push(Trial::test(format!("batches/kernels/{name}"), move || {
            let module = module(&source)?;
            assert!(module.global_variables.iter().filter(|(_, global)| global.binding.is_some()).count() <= 8);
            Ok(())
        }));
    }
    trials.push(Trial::test("batches/drop-last", drop_last));
    for context in contexts {
        for rows in [1, 255, 1797, 70_000] {
            for batch_size in sizes(rows) {
                let name = format!("batches/twin/{rows}-by-{batch_size}");
                trials.push(context.trial(name, move |gpu| is_the_twin(gpu, rows, batch_size)));
            }
            trials.push(context.trial(format!("batches/every-row-once/{rows}"), move |gpu| every_row_once(gpu, rows)));
        }
        let mut row = |name: &str, run: fn(&Gpu) -> Outcome| trials.push(context.trial(format!("batches/{name}"), run));
        row("two-in-one-encoder", two_in_one_encoder);
        row("dropped-encoder", dropped_encoder);
        row("callers-own-pass", callers_own_pass);
        row("resume", resume);
        row("whole-set-in-order", whole_set_in_order);
        row("checker", checker);
    }
    trials.push(contexts[0].trial("batches/around-powers-of-two".into(), around_powers_of_two));
    trials.push(contexts[1].trial("batches/dispatches".into(), dispatches));
    trials.push(contexts[1].trial("batches/folded-workgroups".into(), folded_workgroups));
    trials.extend(uses::trials(contexts));
    trials.extend(errors::trials(contexts));
    trials
}

/// One row, a usual size, an odd one, and all.
fn sizes(rows: u32) -> Vec<u32> {
    let mut sizes: Vec<u32> = [1, 32, 101, rows].into_iter().filter(|&size| size <= rows).collect();
    sizes.dedup();
    sizes
}

fn sampler(rows: u32, batch_size: u32) -> Sampler {
    Sampler { rows, batch_size, seed: 0x1234_5678_9abc_def0, ..Sampler::default() }
}

/// The first two epochs and a later one's end, in all four kinds, or as much of that as is quick.
fn is_the_twin(gpu: &Gpu, rows: u32, batch_size: u32) -> Outcome {
    let kinds = [(true, false), (false, true), (true, true), (false, false)];
    let kinds = if rows > 2000 { &kinds[..2] } else { &kinds[..] };
    for &(shuffle, drop_last) in kinds {
        let sampler = Sampler { shuffle, drop_last, ..sampler(rows, batch_size) };
        let mut stage = Stage::new(gpu, sampler)?;
        let most = if rows > 2000 { 20 } else { 150 };
        stage.check((2 * sampler.batches_per_epoch()? + 1).min(most) as usize)?;
        stage.jump(Cursor { epoch: 9, position: rows - rows.min(3 * batch_size - 1) })?;
        let end = stage.check(6)?;
        assert!(end.iter().any(|seen| seen.batch.epoch == 10));
    }
    Ok(())
}

/// Where the halves of the permutation change their length.
fn around_powers_of_two(gpu: &Gpu) -> Outcome {
    for rows in (2..20).chain([31, 32, 33, 255, 256, 257, 4095, 4096, 4097, 65_535, 65_536, 65_537]) {
        Stage::new(gpu, sampler(rows, rows.min(2000)))?.check(2)?;
    }
    Ok(())
}

/// What the GPU alone says: the labels of three epochs.
fn every_row_once(gpu: &Gpu, rows: u32) -> Outcome {
    let sampler = sampler(rows, rows.div_ceil(7));
    let stage = Stage::new(gpu, sampler)?;
    let per_epoch = sampler.batches_per_epoch()? as usize;
    let mut epochs = Vec::new();
    for epoch in 0..3 {
        let mut order = Vec::new();
        for _ in 0..per_epoch {
            let seen = stage.record(1)?.remove(0);
            assert_eq!((seen.batch.epoch, seen.batch.position), (epoch, order.len() as u32));
            order.extend(seen.rows(&stage));
        }
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..rows), "{rows} rows, epoch {epoch}");
        epochs.push(order);
    }
    epochs.sort_unstable();
    epochs.dedup();
    assert!(rows == 1 || epochs.len() == 3, "{rows} rows: epochs are alike");
    Ok(())
}

/// Rows that fill no batch are left out of their epoch, others in each; kept, they are a short batch.
fn drop_last() -> Outcome {
    let epochs = |drop_last, batches: usize| -> Result<Vec<Batch>, Failed> {
        let sampler = Sampler { drop_last, ..sampler(10, 4) };
        assert_eq!(sampler.batches_per_epoch()? as usize, batches / 2);
        Ok(CpuBatches::new(sampler, Cursor::default())?.take(batches).map(|(batch, _)| batch).collect())
    };
    let batch = |size, epoch, position| Batch { size, epoch, position };
    assert_eq!(epochs(true, 4)?, [batch(4, 0, 0), batch(4, 0, 4), batch(4, 1, 0), batch(4, 1, 4)]);
    let kept = [batch(4, 0, 0), batch(4, 0, 4), batch(2, 0, 8), batch(4, 1, 0), batch(4, 1, 4), batch(2, 1, 8)];
    assert_eq!(epochs(false, 6)?, kept);
    Ok(())
}

fn two_in_one_encoder(gpu: &Gpu) -> Outcome {
    let (one, two) = (Stage::new(gpu, sampler(255, 32))?, Stage::new(gpu, sampler(255, 32))?);
    let apart = [one.record(1)?, one.record(1)?].concat();
    let together = two.record(2)?;
    assert_eq!(apart, together);
    assert_ne!(together[0].rows(&two), together[1].rows(&two));
    Ok(())
}

fn dropped_encoder(gpu: &Gpu) -> Outcome {
    let mut stage = Stage::new(gpu, sampler(255, 32))?;
    stage.check(2)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    stage.batches.next(&mut encoder);
    drop(encoder);
    stage.check(8).map(drop)
}

fn callers_own_pass(gpu: &Gpu) -> Outcome {
    let mut stage = Stage::new(gpu, sampler(255, 32))?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    stage.batches.next_in(&mut pass);
    stage.batches.next_in(&mut pass);
    drop(pass);
    gpu.queue.submit([encoder.finish()]);
    stage.twin.nth(1).ok_or("the twin ended")?;
    stage.check(3).map(drop)
}

/// A cursor read in the middle of an epoch, written elsewhere, gives the same batches; with another batch size, the rows that were left.
fn resume(gpu: &Gpu) -> Outcome {
    let mut first = Stage::new(gpu, sampler(255, 32))?;
    first.check(11)?;
    let cursor = pollster::block_on(first.batches.read_cursor())?;
    assert_eq!(cursor, Cursor { epoch: 1, position: 96 });
    let mut second = Stage::new(gpu, sampler(255, 32))?;
    second.jump(cursor)?;
    assert_eq!(second.check(7)?, first.check(7)?);
    let mut other = Stage::new(gpu, Sampler { drop_last: true, ..sampler(255, 100) })?;
    other.jump(cursor)?;
    let seen = other.check(2)?;
    assert_eq!(seen[0].batch, Batch { size: 100, epoch: 1, position: 96 });
    assert_eq!(seen[1].batch, Batch { size: 100, epoch: 2, position: 0 });
    other.jump(Cursor { epoch: 4, position: 156 })?;
    assert_eq!(pollster::block_on(other.batches.read_cursor())?, Cursor { epoch: 5, position: 0 });
    other.check(2).map(drop)
}

/// A batch of all rows that is not shuffled is the data set: gradient descent.
fn whole_set_in_order(gpu: &Gpu) -> Outcome {
    let mut stage = Stage::new(gpu, Sampler { shuffle: false, ..sampler(1797, 1797) })?;
    for (epoch, seen) in (0..).zip(stage.check(3)?) {
        assert_eq!(seen.batch, Batch { size: 1797, epoch, position: 0 });
        assert!(seen.rows(&stage).into_iter().eq(0..1797));
    }
    Ok(())
}

/// What `Stage::check` has to notice.
fn checker(gpu: &Gpu) -> Outcome {
    type Spoil = fn(&Gpu, &mut Stage<'_>) -> Outcome;
    let spoils: [(&str, Spoil); 4] = [
        ("a skipped batch", |_, stage| stage.record(1).map(drop)),
        ("a twin of another seed", |_, stage| {
            stage.twin = CpuBatches::new(Sampler { seed: 1, ..sampler(255, 32) }, stage.twin.cursor())?;
            Ok(())
        }),
        ("an overwritten sentinel", |gpu, stage| {
            gpu.queue.write_buffer(stage.destination("labels"), 4 * (3 + 32), &[0; 4]);
            Ok(())
        }),
        ("another row's value", |_, stage| {
            let (_, rows) = { stage.twin }.next().ok_or("the twin ended")?;
            stage.tables[0].words[3 * rows[31] as usize + 2] ^= 1;
            Ok(())
        }),
    ];
    for (what, spoil) in spoils {
        let mut stage = Stage::new(gpu, sampler(255, 32))?;
        stage.check(2)?;
        spoil(gpu, &mut stage)?;
        must_fail(what, stage.check(1))?;
    }
    let mut stage = Stage::new(gpu, sampler(255, 32))?;
    let seen = stage.check(8)?.remove(7);
    assert_eq!(seen.batch.size, 31);
    let (batch, rows) = (seen.batch, seen.rows(&stage));
    stage.same(&seen, batch, &rows)?;
    for (what, at, word) in [("a last word of a short batch", 3 + 30, SENTINEL), ("a row that is not zero", 3 + 31, SENTINEL)] {
        let mut spoiled = seen.clone();
        spoiled.columns[1][at] = word;
        must_fail(what, stage.same(&spoiled, batch, &rows))?;
    }
    Ok(())
}

/// One, and one a column, as long as everything fits in bindings.
fn dispatches(gpu: &Gpu) -> Outcome {
    for (rows, batch_size) in [(1, 1), (1797, 32), (70_000, 70_000)] {
        assert_eq!(Stage::new(gpu, sampler(rows, batch_size))?.batches.dispatches(), 4);
    }
    Ok(())
}

/// On a device of two workgroups a dimension, so that six fold into 2 x 2 and two more dispatches do the rest.
fn folded_workgroups(_: &Gpu) -> Outcome {
    let limits = wgpu::Limits { max_compute_workgroups_per_dimension: 2, ..wgpu::Limits::default() };
    let gpu = another(DeviceLimits::Limited(Box::new(limits)))?;
    let mut stage = Stage::new(&gpu, sampler(1797, 1797))?;
    stage.check(2)?;
    assert_eq!(stage.batches.dispatches(), 1 + 2 + 1 + 1);
    Ok(())
}
