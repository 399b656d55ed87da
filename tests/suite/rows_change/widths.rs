//! Rows of many widths, in buffers of the caller's that begin and end anywhere: every word of values, states and averages, and what lies around the values.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::{DeviceLimits, Gpu, request_with_features};
use wgpu_optim::testing::must_fail;
use wgpu_optim::{AdamW, Binding, Ema, Group, Optimizer, Options, Param, Pipelines, RowChange, wgpu};

use super::rows::upload;
use crate::context::{Context, Outcome};
use crate::read::read;

/// Words of a row, and words before the first one in its buffer. The last one has rows of more words than a workgroup moves.
const TENSORS: [(usize, usize); 11] = [(1, 0), (2, 0), (3, 0), (3, 1), (4, 0), (4, 2), (5, 4), (6, 64), (7, 0), (48, 0), (4099, 0)];
/// Rows before and after: numbers that four does not divide.
const HAD: usize = 23;
const HAS: usize = 27;
/// Words after the last one.
const AFTER: usize = 5;
/// What lies around.
const SENTINEL: u32 = 0x7fc0_1234;
const STATES: [&str; 4] = ["m", "v", "max_v", "ema"];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    // The last tensor does not fit in the buffers of the last device.
    let mut trials: Vec<Trial> =
        contexts[..3].iter().map(|context| context.trial("rows/widths".into(), |gpu| widths(gpu, &index()))).collect();
    trials.push(contexts[3].trial("rows/widths".into(), |gpu| of(gpu, &TENSORS[..10], &index(), &index())));
    trials.push(contexts[0].trial("rows/widths-in-parts".into(), |gpu| {
        // The kernels for software adapters, where several bindings hold a tensor: of two parts, and of more than are bound at once.
        for binding in [256 << 10, 64 << 10] {
            let narrow = wgpu::Limits { max_storage_buffer_binding_size: binding, ..wgpu::Limits::default() };
            let features = gpu.device.features() & wgpu::Features::SHADER_INT64;
            let other = block_on(request_with_features(&gpu.instance, DeviceLimits::Limited(Box::new(narrow)), features))?;
            of(&other, &[(4100, 0), (3, 0), (4096, 0)], &index(), &index())?;
        }
        Ok(())
    }));
    trials.push(contexts[0].trial("rows/widths-that-fail".into(), |gpu| {
        let mut others = index();
        others[3] = 1;
        Ok(must_fail("another index", widths(gpu, &others))?)
    }));
    trials
}

fn index() -> Vec<u32> {
    let kept = (0..HAD as u32).rev().filter(|row| row % 4 != 1);
    let rest = [RowChange::NEW, 3, 22 | RowChange::FRESH, 23, 0, RowChange::FRESH, 7, RowChange::NEW, 7, 8];
    kept.chain(rest).take(HAS).collect()
}

/// Bits of any kind, NaN among them.
fn bits(seed: usize, len: usize) -> Vec<u32> {
    let mut state = seed as u32 ^ 0x9e37_79b9;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state.is_multiple_of(11) { state | 0x7f80_0001 } else { state }
    };
    (0..len).map(|_| next()).collect()
}

fn floats(words: &[u32]) -> Vec<f32> {
    words.iter().copied().map(f32::from_bits).collect()
}

/// A parameter of `rows` rows, between sentinels.
fn param(gpu: &Gpu, (number, &(width, at)): (usize, &(usize, usize)), rows: usize, words: &[u32]) -> Param {
    let whole = [&vec![SENTINEL; at], words, &[SENTINEL; AFTER]].concat();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let size = 4 * whole.len() as u64;
    let buffer = || gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    let (values, gradients) = (buffer(), buffer());
    gpu.queue.write_buffer(&values, 0, bytemuck::cast_slice(&whole));
    let part = |buffer: &wgpu::Buffer| Binding::new(buffer, 4 * at as u64, 4 * (rows * width) as u64);
    Param::new(format!("{number}"), &[rows, width], part(&values), part(&gradients))
}

fn widths(gpu: &Gpu, expected: &[u32]) -> Outcome {
    of(gpu, &TENSORS, &index(), expected)
}

/// Rows change by one index, and are expected to by another.
fn of(gpu: &Gpu, tensors: &[(usize, usize)], rows: &[u32], by: &[u32]) -> Outcome {
    let options = Options { ema: Some(Ema::default()), ..Options::default() };
    let before: Vec<Vec<u32>> = tensors.iter().enumerate().map(|(number, (width, _))| bits(number, HAD * width)).collect();
    let params = tensors.iter().enumerate().zip(&before).map(|(own, words)| param(gpu, own, HAD, words));
    let groups = [Group::new(AdamW { amsgrad: true, ..AdamW::default() }, params)];
    let mut optimizer = Optimizer::with_pipelines(&Pipelines::new(&gpu.device), &gpu.queue, groups, options)?;
    let state = |number: usize, state: usize, width: usize| bits(100 * number + state + 50, HAD * width);
    for (number, (width, _)) in tensors.iter().enumerate() {
        for (index, name) in STATES.iter().enumerate() {
            optimizer.write_state(&format!("{number}"), name, &floats(&state(number, index, *width)))?;
        }
    }
    let written: Vec<Vec<u32>> = tensors.iter().enumerate().map(|(number, (width, _))| bits(7 + number, HAS * width)).collect();
    let params: Vec<Param> = tensors.iter().enumerate().zip(&written).map(|(own, words)| param(gpu, own, HAS, words)).collect();
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.change_rows(&mut encoder, RowChange { rows: (&upload(gpu, rows)).into(), params: params.clone(), values: true })?;
    gpu.queue.submit([encoder.finish()]);
    for (number, (width, at)) in tensors.iter().enumerate() {
        let name = format!("{number}");
        let moved = |source: &[u32], is_of_values: bool| -> Vec<u32> {
            let row = |(to, &from): (usize, &u32)| {
                let from = if is_of_values { from & !RowChange::FRESH } else { from } as usize;
                match from < HAD {
                    true => source[from * width..][..*width].to_vec(),
                    false if is_of_values => written[number][to * width..][..*width].to_vec(),
                    false => vec![0; *width],
                }
            };
            by.iter().enumerate().flat_map(row).collect()
        };
        let whole = read::<u32>(gpu, params[number].value.buffer())?;
        let (around, values) = ([&whole[..*at], &whole[whole.len() - AFTER..]].concat(), &whole[*at..whole.len() - AFTER]);
        same(&name, "value", values, &moved(&before[number], true))?;
        assert_eq!(around, vec![SENTINEL; at + AFTER], "around {name}");
        for (index, own) in STATES.iter().enumerate() {
            let got: Vec<u32> = block_on(optimizer.read_state(&name, own))?.into_iter().map(f32::to_bits).collect();
            same(&name, own, &got, &moved(&state(number, index, *width), *own == "ema"))?;
        }
    }
    Ok(())
}

fn same(name: &str, what: &str, got: &[u32], expected: &[u32]) -> Outcome {
    match (0..got.len().max(expected.len())).find(|&at| got.get(at) != expected.get(at)) {
        Some(at) => Err(format!("{name}, {what}[{at}]: {:x?}, expected {:x?}", got.get(at), expected.get(at)).into()),
        None => Ok(()),
    }
}
