//! Very many, very large, very late, nobody at all.

use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::schedule::Schedule;
use wgpu_optim::testing::Made;
use wgpu_optim::{Adam, Clip, DynamicScale, Ema, Error, Group, MicroBatches, NonFinite, NormClip, Optimizer, Options, Tensors};

use super::super::Row;
use super::{sgd, submit};
use crate::context::Outcome;

pub const ROWS: [Row; 8] = [
    ("more-parameters-than-a-binding-holds", many_parameters),
    ("steps-at-the-end-of-u32", last_steps),
    ("shared-gradients", shared_gradients),
    ("a-hundred-thousand-tensors", hundred_thousand),
    ("nobody-takes-part", nobody),
    ("a-parameter-in-another's-padding", in_the_padding),
    ("many-multipliers", many_multipliers),
    ("lookahead-around-values-in-a-state", lookahead_around_values),
];

/// What cannot be bound is an error with both numbers, not wgpu's.
fn many_parameters(gpu: &Gpu) -> Outcome {
    let mut failed = Vec::new();
    for (label, options) in [("plain", Options::default()), ("measured", Options { non_finite: NonFinite::Skip, ..Options::default() })] {
        for count in [2000, 2345, 2400, 2600, 2700, 3000, 8000] {
            let tensors = Tensors::new(&gpu.device, (0..count).map(|index| (format!("p{index}"), [1])))?;
            match Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(wgpu_optim::Lion::default(), tensors.params())], options) {
                Ok(optimizer) => {
                    submit(gpu, |encoder| optimizer.step(encoder));
                    eprintln!("{label}, {count}: steps {:?}", block_on(optimizer.read_steps())?.iter().sum::<u32>());
                }
                Err(error @ Error::Limit { .. }) => eprintln!("{label}, {count}: {error}"),
                Err(other) => failed.push(format!("{label}, {count}: {}", other.to_string().replace('\n', " "))),
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

pub fn cpu_huge_shape() -> Outcome {
    for shape in [[usize::MAX, 2], [1 << 40, 1 << 40]] {
        let made = std::panic::catch_unwind(|| CpuOptimizer::<f32>::new(sgd(1.0), [CpuParam::new("a", &shape)]).map(drop));
        if made.is_err() {
            return Err(format!("{shape:?} panics").into());
        }
    }
    let dynamic = DynamicScale::default();
    assert!(dynamic.init > 0.0);
    Ok(())
}

/// A decimal above f32's largest is refused by Tint (Chrome), though naga rounds it: https://github.com/gfx-rs/wgpu/issues/10106.
pub fn literals_within_f32() -> Outcome {
    fn files(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }
    let mut paths = Vec::new();
    files(&crate::files::file("shaders"), &mut paths);
    assert!(!paths.is_empty(), "no shaders: nothing would be proven");
    let mut failed = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in code.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')) {
                let literal = word.trim_end_matches('f').parse::<f64>().unwrap_or_default();
                if word.contains('e') && literal > f64::from(f32::MAX) {
                    failed.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

/// Counts stay at the end, and nothing becomes infinite or NaN there, whatever the rule.
fn last_steps(gpu: &Gpu) -> Outcome {
    let mut failed = Vec::new();
    for rule in wgpu_optim::rules::all() {
        let tensors = Tensors::new(&gpu.device, [("a", [5])])?;
        tensors.write_value(&gpu.queue, "a", &[1.0, -2.0, 0.5, 0.0, 3.0])?;
        tensors.write_gradient(&gpu.queue, "a", &[1.0, 0.5, -0.25, 0.0, 2.0])?;
        let options = Options {
            non_finite: NonFinite::Skip,
            ema: Some(Ema { warm_up: true, ..Ema::default() }),
            swa: Some(wgpu_optim::Swa::default()),
            lookahead: (!rule.tracks_values()).then(wgpu_optim::Lookahead::default),
            ..Options::default()
        };
        let mut group = Group::new(rule.clone(), tensors.params());
        group.schedules.push(("lr".into(), Schedule::CosineRestarts { from: 1e-2, to: 1e-3, steps: 3, mult: 2 }));
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)?;
        submit(gpu, |encoder| optimizer.step(encoder));
        optimizer.write_steps("a", u32::MAX - 2)?;
        let progress =
            wgpu_optim::step::TrainingProgress { step: u32::MAX - 2, skips: u32::MAX, loss_scale: 1.0, growth_tracker: u32::MAX };
        optimizer.write_progress(&progress)?;
        for _ in 0..4 {
            submit(gpu, |encoder| optimizer.step(encoder));
        }
        let report = block_on(optimizer.report())?;
        let steps = block_on(optimizer.read_steps())?;
        let value = block_on(optimizer.read_value("a"))?;
        if steps != [u32::MAX]
            || report.step != u32::MAX
            || !value.iter().all(|x| x.is_finite() && x.abs() < 50.0)
            || !report.lr[0].is_some_and(|lr| (9e-4..1.1e-2).contains(&lr))
        {
            failed.push(format!("{}: {steps:?} {value:?} {report:?}", rule.name()));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

/// Two parameters may have one gradient, unless it is written.
fn shared_gradients(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4099]), ("b", [4099])])?;
    tensors.write_gradient(&gpu.queue, "a", &[1.0; 4099])?;
    let mut params = tensors.params();
    params[1].gradient = params[0].gradient.clone();
    let options = Options { micro_batches: MicroBatches::Sum, non_finite: NonFinite::Skip, ..Options::default() };
    let made = |options| Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), params.clone())], options);
    let optimizer = made(options)?;
    submit(gpu, |encoder| {
        optimizer.accumulate(encoder).unwrap_or_default();
        optimizer.step(encoder);
    });
    for name in ["a", "b"] {
        assert_eq!(block_on(optimizer.read_value(name))?, [-2.0; 4099]);
    }
    assert!(matches!(made(Options { zero_grad: true, ..options }), Err(Error::Overlap { .. })));
    Ok(())
}

fn hundred_thousand(gpu: &Gpu) -> Outcome {
    let count = 100_000;
    let tensors = Tensors::new(&gpu.device, (0..count).map(|index| (index.to_string(), [1])))?;
    let options = Options {
        clip: Clip::Norm(NormClip { max_norm: 100.0, eps: 0.0, ..NormClip::default() }),
        non_finite: NonFinite::Skip,
        micro_batches: MicroBatches::Sum,
        measure_update: true,
        zero_grad: true,
        ema: Some(Ema::default()),
        ..Options::default()
    };
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    let buffer = tensors.gradient("0")?.buffer();
    gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&vec![1.0_f32; buffer.size() as usize / 4]));
    submit(gpu, |encoder| optimizer.step(encoder));
    let expected = 100.0 / (count as f32).sqrt();
    for name in ["0", "1", "4095", "65535", "65536", "99999"] {
        let value = block_on(optimizer.read_value(name))?[0];
        assert!((value + expected).abs() < 1e-6, "{name}: {value}");
    }
    let before = Made::so_far();
    optimizer.set_active(["77"], false)?;
    let (active, before) = (before.since(), Made::so_far());
    optimizer.set(0, "lr", 0.5)?;
    let lr = before.since();
    assert!((active.pipelines, lr.pipelines) == (0, 0) && active.buffers + lr.buffers < 10, "{active:?}, {lr:?}");
    Ok(())
}

fn nobody(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4]), ("b", [4])])?;
    let options = Options {
        clip: Clip::Norm(NormClip::default()),
        measure_update: true,
        non_finite: NonFinite::Skip,
        micro_batches: MicroBatches::Mean,
        ..Options::default()
    };
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    tensors.write_gradient(&gpu.queue, "a", &[f32::NAN; 4])?;
    optimizer.set_active(["a", "b"], false)?;
    submit(gpu, |encoder| {
        optimizer.accumulate(encoder).unwrap_or_default();
        optimizer.step(encoder);
    });
    let report = block_on(optimizer.report())?;
    assert_eq!((report.step, report.skips, report.gradient_norm, report.largest_gradient), (1, 0, Some(0.0), Some(0.0)));
    optimizer.set_active(["b"], true)?;
    tensors.write_gradient(&gpu.queue, "b", &[0.25; 4])?;
    submit(gpu, |encoder| optimizer.step(encoder));
    assert_eq!(block_on(optimizer.read_value("b"))?, [-0.25; 4]);
    Ok(())
}

/// What the crate's own tensors have after them is theirs: kernels and zero_grad write it.
fn in_the_padding(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [3])])?;
    let within = tensors.gradient("a")?;
    let guest = wgpu_optim::Binding::new(within.buffer(), within.offset() + 12, 4);
    gpu.queue.write_buffer(guest.buffer(), guest.offset(), &1.5_f32.to_le_bytes());
    let other = Tensors::new(&gpu.device, [("g", [1])])?;
    let params = [tensors.param("a")?.clone(), wgpu_optim::Param::new("guest", &[1], guest, other.gradient("g")?.clone())];
    let optimizer = match Optimizer::new(&gpu.device, &gpu.queue, sgd(1.0), params) {
        Ok(optimizer) => optimizer,
        Err(_) => return Ok(()),
    };
    submit(gpu, |encoder| optimizer.zero_grad(encoder).unwrap_or_default());
    let value = block_on(optimizer.read_value("guest"))?;
    if value == [1.5] { Ok(()) } else { Err(format!("zero_grad made the value {value:?}").into()) }
}

/// Blocks of hyper-parameters are words in tables: thousands of them make no more buffers than one, when built and when changed.
fn many_multipliers(gpu: &Gpu) -> Outcome {
    let mut all = Vec::new();
    for count in [1, 2500, 10_000] {
        let tensors = Tensors::new(&gpu.device, (0..count).map(|index| (index.to_string(), [1])))?;
        let mut params = tensors.params();
        (1..).zip(&mut params).for_each(|(index, param)| param.lr_scale = 1.0 / f64::from(index));
        let before = Made::so_far();
        let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), params)?;
        let (built, before) = (before.since(), Made::so_far());
        optimizer.set(0, "lr", 0.5)?;
        all.push((built, before.since()));
    }
    assert!(all.iter().all(|made| *made == all[0]), "building and changing 1, 2,500 and 10,000 made {all:?}");
    Ok(())
}

/// A rule that keeps values in its state would undo what Lookahead does to them.
fn lookahead_around_values(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    let options = Options { lookahead: Some(wgpu_optim::Lookahead::default()), ..Options::default() };
    let group = Group::new(wgpu_optim::MadGrad::default(), tensors.params());
    match Optimizer::with_options(&gpu.device, &gpu.queue, [group], options) {
        Err(Error::Conflict { .. }) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
