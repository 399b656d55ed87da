//! States in fewer bits are read, written, saved and gone on from, bit for bit, and converted where that is asked for.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::{Checkpoint, RestoreOptions};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{gradients, must_fail, values};
use wgpu_optim::{AdamW, Dtype, Ema, Error, Group, NonFinite, Optimizer, Options, StateStorage, Tensors};

use super::storages;
use crate::context::{Context, Outcome};
use crate::read::{kept, same};

/// Of several blocks and chunks, an odd length, and one that stays f32.
const LENS: [(&str, usize); 3] = [("w", 70_001), ("v", 4_096), ("small", 3)];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        for (name, storage) in all() {
            trials.push(context.trial(format!("storage/keeping/resume/{name}"), move |gpu| resume(gpu, storage)));
            trials.push(context.trial(format!("storage/keeping/skip/{name}"), move |gpu| skip(gpu, storage)));
            trials.push(context.trial(format!("storage/keeping/change/{name}"), move |gpu| change(gpu, storage)));
            trials.push(context.trial(format!("storage/keeping/read-and-write/{name}"), move |gpu| read_and_write(gpu, storage)));
        }
        trials.push(context.trial("storage/keeping/convert".into(), convert));
    }
    trials.push(contexts[0].trial("storage/keeping/bytes".into(), bytes));
    trials
}

/// Each way to store states; and averages in bf16, beside states in f32 and in fewer bits.
fn all() -> Vec<(&'static str, StateStorage)> {
    let averages = |storage| StateStorage { averages: Dtype::Bf16, ..storage };
    let own = [("averages", averages(StateStorage::default())), ("8bit-and-averages", averages(StateStorage::all(Dtype::Dynamic8)))];
    storages().into_iter().chain(own).map(|(name, storage)| (name, StateStorage { least: 4, ..storage })).collect()
}

struct Run {
    tensors: Tensors,
    optimizer: Optimizer,
}

impl Run {
    /// With parameters in this order; what a step does must not depend on it.
    fn new(gpu: &Gpu, storage: StateStorage, order: &[usize]) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, order.iter().map(|&index| (LENS[index].0, [LENS[index].1])))?;
        for (index, (name, len)) in LENS.into_iter().enumerate() {
            tensors.write_value(&gpu.queue, name, &values(index as u64, len))?;
        }
        let options = Options { state: storage, non_finite: NonFinite::Skip, ema: Some(Ema::default()), ..Default::default() };
        let groups = [Group::new(AdamW { lr: 1e-2, ..AdamW::default() }, tensors.params())];
        Ok(Run { optimizer: Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?, tensors })
    }

    fn step(&self, gpu: &Gpu, seed: u64, overflows: bool) -> Outcome {
        for (index, (name, len)) in LENS.into_iter().enumerate() {
            let mut own = gradients(100 * seed + index as u64, len);
            own[0] = if overflows { f32::INFINITY } else { own[0] };
            self.tensors.write_gradient(&gpu.queue, name, &own)?;
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        Ok(())
    }
}

/// Saved, loaded into another optimizer whose parameters come in another order, and one more step: the same bits. And into the CPU's, which has the same numbers then.
fn resume(gpu: &Gpu, storage: StateStorage) -> Outcome {
    let run = Run::new(gpu, storage, &[0, 1, 2])?;
    (1..4).try_for_each(|seed| run.step(gpu, seed, false))?;
    let taken = block_on(run.optimizer.checkpoint())?;
    let read = Checkpoint::from_bytes(&taken.to_bytes()?)?;
    assert_eq!(taken, read);
    let resumed = Run::new(gpu, storage, &[2, 0, 1])?;
    resumed.optimizer.restore(&read, RestoreOptions::default())?;
    same(&kept(&resumed.optimizer)?, &kept(&run.optimizer)?)?;
    [&run, &resumed].into_iter().try_for_each(|run| run.step(gpu, 4, false))?;
    same(&kept(&resumed.optimizer)?, &kept(&run.optimizer)?)?;
    let options = *run.optimizer.options();
    let params = LENS.map(|(name, len)| CpuParam::new(name, &[len]));
    let mut host = CpuOptimizer::<f32>::with_options([Group::new(AdamW { lr: 1e-2, ..AdamW::default() }, params)], options)?;
    let mut slices = LENS.map(|(_, len)| vec![0.0; len]);
    host.restore(&read, Some(&mut slices.each_mut().map(|own| &mut own[..])), RestoreOptions::default())?;
    let again = host.checkpoint(Some(&slices.each_ref().map(|own| &own[..])))?;
    for (name, _, data) in read.tensors() {
        assert_eq!(again.tensor(&name)?, data, "{name}");
    }
    Ok(())
}

/// A skipped step leaves every code and scale as it was.
fn skip(gpu: &Gpu, storage: StateStorage) -> Outcome {
    let run = Run::new(gpu, storage, &[0, 1, 2])?;
    run.step(gpu, 1, false)?;
    let before = kept(&run.optimizer)?;
    run.step(gpu, 2, true)?;
    same(&kept(&run.optimizer)?, &before)?;
    run.step(gpu, 3, false)?;
    Ok(must_fail("a step that was not skipped", same(&kept(&run.optimizer)?, &before).map_err(|failed| format!("{failed:?}")))?)
}

/// What stays when a parameter and an average go is as it was, and goes on as if it had been alone.
fn change(gpu: &Gpu, storage: StateStorage) -> Outcome {
    let [mut run, other] = [Run::new(gpu, storage, &[0, 1, 2])?, Run::new(gpu, storage, &[0, 1, 2])?];
    [&run, &other].into_iter().try_for_each(|run| run.step(gpu, 1, false))?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    run.optimizer.remove(&mut encoder, ["v"])?;
    gpu.queue.submit([encoder.finish()]);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let options = Options { ema: None, ..*run.optimizer.options() };
    run.optimizer.change_options(&mut encoder, options)?;
    gpu.queue.submit([encoder.finish()]);
    for seed in 2..4 {
        [&run, &other].into_iter().try_for_each(|run| run.step(gpu, seed, false))?;
        let expected: Vec<_> =
            kept(&other.optimizer)?.into_iter().filter(|(name, _)| !name.starts_with("v/") && !name.ends_with("/ema")).collect();
        same(&kept(&run.optimizer)?, &expected)?;
    }
    Ok(())
}

/// What is written is rounded, and what was read and is written again is the same.
fn read_and_write(gpu: &Gpu, storage: StateStorage) -> Outcome {
    let run = Run::new(gpu, storage, &[0, 1, 2])?;
    for (name, len) in LENS {
        for state in ["m", "v"] {
            let mut numbers: Vec<f32> = values(3, len).into_iter().map(|x| if state == "v" { x * x } else { x }).collect();
            // The largest of a block below 0 is 0.7% less than that in 8 bits.
            numbers.chunks_mut(256).for_each(|block| block[0] = 8.0);
            run.optimizer.write_state(name, state, &numbers)?;
            let read = block_on(run.optimizer.read_state(name, state))?;
            let is_near = |(x, y): (&f32, &f32)| (x - y).abs() <= 0.01 * x.abs().max(8.0);
            assert!(read.len() == len && numbers.iter().zip(&read).all(is_near), "{name} {state}");
            let dtype = [storage.m, storage.v][usize::from(state == "v")];
            assert_eq!(read != numbers, len > 3 && dtype != Dtype::F32, "{name} {state}");
            run.optimizer.write_state(name, state, &read)?;
            assert_eq!(block_on(run.optimizer.read_state(name, state))?, read);
        }
    }
    Ok(())
}

/// A checkpoint of f32 states goes into others only if that is asked for, and back.
fn convert(gpu: &Gpu) -> Outcome {
    let plain = Run::new(gpu, StateStorage::default(), &[0, 1, 2])?;
    plain.step(gpu, 1, false)?;
    let of_f32 = block_on(plain.optimizer.checkpoint())?;
    let converting = RestoreOptions { convert: true, ..Default::default() };
    for (_, storage) in all() {
        let run = Run::new(gpu, storage, &[0, 1, 2])?;
        match run.optimizer.restore(&of_f32, RestoreOptions::default()) {
            Err(Error::Differences { differences }) => {
                let text = differences.iter().map(|difference| difference.to_string()).collect::<Vec<_>>().join("; ");
                assert_eq!(text.contains("w/exp_avg_sq"), storage.v != Dtype::F32, "{text}");
                assert_eq!(text.contains("w/ema"), storage.averages != Dtype::F32, "{text}");
                assert!(text.contains("dtype"), "{text}");
            }
            other => return Err(format!("{other:?}").into()),
        }
        run.optimizer.restore(&of_f32, converting)?;
        let own = block_on(run.optimizer.checkpoint())?;
        let is_near = |name: &str| -> Result<bool, Failed> {
            let numbers = of_f32.tensor(name)?.iter().zip(own.tensor(name)?);
            let largest = of_f32.tensor(name)?.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            Ok(numbers.into_iter().all(|(x, y)| (x - y).abs() <= 0.01 * largest))
        };
        assert!(is_near("w/exp_avg")? && is_near("w/exp_avg_sq")? && is_near("w/ema")?);
        assert_eq!(own.tensor("small/exp_avg")?, of_f32.tensor("small/exp_avg")?);
        run.step(gpu, 2, false)?;
        let back = Run::new(gpu, StateStorage::default(), &[0, 1, 2])?;
        must_fail("another dtype", back.optimizer.restore(&own, RestoreOptions::default()))?;
        back.optimizer.restore(&own, converting)?;
        let again = block_on(back.optimizer.checkpoint())?;
        assert_eq!(again.tensor("w/exp_avg_sq")?, own.tensor("w/exp_avg_sq")?);
    }
    Ok(())
}

/// What is kept is what the model says, and 1% at most.
fn bytes(gpu: &Gpu) -> Outcome {
    const ELEMENTS: u64 = 1_000_000;
    let of = |m, v| StateStorage { m, v, ..StateStorage::default() };
    let cases = [
        (of(Dtype::F32, Dtype::F32), 8.0),
        (of(Dtype::Bf16, Dtype::Bf16), 4.0),
        (of(Dtype::F16, Dtype::F16), 4.0),
        (of(Dtype::Dynamic8, Dtype::Dynamic8), 2.0 + 2.0 * 4.0 / 256.0),
        (of(Dtype::Bf16, Dtype::Dynamic8), 3.0 + 4.0 / 256.0),
    ];
    for (state, model) in cases {
        let tensors = Tensors::new(&gpu.device, [("w", [ELEMENTS as usize])])?;
        let groups = [Group::new(AdamW::default(), tensors.params())];
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Options { state, ..Default::default() })?;
        let kept = optimizer.state_bytes() as f64 / ELEMENTS as f64;
        assert!((model..=1.01 * model).contains(&kept), "{state:?}: {kept} bytes for a parameter, and the model says {model}");
    }
    Ok(())
}
