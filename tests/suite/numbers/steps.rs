//! Steps with all that they do besides their rule, on numbers of 16 bits: averages and views, clips, skips, micro-batches, cleared gradients, masked rows; and steps that rounding would lose.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::testing::{Scene, Style};
use wgpu_optim::{
    Adafactor, AdamW, AdaptiveClip, Clip, Dtype, Ema, Group, Lookahead, MicroBatches, NonFinite, NormClip, Optimizer, Options, Param,
    Rounding, ScheduleFreeAdamW, Sgd, Swa, Tensors,
};

use super::{DRAWN, WAYS, Way};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (index, way) in WAYS.into_iter().enumerate() {
        let context = &contexts[index % 3];
        trials.push(context.trial(format!("numbers/steps/everything/{}", way.name), move |gpu| everything(gpu, way)));
        trials.push(context.trial(format!("numbers/steps/rows/{}", way.name), move |gpu| rows(gpu, way)));
        trials.push(context.trial(format!("numbers/steps/units/{}", way.name), move |gpu| units(gpu, way)));
        trials.push(context.trial(format!("numbers/steps/tiles/{}", way.name), move |gpu| tiles(gpu, way)));
    }
    trials.push(contexts[0].trial("numbers/steps/evaluated".into(), evaluated));
    for (name, rounding, master) in [("nearest", Rounding::Nearest, false), ("drawn", DRAWN, false), ("master", Rounding::Nearest, true)] {
        let row = format!("numbers/steps/a-thousand/{name}");
        trials.push(contexts[0].trial(row, move |gpu| a_thousand(gpu, rounding, master)));
    }
    trials
}

const SHAPES: [&[usize]; 6] = [&[3], &[5, 7], &[4099], &[16, 8], &[0], &[2, 301]];

fn params(way: Way, shapes: &[&[usize]]) -> Vec<CpuParam> {
    shapes.iter().enumerate().map(|(index, shape)| way.of(CpuParam::new(format!("p{index}"), shape))).collect()
}

/// Micro-batches, clipped by their norm, with averages, which are shown and left again, and with a gradient that overflows.
fn everything(gpu: &Gpu, way: Way) -> Outcome {
    let options = Options {
        clip: Clip::Norm(NormClip::default()),
        non_finite: NonFinite::Skip,
        micro_batches: MicroBatches::Mean,
        zero_grad: true,
        ema: Some(Ema { decay: 0.5, ..Ema::default() }),
        swa: Some(Swa { start: 2, every: 1 }),
        lookahead: Some(Lookahead { every: 2, ..Lookahead::default() }),
        measure_update: true,
        ..Options::default()
    };
    let mut params = params(way, &SHAPES);
    params[1].lr_scales = Some(((0..7).map(|column| column as f32 / 8.0).collect(), vec![1, 7]));
    params[2].lr_scale = 0.5;
    let groups = vec![Group::new(AdamW { lr: 1e-2, ..AdamW::default() }, params)];
    let mut scene = Scene::with_options(gpu, groups, options, Style::Packed, 23)?;
    for _ in 0..3 {
        scene.accumulate(|_| true)?;
        scene.step(|_| true)?;
        scene.check()?;
        let (got, expected) = (block_on(scene.optimizer.report())?.update_ratio, scene.twin.report()?.update_ratio);
        let (got, expected) = (got.ok_or("no ratio")?, expected.ok_or("no ratio")?);
        assert!((f64::from(got) - expected).abs() <= 1e-4 * expected, "update ratio {got}, expected {expected}");
        scene.evaluate()?;
        scene.check_values()?;
        scene.train()?;
        scene.check()?;
        scene.swap("swa")?;
        scene.check_values()?;
        scene.swap("swa")?;
        scene.check()?;
        let mut gradients = scene.next_gradients();
        gradients[1][34] = f32::INFINITY;
        scene.set_gradients(&gradients);
        scene.step_with(&gradients, |_| true)?;
        scene.check()?;
    }
    let skips = block_on(scene.optimizer.report())?.skips;
    assert_eq!(skips, 3);
    Ok(())
}

/// Rows of odd lengths, some of which are shown, by the parameter's steps and by their own.
fn rows(gpu: &Gpu, way: Way) -> Outcome {
    let shapes: [&[usize]; 4] = [&[31, 3], &[1500, 5], &[9, 4], &[70, 2]];
    for own_steps in [false, true] {
        let masked = |param: CpuParam| {
            let words = vec![1; param.shape[0]];
            CpuParam { row_mask: Some(CpuRowMask { words, own_steps }), ..param }
        };
        let params: Vec<CpuParam> = params(way, &shapes).into_iter().map(masked).collect();
        let options = Options { zero_grad: true, ema: Some(Ema { decay: 0.5, ..Ema::default() }), ..Options::default() };
        let groups = vec![Group::new(AdamW { lr: 1e-2, ..AdamW::default() }, params)];
        let mut scene = Scene::with_options(gpu, groups, options, Style::Packed, 5)?;
        for _ in 0..4 {
            scene.step(|_| true)?;
            scene.check()?;
        }
    }
    Ok(())
}

/// Gradients that are clipped by the norms of values, by units of odd and of even lengths.
fn units(gpu: &Gpu, way: Way) -> Outcome {
    let shapes: [&[usize]; 4] = [&[12, 7], &[64, 66], &[3, 4099], &[33]];
    let options = Options { clip: Clip::Adaptive(AdaptiveClip { clipping: 0.1, ..AdaptiveClip::default() }), ..Options::default() };
    let groups = vec![Group::new(Sgd { lr: 0.1, momentum: 0.9, ..Sgd::default() }, params(way, &shapes))];
    let mut scene = Scene::with_options(gpu, groups, options, Style::Separate, 7)?;
    for _ in 0..3 {
        scene.step(|_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// A rule over rows and columns, of rows that begin within words, which clears its gradients too; and averages of such tiles.
fn tiles(gpu: &Gpu, way: Way) -> Outcome {
    // The last one is cut where bindings are small.
    let shapes: [&[usize]; 6] = [&[41, 3], &[130, 42], &[64, 64], &[2, 5, 7], &[300, 1], &[300, 151]];
    let options = Options { zero_grad: true, swa: Some(Swa::default()), ..Options::default() };
    for style in [Style::Packed, Style::Single, Style::Tensors] {
        let groups = vec![Group::new(Adafactor::default(), params(way, &shapes))];
        let mut scene = Scene::with_options(gpu, groups, options, style, 3)?;
        for _ in 0..3 {
            scene.step(|_| true)?;
            scene.check()?;
        }
        scene.swap("swa")?;
        scene.check_values()?;
        scene.train()?;
        scene.check()?;
    }
    Ok(())
}

/// A rule's own values to evaluate with are formed of master values, and these are as they were afterwards.
fn evaluated(gpu: &Gpu) -> Outcome {
    for way in WAYS.into_iter().filter(|way| way.master) {
        let groups = vec![Group::new(ScheduleFreeAdamW { lr: 1e-2, ..ScheduleFreeAdamW::default() }, params(way, &SHAPES))];
        let mut scene = Scene::with_options(gpu, groups, Options::default(), Style::Single, 41)?;
        for _ in 0..3 {
            scene.step(|_| true)?;
            scene.check()?;
            scene.evaluate()?;
            scene.check_values()?;
            scene.train()?;
            scene.check()?;
        }
    }
    Ok(())
}

/// A thousand steps of -1e-4 from 1: to the nearest bf16 nothing moves; drawn, the mean arrives at 0.9; and of master values it is the nearest of 0.9. The host's bits are the same.
fn a_thousand(gpu: &Gpu, rounding: Rounding, master: bool) -> Outcome {
    const ELEMENTS: usize = 4097;
    let tensors = Tensors::with_dtypes(&gpu.device, (Dtype::Bf16, Dtype::Bf16), [("w", [ELEMENTS])])?;
    tensors.write_value(&gpu.queue, "w", &[1.0; ELEMENTS])?;
    tensors.write_gradient(&gpu.queue, "w", &[1.0; ELEMENTS])?;
    let params = tensors.params().into_iter().map(|param| Param { rounding, master, ..param });
    let sgd = || Sgd { lr: 1e-4, ..Sgd::default() };
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(sgd(), params)], Options::default())?;
    for _ in 0..10 {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        (0..100).for_each(|_| optimizer.step(&mut encoder));
        gpu.queue.submit([encoder.finish()]);
    }
    let got = block_on(optimizer.read_value("w"))?;
    let own = CpuParam { value_dtype: Dtype::Bf16, rounding, master, ..CpuParam::new("w", &[ELEMENTS]) };
    let mut host = CpuOptimizer::<f32>::new(sgd(), [own])?;
    let mut values = vec![1.0; ELEMENTS];
    for _ in 0..1000 {
        host.step(&mut [&mut values], &[Some(&[1.0; ELEMENTS])])?;
    }
    assert_eq!(got, values);
    let mean = got.iter().copied().map(f64::from).sum::<f64>() / ELEMENTS as f64;
    let expected = match (rounding, master) {
        // Bf16 has 0.8984 and 0.9023 there.
        (_, true) => 0.898..=0.899,
        (Rounding::Nearest, false) => 1.0..=1.0,
        // One element's deviation is 0.019.
        _ => 0.899..=0.901,
    };
    assert!(expected.contains(&mean), "{mean}");
    if master {
        let kept = block_on(optimizer.read_state("w", "master"))?;
        let of_f32 = (0..1000).fold(1.0_f32, |x, _| x - 1e-4);
        assert_eq!(kept, [of_f32; ELEMENTS]);
    }
    Ok(())
}
