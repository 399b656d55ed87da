mod access;
mod build;
mod change;

use std::collections::HashMap;

use crate::gpu::{Engine, Member, Param, Passes};
use crate::plan::Place;
use crate::rule::{AnyRule, Pass};

/// Parameters that share a rule's hyper-parameters, as in torch's `param_groups`.
#[derive(Clone, Debug)]
pub struct Group {
    /// The rule; a group may have another than its neighbours.
    pub rule: Box<dyn AnyRule>,
    /// The parameters.
    pub params: Vec<Param>,
}

impl Group {
    /// A group of parameters with a rule.
    pub fn new(rule: impl Into<Box<dyn AnyRule>>, params: impl IntoIterator<Item = Param>) -> Self {
        Group { rule: rule.into(), params: params.into_iter().collect() }
    }
}

/// Passes parameters on the GPU by their gradients: one [`Optimizer::step`] recorded after the caller's backward pass.
///
/// Step counts, per-step scalars and state live on the GPU, so what a step records is the same every time and needs no host round trip.
/// What the host sets (hyper-parameters, gradients' places, who takes part) holds for the steps recorded afterwards, in whatever order
/// encoders are submitted.
#[derive(Debug)]
pub struct Optimizer {
    engine: Engine,
    rules: Vec<Box<dyn AnyRule>>,
    slots: Vec<Slot>,
    names: HashMap<String, usize>,
    passes: Passes,
}

/// A parameter and where everything of it is.
#[derive(Clone, Debug)]
struct Slot {
    param: Param,
    elements: u64,
    variant: usize,
    state: Option<Place>,
    member: Member,
}

impl Optimizer {
    /// Records one step: the step counts advance and every active parameter is updated by its gradient. Nothing is submitted, waited
    /// for, or allocated; several steps may be recorded into one encoder. The encoder must be the optimizer's device's, or wgpu panics.
    pub fn step(&self, encoder: &mut wgpu::CommandEncoder) {
        let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim step"), timestamp_writes: None };
        self.step_in(&mut encoder.begin_compute_pass(&descriptor));
    }

    /// The same within a compute pass of the caller's, for timestamps or fewer passes. It changes the pass's pipeline and bind group 0.
    pub fn step_in(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.engine.record.dispatch(pass);
        self.passes.dispatch(Pass::Update, pass);
    }

    /// Records the change from the values that are trained to those to evaluate the model with, where a rule tells them apart
    /// (schedule-free ones do); nothing for other rules. Until [`Optimizer::train`] no step may be recorded.
    pub fn evaluate(&self, encoder: &mut wgpu::CommandEncoder) {
        self.view(encoder, Pass::Evaluate);
    }

    /// Records the change back to the values that are trained.
    pub fn train(&self, encoder: &mut wgpu::CommandEncoder) {
        self.view(encoder, Pass::Train);
    }

    fn view(&self, encoder: &mut wgpu::CommandEncoder, view: Pass) {
        if self.passes.of(view).next().is_some() {
            let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim view"), timestamp_writes: None };
            self.passes.dispatch(view, &mut encoder.begin_compute_pass(&descriptor));
        }
    }

    /// How many dispatches a step is.
    pub fn dispatches(&self) -> usize {
        self.engine.record.dispatches() + self.passes.of(Pass::Update).count()
    }

    /// Bytes of GPU memory that the optimizer allocated for state, besides a few hundred per parameter for its tables.
    pub fn state_bytes(&self) -> u64 {
        self.engine.lanes.bytes()
    }

    /// The parameters' names, in order of construction.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| &*slot.param.name)
    }

    /// The rule of a group as it is set now.
    pub fn rule(&self, group: usize) -> Option<&dyn AnyRule> {
        self.rules.get(group).map(|rule| &**rule)
    }
}
