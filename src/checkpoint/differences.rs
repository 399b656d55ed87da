//! What does not fit between a checkpoint and an optimizer, all of it.

use core::fmt;
use std::collections::HashSet;

use super::outline::{LaneOutline, Outline, ParamOutline, Settings, VALUE};
use super::{Checkpoint, RestoreOptions};

/// One thing that a checkpoint has otherwise than an optimizer. It displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Of what: a parameter, a tensor (`fc1.weight/exp_avg`), a group, or `options`.
    pub of: String,
    /// What it is: `"shape"`, `"rule"`, `"lr"`, ...; empty where one of both does not have it at all.
    pub what: String,
    /// In the checkpoint; `None` if it is not there.
    pub checkpoint: Option<String>,
    /// In the optimizer.
    pub optimizer: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { of, what, checkpoint, optimizer } = self;
        let name = if what.is_empty() { of.clone() } else { format!("{of}: {what}") };
        match (checkpoint, optimizer) {
            (Some(_), None) if what.is_empty() => write!(f, "{name} is only in the checkpoint"),
            (None, _) if what.is_empty() => write!(f, "{name} is not in the checkpoint"),
            (checkpoint, optimizer) => {
                let text = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".into());
                write!(f, "{name} is {} in the checkpoint, {} in the optimizer", text(checkpoint), text(optimizer))
            }
        }
    }
}

impl Difference {
    fn missing(of: impl Into<String>) -> Self {
        Difference { of: of.into(), what: String::new(), checkpoint: None, optimizer: Some(String::new()) }
    }

    fn unexpected(of: impl Into<String>) -> Self {
        Difference { of: of.into(), what: String::new(), checkpoint: Some(String::new()), optimizer: None }
    }

    fn of(of: &str, what: &str, checkpoint: Option<String>, optimizer: Option<String>) -> Self {
        Difference { of: of.to_owned(), what: what.to_owned(), checkpoint, optimizer }
    }
}

/// Two parameters of one name, `theirs` with its settings being the checkpoint's.
pub(super) struct Pair<'a> {
    pub(super) theirs: &'a ParamOutline,
    pub(super) ours: &'a ParamOutline,
}

impl Pair<'_> {
    /// Another shape: nothing of it can be taken.
    pub(super) fn shape(&self) -> Option<Difference> {
        let [theirs, ours] = [self.theirs, self.ours].map(|param| format!("{:?}", param.shape));
        (theirs != ours).then(|| Difference::of(&self.ours.name, "shape", Some(theirs), Some(ours)))
    }

    /// The values.
    pub(super) fn value(&self, is_there: bool) -> Option<Difference> {
        (!is_there).then(|| Difference::missing(format!("{}/{VALUE}", self.ours.name)))
    }

    /// The rule and what is kept.
    pub(super) fn state(&self, rules: [&str; 2]) -> Vec<Difference> {
        let [theirs, ours] = rules;
        if theirs != ours {
            return vec![Difference::of(&self.ours.name, "rule", Some(theirs.to_owned()), Some(ours.to_owned()))];
        }
        let find = |lanes: &[LaneOutline], key: &str| lanes.iter().find(|lane| lane.key == key).cloned();
        let ours = self.ours.lanes.iter().filter_map(|lane| {
            let name = self.ours.tensor_name(lane);
            match find(&self.theirs.lanes, &lane.key) {
                None => Some(Difference::missing(name)),
                Some(other) if other.shape == lane.shape => None,
                Some(other) => Some(Difference::of(&name, "shape", Some(format!("{:?}", other.shape)), Some(format!("{:?}", lane.shape)))),
            }
        });
        let theirs = self.theirs.lanes.iter().filter(|lane| find(&self.ours.lanes, &lane.key).is_none());
        let scalars = (self.theirs.scalars != self.ours.scalars).then(|| {
            let [theirs, ours] = [self.theirs, self.ours].map(|param| Some(param.scalars.to_string()));
            Difference::of(&self.ours.name, "number of scalars", theirs, ours)
        });
        ours.chain(theirs.map(|lane| Difference::unexpected(self.theirs.tensor_name(lane)))).chain(scalars).collect()
    }
}

/// Parameters that only one of both has.
pub(super) fn strangers(checkpoint: &Checkpoint, own: &Outline) -> Vec<Difference> {
    let (theirs, [in_theirs, in_own]) = (&checkpoint.outline, [&checkpoint.outline, own].map(Outline::index));
    let missing = own.params.iter().filter(|param| !in_theirs.contains_key(&*param.name)).map(|param| Difference::missing(&param.name));
    let unexpected = theirs.params.iter().filter(|param| !in_own.contains_key(&*param.name));
    let unexpected = unexpected.map(|param| Difference::unexpected(&param.name));
    missing.chain(unexpected).collect()
}

/// Settings that differ: of the options, of the groups of parameters that both have, of these.
pub(super) fn settings(checkpoint: &Checkpoint, own: &Outline, options: RestoreOptions) -> Vec<Difference> {
    if options.ignore_settings {
        return Vec::new();
    }
    let theirs = &checkpoint.outline;
    let mut all = between("options", &theirs.options, &own.options);
    let (index, mut compared) = (theirs.index(), HashSet::new());
    for ours in &own.params {
        let Some(other) = index.get(&*ours.name).map(|&index| &theirs.params[index]) else { continue };
        if compared.insert((other.group, ours.group)) {
            let name = format!("group {} ({})", ours.group, ours.name);
            let [theirs, own] = [&theirs.groups[other.group], &own.groups[ours.group]];
            // Another rule is told by the parameter, and has other hyper-parameters.
            if theirs.get("rule") == own.get("rule") {
                all.extend(between(&name, theirs, own));
            }
        }
        all.extend(between(&ours.name, &other.settings, &ours.settings));
    }
    all
}

fn between(of: &str, theirs: &Settings, ours: &Settings) -> Vec<Difference> {
    let names = theirs.keys().chain(ours.keys().filter(|name| !theirs.contains_key(*name)));
    let difference = |name: &String| {
        let [theirs, ours] = [theirs, ours].map(|side| side.get(name).cloned());
        (theirs != ours).then(|| Difference::of(of, name, theirs, ours))
    };
    names.filter_map(difference).collect()
}
