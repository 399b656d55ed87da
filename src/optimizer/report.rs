//! `Report`: what the last step did, and where training stands.

use core::fmt;
use std::sync::Arc;

use crate::step::View;

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
    /// The gradient norm of each group, as [`Report::gradient_norm`] is that of all; 0 for one without active parameters. `None` where that is, after a step that was
    /// recorded in a view, after one that was
    /// skipped, and before the first step after everything was planned anew ([`Optimizer::set_places`](crate::Optimizer::set_places) says when).
    pub group_norms: Option<Vec<f32>>,
    pub(super) norms: Option<ParamNorms>,
    /// The learning rate of each group in the last step taken, if the rule has one; before the first, 0.
    pub lr: Vec<Option<f32>>,
    /// The scale for the next loss.
    pub loss_scale: f32,
    /// The norm of the changes of the last step taken over that of the values before it, with [`Options::measure_update`](crate::Options::measure_update); not before the
    /// first, not where all values were 0, and not before the first step after a group was added, parameters, rows or what is kept of them changed, adaptive clipping ended, or values or gradients were
    /// given other places that took a new plan.
    pub update_ratio: Option<f32>,
    /// What the values show.
    pub view: View,
    pub(super) ignored: Vec<(String, u32)>,
}

/// The gradient norms of the parameters, in the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ParamNorms {
    pub(super) names: Arc<[String]>,
    pub(super) norms: Vec<f32>,
}

impl Report {
    /// The gradient norm of a parameter, unscaled, before clipping, in the last step taken; 0 for one that was not active. `None` for a name that the
    /// optimizer does not have, and where [`Report::group_norms`] is.
    pub fn norm_of(&self, param: &str) -> Option<f32> {
        self.norms().find(|(name, _)| *name == param).map(|(_, norm)| norm)
    }

    /// How many entries of row-sparse gradients the last step ignored, by parameter, where there were any: since the parameter has no such row, or since there is no
    /// room for so many in [`SparseRows::rows`](crate::SparseRows::rows), or for those of so many micro-batches ([`SparseRows::micro_batches`](crate::SparseRows::micro_batches)), which count with their step.
    pub fn ignored(&self) -> impl Iterator<Item = (&str, u32)> {
        self.ignored.iter().map(|(name, count)| (&**name, *count))
    }

    /// The gradient norms of all parameters, by name, in the order of construction; none where [`Report::group_norms`] is `None`.
    ///
    /// ```
    /// # fn largest(report: &wgpu_optim::Report) -> Option<(&str, f32)> {
    /// report.norms().max_by(|(_, one), (_, other)| one.total_cmp(other)) // which layer explodes
    /// # }
    /// ```
    pub fn norms(&self) -> impl Iterator<Item = (&str, f32)> {
        let all = self.norms.iter().flat_map(|own| own.names.iter().zip(&own.norms));
        all.map(|(name, norm)| (&**name, *norm))
    }
}

impl fmt::Display for Report {
    /// Steps, skipped ones, the gradient's norm if it was measured, entries of row-sparse gradients that were ignored, and the learning rates by the numbers of the groups that have one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}, {} skipped", self.step, self.skips)?;
        if let Some(norm) = self.gradient_norm {
            write!(f, ", norm {norm}")?;
        }
        if let ignored @ 1.. = self.ignored.iter().map(|(_, count)| u64::from(*count)).sum() {
            write!(f, ", {ignored} entries of rows ignored")?;
        }
        let rates: Vec<String> = (0..).zip(&self.lr).filter_map(|(group, lr)| Some(format!("{group}: {}", (*lr)?))).collect();
        write!(f, ", lr [{}]", rates.join(", "))
    }
}
