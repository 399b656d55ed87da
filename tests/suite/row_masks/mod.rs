//! Row masks: what a step does not see stays, to the bit, and costs no dispatch; rows that count their own steps.

mod changes;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{STYLES, Scene, Style, must_fail, same_bits};
use wgpu_optim::{
    Adam, AdamW, AdaptiveClip, Binding, Clip, Ema, Group, NonFinite, Optimizer, Options, Param, RowMask, Sgd, Tensors, rules, wgpu,
};

use crate::context::{Context, Outcome};

type Row = (&'static str, fn(&Gpu) -> Outcome);

/// Rows of one number, of three, of whole vectors, of more than a workgroup's chunk, and a batch of matrices.
const SHAPES: [&[usize]; 6] = [&[4099], &[700, 3], &[300, 48], &[5, 4100], &[9, 4, 5], &[0, 3]];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (number, rule) in rules::all().into_iter().enumerate() {
        for own_steps in [false, true].into_iter().filter(|&own_steps| takes(&*rule, own_steps)) {
            for (turn, style) in STYLES.into_iter().enumerate() {
                let (context, rule) = (&contexts[(number + turn) % 2], rule.clone());
                let steps = if own_steps { "own-steps" } else { "steps" };
                let name = format!("row-masks/{}/{steps}/{style:?}", rule.name());
                trials.push(context.trial(name, move |gpu| agrees(gpu, &*rule, own_steps, style)));
            }
        }
    }
    for context in &contexts[..3] {
        trials.push(context.trial("row-masks/stays".into(), stays));
        trials.push(context.trial("row-masks/windows".into(), windows));
    }
    let rows: [Row; 9] = [
        ("own-steps-are-those-of-rows", own_steps_are_those_of_rows),
        ("skips-by-what-is-seen", skips_by_what_is_seen),
        ("costs-no-dispatch", costs_no_dispatch),
        ("one-submission", one_submission),
        ("rows-change", changes::rows_change),
        ("checkpoint", changes::checkpoint),
        ("refused", changes::refused),
        ("hidden-values-clip-nothing", hidden_values_clip_nothing),
        ("later-settings", changes::later_settings),
    ];
    for (name, row) in rows {
        trials.push(contexts[0].trial(format!("row-masks/{name}"), row));
    }
    trials.push(contexts[1].trial("row-masks/too-many-buffers".into(), changes::too_many_buffers));
    trials
}

/// Whether a rule goes with row masks.
fn takes(rule: &dyn AnyRule, own_steps: bool) -> bool {
    CpuOptimizer::<f32>::new(rule.boxed(), [masked("w", &[2, 2], vec![1, 1], own_steps)]).is_ok()
}

fn masked(name: &str, shape: &[usize], words: Vec<u32>, own_steps: bool) -> CpuParam {
    CpuParam { row_mask: Some(CpuRowMask { words, own_steps }), ..CpuParam::new(name, shape) }
}

fn params(own_steps: bool) -> Vec<CpuParam> {
    let param = |(index, shape): (usize, &&[usize])| masked(&format!("p{index}"), shape, vec![1; shape[0]], own_steps);
    SHAPES.iter().enumerate().map(param).collect()
}

/// Four steps, each with other masks, and NaN for gradients of what they do not show; sentinels around everything.
fn agrees(gpu: &Gpu, rule: &dyn AnyRule, own_steps: bool, style: Style) -> Outcome {
    let group = Group::new(rule.boxed(), params(own_steps));
    let mut scene = Scene::with_options(gpu, vec![group], Options::default(), style, 7)?;
    for _ in 0..4 {
        scene.step(|_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// Bindings of 64 KiB cut a parameter into parts; rows that count their own steps are whole in each.
fn windows(gpu: &Gpu) -> Outcome {
    let rule = || -> Box<dyn AnyRule> { Adam::default().into() };
    for own_steps in [false, true] {
        let params =
            [[10_001, 15], [1100, 64], [50, 1001]].map(|shape| masked(&format!("{shape:?}"), &shape, vec![1; shape[0]], own_steps));
        let group = Group::new(rule(), params);
        let mut scene = Scene::with_options(gpu, vec![group], Options::default(), Style::Tensors, 3)?;
        for _ in 0..3 {
            scene.step(|_| true)?;
            scene.check()?;
        }
    }
    Ok(())
}

/// A buffer of u32.
fn words(gpu: &Gpu, words: &[u32]) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let size = 4 * words.len() as u64;
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
    buffer
}

fn step(gpu: &Gpu, optimizer: &Optimizer) {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
}

/// NaN with a payload, infinities, zeros of both signs and the smallest normal number: what a kernel that computes with them would not leave.
fn odd(len: usize) -> Vec<f32> {
    let bits = [0x7fc0_1234, 0xffc0_0001, 0x7f80_0000, 0x8000_0000, 0x0080_0000, 0x3f80_0001, 0xff80_0000, 0x0000_0000];
    (0..len).map(|i| f32::from_bits(bits[i % bits.len()])).collect()
}

/// Values, states and averages of rows that are not seen are what they were, to the bit, and those that are seen are not.
fn stays(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema { decay: 0.5, ..Ema::default() }), zero_grad: true, ..Options::default() };
    for own_steps in [false, true] {
        for width in [1, 2, 3, 4, 5, 8, 48] {
            let (rows, len) = (101, 101 * width);
            let tensors = Tensors::new(&gpu.device, [("w", [rows, width])])?;
            let mask = words(gpu, &vec![1; rows]);
            let binding = Binding::prefix(&mask);
            let param = Param { row_mask: Some(RowMask { binding, own_steps }), ..tensors.param("w")?.clone() };
            let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(AdamW::default(), [param])], options)?;
            tensors.write_gradient(&gpu.queue, "w", &vec![1.0; len])?;
            step(gpu, &optimizer);
            let shown = |row: usize| row % 3 == 1 || (50..60).contains(&row);
            gpu.queue.write_buffer(&mask, 0, bytemuck::cast_slice(&(0..rows).map(|row| u32::from(shown(row))).collect::<Vec<_>>()));
            tensors.write_value(&gpu.queue, "w", &odd(len))?;
            for state in ["m", "v", "ema"] {
                optimizer.write_state("w", state, &odd(len))?;
            }
            tensors.write_gradient(&gpu.queue, "w", &vec![f32::NAN; len])?;
            step(gpu, &optimizer);
            let mut all = vec![("value", block_on(optimizer.read_value("w"))?)];
            for state in ["m", "v", "ema"] {
                all.push((state, block_on(optimizer.read_state("w", state))?));
            }
            let of = |data: &[f32], seen: bool| -> Vec<f32> {
                data.chunks(width).enumerate().filter(|(row, _)| shown(*row) == seen).flat_map(|(_, row)| row.to_vec()).collect()
            };
            for (name, got) in all {
                same_bits(&format!("{name} in rows of {width}"), &of(&got, false), &of(&odd(len), false))?;
                must_fail("a step", same_bits(name, &of(&got, true), &of(&odd(len), true)))?;
            }
        }
    }
    Ok(())
}

/// A row that was shown three times is where a parameter of that row alone is after three steps, whenever they were.
fn own_steps_are_those_of_rows(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("all", [4, 3]), ("alone", [1, 3])])?;
    let mask = words(gpu, &[0; 4]);
    let row_mask = Some(RowMask { binding: Binding::prefix(&mask), own_steps: true });
    let all = Param { row_mask, ..tensors.param("all")?.clone() };
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), [all, tensors.param("alone")?.clone()])?;
    let gradients = [[0.5, -2.0, 1e-3], [0.25, 1.0, 4.0], [-3.0, 0.125, 1.0]];
    let mut own = 0;
    for turn in 0..9 {
        // Row 2 in every third step, the others in all.
        let is_own = turn % 3 == 2;
        gpu.queue.write_buffer(&mask, 0, bytemuck::cast_slice(&[1, 1, u32::from(is_own), 1]));
        optimizer.set_active(["alone"], is_own)?;
        if is_own {
            tensors.write_gradient(&gpu.queue, "alone", &gradients[own])?;
            tensors.write_gradient(&gpu.queue, "all", &[[1.0; 3], [1.0; 3], gradients[own], [1.0; 3]].concat())?;
            own += 1;
        }
        step(gpu, &optimizer);
    }
    let (all, alone) = (block_on(optimizer.read_value("all"))?, block_on(optimizer.read_value("alone"))?);
    same_bits("row 2", &all[6..9], &alone)?;
    assert_eq!(block_on(optimizer.read_state("all", "row_steps"))?, [9.0, 9.0, 3.0, 9.0]);
    Ok(must_fail("other rows", same_bits("row 1", &all[3..6], &alone))?)
}

/// A gradient that is not finite counts where it is seen.
fn skips_by_what_is_seen(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [300, 7])])?;
    let mask = words(gpu, &[1; 300]);
    let param = Param { row_mask: Some(RowMask::new(&mask)), ..tensors.param("w")?.clone() };
    let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), [param])], options)?;
    let mut gradient = vec![0.5; 2100];
    gradient[7 * 211 + 3] = f32::NAN;
    tensors.write_gradient(&gpu.queue, "w", &gradient)?;
    let mut skips = Vec::new();
    for shown in [1_u32, 0, 1] {
        gpu.queue.write_buffer(&mask, 4 * 211, bytemuck::cast_slice(&[shown]));
        step(gpu, &optimizer);
        let report = block_on(optimizer.report())?;
        skips.push(report.skips);
        if shown == 0 {
            let expected = 0.5 * (299.0_f32 * 7.0).sqrt();
            assert!(report.gradient_norm.is_some_and(|norm| (norm / expected - 1.0).abs() < 1e-6), "{:?}", report.gradient_norm);
        }
    }
    assert_eq!(skips, [1, 1, 2]);
    Ok(())
}

fn costs_no_dispatch(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, (0..20).map(|index| (format!("w{index}"), [30, 4])))?;
    let mask = words(gpu, &[1; 30]);
    let count = |row_mask: Option<RowMask>| -> Result<usize, Failed> {
        let params = tensors.params().into_iter().map(|param| Param { row_mask: row_mask.clone(), ..param });
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), params.collect::<Vec<_>>())?;
        Ok(optimizer.recorded_step().dispatches)
    };
    let own_steps = RowMask { own_steps: true, ..RowMask::new(&mask) };
    assert_eq!([count(None)?, count(Some(RowMask::new(&mask)))?, count(Some(own_steps))?], [2; 3]);
    Ok(())
}

/// Masks that passes write between two steps of one submission are each step's own.
fn one_submission(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [2, 2])])?;
    let (mask, other) = (words(gpu, &[1, 0]), words(gpu, &[0, 1]));
    let param = Param { row_mask: Some(RowMask::new(&mask)), ..tensors.param("w")?.clone() };
    let sgd = wgpu_optim::Sgd { lr: 1.0, ..Default::default() };
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, sgd, [param])?;
    tensors.write_gradient(&gpu.queue, "w", &[-1.0, -2.0, -4.0, -8.0])?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    optimizer.step(&mut encoder);
    encoder.copy_buffer_to_buffer(&other, 0, &mask, 0, 8);
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(optimizer.read_value("w"))?, [2.0, 4.0, 4.0, 8.0]);
    Ok(())
}

/// What rows hold that are not seen does not count in adaptive clipping.
fn hidden_values_clip_nothing(gpu: &Gpu) -> Outcome {
    let stepped = |hidden: f32| -> Result<Vec<f32>, Failed> {
        let tensors = Tensors::new(&gpu.device, [("w", [5])])?;
        let param = Param { row_mask: Some(RowMask::new(words(gpu, &[1, 0, 1, 1, 0]))), ..tensors.param("w")?.clone() };
        let options = Options { clip: Clip::Adaptive(AdaptiveClip { clipping: 0.1, eps: 1e-3 }), ..Options::default() };
        let optimizer =
            Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Sgd { lr: 1.0, ..Sgd::default() }, [param])], options)?;
        tensors.write_value(&gpu.queue, "w", &[1.0, hidden, 2.0, -2.0, hidden])?;
        tensors.write_gradient(&gpu.queue, "w", &[5.0, hidden, -5.0, 1.0, hidden])?;
        step(gpu, &optimizer);
        let values = block_on(optimizer.read_value("w"))?;
        Ok(vec![values[0], values[2], values[3]])
    };
    let zero = stepped(0.0)?;
    assert!(zero.iter().zip([1.0, 2.0, -2.0]).all(|(got, before)| got.is_finite() && *got != before), "{zero:?}");
    same_bits("beside NaN", &stepped(f32::NAN)?, &zero)?;
    Ok(same_bits("beside large values", &stepped(1e6)?, &zero)?)
}
