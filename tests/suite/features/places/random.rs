//! Random moves between steps, beside the same parameters that stay.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::{Random, same_bits};
use wgpu_optim::{AdaptiveClip, Binding, Clip, LrScales, MicroBatches, NormClip, NormScope, Optimizer};

use super::pool::{Pool, SPARE, Sharing};
use super::{Places, buffer, elements, optimizer, params, step, submit, write};
use crate::context::Outcome;
use crate::features::sequences::Draw;

/// Lengths, and a tensor's rows.
const SHAPES: [[usize; 2]; 7] = [[1, 3], [5, 7], [1, 257], [1, 4097], [16, 100], [4, 512], [1, 8]];

/// One optimizer whose parameters move before every step, and one whose parameters never do.
pub(super) fn moves(gpu: &Gpu, seed: u64) -> Outcome {
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
    let mut moving = optimizer(gpu, params(&shapes, &places, &scales), clips, options)?;
    let numbers = |draw: &mut Draw, len: u64| (0..len).map(|_| (draw.below(2001) as f32 - 1000.0) / 500.0).collect::<Vec<f32>>();
    for (index, &shape) in shapes.iter().enumerate() {
        let values = numbers(&mut draw, elements(shape));
        write(gpu, &home[index].0, &values);
        write(gpu, &places[index].0, &values);
    }
    let names: Vec<String> = (0..shapes.len()).map(|index| format!("p{index}")).collect();
    for round in 0..12 {
        refused(&mut moving, &names, &places);
        places = moved(gpu, &mut draw, &mut moving, &names, &shapes, &mut pools, &places)?;
        let micro_batches = if options.micro_batches == MicroBatches::One { 1 } else { 1 + draw.below(3) };
        for batch in 0..micro_batches {
            for (index, &shape) in shapes.iter().enumerate() {
                let gradients = numbers(&mut draw, elements(shape));
                write(gpu, &home[index].1, &gradients);
                write(gpu, &places[index].1, &gradients);
            }
            for optimizer in [&stays, &moving] {
                if batch + 1 < micro_batches {
                    submit(gpu, |encoder| optimizer.accumulate(encoder))?;
                } else {
                    step(gpu, optimizer)?;
                }
            }
            if batch + 1 < micro_batches && draw.chance(2) {
                places = moved(gpu, &mut draw, &mut moving, &names, &shapes, &mut pools, &places)?;
            }
        }
        if options.ema.is_some() && draw.chance(3) {
            for optimizer in [&stays, &moving] {
                submit(gpu, |encoder| {
                    optimizer.evaluate(encoder);
                    optimizer.train(encoder);
                    Ok(())
                })?;
            }
        }
        for name in &names {
            let values = [&stays, &moving].map(|optimizer| block_on(optimizer.read_value(name)));
            let [expected, got] = values;
            same_bits(&format!("round {round}: {name}"), &got?, &expected?)?;
            for state in stays.state_names(name)? {
                let [expected, got] = [&stays, &moving].map(|optimizer| block_on(optimizer.read_state(name, state)));
                same_bits(&format!("round {round}: {name} {state}"), &got?, &expected?)?;
            }
        }
    }
    assert_eq!(block_on(moving.read_steps())?, block_on(stays.read_steps())?);
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
