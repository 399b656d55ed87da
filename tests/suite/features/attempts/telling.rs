//! Reports under unusual circumstances.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context as Poller, Poll, Waker};

use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::schedule::Schedule;
use wgpu_optim::{Error, Group, NonFinite, Optimizer, Options, Tensors};

use super::super::Row;
use super::{sgd, submit};
use crate::context::Outcome;

pub const ROWS: [Row; 6] = [
    ("update-ratio-before-there-is-one", ratio_before),
    ("second-failure-is-told", second_failure),
    ("awaited-after-it-was-given", awaited_again),
    ("report-of-a-lost-device", report_of_a_lost_device),
    ("reports-from-several-threads", reports_from_threads),
    ("skipped-with-somebody-inactive", skipped_with_inactive),
];

fn ratio_before(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    tensors.write_value(&gpu.queue, "a", &[1.0; 4])?;
    let options = Options { measure_update: true, ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    let ratio = block_on(optimizer.report())?.update_ratio;
    let twin = CpuOptimizer::<f32>::with_options([Group::new(sgd(1.0), [CpuParam::new("a", &[4])])], options)?.report()?.update_ratio;
    if ratio.is_some_and(f32::is_nan) {
        return Err(format!("{ratio:?}, the twin says {twin:?}").into());
    }
    Ok(())
}

/// A report of a failure that is read late does not forgive the next one.
fn second_failure(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    let options = Options { non_finite: NonFinite::Fail, ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    let step = |g: f32| -> Outcome {
        tensors.write_gradient(&gpu.queue, "a", &[g; 4])?;
        submit(gpu, |encoder| optimizer.step(encoder));
        Ok(())
    };
    step(f32::NAN)?;
    let (early, late) = (optimizer.report(), optimizer.report());
    assert!(block_on(early).is_err());
    step(1.0)?;
    step(f32::NAN)?;
    let late = block_on(late);
    step(1.0)?;
    let after = block_on(optimizer.read_value("a"));
    match after {
        Err(Error::NonFinite { .. }) => Ok(()),
        other => Err(format!("the second failure was never told: {other:?}, after {late:?}").into()),
    }
}

fn awaited_again(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, sgd(1.0), tensors.params())?;
    let mut report = optimizer.report();
    block_on(&mut report)?;
    let mut poller = Poller::from_waker(Waker::noop());
    match Pin::new(&mut report).poll(&mut poller) {
        Poll::Ready(Err(Error::ReportGiven)) => Ok(()),
        other => Err(format!("a report that was given gives {other:?}").into()),
    }
}

fn report_of_a_lost_device(_: &Gpu) -> Outcome {
    let gpu = crate::context::another(wgpu_optim::adapter::DeviceLimits::Adapter)?;
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    let options = Options { measure_update: true, non_finite: NonFinite::Skip, ..Options::default() };
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    submit(&gpu, |encoder| optimizer.step(encoder));
    let early = optimizer.report();
    gpu.device.destroy();
    // What was submitted before may arrive.
    let arrived = block_on(early).map(|report| report.step);
    assert!(matches!(arrived, Ok(1) | Err(Error::DeviceLost)), "{arrived:?}");
    let changes = [
        optimizer.set_lr_of_all(0.5),
        optimizer.set_active(["a"], false),
        optimizer.set_gradients([("a", tensors.gradient("a")?.clone())]),
        optimizer.set_schedule(0, "lr", Some(Schedule::Constant(0.5))),
        optimizer.set_loss_scale(2.0),
        optimizer.write_steps("a", 3),
    ];
    assert!(changes.iter().all(|change| *change == Err(Error::DeviceLost)), "{changes:?}");
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    optimizer.zero_grad(&mut encoder)?;
    assert_eq!(optimizer.report().try_get(), Some(Err(Error::DeviceLost)));
    assert_eq!(block_on(optimizer.report()), Err(Error::DeviceLost));
    Ok(())
}

fn reports_from_threads(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    let options = Options { measure_update: true, ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut last = 0;
                for turn in 0..50 {
                    submit(gpu, |encoder| optimizer.step(encoder));
                    let report = optimizer.report();
                    if turn % 3 == 0 {
                        drop(report);
                    } else {
                        let step = block_on(report).map_or(0, |report| report.step);
                        assert!(step > last, "{step} after {last}");
                        last = step;
                    }
                }
            });
        }
    });
    assert_eq!(block_on(optimizer.report())?.step, 200);
    Ok(())
}

/// A skipped step changes nothing of what the report says of the last one.
fn skipped_with_inactive(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4]), ("b", [4])])?;
    for name in ["a", "b"] {
        tensors.write_value(&gpu.queue, name, &[1.0; 4])?;
        tensors.write_gradient(&gpu.queue, name, &[if name == "a" { 0.5 } else { 0.0 }; 4])?;
    }
    let options = Options { measure_update: true, non_finite: NonFinite::Skip, ..Options::default() };
    let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(1.0), tensors.params())], options)?;
    submit(gpu, |encoder| optimizer.step(encoder));
    let before = block_on(optimizer.report())?.update_ratio;
    optimizer.set_active(["a"], false)?;
    tensors.write_gradient(&gpu.queue, "b", &[f32::NAN; 4])?;
    submit(gpu, |encoder| optimizer.step(encoder));
    let after = block_on(optimizer.report())?.update_ratio;
    if before == after { Ok(()) } else { Err(format!("{before:?} before, {after:?} after a skipped step").into()) }
}
