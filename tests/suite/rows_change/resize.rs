//! Rows that are appended and dropped at the end, in place where there is room, and memory of the state that is used again.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Made, must_fail};
use wgpu_optim::{
    Adafactor, AdamW, Asgd, Binding, Ema, Group, Lamb, MicroBatches, Optimizer, Options, Param, RowChange, RowMask, ScheduleFreeAdamW, Sgd,
    Swa, Tensors, wgpu,
};

use super::rows::{CHANGING, Scene, index, is, setting, shape, upload, written};
use crate::checkpoints::run::{CpuRun, Run, contents};
use crate::context::{Context, Outcome};

/// Rows that there is room for.
const ROOM: usize = 1200;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rules = || -> [Box<dyn AnyRule>; 6] {
        let [adamw, lamb, free] = [AdamW::default().into(), Lamb::default().into(), ScheduleFreeAdamW::default().into()];
        [adamw, lamb, free, Asgd::default().into(), Adafactor::default().into(), Sgd { momentum: 0.9, ..Sgd::default() }.into()]
    };
    let mut trials = Vec::new();
    for context in contexts {
        // So many rows of tiles have more sums than small bindings take.
        let is_small = ["narrow", "paged"].contains(&context.name);
        for rule in rules().into_iter().filter(|rule| rule.name() != "Adafactor" || !is_small) {
            trials.push(context.trial(format!("rows/resize/{}", rule.name()), move |gpu| resizes(gpu, rule)));
        }
        trials.push(context.trial("rows/again-and-again".into(), again_and_again));
    }
    for rule in rules() {
        trials.push(Trial::test(format!("rows/cpu/resize/{}", rule.name()), move || on_cpu(rule)));
    }
    trials.push(contexts[0].trial("rows/resize/in-one-encoder".into(), in_one_encoder));
    trials.push(contexts[0].trial("rows/resize/refused".into(), refused));
    trials.push(contexts[0].trial("rows/resize/own-step-counts".into(), own_step_counts));
    trials.push(contexts[0].trial("rows/resize/a-reserve-stays".into(), a_reserve_stays));
    trials.push(contexts[0].trial("rows/used-memory-is-cleared".into(), used_memory_is_cleared));
    trials.push(contexts[0].trial("rows/in-a-view".into(), in_a_view));
    trials.push(contexts[0].trial("rows/resize/that-fails".into(), |gpu| {
        let mut scene = Scene::new(gpu, AdamW::default().into(), options())?;
        let mut expected = resized(&contents(&scene.before), 1000);
        expected.entry("means/exp_avg".into()).or_default()[2999] ^= 1;
        resize(&mut scene.run, 1000)?;
        Ok(must_fail("another number", is(&scene.run, &expected))?)
    }));
    trials
}

fn options() -> Options {
    Options {
        ema: Some(Ema { decay: 0.9, ..Ema::default() }),
        swa: Some(Swa::default()),
        micro_batches: MicroBatches::Sum,
        ..Options::default()
    }
}

fn reserved(tensors: &Tensors) -> Vec<Param> {
    tensors.params().into_iter().map(|param| Param { reserved_rows: ROOM, ..param }).collect()
}

/// What the host makes of it: rows as before, then those that the caller wrote, whose state is zero.
fn resized(before: &BTreeMap<String, Vec<u32>>, rows: usize) -> BTreeMap<String, Vec<u32>> {
    let mut after = before.clone();
    for (name, rest) in CHANGING {
        let width: usize = rest.iter().product();
        let had = before[&format!("{name}/value")].len();
        let values: Vec<u32> = written(rows * width).iter().map(|x| x.to_bits()).collect();
        for (tensor, data) in after.iter_mut().filter(|(tensor, _)| tensor.starts_with(&format!("{name}/"))) {
            if *tensor == format!("{name}/col_var") && !rest.is_empty() && rest.len() < 2 {
                continue;
            }
            let of_values = ["value", "ema", "swa", "z", "ax"].iter().any(|key| tensor.ends_with(&format!("/{key}")));
            let len = data.len() / (had / width) * rows;
            let zeros = vec![0; len];
            let own = if of_values { &values } else { &zeros };
            *data = (0..len).map(|at| data.get(at).copied().unwrap_or(own[at])).collect();
        }
    }
    after
}

/// So many rows, of which the new ones are `written`, in buffers of their own.
fn resize(run: &mut Run<'_>, rows: usize) -> Outcome {
    let gpu = run.gpu;
    let tensors = Tensors::new(&gpu.device, CHANGING.map(|(name, rest)| (name, shape(rows, rest))))?;
    let before = run.checkpoint()?;
    for (name, rest) in CHANGING {
        let had = before.tensor(&format!("{name}/value"))?;
        let own = written(rows * rest.iter().product::<usize>());
        let values: Vec<f32> = own.iter().enumerate().map(|(at, own)| had.get(at).copied().unwrap_or(*own)).collect();
        tensors.write_value(&gpu.queue, name, &values)?;
    }
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    run.optimizer.resize_rows(&mut encoder, reserved(&tensors))?;
    gpu.queue.submit([encoder.finish()]);
    run.setting.groups[0].params.iter_mut().for_each(|param| param.shape[0] = rows);
    run.others = Some(tensors);
    Ok(())
}

/// Where the states are: the first part of each, since there are as many parts as rows need.
fn states(run: &Run<'_>) -> Result<Vec<Binding>, Failed> {
    let names = |name: &str| -> Result<Vec<Binding>, Failed> {
        let all = run.optimizer.state_names(name)?.into_iter().map(|state| run.optimizer.state_parts(name, state));
        Ok(all.collect::<Result<Vec<_>, _>>()?.into_iter().filter_map(|parts| parts.into_iter().next()).collect())
    };
    Ok(CHANGING.iter().map(|(name, _)| names(name)).collect::<Result<Vec<_>, _>>()?.concat())
}

/// More rows, once the room is made in place; fewer; more again, over what was dropped; and more than there is room for. Then it goes on as an optimizer that
/// had so many from the beginning.
fn resizes(gpu: &Gpu, rule: Box<dyn AnyRule>) -> Outcome {
    let is_tiled = rule.name() == "Adafactor";
    let mut run = Scene::new(gpu, rule, options())?.run;
    let mut places = Vec::new();
    for (rows, stays) in [(950, false), (1150, true), (601, true), (1200, true), (1250, false)] {
        let expected = resized(&contents(&run.checkpoint()?), rows);
        resize(&mut run, rows)?;
        is(&run, &expected)?;
        let now: Vec<(wgpu::Buffer, u64)> = states(&run)?.iter().map(|own| (own.buffer().clone(), own.offset())).collect();
        assert!(!stays || is_tiled || places == now, "{rows} rows: the state moved");
        places = now;
        run.steps([rows as u64])?;
        run.micro_batch(rows as u64)?;
    }
    let other = Run::new(gpu, &run.setting, 7)?;
    other.optimizer.restore(&run.checkpoint()?, Default::default())?;
    if is_tiled || run.optimizer.rule(0).is_some_and(|rule| !rule.is_staged(rule.counts_matrices())) {
        for run in [&run, &other] {
            run.steps(3..5)?;
        }
        is(&run, &contents(&other.checkpoint()?))?;
    }
    run.steps(5..6)
}

/// Rows move four times: with room, into memory of the change before the last, which is not zero. Without, into new memory. Both are the same.
fn again_and_again(gpu: &Gpu) -> Outcome {
    let mut runs = [Scene::new(gpu, AdamW::default().into(), options())?.run, Scene::new(gpu, AdamW::default().into(), options())?.run];
    let (mut places, mut made) = (Vec::new(), [0; 2]);
    for turn in 0..5_u32 {
        let new = [RowChange::NEW, 7 | RowChange::FRESH].repeat(3 + turn as usize);
        let index: Vec<u32> = index().into_iter().skip(10 * turn as usize).chain(new).collect();
        for (number, run) in runs.iter_mut().enumerate() {
            let tensors = Tensors::new(&gpu.device, CHANGING.map(|(name, rest)| (name, shape(index.len(), rest))))?;
            for (name, rest) in CHANGING {
                tensors.write_value(&gpu.queue, name, &written(index.len() * rest.iter().product::<usize>()))?;
            }
            let params = if number == 0 { reserved(&tensors) } else { tensors.params() };
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            let (rows, so_far) = (upload(gpu, &index), Made::so_far());
            run.optimizer.change_rows(&mut encoder, RowChange { rows: (&rows).into(), params, values: true })?;
            made[number] = so_far.since().buffers;
            gpu.queue.submit([encoder.finish()]);
            run.setting.groups[0].params.iter_mut().for_each(|param| param.shape[0] = index.len());
            run.others = Some(tensors);
            run.steps([u64::from(turn)])?;
            run.micro_batch(u64::from(turn))?;
        }
        assert!(turn < 2 || made[0] < made[1], "turn {turn}: as much memory is made: {made:?} buffers");
        is(&runs[0], &contents(&runs[1].checkpoint()?))?;
        let buffers: Vec<wgpu::Buffer> = states(&runs[0])?.iter().map(|own| own.buffer().clone()).collect();
        places.push(buffers);
    }
    let pages = |turn: usize| places[turn].iter().cloned().collect::<std::collections::HashSet<_>>();
    assert!(pages(2).is_disjoint(&pages(3)) && pages(3).is_disjoint(&pages(4)), "what is read is written");
    // Twice what is in use, and what does not move.
    let in_use: u64 = pages(4).iter().map(wgpu::Buffer::size).sum();
    assert!(runs[0].optimizer.state_bytes() >= 2 * in_use, "{} bytes, {in_use} in use", runs[0].optimizer.state_bytes());
    Ok(())
}

fn on_cpu(rule: Box<dyn AnyRule>) -> Outcome {
    let options = Options { micro_batches: MicroBatches::One, ..options() };
    let mut run = CpuRun::new(&setting(rule, options), 1)?;
    run.steps(0..3)?;
    for rows in [1000, 600] {
        let expected = resized(&contents(&run.checkpoint()?), rows);
        let params = CHANGING.map(|(name, rest)| CpuParam::new(name, &shape(rows, rest)));
        let new = CHANGING.map(|(_, rest)| written(rows * rest.iter().product::<usize>()));
        run.resize_rows(params.to_vec(), &new)?;
        let got = contents(&run.checkpoint()?);
        for (name, data) in &expected {
            assert_eq!(got.get(name), Some(data), "{name}");
        }
        run.steps(3..5)?;
    }
    Ok(())
}

/// A step, rows that are appended in place and another step in one submission are what they are in three.
fn in_one_encoder(gpu: &Gpu) -> Outcome {
    let mut ends = Vec::new();
    for together in [true, false] {
        let mut run = Scene::new(gpu, AdamW::default().into(), Options::default())?.run;
        resize(&mut run, 1000)?;
        run.steps(0..1)?;
        let others = run.others.take().ok_or("no tensors")?;
        let of_rows = |rows: usize| -> Result<Vec<Param>, Failed> {
            // In the same buffers, which have room for 1,000.
            let param = |(name, rest): &(&str, &[usize])| -> Result<Param, Failed> {
                let own = others.param(name)?;
                let bytes = 4 * (rows * rest.iter().product::<usize>()) as u64;
                let part = |binding: &Binding| Binding::new(binding.buffer(), binding.offset(), bytes);
                Ok(Param::new(*name, &shape(rows, rest), part(&own.value), part(&own.gradient)))
            };
            CHANGING.iter().map(param).collect()
        };
        let (fewer, params) = (of_rows(901)?, of_rows(1000)?);
        run.submit_change(|optimizer, encoder| optimizer.resize_rows(encoder, fewer))?;
        let mut buffers = Vec::new();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut next = |encoder: &mut wgpu::CommandEncoder| {
            if !together {
                buffers.push(core::mem::replace(encoder, gpu.device.create_command_encoder(&Default::default())).finish());
            }
        };
        run.optimizer.step(&mut encoder);
        next(&mut encoder);
        run.optimizer.resize_rows(&mut encoder, params)?;
        next(&mut encoder);
        run.optimizer.step(&mut encoder);
        buffers.push(encoder.finish());
        gpu.queue.submit(buffers);
        ends.push(contents(&run.checkpoint()?));
    }
    assert_eq!(ends[0], ends[1]);
    Ok(())
}

fn refused(gpu: &Gpu) -> Outcome {
    let mut run = Scene::new(gpu, AdamW::default().into(), Options::default())?.run;
    let before = contents(&run.checkpoint()?);
    let tensors = Tensors::new(&gpu.device, [("means", vec![10, 4]), ("b", vec![3])])?;
    let mut told = |params: Vec<Param>| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        run.optimizer.resize_rows(&mut encoder, params).err().map(|error| error.to_string())
    };
    let means = tensors.param("means")?.clone();
    let own = "means: it had the shape [900, 3] and gets [10, 4]; only the number of rows may change";
    assert_eq!(told(vec![means.clone()]).as_deref(), Some(own));
    let unknown = told(vec![tensors.param("b")?.clone()]).unwrap_or_default();
    assert!(unknown.starts_with("there is no parameter \"b\""), "{unknown}");
    let right = Param { shape: vec![10, 3], value: Binding::prefix(means.value.buffer()), ..means };
    let right = Param { value: Binding::new(right.value.buffer(), right.value.offset(), 120), ..right };
    let right = Param { gradient: Binding::new(right.gradient.buffer(), right.gradient.offset(), 120), ..right };
    assert_eq!(told(vec![right.clone(), right.clone()]).as_deref(), Some("means: two parameters have this name"));
    let huge = told(vec![Param { reserved_rows: usize::MAX / 2, ..right.clone() }]);
    assert!(huge.is_some_and(|huge| huge.contains("means")), "room that cannot be counted");
    let large = told(vec![Param { reserved_rows: 1 << 50, ..right }]).unwrap_or_default();
    assert!(large.starts_with("means: its reserved_rows, in elements, needs"), "{large}");
    assert_eq!(contents(&run.checkpoint()?), before);
    block_on(run.optimizer.read_steps())?;
    Ok(())
}

/// Step counts of rows go along, also where two parameters change places in the buffer of these.
fn own_step_counts(gpu: &Gpu) -> Outcome {
    let shapes = |a: usize, b: usize| [("a", vec![a, 3]), ("b", vec![b, 3])];
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let words: Vec<u32> = (0..300).map(|row| u32::from(row % 3 != 0)).collect();
    let mask = upload(gpu, &words);
    assert!(mask.usage().contains(usage));
    let params = |tensors: &Tensors| -> Vec<Param> {
        let masked = |param: Param| {
            let mask = RowMask { binding: Binding::new(&mask, 0, 4 * param.shape[0] as u64), own_steps: true };
            Param { row_mask: Some(mask), reserved_rows: 1000, ..param }
        };
        tensors.params().into_iter().map(masked).collect()
    };
    let [before, after] = [Tensors::new(&gpu.device, shapes(100, 300))?, Tensors::new(&gpu.device, shapes(300, 100))?];
    let groups = [Group::new(AdamW::default(), params(&before))];
    let mut optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Options::default())?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    (0..3).for_each(|_| optimizer.step(&mut encoder));
    gpu.queue.submit([encoder.finish()]);
    gpu.queue.write_buffer(&mask, 0, bytemuck::cast_slice(&[1_u32; 40]));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    let counts = |optimizer: &Optimizer, name: &str| block_on(optimizer.read_state(name, "row_steps"));
    let [a, b] = [counts(&optimizer, "a")?, counts(&optimizer, "b")?];
    assert_eq!((a[0], a[1], a[45], b[299]), (1.0, 4.0, 0.0, 4.0));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.resize_rows(&mut encoder, params(&after))?;
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(counts(&optimizer, "a")?, [&a[..], &[0.0; 200]].concat());
    assert_eq!(counts(&optimizer, "b")?, b[..100]);
    Ok(())
}

/// What was reserved holds for a parameter that is named again without it.
fn a_reserve_stays(gpu: &Gpu) -> Outcome {
    let mut run = Scene::new(gpu, AdamW::default().into(), options())?.run;
    resize(&mut run, 950)?;
    for rows in [1150, 700] {
        let places: Vec<(wgpu::Buffer, u64)> = states(&run)?.iter().map(|own| (own.buffer().clone(), own.offset())).collect();
        let tensors = Tensors::new(&gpu.device, CHANGING.map(|(name, rest)| (name, shape(rows, rest))))?;
        run.submit_change(|optimizer, encoder| optimizer.resize_rows(encoder, tensors.params()))?;
        let now: Vec<(wgpu::Buffer, u64)> = states(&run)?.iter().map(|own| (own.buffer().clone(), own.offset())).collect();
        assert!(places == now, "{rows} rows: the state moved");
    }
    Ok(())
}

/// A state that begins where an average was: in memory of before the last change, and in place, it is zero, and the others are what they were.
fn used_memory_is_cleared(gpu: &Gpu) -> Outcome {
    let ema = Options { ema: Some(Ema::default()), ..Options::default() };
    let mut run = Scene::new(gpu, AdamW::default().into(), ema)?.run;
    for (turn, changes) in [2, 0].into_iter().enumerate() {
        for _ in 0..changes {
            let index: Vec<u32> = (0..900).rev().collect();
            let (rows, tensors) = (upload(gpu, &index), Tensors::new(&gpu.device, CHANGING.map(|(name, rest)| (name, shape(900, rest))))?);
            let change = RowChange { rows: (&rows).into(), params: reserved(&tensors), values: true };
            run.submit_change(|optimizer, encoder| optimizer.change_rows(encoder, change))?;
            run.others = Some(tensors);
        }
        let mut expected = contents(&run.checkpoint()?);
        expected.retain(|name, _| !name.ends_with("/ema"));
        let values: Vec<_> =
            expected.iter().filter_map(|(name, data)| Some((name.strip_suffix("/value")?.to_owned(), data.len()))).collect();
        expected.extend(values.into_iter().map(|(name, len)| (format!("{name}/accumulated"), vec![0; len])));
        let sum = Options { micro_batches: MicroBatches::Sum, ..Options::default() };
        run.submit_change(|optimizer, encoder| optimizer.change_options(encoder, sum))?;
        is(&run, &expected).map_err(|error| format!("turn {turn}: {}", error.message().unwrap_or_default()))?;
        run.submit_change(|optimizer, encoder| optimizer.change_options(encoder, ema))?;
    }
    Ok(())
}

/// Rows that change while others than the trained values are shown are what they are otherwise, and the trained ones are shown then.
fn in_a_view(gpu: &Gpu) -> Outcome {
    let mut ends = Vec::new();
    for evaluated in [false, true] {
        let scene = Scene::new(gpu, ScheduleFreeAdamW::default().into(), Options::default())?;
        if evaluated {
            scene.run.submit(|encoder| {
                scene.run.optimizer.evaluate(encoder);
                Ok(())
            })?;
        }
        ends.push(contents(&scene.change(&index(), true)?.checkpoint()?));
    }
    assert!(ends[0] == ends[1], "rows that change in a view");
    Ok(())
}
