//! Parameters that get other places between steps: bit for bit what parameters do that stay where they are, and nothing made without need.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::{Made, Random, same_bits};
use wgpu_optim::{
    AdamW, AdaptiveClip, Binding, Clip, Ema, Group, Lion, LrScales, MicroBatches, NormClip, NormScope, Optimizer, Options, Param, Sgd,
};

use super::sequences::Draw;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (number, context) in contexts.iter().enumerate() {
        for seed in 0..6 {
            let seed = 100 * number as u64 + seed;
            trials.push(context.trial(format!("features/places/random/{seed}"), move |gpu| random_moves(gpu, seed)));
        }
        trials.push(context.trial("features/places/recorded-before".into(), recorded_before));
        trials.push(context.trial("features/places/nothing-is-made".into(), nothing_is_made));
    }
    trials
}

/// Lengths, and a tensor's rows.
const SHAPES: [[usize; 2]; 7] = [[1, 3], [5, 7], [1, 257], [1, 4097], [16, 100], [4, 512], [1, 8]];

/// Where values and gradients of all parameters are.
type Places = Vec<(Binding, Binding)>;

fn buffer(gpu: &Gpu, bytes: u64) -> wgpu::Buffer {
    use wgpu::BufferUsages as Usage;
    let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: bytes, usage, mapped_at_creation: false })
}

fn elements(shape: [usize; 2]) -> u64 {
    (shape[0] * shape[1]) as u64
}

/// How buffers are shared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sharing {
    /// Each tensor has two of its own.
    Own,
    /// All values one, all gradients another.
    Two,
    /// All are in one.
    One,
}

/// Buffers for tensors of these shapes, with room to move in.
struct Pool {
    sharing: Sharing,
    buffers: Vec<wgpu::Buffer>,
}

/// Elements by which tensors can move.
const SPARE: u64 = 64;

impl Pool {
    fn new(gpu: &Gpu, sharing: Sharing, shapes: &[[usize; 2]]) -> Self {
        let room = |shape: &[usize; 2]| 4 * (elements(*shape).next_multiple_of(4) + SPARE);
        let all: u64 = shapes.iter().map(room).sum();
        let buffers = match sharing {
            Sharing::Own => shapes.iter().flat_map(|shape| [room(shape); 2]).map(|bytes| buffer(gpu, bytes)).collect(),
            Sharing::Two => vec![buffer(gpu, all), buffer(gpu, all)],
            Sharing::One => vec![buffer(gpu, 2 * all)],
        };
        Pool { sharing, buffers }
    }

    /// Tensors one after the other, each as many times `granule` elements further than it could be as `shift` says.
    fn places(&self, shapes: &[[usize; 2]], mut shift: impl FnMut() -> u64) -> Places {
        let mut at = 0;
        let one = |(index, &shape): (usize, &[usize; 2])| {
            let (len, room) = (elements(shape), elements(shape).next_multiple_of(4) + SPARE);
            let (value, gradient) = match self.sharing {
                Sharing::Own => ((2 * index, 0), (2 * index + 1, 0)),
                Sharing::Two => ((0, at), (1, at)),
                Sharing::One => ((0, 2 * at), (0, 2 * at + room)),
            };
            at += room;
            let mut binding = |(buffer, at): (usize, u64)| Binding::new(&self.buffers[buffer], 4 * (at + shift()), 4 * len);
            (binding(value), binding(gradient))
        };
        shapes.iter().enumerate().map(one).collect()
    }
}

/// The same parameters, in these places.
fn params(shapes: &[[usize; 2]], places: &Places, scales: &[Option<LrScales>]) -> Vec<Param> {
    let own = shapes.iter().zip(places).zip(scales).enumerate();
    own.map(|(index, ((shape, (value, gradient)), scales))| Param {
        lr_scales: scales.clone(),
        ..Param::new(format!("p{index}"), shape, value.clone(), gradient.clone())
    })
    .collect()
}

fn optimizer(gpu: &Gpu, params: Vec<Param>, clips: [Option<Clip>; 2], options: Options) -> Result<Optimizer, Failed> {
    let middle = params.len() / 2;
    let (first, second) = params.split_at(middle);
    let mut groups = [
        Group::new(AdamW { lr: 1e-2, ..AdamW::default() }, first.to_vec()),
        Group::new(Lion { lr: 1e-2, weight_decay: 0.1, ..Lion::default() }, second.to_vec()),
    ];
    groups.iter_mut().zip(clips).for_each(|(group, clip)| group.clip = clip);
    Ok(Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?)
}

fn write(gpu: &Gpu, binding: &Binding, data: &[f32]) {
    gpu.queue.write_buffer(binding.buffer(), binding.offset(), bytemuck::cast_slice(data));
}

fn submit(gpu: &Gpu, record: impl FnOnce(&mut wgpu::CommandEncoder) -> wgpu_optim::Result<()>) -> Outcome {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    record(&mut encoder)?;
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}

fn step(gpu: &Gpu, optimizer: &Optimizer) -> Outcome {
    submit(gpu, |encoder| {
        optimizer.step(encoder);
        Ok(())
    })
}

/// One optimizer whose parameters move before every step, and one whose parameters never do.
fn random_moves(gpu: &Gpu, seed: u64) -> Outcome {
    let mut draw = Draw(Random(0x9_1ace + seed));
    let shapes: Vec<[usize; 2]> = (0..4 + draw.below(4)).map(|_| draw.of(&SHAPES)).collect();
    let mut options = draw.options();
    let adaptive = Some(Clip::Adaptive(AdaptiveClip { clipping: 0.2, eps: 1e-2 }));
    let norm = Some(Clip::Norm(NormClip { max_norm: 0.5, over: NormScope::Group, ..NormClip::default() }));
    // Adaptive clipping reads what was accumulated in one binding, which is too small for all that is kept of the largest tensor on some devices.
    let accumulates = options.micro_batches != MicroBatches::One;
    if accumulates && matches!(options.clip, Clip::Adaptive(_)) {
        options.clip = Clip::None;
    }
    let clips = [draw.of(&[None, adaptive]).filter(|_| !accumulates), draw.of(&[None, norm])];
    let scales: Vec<Option<LrScales>> = shapes.iter().map(|&[rows, _]| draw.chance(4).then(|| scales(gpu, rows))).collect();
    let mut pools = vec![Pool::new(gpu, Sharing::Own, &shapes)];
    let (home, mut places) = (Pool::new(gpu, Sharing::Own, &shapes).places(&shapes, || 0), pools[0].places(&shapes, || 0));
    let stays = optimizer(gpu, params(&shapes, &home, &scales), clips, options)?;
    let mut moves = optimizer(gpu, params(&shapes, &places, &scales), clips, options)?;
    let numbers = |draw: &mut Draw, len: u64| (0..len).map(|_| (draw.below(2001) as f32 - 1000.0) / 500.0).collect::<Vec<f32>>();
    for (index, &shape) in shapes.iter().enumerate() {
        let values = numbers(&mut draw, elements(shape));
        write(gpu, &home[index].0, &values);
        write(gpu, &places[index].0, &values);
    }
    let names: Vec<String> = (0..shapes.len()).map(|index| format!("p{index}")).collect();
    for round in 0..12 {
        refused(&mut moves, &names, &places);
        places = moved(gpu, &mut draw, &mut moves, &names, &shapes, &mut pools, &places)?;
        let micro_batches = if options.micro_batches == MicroBatches::One { 1 } else { 1 + draw.below(3) };
        for batch in 0..micro_batches {
            for (index, &shape) in shapes.iter().enumerate() {
                let gradients = numbers(&mut draw, elements(shape));
                write(gpu, &home[index].1, &gradients);
                write(gpu, &places[index].1, &gradients);
            }
            for optimizer in [&stays, &moves] {
                if batch + 1 < micro_batches {
                    submit(gpu, |encoder| optimizer.accumulate(encoder))?;
                } else {
                    step(gpu, optimizer)?;
                }
            }
            if batch + 1 < micro_batches && draw.chance(2) {
                places = moved(gpu, &mut draw, &mut moves, &names, &shapes, &mut pools, &places)?;
            }
        }
        if options.ema.is_some() && draw.chance(3) {
            for optimizer in [&stays, &moves] {
                submit(gpu, |encoder| {
                    optimizer.evaluate(encoder);
                    optimizer.train(encoder);
                    Ok(())
                })?;
            }
        }
        for name in &names {
            let values = [&stays, &moves].map(|optimizer| block_on(optimizer.read_value(name)));
            let [expected, got] = values;
            same_bits(&format!("round {round}: {name}"), &got?, &expected?)?;
            for state in stays.state_names(name)? {
                let [expected, got] = [&stays, &moves].map(|optimizer| block_on(optimizer.read_state(name, state)));
                same_bits(&format!("round {round}: {name} {state}"), &got?, &expected?)?;
            }
        }
    }
    assert_eq!(block_on(moves.read_steps())?, block_on(stays.read_steps())?);
    Ok(())
}

fn scales(gpu: &Gpu, rows: usize) -> LrScales {
    let data: Vec<f32> = (0..rows).map(|row| [1.0, 0.25, 0.7][row % 3]).collect();
    let binding = Binding::from(buffer(gpu, 4 * rows as u64));
    write(gpu, &binding, &data);
    LrScales { binding, shape: vec![rows, 1] }
}

/// What is wrong changes nothing.
fn refused(optimizer: &mut Optimizer, names: &[String], places: &Places) {
    let (value, gradient) = &places[1];
    let shifted = |binding: &Binding, by| {
        Binding::new(binding.buffer(), binding.offset() + by, 4 * binding.as_wgpu().size.map_or(0, |size| size.get()) / 4)
    };
    assert!(optimizer.set_places([(&*names[0], value.clone(), gradient.clone())]).is_err());
    assert!(optimizer.set_places([(&*names[1], shifted(value, 2), gradient.clone())]).is_err());
    assert!(optimizer.set_places([(&*names[1], value.clone(), value.clone())]).is_err());
    assert!(optimizer.set_places([(&*names[1], value.clone(), gradient.clone()), ("nobody", value.clone(), gradient.clone())]).is_err());
    assert!(optimizer.set_gradients([(&*names[1], value.clone())]).is_err());
    assert!(optimizer.set_values([(&*names[1], Binding::new(value.buffer(), value.offset(), 0))]).is_err());
}

/// Takes the values along to other places: all of them, or some, in buffers that were used before, or not.
fn moved(
    gpu: &Gpu,
    draw: &mut Draw,
    optimizer: &mut Optimizer,
    names: &[String],
    shapes: &[[usize; 2]],
    pools: &mut Vec<Pool>,
    places: &Places,
) -> Result<Places, Failed> {
    let granule = draw.of(&[4, 4, 1]);
    let is_new = draw.chance(3);
    if is_new {
        let sharing = draw.of(&[Sharing::Own, Sharing::Own, Sharing::Two, Sharing::One]);
        pools.push(Pool::new(gpu, sharing, shapes));
    }
    let number = if is_new { pools.len() - 1 } else { draw.below(pools.len()) };
    let shift = |draw: &mut Draw| granule * draw.below((SPARE / granule) as usize) as u64;
    let all = pools[number].places(shapes, || shift(draw));
    let values: Vec<Vec<f32>> = names.iter().map(|name| block_on(optimizer.read_value(name))).collect::<Result<_, _>>()?;
    // Some only where they cannot meet others.
    let goes: Vec<bool> = names.iter().map(|_| !is_new || draw.chance(2)).collect();
    let after: Places =
        places.iter().zip(&all).zip(&goes).map(|((old, new), &goes)| if goes { new.clone() } else { old.clone() }).collect();
    let going = || names.iter().zip(&after).zip(&goes).filter(|(_, goes)| **goes).map(|((name, places), _)| (&**name, places));
    match draw.chance(3) {
        true => {
            // One after the other, where gradients do not meet values in between.
            let apart = Pool::new(gpu, Sharing::Own, shapes).places(shapes, || 0);
            optimizer.set_places(names.iter().zip(&apart).map(|(name, (value, gradient))| (&**name, value.clone(), gradient.clone())))?;
            let staying = names.iter().zip(&after);
            optimizer.set_gradients(staying.clone().map(|(name, (_, gradient))| (&**name, gradient.clone())))?;
            optimizer.set_values(staying.map(|(name, (value, _))| (&**name, value.clone())))?;
        }
        false => optimizer.set_places(going().map(|(name, (value, gradient))| (name, value.clone(), gradient.clone())))?,
    }
    after.iter().zip(&values).for_each(|((value, _), values)| write(gpu, value, values));
    Ok(after)
}

/// A hundred steps, each recorded in places of its own, submitted from the last to the first: each works on its own places. In the same buffers, and in
/// two sets of buffers in turn.
fn recorded_before(gpu: &Gpu) -> Outcome {
    const STEPS: u64 = 100;
    const SHAPE: [usize; 2] = [1, 5];
    for sets in [1, 2] {
        for clip in [Clip::None, Clip::Norm(NormClip { max_norm: 1e6, eps: 0.0, ..NormClip::default() })] {
            let buffers: Vec<[wgpu::Buffer; 2]> = (0..sets).map(|_| [buffer(gpu, 32 * STEPS), buffer(gpu, 32 * STEPS)]).collect();
            let at = |step: u64, which: usize| Binding::new(&buffers[(step % sets) as usize][which], 32 * step, 4 * elements(SHAPE));
            for step in 0..STEPS {
                write(gpu, &at(step, 0), &[100.0; 5]);
                write(gpu, &at(step, 1), &[step as f32; 5]);
            }
            let param = Param::new("p", &SHAPE, at(0, 0), at(0, 1));
            let group = Group::new(Sgd { lr: 1.0, ..Sgd::default() }, [param]);
            let mut optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [group], Options { clip, ..Options::default() })?;
            let mut recorded = Vec::new();
            for step in 0..STEPS {
                optimizer.set_places([("p", at(step, 0), at(step, 1))])?;
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                optimizer.step(&mut encoder);
                recorded.push(encoder.finish());
            }
            for commands in recorded.into_iter().rev() {
                gpu.queue.submit([commands]);
            }
            for step in 0..STEPS {
                optimizer.set_places([("p", at(step, 0), at(step, 1))])?;
                assert_eq!(block_on(optimizer.read_value("p"))?, [100.0 - step as f32; 5], "step {step} of {sets} sets, {clip:?}");
            }
        }
    }
    Ok(())
}

/// Nothing is made where tensors move within their buffers, nor, after the first round, where two sets of buffers alternate.
fn nothing_is_made(gpu: &Gpu) -> Outcome {
    let shapes: Vec<[usize; 2]> = (0..40).map(|index| [1, 4 * (1 + index % 9)]).collect();
    let names: Vec<String> = (0..shapes.len()).map(|index| format!("p{index}")).collect();
    let options = [
        Options::default(),
        Options {
            clip: Clip::Norm(NormClip::default()),
            micro_batches: MicroBatches::Sum,
            ema: Some(Ema::default()),
            measure_update: true,
            ..Options::default()
        },
    ];
    for (options, sharing) in
        options.into_iter().flat_map(|options| [Sharing::Own, Sharing::Two, Sharing::One].map(|sharing| (options, sharing)))
    {
        let pools = [Pool::new(gpu, sharing, &shapes), Pool::new(gpu, sharing, &shapes)];
        let scales = vec![None; shapes.len()];
        let mut optimizer = optimizer(gpu, params(&shapes, &pools[0].places(&shapes, || 0), &scales), [None, None], options)?;
        let mut round = |pool: usize, shift: u64| -> Result<Made, Failed> {
            let before = Made::so_far();
            let places = pools[pool].places(&shapes, || 4 * shift);
            optimizer.set_places(names.iter().zip(&places).map(|(name, (value, gradient))| (&**name, value.clone(), gradient.clone())))?;
            let made = before.since();
            step(gpu, &optimizer)?;
            Ok(made)
        };
        for shift in [1, 2, 3, 1, 0] {
            assert_eq!(round(0, shift)?, Made::default(), "{sharing:?}, {options:?}: moved by {shift}");
        }
        let first = round(1, 0)?;
        assert!(first.pipelines == 0 && first.buffers == 0 && first.bind_groups > 0, "{sharing:?}, {options:?}: {first:?}");
        for pool in [0, 1, 0, 1] {
            assert_eq!(round(pool, 0)?, Made::default(), "{sharing:?}, {options:?}: two sets in turn");
        }
        // All versions are taken once: then a buffer is made, and no more for a long time.
        let made: Vec<Made> = (4..16).map(|shift| round(0, shift)).collect::<Result<_, _>>()?;
        assert_eq!(made.iter().filter(|made| **made != Made::default()).count(), 1, "{sharing:?}, {options:?}: {made:?}");
        assert!(made.iter().all(|made| made.pipelines == 0));
    }
    Ok(())
}
