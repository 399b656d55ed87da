//! A state of some rows is forgotten or scaled: what the twin has, to the bit where rows are not shown; training goes on with it.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::testing::must_fail;
use wgpu_optim::{Adafactor, Adam, AdamW, Binding, Ema, Group, MicroBatches, Optimizer, Options, Param, RowMask, Tensors, wgpu};

use crate::context::{Context, Outcome};

type Row = (&'static str, fn(&Gpu) -> Outcome);

/// Rows and their widths. Each state is larger than the bindings of narrow devices, and so are the words of the first one's rows.
const SIZES: [(usize, usize); 4] = [(70_001, 1), (20_001, 3), (17_000, 4), (1_500, 48)];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        for (rows, width) in SIZES {
            for factor in [0.0, 0.5] {
                let name = format!("rows/scale-state/{width}/by-{factor}");
                trials.push(context.trial(name, move |gpu| scales(gpu, rows, width, factor)));
            }
        }
    }
    let rows: [Row; 5] = [
        ("goes-on", goes_on),
        ("row-steps-and-micro-batches", row_steps_and_micro_batches),
        ("numbers-of-rows", numbers_of_rows),
        ("in-a-view", in_a_view),
        ("refused", super::scale_refused::refused),
    ];
    trials.extend(rows.map(|(name, row)| contexts[0].trial(format!("rows/scale-state/{name}"), row)));
    trials.push(contexts[0].trial("rows/scale-state/a-row-that-fails".into(), |gpu| {
        let (got, shown) = (scaled(gpu, 50, 3, 0.5)?, |row| !shown(row));
        Ok(must_fail(
            "other rows",
            is_scaled(&got, &twin(50, 3, 0.5)?, 3, shown).map_err(|error| error.message().unwrap_or("").to_owned()),
        )?)
    }));
    trials
}

fn shown(row: usize) -> bool {
    row % 3 == 1 || (500..600).contains(&row)
}

/// 0 or not: also the highest bit alone, and what is NaN as f32.
fn words(rows: usize) -> Vec<u32> {
    (0..rows).map(|row| if shown(row) { [1, 1 << 31, 0x7fc0_0000][row % 5 % 3] } else { 0 }).collect()
}

/// NaN with payloads, infinities, zeros of both signs, a subnormal number, and numbers.
fn odd(len: usize) -> Vec<f32> {
    let bits = [0x7fc0_1234, 0xffc0_0001, 0x7f80_0000, 0x8000_0000, 0x0000_0001, 0x3f80_0001, 0xff80_0000, 0x0000_0000, 0xc049_0fdb];
    (0..len).map(|i| f32::from_bits(bits[i % bits.len()])).collect()
}

pub(super) fn upload(gpu: &Gpu, words: &[u32]) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let size = 4 * words.len() as u64;
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
    buffer
}

fn submit(gpu: &Gpu, record: impl FnOnce(&mut wgpu::CommandEncoder) -> wgpu_optim::Result<()>) -> Outcome {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    record(&mut encoder)?;
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}

/// A state of odd numbers, scaled on the GPU; the other state has to stay.
fn scaled(gpu: &Gpu, rows: usize, width: usize, factor: f32) -> Result<Vec<f32>, Failed> {
    let tensors = Tensors::new(&gpu.device, [("w", [rows, width])])?;
    let optimizer =
        Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(Adam::default(), tensors.params())], Options::default())?;
    let odd = odd(rows * width);
    optimizer.write_state("w", "m", &odd)?;
    optimizer.write_state("w", "v", &odd)?;
    let is_narrow = gpu.device.limits().max_storage_buffer_binding_size < 4 * odd.len() as u64;
    assert_eq!(optimizer.state_parts("w", "v")?.len() > 1, is_narrow);
    // Behind three words of others.
    let buffer = upload(gpu, &[vec![1; 3], words(rows), vec![1]].concat());
    let shown = Binding::new(&buffer, 12, 4 * rows as u64);
    submit(gpu, |encoder| optimizer.scale_state(encoder, "w", "v", shown, factor))?;
    wgpu_optim::testing::same_bits("the other state", &block_on(optimizer.read_state("w", "m"))?, &odd)?;
    Ok(block_on(optimizer.read_state("w", "v"))?)
}

fn twin(rows: usize, width: usize, factor: f64) -> Result<Vec<f32>, Failed> {
    let mut twin = CpuOptimizer::<f32>::new(Adam::default(), [CpuParam::new("w", &[rows, width])])?;
    twin.state_mut("w", "v")?.copy_from_slice(&odd(rows * width));
    twin.scale_state("w", "v", &words(rows), factor)?;
    Ok(twin.state("w", "v")?.to_vec())
}

/// What is not shown has the bits that it had; what is shown is what the twin has, of NaN any, and of a subnormal number perhaps 0.
fn is_scaled(got: &[f32], twin: &[f32], width: usize, shown: impl Fn(usize) -> bool) -> Outcome {
    for (at, ((got, twin), had)) in got.iter().zip(twin).zip(odd(got.len())).enumerate() {
        let is_like = got.to_bits() == twin.to_bits() || (got.is_nan() && twin.is_nan()) || (twin.is_subnormal() && *got == 0.0);
        let is_right = if shown(at / width) { is_like } else { got.to_bits() == had.to_bits() && got.to_bits() == twin.to_bits() };
        if !is_right {
            return Err(format!(
                "element {at} was {had:?}, {:#x}, and is {:#x}; the twin has {:#x}",
                had.to_bits(),
                got.to_bits(),
                twin.to_bits()
            )
            .into());
        }
    }
    Ok(())
}

fn scales(gpu: &Gpu, rows: usize, width: usize, factor: f32) -> Outcome {
    let (got, twin) = (scaled(gpu, rows, width, factor)?, twin(rows, width, f64::from(factor))?);
    let own = got.chunks(width).enumerate().filter(|(row, _)| shown(*row)).flat_map(|(_, row)| row);
    let zeros = own.filter(|x| x.to_bits() == 0).count();
    let all = width * (0..rows).filter(|&row| shown(row)).count();
    assert_eq!(zeros == all, factor == 0.0, "{zeros} of {all} are zero");
    is_scaled(&got, &twin, width, shown)
}

fn close(what: &str, got: &[f32], twin: &[f32]) {
    assert_eq!(got.len(), twin.len(), "{what}");
    assert!(got.iter().zip(twin).all(|(got, twin)| (got - twin).abs() <= 1e-6 * twin.abs().max(1e-3)), "{what}: {got:?}, {twin:?}");
}

/// Steps before and after, in one submission; the step count, and so the bias correction, goes on.
fn goes_on(gpu: &Gpu) -> Outcome {
    let (tensors, gradient) = (Tensors::new(&gpu.device, [("w", [4, 3])])?, [0.5, -2.0, 1.0].repeat(4));
    tensors.write_gradient(&gpu.queue, "w", &gradient)?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), tensors.params())?;
    let mut twin = CpuOptimizer::<f32>::new(Adam::default(), [CpuParam::new("w", &[4, 3])])?;
    let (rows, mut value) = ([1, 0, 0, 7], vec![0.0; 12]);
    submit(gpu, |encoder| {
        optimizer.step(encoder);
        optimizer.step(encoder);
        let buffer = upload(gpu, &rows);
        optimizer.scale_state(encoder, "w", "m", &buffer, 0.0)?;
        optimizer.scale_state(encoder, "w", "v", &buffer, 0.25)?;
        optimizer.step(encoder);
        Ok(())
    })?;
    for turn in 0..3 {
        if turn == 2 {
            twin.scale_state("w", "m", &rows, 0.0)?;
            twin.scale_state("w", "v", &rows, 0.25)?;
        }
        twin.step(&mut [&mut value], &[Some(&gradient)])?;
    }
    assert_eq!(block_on(optimizer.read_steps())?, [3]);
    close("values", &block_on(optimizer.read_value("w"))?, &value);
    for state in ["m", "v"] {
        close(state, &block_on(optimizer.read_state("w", state))?, twin.state("w", state)?);
    }
    assert!((value[0] - value[3]).abs() > 1e-5, "{value:?}");
    Ok(())
}

/// The counts of rows begin again, and so do these rows' bias corrections; half of what was accumulated is forgotten.
fn row_steps_and_micro_batches(gpu: &Gpu) -> Outcome {
    let (tensors, gradient) = (Tensors::new(&gpu.device, [("w", [3])])?, [1.0, 2.0, -3.0]);
    tensors.write_gradient(&gpu.queue, "w", &gradient)?;
    let row_mask = Some(RowMask { own_steps: true, ..RowMask::new(upload(gpu, &[1; 3])) });
    let options = Options { micro_batches: MicroBatches::Sum, ..Options::default() };
    let params = [Param { row_mask, ..tensors.param("w")?.clone() }];
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), params)], options)?;
    let param = CpuParam { row_mask: Some(CpuRowMask { words: vec![1; 3], own_steps: true }), ..CpuParam::new("w", &[3]) };
    let mut twin = CpuOptimizer::<f32>::with_options([Group::new(Adam::default(), [param])], options)?;
    let (rows, mut value) = ([0, 1, 1], vec![0.0; 3]);
    twin.step(&mut [&mut value], &[Some(&gradient)])?;
    twin.accumulate(&[Some(&gradient)])?;
    submit(gpu, |encoder| {
        optimizer.step(encoder);
        optimizer.accumulate(encoder)?;
        for (state, factor) in [("m", 0.0), ("v", 0.0), ("row_steps", 0.0), ("accumulated", 0.5)] {
            optimizer.scale_state(encoder, "w", state, upload(gpu, &rows), factor)?;
            twin.scale_state("w", state, &rows, f64::from(factor))?;
        }
        Ok(())
    })?;
    let accumulated = block_on(optimizer.read_state("w", "accumulated"))?;
    assert_eq!((&accumulated[..], twin.state("w", "accumulated")?), (&[1.0, 1.0, -1.5][..], &[1.0, 1.0, -1.5][..]));
    submit(gpu, |encoder| {
        optimizer.step(encoder);
        Ok(())
    })?;
    twin.step(&mut [&mut value], &[Some(&gradient)])?;
    assert_eq!(block_on(optimizer.read_state("w", "row_steps"))?, [2.0, 1.0, 1.0]);
    assert_eq!(twin.state("w", "row_steps")?, [2.0, 1.0, 1.0]);
    close("values", &block_on(optimizer.read_value("w"))?, &value);
    Ok(())
}

/// Of a matrix a number for each row; of a batch of matrices those of each matrix.
fn numbers_of_rows(gpu: &Gpu) -> Outcome {
    let shapes: [(&str, &[usize]); 3] = [("matrix", &[6, 4]), ("batch", &[3, 2, 5]), ("empty", &[0, 3])];
    let tensors = Tensors::new(&gpu.device, shapes.map(|(name, shape)| (name, shape.to_vec())))?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adafactor::default(), tensors.params())?;
    let mut twin = CpuOptimizer::<f32>::new(Adafactor::default(), shapes.map(|(name, shape)| CpuParam::new(name, shape)))?;
    for (name, state, count) in [("matrix", "row_var", 6), ("batch", "row_var", 6), ("batch", "col_var", 15), ("empty", "row_var", 0)] {
        let data: Vec<f32> = (0..count).map(|number| 1.0 + number as f32).collect();
        optimizer.write_state(name, state, &data)?;
        twin.state_mut(name, state)?.copy_from_slice(&data);
        let rows = &[0, 1, 1, 0, 0, 1][..rows_of(&shapes, name)];
        let buffer = upload(gpu, &[1; 6]);
        gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(rows));
        submit(gpu, |encoder| optimizer.scale_state(encoder, name, state, Binding::prefix(&buffer), 0.5))?;
        twin.scale_state(name, state, rows, 0.5)?;
        assert_eq!(block_on(optimizer.read_state(name, state))?, twin.state(name, state)?, "{name}: {state}");
        let per_row = count / rows.len().max(1);
        let expected = data.iter().enumerate().map(|(at, x)| if rows[at / per_row] == 0 { *x } else { 0.5 * x });
        assert_eq!(twin.state(name, state)?, expected.collect::<Vec<_>>(), "{name}: {state}");
    }
    Ok(())
}

fn rows_of(shapes: &[(&str, &[usize])], name: &str) -> usize {
    shapes.iter().find(|(own, _)| *own == name).map_or(0, |(_, shape)| shape[0])
}

/// While an average is shown, states are what they are; the trained values come back.
fn in_a_view(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [2])])?;
    tensors.write_gradient(&gpu.queue, "w", &[1.0, -1.0])?;
    let options = Options { ema: Some(Ema::default()), ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(AdamW::default(), tensors.params())], options)?;
    submit(gpu, |encoder| {
        optimizer.step(encoder);
        Ok(())
    })?;
    let (value, m) = (block_on(optimizer.read_value("w"))?, block_on(optimizer.read_state("w", "m"))?);
    submit(gpu, |encoder| {
        optimizer.swap(encoder, "ema")?;
        optimizer.scale_state(encoder, "w", "m", upload(gpu, &[0, 1]), 0.0)?;
        optimizer.train(encoder);
        Ok(())
    })?;
    assert_eq!(block_on(optimizer.read_value("w"))?, value);
    assert_eq!(block_on(optimizer.read_state("w", "m"))?, [m[0], 0.0]);
    Ok(())
}
