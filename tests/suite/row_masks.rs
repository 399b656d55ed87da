//! Row masks: what a step does not see stays, to the bit, and costs no dispatch; rows that count their own steps; what is refused.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::RestoreOptions;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{STYLES, Scene, Style, must_fail, same_bits};
use wgpu_optim::{
    Adafactor, Adam, AdamW, AdaptiveClip, Adopt, Binding, Clip, Ema, Error, Group, Lamb, MadGrad, NAdam, NonFinite, Optimizer, Options,
    Param, RowChange, RowMask, Rprop, Sgd, Tensors, rules, wgpu,
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
        ("rows-change", rows_change),
        ("checkpoint", checkpoint),
        ("refused", refused),
        ("hidden-values-clip-nothing", hidden_values_clip_nothing),
        ("later-settings", later_settings),
    ];
    for (name, row) in rows {
        trials.push(contexts[0].trial(format!("row-masks/{name}"), row));
    }
    trials.push(contexts[1].trial("row-masks/too-many-buffers".into(), too_many_buffers));
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

/// Rows that are kept take their states and counts along; new ones begin.
fn rows_change(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [3])])?;
    let mask = words(gpu, &[1, 0, 1]);
    let row_mask = |mask| Some(RowMask { own_steps: true, ..RowMask::new(mask) });
    let param = Param { row_mask: row_mask(&mask), ..tensors.param("w")?.clone() };
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), [param])?;
    let mut twin = CpuOptimizer::<f32>::new(Adam::default(), [masked("w", &[3], vec![1, 0, 1], true)])?;
    let mut before = vec![1.0, 2.0, 3.0];
    tensors.write_value(&gpu.queue, "w", &before)?;
    tensors.write_gradient(&gpu.queue, "w", &[1.0, 2.0, -3.0])?;
    step(gpu, &optimizer);
    twin.step(&mut [&mut before], &[Some(&[1.0, 2.0, -3.0])])?;
    let (wider, index) = (Tensors::new(&gpu.device, [("w", [4])])?, [2, RowChange::NEW, 0, 2 | RowChange::FRESH]);
    let (mask, rows) = (words(gpu, &[1; 4]), words(gpu, &index));
    let param = Param { row_mask: row_mask(&mask), ..wider.param("w")?.clone() };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.change_rows(&mut encoder, RowChange { rows: rows.into(), params: vec![param], values: true })?;
    gpu.queue.submit([encoder.finish()]);
    let mut now = vec![0.0; 4];
    twin.change_rows(&index, [(masked("w", &[4], vec![1; 4], true), Some(&before[..]), &mut now[..])])?;
    assert_eq!(block_on(optimizer.read_state("w", "row_steps"))?, [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(twin.state("w", "row_steps")?, [1.0, 0.0, 1.0, 0.0]);
    wider.write_gradient(&gpu.queue, "w", &[0.5; 4])?;
    step(gpu, &optimizer);
    twin.step(&mut [&mut now], &[Some(&[0.5; 4])])?;
    let got = block_on(optimizer.read_value("w"))?;
    assert!(got.iter().zip(&now).all(|(got, twin)| (got - twin).abs() <= 1e-6), "{got:?}, {now:?}");
    Ok(())
}

/// Step counts of rows are part of a checkpoint; one without them does not fit.
fn checkpoint(gpu: &Gpu) -> Outcome {
    let make = |tensors: &Tensors, own_steps| -> Result<Optimizer, Failed> {
        let row_mask = Some(RowMask { own_steps, ..RowMask::new(words(gpu, &[1, 0, 1])) });
        let param = Param { row_mask, ..tensors.param("w")?.clone() };
        Ok(Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), [param])?)
    };
    let tensors = || -> Result<Tensors, Failed> {
        let tensors = Tensors::new(&gpu.device, [("w", [3, 2])])?;
        tensors.write_gradient(&gpu.queue, "w", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
        Ok(tensors)
    };
    let (one, other) = (tensors()?, tensors()?);
    let (first, second) = (make(&one, true)?, make(&other, true)?);
    step(gpu, &first);
    step(gpu, &first);
    let checkpoint = block_on(first.checkpoint())?;
    assert_eq!(checkpoint.tensor("w/row_steps")?, [2.0, 0.0, 2.0]);
    second.restore(&checkpoint, RestoreOptions::default())?;
    [&first, &second].into_iter().for_each(|optimizer| step(gpu, optimizer));
    let [first, second] = [&first, &second].map(|optimizer| block_on(optimizer.read_value("w")));
    same_bits("values", &second?, &first?)?;
    let plain = make(&tensors()?, false)?.restore(&checkpoint, RestoreOptions::default()).map_err(|error| error.to_string());
    assert!(plain.as_ref().is_err_and(|message| message.contains("row_steps")), "{plain:?}");
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

/// What would be refused at first is refused later; and counts may begin with other rows.
fn later_settings(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [4, 3])])?;
    let sgd = Sgd { momentum: 0.9, ..Sgd::default() };
    let param = Param { row_mask: Some(RowMask::new(words(gpu, &[1; 4]))), ..tensors.params()[0].clone() };
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, sgd, [param])?;
    let mut twin = CpuOptimizer::<f32>::new(sgd, [masked("w", &[4, 3], vec![1; 4], false)])?;
    let expected = "w: a row_mask or a row-sparse gradient does not go with Sgd, whose first step is not like the others";
    for set in [optimizer.set(0, "dampening", 0.5), twin.set(0, "dampening", 0.5)] {
        let got = set.map_err(|error| error.to_string());
        assert!(got.as_ref().is_err_and(|message| message.starts_with(expected)), "{got:?}");
    }
    optimizer.set(0, "lr", 0.5)?;
    twin.step(&mut [&mut [0.0; 12]], &[Some(&[1.0; 12])])?;
    twin.change_rows(&[0, 3], [(masked("w", &[2, 3], vec![1; 2], true), None, &mut [0.0; 6][..])])?;
    assert_eq!(twin.state("w", "row_steps")?, [0.0, 0.0]);
    Ok(())
}

fn refused(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [4, 3])])?;
    let made = |rule: Box<dyn AnyRule>, row_mask: RowMask, options: Options| {
        let param = Param { row_mask: Some(row_mask), ..tensors.params()[0].clone() };
        let made = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, [param])], options);
        made.err().map_or(String::new(), |error| error.to_string())
    };
    let mask = words(gpu, &[1; 4]);
    let (plain, own) = (RowMask::new(&mask), RowMask { own_steps: true, ..RowMask::new(&mask) });
    let adam = || -> Box<dyn AnyRule> { Adam::default().into() };
    let none = Options::default;
    let shared = |binding: &Binding| RowMask::new(Binding::new(binding.buffer(), 0, 16));
    let (value, gradient) = (shared(tensors.value("w")?), shared(tensors.gradient("w")?));
    let zero_grad = || Options { zero_grad: true, ..Options::default() };
    let unusable = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let cases: [(Box<dyn AnyRule>, RowMask, Options, &str); 12] = [
        (adam(), plain.clone(), none(), ""),
        (adam(), gradient.clone(), none(), ""),
        (adam(), RowMask::new(words(gpu, &[1; 5])), none(), "w: shape [4] in u32 takes 16 bytes, the row_mask binding has 20"),
        (adam(), RowMask::new(Binding::new(&mask, 2, 14)), none(), "w: the row_mask binding starts at byte 2"),
        (adam(), RowMask::new(unusable), none(), "w: the row_mask buffer"),
        (adam(), value, none(), "w: its row_mask is in the buffer of w's value; WebGPU needs it in one of its own"),
        (adam(), gradient, zero_grad(), "w: its row_mask is in the buffer of w's gradient; WebGPU needs it in one of its own"),
        (Lamb::default().into(), plain.clone(), none(), "w: a row_mask does not go with Lamb, which has sums over whole tensors"),
        (Adafactor::default().into(), own.clone(), none(), "w: a row_mask does not go with Adafactor, which has sums over whole tensors"),
        (MadGrad::default().into(), own.clone(), none(), "w: a row_mask does not go with MadGrad, which keeps values in its state"),
        (Rprop::default().into(), plain.clone(), none(), "w: a row_mask does not go with Rprop, whose first step is not like the others"),
        (NAdam::default().into(), own.clone(), none(), "w: a row_mask does not go with NAdam, which forms the scalars of a step from"),
    ];
    for (rule, mask, options, expected) in cases {
        let (name, got) = (rule.name(), made(rule, mask, options));
        assert!(got.starts_with(expected) && got.is_empty() == expected.is_empty(), "{name}: {got}");
    }
    assert_eq!(made(Adopt::default().into(), own, none()), "");
    let twin = CpuOptimizer::<f32>::new(Adam::default(), [masked("w", &[4, 3], vec![1; 5], false)]).err();
    assert_eq!(twin.map(|error| error.to_string()), Some("w: the row_mask must have 4 elements, got 5".into()));
    let mut twin = CpuOptimizer::<f32>::new(Adam::default(), [("w", 3)])?;
    assert_eq!(twin.set_row_mask("w", &[1]), Err(Error::NotEnabled { what: "set_row_mask", needs: "CpuParam::row_mask" }));
    assert!(matches!(twin.set_row_mask("v", &[1]), Err(Error::UnknownName { .. })));
    Ok(())
}

/// With WebGPU's 8 storage buffers, one is missing for rows that count their own steps beside everything else.
fn too_many_buffers(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [4, 3]), ("scales", [4, 3])])?;
    let scales = Tensors::new(&gpu.device, [("scales", [4, 1])])?;
    let lr_scales = Some(wgpu_optim::LrScales { binding: scales.value("scales")?.clone(), shape: vec![4, 1] });
    let made = |own_steps| {
        let row_mask = Some(RowMask { own_steps, ..RowMask::new(words(gpu, &[1; 4])) });
        let param = Param { row_mask, lr_scales: lr_scales.clone(), ..tensors.params()[0].clone() };
        let options = Options { measure_update: true, ..Options::default() };
        Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), [param])], options).map(drop)
    };
    made(false)?;
    match made(true) {
        Err(Error::Limit { needed: 9, limit: "max_storage_buffers_per_shader_stage", allowed: 8, .. }) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
