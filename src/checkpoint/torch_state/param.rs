//! What a state dict has of one parameter, as a checkpoint has it.

use safetensors::Dtype;

use super::Problems;
use super::class::Steps;
use super::container::{Entry, Kept, STEP};
use super::read::Group;
use crate::checkpoint::Numbers;
use crate::checkpoint::outline::{LaneOutline, ParamOutline, lane_shape};
use crate::rule::StateField;
use crate::step::{ACCUMULATED, SCALE};

/// More steps than anyone takes; one more can still be counted.
const MOST_STEPS: f64 = (1_u32 << 31) as f64;

type Read<T> = core::result::Result<T, String>;

/// A parameter, and what torch has of it.
pub(super) struct Param<'a> {
    /// As the optimizer has it.
    pub(super) own: &'a ParamOutline,
    pub(super) like: &'a Numbers,
    /// Its number in the state dict.
    pub(super) number: u64,
    /// Nothing before the first step.
    pub(super) entry: Option<&'a Entry<'a>>,
    pub(super) group: &'a Group,
}

impl Param<'_> {
    /// Its outline in this group of the checkpoint, and its numbers.
    pub(super) fn read(&self, group: usize, problems: &mut Problems) -> (ParamOutline, Numbers) {
        let steps = problems.take(self.steps()).unwrap_or_default();
        let (mut outlines, mut lanes) = (Vec::new(), Vec::new());
        for (state, shape) in self.states() {
            lanes.push(problems.take(self.state(&state, &shape, steps)).unwrap_or_default());
            outlines.push(LaneOutline { key: state.torch.to_owned(), shape, dtype: String::new() });
        }
        for (lane, data) in self.options() {
            lanes.push(problems.take(data).unwrap_or_default());
            outlines.push(lane.clone());
        }
        let scalars = self.scalars(problems);
        self.unexpected().into_iter().for_each(|problem| problems.push(problem));
        let outline = ParamOutline { group, lanes: outlines, scalars: scalars.len(), ..self.own.clone() };
        (outline, Numbers { steps, scalars, value: self.like.value.clone(), lanes, ..Default::default() })
    }

    /// The states that torch's hyper-parameters need, and their shapes.
    fn states(&self) -> Vec<(StateField, Vec<usize>)> {
        let (rule, shape) = (&self.group.rule, &self.own.shape);
        let is_matrix = rule.counts_as(shape).is_ok_and(|counted| counted.len() >= 2);
        let states = rule.active_states_for(is_matrix).into_iter().map(|state| rule.states()[state]);
        states.filter(|state| !state.is_scratch()).map(|state| (state, lane_shape(shape, state.extent))).collect()
    }

    fn steps(&self) -> Read<u32> {
        match self.entry {
            None => Ok(0),
            Some(_) if self.group.class.special.steps == Steps::None => Ok(1),
            Some(_) => match self.number(STEP)? {
                steps if (0.0..=MOST_STEPS).contains(&steps) && steps.fract() == 0.0 => Ok(steps as u32),
                steps => Err(format!("{} is {steps}, expected a whole number from 0 to {MOST_STEPS}", self.called(STEP))),
            },
        }
    }

    fn state(&self, state: &StateField, shape: &[usize], steps: u32) -> Read<Vec<f32>> {
        if self.entry.is_none() {
            return Ok(vec![0.0; shape.iter().product()]);
        }
        let mut data = self.tensor(state.torch, shape)?;
        let initial = self.group.class.special.initial.filter(|(key, _)| steps == 0 && *key == state.torch);
        if let Some(more) = initial.and_then(|(_, hyper)| self.hyper(hyper)) {
            data.iter_mut().for_each(|x| *x = (f64::from(*x) - more) as f32);
        }
        Ok(data)
    }

    /// What options keep: averages begin at the values, and nothing is accumulated.
    fn options(&self) -> impl Iterator<Item = (&LaneOutline, Read<Vec<f32>>)> {
        let is_state = |lane: &LaneOutline| self.group.rule.states().iter().any(|state| state.torch == lane.key);
        let lanes = self.own.lanes.iter().zip(&self.like.lanes).filter(move |(lane, _)| !is_state(lane) && !lane.key.ends_with(SCALE));
        lanes.map(|(lane, data)| {
            let begins = if lane.key == ACCUMULATED { Some(vec![0.0; data.len()]) } else { self.like.value.clone() };
            let name = self.own.tensor_name(lane);
            (lane, begins.ok_or_else(|| format!("{name} begins at the values: the optimizer's checkpoint has to have them")))
        })
    }

    fn scalars(&self, problems: &mut Problems) -> Vec<f32> {
        let Group { class, rule, .. } = self.group;
        let mut scalars = vec![0.0; rule.scalar_fields().len()];
        for scalar in class.special.scalars.iter().filter(|_| self.entry.is_some()) {
            let number = problems.take(self.number(scalar.theirs)).unwrap_or_default();
            let places = rule.scalar_fields().iter().zip(&mut scalars).filter(|(field, _)| **field == scalar.ours);
            places.for_each(|(_, own)| *own = (scalar.form)(number) as f32);
        }
        scalars
    }

    /// What torch has that these hyper-parameters do not need.
    fn unexpected(&self) -> Vec<String> {
        let (class, states) = (&self.group.class, self.states());
        let is_known = |key: &str| {
            let scalar = class.special.scalars.iter().any(|scalar| scalar.theirs == key);
            scalar || (class.special.steps != Steps::None && key == STEP) || states.iter().any(|(state, _)| state.torch == key)
        };
        let keys = self.entry.into_iter().flat_map(|entry| entry.0.keys()).filter(|key| !is_known(key));
        keys.map(|key| format!("{} is nothing that torch's {} has with its hyper-parameters", self.called(key), class.name())).collect()
    }

    /// The name of the parameter, and of its tensor in the file.
    fn called(&self, key: &str) -> String {
        format!("{} (state.{}.{key})", self.own.name, self.number)
    }

    fn kept(&self, key: &str) -> Read<&Kept<'_>> {
        let kept = self.entry.and_then(|entry| entry.0.get(key));
        kept.ok_or_else(|| format!("{} is missing, which torch's {} has", self.called(key), self.group.class.name()))
    }

    fn tensor(&self, key: &str, shape: &[usize]) -> Read<Vec<f32>> {
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
    fn number(&self, key: &str) -> Read<f64> {
        match self.kept(key)? {
            Kept::Number(value) => value.as_f64().ok_or_else(|| format!("{} is {value}, expected a number", self.called(key))),
            Kept::Tensor(_) => Ok(self.tensor(key, &[])?.first().copied().unwrap_or_default().into()),
        }
    }

    fn hyper(&self, name: &str) -> Option<f64> {
        let rule = &self.group.rule;
        let found = rule.parameters().iter().zip(rule.values()).find(|(parameter, _)| parameter.name == name);
        found.map(|(_, value)| value)
    }
}
