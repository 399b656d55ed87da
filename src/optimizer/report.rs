//! Reports of the last step: what one says, how it is requested, and how its words are decoded.

use core::fmt;
use core::mem::offset_of;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use std::sync::Arc;

use super::Optimizer;
use crate::error::{Error, Result};
use crate::gpu::{Counter, Flight};
use crate::step::{Options, Status, View, view};

/// What the last step did, and where training stands. It displays as one line, `step 500, 2 skipped, norm 0.37, lr [0: 0.001, 1: 0.01]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Steps taken, without skipped ones: what schedules count.
    pub step: u32,
    /// Steps skipped, since a gradient was infinite or NaN.
    pub skips: u32,
    /// Whether the last step was skipped.
    pub skipped: bool,
    /// The first parameter with such a gradient, in the last step that was skipped.
    pub offender: Option<String>,
    /// Global gradient norm of the last step taken, unscaled, before clipping; `None` unless that step measured it, which clipping by a norm and
    /// skipping do.
    pub gradient_norm: Option<f32>,
    /// Largest magnitude among these gradients; `None` where the norm is.
    pub largest_gradient: Option<f32>,
    /// The learning rate of each group in the last step taken, if the rule has one; before the first, 0.
    pub lr: Vec<Option<f32>>,
    /// The scale for the next loss.
    pub loss_scale: f32,
    /// The norm of the changes of the last step taken over that of the values before it, with [`Options::measure_update`](crate::Options::measure_update); not before the
    /// first, not where all values were 0, and not before the first step after a group was added, adaptive clipping ended, or values or gradients were
    /// given other places that took a new plan.
    pub update_ratio: Option<f32>,
    /// What the values show.
    pub view: View,
}

impl fmt::Display for Report {
    /// Steps, skipped ones, the gradient's norm if it was measured, and the learning rates by the numbers of the groups that have one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {} skipped", self.step, self.skips)?;
        if let Some(norm) = self.gradient_norm {
            write!(f, ", norm {norm}")?;
        }
        let rates: Vec<String> = (0..).zip(&self.lr).filter_map(|(group, lr)| Some(format!("{group}: {}", (*lr)?))).collect();
        write!(f, ", lr [{}]", rates.join(", "))
    }
}

/// A [`Report`] that is on its way. The copy is already submitted; there are two ways to get it.
///
/// - [`PendingReport::try_get`], once a frame say: polls the device once and never waits. Nobody else needs to poll it.
/// - `await`: natively, each poll of the future polls the device, and where the copy has not arrived, sleeps 0.2 ms on the executor's thread and asks to be
///   polled again. So it waits for the GPU on that thread, as all `read_` functions do; in an executor that has other things to do, use `try_get`. In a
///   browser it does not block: the browser wakes the future.
#[derive(Debug)]
#[must_use = "a report is submitted in any case, but only read if somebody waits for it"]
pub struct PendingReport {
    flight: Result<Flight>,
    form: Form,
}

/// What the words of a report mean.
#[derive(Clone, Debug)]
struct Form {
    teller: Teller,
    /// Of each group: whether there is one, and how it follows from its word.
    lr: Vec<Option<(f64, f64)>>,
    measures_update: bool,
}

/// Tells what steps cannot: what failed, or came in a view that it does not fit.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    names: Arc<[String]>,
    options: Options,
    queue: wgpu::Queue,
    status: wgpu::Buffer,
}

const STATUS: u64 = size_of::<Status>() as u64;

impl Optimizer {
    /// Requests a report on the last step submitted so far. The copy is already submitted when this returns, without waiting; await it, which natively
    /// waits for the GPU, or call [`PendingReport::try_get`], which polls the device and does not wait. Either needs nobody else to poll. Staging buffers are used again, so there are as many as reports under way at once.
    ///
    /// With [`NonFinite::Fail`](crate::NonFinite::Fail), every report requested since the failing step returns the error; once one is read, later steps run.
    pub fn report(&self) -> PendingReport {
        let features = self.setup.features();
        let lr = |group: usize| {
            self.setup.blocks.list.iter().position(|block| block.group == group).and_then(|index| {
                let (member, offset, slope) = self.setup.blocks.list[index].lr()?;
                Some((self.engine.layout.hyper[index] + member as u32, offset, slope))
            })
        };
        let lr: Vec<_> = (0..self.setup.groups.len()).map(lr).collect();
        let record = |encoder: &mut wgpu::CommandEncoder, staging: &wgpu::Buffer| {
            if features.measures_update {
                let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim report"), timestamp_writes: None };
                self.executor.report(&mut encoder.begin_compute_pass(&descriptor));
            }
            encoder.copy_buffer_to_buffer(&self.engine.record.status, 0, staging, 0, STATUS);
            for (index, (word, ..)) in lr.iter().enumerate().filter_map(|(index, lr)| Some((index, (*lr)?))) {
                encoder.copy_buffer_to_buffer(&self.engine.record.buffer, 4 * u64::from(word), staging, STATUS + 4 * index as u64, 4);
            }
        };
        let flight = self.ring.launch(&self.engine.device, &self.engine.queue, STATUS + 4 * lr.len() as u64, record);
        let form = Form {
            teller: self.teller(),
            lr: lr.into_iter().map(|lr| lr.map(|(_, offset, slope)| (offset, slope))).collect(),
            measures_update: features.measures_update,
        };
        PendingReport { flight, form }
    }

    pub(super) fn teller(&self) -> Teller {
        let (options, queue, status) = (self.setup.options, self.engine.queue.clone(), self.engine.record.status.clone());
        Teller { names: self.labels.clone(), options, queue, status }
    }

    /// What [`Optimizer::step`] records.
    pub fn recorded_step(&self) -> crate::RecordedWork {
        let mut counter = Counter::default();
        self.executor.step(&mut counter);
        counter.recorded()
    }

    /// The passes of a step, in order.
    #[doc(hidden)]
    pub fn passes(&self) -> &[crate::program::Pass] {
        self.executor.passes()
    }

    /// What [`Optimizer::accumulate`] records.
    pub fn recorded_accumulate(&self) -> crate::RecordedWork {
        let mut counter = Counter::default();
        self.executor.micro_batch(&mut counter);
        counter.recorded()
    }
}

impl PendingReport {
    /// The report if it has arrived, else `None`. It polls the device once (`PollType::Poll`, which also runs the callbacks of the caller's own maps that are
    /// due) and does not wait. The report is given once.
    ///
    /// # Errors
    ///
    /// - [`Error::NonFinite`]: a step failed. [`Error::InView`]: a step, a micro-batch, a write or a change of view came in a view that it does not fit.
    /// - [`Error::ReportGiven`]: the report was given before.
    /// - The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::ReadBack`], [`Error::Wgpu`].
    pub fn try_get(&mut self) -> Option<Result<Report>> {
        match &mut self.flight {
            Ok(flight) => flight.poll_now().map(|words| words.and_then(|words| self.form.read(&words))),
            Err(error) => Some(Err(error.clone())),
        }
    }
}

impl Future for PendingReport {
    type Output = Result<Report>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { flight, form } = &mut *self;
        match flight {
            Ok(flight) => pin!(flight).poll(context).map(|words| words.and_then(|words| form.read(&words))),
            Err(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

impl Form {
    fn read(&self, words: &[u32]) -> Result<Report> {
        let (status, lrs) = words.split_at(size_of::<Status>() / 4);
        let status: Status = bytemuck::pod_read_unaligned(bytemuck::cast_slice(status));
        self.teller.check(&status)?;
        let rate = |word, offset, slope| if status.step == 0 { 0.0 } else { ((f64::from(f32::from_bits(word)) - offset) / slope) as f32 };
        let lr = |(lr, &word): (&Option<(f64, f64)>, &u32)| lr.map(|(offset, slope)| rate(word, offset, slope));
        let measured = |number| (status.measured != 0).then_some(number);
        let ratio = status.moved / status.values;
        let report = Report {
            step: status.step,
            skips: status.skips,
            skipped: status.skipped != 0,
            offender: self.teller.name(status.offender),
            gradient_norm: measured(status.norm),
            largest_gradient: measured(status.largest),
            lr: self.lr.iter().zip(lrs).map(lr).collect(),
            loss_scale: status.loss_scale,
            view: view::numbered(&self.teller.options, status.view),
            update_ratio: (self.measures_update && ratio.is_finite()).then_some(ratio),
        };
        #[cfg(feature = "tracing")]
        tracing::info!(
            step = report.step, skips = report.skips, loss_scale = report.loss_scale, gradient_norm = report.gradient_norm,
            update_ratio = report.update_ratio, lr = ?report.lr, "wgpu-optim report"
        );
        Ok(report)
    }
}

impl Teller {
    /// The parameter of this number, counted from 1.
    fn name(&self, offender: u32) -> Option<String> {
        offender.checked_sub(1).and_then(|index| self.names.get(index as usize)).cloned()
    }

    /// An error if something is to be told; it is told once. A failed step is, whatever the policy is by now.
    pub(super) fn check(&self, status: &Status) -> Result<()> {
        // This one, and no other that another read-back has to tell.
        let told = |offset: usize, word: u32| self.queue.write_buffer(&self.status, offset as u64, &word.to_le_bytes());
        if status.failures > status.forgiven {
            told(offset_of!(Status, forgiven), status.failures);
            return Err(Error::NonFinite { param: self.name(status.failed_offender).unwrap_or_default(), step: status.failed_step });
        }
        if status.misplaced != status.told {
            told(offset_of!(Status, told), status.misplaced);
            let count = status.misplaced.wrapping_sub(status.told);
            return Err(view::misplaced_times(&self.options, status.what, status.shown, count));
        }
        if status.written != 0 && status.view != view::TRAINED {
            told(offset_of!(Status, written), 0);
            return Err(view::misplaced(&self.options, view::WRITE, status.view));
        }
        Ok(())
    }
}
