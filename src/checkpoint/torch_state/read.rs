//! From a state dict to a checkpoint.

use std::collections::{HashMap, HashSet};

use super::Problems;
use super::class::Class;
use super::container::Container;
use super::groups::to_rule;
use super::matching::{Match, matches};
use super::param::Param;
use crate::checkpoint::outline::{Outline, ParamOutline, Settings};
use crate::checkpoint::{Checkpoint, Numbers};
use crate::error::Result;
use crate::rule::AnyRule;
use crate::step::TrainingProgress;

/// A group of the checkpoint that is made: parameters that are in one group of torch's, and in one of the optimizer's.
pub(super) struct Group {
    pub(super) class: Class,
    /// With torch's hyper-parameters.
    pub(super) rule: Box<dyn AnyRule>,
    settings: Settings,
    scheduled: Settings,
}

pub(super) fn from_bytes(bytes: &[u8], like: &Checkpoint) -> Result<Checkpoint> {
    let container = Container::read(bytes)?;
    let (outline, mut problems) = (&like.outline, Problems::default());
    let matches = matches(&container, outline, &mut problems);
    let (groups, places) = groups(&container, outline, &matches, &mut problems);
    let mut made: Vec<Option<(ParamOutline, Numbers)>> = vec![None; outline.params.len()];
    for one in &matches {
        let (own, like) = (&outline.params[one.param], &like.params[one.param]);
        // Of a group whose hyper-parameters are wrong, that is said.
        let Some(&group) = places.get(&(one.group, own.group)) else { continue };
        let entry = container.entries.get(&one.number).filter(|entry| !entry.0.is_empty());
        let param = Param { own, like, number: one.number, entry, group: &groups[group] };
        made[one.param] = Some(param.read(group, &mut problems));
    }
    problems.check("it does not fit the optimizer")?;
    let (params, numbers): (Vec<_>, Vec<_>) = made.into_iter().flatten().unzip();
    let step = numbers.iter().map(|numbers: &Numbers| numbers.steps).max().unwrap_or_default();
    let (settings, scheduled) = groups.into_iter().map(|group| (group.settings, group.scheduled)).unzip();
    let outline = Outline { options: outline.options.clone(), groups: settings, params };
    let progress = TrainingProgress { step, ..like.progress };
    Ok(Checkpoint { outline, progress, micro_batches: 0, params: numbers, scheduled, notes: like.notes.clone() })
}

/// The groups, and which of them parameters are in that are in these groups of torch's and of the optimizer's.
fn groups(
    container: &Container<'_>,
    own: &Outline,
    matches: &[Match],
    problems: &mut Problems,
) -> (Vec<Group>, HashMap<(usize, usize), usize>) {
    let (mut groups, mut places, mut seen) = (Vec::new(), HashMap::new(), HashSet::new());
    for one in matches {
        let param = &own.params[one.param];
        let pair = (one.group, param.group);
        if !seen.insert(pair) {
            continue;
        }
        let settings = &own.groups[param.group];
        let hyper = &container.groups[one.group].hyper;
        match Class::of(settings.get("rule").map_or("", |rule| rule), |class| Ok(class.computed_as(to_rule(class, hyper)?, settings))) {
            Ok((class, rule)) => {
                places.insert(pair, groups.len());
                groups.push(Group::new(class, rule, settings));
            }
            Err(all) => all.iter().for_each(|problem| problems.push(format!("group {} ({}): {problem}", one.group, param.name))),
        }
    }
    (groups, places)
}

impl Group {
    /// The optimizer's settings, with the hyper-parameters of torch's, but for those that have a schedule here.
    fn new(class: Class, rule: Box<dyn AnyRule>, own: &Settings) -> Self {
        let (mut settings, mut scheduled) = (own.clone(), Settings::new());
        for (parameter, value) in rule.parameters().iter().zip(rule.values()) {
            let into = if own.contains_key(parameter.name) { &mut settings } else { &mut scheduled };
            into.insert(parameter.name.to_owned(), format!("{value:?}"));
        }
        Group { class, rule, settings, scheduled }
    }
}
