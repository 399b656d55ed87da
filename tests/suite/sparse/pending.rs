//! Entries of row-sparse gradients that are pending: in checkpoints, and where options, groups and rows come, go or move.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use safetensors::SafeTensors;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::Checkpoint;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::same_bits;
use wgpu_optim::{Group, MicroBatches, Options, Param, RowChange, Sgd, SparseRows, Tensors, wgpu};

use super::micro_batches::{A, B, C, Own, joined, options, rule};
use super::tables::buffer;
use super::{Row, trials_of};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 4] = [
        ("checkpoint", checkpoint),
        ("changes-keep-entries", changes_keep_entries),
        ("other-rows-keep-entries", other_rows_keep_entries),
        ("rows-that-went-take-theirs-along", rows_that_went_take_theirs_along),
    ];
    trials_of("micro-batches", &contexts[1..2], rows)
}

/// Entries that are pending are in a checkpoint and in its file; a run goes on from it with the same bits, on the CPU too. Less room is an error.
fn checkpoint(gpu: &Gpu) -> Outcome {
    let own = Own::new(gpu, options(MicroBatches::Mean), 3)?;
    own.step(gpu, B)?;
    [A, B].into_iter().try_for_each(|entries| own.accumulate(gpu, entries))?;
    let taken = block_on(own.optimizer.checkpoint())?;
    let read = Checkpoint::from_bytes(&taken.to_bytes()?)?;
    assert_eq!(read, taken);
    let expected = own.step(gpu, C)?;
    for micro_batches in [3, 5] {
        let resumed = Own::new(gpu, options(MicroBatches::Mean), micro_batches)?;
        resumed.accumulate(gpu, B)?;
        resumed.optimizer.restore(&read, Default::default())?;
        same_bits("a run that goes on", &resumed.step(gpu, C)?, &expected)?;
    }
    let short = Own::with(gpu, options(MicroBatches::Mean), 3, 2)?;
    let (before, refused) = (block_on(short.optimizer.read_value("w"))?, short.optimizer.restore(&read, Default::default()).map(drop));
    let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("w/accumulated.rows") && message.contains('7') && message.contains("room for 6"), "{message}");
    same_bits("after an error", &block_on(short.optimizer.read_value("w"))?, &before)?;
    let none = Own::with(gpu, Options::default(), 4, 1)?;
    let other = none.optimizer.restore(&read, wgpu_optim::checkpoint::RestoreOptions { ignore_settings: true, ..Default::default() });
    assert!(other.is_err_and(|error| error.to_string().contains("accumulated.rows")), "micro-batches without a list");
    // After a step nothing is pending.
    assert!(block_on(own.optimizer.checkpoint())?.to_bytes()?.len() < taken.to_bytes()?.len());
    on_the_cpu(&own, &read, &expected)
}

fn on_the_cpu(own: &Own, read: &Checkpoint, expected: &[f32]) -> Outcome {
    let params = || [own.table.cpu_param(), CpuParam::new("plain", &[1, 2])];
    let make = || CpuOptimizer::<f32>::with_options([Group::new(rule(), params())], options(MicroBatches::Mean));
    let (mut twin, mut values, mut plain) = (make()?, vec![0.0; 60], vec![0.0; 2]);
    twin.restore(read, Some(&mut [&mut values, &mut plain]), Default::default())?;
    let taken = twin.checkpoint(Some(&[&values, &plain]))?;
    assert_eq!(Checkpoint::from_bytes(&taken.to_bytes()?)?, taken);
    twin.set_sparse_rows("w", C.0)?;
    twin.step(&mut [&mut values, &mut plain], &[Some(C.1), Some(&[0.0; 2])])?;
    let furthest = values.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-5, "{furthest}");
    Ok(())
}

/// Options, groups and rows that come while entries are pending leave these as they are.
fn changes_keep_entries(gpu: &Gpu) -> Outcome {
    type Change = fn(&Gpu, &mut Own, &mut wgpu::CommandEncoder) -> Outcome;
    let changes: [(&str, Change); 4] = [
        ("options", |_, own, encoder| {
            Ok(own.optimizer.change_options(encoder, Options { measure_update: true, ..*own.optimizer.options() })?)
        }),
        ("a group", |gpu, own, encoder| {
            let more = Tensors::new(&gpu.device, [("more", [4, 4])])?;
            Ok(own.optimizer.add_group(encoder, Group::new(Sgd::default(), [more.param("more")?.clone()]))?)
        }),
        ("a parameter that goes", |_, own, encoder| Ok(own.optimizer.remove(encoder, ["plain"])?)),
        ("more room", |_, own, encoder| {
            let sparse = SparseRows { micro_batches: 7, ..SparseRows::new(&own.table.rows, &own.table.count) };
            let param = Param { sparse: Some(sparse), ..own.table.param(&own.tensors)? };
            Ok(own.optimizer.resize_rows(encoder, [param])?)
        }),
    ];
    for (name, change) in changes {
        let (mut own, one) = (Own::new(gpu, options(MicroBatches::Sum), 3)?, Own::with(gpu, Options::default(), 12, 1)?);
        [A, B].into_iter().try_for_each(|entries| own.accumulate(gpu, entries))?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        change(gpu, &mut own, &mut encoder)?;
        gpu.queue.submit([encoder.finish()]);
        let (rows, gradient) = joined(&[A, B, C]);
        same_bits(name, &own.step(gpu, C)?, &one.step(gpu, (&rows, &gradient))?)?;
    }
    Ok(())
}

/// Entries that are pending go along with the rows that they are for: what a step makes of them is what it makes of entries with the numbers of the rows now, bit for bit. Those of a row that
/// is gone are told as ignored; of two rows with the state of one, the first takes them. The twin does the same.
fn other_rows_keep_entries(gpu: &Gpu) -> Outcome {
    let mut own = Own::new(gpu, options(MicroBatches::Sum), 3)?;
    [A, B].into_iter().try_for_each(|entries| own.accumulate(gpu, entries))?;
    // Row 0 goes; row 3 is there as a new copy, and twice with its state; row 17 is the last one.
    let index: Vec<u32> = [3 | RowChange::FRESH, 19, 3, RowChange::NEW, 3].into_iter().chain((4..18).chain([99])).collect();
    let (rows, now) = (buffer(gpu, 20), Tensors::new(&gpu.device, [("w", [20, 3])])?);
    gpu.queue.write_buffer(&rows, 0, bytemuck::cast_slice(&index));
    let param = Param { value: now.value("w")?.clone(), ..own.table.param(&own.tensors)? };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    own.optimizer.change_rows(&mut encoder, RowChange { rows: rows.into(), params: vec![param], values: true })?;
    gpu.queue.submit([encoder.finish()]);
    let moved_values = block_on(own.optimizer.read_value("w"))?;
    let got = own.step(gpu, C)?;
    assert_eq!(block_on(own.optimizer.report())?.ignored().collect::<Vec<_>>(), [("w", 2)], "of rows 0 and 99");

    let numbered = |row: u32| match row {
        3 => 2,
        17 => 18,
        _ => 99,
    };
    let one = Own::with(gpu, Options::default(), 12, 1)?;
    one.optimizer.write_value("w", &moved_values)?;
    let (mut joined_rows, gradient) = joined(&[A, B, C]);
    joined_rows[..7].iter_mut().for_each(|row| *row = numbered(*row));
    same_bits("entries with other numbers", &got, &one.step(gpu, (&joined_rows, &gradient))?)?;

    let params = [own.table.cpu_param(), CpuParam::new("plain", &[1, 2])];
    let mut twin = CpuOptimizer::<f32>::with_options([Group::new(rule(), params)], options(MicroBatches::Sum))?;
    let (values, mut plain) = (&own.table.values, vec![0.0; 2]);
    for (list, gradient) in [A, B] {
        twin.set_sparse_rows("w", list)?;
        twin.accumulate(&[Some(gradient), Some(&[0.0; 2])])?;
    }
    let mut moved = vec![0.0; 60];
    twin.change_rows(&index, [(own.table.cpu_param(), Some(&values[..]), &mut moved[..])])?;
    same_bits("values of the twin", &moved, &moved_values)?;
    twin.set_sparse_rows("w", C.0)?;
    let before = moved.clone();
    twin.step(&mut [&mut moved, &mut plain], &[Some(C.1), Some(&[0.0; 2])])?;
    let furthest = moved.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-5, "{furthest}");
    let changed: Vec<usize> = (0..20).filter(|row| got[3 * row..][..3] != before[3 * row..][..3]).collect();
    assert_eq!(changed, [0, 2, 18], "rows that changed");
    Ok(())
}

/// A row that goes at the end takes its pending entries along: one that comes there later gets none of them. The twin does the same.
fn rows_that_went_take_theirs_along(gpu: &Gpu) -> Outcome {
    let mut own = Own::new(gpu, options(MicroBatches::Sum), 3)?;
    [A, B].into_iter().try_for_each(|entries| own.accumulate(gpu, entries))?;
    let params = [own.table.cpu_param(), CpuParam::new("plain", &[1, 2])];
    let mut twin = CpuOptimizer::<f32>::with_options([Group::new(rule(), params)], options(MicroBatches::Sum))?;
    for (list, gradient) in [A, B] {
        twin.set_sparse_rows("w", list)?;
        twin.accumulate(&[Some(gradient), Some(&[0.0; 2])])?;
    }
    for rows in [10, 100, 20] {
        // 99 is a row in between, but was none when its entry came.
        let tensors = Tensors::new(&gpu.device, [("w", [rows, 3])])?;
        let has = rows.min(20);
        let param = Param { shape: vec![rows, 3], value: tensors.value("w")?.clone(), ..own.table.param(&own.tensors)? };
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        own.optimizer.resize_rows(&mut encoder, [param])?;
        gpu.queue.submit([encoder.finish()]);
        let values: Vec<f32> = own.table.values[..3 * has].iter().copied().chain(vec![0.0; 3 * (rows - has)]).collect();
        own.optimizer.write_value("w", &values)?;
        twin.resize_rows([(CpuParam { shape: vec![rows, 3], ..own.table.cpu_param() }, &values[..])])?;
        assert_eq!(pending_rows(&block_on(own.optimizer.checkpoint())?)?, pending_rows(&twin.checkpoint(None)?)?, "{rows} rows");
    }
    let got = own.step(gpu, C)?;
    assert_eq!(block_on(own.optimizer.report())?.ignored().collect::<Vec<_>>(), [("w", 3)], "of row 17, twice, and of 99");

    let one = Own::with(gpu, Options::default(), 12, 1)?;
    let (mut rows, gradient) = joined(&[A, B, C]);
    rows.iter_mut().filter(|row| **row == 17).for_each(|row| *row = 99);
    same_bits("entries of the rows that stayed", &got, &one.step(gpu, (&rows, &gradient))?)?;

    let (mut values, mut plain) = (own.table.values.clone(), vec![0.0; 2]);
    twin.set_sparse_rows("w", C.0)?;
    twin.step(&mut [&mut values, &mut plain], &[Some(C.1), Some(&[0.0; 2])])?;
    let changed: Vec<usize> = (0..20).filter(|row| values[3 * row..][..3] != own.table.values[3 * row..][..3]).collect();
    assert_eq!(changed, [0, 3], "rows that changed");
    Ok(())
}

/// The rows of the entries that are pending, as a file has them.
fn pending_rows(checkpoint: &Checkpoint) -> Result<Vec<u8>, Failed> {
    let file = checkpoint.to_bytes()?;
    Ok(SafeTensors::deserialize(&file)?.tensor("w/accumulated.rows")?.data().to_vec())
}
