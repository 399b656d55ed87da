//! The GPU executor: every pass of a program with everything bound, and how it is recorded. How passes are bound is beside.

mod bind;
mod kernels;

use super::buckets::Buckets;
use super::buffers::{upload, whole};
use super::places::Known;
use super::scales::Scales;
use super::staged::Staged;
use super::{Compiled, Dispatch, Engine, Parts, Recorder, resource};
use crate::error::Result;
use crate::program::{Needs, Pass, Plan, Program, Purpose, Sum, Tensor, Window};
use crate::step::{Config, StepKind, view};
use crate::wgsl::Resource;
use kernels::Kernels;

/// The program of an optimizer, bound.
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    program: Program,
    /// The caller's buffers, by the plan's numbers.
    pub(super) buffers: Vec<wgpu::Buffer>,
    pub(super) update: Buckets,
    pub(super) measure: Buckets,
    /// All rows of tables whose gradients are row-sparse, where something goes over these.
    pub(super) tables: Option<Buckets>,
    /// What measurements of gradients fill.
    norms: Option<Parts>,
    /// What the stages of rules with sums have.
    staged: Staged,
    /// What the rows of an update measured.
    moved: Option<Parts>,
    /// The views that can be asked for, each at a place of its own, and the bytes of each.
    wishes: Option<(wgpu::Buffer, u64)>,
    /// The passes whose dispatches are made with the parameters that need them: the dispatches of one entry need those of the one before.
    made: Vec<(Pass, Vec<Vec<Dispatch>>)>,
    pub(super) bound: Vec<(Pass, Ready)>,
    kernels: Kernels,
}

/// A pass, bound.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    /// Which buckets it goes over.
    pub(super) purpose: Purpose,
    /// Over their rows.
    pub(super) rows: Vec<OverRows>,
    /// After these: the dispatches of one entry need those of the one before.
    others: Vec<Vec<Dispatch>>,
    /// What all of them bind.
    slots: Vec<Resource>,
}

/// A dispatch over the rows of a bucket.
#[derive(Clone, Debug)]
pub(super) struct OverRows {
    /// The bucket's number.
    pub(super) number: usize,
    pub(super) kernel: Compiled,
    pub(super) dispatch: Dispatch,
    pub(super) known: Known,
}

impl Executor {
    /// Uploads the rows and binds everything. What the last update of another executor of these parameters measured stays, where it is as large.
    pub(crate) fn new(engine: &Engine, config: &Config, plans: Plans, scales: Scales, last: Option<&Executor>) -> Result<Self> {
        let Plans { update, measure, tables, buffers, tensors, made } = plans;
        let step_kind = config.step_kind();
        let staged = Staged::new(engine, config, &update.buckets, &tensors)?;
        let update = Buckets::new(&engine.device, update.buckets, Purpose::Update, &engine.limits)?;
        let measure = Buckets::new(&engine.device, measure.buckets, Purpose::Measure, &engine.limits)?;
        let has_tables = !tables.buckets.is_empty();
        let tables = has_tables.then(|| Buckets::new(&engine.device, tables.buckets, Purpose::Table, &engine.limits)).transpose()?;
        let kept = last.filter(|last| last.update.sum_words() == update.sum_words()).and_then(|last| last.moved.clone());
        let moved = step_kind.measures_update.then(|| kept.map_or_else(|| moved(engine, &update), Ok)).transpose()?;
        let wishes = step_kind.views.then(|| wishes(engine, &step_kind)).transpose()?;
        let scales = (Pass::ScheduleScales, scales.into_dispatches());
        let made = core::iter::once(scales).chain(made).filter(|(_, dispatches)| !dispatches.is_empty()).collect();
        let (program, bound, kernels) = (Program::default(), Vec::new(), Kernels::default());
        Executor { program, buffers, update, measure, tables, norms: None, staged, moved, wishes, made, bound, kernels }
            .bound(engine, config)
    }

    /// Everything bound anew, with the engine's record as it is now.
    pub(crate) fn bound(&self, engine: &Engine, config: &Config) -> Result<Self> {
        let step_kind = config.step_kind();
        let rules: Vec<_> = engine.record.rules().iter().map(|rule| &**rule).collect();
        let makes = |pass| self.made(pass).is_some();
        let needs = Needs {
            coalescing: makes(Pass::Coalesce),
            appending: makes(Pass::Append),
            mastering: self.tables.iter().flat_map(Buckets::all).any(|placed| placed.bucket.kernel.kind.mastered),
            unit_factors: !engine.tree.units.is_empty(),
            scheduled_scales: makes(Pass::ScheduleScales),
        };
        let program = Program::new(&step_kind, &rules, needs);
        let norms = engine.record.sums.as_ref().map(|sums| Parts::new(engine, &self.measure.sum_words(), &sums.buffer)).transpose()?;
        let mut executor = Executor { program, norms, bound: Vec::new(), ..self.clone() };
        executor.bind_all(engine, config, executor.program.passes())?;
        Ok(executor)
    }

    /// The dispatches of a pass, if it is one whose dispatches were made with the parameters.
    pub(super) fn made(&self, pass: Pass) -> Option<&Vec<Vec<Dispatch>>> {
        self.made.iter().find(|(own, _)| *own == pass).map(|(_, dispatches)| dispatches)
    }

    /// Binds those passes anew that bind one of these. After an error, everything is as it was.
    pub(crate) fn rebind(&mut self, engine: &Engine, config: &Config, changed: &[Resource]) -> Result<()> {
        let binds = |ready: &Ready| ready.slots.iter().any(|slot| changed.contains(slot));
        let passes = self.bound.iter().filter(|(_, ready)| binds(ready)).map(|(pass, _)| *pass).collect();
        self.bind_all(engine, config, passes)
    }

    fn bind_all(&mut self, engine: &Engine, config: &Config, passes: Vec<Pass>) -> Result<()> {
        let (mut kernels, step_kind) = (core::mem::take(&mut self.kernels), config.step_kind());
        let mut bind = |pass| Ok((pass, self.bind(&mut kernels, engine, config, &step_kind, pass)?));
        let bound: Result<Vec<_>> = passes.into_iter().map(&mut bind).collect();
        self.kernels = kernels;
        let bound = bound?;
        self.bound.retain(|(pass, _)| bound.iter().all(|(anew, _)| anew != pass));
        self.bound.extend(bound);
        Ok(())
    }

    /// The passes of a step, in order.
    pub(crate) fn passes(&self) -> &[Pass] {
        &self.program.step
    }

    /// Records a step.
    pub(crate) fn step(&self, recorder: &mut impl Recorder) {
        self.record(&self.program.step, recorder);
    }

    /// Records a micro-batch that is not a step's last.
    pub(crate) fn micro_batch(&self, recorder: &mut impl Recorder) {
        self.record(&self.program.micro_batch, recorder);
    }

    /// Records a change to the view of this number.
    pub(crate) fn show(&self, view: u32, recorder: &mut impl Recorder) {
        self.program.views.get(view as usize).into_iter().for_each(|passes| self.record(passes, recorder));
    }

    /// Records what a report needs.
    pub(crate) fn report(&self, recorder: &mut impl Recorder) {
        self.record(&self.program.report, recorder);
    }

    /// Records that copies of values are written.
    pub(crate) fn copies(&self, recorder: &mut impl Recorder) {
        self.record(&self.program.copies, recorder);
    }

    fn record(&self, passes: &[Pass], recorder: &mut impl Recorder) {
        for (pass, ready) in passes.iter().filter_map(|pass| self.bound.iter().find(|(own, _)| own == pass)) {
            recorder.begin(*pass);
            if !ready.rows.is_empty() {
                self.buckets(ready.purpose).iter().for_each(|buckets| recorder.version(buckets.table.version()));
                ready.rows.iter().for_each(|rows| recorder.record(&rows.dispatch));
                recorder.after();
            }
            for dispatches in &ready.others {
                dispatches.iter().for_each(|dispatch| recorder.record(dispatch));
                recorder.after();
            }
        }
    }

    /// The buckets of the plan with this purpose, if there is one.
    pub(super) fn buckets(&self, purpose: Purpose) -> Option<&Buckets> {
        match purpose {
            Purpose::Update => Some(&self.update),
            Purpose::Measure => Some(&self.measure),
            Purpose::Table => self.tables.as_ref(),
        }
    }

    /// The view of this number, as it is asked for.
    fn wish<'a>(&'a self, engine: &'a Engine, view: u32) -> wgpu::BindingResource<'a> {
        let window = |stride: u64| Window { buffer: 0, offset: u64::from(view) * stride, size: stride };
        self.wishes.as_ref().map_or(engine.record.resource(Resource::Wish(view)), |(wishes, stride)| resource(wishes, window(*stride)))
    }
}

/// What a program goes over: the rows of its passes, and the caller's buffers.
#[derive(Clone, Debug)]
pub(crate) struct Plans {
    pub(crate) update: Plan,
    pub(crate) measure: Plan,
    pub(crate) tables: Plan,
    pub(crate) buffers: Vec<wgpu::Buffer>,
    pub(crate) tensors: Vec<Tensor>,
    /// The passes whose dispatches are made with the parameters that need them, what coalesces row-sparse gradients and what multiplies matrices: the dispatches of one
    /// list need those of the one before.
    pub(crate) made: Vec<(Pass, Vec<Vec<Dispatch>>)>,
}

/// Room for what updates measure.
fn moved(engine: &Engine, update: &Buckets) -> Result<Parts> {
    let words = update.sum_words();
    let bytes = 4 * words.iter().map(|&words| u64::from(words)).sum::<u64>().max(size_of::<Sum>() as u64);
    let table = whole(&engine.device, "the table of updates", bytes)?;
    Parts::new(engine, &words, &table)
}

/// The views that can be asked for, and how many bytes each has: its number, and for each rule whether it has evaluated values of its own.
fn wishes(engine: &Engine, step_kind: &StepKind) -> Result<(wgpu::Buffer, u64)> {
    let rules: Vec<u32> = engine.record.rules().iter().map(|rule| u32::from(rule.has_views())).collect();
    let stride = (4 * (1 + rules.len() as u64)).next_multiple_of(engine.limits.alignment);
    let mut words = Vec::new();
    for number in 0..view::SWAPPED + step_kind.averages.len() as u32 {
        words.push(number);
        words.extend(&rules);
        words.resize(words.len().next_multiple_of((stride / 4) as usize), 0);
    }
    Ok((upload(&engine.device, "wgpu-optim views", &words)?, stride))
}
