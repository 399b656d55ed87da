//! Steps that are recorded before places change, and what a change of places makes.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::Made;
use wgpu_optim::{Binding, Clip, Ema, Group, MicroBatches, NormClip, Optimizer, Options, Param, Sgd};

use super::pool::{Pool, Sharing};
use super::{buffer, elements, optimizer, params, step, write};
use crate::context::Outcome;

/// A hundred steps, each recorded in places of its own, submitted from the last to the first: each works on its own places. In the same buffers, and in
/// two sets of buffers in turn.
pub(super) fn recorded_before(gpu: &Gpu) -> Outcome {
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
pub(super) fn nothing_is_made(gpu: &Gpu) -> Outcome {
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
