//! With everything switched on: what must make no difference, bit for bit.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::testing::{Scene, Style, must_fail, same_bits};
use wgpu_optim::{Adam, Adan, Group, LrScales, Optimizer, Options, Param, Sgd, Tensors};

use super::Row;
use super::pairs::{Setting, everything, scene};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 8] = [
        ("steps-of-one-submission", steps_of_one_submission),
        ("dropped-encoder", dropped_encoder),
        ("save-load-step", save_load_step),
        ("other-gradients", other_gradients),
        ("options-that-do-nothing", options_that_do_nothing),
        ("multipliers-are-other-rates", multipliers_are_other_rates),
        ("scales-of-one", scales_of_one),
        ("standalone-zero-grad", standalone_zero_grad),
    ];
    rows.into_iter().map(|(name, run)| contexts[0].trial(format!("features/same/{name}"), run)).collect()
}

fn setting() -> Setting {
    let mut setting = everything(Adan { lr: 1e-2, ..Adan::default() }.into(), "clip-adaptive");
    // Gradients that stay, so that every step has some.
    setting.options.zero_grad = false;
    setting
}

fn start(gpu: &Gpu) -> Result<Scene<'_>, Failed> {
    let mut scene = scene(gpu, &setting(), Style::Packed)?;
    scene.next_gradients();
    Ok(scene)
}

/// Two micro-batches and a step, so many times in each of so many submissions.
fn run(scene: &Scene<'_>, submissions: usize, steps: usize) -> Outcome {
    for _ in 0..submissions {
        scene.submit(|optimizer, encoder| {
            (0..steps).try_for_each(|_| {
                optimizer.accumulate(encoder)?;
                optimizer.step(encoder);
                Ok(())
            })
        })?;
    }
    Ok(())
}

fn same(got: &Scene<'_>, expected: &Scene<'_>) -> Outcome {
    for (index, (got, expected)) in got.read()?.iter().zip(&expected.read()?).enumerate() {
        same_bits(&format!("tensor {index}"), got, expected)?;
    }
    assert_eq!(block_on(got.optimizer.read_progress())?, block_on(expected.optimizer.read_progress())?);
    assert_eq!(block_on(got.optimizer.read_steps())?, block_on(expected.optimizer.read_steps())?);
    assert_eq!(block_on(got.optimizer.report())?, block_on(expected.optimizer.report())?);
    Ok(())
}

fn steps_of_one_submission(gpu: &Gpu) -> Outcome {
    let (one, two, hundred) = (start(gpu)?, start(gpu)?, start(gpu)?);
    run(&one, 100, 1)?;
    run(&two, 50, 2)?;
    run(&hundred, 1, 99)?;
    same(&two, &one)?;
    must_fail("99 steps for 100", same(&hundred, &one))?;
    run(&hundred, 1, 1)?;
    same(&hundred, &one)
}

fn dropped_encoder(gpu: &Gpu) -> Outcome {
    let (kept, dropped) = (start(gpu)?, start(gpu)?);
    run(&kept, 1, 3)?;
    run(&dropped, 1, 2)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    dropped.optimizer.accumulate(&mut encoder)?;
    dropped.optimizer.step(&mut encoder);
    dropped.optimizer.swap(&mut encoder, "ema")?;
    drop(encoder);
    run(&dropped, 1, 1)?;
    same(&dropped, &kept)
}

/// Values, states, averages, step counts, scalars and progress carried over to a new optimizer.
fn save_load_step(gpu: &Gpu) -> Outcome {
    let (first, second) = (start(gpu)?, start(gpu)?);
    run(&first, 1, 5)?;
    let (steps, scalars) = (block_on(first.optimizer.read_steps())?, block_on(first.optimizer.read_scalars())?);
    second.optimizer.write_progress(&block_on(first.optimizer.read_progress())?)?;
    for (index, name) in first.names.iter().enumerate() {
        let value = block_on(first.optimizer.read_value(name))?;
        let binding = &second.params[index].value;
        gpu.queue.write_buffer(binding.buffer(), binding.offset(), bytemuck::cast_slice(&value));
        for state in first.states(name) {
            second.optimizer.write_state(name, state, &block_on(first.optimizer.read_state(name, state))?)?;
        }
        second.optimizer.write_steps(name, steps[index])?;
        second.optimizer.write_scalars(name, &scalars[index])?;
    }
    run(&first, 1, 2)?;
    run(&second, 1, 2)?;
    same(&second, &first)
}

/// Gradients somewhere else, between steps and between micro-batches.
fn other_gradients(gpu: &Gpu) -> Outcome {
    let (mut moved, stayed) = (start(gpu)?, start(gpu)?);
    run(&moved, 1, 1)?;
    run(&stayed, 1, 2)?;
    let elsewhere = Tensors::new(&gpu.device, moved.params.iter().map(|param| (param.name.clone(), param.shape.clone())))?;
    for name in moved.names.clone() {
        elsewhere.write_gradient(&gpu.queue, &name, &block_on(moved.optimizer.read_gradient(&name))?)?;
    }
    moved.submit(|optimizer, encoder| optimizer.accumulate(encoder))?;
    moved.optimizer.set_gradients(elsewhere.params().iter().map(|param| (&*param.name, param.gradient.clone())))?;
    moved.submit(|optimizer, encoder| {
        optimizer.step(encoder);
        Ok(())
    })?;
    same(&moved, &stayed)
}

/// A scale of 1, a norm that nothing exceeds, a check that finds nothing: the bits of the plain rule.
fn options_that_do_nothing(gpu: &Gpu) -> Outcome {
    let own = |options| Setting { options, ..super::pairs::setting(Adam::default()) };
    let idle = Options {
        clip: wgpu_optim::Clip::Norm(wgpu_optim::NormClip { max_norm: 1e9, ..Default::default() }),
        loss_scale: wgpu_optim::LossScale::Static(1.0),
        non_finite: wgpu_optim::NonFinite::Skip,
        micro_batches: wgpu_optim::MicroBatches::Mean,
        measure_update: true,
        ..Options::default()
    };
    let mut scenes = [scene(gpu, &own(Options::default()), Style::Single)?, scene(gpu, &own(idle), Style::Single)?];
    for scene in &mut scenes {
        for _ in 0..5 {
            scene.step(|_| true)?;
        }
    }
    for name in &scenes[0].names {
        let [expected, got] = [&scenes[0], &scenes[1]].map(|scene| block_on(scene.optimizer.read_value(name)));
        same_bits(name, &got?, &expected?)?;
        for state in scenes[0].states(name) {
            let [expected, got] = [&scenes[0], &scenes[1]].map(|scene| block_on(scene.optimizer.read_state(name, state)));
            same_bits(name, &got?, &expected?)?;
        }
    }
    Ok(())
}

/// A parameter with a multiplier is the same as one in a group with that learning rate.
fn multipliers_are_other_rates(gpu: &Gpu) -> Outcome {
    let adam = |lr| Adam { lr, weight_decay: 0.1, decoupled_weight_decay: true, ..Adam::default() };
    let param = |name: &str, lr_scale| CpuParam { lr_scale, ..CpuParam::new(name, &[300]) };
    let scaled = vec![Group::new(adam(0.02), [param("a", 1.0), param("b", 0.25)])];
    let apart = vec![Group::new(adam(0.02), [param("a", 1.0)]), Group::new(adam(0.005), [param("b", 1.0)])];
    let [mut scaled, mut apart] = [scaled, apart].map(|groups| Scene::with_options(gpu, groups, Options::default(), Style::Tensors, 3));
    for scene in [&mut scaled, &mut apart] {
        let scene = scene.as_mut().map_err(|failure| failure.clone())?;
        (0..3).try_for_each(|_| scene.step(|_| true))?;
    }
    let (scaled, apart) = (scaled?, apart?);
    for (got, expected) in scaled.read()?.iter().zip(&apart.read()?) {
        same_bits("b", got, expected)?;
    }
    Ok(())
}

/// Scales of 1 are none, and they are read in each step: written anew, they count.
fn scales_of_one(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [257, 3]), ("scales", [257, 1])])?;
    tensors.write_value(&gpu.queue, "scales", &[1.0; 257])?;
    tensors.write_value(&gpu.queue, "a", &[0.5; 771])?;
    let scales = Tensors::new(&gpu.device, [("scales", [257, 1])])?;
    scales.write_value(&gpu.queue, "scales", &[1.0; 257])?;
    let with = Param {
        lr_scales: Some(LrScales { binding: scales.value("scales")?.clone(), shape: vec![257, 1] }),
        ..tensors.param("a")?.clone()
    };
    tensors.write_gradient(&gpu.queue, "a", &[1.0; 771])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd { lr: 0.125, ..Sgd::default() }, [with])?;
    let step = || {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
    };
    step();
    assert_eq!(block_on(optimizer.read_value("a"))?, [0.375; 771]);
    let rows: Vec<f32> = (0..257).map(|row| if row % 2 == 0 { 0.0 } else { 2.0 }).collect();
    scales.write_value(&gpu.queue, "scales", &rows)?;
    step();
    let expected: Vec<f32> = (0..771).map(|i| if i / 3 % 2 == 0 { 0.375 } else { 0.125 }).collect();
    assert_eq!(block_on(optimizer.read_value("a"))?, expected);
    Ok(())
}

/// All gradients, and nothing but gradients, in buffers of any layout.
fn standalone_zero_grad(gpu: &Gpu) -> Outcome {
    for style in wgpu_optim::testing::STYLES {
        let mut scene = scene(gpu, &super::pairs::setting(Adam::default()), style)?;
        let gradients = scene.next_gradients();
        scene.submit(|optimizer, encoder| optimizer.zero_grad(encoder))?;
        for (name, gradient) in scene.names.iter().zip(&gradients) {
            assert_eq!(block_on(scene.optimizer.read_gradient(name))?, vec![0.0; gradient.len()], "{name} of {style:?}");
        }
        if style != Style::Tensors {
            let zeros: Vec<Vec<f32>> = gradients.iter().map(|gradient| vec![0.0; gradient.len()]).collect();
            scene.believe_gradients(&zeros);
            scene.check()?;
        }
    }
    Ok(())
}
