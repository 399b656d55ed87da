//! What the tensors and counts of a parameter are called in checkpoints.

use std::borrow::Cow;

use super::{Lane, LaneRole};
use crate::rule::AnyRule;

/// The key of the values.
pub(crate) const VALUE: &str = "value";
/// Of the steps taken.
pub(crate) const STEPS: &str = "steps";
/// Of the micro-batches accumulated since.
pub(crate) const PENDING: &str = "pending";
/// Of the rule's scalars.
pub(crate) const SCALARS: &str = "scalars";
/// Of the gradient rows accumulated since, where gradients are row-sparse.
pub(crate) const ENTRIES: &str = "accumulated.gradients";
/// Of the rows that they are for.
pub(crate) const ENTRY_ROWS: &str = "accumulated.rows";
/// Of the words of the hyper-parameters of the last step.
pub(crate) const HYPER: &str = "hyper";

/// What the key of a state has behind it where it is that of the scales of the state's blocks.
pub(crate) const SCALE: &str = ".scale";

impl Lane {
    /// Its key: torch's for a state of the rule, and that with [`SCALE`] for the scales of one, else its name.
    pub(crate) fn key(&self, rule: &dyn AnyRule) -> Cow<'static, str> {
        let is_state = matches!(self.role, LaneRole::State | LaneRole::Scale);
        let state = rule.states().iter().find(|state| is_state && state.name == self.name);
        let key = state.map_or(self.name, |state| state.torch);
        if self.role == LaneRole::Scale { format!("{key}{SCALE}").into() } else { key.into() }
    }
}

/// Two of a rule's lanes that have one key, or one whose key is taken or has a slash.
pub(crate) fn check_keys(rule: &dyn AnyRule, lanes: &[Lane]) -> core::result::Result<(), String> {
    let keys: Vec<Cow<'static, str>> = lanes.iter().filter(|lane| lane.role != LaneRole::Sum).map(|lane| lane.key(rule)).collect();
    let taken = [VALUE, STEPS, PENDING, ENTRIES, ENTRY_ROWS, SCALARS, HYPER];
    let is_wrong = |&index: &usize| keys[..index].contains(&keys[index]) || taken.contains(&&*keys[index]) || keys[index].contains('/');
    match (0..keys.len()).find(is_wrong).map(|index| &*keys[index]) {
        None => Ok(()),
        Some(key) if key.contains('/') => Err(format!("the key {key} of a state has a slash in it")),
        Some(key) => Err(format!("a checkpoint has something else by the key {key}, which a state of it has; give the state another one")),
    }
}
