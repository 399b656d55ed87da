//! What is kept of a parameter, described once: state arena, bindings, accessors, reading and writing follow from it.

use super::{ACCUMULATED, ASIDE, ROW_STEPS, StepKind};
use crate::rule::{AnyRule, Extent, StateField};

/// A tensor that a rule or an option keeps of a parameter. All are f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its name, the rule's for a state.
    pub name: &'static str,
    /// What it is for.
    pub role: LaneRole,
    /// Whether each element has a number, each row, each column, or each index of each axis.
    pub extent: Extent,
}

/// What a lane is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneRole {
    /// Gradients of earlier micro-batches.
    Accumulated,
    /// A state of the rule.
    State,
    /// An average of the values.
    Average,
    /// The trained values, while a rule's evaluated ones are in their place.
    Aside,
    /// How many steps have updated each row, where rows count their own: whole numbers.
    RowSteps,
    /// A sum that stages over elements read, of rows, columns, slices or axes, or a state that is scratch; nothing of it is kept from step to step.
    Sum,
}

impl StepKind {
    /// The lanes of a parameter that is a matrix, or is none: accumulated gradients, whose lane is so the first whatever the rule, the rule's states in
    /// use, averages, what shows while a rule's evaluated values are in its place, sums, the step counts of rows that have their own, and scratch.
    pub fn lanes(&self, rule: &dyn AnyRule, is_matrix: bool, counted: bool) -> Vec<Lane> {
        let of_elements = |name, role| Lane { name, role, extent: Extent::Elements };
        let states = rule.active_states_for(is_matrix).into_iter().map(|state| rule.states()[state]);
        let (scratch, states): (Vec<StateField>, Vec<StateField>) = states.partition(StateField::is_scratch);
        let states = states.into_iter().map(|state| Lane { name: state.name, role: LaneRole::State, extent: state.extent });
        let scratch = scratch.into_iter().map(|state| Lane { name: state.name, role: LaneRole::Sum, extent: state.extent });
        let accumulated = self.accumulates.then(|| of_elements(ACCUMULATED, LaneRole::Accumulated));
        let averages = self.averages.iter().map(|average| of_elements(average.state(), LaneRole::Average));
        let aside = rule.has_views().then(|| of_elements(ASIDE, LaneRole::Aside));
        let sums = rule.sums().iter().filter(|sum| rule.is_kept(sum, is_matrix));
        let sums = sums.map(|sum| Lane { name: sum.name, role: LaneRole::Sum, extent: sum.extent });
        let steps = counted.then_some(Lane { name: ROW_STEPS, role: LaneRole::RowSteps, extent: Extent::Rows });
        accumulated.into_iter().chain(states).chain(averages).chain(aside).chain(sums).chain(steps).chain(scratch).collect()
    }

    /// The lanes that have a number for each element, which lie beside one another in the state's pages.
    pub fn lanes_of_elements(&self, rule: &dyn AnyRule, is_matrix: bool) -> Vec<Lane> {
        self.lanes(rule, is_matrix, false).into_iter().filter(|lane| lane.extent == Extent::Elements).collect()
    }

    /// Which of these a name is.
    pub(crate) fn lane(&self, rule: &dyn AnyRule, is_matrix: bool, name: &str) -> Option<usize> {
        self.lanes_of_elements(rule, is_matrix).iter().position(|lane| lane.name == name)
    }

    /// The lanes of wider extents, which lie in a buffer of their own.
    pub(crate) fn wide_lanes(&self, rule: &dyn AnyRule, is_matrix: bool, counted: bool) -> Vec<Lane> {
        self.lanes(rule, is_matrix, counted).into_iter().filter(|lane| lane.extent != Extent::Elements).collect()
    }
}
