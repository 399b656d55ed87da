//! Which of a state dict's parameters is which of the optimizer's: by name if there are names, else by place.

use std::collections::{HashMap, HashSet};

use super::Problems;
use super::container::Container;
use crate::checkpoint::outline::Outline;

/// A parameter on both sides.
#[derive(Clone, Copy)]
pub(super) struct Match {
    /// The number of torch's group, and its own there.
    pub(super) group: usize,
    pub(super) number: u64,
    /// Its place in the outline.
    pub(super) param: usize,
}

/// All parameters that both have; the others are problems.
pub(super) fn matches(container: &Container<'_>, own: &Outline, problems: &mut Problems) -> Vec<Match> {
    let groups = container.groups.iter().enumerate();
    let params = groups.flat_map(|(number, group)| group.params.iter().map(move |param| (number, param)));
    let named: Vec<(&str, usize, u64)> =
        params.clone().filter_map(|(group, (number, name))| Some((name.as_deref()?, group, *number))).collect();
    if named.is_empty() {
        return by_place(container, own, params.map(|(group, (number, _))| (group, *number)), problems);
    }
    let index = own.index();
    let seen: HashSet<&str> = named.iter().map(|(name, ..)| *name).collect();
    let missing = own.params.iter().filter(|param| !seen.contains(&*param.name));
    missing.for_each(|param| problems.push(format!("{} is not in the state dict", param.name)));
    let one = |(name, group, number)| match index.get(name) {
        Some(&param) => Some(Match { group, number, param }),
        None => {
            problems.push(format!("{name} is only in the state dict"));
            None
        }
    };
    named.into_iter().filter_map(one).collect()
}

/// Group by group, as torch does it: groups have to be as long.
fn by_place(container: &Container<'_>, own: &Outline, theirs: impl Iterator<Item = (usize, u64)>, problems: &mut Problems) -> Vec<Match> {
    let mut members: HashMap<usize, Vec<usize>> = HashMap::new();
    for (index, param) in own.params.iter().enumerate() {
        members.entry(param.group).or_default().push(index);
    }
    let members: Vec<Vec<usize>> = (0..own.groups.len()).map(|group| members.remove(&group).unwrap_or_default()).collect();
    let lengths = [container.groups.iter().map(|group| group.params.len()).collect(), members.iter().map(Vec::len).collect::<Vec<_>>()];
    let [torch, ours] = &lengths;
    if torch != ours {
        problems.push(format!("its groups have {torch:?} parameters, and the optimizer's {ours:?}; it has no names to go by"));
        return Vec::new();
    }
    theirs.zip(members.into_iter().flatten()).map(|((group, number), param)| Match { group, number, param }).collect()
}
