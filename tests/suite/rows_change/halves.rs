//! Rows of values, states, averages and accumulated gradients in 16 bits come, go and move as those of f32 do, where rows have whole words, and states in 8 bits where
//! rows have whole blocks; else both sides refuse them alike.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::{Checkpoint, RestoreOptions};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{gradients, must_fail, values};
use wgpu_optim::{
    AdamW, Binding, Dtype, Ema, Group, MicroBatches, Optimizer, Options, Param, Rounding, RowChange, StateStorage, Tensors, wgpu,
};

use super::rows::{index, shape, written};
use crate::context::{Context, Outcome};

const HAD: usize = 900;
/// Without the first dimension; one is larger than the bindings of narrow devices.
const PARAMS: Params = &[("a", &[6]), ("b", &[4, 5]), ("large", &[60])];
/// Those whose rows are blocks of 256 elements, one or two.
const OF_BLOCKS: Params = &[("a", &[256]), ("b", &[16, 32])];

type Params = &'static [(&'static str, &'static [usize])];

/// What is stored as what.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    value: Dtype,
    states: Dtype,
    averages: Option<Dtype>,
    params: Params,
}

const fn way(name: &'static str, value: Dtype, states: Dtype, averages: Option<Dtype>) -> Way {
    Way { name, value, states, averages, params: PARAMS }
}

const WAYS: [Way; 6] = [
    way("bf16-states", Dtype::F32, Dtype::Bf16, None),
    way("f16-states", Dtype::F32, Dtype::F16, Some(Dtype::F32)),
    way("bf16-values", Dtype::Bf16, Dtype::F32, None),
    way("f16-values-and-states", Dtype::F16, Dtype::F16, None),
    way("all-bf16", Dtype::Bf16, Dtype::Bf16, Some(Dtype::Bf16)),
    Way { params: OF_BLOCKS, ..way("8-bit-states", Dtype::F32, Dtype::Dynamic8, Some(Dtype::F32)) },
];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        // Of rows of blocks, one tensor would need a larger buffer than the last device has.
        for way in WAYS.into_iter().filter(|way| context.name != "paged" || way.states != Dtype::Dynamic8) {
            trials.push(context.trial(format!("rows/halves/change/{}", way.name), move |gpu| change(gpu, way)));
            trials.push(context.trial(format!("rows/halves/resize/{}", way.name), move |gpu| resize(gpu, way)));
        }
    }
    trials.push(contexts[0].trial("rows/halves/refused".into(), refused));
    trials
}

impl Way {
    fn options(&self) -> Options {
        let drawn = Rounding::Stochastic { seed: 4 };
        let states = StateStorage { rounding: drawn, least: 1, accumulated: Dtype::Bf16, ..StateStorage::all(self.states) };
        let ema = self.averages.map(|_| Ema { decay: 0.9, ..Ema::default() });
        let state = StateStorage { averages: self.averages.unwrap_or_default(), ..states };
        Options { ema, micro_batches: MicroBatches::Mean, state, ..Options::default() }
    }

    fn of(&self, name: &str, shape: &[usize]) -> CpuParam {
        let rounding = if self.value == Dtype::Bf16 { Rounding::Stochastic { seed: 2 } } else { Rounding::Nearest };
        CpuParam { value_dtype: self.value, rounding, ..CpuParam::new(name, shape) }
    }
}

/// Tensors of so many rows, with the values that new rows have.
fn tensors(gpu: &Gpu, way: Way, rows: usize) -> Result<(Tensors, Vec<Param>), Failed> {
    let tensors =
        Tensors::with_dtypes(&gpu.device, (way.value, Dtype::F32), way.params.iter().map(|(name, rest)| (*name, shape(rows, rest))))?;
    for (name, rest) in way.params {
        let small: Vec<f32> = written(rows * rest.iter().product::<usize>()).into_iter().map(|x| x / 1024.0).collect();
        tensors.write_value(&gpu.queue, name, &small)?;
    }
    let rounding = way.of("", &[]).rounding;
    let params = tensors.params().into_iter().map(|param| Param { rounding, ..param }).collect();
    Ok((tensors, params))
}

/// A run, and the host's optimizer in the same place, with its values.
struct Both {
    tensors: Tensors,
    optimizer: Optimizer,
    host: CpuOptimizer<f32>,
    values: Vec<Vec<f32>>,
    way: Way,
}

fn both(gpu: &Gpu, way: Way) -> Result<Both, Failed> {
    let (tensors, params) = tensors(gpu, way, HAD)?;
    let adamw = || AdamW { lr: 1e-2, ..AdamW::default() };
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(adamw(), params)], way.options())?;
    for (number, (name, rest)) in way.params.iter().enumerate() {
        let len = HAD * rest.iter().product::<usize>();
        tensors.write_value(&gpu.queue, name, &values(number as u64, len))?;
    }
    let owned = way.params.iter().map(|(name, rest)| way.of(name, &shape(HAD, rest)));
    let host = CpuOptimizer::<f32>::with_options([Group::new(adamw(), owned)], way.options())?;
    let values = way.params.iter().map(|(_, rest)| vec![0.0; HAD * rest.iter().product::<usize>()]).collect();
    let mut both = Both { tensors, optimizer, host, values, way };
    both.run(gpu, HAD, 0)?;
    both.run(gpu, HAD, 10)?;
    let taken = block_on(both.optimizer.checkpoint())?;
    let mut slices: Vec<&mut [f32]> = both.values.iter_mut().map(|own| &mut own[..]).collect();
    both.host.restore(&taken, Some(&mut slices), RestoreOptions::default())?;
    both.is_same()?;
    Ok(both)
}

impl Both {
    /// A step of two micro-batches, and half of another.
    fn run(&mut self, gpu: &Gpu, rows: usize, seed: u64) -> Outcome {
        for (turn, is_step) in [false, true, false].into_iter().enumerate() {
            for (number, (name, rest)) in self.way.params.iter().enumerate() {
                let own = gradients(seed + 100 * turn as u64 + number as u64, rows * rest.iter().product::<usize>());
                self.tensors.write_gradient(&gpu.queue, name, &own)?;
            }
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            if is_step {
                self.optimizer.step(&mut encoder)
            } else {
                self.optimizer.accumulate(&mut encoder)?
            }
            gpu.queue.submit([encoder.finish()]);
        }
        Ok(())
    }

    /// What is kept on both sides is the same, to the bit.
    fn is_same(&self) -> Result<Checkpoint, Failed> {
        let taken = block_on(self.optimizer.checkpoint())?;
        let slices: Vec<&[f32]> = self.values.iter().map(|own| &own[..]).collect();
        let own = self.host.checkpoint(Some(&slices))?;
        // A block that begins has codes and a scale of 0, whose product is a zero with a sign.
        let unsigned = |x: f32| if self.way.states == Dtype::Dynamic8 && x == 0.0 { 0.0 } else { x };
        for (name, _, data) in taken.tensors() {
            let bits = |numbers: &[f32]| numbers.iter().map(|x| unsigned(*x).to_bits()).collect::<Vec<_>>();
            if bits(own.tensor(&name)?) != bits(data) {
                return Err(format!("{name} differs").into());
            }
        }
        Ok(taken)
    }
}

/// By an index, with copies and new rows: kernels move what the host moves, and both go on from there.
fn change(gpu: &Gpu, way: Way) -> Outcome {
    let rows = index();
    let mut own = both(gpu, way)?;
    let (tensors, params) = tensors(gpu, way, rows.len())?;
    let before = core::mem::take(&mut own.values);
    own.values = way.params.iter().map(|(name, _)| block_on(own_values(gpu, &params, name))).collect::<Result<_, _>>()?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let size = 4 * rows.len() as u64;
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&rows));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    own.optimizer.change_rows(&mut encoder, RowChange { rows: Binding::from(&buffer), params, values: true })?;
    gpu.queue.submit([encoder.finish()]);
    let changed = way.params.iter().zip(&before).zip(&mut own.values);
    let changed: Vec<_> =
        changed.map(|(((name, rest), before), now)| (way.of(name, &shape(rows.len(), rest)), Some(&before[..]), &mut now[..])).collect();
    own.host.change_rows(&rows, changed)?;
    let taken = own.is_same()?;
    own.tensors = tensors;
    own.run(gpu, rows.len(), 20)?;
    Ok(must_fail("another step", own.is_same().map(drop).map_err(|failed| format!("{failed:?}"))).and(goes_on(
        gpu,
        way,
        own,
        &taken,
        rows.len(),
    ))?)
}

/// More rows at the end, and then fewer.
fn resize(gpu: &Gpu, way: Way) -> Outcome {
    let mut own = both(gpu, way)?;
    for rows in [HAD + 133, HAD - 57] {
        let (tensors, params) = tensors(gpu, way, rows)?;
        let mut all = Vec::new();
        for ((name, rest), before) in way.params.iter().zip(&own.values) {
            let mut now = block_on(own_values(gpu, &params, name))?;
            let stays = before.len().min(now.len());
            now[..stays].copy_from_slice(&before[..stays]);
            tensors.write_value(&gpu.queue, name, &now)?;
            assert_eq!(now.len(), rows * rest.iter().product::<usize>());
            all.push(now);
        }
        own.values = all;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        own.optimizer.resize_rows(&mut encoder, params)?;
        gpu.queue.submit([encoder.finish()]);
        let resized = way.params.iter().zip(&own.values).map(|((name, rest), now)| (way.of(name, &shape(rows, rest)), &now[..]));
        own.host.resize_rows(resized.collect::<Vec<_>>())?;
        own.tensors = tensors;
        own.is_same()?;
    }
    Ok(())
}

/// What the new tensors hold, as numbers.
async fn own_values(gpu: &Gpu, params: &[Param], name: &str) -> Result<Vec<f32>, Failed> {
    let own = params.iter().find(|param| param.name == name).ok_or("no such parameter")?.clone();
    let reader = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(AdamW::default(), [own])], Options::default())?;
    Ok(reader.read_value(name).await?)
}

/// An optimizer that was made for so many rows goes on from the checkpoint to the same bits.
fn goes_on(gpu: &Gpu, way: Way, changed: Both, taken: &Checkpoint, rows: usize) -> Result<(), wgpu_optim::testing::Failure> {
    let fail = |failed: Failed| wgpu_optim::testing::Failure(format!("{failed:?}"));
    let (tensors, params) = tensors(gpu, way, rows).map_err(fail)?;
    let groups = [Group::new(AdamW { lr: 1e-2, ..AdamW::default() }, params)];
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, way.options())?;
    optimizer.restore(taken, RestoreOptions::default())?;
    let expected = block_on(changed.optimizer.checkpoint())?;
    let mut other = Both { tensors, optimizer, host: changed.host, values: Vec::new(), way };
    other.run(gpu, rows, 20).map_err(fail)?;
    let got = block_on(other.optimizer.checkpoint())?;
    for (name, _, data) in expected.tensors() {
        if got.tensor(&name)? != data {
            return Err(format!("{name} goes on otherwise").into());
        }
    }
    Ok(())
}

/// What has no whole words, or would have to be converted, names itself and both numbers, on both sides with the same words.
fn refused(gpu: &Gpu) -> Outcome {
    let states = |state| Options { state, ..Options::default() };
    let all = |dtype| StateStorage { least: 1, ..StateStorage::all(dtype) };
    let ema = Options { ema: Some(Ema::default()), ..Options::default() };
    let cases = [
        (vec![8, 3], [8, 9], Dtype::F32, false, states(all(Dtype::Bf16)), "w: two of its numbers share a word, and a row has 3"),
        (vec![8, 3], [8, 9], Dtype::F16, false, Options::default(), "w: two of its numbers share a word, and a row has 3"),
        (
            vec![8, 4],
            [8, 9],
            Dtype::F32,
            false,
            states(all(Dtype::Dynamic8)),
            "w: its state \"m\" is in 8 bits, of which blocks of 256 elements share a scale, and a row has 4",
        ),
        (vec![8, 4], [8, 9], Dtype::Bf16, true, Options::default(), "w: it has master values beside values in Bf16"),
        (vec![8, 4], [8, 9], Dtype::Bf16, false, ema, "w: its average \"ema\" has 32 bits and its values 16"),
        (
            vec![1000, 4],
            [1000, 1100],
            Dtype::F32,
            false,
            states(StateStorage::all(Dtype::Bf16)),
            "w: with 4400 elements its states are stored otherwise than with 4000",
        ),
    ];
    for (mut own, [had, has], value_dtype, master, options, expected) in cases {
        own[0] = had;
        let param = |shape: &[usize]| CpuParam { value_dtype, master, ..CpuParam::new("w", shape) };
        let mut host = CpuOptimizer::<f32>::with_options([Group::new(AdamW::default(), [param(&own)])], options)?;
        let on_gpu = |rows: usize| -> Result<(Tensors, Vec<Param>), Failed> {
            let tensors = Tensors::with_dtypes(&gpu.device, (value_dtype, Dtype::F32), [("w", shape(rows, &own[1..]))])?;
            let params = tensors.params().into_iter().map(|param| Param { master, ..param }).collect();
            Ok((tensors, params))
        };
        let (_tensors, params) = on_gpu(had)?;
        let mut optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(AdamW::default(), params)], options)?;
        let (_others, params) = on_gpu(has)?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let told = optimizer.resize_rows(&mut encoder, params).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.starts_with(expected), "{told}");
        let new = shape(has, &own[1..]);
        let numbers = vec![0.0; new.iter().product()];
        let other = host.resize_rows([(param(&new), &numbers[..])]).err().map(|error| error.to_string());
        assert_eq!(other, Some(told));
    }
    Ok(())
}
