//! What averages and accumulated gradients in bf16 come to: copies show what values show, small parts arrive, options change, and memory is what the model says.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{Scene, Style, must_fail};
use wgpu_optim::{
    Adafactor, AdamW, Bf16Copy, Binding, Dtype, Ema, Group, Lookahead, MicroBatches, Optimizer, Options, Param, Rounding, Sgd,
    StateStorage, Swa, Tensors, wgpu,
};

use super::kept::{SHAPES, adamw, all, kept, params, views};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    vec![
        contexts[0].trial("storage/kept/copies".into(), copies),
        contexts[0].trial("storage/kept/slow-average".into(), slow_average),
        contexts[0].trial("storage/kept/many-micro-batches".into(), many_micro_batches),
        contexts[0].trial("storage/kept/changes".into(), changes),
        contexts[0].trial("storage/kept/refusals".into(), refusals),
        contexts[0].trial("storage/kept/bytes".into(), bytes),
    ]
}

/// A copy of the values in bf16 is of those that are shown.
fn copies(gpu: &Gpu) -> Outcome {
    const LEN: usize = 1001;
    let tensors = Tensors::new(&gpu.device, [("w", [LEN])])?;
    tensors.write_value(&gpu.queue, "w", &wgpu_optim::testing::values(1, LEN))?;
    tensors.write_gradient(&gpu.queue, "w", &wgpu_optim::testing::gradients(2, LEN))?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let copy = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 2008, usage, mapped_at_creation: false });
    let bf16_copy = || Some(Bf16Copy::new(Binding::prefix(&copy)));
    let params = tensors.params().into_iter().map(|param| Param { bf16_copy: bf16_copy(), ..param });
    let options = Options { ema: Some(Ema { decay: 0.5, ..Ema::default() }), state: kept(), ..Options::default() };
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(adamw(), params)], options)?;
    let submit = |record: &dyn Fn(&Optimizer, &mut wgpu::CommandEncoder)| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        record(&optimizer, &mut encoder);
        gpu.queue.submit([encoder.finish()]);
    };
    submit(&|optimizer, encoder| (0..3).for_each(|_| optimizer.step(encoder)));
    let ema = block_on(optimizer.read_state("w", "ema"))?;
    let trained = block_on(optimizer.read_value("w"))?;
    submit(&|optimizer, encoder| optimizer.evaluate(encoder));
    let of = |numbers: &[f32]| numbers.iter().map(|x| wgpu_optim::storage::Bf16::nearest(*x)).collect::<Vec<_>>();
    let held = || -> Result<Vec<u16>, Failed> { Ok(bytemuck::cast_slice::<u32, u16>(&crate::read::read(gpu, &copy)?)[..LEN].to_vec()) };
    assert_eq!(block_on(optimizer.read_shown("w"))?, ema);
    assert_eq!(held()?, of(&ema));
    submit(&|optimizer, encoder| optimizer.train(encoder));
    assert_eq!(block_on(optimizer.read_value("w"))?, trained);
    assert_eq!(held()?, of(&trained));
    assert_eq!(block_on(optimizer.read_state("w", "ema"))?, ema);
    Ok(())
}

/// Values that are 2 from the second step on, after 1, with a decay of 0.9999: an average that is rounded as by default arrives, in the mean, where one of f32 does; to the nearest it does not move.
fn slow_average(gpu: &Gpu) -> Outcome {
    const LEN: usize = 4097;
    const STEPS: usize = 20_000;
    let expected = 2.0 - 0.9999_f64.powi(STEPS as i32 - 1);
    for (state, range) in [
        (StateStorage::default(), expected - 1e-3..=expected + 1e-3),
        (kept(), expected - 5e-3..=expected + 5e-3),
        (StateStorage { kept_rounding: Rounding::Nearest, ..kept() }, 1.0..=1.0),
    ] {
        let tensors = Tensors::new(&gpu.device, [("w", [LEN])])?;
        tensors.write_value(&gpu.queue, "w", &[1.0; LEN])?;
        let options = Options { ema: Some(Ema { decay: 0.9999, ..Ema::default() }), state, ..Options::default() };
        let groups = [Group::new(Sgd { lr: 1.0, ..Sgd::default() }, tensors.params())];
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?;
        let mut host =
            CpuOptimizer::<f32>::with_options([Group::new(Sgd { lr: 1.0, ..Sgd::default() }, [CpuParam::new("w", &[LEN])])], options)?;
        let (mut values, zeros) = (vec![1.0; LEN], [0.0; LEN]);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        host.step(&mut [&mut values], &[Some(&zeros)])?;
        optimizer.write_value("w", &[2.0; LEN])?;
        values.fill(2.0);
        for _ in 0..(STEPS - 1).div_ceil(100) {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            (0..100).for_each(|_| optimizer.step(&mut encoder));
            gpu.queue.submit([encoder.finish()]);
        }
        (0..(STEPS - 1).div_ceil(100) * 100).try_for_each(|_| host.step(&mut [&mut values], &[Some(&zeros)]))?;
        let got = block_on(optimizer.read_state("w", "ema"))?;
        assert_eq!(got, host.state("w", "ema")?);
        let mean = got.iter().copied().map(f64::from).sum::<f64>() / LEN as f64;
        assert!(range.contains(&mean), "{state:?}: {mean}, expected {range:?}");
    }
    Ok(())
}

/// A thousand micro-batches of 0.001 are 1 in the mean; to the nearest, their sum stops at 0.5, where half of what lies between two numbers of bf16 is 0.002.
fn many_micro_batches(gpu: &Gpu) -> Outcome {
    const LEN: usize = 4097;
    for (kept_rounding, range) in [(StateStorage::default().kept_rounding, 0.99..=1.01), (Rounding::Nearest, 0.5..=0.5)] {
        let tensors = Tensors::new(&gpu.device, [("w", [LEN])])?;
        tensors.write_gradient(&gpu.queue, "w", &[1e-3; LEN])?;
        let options = Options { micro_batches: MicroBatches::Sum, state: StateStorage { kept_rounding, ..kept() }, ..Options::default() };
        let groups = [Group::new(Sgd { lr: 1.0, ..Sgd::default() }, tensors.params())];
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?;
        for _ in 0..10 {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            (0..100).try_for_each(|_| optimizer.accumulate(&mut encoder))?;
            gpu.queue.submit([encoder.finish()]);
        }
        let got = block_on(optimizer.read_state("w", "accumulated"))?;
        let mean = got.iter().copied().map(f64::from).sum::<f64>() / LEN as f64;
        assert!(range.contains(&mean), "{kept_rounding:?}: {mean}, expected {range:?}");
        assert_eq!(got.iter().any(|x| *x != got[0]), kept_rounding != Rounding::Nearest);
    }
    Ok(())
}

/// Averages and micro-batches go; one in bf16 does not begin in the middle, and micro-batches may.
fn changes(gpu: &Gpu) -> Outcome {
    let groups = || vec![Group::new(adamw(), params(&SHAPES))];
    let mut scene = Scene::with_options(gpu, groups(), all(kept()), Style::Tensors, 1)?;
    scene.step(|_| true)?;
    let less = Options { lookahead: None, micro_batches: MicroBatches::One, ..all(kept()) };
    for options in [less, Options { micro_batches: MicroBatches::Mean, ..less }] {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        scene.optimizer.change_options(&mut encoder, options)?;
        gpu.queue.submit([encoder.finish()]);
        let mut slices = scene.truth.clone();
        scene.twin.change_options(&mut slices.iter_mut().map(|own| &mut own[..]).collect::<Vec<_>>(), options)?;
        if options.accumulates() {
            scene.accumulate(|_| true)?;
        }
        scene.step(|_| true)?;
        scene.check()?;
        views(&mut scene)?;
    }
    let more = Options { lookahead: Some(Lookahead::default()), ..less };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let told = scene.optimizer.change_options(&mut encoder, more).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told.contains("p0: its average \"slow\" would begin now, and averages are stored as Bf16"), "{told}");
    let mut slices = scene.truth.clone();
    let other = scene.twin.change_options(&mut slices.iter_mut().map(|own| &mut own[..]).collect::<Vec<_>>(), more);
    assert_eq!(other.err().map(|error| error.to_string()), Some(told));
    scene.step(|_| true)?;
    Ok(scene.check()?)
}

fn refusals(gpu: &Gpu) -> Outcome {
    let cases = [
        (
            StateStorage { averages: Dtype::F16, ..kept() },
            CpuParam::new("w", &[8]),
            "w: averages in F16: averages and accumulated gradients can be F32 or Bf16",
        ),
        (
            StateStorage { accumulated: Dtype::Dynamic8, ..kept() },
            CpuParam::new("w", &[8]),
            "w: accumulated gradients in Dynamic8: averages",
        ),
        (
            kept(),
            CpuParam::new("w", &[6, 50]),
            "w: its averages cannot be stored as Bf16: two numbers share a word, and its rows of 50 elements begin within words",
        ),
        (
            StateStorage { averages: Dtype::F32, ..kept() },
            CpuParam::new("w", &[6, 50]),
            "w: its accumulated gradients cannot be stored as Bf16: two numbers share a word, and its rows of 50",
        ),
    ];
    for (state, param, expected) in cases {
        let groups = || vec![Group::new(Adafactor::default(), [param.clone()])];
        let on_host = CpuOptimizer::<f32>::with_options(groups(), all(state)).err().map(|error| error.to_string()).unwrap_or_default();
        let on_gpu = Scene::with_options(gpu, groups(), all(state), Style::Tensors, 1).err().map(|failure| failure.0);
        assert!(on_host.starts_with(expected), "{on_host}");
        assert_eq!(on_gpu, Some(on_host));
        // What is not kept is not refused.
        let plain = Options { ema: None, swa: None, lookahead: None, micro_batches: MicroBatches::One, ..all(kept()) };
        CpuOptimizer::<f32>::with_options(groups(), plain)?;
    }
    // The checker of views notices an average that is not what the twin's is.
    let groups = vec![Group::new(adamw(), params(&SHAPES))];
    let mut scene = Scene::with_options(gpu, groups, all(kept()), Style::Tensors, 1)?;
    scene.step(|_| true)?;
    let mut own = block_on(scene.optimizer.read_state("p2", "ema"))?;
    own[7] *= 1.0 + 1.0 / 64.0;
    scene.optimizer.write_state("p2", "ema", &own)?;
    Ok(must_fail("another average", scene.check())?)
}

/// What is kept is what the guide's table (docs/guide/storage.md) says, and 1% at most.
fn bytes(gpu: &Gpu) -> Outcome {
    const ELEMENTS: usize = 1_000_000;
    let ema = Options { ema: Some(Ema::default()), ..Options::default() };
    let both = Options { swa: Some(Swa::default()), ..ema };
    let micro = Options { micro_batches: MicroBatches::Mean, ..Options::default() };
    let (f32, bf16) = (Dtype::F32, Dtype::Bf16);
    // Besides 8 bytes for AdamW's moments.
    let cases = [
        (ema, (f32, false), StateStorage::default(), 4.0),
        (ema, (f32, false), kept(), 2.0 + 2.0),
        (both, (f32, false), kept(), 4.0 + 2.0),
        (ema, (bf16, false), StateStorage::default(), 4.0 + 4.0),
        (ema, (bf16, false), kept(), 2.0),
        (both, (bf16, false), kept(), 4.0),
        (ema, (bf16, true), kept(), 2.0 + 4.0),
        (micro, (f32, false), StateStorage::default(), 4.0),
        (micro, (f32, false), kept(), 2.0),
    ];
    for (options, (dtype, master), state, model) in cases {
        let tensors = Tensors::with_dtypes(&gpu.device, (dtype, f32), [("w", [ELEMENTS])])?;
        let params = tensors.params().into_iter().map(|param| Param { master, ..param });
        let groups = [Group::new(AdamW::default(), params)];
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Options { state, ..options })?;
        let (kept, model) = (optimizer.state_bytes() as f64 / ELEMENTS as f64, 8.0 + model);
        assert!((model..=1.01 * model).contains(&kept), "{dtype:?} {state:?}: {kept} bytes for a parameter, and the model says {model}");
    }
    Ok(())
}
