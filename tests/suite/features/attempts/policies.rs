//! Options that change between a step and what tells of it, on the GPU and on its twin.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuReport};
use wgpu_optim::{
    AdaptiveClip, Clip, DynamicScale, Ema, Error, Group, LossScale, MicroBatches, NonFinite, NormClip, Optimizer, Options, Report, Swa,
    Tensors,
};

use super::super::Row;
use super::{sgd, submit};
use crate::context::Outcome;

pub const ROWS: [Row; 7] = [
    ("failure-that-is-told-under-another-policy", failure_told_later),
    ("norms-are-of-the-last-step", norms_of_the_last_step),
    ("update-ratio-outlives-changes", ratio_outlives_changes),
    ("average-that-is-debiased-and-keeps-all", debiased_and_keeps_all),
    ("averages-keep-their-places", averages_keep_their_places),
    ("write-in-a-view-and-a-micro-batch", write_and_micro_batch),
    ("destroyed-status", destroyed_status),
];

/// A parameter of four elements that are 0, on both sides.
struct Both<'a> {
    gpu: &'a Gpu,
    tensors: Tensors,
    optimizer: Optimizer,
    twin: CpuOptimizer<f32>,
    values: [f32; 4],
}

impl<'a> Both<'a> {
    fn new(gpu: &'a Gpu, options: Options) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
        let twin = CpuOptimizer::with_options([Group::new(sgd(1.0), [CpuParam::new("a", &[4])])], options)?;
        Ok(Both { gpu, tensors, optimizer, twin, values: [0.0; 4] })
    }

    /// A step in which all gradients are this.
    fn step(&mut self, gradient: f32) -> Outcome {
        self.tensors.write_gradient(&self.gpu.queue, "a", &[gradient; 4])?;
        submit(self.gpu, |encoder| self.optimizer.step(encoder));
        self.twin.step(&mut [&mut self.values], &[Some(&[gradient; 4])])?;
        Ok(())
    }

    fn set(&mut self, options: Options) -> Outcome {
        self.optimizer.set_options(options)?;
        Ok(self.twin.set_options(options)?)
    }

    fn clip(&mut self, clip: Clip) -> Outcome {
        self.optimizer.set_clip(0, clip)?;
        Ok(self.twin.set_clip(0, clip)?)
    }

    fn reports(&mut self) -> Result<(Report, CpuReport<f32>), Failed> {
        Ok((block_on(self.optimizer.report())?, self.twin.report()?))
    }

    /// The next read-back is this failure, on both sides.
    fn expect_failure(&mut self, step: u32) {
        let expected = Error::NonFinite { param: "a".into(), step };
        assert_eq!(block_on(self.optimizer.report()), Err(expected.clone()));
        assert_eq!(self.twin.report(), Err(expected));
    }

    fn expect_values(&self, value: f32) -> Outcome {
        assert_eq!((block_on(self.optimizer.read_value("a"))?, &self.values[..]), (vec![value; 4], &[value; 4][..]));
        Ok(())
    }
}

/// It is told once, and steps recorded since go by the policy that they were recorded with.
fn failure_told_later(gpu: &Gpu) -> Outcome {
    let fail = Options { non_finite: NonFinite::Fail, ..Options::default() };
    let skip = Options { non_finite: NonFinite::Skip, ..fail };
    let dynamic = Options { loss_scale: LossScale::Dynamic(DynamicScale { init: 1.0, ..DynamicScale::default() }), ..Options::default() };
    for other in [Options::default(), skip, dynamic] {
        let mut both = Both::new(gpu, fail)?;
        both.step(1.0)?;
        both.step(f32::NAN)?;
        both.set(other)?;
        both.step(1.0)?;
        both.expect_failure(2);
        both.expect_values(-2.0)?;
        both.step(1.0)?;
        if other.may_skip() {
            both.step(f32::INFINITY)?;
            assert_eq!(block_on(both.optimizer.report())?.offender, Some("a".into()));
        }
        both.expect_values(-3.0)?;
        // What was told stays told, and a failure that is not stops steps again once they are to fail.
        both.set(fail)?;
        both.step(1.0)?;
        both.expect_values(-4.0)?;
        both.step(f32::NAN)?;
        both.set(skip)?;
        both.step(f32::NAN)?;
        both.step(1.0)?;
        both.set(fail)?;
        both.step(1.0)?;
        both.expect_failure(5);
        both.expect_values(-5.0)?;
        let (report, twin) = both.reports()?;
        assert_eq!((report.step, report.skips), (twin.step, twin.skips));
    }
    Ok(())
}

/// A norm that the last step did not measure is none, and one that it did stays when nothing is to be measured any more.
fn norms_of_the_last_step(gpu: &Gpu) -> Outcome {
    let mut both = Both::new(gpu, Options::default())?;
    let expect = |both: &mut Both<'_>, norm: Option<f32>| -> Outcome {
        let (report, twin) = both.reports()?;
        let rounded = |norm: Option<f32>| norm.map(|norm| (norm * 1e4).round());
        assert_eq!((rounded(report.gradient_norm), rounded(twin.gradient_norm)), (rounded(norm), rounded(norm)));
        assert_eq!(rounded(report.largest_gradient), rounded(norm.map(|norm| norm / 2.0)));
        Ok(())
    };
    let norm = Clip::Norm(NormClip::default());
    expect(&mut both, None)?;
    both.step(3.0)?;
    both.clip(norm)?;
    expect(&mut both, None)?;
    both.step(3.0)?;
    expect(&mut both, Some(6.0))?;
    both.clip(Clip::None)?;
    expect(&mut both, Some(6.0))?;
    both.step(1.0)?;
    expect(&mut both, None)?;
    both.clip(norm)?;
    expect(&mut both, None)?;
    both.set(Options { non_finite: NonFinite::Skip, ..Options::default() })?;
    both.step(2.0)?;
    both.step(f32::NAN)?;
    expect(&mut both, Some(4.0))
}

/// What the last step moved is told after changes that keep measuring it.
fn ratio_outlives_changes(gpu: &Gpu) -> Outcome {
    let measured = Options { measure_update: true, ..Options::default() };
    let mut both = Both::new(gpu, measured)?;
    both.step(-4.0)?;
    both.step(-1.0)?;
    let expect = |both: &mut Both<'_>, ratio: Option<f64>| -> Outcome {
        let (report, twin) = both.reports()?;
        let close =
            |got: Option<f64>| got.is_some() == ratio.is_some() && got.zip(ratio).is_none_or(|(got, ratio)| (got - ratio).abs() < 1e-6);
        let got = (report.update_ratio.map(f64::from), twin.update_ratio);
        assert!(close(got.0) && close(got.1), "{got:?}, expected {ratio:?}");
        Ok(())
    };
    expect(&mut both, Some(0.25))?;
    both.clip(Clip::Norm(NormClip { max_norm: 100.0, ..NormClip::default() }))?;
    expect(&mut both, Some(0.25))?;
    both.set(Options { non_finite: NonFinite::Skip, zero_grad: true, ..measured })?;
    expect(&mut both, Some(0.25))?;
    both.step(-5.0)?;
    expect(&mut both, Some(1.0))?;
    both.clip(Clip::None)?;
    expect(&mut both, Some(1.0))?;
    both.set(Options::default())?;
    expect(&mut both, None)?;
    both.step(1.0)?;
    both.set(measured)?;
    expect(&mut both, None)?;
    // One that ends takes other kernels, and so other tables.
    let mut adaptive = Both::new(gpu, Options { clip: Clip::Adaptive(AdaptiveClip { clipping: 100.0, eps: 100.0 }), ..measured })?;
    adaptive.step(-4.0)?;
    adaptive.step(-2.0)?;
    adaptive.clip(Clip::None)?;
    expect(&mut adaptive, Some(0.5))
}

/// The corrected mean whose decay goes to 1 is the mean.
fn debiased_and_keeps_all(gpu: &Gpu) -> Outcome {
    for decay in [1.0, 1.0 - 1e-12] {
        let mut both = Both::new(gpu, Options { ema: Some(Ema { decay, debias: true, ..Ema::default() }), ..Options::default() })?;
        for _ in 0..4 {
            both.step(-2.0)?;
        }
        let (got, twin) = (block_on(both.optimizer.read_state("a", "ema"))?, both.twin.state("a", "ema")?);
        assert!(got.iter().chain(twin).all(|mean| (mean - 5.0).abs() < 1e-5), "decay {decay}: {got:?}, the twin {twin:?}");
    }
    Ok(())
}

/// Whether there is an average, and of how many values, follows from the step count, its start and its `every`: these stay.
fn averages_keep_their_places(gpu: &Gpu) -> Outcome {
    let (ema, swa) = (Ema { start: 10, every: 2, ..Ema::default() }, Swa { start: 20, every: 3 });
    let options = Options { ema: Some(ema), swa: Some(swa), ..Options::default() };
    let mut both = Both::new(gpu, options)?;
    (0..5).try_for_each(|_| both.step(-1.0))?;
    let refused = [
        (Options { ema: Some(Ema { start: 1, ..ema }), ..options }, "ema", "has start 10; start 1 is"),
        (Options { ema: Some(Ema { every: 1, ..ema }), ..options }, "ema", "has every 2; every 1 is"),
        (Options { swa: Some(Swa { start: 21, ..swa }), ..options }, "swa", "has start 20; start 21 is"),
        (Options { swa: Some(Swa { every: 7, ..swa }), ..options }, "swa", "has every 3; every 7 is"),
    ];
    for (wrong, state, numbers) in refused {
        let refused = both.optimizer.set_options(wrong);
        assert_eq!(refused, both.twin.set_options(wrong));
        let message = refused.map_or_else(|error| error.to_string(), |()| "accepted".into());
        assert!(message.contains(state) && message.contains(numbers), "{message}");
        assert_eq!(both.optimizer.options(), &options);
    }
    both.set(Options { ema: Some(Ema { decay: 0.5, ..ema }), ..options })?;
    submit(gpu, |encoder| both.optimizer.evaluate(encoder));
    both.twin.evaluate(&mut [&mut both.values])?;
    assert_eq!((block_on(both.optimizer.read_shown("a"))?, &both.values[..]), (vec![5.0; 4], &[5.0; 4][..]));
    Ok(())
}

/// The first of what does not fit a view is told, though a micro-batch comes after it.
fn write_and_micro_batch(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema::default()), micro_batches: MicroBatches::Sum, ..Options::default() };
    let mut both = Both::new(gpu, options)?;
    both.step(-1.0)?;
    submit(gpu, |encoder| both.optimizer.evaluate(encoder));
    both.optimizer.write_value("a", &[7.0; 4])?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    both.optimizer.accumulate(&mut encoder)?;
    both.optimizer.train(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    let told = block_on(both.optimizer.report()).map_or_else(|error| error.to_string(), |report| format!("{report:?}"));
    assert!(told.starts_with("values or an average were written"), "{told}");
    Ok(())
}

/// What the caller did to the buffer of the loss scale is not laid at a parameter's door.
fn destroyed_status(gpu: &Gpu) -> Outcome {
    let both = Both::new(gpu, Options::default())?;
    both.optimizer.loss_scale().buffer().destroy();
    match block_on(both.optimizer.read_value("a")) {
        Err(Error::Wgpu(message)) if message.contains("status") => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
