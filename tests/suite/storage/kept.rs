//! Averages and accumulated gradients in bf16: kernels keep what the twin keeps, beside everything else that a step does, and views lose nothing.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuParam, CpuRowMask};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Scene, Style};
use wgpu_optim::{
    Adafactor, AdamW, AdaptiveClip, Clip, Dtype, Ema, Group, Lookahead, MicroBatches, NonFinite, NormClip, Options, Rounding,
    ScheduleFreeAdamW, Sgd, StateStorage, Swa,
};

use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        for (name, state) in storages() {
            trials.push(context.trial(format!("storage/kept/everything/{name}"), move |gpu| everything(gpu, state)));
            // Of second moments in 8 bits, values of 16 bits are not certain where views compare all of them.
            if state.v != Dtype::Dynamic8 {
                trials.push(context.trial(format!("storage/kept/values/{name}"), move |gpu| of_values(gpu, state)));
            }
        }
        trials.push(context.trial("storage/kept/tiles".into(), tiles));
        trials.push(context.trial("storage/kept/rows".into(), rows));
        trials.push(context.trial("storage/kept/evaluated".into(), evaluated));
    }
    // Units cannot be cut where small windows cut the state that they are measured with.
    contexts[..2].iter().for_each(|context| trials.push(context.trial("storage/kept/units".into(), units)));
    trials
}

/// Averages and accumulated gradients in bf16, whatever the size of a parameter.
pub(super) fn kept() -> StateStorage {
    StateStorage { averages: Dtype::Bf16, accumulated: Dtype::Bf16, least: 1, ..StateStorage::default() }
}

/// Each of both, and beside states of rules that are f32, drawn by another seed, and 8 bits wide.
fn storages() -> [(&'static str, StateStorage); 6] {
    let nearest = StateStorage { kept_rounding: Rounding::Nearest, ..kept() };
    [
        ("drawn", kept()),
        ("nearest", nearest),
        ("averages", StateStorage { accumulated: Dtype::F32, ..kept() }),
        ("accumulated", StateStorage { averages: Dtype::F32, ..kept() }),
        ("with-bf16", StateStorage { m: Dtype::Bf16, v: Dtype::Bf16, rounding: Rounding::Stochastic { seed: 5 }, ..kept() }),
        ("with-8bit", StateStorage { m: Dtype::Dynamic8, v: Dtype::Dynamic8, ..kept() }),
    ]
}

pub(super) fn adamw() -> AdamW {
    AdamW { lr: 1e-2, ..AdamW::default() }
}

/// All averages, of which one comes back into the values, and micro-batches.
pub(super) fn all(state: StateStorage) -> Options {
    Options {
        clip: Clip::Norm(NormClip::default()),
        non_finite: NonFinite::Skip,
        micro_batches: MicroBatches::Mean,
        zero_grad: true,
        ema: Some(Ema { decay: 0.9, ..Ema::default() }),
        swa: Some(Swa { start: 2, every: 1 }),
        lookahead: Some(Lookahead { every: 2, ..Lookahead::default() }),
        state,
        ..Options::default()
    }
}

pub(super) const SHAPES: [&[usize]; 6] = [&[3], &[5, 7], &[4099], &[16, 8], &[0], &[2, 301]];

pub(super) fn params(shapes: &[&[usize]]) -> Vec<CpuParam> {
    shapes.iter().enumerate().map(|(index, shape)| CpuParam::new(format!("p{index}"), shape)).collect()
}

/// Steps of several micro-batches, one of which overflows, and between them every view.
fn steps(scene: &mut Scene<'_>) -> Outcome {
    for step in 0..3 {
        scene.accumulate(|_| true)?;
        scene.check()?;
        scene.accumulate(|_| true)?;
        scene.step(|_| true)?;
        scene.check()?;
        views(scene)?;
        if step == 1 {
            let mut gradients = scene.next_gradients();
            gradients[1][4] = f32::INFINITY;
            scene.set_gradients(&gradients);
            scene.step_with(&gradients, |_| true)?;
            scene.check()?;
        }
    }
    Ok(())
}

/// Shows every view and comes back; what was trained is there again to the bit.
pub(super) fn views(scene: &mut Scene<'_>) -> Outcome {
    let before = scene.read()?;
    let states = scene.states("p0");
    for average in ["ema", "swa", "slow"].into_iter().filter(|own| states.contains(own)) {
        scene.swap(average)?;
        scene.check_values()?;
        scene.swap(average)?;
        scene.check()?;
    }
    scene.evaluate()?;
    scene.check_values()?;
    scene.train()?;
    scene.check()?;
    let bits = |all: &[Vec<f32>]| all.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(bits(&scene.read()?) == bits(&before), "a view changed something");
    Ok(())
}

fn everything(gpu: &Gpu, state: StateStorage) -> Outcome {
    for (style, seed) in [(Style::Packed, 23), (Style::Tensors, 24)] {
        let mut params = params(&SHAPES);
        params[1].lr_scales = Some(((0..7).map(|column| column as f32 / 8.0).collect(), vec![1, 7]));
        let groups = vec![Group::new(adamw(), params)];
        let mut scene = Scene::with_options(gpu, groups, all(state), style, seed)?;
        steps(&mut scene)?;
    }
    Ok(())
}

/// Beside values of 16 bits: in the format of the averages, in another, and with master values.
fn of_values(gpu: &Gpu, state: StateStorage) -> Outcome {
    let ways = [
        (Dtype::Bf16, Rounding::Stochastic { seed: 3 }, false),
        (Dtype::F16, Rounding::Nearest, false),
        (Dtype::Bf16, Rounding::Nearest, true),
    ];
    for (value_dtype, rounding, master) in ways {
        let own = |param| CpuParam { value_dtype, gradient_dtype: value_dtype, rounding, master, ..param };
        let groups = vec![Group::new(adamw(), params(&SHAPES).into_iter().map(own).collect::<Vec<_>>())];
        let mut scene = Scene::with_options(gpu, groups, all(state), Style::Tensors, 31)?;
        steps(&mut scene)?;
    }
    Ok(())
}

/// Rules over rows and columns, whose rows are of whole vectors.
fn tiles(gpu: &Gpu) -> Outcome {
    let shapes: [&[usize]; 5] = [&[41, 4], &[130, 44], &[64, 64], &[2, 5, 8], &[300, 152]];
    for rule in [Box::<dyn AnyRule>::from(Adafactor::default()), adamw().into()] {
        let groups = vec![Group::new(rule, params(&shapes))];
        let mut scene = Scene::with_options(gpu, groups, all(kept()), Style::Tensors, 3)?;
        steps(&mut scene)?;
    }
    Ok(())
}

/// Rows of odd lengths, some of which are shown, by the parameter's steps and by their own; an average begins in the others too.
fn rows(gpu: &Gpu) -> Outcome {
    let shapes: [&[usize]; 4] = [&[31, 3], &[1500, 5], &[9, 4], &[70, 2]];
    for own_steps in [false, true] {
        let masked = |param: CpuParam| {
            let words = (0..param.shape[0]).map(|row| u32::from(row % 3 != 0)).collect();
            CpuParam { row_mask: Some(CpuRowMask { words, own_steps }), ..param }
        };
        let options = Options { clip: Clip::None, zero_grad: false, ..all(kept()) };
        let groups = vec![Group::new(adamw(), params(&shapes).into_iter().map(masked).collect::<Vec<_>>())];
        let mut scene = Scene::with_options(gpu, groups, options, Style::Tensors, 5)?;
        steps(&mut scene)?;
    }
    Ok(())
}

/// Gradients that are clipped by units of odd and of even lengths, which begin within the words of what was accumulated.
fn units(gpu: &Gpu) -> Outcome {
    let shapes: [&[usize]; 4] = [&[12, 7], &[64, 66], &[3, 4099], &[33]];
    let clip = Clip::Adaptive(AdaptiveClip { clipping: 0.1, ..AdaptiveClip::default() });
    let groups = vec![Group::new(Sgd { lr: 0.1, momentum: 0.9, ..Sgd::default() }, params(&shapes))];
    let mut scene = Scene::with_options(gpu, groups, Options { clip, ..all(kept()) }, Style::Separate, 7)?;
    steps(&mut scene)
}

/// A rule that has values of its own to evaluate with, beside averages.
fn evaluated(gpu: &Gpu) -> Outcome {
    let rule = || ScheduleFreeAdamW { lr: 1e-2, ..ScheduleFreeAdamW::default() };
    let options = Options { lookahead: None, ..all(kept()) };
    let mut scene = Scene::with_options(gpu, vec![Group::new(rule(), params(&SHAPES))], options, Style::Single, 41)?;
    steps(&mut scene)
}
