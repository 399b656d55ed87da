use super::buffers::whole;
use super::kernels::{Compiled, Kernels, Task};
use super::stage::Stage;
use super::{Dispatch, Engine, Recorder, fold, resource};
use crate::error::Result;
use crate::plan::{Bucket, Kernel, Plan, Row, Sum, Window};
use crate::rule::{AnyRule, Pass};
use crate::step::{ACCUMULATED, Features, Setup};
use crate::wgsl::{self, Shader, Slot};

/// The recorded form of a plan: for each task one dispatch per bucket, with everything bound. Rules without views have no part in theirs.
#[derive(Clone, Debug)]
pub(crate) struct Passes {
    /// The caller's buffers, by the plan's numbers.
    buffers: Vec<wgpu::Buffer>,
    update: Stage,
    measure: Option<Stage>,
    /// What the rows of an update measured.
    moved: Option<wgpu::Buffer>,
    dispatches: Vec<(Task, Dispatch)>,
    count: Option<Dispatch>,
    report: Option<Dispatch>,
}

impl Passes {
    /// Uploads the rows and binds the windows.
    pub(crate) fn new(engine: &mut Engine, setup: &Setup, update: Plan, measure: Plan, buffers: Vec<wgpu::Buffer>) -> Result<Self> {
        let features = setup.features();
        let rows = update.partials.iter().map(|range| range.end).max().unwrap_or_default();
        let moved = || whole(&engine.device, "the table of updates", (size_of::<Sum>() * rows as usize) as u64);
        let moved = features.measures_update.then(moved).transpose()?;
        let update = Stage::new(&engine.device, update.buckets, &engine.limits)?;
        let measure = || Stage::new(&engine.device, measure.buckets, &engine.limits);
        let measure = features.measures.then(measure).transpose()?;
        let passes = Passes { buffers, update, measure, moved, dispatches: Vec::new(), count: None, report: None };
        passes.bound(engine, setup)
    }

    /// The same with the engine's record as it is now.
    pub(crate) fn bound(&self, engine: &mut Engine, setup: &Setup) -> Result<Self> {
        let features = setup.features();
        let mut dispatches = Vec::new();
        for (bucket, window) in self.measure.iter().flat_map(Stage::buckets) {
            dispatches.push((Task::Measure, self.dispatch(engine, setup, &features, Task::Measure, bucket, window)?));
        }
        let mut tasks = [Pass::Update, Pass::Evaluate, Pass::Train].map(Task::Rule).to_vec();
        tasks.extend(features.accumulates.then_some(Task::Accumulate));
        tasks.extend((0..features.averages.len()).map(Task::Swap));
        for task in tasks {
            for (bucket, window) in self.update.buckets() {
                let is_view = matches!(task, Task::Rule(Pass::Evaluate | Pass::Train));
                if !is_view || setup.groups[bucket.kernel.variant].rule.has_views() {
                    dispatches.push((task, self.dispatch(engine, setup, &features, task, bucket, window)?));
                }
            }
        }
        let count = || wgsl::count(features.averages.len());
        let count = features.accumulates.then(|| single(engine, "count", count, None)).transpose()?;
        let report = |moved: &wgpu::Buffer| single(engine, "report", wgsl::report, Some(moved));
        let report = self.moved.as_ref().map(report).transpose()?;
        Ok(Passes { dispatches, count, report, ..self.clone() })
    }

    fn dispatch(
        &self,
        engine: &mut Engine,
        setup: &Setup,
        features: &Features,
        task: Task,
        bucket: &Bucket,
        window: Window,
    ) -> Result<Dispatch> {
        let Engine { device, limits, kernels, pages, record, .. } = engine;
        let kernel = compiled(kernels, device, &*setup.groups[bucket.kernel.variant].rule, features, task, &bucket.kernel)?;
        let stage = if task == Task::Measure { self.measure.as_ref().unwrap_or(&self.update) } else { &self.update };
        let bind_group = kernel.bind(device, |slot| match slot {
            Slot::Rows => stage.rows(window),
            Slot::Values => resource(&self.buffers[bucket.values.buffer], bucket.values),
            Slot::Gradients => {
                let window = bucket.gradients.unwrap_or(bucket.values);
                resource(&self.buffers[window.buffer], window)
            }
            Slot::Scales => {
                let window = bucket.scale.unwrap_or(bucket.values);
                resource(&self.buffers[window.buffer], window)
            }
            Slot::States => bucket.state.map_or(record.buffer.as_entire_binding(), |window| pages.resource(window)),
            Slot::Moved => self.moved.as_ref().unwrap_or(&record.buffer).as_entire_binding(),
            slot => record.resource(slot),
        })?;
        let workgroups = fold(window.size / size_of::<Row>() as u64, limits.workgroups);
        Ok(Dispatch { pipeline: kernel.pipeline.clone(), bind_group, workgroups })
    }

    /// Records the dispatches of a task.
    pub(crate) fn record(&self, task: Task, recorder: &mut impl Recorder) {
        self.dispatches.iter().filter(|(own, _)| *own == task).for_each(|(_, dispatch)| recorder.record(dispatch));
    }

    /// Whether a task is anything.
    pub(crate) fn has(&self, task: Task) -> bool {
        self.dispatches.iter().any(|(own, _)| *own == task)
    }

    /// Records that a micro-batch was accumulated.
    pub(crate) fn count(&self, recorder: &mut impl Recorder) {
        self.count.iter().for_each(|dispatch| recorder.record(dispatch));
    }

    /// Records that what the last update measured is added up.
    pub(crate) fn report(&self, recorder: &mut impl Recorder) {
        self.report.iter().for_each(|dispatch| recorder.record(dispatch));
    }
}

/// One workgroup that is not over rows.
fn single(engine: &mut Engine, label: &'static str, shader: impl FnOnce() -> Shader, moved: Option<&wgpu::Buffer>) -> Result<Dispatch> {
    let Engine { device, kernels, record, .. } = engine;
    let kernel = kernels.single(device, label, shader)?;
    let bind_group = kernel.bind(device, |slot| match (slot, moved) {
        (Slot::Moved, Some(moved)) => moved.as_entire_binding(),
        (slot, _) => record.resource(slot),
    })?;
    Ok(Dispatch { pipeline: kernel.pipeline.clone(), bind_group, workgroups: (1, 1) })
}

/// The kernel for a task, compiled at first use.
fn compiled<'a>(
    kernels: &'a mut Kernels,
    device: &wgpu::Device,
    rule: &dyn AnyRule,
    features: &Features,
    task: Task,
    kernel: &Kernel,
) -> Result<&'a Compiled> {
    let averages = features.averages.len();
    let lane = |name: &str| features.lane(rule, name);
    kernels.get(device, task, *kernel, || match task {
        Task::Rule(pass) => (format!("{} {pass:?}", rule.name()), wgsl::pass(rule, pass, kernel, features)),
        Task::Measure => ("measure".into(), wgsl::measure(kernel, lane(ACCUMULATED), averages)),
        Task::Accumulate => {
            let lane = lane(ACCUMULATED).unwrap_or_default();
            ("accumulate".into(), wgsl::accumulate(kernel, lane, features.zero_grad, averages))
        }
        Task::Swap(average) => {
            let average = &features.averages[average];
            let lane = lane(average.state()).unwrap_or_default();
            ("swap".into(), wgsl::swap(kernel, lane, average.words::<f32>().first(), averages))
        }
    })
}
