//! What does not fit between a checkpoint and an optimizer, all of it.

use std::collections::HashSet;

use super::outline::{LaneOutline, Outline, ParamOutline, Settings};
use super::{Checkpoint, RestoreOptions};
use crate::error::Difference;
use crate::step::{ENTRY_ROWS, MASTER, SCALE, VALUE};

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

    /// The values, whose dtype may be another one where they are converted.
    pub(super) fn value(&self, is_there: bool, convert: bool) -> Option<Difference> {
        let name = format!("{}/{VALUE}", self.ours.name);
        let [theirs, ours] = [self.theirs, self.ours].map(|param| named(&param.dtype));
        match is_there {
            false => Some(Difference::missing(name)),
            true if theirs != ours && !convert => Some(Difference::of(&name, "dtype", Some(theirs), Some(ours))),
            true => None,
        }
    }

    /// Entries that were accumulated, and for which there is less room.
    pub(super) fn entries(&self, has: usize, room: usize) -> Option<Difference> {
        let name = format!("{}/{ENTRY_ROWS}", self.ours.name);
        match room {
            0 if has > 0 => Some(Difference::unexpected(name)),
            _ if has > room => Some(Difference::of(&name, "number of entries", Some(has.to_string()), Some(format!("room for {room}")))),
            _ => None,
        }
    }

    /// Whether a lane is of master values, which values that are converted have or do not have.
    fn is_converted(lane: &LaneOutline, convert: bool) -> bool {
        convert && lane.key == MASTER
    }

    /// The rule and what is kept; with `convert`, whatever states are stored as.
    pub(super) fn state(&self, rules: [&str; 2], convert: bool) -> Vec<Difference> {
        let [theirs, ours] = rules;
        if theirs != ours {
            return vec![Difference::of(&self.ours.name, "rule", Some(theirs.to_owned()), Some(ours.to_owned()))];
        }
        let find = |lanes: &[LaneOutline], key: &str| lanes.iter().find(|lane| lane.key == key).cloned();
        let counts = |lane: &&LaneOutline| !(convert && lane.key.ends_with(SCALE));
        let dtype = |lane: &LaneOutline| named(&lane.dtype);
        let ours = self.ours.lanes.iter().filter(counts).filter_map(|lane| {
            let name = self.ours.tensor_name(lane);
            match find(&self.theirs.lanes, &lane.key) {
                None if Self::is_converted(lane, convert) => None,
                None => Some(Difference::missing(name)),
                Some(other) if !convert && other.dtype != lane.dtype => {
                    Some(Difference::of(&name, "dtype", Some(dtype(&other)), Some(dtype(lane))))
                }
                Some(other) if other.shape == lane.shape => None,
                Some(other) => Some(Difference::of(&name, "shape", Some(format!("{:?}", other.shape)), Some(format!("{:?}", lane.shape)))),
            }
        });
        let theirs = self.theirs.lanes.iter().filter(counts).filter(|lane| !Self::is_converted(lane, convert));
        let theirs = theirs.filter(|lane| find(&self.ours.lanes, &lane.key).is_none());
        let scalars = (self.theirs.scalars != self.ours.scalars).then(|| {
            let [theirs, ours] = [self.theirs, self.ours].map(|param| Some(param.scalars.to_string()));
            Difference::of(&self.ours.name, "number of scalars", theirs, ours)
        });
        ours.chain(theirs.map(|lane| Difference::unexpected(self.theirs.tensor_name(lane)))).chain(scalars).collect()
    }
}

/// What messages call a dtype.
fn named(dtype: &str) -> String {
    if dtype.is_empty() { "f32".to_owned() } else { dtype.to_owned() }
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
