//! What is kept of a parameter, described once: state arena, bindings, accessors, reading and writing follow from it.

use super::state_storage::StateStorage;
use super::{ACCUMULATED, ASIDE, MASTER, ROW_STEPS, StepKind};
use crate::rule::{AnyRule, Extent, StateField};
use crate::storage::Format;

/// A tensor that a rule or an option keeps of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its name, the rule's for a state; scales have that of their state.
    pub name: &'static str,
    /// What it is for.
    pub role: LaneRole,
    /// How its numbers lie in words.
    pub format: Format,
    /// Whether each element has a number, each row, each column, or each index of each axis.
    pub extent: Extent,
}

/// What of a parameter decides which lanes it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeps {
    /// Whether its rule counts it as a matrix.
    pub matrix: bool,
    /// Whether its rows count their own steps.
    pub counted: bool,
    /// Whether its gradient is row-sparse: entries of micro-batches are a list then, and no lane.
    pub listed: bool,
    /// What its states are stored as.
    pub storage: StateStorage,
    /// What its values are stored as.
    pub values: Format,
    /// Whether there are master values beside them.
    pub master: bool,
}

/// What a lane is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneRole {
    /// Gradients of earlier micro-batches.
    Accumulated,
    /// A state of the rule.
    State,
    /// The values in f32, beside those in fewer bits that steps round them to.
    Master,
    /// An average of the values.
    Average,
    /// The trained values, while others are in their place, or half of their bits, as [`Showing`] says.
    Aside,
    /// How many steps have updated each row, where rows count their own: whole numbers.
    RowSteps,
    /// The scales of the blocks of a state.
    Scale,
    /// A sum that stages over elements read, of rows, columns, slices or axes, or a state that is scratch; nothing of it is kept from step to step.
    Sum,
}

/// Where the trained values are while an average is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// In the place of the average, which has as many bits.
    Exchanged,
    /// In their own lane, or in the master values; the average stays where it is.
    Aside,
    /// f32 beside averages of 16 bits: half of their bits in the place of the average, and half in a lane of their own.
    Split,
}

impl Lane {
    /// Whether it has a number for each element.
    pub fn is_of_elements(&self) -> bool {
        self.extent == Extent::Elements
    }

    /// Whether it lies in the state's pages: those of elements and of blocks of them.
    pub fn is_in_pages(&self) -> bool {
        matches!(self.extent, Extent::Elements | Extent::Blocks)
    }
}

impl StepKind {
    /// The lanes of a parameter: accumulated gradients, the rule's states in use, master values, averages, what of the trained values is kept aside while others are shown, and scratch; of these first
    /// those of f32, then the others, and the scales of these; sums, and the step counts of rows that have their own.
    pub fn lanes(&self, rule: &dyn AnyRule, keeps: Keeps) -> Vec<Lane> {
        let Keeps { matrix, counted, listed, storage, master, .. } = keeps;
        let of_elements = |name, role| Lane { name, role, format: storage.format_of(role), extent: Extent::Elements };
        let states = rule.active_states_for(matrix).into_iter().map(|state| rule.states()[state]);
        let (scratch, states): (Vec<StateField>, Vec<StateField>) = states.partition(StateField::is_scratch);
        let scratch = scratch.into_iter().map(|state| Lane { extent: state.extent, ..of_elements(state.name, LaneRole::Sum) });
        let state = |state: StateField| Lane {
            name: state.name,
            role: LaneRole::State,
            format: storage.format(rule, &state),
            extent: state.extent,
        };
        let states = states.into_iter().map(state);
        let accumulated = (self.accumulates && !listed).then(|| of_elements(ACCUMULATED, LaneRole::Accumulated));
        let averages = self.averages.iter().map(|average| of_elements(average.state(), LaneRole::Average));
        let aside = self.aside(rule, keeps).map(|format| Lane { format, ..of_elements(ASIDE, LaneRole::Aside) });
        let master = master.then(|| of_elements(MASTER, LaneRole::Master));
        let own = accumulated.into_iter().chain(states).chain(master).chain(averages).chain(aside);
        let (own, packed): (Vec<Lane>, Vec<Lane>) = own.partition(|lane| lane.format == Format::F32);
        let scales = packed.iter().filter(|lane| lane.format.has_scales());
        let scale = |lane: &Lane| Lane { role: LaneRole::Scale, format: Format::F32, extent: Extent::Blocks, ..*lane };
        let scales: Vec<Lane> = scales.map(scale).collect();
        let sums = rule.sums().iter().filter(|sum| rule.is_kept(sum, matrix));
        let sums = sums.map(|sum| Lane { extent: sum.extent, ..of_elements(sum.name, LaneRole::Sum) });
        let steps = counted.then_some(Lane { extent: Extent::Rows, ..of_elements(ROW_STEPS, LaneRole::RowSteps) });
        own.into_iter().chain(scratch).chain(packed).chain(scales).chain(sums).chain(steps).collect()
    }

    /// Where the trained values of a parameter are while an average is shown.
    pub(crate) fn showing(&self, rule: &dyn AnyRule, keeps: Keeps) -> Showing {
        match (keeps.values, keeps.storage.format_of(LaneRole::Average)) {
            // An average would be rounded in the place of the values, and these in the place of the average.
            _ if keeps.master => Showing::Aside,
            (values, average) if values == average => Showing::Exchanged,
            (Format::F32, _) if !rule.has_views() => Showing::Split,
            _ => Showing::Aside,
        }
    }

    /// What a lane for trained values that are not shown is stored as, where there is one: master values need none.
    fn aside(&self, rule: &dyn AnyRule, keeps: Keeps) -> Option<Format> {
        match self.showing(rule, keeps) {
            _ if keeps.master => None,
            _ if rule.has_views() => Some(Format::F32),
            _ if self.averages.is_empty() => None,
            Showing::Exchanged => None,
            Showing::Aside => Some(Format::F32),
            // Half of an f32, as wide as the average.
            Showing::Split => Some(keeps.storage.format_of(LaneRole::Average)),
        }
    }

    /// The lanes that lie in the state's pages, one after the other: those of f32, then others, then scales of blocks.
    pub fn lanes_in_pages(&self, rule: &dyn AnyRule, keeps: Keeps) -> Vec<Lane> {
        self.lanes(rule, Keeps { counted: false, ..keeps }).into_iter().filter(Lane::is_in_pages).collect()
    }

    /// Which of these has a number of this name for each element.
    pub(crate) fn lane(&self, rule: &dyn AnyRule, keeps: Keeps, name: &str) -> Option<usize> {
        self.lanes_in_pages(rule, keeps).iter().position(|lane| lane.is_of_elements() && lane.name == name)
    }

    /// The lanes of wider extents, which lie in a buffer of their own.
    pub(crate) fn wide_lanes(&self, rule: &dyn AnyRule, keeps: Keeps) -> Vec<Lane> {
        self.lanes(rule, keeps).into_iter().filter(|lane| !lane.is_in_pages()).collect()
    }
}
