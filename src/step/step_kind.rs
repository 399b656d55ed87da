//! What kind of steps an optimizer has: what its options and groups ask of kernels.

use super::{Average, Clip, Group, Options};

/// What kind of steps an optimizer has: what its options and groups ask of kernels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepKind {
    /// Gradients are measured before the update: a norm or a check needs it.
    pub measures: bool,
    /// Steps may be skipped.
    pub may_skip: bool,
    /// Some group clamps gradients.
    pub clamps: bool,
    /// Gradients accumulate.
    pub accumulates: bool,
    /// Gradients become zero once read.
    pub zero_grad: bool,
    /// Some hyper-parameter changes from step to step.
    pub schedules: bool,
    /// Updates are measured.
    pub measures_update: bool,
    /// Averages, in order.
    pub averages: Vec<Average>,
    /// Other values than the trained ones may be shown.
    pub views: bool,
}

impl StepKind {
    /// Those of an optimizer.
    pub fn of<P>(options: &Options, groups: &[Group<P>]) -> Self {
        let clips: Vec<Clip> = groups.iter().map(|group| group.clip.unwrap_or(options.clip)).collect();
        StepKind {
            measures: options.may_skip() || clips.iter().any(Clip::measures),
            may_skip: options.may_skip(),
            clamps: clips.iter().any(|clip| matches!(clip, Clip::Value(_))),
            accumulates: options.accumulates(),
            zero_grad: options.zero_grad,
            schedules: groups.iter().any(|group| !group.schedules.is_empty()),
            measures_update: options.measure_update,
            averages: options.averages(),
            views: !options.averages().is_empty() || groups.iter().any(|group| group.rule.has_views()),
        }
    }

    /// Whether kernels for one are those for the other: they read the numbers of averages from the settings.
    pub(crate) fn has_kernels_of(&self, other: &Self) -> bool {
        let kinds = |step_kind: &Self| step_kind.averages.iter().map(Average::state).collect::<Vec<_>>();
        kinds(self) == kinds(other) && *self == StepKind { averages: self.averages.clone(), ..other.clone() }
    }
}
