//! `PendingReport`: a report that was requested, and how it arrives.

use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use super::teller::Form;
use super::{Optimizer, Report};
use crate::error::Result;
use crate::gpu::{Flight, Span};
use crate::program::{Sum, SumTree};
use crate::step::Status;

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

const STATUS: u64 = size_of::<Status>() as u64;
const SUM: u64 = size_of::<Sum>() as u64;

impl Optimizer {
    /// Requests a report on the last step submitted so far. The copy is already submitted when this returns, without waiting; await it, which natively
    /// waits for the GPU, or call [`PendingReport::try_get`], which polls the device and does not wait. Either needs nobody else to poll. Staging buffers are used
    /// again, so there are as many as reports under way at once.
    ///
    /// With [`NonFinite::Fail`](crate::NonFinite::Fail), every report requested since the failing step returns the error; once one is read, later steps run.
    pub fn report(&self) -> PendingReport {
        let measures_update = self.config.step_kind().measures_update;
        let (lr, sums) = (self.rates(), self.sums_to_report());
        let coalesced = self.parameters.iter().enumerate().filter_map(|(index, own)| Some((index, own.sparse.as_ref()?.ignored())));
        let (sparse, ignored): (Vec<usize>, Vec<Span<'_>>) = coalesced.unzip();
        let (rates, status) = (STATUS + 4 * lr.len() as u64, &self.engine.record.status);
        let size_of_sums: u64 = sums.iter().map(|span| span.bytes).sum();
        let size = rates + size_of_sums + 4 * ignored.len() as u64;
        let record = |encoder: &mut wgpu::CommandEncoder, staging: &wgpu::Buffer| {
            if measures_update {
                let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim report"), timestamp_writes: None };
                self.executor.report(&mut encoder.begin_compute_pass(&descriptor));
            }
            encoder.copy_buffer_to_buffer(status, 0, staging, 0, STATUS);
            for (index, (word, ..)) in lr.iter().enumerate().filter_map(|(index, lr)| Some((index, (*lr)?))) {
                encoder.copy_buffer_to_buffer(&self.engine.record.buffer, 4 * u64::from(word), staging, STATUS + 4 * index as u64, 4);
            }
            sums.iter().chain(&ignored).fold(rates, |to, &Span { buffer, offset, bytes }| {
                encoder.copy_buffer_to_buffer(buffer, offset, staging, to, bytes);
                to + bytes
            });
        };
        let flight = self.ring.launch(&self.engine.device, &self.engine.queue, size, record);
        let mut filled = vec![false; self.config.groups.len()];
        self.parameters.iter().for_each(|parameter| filled[parameter.member.group] = true);
        let form = Form {
            teller: self.teller(),
            lr: lr.into_iter().map(|lr| lr.map(|(_, offset, slope)| (offset, slope))).collect(),
            measures_update,
            sums: (size_of_sums / 4) as usize,
            sparse,
            filled,
        };
        PendingReport { flight, form }
    }

    /// Of each group, which word of the record tells the learning rate, as `offset + slope * rate`.
    fn rates(&self) -> Vec<Option<(u32, f64, f64)>> {
        let blocks = &self.config.blocks.list;
        let rate = |group: usize| {
            let index = blocks.iter().position(|block| block.group == group)?;
            let (member, offset, slope) = blocks[index].lr()?;
            Some((self.engine.layout.hyper[index] + member as u32, offset, slope))
        };
        (0..self.config.groups.len()).map(rate).collect()
    }

    /// Where sums are, if gradients are measured: which step they are of, those of the parameters, those of the groups.
    fn sums_to_report(&self) -> Vec<Span<'_>> {
        let Some(sums) = &self.engine.record.sums else { return Vec::new() };
        let SumTree { slots, members, groups, .. } = &self.engine.tree;
        let span = |first: u32, count: u64| Span { buffer: &sums.buffer, offset: SUM * u64::from(first), bytes: SUM * count };
        let own = [span(*slots, 1), span(*members, self.parameters.len() as u64)];
        own.into_iter().chain(groups.iter().map(|&slot| span(slot, 1))).collect()
    }
}

impl PendingReport {
    /// The report if it has arrived, else `None`. It polls the device once (`PollType::Poll`, which also runs the callbacks of the caller's own maps that are
    /// due) and does not wait. The report is given once.
    ///
    /// # Errors
    ///
    /// - [`Error::NonFinite`](crate::Error::NonFinite): a step failed. [`Error::InView`](crate::Error::InView): a step, a micro-batch, a write or a change of view came in a view that it does not fit.
    ///   [`Error::OutOfOrder`](crate::Error::OutOfOrder): something was submitted on the wrong side of a change to the optimizer.
    /// - [`Error::ReportGiven`](crate::Error::ReportGiven): the report was given before.
    /// - The device: [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::ReadBack`](crate::Error::ReadBack), [`Error::Wgpu`](crate::Error::Wgpu).
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
