//! Which parts of a checkpoint go where in an optimizer, decided before anything is written.

use super::differences::{Pair, settings, strangers};
use super::outline::{LaneOutline, Outline, ParamOutline};
use super::{Checkpoint, Difference, Numbers};
use crate::error::{Error, Result};
use crate::step::{Lane, LaneRole, MASTER, SCALE};

/// How a checkpoint is put back. The default takes all of it, values too, and refuses whatever differs.
///
/// ```
/// use wgpu_optim::checkpoint::RestoreOptions;
///
/// // A fine-tuned model of which the last layer is new, with another learning rate.
/// let options = RestoreOptions { partial: true, ignore_settings: true, ..Default::default() };
/// assert!(options.values);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Whether values are put back too. Otherwise they stay as they are, and the checkpoint needs none.
    ///
    /// Default: `true`.
    pub values: bool,
    /// Whether what fits is taken where not all does: values of parameters that have the same shape, and all else of those that have the same rule and
    /// states too. [`Restored`] says what was taken.
    ///
    /// Default: `false`.
    pub partial: bool,
    /// Whether hyper-parameters, schedules, clips and options may differ. Those of the optimizer stay in force.
    ///
    /// Default: `false`.
    pub ignore_settings: bool,
    /// Whether values and states may be stored as others than they were ([`Param::value_dtype`](crate::Param::value_dtype), [`StateStorage`](crate::StateStorage)), with master values or without: they are converted, and what is stored in fewer bits is rounded to the nearest.
    ///
    /// Default: `false`.
    pub convert: bool,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        RestoreOptions { values: true, partial: false, ignore_settings: false, convert: false }
    }
}

/// What was taken of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Restored {
    /// The tensors: `fc1.weight/value`, `fc1.weight/exp_avg`.
    pub taken: Vec<String>,
    /// What was not, and why; empty unless [`RestoreOptions::partial`] allows it.
    pub differences: Vec<Difference>,
}

/// What a parameter takes.
#[derive(Clone, Debug)]
pub(crate) struct Take<'a> {
    /// Its number in the optimizer.
    pub(crate) param: usize,
    pub(crate) value: Option<&'a [f32]>,
    /// All else.
    pub(crate) state: Option<&'a Numbers>,
    /// Of each of the optimizer's lanes, which of the checkpoint's it is; none of scales of what is converted, nor of master values that are what the values are.
    pub(crate) lanes: Vec<Option<usize>>,
}

impl<'a> Take<'a> {
    /// What each of these lanes of the optimizer is given, of the numbers of this parameter in the checkpoint.
    pub(crate) fn given(&self, numbers: &'a Numbers, lanes: &[Lane]) -> Vec<Option<&'a [f32]>> {
        let of = |(from, lane): (&Option<usize>, &Lane)| match from {
            Some(from) => Some(&*numbers.lanes[*from]),
            None => self.value.filter(|_| lane.role == LaneRole::Master),
        };
        self.lanes.iter().zip(lanes).map(of).collect()
    }
}

/// What an optimizer takes of a checkpoint.
#[derive(Debug)]
pub(crate) struct Fit<'a> {
    pub(crate) params: Vec<Take<'a>>,
    /// Whether the loss scale goes on from where it was.
    pub(crate) loss_scale: bool,
    /// Whether the counts of steps do.
    pub(crate) progress: bool,
    pub(crate) restored: Restored,
}

impl<'a> Fit<'a> {
    /// What an optimizer of this outline takes, with room for so many accumulated entries of the parameter of each number.
    ///
    /// # Errors
    ///
    /// All differences, unless the options allow them.
    pub(crate) fn new(checkpoint: &'a Checkpoint, own: &Outline, room: impl Fn(usize) -> usize, options: RestoreOptions) -> Result<Self> {
        let mut differences = strangers(checkpoint, own);
        let (index, mut params, mut taken) = (checkpoint.outline.index(), Vec::new(), Vec::new());
        for (param, ours) in own.params.iter().enumerate() {
            let Some(&index) = index.get(&*ours.name) else { continue };
            let (theirs, numbers) = (&checkpoint.outline.params[index], &checkpoint.params[index]);
            let pair = Pair { theirs, ours };
            if let Some(shape) = pair.shape() {
                differences.push(shape);
                continue;
            }
            let value = numbers.value.as_deref().filter(|_| options.values);
            differences.extend(pair.value(value.is_some(), options.convert).filter(|_| options.values));
            // Where values are converted, master values are what they were rounded from, or are what they are.
            let has_master = |of: &ParamOutline| of.lanes.iter().position(|lane| lane.key == MASTER);
            let masters = [has_master(theirs), has_master(ours)];
            let convert = options.convert && (value.is_some() || masters[0].is_some() == masters[1].is_some());
            let value = match masters {
                [Some(master), None] if convert => value.map(|_| &*numbers.lanes[master]),
                _ => value,
            };
            let rule = |outline: &Outline, group: usize| outline.groups[group].get("rule").cloned().unwrap_or_default();
            let rules = [rule(&checkpoint.outline, theirs.group), rule(own, ours.group)];
            let mut wrong = pair.state([&rules[0], &rules[1]], convert);
            wrong.extend(pair.entries(numbers.entries.rows.len(), room(param)));
            let state = wrong.is_empty().then_some(numbers);
            differences.extend(wrong);
            taken.extend(value.map(|_| format!("{}/{}", ours.name, crate::step::VALUE)));
            let place = |key: &String| theirs.lanes.iter().position(|lane| lane.key == *key);
            // Scales are of the numbers as they are stored there.
            let is_alike = |key: &str| {
                let dtype = |of: &ParamOutline| of.lanes.iter().find(|lane| lane.key == key).map(|lane| lane.dtype.clone());
                dtype(theirs) == dtype(ours)
            };
            let own = |lane: &LaneOutline| place(&lane.key).filter(|_| lane.key.strip_suffix(SCALE).is_none_or(is_alike));
            let lanes = ours.lanes.iter().map(own).collect();
            if state.is_some() {
                taken.extend(ours.lanes.iter().map(|lane| ours.tensor_name(lane)));
            }
            params.push(Take { param, value, state, lanes });
        }
        let settings = settings(checkpoint, own, options);
        if !settings.is_empty() || !(options.partial || differences.is_empty()) {
            differences.extend(settings);
            return Err(Error::Differences { differences });
        }
        let loss_scale = checkpoint.outline.options.get("loss_scale") == own.options.get("loss_scale");
        let progress = params.iter().any(|take| take.state.is_some());
        Ok(Fit { params, loss_scale, progress, restored: Restored { taken, differences } })
    }
}
