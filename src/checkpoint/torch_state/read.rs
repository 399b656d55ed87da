//! From a state dict to a checkpoint.

use std::collections::HashMap;

use safetensors::Dtype;

use super::Problems;
use super::class::Class;
use super::container::{Container, Entry, Kept};
use super::groups::to_rule;
use super::matching::{Match, matches};
use crate::checkpoint::outline::{LaneOutline, Outline, ParamOutline, Settings, lane_shape};
use crate::checkpoint::{Checkpoint, Numbers};
use crate::error::Result;
use crate::rule::{AnyRule, StateField};
use crate::step::{ACCUMULATED, TrainingProgress};

/// More steps than anyone takes; one more can still be counted.
const MOST_STEPS: f64 = (1_u32 << 31) as f64;

/// A group of the checkpoint that is made: parameters that are in one group of torch's, and in one of the optimizer's.
struct Group {
    class: Class,
    /// With torch's hyper-parameters.
    rule: Box<dyn AnyRule>,
    settings: Settings,
    scheduled: Settings,
}

pub(super) fn from_bytes(bytes: &[u8], like: &Checkpoint) -> Result<Checkpoint> {
    let container = Container::read(bytes)?;
    let (outline, mut problems) = (&like.outline, Problems::default());
    let matches = matches(&container, outline, &mut problems);
    let (groups, places) = groups(&container, like, &matches, &mut problems);
    let mut made: Vec<Option<(ParamOutline, Numbers)>> = vec![None; outline.params.len()];
    for one in &matches {
        let own = &outline.params[one.param];
        let Some(&group) = places.get(&(one.group, own.group)) else { continue };
        let param = Param { name: &own.name, number: one.number, entry: container.entries.get(&one.number), group: &groups[group] };
        made[one.param] = param.read(own, group, &like.params[one.param], &mut problems);
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
    like: &Checkpoint,
    matches: &[Match],
    problems: &mut Problems,
) -> (Vec<Group>, HashMap<(usize, usize), usize>) {
    let (mut groups, mut places, mut seen) = (Vec::new(), HashMap::new(), HashMap::new());
    for one in matches {
        let own = &like.outline.params[one.param];
        let pair = (one.group, own.group);
        if seen.insert(pair, ()).is_some() {
            continue;
        }
        let settings = &like.outline.groups[own.group];
        let Some(class) = problems.take(Class::of(settings.get("rule").map_or("", |rule| rule))) else { continue };
        match to_rule(&class, &container.groups[one.group].hyper) {
            Ok(rule) => {
                places.insert(pair, groups.len());
                groups.push(Group::new(class, rule, settings));
            }
            Err(all) => all.iter().for_each(|problem| problems.push(format!("group {} ({}): {problem}", one.group, own.name))),
        }
    }
    (groups, places)
}

impl Group {
    /// The optimizer's settings, with the hyper-parameters of torch's; those that have a schedule here are left out, as there.
    fn new(class: Class, rule: Box<dyn AnyRule>, own: &Settings) -> Self {
        let (mut settings, mut scheduled) = (own.clone(), Settings::new());
        for (parameter, value) in rule.parameters().iter().zip(rule.values()) {
            let into = if own.contains_key(parameter.name) { &mut settings } else { &mut scheduled };
            into.insert(parameter.name.to_owned(), format!("{value:?}"));
        }
        Group { class, rule, settings, scheduled }
    }
}

/// A parameter, and what torch has of it.
struct Param<'a> {
    name: &'a str,
    number: u64,
    entry: Option<&'a Entry<'a>>,
    group: &'a Group,
}

impl Param<'_> {
    fn read(&self, own: &ParamOutline, group: usize, like: &Numbers, problems: &mut Problems) -> Option<(ParamOutline, Numbers)> {
        let Group { class, rule, .. } = self.group;
        let (special, before) = (class.special, problems.0.len());
        let states = rule.active_states_for(own.shape.len() >= 2).into_iter().map(|state| rule.states()[state]);
        let states: Vec<(StateField, Vec<usize>)> = states.map(|state| (state, lane_shape(&own.shape, state.extent))).collect();
        let entry = self.entry.filter(|entry| !entry.0.is_empty());
        let steps = entry.map_or(0.0, |_| if special.counts { problems.take(self.number("step")).unwrap_or_default() } else { 1.0 });
        if !(0.0..=MOST_STEPS).contains(&steps) || steps.fract() != 0.0 {
            problems.push(format!("{}: step is {steps}, expected a whole number from 0 to {MOST_STEPS}", self.called("step")));
        }
        let zeros = |shape: &[usize]| vec![0.0; shape.iter().product()];
        let mut lane = |(state, shape): &(StateField, Vec<usize>)| match entry {
            None => zeros(shape),
            Some(_) => problems.take(self.tensor(state.torch, shape)).unwrap_or_default(),
        };
        let mut lanes: Vec<Vec<f32>> = states.iter().map(&mut lane).collect();
        if let Some((key, hyper)) = special.initial.filter(|_| entry.is_some() && steps == 0.0) {
            let more = self.hyper(hyper);
            let place = states.iter().position(|(state, _)| state.torch == key);
            let lane = place.and_then(|place| lanes.get_mut(place));
            lane.into_iter().flatten().for_each(|x| *x = (f64::from(*x) - more) as f32);
        }
        let mut scalars = vec![0.0; rule.scalar_fields().len()];
        for scalar in special.scalars.iter().filter(|_| entry.is_some()) {
            let number = problems.take(self.number(scalar.theirs));
            let place = rule.scalar_fields().iter().position(|field| *field == scalar.ours);
            if let (Some(number), Some(place)) = (number, place) {
                scalars[place] = (scalar.form)(number) as f32;
            }
        }
        self.unexpected(&states).into_iter().for_each(|problem| problems.push(problem));
        let mut outlines: Vec<LaneOutline> =
            states.into_iter().map(|(state, shape)| LaneOutline { key: state.torch.to_owned(), shape }).collect();
        // What options keep: averages begin at the values, and nothing is accumulated.
        let is_state = |lane: &LaneOutline| rule.states().iter().any(|state| state.torch == lane.key);
        for (lane, data) in own.lanes.iter().zip(&like.lanes).filter(|(lane, _)| !is_state(lane)) {
            let begins = if lane.key == ACCUMULATED { Some(vec![0.0; data.len()]) } else { like.value.clone() };
            let of_values = || format!("{}/{} begins at the values: the optimizer's checkpoint has to have them", self.name, lane.key);
            lanes.extend(problems.take(begins.ok_or_else(of_values)));
            outlines.push(lane.clone());
        }
        if problems.0.len() > before {
            return None;
        }
        let numbers = Numbers { steps: steps as u32, pending: 0, scalars, hyper: Vec::new(), value: like.value.clone(), lanes };
        Some((ParamOutline { group, lanes: outlines, scalars: numbers.scalars.len(), ..own.clone() }, numbers))
    }

    /// The name of the parameter, and of its tensor in the file.
    fn called(&self, key: &str) -> String {
        format!("{} (state.{}.{key})", self.name, self.number)
    }

    fn kept(&self, key: &str) -> core::result::Result<&Kept<'_>, String> {
        let kept = self.entry.and_then(|entry| entry.0.get(key));
        kept.ok_or_else(|| format!("{} is missing, which torch's {} has", self.called(key), self.group.class.name()))
    }

    fn tensor(&self, key: &str, shape: &[usize]) -> core::result::Result<Vec<f32>, String> {
        let Kept::Tensor(tensor) = self.kept(key)? else {
            return Err(format!("{} is a number, expected a tensor of shape {shape:?}", self.called(key)));
        };
        if (tensor.dtype(), tensor.shape()) != (Dtype::F32, shape) {
            let (dtype, got) = (tensor.dtype(), tensor.shape());
            return Err(format!("{} is {dtype} of shape {got:?}, expected F32 of shape {shape:?}", self.called(key)));
        }
        Ok(bytemuck::pod_collect_to_vec(tensor.data()))
    }

    /// A scalar, which older versions have as a number.
    fn number(&self, key: &str) -> core::result::Result<f64, String> {
        match self.kept(key)? {
            Kept::Number(value) => value.as_f64().ok_or_else(|| format!("{} is {value}, expected a number", self.called(key))),
            Kept::Tensor(_) => Ok(self.tensor(key, &[])?.first().copied().unwrap_or_default().into()),
        }
    }

    fn hyper(&self, name: &str) -> f64 {
        let rule = &self.group.rule;
        let found = rule.parameters().iter().zip(rule.values()).find(|(parameter, _)| parameter.name == name);
        found.map_or(0.0, |(_, value)| value)
    }

    /// What torch has that these hyper-parameters do not need.
    fn unexpected(&self, states: &[(StateField, Vec<usize>)]) -> Vec<String> {
        let class = &self.group.class;
        let is_known = |key: &str| {
            let scalar = class.special.scalars.iter().any(|scalar| scalar.theirs == key);
            scalar || (class.special.counts && key == "step") || states.iter().any(|(state, _)| state.torch == key)
        };
        let keys = self.entry.into_iter().flat_map(|entry| entry.0.keys()).filter(|key| !is_known(key));
        keys.map(|key| format!("{} is nothing that torch's {} has with its hyper-parameters", self.called(key), class.name())).collect()
    }
}
