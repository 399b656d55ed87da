//! What the words of a read-back mean: `Form` makes a report of them, and `Teller` tells what steps cannot.

use core::mem::offset_of;
use std::sync::Arc;

use super::report::ParamNorms;
use super::{Optimizer, Report};
use crate::error::{Error, Result};
use crate::program::Sum;
use crate::step::{Options, Status, view};

/// What the words of a report mean.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) teller: Teller,
    /// Of each group: whether there is one, and how it follows from its word.
    pub(super) lr: Vec<Option<(f64, f64)>>,
    pub(super) measures_update: bool,
    /// How many words of sums follow: the mark, those of the parameters, those of the groups.
    pub(super) sums: usize,
    /// The parameters with row-sparse gradients, of each of which a word follows: how many entries were ignored.
    pub(super) sparse: Vec<usize>,
    /// Which groups have parameters; others have no sum.
    pub(super) filled: Vec<bool>,
}

/// Tells what steps cannot: what failed, or came in a view that it does not fit.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    names: Arc<[String]>,
    options: Options,
    queue: wgpu::Queue,
    status: wgpu::Buffer,
}

impl Optimizer {
    pub(super) fn teller(&self) -> Teller {
        let (options, queue, status) = (self.config.options, self.engine.queue.clone(), self.engine.record.status.clone());
        Teller { names: self.labels.clone(), options, queue, status }
    }
}

impl Form {
    pub(super) fn read(&self, words: &[u32]) -> Result<Report> {
        let (status, lrs) = words.split_at(size_of::<Status>() / 4);
        let status: Status = bytemuck::pod_read_unaligned(bytemuck::cast_slice(status));
        self.teller.check(&status)?;
        let rate = |word, offset, slope| if status.step == 0 { 0.0 } else { ((f64::from(f32::from_bits(word)) - offset) / slope) as f32 };
        let lr = |(lr, &word): (&Option<(f64, f64)>, &u32)| lr.map(|(offset, slope)| rate(word, offset, slope));
        let measured = |number| (status.measured != 0).then_some(number);
        let ratio = status.moved / status.values;
        let norms = self.norms(&status, &lrs[self.lr.len()..][..self.sums]);
        let (norms, group_norms) = norms.map_or((None, None), |(norms, groups)| (Some(norms), Some(groups)));
        let ignored = self.sparse.iter().zip(&lrs[self.lr.len() + self.sums..]);
        let ignored = ignored.filter(|(_, count)| **count > 0).map(|(index, count)| (self.teller.names[*index].clone(), *count));
        let report = Report {
            ignored: ignored.collect(),
            step: status.step,
            skips: status.skips,
            skipped: status.skipped != 0,
            offender: self.teller.name(status.offender),
            gradient_norm: measured(status.norm),
            largest_gradient: measured(status.largest),
            group_norms,
            norms,
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

impl Form {
    /// The norms of parameters and groups, if the sums are those of the last step taken.
    fn norms(&self, status: &Status, sums: &[u32]) -> Option<(ParamNorms, Vec<f32>)> {
        let sums: Vec<Sum> = bytemuck::pod_collect_to_vec(sums);
        let (mark, sums) = sums.split_first()?;
        let (params, groups) = sums.split_at_checked(self.teller.names.len())?;
        if status.measured == 0 || mark.largest != status.step {
            return None;
        }
        let norm = |sum: &Sum| sum.norm(status.unscale);
        let group = |(sum, filled): (&Sum, &bool)| if *filled { norm(sum) } else { 0.0 };
        let norms = ParamNorms { names: self.teller.names.clone(), norms: params.iter().map(norm).collect() };
        Some((norms, groups.iter().zip(&self.filled).map(group).collect()))
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
