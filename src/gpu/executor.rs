//! The GPU executor: every pass of a program with everything bound, ready to be recorded.

use std::collections::{BTreeMap, HashMap};

use super::buckets::{Buckets, Placed};
use super::buffers::{upload, whole};
use super::places::{Known, Versions};
use super::scales::Scales;
use super::staged::Staged;
use super::{Bound, Compiled, Dispatch, Engine, Parts, Recorder, fold, resource};
use crate::error::Result;
use crate::program::{Bucket, Kernel, Pass, Plan, Program, Purpose, Sum, Tensor, Window};
use crate::rule::Extent;
use crate::step::{Features, Setup, view};
use crate::wgsl::{self, Resource};

/// The program of an optimizer, bound.
#[derive(Clone, Debug)]
pub(crate) struct Executor {
    program: Program,
    /// The caller's buffers, by the plan's numbers.
    pub(super) buffers: Vec<wgpu::Buffer>,
    pub(super) update: Buckets,
    pub(super) measure: Buckets,
    /// What measurements of gradients fill.
    norms: Option<Parts>,
    /// What the stages of rules with sums have.
    staged: Staged,
    /// What the rows of an update measured.
    moved: Option<(Parts, wgpu::Buffer)>,
    /// The views that can be asked for, each at a place of its own, and the bytes of each.
    wishes: Option<(wgpu::Buffer, u64)>,
    scales: Scales,
    pub(super) bound: BTreeMap<Pass, Ready>,
    kernels: Kernels,
}

/// The kernels by what they do, over which rows, and whether hyper-parameters have schedules.
#[derive(Clone, Debug, Default)]
struct Kernels(HashMap<(Pass, Option<Kernel>, bool), Compiled>);

/// A pass, bound.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    /// Over the rows of buckets.
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
    pub(crate) fn new(engine: &Engine, setup: &Setup, plans: Plans, scales: Scales, last: Option<&Executor>) -> Result<Self> {
        let Plans { update, measure, buffers, tensors } = plans;
        let features = setup.features();
        let staged = Staged::new(engine, setup, &update.buckets, &tensors)?;
        let update = Buckets::new(&engine.device, update.buckets, Purpose::Update, &engine.limits)?;
        let measure = Buckets::new(&engine.device, measure.buckets, Purpose::Measure, &engine.limits)?;
        let kept = last.filter(|last| last.update.sum_words() == update.sum_words()).and_then(|last| last.moved.clone());
        let moved = features.measures_update.then(|| kept.map_or_else(|| moved(engine, &update), Ok)).transpose()?;
        let wishes = features.views.then(|| wishes(engine, &features)).transpose()?;
        let (program, bound, kernels) = (Program::default(), BTreeMap::new(), Kernels::default());
        Executor { program, buffers, update, measure, norms: None, staged, moved, wishes, scales, bound, kernels }.bound(engine, setup)
    }

    /// Everything bound anew, with the engine's record as it is now.
    pub(crate) fn bound(&self, engine: &Engine, setup: &Setup) -> Result<Self> {
        let features = setup.features();
        let rules: Vec<_> = engine.record.rules().iter().map(|rule| &**rule).collect();
        let program = Program::new(&features, &rules, !self.scales.is_empty());
        let norms = engine.record.sums.as_ref().map(|sums| Parts::new(engine, &self.measure.sum_words(), &sums.buffer)).transpose()?;
        let mut executor = Executor { program, norms, bound: BTreeMap::new(), ..self.clone() };
        executor.bind_all(engine, setup, executor.program.passes())?;
        Ok(executor)
    }

    /// Binds those passes anew that bind one of these. After an error, everything is as it was.
    pub(crate) fn rebind(&mut self, engine: &Engine, setup: &Setup, changed: &[Resource]) -> Result<()> {
        let binds = |ready: &Ready| ready.slots.iter().any(|slot| changed.contains(slot));
        let passes = self.bound.iter().filter(|(_, ready)| binds(ready)).map(|(&pass, _)| pass).collect();
        self.bind_all(engine, setup, passes)
    }

    fn bind_all(&mut self, engine: &Engine, setup: &Setup, passes: Vec<Pass>) -> Result<()> {
        let (mut kernels, features) = (core::mem::take(&mut self.kernels), setup.features());
        let mut bind = |pass| Ok((pass, self.bind(&mut kernels, engine, setup, &features, pass)?));
        let bound: Result<Vec<_>> = passes.into_iter().map(&mut bind).collect();
        self.kernels = kernels;
        self.bound.extend(bound?);
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

    fn record(&self, passes: &[Pass], recorder: &mut impl Recorder) {
        for (pass, ready) in passes.iter().filter_map(|pass| Some((pass, self.bound.get(pass)?))) {
            if !ready.rows.is_empty() {
                recorder.version(self.stage(*pass).table.version());
                ready.rows.iter().for_each(|rows| recorder.record(&rows.dispatch));
                recorder.after();
            }
            for dispatches in &ready.others {
                dispatches.iter().for_each(|dispatch| recorder.record(dispatch));
                recorder.after();
            }
        }
    }

    /// The buckets that a pass goes over.
    pub(super) fn stage(&self, pass: Pass) -> &Buckets {
        if pass == Pass::Measure { &self.measure } else { &self.update }
    }

    fn bind(&self, kernels: &mut Kernels, engine: &Engine, setup: &Setup, features: &Features, pass: Pass) -> Result<Ready> {
        let mut ready = Ready::default();
        let mut kernel = |over: Option<&Kernel>| {
            let kernel = kernels.get(engine, setup, features, pass, over)?;
            ready.slots.extend(kernel.slots.iter().map(|(slot, _)| *slot));
            Ok(kernel)
        };
        match pass {
            Pass::Measure | Pass::Stage(_) | Pass::Update | Pass::Accumulate | Pass::Show => {
                ready.rows = self.over_buckets(engine, setup, pass, kernel)?;
            }
            Pass::Lines(stage) => ready.others = vec![self.over_lines(engine, stage, kernel)?],
            Pass::ScheduleScales => ready.others = vec![self.scales.dispatches().to_vec()],
            Pass::Prepare(_) | Pass::Resume { .. } | Pass::Count | Pass::Decide(_) => {
                ready.others = vec![vec![self.single(engine, pass, &kernel(None)?)?]];
            }
            Pass::Report => {
                let report = vec![self.single(engine, pass, &kernel(None)?)?];
                let parts = self.moved.iter().flat_map(|(parts, _)| parts.collect());
                ready.others = parts.chain([report]).collect();
            }
        }
        match (pass, &self.norms) {
            (Pass::Measure, Some(norms)) => ready.others = norms.collect().collect(),
            (Pass::Stage(stage), _) => {
                let own = self.staged.sums.iter().filter(|sums| sums.stage == stage);
                ready.others = own.flat_map(|sums| sums.collect()).collect();
            }
            _ => {}
        }
        Ok(ready)
    }

    /// A dispatch for each bucket that a pass goes over.
    fn over_buckets(
        &self,
        engine: &Engine,
        setup: &Setup,
        pass: Pass,
        mut kernel: impl FnMut(Option<&Kernel>) -> Result<Compiled>,
    ) -> Result<Vec<OverRows>> {
        let rule = |bucket: &Bucket| &*setup.groups[bucket.kernel.kind.group].rule;
        let goes_over = |bucket: &Bucket| match pass {
            // Where there is but one view, rules have no part in its changes.
            Pass::Show => !setup.options.averages().is_empty() || rule(bucket).has_views(),
            Pass::Stage(stage) => {
                let rule = rule(bucket);
                let is_earlier = stage + 1 < rule.stages().len() && rule.stages()[stage].over == Extent::Elements;
                is_earlier && rule.runs(stage, bucket.kernel.kind.matrix)
            }
            _ => true,
        };
        let stage = self.stage(pass);
        let rows = |(number, placed): (usize, &Placed)| {
            let kernel = kernel(Some(&placed.bucket.kernel))?;
            let window = |array: usize| {
                let window = placed.bucket.windows[array];
                (&self.buffers[window.buffer], window)
            };
            let mut known = Known::default();
            let bound = known.get(kernel.arrays().map(window), || self.bind_rows(engine, &kernel, (pass, number), &stage.table, window))?;
            Ok(OverRows { number, dispatch: Dispatch::new(&kernel, bound, placed.workgroups), kernel, known })
        };
        stage.buckets().enumerate().filter(|(_, placed)| goes_over(&placed.bucket)).map(rows).collect()
    }

    /// The rows of a bucket for a pass, with this table, and these windows for its arrays.
    pub(super) fn bind_rows<'a>(
        &'a self,
        engine: &'a Engine,
        kernel: &Compiled,
        (pass, number): (Pass, usize),
        table: &'a Versions,
        window: impl Fn(usize) -> (&'a wgpu::Buffer, Window),
    ) -> Result<Bound> {
        let placed = self.stage(pass).placed(number);
        kernel.bind(&engine.device, |slot| match slot {
            Resource::Rows => placed.rows(table),
            Resource::Array(index) => {
                let (buffer, window) = window(index);
                resource(buffer, window)
            }
            Resource::Sums | Resource::Tiles if pass != Pass::Measure => self.of_stage(engine, slot, pass, number),
            slot => self.of_bucket(engine, slot, number, &placed.bucket),
        })
    }

    /// Where a bucket puts the sums of a stage.
    fn of_stage<'a>(&'a self, engine: &'a Engine, slot: Resource, pass: Pass, number: usize) -> wgpu::BindingResource<'a> {
        let of = |sums: &'a super::staged::Sums| match slot {
            _ if pass != Pass::Stage(sums.stage) => None,
            Resource::Sums => sums.whole_of(number),
            _ => sums.tiles_of(number),
        };
        self.staged.sums.iter().find_map(of).unwrap_or(&engine.record.buffer).as_entire_binding()
    }

    /// A dispatch for each kind of tensors whose rows or columns a stage goes over.
    fn over_lines(
        &self,
        engine: &Engine,
        stage: usize,
        mut kernel: impl FnMut(Option<&Kernel>) -> Result<Compiled>,
    ) -> Result<Vec<Dispatch>> {
        let own = self.staged.lines.iter().filter(|lines| lines.stage == stage && lines.count > 0);
        let dispatch = |lines: &super::staged::Lines| {
            let over = Kernel { kind: lines.kind, division: engine.limits.division, arrays: Vec::new(), pairs: Vec::new() };
            let kernel = kernel(Some(&over))?;
            let tiles = self.staged.sums[lines.source].tiles.as_ref().map_or(&engine.record.buffer, |(tiles, _)| tiles);
            let bound = kernel.bind(&engine.device, |slot| match slot {
                Resource::Work => lines.work.as_entire_binding(),
                Resource::Tiles => tiles.as_entire_binding(),
                Resource::Lines => engine.pages.lines(lines.buffer).unwrap_or(&engine.record.buffer).as_entire_binding(),
                slot => engine.record.resource(slot),
            })?;
            Ok(Dispatch::new(&kernel, bound, fold(lines.count, engine.limits.workgroups)))
        };
        own.map(dispatch).collect()
    }

    /// What a bucket binds besides its rows.
    fn of_bucket<'a>(&'a self, engine: &'a Engine, slot: Resource, number: usize, bucket: &Bucket) -> wgpu::BindingResource<'a> {
        // Only a measurement has a slot for sums, and only an update one for what it moved.
        let part = |parts: Option<&'a Parts>| parts.and_then(|parts| parts.of(number)).unwrap_or(&engine.record.buffer);
        match slot {
            Resource::States => {
                bucket.state.and_then(|window| engine.pages.resource(window)).unwrap_or(engine.record.buffer.as_entire_binding())
            }
            Resource::Lines => engine.pages.lines(bucket.lines).unwrap_or(&engine.record.buffer).as_entire_binding(),
            Resource::Sums => part(self.norms.as_ref()).as_entire_binding(),
            Resource::Moved => part(self.moved.as_ref().map(|(parts, _)| parts)).as_entire_binding(),
            slot => engine.record.resource(slot),
        }
    }

    /// The sums that are finished after a stage, and how.
    fn of_resume<'a>(&'a self, engine: &'a Engine, slot: Resource, rule: usize, stage: usize) -> wgpu::BindingResource<'a> {
        let sums = self.staged.sums.iter().find(|sums| (sums.rule, sums.stage) == (rule, stage));
        let whole = sums.and_then(|sums| sums.whole.as_ref());
        let buffer = whole.map_or(&engine.record.buffer, |whole| if slot == Resource::Sums { &whole.sums } else { &whole.tree });
        buffer.as_entire_binding()
    }

    /// One workgroup that is not over rows.
    fn single(&self, engine: &Engine, pass: Pass, kernel: &Compiled) -> Result<Dispatch> {
        let bound = kernel.bind(&engine.device, |slot| match (slot, pass, &self.wishes, &self.moved) {
            (Resource::Wish, Pass::Decide(view), Some((wishes, stride)), _) => {
                resource(wishes, Window { buffer: 0, offset: u64::from(view) * stride, size: *stride })
            }
            (Resource::Moved, _, _, Some((_, table))) => table.as_entire_binding(),
            (Resource::Sums | Resource::Tree, Pass::Resume { rule, stage }, ..) => self.of_resume(engine, slot, rule, stage),
            (slot, ..) => engine.record.resource(slot),
        })?;
        Ok(Dispatch::new(kernel, bound, (1, 1)))
    }
}

impl Kernels {
    /// The kernel of a pass, compiled if it is not yet.
    fn get(&mut self, engine: &Engine, setup: &Setup, features: &Features, pass: Pass, over: Option<&Kernel>) -> Result<Compiled> {
        // Changes to all views are decided by one kernel.
        let pass = if let Pass::Decide(_) = pass { Pass::Decide(view::TRAINED) } else { pass };
        let key = (pass, over.cloned(), features.schedules);
        if let Some(kernel) = self.0.get(&key) {
            return Ok(kernel.clone());
        }
        let rule = match (pass, over) {
            (Pass::Prepare(rule) | Pass::Resume { rule, .. }, _) => Some(&*engine.record.rules()[rule]),
            (_, over) => over.map(|kernel| &*setup.groups[kernel.kind.group].rule),
        };
        // A slice's rows may be few: software adapters go through all invocations of a workgroup, whatever these do.
        let invocations = if over.is_some() { engine.limits.division.invocations } else { engine.limits.workgroup };
        let (label, shader) = wgsl::shader_of(pass, rule, over, invocations, features);
        let kernel = engine.pipelines.get(&label, shader)?;
        self.0.insert(key, kernel.clone());
        Ok(kernel)
    }
}

/// What a program goes over: the rows of its passes, and the caller's buffers.
#[derive(Clone, Debug)]
pub(crate) struct Plans {
    pub(crate) update: Plan,
    pub(crate) measure: Plan,
    pub(crate) buffers: Vec<wgpu::Buffer>,
    pub(crate) tensors: Vec<Tensor>,
}

/// Room for what updates measure.
fn moved(engine: &Engine, update: &Buckets) -> Result<(Parts, wgpu::Buffer)> {
    let words = update.sum_words();
    let bytes = 4 * words.iter().map(|&words| u64::from(words)).sum::<u64>().max(size_of::<Sum>() as u64);
    let table = whole(&engine.device, "the table of updates", bytes)?;
    Ok((Parts::new(engine, &words, &table)?, table))
}

/// The views that can be asked for, and how many bytes each has: its number, and for each rule whether it has evaluated values of its own.
fn wishes(engine: &Engine, features: &Features) -> Result<(wgpu::Buffer, u64)> {
    let rules: Vec<u32> = engine.record.rules().iter().map(|rule| u32::from(rule.has_views())).collect();
    let stride = (4 * (1 + rules.len() as u64)).next_multiple_of(engine.limits.alignment);
    let mut words = Vec::new();
    for number in 0..view::SWAPPED + features.averages.len() as u32 {
        words.push(number);
        words.extend(&rules);
        words.resize(words.len().next_multiple_of((stride / 4) as usize), 0);
    }
    Ok((upload(&engine.device, "wgpu-optim views", &words)?, stride))
}
