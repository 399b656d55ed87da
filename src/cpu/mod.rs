//! The CPU executor: the same plan, the rules' twins, all cores. In f64 it is the truth that GPU results are measured against, in f32 it
//! is the backend that benchmarks compare the GPU with.

mod job;

use std::collections::HashSet;

use rayon::prelude::*;

use job::{Job, jobs};

use crate::error::{Error, Result, Role, unknown};
use crate::rule::{AnyRule, Pass, Real};

/// A CPU optimizer over tensors that the caller owns, as slices.
#[derive(Clone, Debug)]
pub struct CpuOptimizer<F: Real> {
    groups: Vec<Box<dyn AnyRule>>,
    tensors: Vec<Tensor<F>>,
}

#[derive(Clone, Debug)]
struct Tensor<F> {
    name: String,
    len: usize,
    group: usize,
    step: u32,
    /// Those of the last step.
    scalars: Vec<F>,
    /// One lane per state of the rule; empty where the state is not in use.
    lanes: Vec<Vec<F>>,
}

impl<F> Tensor<F> {
    fn check(&self, role: Role, got: usize) -> Result<()> {
        if got == self.len {
            return Ok(());
        }
        Err(Error::Length { param: self.name.clone(), role, needed: self.len as u64, got: got as u64 })
    }
}

impl<F: Real> CpuOptimizer<F> {
    /// An optimizer for tensors of these names and lengths, with one rule.
    pub fn new<'a>(rule: impl Into<Box<dyn AnyRule>>, tensors: impl IntoIterator<Item = (&'a str, usize)>) -> Result<Self> {
        Self::with_groups([(rule.into(), tensors.into_iter().collect())])
    }

    /// An optimizer of several groups, each with its rule. Fails on no tensors, an empty one, a name used twice, and hyper-parameters
    /// out of range.
    pub fn with_groups<'a>(groups: impl IntoIterator<Item = (Box<dyn AnyRule>, Vec<(&'a str, usize)>)>) -> Result<Self> {
        let mut names = HashSet::new();
        let mut optimizer = CpuOptimizer { groups: Vec::new(), tensors: Vec::<Tensor<F>>::new() };
        for (group, (rule, tensors)) in groups.into_iter().enumerate() {
            rule.validate()?;
            let active = rule.active_states();
            for (name, len) in tensors {
                if len == 0 {
                    return Err(Error::EmptyTensor { param: name.into(), shape: vec![0] });
                }
                if !names.insert(name) {
                    return Err(Error::DuplicateName { param: name.into() });
                }
                let lane = |state| if active.contains(&state) { vec![F::zero(); len] } else { Vec::new() };
                let lanes = (0..rule.states().len()).map(lane).collect();
                optimizer.tensors.push(Tensor { name: name.into(), len, group, step: 0, scalars: Vec::new(), lanes });
            }
            optimizer.groups.push(rule);
        }
        if optimizer.tensors.is_empty() {
            return Err(Error::NoParameters);
        }
        Ok(optimizer)
    }

    /// One step. `values` and `gradients` hold one slice per tensor, in the order of construction; a tensor whose gradient is `None` is
    /// skipped and its step count stays. Fails, before anything is changed, if a slice is missing or has another length.
    pub fn step(&mut self, values: &mut [&mut [F]], gradients: &[Option<&[F]>]) -> Result<()> {
        for (index, tensor) in self.tensors.iter().enumerate() {
            tensor.check(Role::Value, values.get(index).map_or(0, |value| value.len()))?;
            tensor.check(Role::Gradient, gradients.get(index).map_or(0, |gradient| gradient.map_or(tensor.len, <[F]>::len)))?;
        }
        for (tensor, gradient) in self.tensors.iter_mut().zip(gradients) {
            if gradient.is_some() {
                tensor.step = tensor.step.saturating_add(1);
                tensor.scalars = F::twin(&*self.groups[tensor.group]).prepare(tensor.step, &tensor.scalars);
            }
        }
        self.pass(Pass::Update, values, |tensor| gradients[tensor]);
        Ok(())
    }

    /// Changes from the values that are trained to those to evaluate the model with, where a rule tells them apart.
    pub fn evaluate(&mut self, values: &mut [&mut [F]]) -> Result<()> {
        self.view(Pass::Evaluate, values)
    }

    /// Changes back to the values that are trained.
    pub fn train(&mut self, values: &mut [&mut [F]]) -> Result<()> {
        self.view(Pass::Train, values)
    }

    fn view(&mut self, pass: Pass, values: &mut [&mut [F]]) -> Result<()> {
        for (index, tensor) in self.tensors.iter().enumerate() {
            tensor.check(Role::Value, values.get(index).map_or(0, |value| value.len()))?;
        }
        let updated: Vec<bool> = self.tensors.iter().map(|tensor| tensor.step > 0).collect();
        self.pass(pass, values, |tensor| updated[tensor].then_some(&[]));
        Ok(())
    }

    /// One pass over the tensors that have gradients, which may be empty ones if the pass reads none.
    fn pass<'a>(&mut self, pass: Pass, values: &mut [&mut [F]], gradients: impl Fn(usize) -> Option<&'a [F]>) {
        let Self { groups, tensors } = self;
        let work = tensors.iter_mut().zip(values).enumerate().flat_map(|(index, (tensor, value))| {
            let rule = &*groups[tensor.group];
            gradients(index).map_or_else(Vec::new, |gradient| jobs(pass, rule, tensor, value, gradient))
        });
        work.collect::<Vec<Job<'_, F>>>().into_par_iter().for_each(Job::run);
    }

    /// The state of a tensor, by the rule's name for it; empty if these hyper-parameters do not use it.
    pub fn state(&self, tensor: &str, state: &str) -> Result<&[F]> {
        let (tensor, lane) = self.find(tensor, state)?;
        Ok(&self.tensors[tensor].lanes[lane])
    }

    /// The same, to be written.
    pub fn state_mut(&mut self, tensor: &str, state: &str) -> Result<&mut [F]> {
        let (tensor, lane) = self.find(tensor, state)?;
        Ok(&mut self.tensors[tensor].lanes[lane])
    }

    /// How many steps each tensor has taken, in the order of construction.
    pub fn steps(&self) -> Vec<u32> {
        self.tensors.iter().map(|tensor| tensor.step).collect()
    }

    /// The scalars of each tensor's last step, in the order of construction; empty before the first.
    pub fn scalars(&self) -> Vec<&[F]> {
        self.tensors.iter().map(|tensor| &*tensor.scalars).collect()
    }

    /// Replaces a group's hyper-parameters.
    pub fn set_rule(&mut self, group: usize, rule: impl Into<Box<dyn AnyRule>>) -> Result<()> {
        let rule = rule.into();
        let groups = self.groups.len();
        let old = self.groups.get_mut(group).ok_or(Error::UnknownGroup { group, groups })?;
        rule.validate()?;
        rule.check_replaces(&**old, group)?;
        *old = rule;
        Ok(())
    }

    fn find(&self, tensor: &str, state: &str) -> Result<(usize, usize)> {
        let index = self.tensors.iter().position(|known| known.name == tensor);
        let index = index.ok_or_else(|| unknown("parameter", tensor, self.tensors.iter().map(|tensor| &*tensor.name)))?;
        let states = self.groups[self.tensors[index].group].states();
        let lane = states.iter().position(|known| known.name == state);
        Ok((index, lane.ok_or_else(|| unknown("state", state, states.iter().map(|state| state.name)))?))
    }
}
