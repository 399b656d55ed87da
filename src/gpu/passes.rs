//! The recorded form of a plan: for each task one dispatch per bucket, with everything bound.

use std::collections::HashMap;

use super::buffers::{upload, whole};
use super::stage::Stage;
use super::{Compiled, Dispatch, Engine, Parts, Recorder, fold, resource};
use crate::error::Result;
use crate::plan::{Bucket, Kernel, Plan, Row, Sum, Window};
use crate::rule::AnyRule;
use crate::step::{ACCUMULATED, Features, Setup, view};
use crate::wgsl::{self, Shader, Slot};

/// What kernels over rows are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Task {
    /// The rule's update.
    Update,
    /// The gradients' norms.
    Measure,
    /// One more micro-batch.
    Accumulate,
    /// What values show.
    View,
}

/// All dispatches over rows, and what puts their sums together. Where there is but one view, rules have no part in its changes.
#[derive(Clone, Debug)]
pub(crate) struct Passes {
    /// The caller's buffers, by the plan's numbers.
    buffers: Vec<wgpu::Buffer>,
    update: Stage,
    measure: Stage,
    /// What measurements of gradients fill.
    sums: Option<Parts>,
    /// What the rows of an update measured.
    moved: Option<Moved>,
    dispatches: Vec<(Task, Dispatch)>,
    count: Option<Dispatch>,
    /// The views that can be asked for, each at a place of its own, and the dispatches that decide about them.
    wishes: Option<(wgpu::Buffer, u64)>,
    decisions: Vec<Dispatch>,
    /// The kernels of all tasks.
    kernels: HashMap<(Task, Kernel), Compiled>,
}

/// What updates measure.
#[derive(Clone, Debug)]
struct Moved {
    parts: Parts,
    report: Dispatch,
}

impl Passes {
    /// Uploads the rows and binds the windows.
    pub(crate) fn new(engine: &Engine, setup: &Setup, update: Plan, measure: Plan, buffers: Vec<wgpu::Buffer>) -> Result<Self> {
        let update = Stage::new(&engine.device, update.buckets, &engine.limits)?;
        let measure = Stage::new(&engine.device, measure.buckets, &engine.limits)?;
        let moved = setup.features().measures_update.then(|| moved(engine, &update)).transpose()?;
        let wishes = || wishes(engine, &setup.features());
        let wishes = setup.features().views.then(wishes).transpose()?;
        let (dispatches, decisions, kernels) = (Vec::new(), Vec::new(), HashMap::new());
        Passes { buffers, update, measure, sums: None, moved, dispatches, count: None, wishes, decisions, kernels }.bound(engine, setup)
    }

    /// The same with the engine's record as it is now.
    pub(crate) fn bound(&self, engine: &Engine, setup: &Setup) -> Result<Self> {
        let features = setup.features();
        let sums = engine.record.sums.as_ref().map(|sums| Parts::new(engine, &self.measure.sums(), &sums.buffer));
        let mut passes = Passes { sums: sums.transpose()?, dispatches: Vec::new(), count: None, ..self.clone() };
        let mut tasks = vec![Task::Measure, Task::Update];
        tasks.extend(features.accumulates.then_some(Task::Accumulate));
        tasks.extend(features.views.then_some(Task::View));
        for task in tasks {
            let stage = if task == Task::Measure { &self.measure } else { &self.update };
            for (number, (bucket, window)) in stage.buckets().enumerate() {
                let has_views = !features.averages.is_empty() || setup.groups[bucket.kernel.kind.variant].rule.has_views();
                if task != Task::View || has_views {
                    let dispatch = passes.dispatch(engine, setup, &features, task, (number, bucket, window))?;
                    passes.dispatches.push((task, dispatch));
                }
            }
        }
        let count = || single(engine, "count", wgsl::count(engine.limits.workgroup, &features), None);
        passes.count = features.accumulates.then(count).transpose()?;
        passes.decisions = passes.decisions(engine, &features)?;
        Ok(passes)
    }

    fn dispatch(
        &mut self,
        engine: &Engine,
        setup: &Setup,
        features: &Features,
        task: Task,
        (number, bucket, window): (usize, &Bucket, Window),
    ) -> Result<Dispatch> {
        let Engine { device, limits, pages, record, .. } = engine;
        let known = self.kernels.get(&(task, bucket.kernel.clone())).cloned();
        let kernel = match known {
            Some(kernel) => kernel,
            None => {
                let (label, shader) = shader(&*setup.groups[bucket.kernel.kind.variant].rule, features, task, &bucket.kernel);
                let kernel = engine.pipelines.get(&label, shader)?;
                self.kernels.insert((task, bucket.kernel.clone()), kernel.clone());
                kernel
            }
        };
        let stage = if task == Task::Measure { &self.measure } else { &self.update };
        // Only a measurement has a slot for sums, and only an update one for what it moved.
        let part = |parts: Option<&Parts>| parts.and_then(|parts| parts.of(number)).unwrap_or(&record.buffer).clone();
        let (sums, moved) = (part(self.sums.as_ref()), part(self.moved.as_ref().map(|moved| &moved.parts)));
        let bind_group = kernel.bind(device, |slot| match slot {
            Slot::Rows => stage.rows(window),
            Slot::Array(index) => resource(&self.buffers[bucket.windows[index].buffer], bucket.windows[index]),
            Slot::States => bucket.state.and_then(|window| pages.resource(window)).unwrap_or(record.buffer.as_entire_binding()),
            Slot::Sums => sums.as_entire_binding(),
            Slot::Moved => moved.as_entire_binding(),
            slot => record.resource(slot),
        })?;
        Ok(Dispatch::new(&kernel, bind_group, fold(window.size / size_of::<Row>() as u64, limits.workgroups)))
    }

    /// Records the dispatches of a task.
    pub(crate) fn record(&self, task: Task, recorder: &mut impl Recorder) {
        self.dispatches.iter().filter(|(own, _)| *own == task).for_each(|(_, dispatch)| recorder.record(dispatch));
        if let Some(sums) = self.sums.as_ref().filter(|_| task == Task::Measure) {
            sums.collect(recorder);
        }
        recorder.after();
    }

    /// What decides about each view that can be asked for.
    fn decisions(&self, engine: &Engine, features: &Features) -> Result<Vec<Dispatch>> {
        let Some((wishes, stride)) = &self.wishes else { return Ok(Vec::new()) };
        let kernel = engine.pipelines.get("view", wgsl::view(engine.limits.workgroup, features))?;
        let wish = |number: u64| Window { buffer: 0, offset: number * stride, size: *stride };
        let decision = |number: u64| {
            let bind_group = kernel.bind(&engine.device, |slot| match slot {
                Slot::Wish => resource(wishes, wish(number)),
                slot => engine.record.resource(slot),
            })?;
            Ok(Dispatch::new(&kernel, bind_group, (1, 1)))
        };
        (0..wishes.size() / stride).map(decision).collect()
    }

    /// Records what decides about the view of this number.
    pub(crate) fn decide(&self, view: u32, recorder: &mut impl Recorder) {
        self.decisions.get(view as usize).into_iter().for_each(|dispatch| recorder.record(dispatch));
        recorder.after();
    }

    /// Records that a micro-batch was accumulated.
    pub(crate) fn count(&self, recorder: &mut impl Recorder) {
        self.count.iter().for_each(|dispatch| recorder.record(dispatch));
    }

    /// Records that what the last update measured is added up.
    pub(crate) fn report(&self, recorder: &mut impl Recorder) {
        if let Some(Moved { parts, report }) = &self.moved {
            parts.collect(recorder);
            recorder.record(report);
        }
    }
}

/// Room for what updates measure, and what adds it up.
fn moved(engine: &Engine, update: &Stage) -> Result<Moved> {
    let sums = update.sums();
    let bytes = size_of::<Sum>() as u64 * sums.iter().map(|&sums| u64::from(sums)).sum::<u64>().max(1);
    let table = whole(&engine.device, "the table of updates", bytes)?;
    let report = single(engine, "report", wgsl::report(engine.limits.workgroup), Some(&table))?;
    Ok(Moved { parts: Parts::new(engine, &sums, &table)?, report })
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

/// One workgroup that is not over rows.
fn single(engine: &Engine, label: &'static str, shader: Shader, moved: Option<&wgpu::Buffer>) -> Result<Dispatch> {
    let kernel = engine.pipelines.get(label, shader)?;
    let bind_group = kernel.bind(&engine.device, |slot| match (slot, moved) {
        (Slot::Moved, Some(moved)) => moved.as_entire_binding(),
        (slot, _) => engine.record.resource(slot),
    })?;
    Ok(Dispatch::new(&kernel, bind_group, (1, 1)))
}

/// The kernel for a task, and its name.
fn shader(rule: &dyn AnyRule, features: &Features, task: Task, kernel: &Kernel) -> (String, Shader) {
    let averages = features.averages.len();
    let lane = |name: &str| features.lane(rule, name);
    match task {
        Task::Update => (format!("{} update", rule.name()), wgsl::pass(rule, kernel, features)),
        Task::Measure => ("measure".into(), wgsl::measure(kernel, lane(ACCUMULATED), averages)),
        Task::Accumulate => {
            let lane = lane(ACCUMULATED).unwrap_or_default();
            ("accumulate".into(), wgsl::accumulate(kernel, lane, features))
        }
        Task::View => (format!("{} view", rule.name()), wgsl::shown(rule, kernel, features)),
    }
}
