//! How each pass is dispatched, as plain data that its own file gives: over what, with which kernel, and which sums are put together. What a dispatch binds
//! is what its kernel's slots name. So whoever binds and records passes knows none of them.

use super::{Formed, Shader, averages, copies, lines, measure, micro_batch, prepare, resume, stage, units, view};
use crate::program::{Kernel, Pass, Purpose};
use crate::rule::AnyRule;
use crate::step::StepKind;

/// How a pass is dispatched.
pub(crate) struct Dispatches {
    pub(crate) over: Over,
    /// The sums whose parts are put together: after the dispatches over rows, before a single workgroup.
    pub(crate) collects: Option<Formed>,
    pub(crate) kernel: Box<Composer>,
}

/// Composes the kernel of a pass, with its name; none where a rule's parameters have nothing to do in the pass.
pub(crate) type Composer = dyn Fn(&Asked<'_>) -> Option<(String, Shader)>;

/// What a pass goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The rows of each bucket of the plan with this purpose.
    Rows(Purpose),
    /// The rows or columns of tensors, by a stage of this number.
    Lines(usize),
    /// The parameters of the rule of this number, in one workgroup.
    Rule(usize),
    /// Units of adaptive clipping, each workgroup over some of one tensor.
    Units,
    /// All parameters, in one workgroup.
    All,
}

/// What a kernel is composed for.
pub(crate) struct Asked<'a> {
    pub(crate) rule: &'a dyn AnyRule,
    /// What it goes over; apart from the rows of buckets, no arrays.
    pub(crate) kernel: &'a Kernel,
    pub(crate) step_kind: &'a StepKind,
}

impl Asked<'_> {
    pub(super) fn invocations(&self) -> u32 {
        self.kernel.division.invocations
    }
}

impl Dispatches {
    /// Over this, without sums that are put together.
    pub(super) fn new(over: Over, kernel: impl Fn(&Asked<'_>) -> Option<(String, Shader)> + 'static) -> Self {
        Dispatches { over, collects: None, kernel: Box::new(kernel) }
    }

    /// And these sums are put together.
    pub(super) fn collecting(self, formed: Formed) -> Self {
        Dispatches { collects: Some(formed), ..self }
    }
}

/// How a pass is dispatched, apart from those whose dispatches are made with the parameters that need them.
pub(crate) fn dispatches(pass: Pass) -> Option<Dispatches> {
    Some(match pass {
        Pass::Coalesce | Pass::Append | Pass::ScheduleScales | Pass::Orthogonalize(_) | Pass::Squares(_) => return None,
        Pass::Measure => measure::dispatches(),
        Pass::Prepare(rule) => prepare::dispatches(rule),
        Pass::UnitFactors => units::dispatches(),
        Pass::Stage(number) => stage::dispatches(number),
        Pass::Lines(number) => lines::dispatches(number),
        Pass::Resume { rule, stage } => resume::dispatches(rule, stage),
        Pass::Update => stage::dispatches_of_update(),
        Pass::Accumulate => micro_batch::dispatches(),
        Pass::Count => micro_batch::dispatches_of_count(),
        Pass::Decide(number) => view::dispatches_of_decision(number),
        Pass::Average => averages::dispatches(),
        Pass::Show => view::dispatches(Purpose::Update),
        Pass::ShowTables => view::dispatches(Purpose::Table),
        Pass::Copy => copies::dispatches(Purpose::Update),
        Pass::CopyTables => copies::dispatches(Purpose::Table),
        Pass::Report => measure::dispatches_of_report(),
    })
}
