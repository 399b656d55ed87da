//! Values in 16 bits, and master values, are read, written, saved and gone on from, bit for bit, converted where that is asked for, and moved.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::{Checkpoint, RestoreOptions};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{gradients, must_fail, values};
use wgpu_optim::{AdamW, Binding, Dtype, Ema, Error, Group, NonFinite, Optimizer, Options, Param, StateStorage, Tensors, wgpu};

use super::{WAYS, Way};
use crate::context::{Context, Outcome};
use crate::read::{kept, read, same};

/// Of several chunks, and odd lengths.
const LENS: [(&str, usize); 3] = [("w", 70_001), ("v", 4_096), ("small", 3)];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (index, way) in WAYS.into_iter().enumerate() {
        let context = &contexts[index % 4];
        trials.push(context.trial(format!("numbers/keeping/resume/{}", way.name), move |gpu| resume(gpu, way)));
        trials.push(context.trial(format!("numbers/keeping/places/{}", way.name), move |gpu| places(gpu, way)));
        trials.push(context.trial(format!("numbers/keeping/change/{}", way.name), move |gpu| change(gpu, way)));
    }
    trials.push(contexts[0].trial("numbers/keeping/convert".into(), convert));
    trials.push(contexts[0].trial("numbers/keeping/master".into(), master));
    trials.push(contexts[0].trial("numbers/keeping/bytes".into(), bytes));
    trials
}

struct Run {
    tensors: Tensors,
    optimizer: Optimizer,
}

fn adamw() -> AdamW {
    AdamW { lr: 1e-2, ..AdamW::default() }
}

impl Run {
    /// With parameters in this order; what a step does must not depend on it.
    fn new(gpu: &Gpu, way: Way, order: &[usize]) -> Result<Self, Failed> {
        let shapes = order.iter().map(|&index| (LENS[index].0, [LENS[index].1]));
        let tensors = Tensors::with_dtypes(&gpu.device, (way.value, way.gradient), shapes)?;
        for (index, (name, len)) in LENS.into_iter().enumerate() {
            tensors.write_value(&gpu.queue, name, &values(index as u64, len))?;
        }
        let options = Options { non_finite: NonFinite::Skip, ema: Some(Ema::default()), ..Default::default() };
        let params = tensors.params().into_iter().map(|param| Param { rounding: way.rounding, master: way.master, ..param });
        let groups = [Group::new(adamw(), params)];
        Ok(Run { optimizer: Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?, tensors })
    }

    fn step(&self, gpu: &Gpu, seed: u64) -> Outcome {
        for (index, (name, len)) in LENS.into_iter().enumerate() {
            self.tensors.write_gradient(&gpu.queue, name, &gradients(100 * seed + index as u64, len))?;
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        Ok(())
    }
}

/// Saved in its own bits, loaded into another optimizer whose parameters come in another order, and one more step: the same bits. The host's optimizer goes on too.
fn resume(gpu: &Gpu, way: Way) -> Outcome {
    let run = Run::new(gpu, way, &[0, 1, 2])?;
    (1..4).try_for_each(|seed| run.step(gpu, seed))?;
    let taken = block_on(run.optimizer.checkpoint())?;
    let bytes = taken.to_bytes()?;
    let stored = safetensors::SafeTensors::deserialize(&bytes)?.tensor("w/value")?.dtype().bitsize();
    assert_eq!(stored, way.value.bits() as usize);
    let read = Checkpoint::from_bytes(&bytes)?;
    assert_eq!(taken, read);
    let resumed = Run::new(gpu, way, &[2, 0, 1])?;
    resumed.optimizer.restore(&read, RestoreOptions::default())?;
    same(&kept(&resumed.optimizer)?, &kept(&run.optimizer)?)?;
    [&run, &resumed].into_iter().try_for_each(|run| run.step(gpu, 4))?;
    same(&kept(&resumed.optimizer)?, &kept(&run.optimizer)?)?;
    let params = LENS.map(|(name, len)| way.of(CpuParam::new(name, &[len])));
    let mut host = CpuOptimizer::<f32>::with_options([Group::new(adamw(), params)], *run.optimizer.options())?;
    let mut slices = LENS.map(|(_, len)| vec![0.0; len]);
    host.restore(&read, Some(&mut slices.each_mut().map(|own| &mut own[..])), RestoreOptions::default())?;
    assert_eq!(host.checkpoint(Some(&slices.each_ref().map(|own| &own[..])))?.to_bytes()?.len(), bytes.len());
    for (name, _, data) in read.tensors() {
        assert_eq!(host.checkpoint(Some(&slices.each_ref().map(|own| &own[..])))?.tensor(&name)?, data, "{name}");
    }
    Ok(())
}

/// What stays when a parameter and an average go is as it was, and goes on as if it had been alone.
fn change(gpu: &Gpu, way: Way) -> Outcome {
    let [mut run, other] = [Run::new(gpu, way, &[0, 1, 2])?, Run::new(gpu, way, &[0, 1, 2])?];
    [&run, &other].into_iter().try_for_each(|run| run.step(gpu, 1))?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    run.optimizer.remove(&mut encoder, ["v"])?;
    gpu.queue.submit([encoder.finish()]);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let options = Options { ema: None, ..*run.optimizer.options() };
    run.optimizer.change_options(&mut encoder, options)?;
    gpu.queue.submit([encoder.finish()]);
    for seed in 2..4 {
        [&run, &other].into_iter().try_for_each(|run| run.step(gpu, seed))?;
        let expected: Vec<_> =
            kept(&other.optimizer)?.into_iter().filter(|(name, _)| !name.starts_with("v/") && !name.ends_with("/ema")).collect();
        same(&kept(&run.optimizer)?, &expected)?;
    }
    Ok(())
}

/// Parameters that go to other offsets, at some of which four numbers cannot be accessed at once, step as those that stay.
fn places(gpu: &Gpu, way: Way) -> Outcome {
    let [mut moved, stays] = [Run::new(gpu, way, &[0, 1, 2])?, Run::new(gpu, way, &[0, 1, 2])?];
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let bytes = |dtype: Dtype, len: usize| 4 * (len as u64 * u64::from(dtype.bits())).div_ceil(32);
    for shift in [0, 4, 8] {
        [&moved, &stays].into_iter().try_for_each(|run| run.step(gpu, 7 + shift))?;
        let mut places = Vec::new();
        for param in moved.optimizer.names().map(str::to_owned).collect::<Vec<_>>() {
            let own = moved.tensors.param(&param)?.clone();
            let len = own.shape[0];
            let of = |dtype, numbers: &[f32]| -> Result<Binding, Failed> {
                let size = bytes(dtype, len);
                let buffer =
                    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: size + 16, usage, mapped_at_creation: false });
                let binding = Binding::new(&buffer, shift, size);
                let given = Param { value_dtype: dtype, ..Param::new("x", &[len], binding.clone(), binding.clone()) };
                written(gpu, &given, numbers)?;
                Ok(binding)
            };
            let value = of(way.value, &block_on(moved.optimizer.read_value(&param))?)?;
            let gradient = of(way.gradient, &block_on(moved.optimizer.read_gradient(&param))?)?;
            places.push((param, value, gradient));
        }
        moved.optimizer.set_places(places.iter().map(|(name, value, gradient)| (&**name, value.clone(), gradient.clone())))?;
        // The same gradients again, which lie elsewhere now.
        [&moved, &stays].into_iter().for_each(|run| {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            run.optimizer.step(&mut encoder);
            gpu.queue.submit([encoder.finish()]);
        });
        same(&kept(&moved.optimizer)?, &kept(&stays.optimizer)?)?;
        let back: Vec<Param> = moved.tensors.params();
        for param in &back {
            moved.tensors.write_value(&gpu.queue, &param.name, &block_on(moved.optimizer.read_value(&param.name))?)?;
        }
        moved.optimizer.set_places(back.iter().map(|param| (&*param.name, param.value.clone(), param.gradient.clone())))?;
    }
    same(&kept(&moved.optimizer)?, &kept(&stays.optimizer)?)
}

/// Writes values by an optimizer over them.
fn written(gpu: &Gpu, param: &Param, numbers: &[f32]) -> Outcome {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let size = 4 * numbers.len() as u64;
    let gradient = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    let param = Param { gradient: Binding::from(&gradient), ..param.clone() };
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(adamw(), [param])], Options::default())?;
    Ok(optimizer.write_value("x", numbers)?)
}

/// A checkpoint of f32 goes into values of 16 bits only if that is asked for; master values then are what the f32 values were, and are what f32 values become.
fn convert(gpu: &Gpu) -> Outcome {
    let converting = RestoreOptions { convert: true, ..Default::default() };
    let plain = Run::new(gpu, Way { value: Dtype::F32, gradient: Dtype::F32, ..WAYS[0] }, &[0, 1, 2])?;
    plain.step(gpu, 1)?;
    let of_f32 = block_on(plain.optimizer.checkpoint())?;
    for way in WAYS.into_iter().filter(|way| way.value != Dtype::F32) {
        let run = Run::new(gpu, way, &[0, 1, 2])?;
        match run.optimizer.restore(&of_f32, RestoreOptions::default()) {
            Err(Error::Differences { differences }) => {
                let text = differences.iter().map(|difference| difference.to_string()).collect::<Vec<_>>().join("; ");
                assert!(text.contains("w/value") && text.contains("dtype"), "{text}");
                assert_eq!(text.contains("w/master"), way.master, "{text}");
            }
            other => return Err(format!("{other:?}").into()),
        }
        run.optimizer.restore(&of_f32, converting)?;
        let own = block_on(run.optimizer.checkpoint())?;
        let (before, rounded) = (of_f32.tensor("w/value")?, own.tensor("w/value")?);
        assert!(before.iter().zip(rounded).all(|(x, y)| (x - y).abs() <= x.abs() / 256.0 + 1e-7) && before != rounded);
        assert_eq!(own.tensor("w/exp_avg")?, of_f32.tensor("w/exp_avg")?);
        if way.master {
            assert_eq!(own.tensor("w/master")?, before);
        }
        run.step(gpu, 2)?;
        let own = block_on(run.optimizer.checkpoint())?;
        must_fail("another dtype", plain.optimizer.restore(&own, RestoreOptions::default()))?;
        plain.optimizer.restore(&own, converting)?;
        let again = block_on(plain.optimizer.checkpoint())?;
        assert_eq!(again.tensor("w/value")?, own.tensor(if way.master { "w/master" } else { "w/value" })?);
        plain.optimizer.restore(&of_f32, RestoreOptions::default())?;
    }
    Ok(())
}

/// What is written is both; what the caller writes beside the optimizer counts before the first step, and only then.
fn master(gpu: &Gpu) -> Outcome {
    let run = Run::new(gpu, WAYS[6], &[0, 1, 2])?;
    assert_eq!(run.optimizer.state_names("small")?, ["m", "v", "master", "ema"]);
    run.optimizer.write_value("small", &[0.3, 1.0, -0.7])?;
    run.tensors.write_value(&gpu.queue, "v", &[5.0; 4096])?;
    assert_eq!(block_on(run.optimizer.read_state("small", "master"))?, [0.3, 1.0, -0.7]);
    let words: Vec<u32> = read(gpu, run.tensors.value("small")?.buffer())?;
    let first = run.tensors.value("small")?.offset() as usize / 4;
    assert_eq!(words[first..first + 2], [0x3f80_3e9a, 0xbf33]);
    run.step(gpu, 1)?;
    let after = block_on(run.optimizer.read_state("small", "master"))?;
    assert!(after.iter().zip([0.3, 1.0, -0.7]).all(|(x, before)| (x - before).abs() < 0.011), "{after:?}");
    assert!(block_on(run.optimizer.read_state("v", "master"))?.iter().all(|x| (x - 5.0).abs() < 0.011));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    run.optimizer.zero_grad(&mut encoder)?;
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(run.optimizer.read_gradient("small"))?, [0.0; 3]);
    run.tensors.write_value(&gpu.queue, "small", &[100.0; 3])?;
    run.step(gpu, 2)?;
    assert!(block_on(run.optimizer.read_value("small"))?.iter().all(|x| x.abs() < 2.0));
    Ok(())
}

/// What is kept, values, gradients and state, is what the README's table says, and 1% at most.
fn bytes(gpu: &Gpu) -> Outcome {
    const ELEMENTS: usize = 10_000_000;
    let (whole, eighth) = (StateStorage::default(), StateStorage::all(Dtype::Dynamic8));
    let cases = [
        ((Dtype::F32, Dtype::F32), false, whole, 16.0),
        ((Dtype::F32, Dtype::F16), false, whole, 14.0),
        ((Dtype::Bf16, Dtype::F32), false, whole, 14.0),
        ((Dtype::F16, Dtype::Bf16), false, whole, 12.0),
        ((Dtype::Bf16, Dtype::Bf16), true, whole, 16.0),
        ((Dtype::F32, Dtype::F32), false, eighth, 10.0 + 8.0 / 256.0),
        ((Dtype::Bf16, Dtype::F16), false, eighth, 6.0 + 8.0 / 256.0),
        ((Dtype::F16, Dtype::F16), true, eighth, 10.0 + 8.0 / 256.0),
    ];
    for (dtypes, master, state, model) in cases {
        let tensors = Tensors::with_dtypes(&gpu.device, dtypes, [("w", [ELEMENTS])])?;
        let params = tensors.params().into_iter().map(|param| Param { master, ..param });
        let options = Options { state, ..Default::default() };
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(AdamW::default(), params)], options)?;
        let given = tensors.value("w")?.buffer().size() + tensors.gradient("w")?.buffer().size();
        let kept = (optimizer.state_bytes() + given) as f64 / ELEMENTS as f64;
        assert!((model..=1.01 * model).contains(&kept), "{dtypes:?}: {kept} bytes for a parameter, and the model says {model}");
    }
    Ok(())
}
