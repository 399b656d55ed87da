//! Steps with infinite or NaN gradients: as if they had never been.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::{Random, Style, must_fail, same_bits};
use wgpu_optim::{Adam, Clip, DynamicScale, Error, LossScale, NonFinite, NormClip, NormOrder, Optimizer, Options, Sgd, Tensors};

use super::Row;
use super::pairs::{Setting, everything, scene};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    let rows: [Row; 8] = [
        ("unless-they-are-applied", applied),
        ("a-thousand-steps", a_thousand_steps),
        ("every-place-is-looked-at", every_place),
        ("fail-names-the-first", fail_names_the_first),
        ("who-takes-no-part-does-not-count", skipped),
        ("sums-that-overflow", sums_that_overflow),
        ("a-scale-that-falls-for-ever", falls_for_ever),
        ("a-scale-that-rises-for-ever", rises_for_ever),
    ];
    for (name, run) in rows {
        trials.push(contexts[0].trial(format!("features/skips/{name}"), run));
    }
    trials
}

/// All that there is, but Lookahead and averages over few steps, row masks, which would hide what is not finite, and gradients that are each step the same.
fn setting() -> Setting {
    let mut setting = everything(Adam::default().into(), "clip-norm");
    // The scale falls with each skipped step, and a dynamic one would show in the rounding of the gradients.
    setting.options.loss_scale = LossScale::Static(512.0);
    setting.groups.iter_mut().flat_map(|group| &mut group.params).for_each(|param| param.row_mask = None);
    setting
}

/// A thousand steps, of which one in seven has an infinity or a NaN somewhere, are the same as those without it, bit for bit.
fn a_thousand_steps(gpu: &Gpu) -> Outcome {
    let mut setting = setting();
    setting.groups.iter_mut().for_each(|group| group.params.retain(|param| param.shape.iter().product::<usize>() < 300));
    let (mut spoiled, mut clean) = (scene(gpu, &setting, Style::Tensors)?, scene(gpu, &setting, Style::Tensors)?);
    let (mut random, mut skips) = (Random(77), 0);
    for step in 0..1000 {
        let mut gradients = spoiled.next_gradients();
        let bad = random.bits().is_multiple_of(7);
        if !bad {
            clean.set_gradients(&gradients);
            clean.submit(recorded)?;
        } else {
            skips += 1;
            // The second parameter is frozen.
            let tensor = [0, 2, 3][(random.bits() % 3) as usize];
            let place = random.bits() as usize % gradients[tensor].len();
            gradients[tensor][place] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][step % 3];
        }
        spoiled.set_gradients(&gradients);
        spoiled.submit(recorded)?;
    }
    assert!(skips > 100);
    for (index, (got, expected)) in spoiled.read()?.iter().zip(&clean.read()?).enumerate() {
        same_bits(&format!("tensor {index}"), got, expected)?;
    }
    let (got, expected) = (block_on(spoiled.optimizer.report())?, block_on(clean.optimizer.report())?);
    assert_eq!((got.step, got.skips, expected.step, expected.skips), (1000 - skips, skips, 1000 - skips, 0));
    assert_eq!(got.lr, expected.lr);
    assert_eq!(block_on(spoiled.optimizer.read_steps())?, block_on(clean.optimizer.read_steps())?);
    let before = clean.read()?;
    clean.submit(recorded)?;
    Ok(must_fail("one more step", same_bits("values", &clean.read()?[0], &before[0]))?)
}

fn recorded(optimizer: &Optimizer, encoder: &mut wgpu::CommandEncoder) -> wgpu_optim::Result<()> {
    optimizer.step(encoder);
    Ok(())
}

/// Tensors `a` and `b` of so many elements, with gradients of 1, and gradient descent by 1.
struct Two {
    tensors: Tensors,
    optimizer: Optimizer,
}

impl Two {
    fn new(gpu: &Gpu, len: usize, options: Options) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, [("a", [len]), ("b", [len])])?;
        let rule = Sgd { lr: 1.0, ..Sgd::default() };
        let groups = [wgpu_optim::Group::new(rule, tensors.params())];
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups, options)?;
        for name in ["a", "b"] {
            tensors.write_gradient(&gpu.queue, name, &vec![1.0; len])?;
        }
        Ok(Two { tensors, optimizer })
    }

    fn submit(&self, gpu: &Gpu, steps: usize) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        (0..steps).for_each(|_| self.optimizer.step(&mut encoder));
        gpu.queue.submit([encoder.finish()]);
    }
}

/// One infinity or NaN of either sign anywhere, at the edges of vectors, workgroups and chunks, leaves out the step.
fn every_place(gpu: &Gpu) -> Outcome {
    const LEN: usize = 4103;
    let two = Two::new(gpu, LEN, Options { non_finite: NonFinite::Skip, ..Options::default() })?;
    let nans = [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001), f32::INFINITY, f32::NEG_INFINITY];
    let places = [0, 1, 2, 3, 4, 255, 256, 257, 4095, 4096, 4097, 4099, 4100, 4101, 4102];
    for (count, &place) in (1..).zip(&places) {
        let mut gradient = vec![f32::MAX; LEN];
        gradient[place] = nans[place % nans.len()];
        two.tensors.write_gradient(&gpu.queue, "b", &gradient)?;
        two.submit(gpu, 1);
        let report = block_on(two.optimizer.report())?;
        assert_eq!((report.skips, report.skipped, report.offender.as_deref()), (count, true, Some("b")), "at {place}");
    }
    two.tensors.write_gradient(&gpu.queue, "b", &[f32::MAX; LEN])?;
    two.submit(gpu, 1);
    let report = block_on(two.optimizer.report())?;
    assert_eq!((report.step, report.skips, report.skipped), (1, places.len() as u32, false));
    Ok(())
}

/// The step that fails, and those after it, change nothing, until it was told by whatever read-back comes first.
fn fail_names_the_first(gpu: &Gpu) -> Outcome {
    let two = Two::new(gpu, 5, Options { non_finite: NonFinite::Fail, ..Options::default() })?;
    two.submit(gpu, 2);
    for reads in 0..4 {
        let (before, step) = (block_on(two.optimizer.read_value("a"))?, block_on(two.optimizer.report())?.step);
        two.tensors.write_gradient(&gpu.queue, "b", &[1.0, 1.0, 1.0, 1.0, f32::NAN])?;
        two.submit(gpu, 1);
        two.tensors.write_gradient(&gpu.queue, "b", &[1.0; 5])?;
        // Another one later is not the first.
        two.tensors.write_gradient(&gpu.queue, "a", &[f32::NAN; 5])?;
        two.submit(gpu, 1);
        two.tensors.write_gradient(&gpu.queue, "a", &[1.0; 5])?;
        two.submit(gpu, 3);
        let error = match reads {
            0 => block_on(two.optimizer.read_value("a")).map(drop),
            1 => block_on(two.optimizer.read_steps()).map(drop),
            2 => block_on(two.optimizer.read_progress()).map(drop),
            _ => block_on(two.optimizer.report()).map(drop),
        };
        assert_eq!(error, Err(Error::NonFinite { param: "b".into(), step: step + 1 }));
        same_bits("a", &block_on(two.optimizer.read_value("a"))?, &before)?;
        two.submit(gpu, 1);
        assert_eq!(block_on(two.optimizer.report())?.step, step + 1);
    }
    Ok(())
}

/// A parameter that takes no part may have any gradient.
fn skipped(gpu: &Gpu) -> Outcome {
    let mut two = Two::new(gpu, 5, Options { non_finite: NonFinite::Skip, ..Options::default() })?;
    two.tensors.write_gradient(&gpu.queue, "a", &[f32::NAN; 5])?;
    two.submit(gpu, 1);
    two.optimizer.set_active(["a"], false)?;
    two.submit(gpu, 2);
    two.optimizer.set_active(["a"], true)?;
    two.submit(gpu, 1);
    let report = block_on(two.optimizer.report())?;
    assert_eq!((report.step, report.skips, report.offender.as_deref()), (2, 2, Some("a")));
    assert_eq!(block_on(two.optimizer.read_value("b"))?, [-2.0; 5]);
    Ok(())
}

/// Without a check, clipping by the norm does what torch does: infinity times zero, and NaN everywhere.
fn applied(gpu: &Gpu) -> Outcome {
    for order in [NormOrder::Two, NormOrder::Infinity] {
        for (bad, rest) in [(f32::INFINITY, 0.0), (f32::NAN, f32::NAN)] {
            let clip = Clip::Norm(NormClip { order, ..NormClip::default() });
            let two = Two::new(gpu, 5, Options { clip, ..Options::default() })?;
            two.tensors.write_gradient(&gpu.queue, "b", &[1.0, 1.0, 1.0, bad, 1.0])?;
            two.submit(gpu, 1);
            let (a, b) = (block_on(two.optimizer.read_value("a"))?, block_on(two.optimizer.read_value("b"))?);
            let like = |x: &f32| x.is_nan() == rest.is_nan() && (rest.is_nan() || *x == 0.0);
            assert!(a.iter().all(like) && b[3].is_nan() && like(&b[0]) && like(&b[4]), "{a:?} {b:?} for {bad}");
            let norm = block_on(two.optimizer.report())?.gradient_norm;
            assert_eq!(norm.map(f32::is_nan), Some(bad.is_nan()));
        }
    }
    Ok(())
}

/// Micro-batches that are finite, and whose sum is not.
fn sums_that_overflow(gpu: &Gpu) -> Outcome {
    let options = Options { non_finite: NonFinite::Skip, micro_batches: wgpu_optim::MicroBatches::Mean, ..Options::default() };
    let two = Two::new(gpu, 5, options)?;
    two.tensors.write_gradient(&gpu.queue, "b", &[0.0, 0.0, 0.0, 0.0, 3e38])?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    two.optimizer.accumulate(&mut encoder)?;
    gpu.queue.submit([encoder.finish()]);
    two.submit(gpu, 1);
    assert_eq!((block_on(two.optimizer.report())?.skips, block_on(two.optimizer.read_value("b"))?), (1, vec![0.0; 5]));
    // What was accumulated for the skipped step is forgotten.
    two.submit(gpu, 1);
    assert_eq!(block_on(two.optimizer.read_value("b"))?, [0.0, 0.0, 0.0, 0.0, -3e38]);
    Ok(())
}

/// The scale stops, and the first finite step finds finite gradients.
fn falls_for_ever(gpu: &Gpu) -> Outcome {
    let two = Two::new(gpu, 5, Options { loss_scale: LossScale::Dynamic(DynamicScale::default()), ..Options::default() })?;
    two.tensors.write_gradient(&gpu.queue, "a", &[f32::NAN; 5])?;
    two.submit(gpu, 400);
    let report = block_on(two.optimizer.report())?;
    assert_eq!((report.step, report.skips, report.loss_scale), (0, 400, 2.0_f32.powi(-64)));
    for name in ["a", "b"] {
        two.tensors.write_gradient(&gpu.queue, name, &[2.0_f32.powi(-64); 5])?;
    }
    two.submit(gpu, 1);
    assert_eq!(block_on(two.optimizer.read_value("a"))?, [-1.0; 5]);
    Ok(())
}

/// The scale stops where gradients are still far from the ends of f32: torch goes on to 2^127, whose reciprocal GPUs may flush.
fn rises_for_ever(gpu: &Gpu) -> Outcome {
    let scale = DynamicScale { interval: 1, ..DynamicScale::default() };
    let two = Two::new(gpu, 5, Options { loss_scale: LossScale::Dynamic(scale), ..Options::default() })?;
    two.submit(gpu, 200);
    let report = block_on(two.optimizer.report())?;
    assert_eq!((report.step, report.loss_scale), (200, 2.0_f32.powi(64)));
    Ok(())
}
