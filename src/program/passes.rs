//! The order of a step, written once: the GPU executor binds and records its passes, the CPU executor runs the twins of the same passes.

use crate::rule::{AnyRule, Extent};
use crate::step::{Config, StepKind};

/// What one pass does. Its dispatches do not need one another; each pass may need all that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// Adds up the gradient rows of row-sparse gradients that are for one row.
    Coalesce,
    /// Adds up the squares of each gradient.
    Measure,
    /// Brings the step record up to date for the parameters of this rule; the first one of a step decides about it.
    Prepare(usize),
    /// Forms the factors of units whose gradients are clipped adaptively, from their norms.
    UnitFactors,
    /// Evaluates the schedules of learning rate scales.
    ScheduleScales,
    /// The stages of this number, of rules that have more, over elements.
    Stage(usize),
    /// Those over rows or columns.
    Lines(usize),
    /// Orthogonalizes what the stage of this number has left in a state.
    Orthogonalize(usize),
    /// The products with the square matrices of axes after the stage of this number.
    Squares(usize),
    /// Finishes the sums of a stage over tensors, groups and all, for the parameters of a rule.
    Resume {
        /// The rule.
        rule: usize,
        /// The stage.
        stage: usize,
    },
    /// Averages of the rows that row-sparse gradients have nothing for; in the first step, their master values.
    Average,
    /// The rules' updates.
    Update,
    /// Adds gradients to those accumulated.
    Accumulate,
    /// Counts a micro-batch.
    Count,
    /// Appends the entries of a micro-batch that counted to those of row-sparse gradients before.
    Append,
    /// Decides about a change to the view of this number.
    Decide(u32),
    /// Changes what values show.
    Show,
    /// What those of tables show whose gradients are row-sparse.
    ShowTables,
    /// Adds up what an update measured of itself.
    Report,
    /// Writes the copies of values in bf16.
    Copy,
    /// Those of tables whose gradients are row-sparse.
    CopyTables,
}

/// What some parameters of an optimizer need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Row-sparse gradients.
    pub coalescing: bool,
    /// Lists of their entries over several micro-batches.
    pub appending: bool,
    /// Master values of parameters that have them.
    pub mastering: bool,
    /// Factors of units, by adaptive clipping.
    pub unit_factors: bool,
    /// Learning rate scales that follow schedules.
    pub scheduled_scales: bool,
}

/// The passes of an optimizer, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Of a step.
    pub step: Vec<Pass>,
    /// Of a micro-batch that is not a step's last.
    pub micro_batch: Vec<Pass>,
    /// Of a change to each view, by its number.
    pub views: Vec<Vec<Pass>>,
    /// Of a report, before it is read.
    pub report: Vec<Pass>,
    /// Of copies of values that are written without a step.
    pub copies: Vec<Pass>,
}

impl Program {
    /// For parameters that run these rules, each of which is named once, and need this besides.
    pub fn new(step_kind: &StepKind, rules: &[&dyn AnyRule], needs: Needs) -> Self {
        let mut step = Vec::new();
        step.extend(needs.coalescing.then_some(Pass::Coalesce));
        step.extend(step_kind.measures.then_some(Pass::Measure));
        step.extend((0..rules.len()).map(Pass::Prepare));
        step.extend(needs.unit_factors.then_some(Pass::UnitFactors));
        step.extend(needs.scheduled_scales.then_some(Pass::ScheduleScales));
        let most = rules.iter().map(|rule| rule.stages().len()).max().unwrap_or_default();
        (1..most).for_each(|after| stage(&mut step, rules, after - 1));
        let averages_tables = needs.mastering || (needs.coalescing && !step_kind.averages.is_empty());
        step.extend(averages_tables.then_some(Pass::Average));
        step.push(Pass::Update);
        let mut micro_batch = if step_kind.accumulates { vec![Pass::Accumulate, Pass::Count] } else { Vec::new() };
        micro_batch.extend(needs.appending.then_some(Pass::Append));
        let views = if step_kind.views { crate::step::view::SWAPPED + step_kind.averages.len() as u32 } else { 0 };
        let show = |number| [Pass::Decide(number), Pass::Show].into_iter().chain(needs.coalescing.then_some(Pass::ShowTables)).collect();
        let views = (0..views).map(show).collect();
        let report = step_kind.measures_update.then_some(Pass::Report).into_iter().collect();
        let copies = [Pass::Copy].into_iter().chain(needs.coalescing.then_some(Pass::CopyTables)).collect();
        Program { step, micro_batch, views, report, copies }
    }

    /// Every pass of it, once.
    pub fn passes(&self) -> Vec<Pass> {
        let mut passes = [&self.step[..], &self.micro_batch, &self.views.concat(), &self.report, &self.copies].concat();
        passes.sort_unstable();
        passes.dedup();
        passes
    }
}

/// The passes of the stage of this number, of rules that have more.
fn stage(step: &mut Vec<Pass>, rules: &[&dyn AnyRule], stage: usize) {
    let earlier = || rules.iter().enumerate().filter(|(_, rule)| stage + 1 < rule.stages().len());
    let is_over_elements = |rule: &dyn AnyRule| rule.stages()[stage].over == Extent::Elements;
    step.extend(earlier().any(|(_, rule)| is_over_elements(*rule)).then_some(Pass::Stage(stage)));
    step.extend(earlier().any(|(_, rule)| !is_over_elements(*rule)).then_some(Pass::Lines(stage)));
    let resumes = |rule: &dyn AnyRule| rule.sums().iter().any(|sum| sum.extent.is_whole() && rule.stages()[stage].forms(sum.name));
    step.extend(earlier().filter(|(_, rule)| resumes(**rule)).map(|(rule, _)| Pass::Resume { rule, stage }));
    step.extend(earlier().any(|(_, rule)| rule.stages()[stage].orthogonalizes.is_some()).then_some(Pass::Orthogonalize(stage)));
    step.extend(earlier().any(|(_, rule)| !rule.stages()[stage].products.is_empty()).then_some(Pass::Squares(stage)));
}

/// The rules that parameters of these groups run, each once, in order, by a group that has it: `prepare` goes by these numbers.
pub fn distinct(config: &Config, groups: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut rules: Vec<usize> = Vec::new();
    for group in groups {
        let rule = &*config.groups[group].rule;
        if !rules.iter().any(|&known| config.groups[known].rule.is_like(rule)) {
            rules.push(group);
        }
    }
    rules
}
