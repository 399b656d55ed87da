//! `Optimizer`: updates parameters on the GPU. How it is made, changed, read and reported is in the modules beside.

mod access;
mod buffers;
mod build;
mod change;
mod checked;
mod checkpoint;
mod draft;
mod entries;
mod keep;
mod mover;
mod orthogonal;
mod pending;
mod places;
mod progress;
mod recorded;
mod remake;
mod report;
mod resize;
mod rows;
mod scale;
mod squares;
mod stretches;
mod teller;
mod view;
mod write;
mod zero;

use core::fmt;
use std::collections::HashMap;
use std::sync::Arc;

use crate::coalesce::Coalesce;
use crate::error::{Error, Result};
use crate::gpu::{Binding, Engine, Executor, Member, Param, Pipelines, Ring};
use crate::program::{Kind, Lines, Segment, Tiles, Unit};
use crate::rule::{AnyRule, Extents};
use crate::step::{Broadcast, Config, GroupKey, MaskedRows};

pub use pending::PendingReport;
pub use report::Report;
pub use rows::RowChange;

/// Parameters on the GPU that share a rule and its hyper-parameters: [`step::Group`](crate::step::Group) of [`Param`]s. Its page has the fields, and the
/// functions that make one: `new`, `matching` and `decay_matrices_only`.
pub type Group<P = Param> = crate::step::Group<P>;

/// Updates parameters from their gradients; record one [`Optimizer::step`] after each backward pass.
///
/// Steps, and what may come with them:
///
/// ```
/// # use wgpu_optim::{Optimizer, Result, wgpu};
/// # fn steps(optimizer: &Optimizer, device: &wgpu::Device, queue: &wgpu::Queue) -> Result<()> {
/// let mut encoder = device.create_command_encoder(&Default::default());
/// optimizer.zero_grad(&mut encoder)?; // for backward passes that add to gradients
/// // ... your backward pass ...
/// optimizer.step(&mut encoder);
/// queue.submit([encoder.finish()]);
/// # Ok(())
/// # }
/// ```
///
/// Settings, for the steps recorded from then on:
///
/// ```
/// # use wgpu_optim::{Optimizer, Result, Schedule};
/// # fn settings(optimizer: &mut Optimizer) -> Result<()> {
/// optimizer.set(0, "weight_decay", 0.1)?; // of group 0
/// optimizer.set_schedule(0, "lr", Some(Schedule::Cosine { from: 1e-3, to: 0.0, steps: 1000 }))?;
/// optimizer.set_active(["embedding"], false)
/// # }
/// ```
///
/// Reading and writing, by the names of parameters and states:
///
/// ```
/// # use wgpu_optim::{Optimizer, Result};
/// # async fn access(optimizer: &Optimizer) -> Result<()> {
/// let values = optimizer.read_value("weight").await?;
/// optimizer.write_value("weight", &values)?;
/// for state in optimizer.state_names("weight")? {
///     println!("{state}: {:?}", optimizer.read_state("weight", state).await?);
/// }
/// let m = optimizer.state("weight", "m")?; // for your own bind groups: `m.resource()`
/// # let _ = m;
/// # Ok(())
/// # }
/// ```
///
/// Views, for an evaluation:
///
/// ```
/// # use wgpu_optim::{Optimizer, wgpu};
/// # fn views(optimizer: &Optimizer, encoder: &mut wgpu::CommandEncoder) {
/// optimizer.evaluate(encoder);
/// // ... your passes that evaluate the model ...
/// optimizer.train(encoder); // before the next step
/// # }
/// ```
///
/// Reports, without waiting for the GPU:
///
/// ```
/// # use wgpu_optim::{Optimizer, Result};
/// # fn reports(optimizer: &Optimizer) -> Result<()> {
/// let mut pending = optimizer.report();
/// // ... later, once a frame ...
/// if let Some(report) = pending.try_get() {
///     let report = report?;
///     println!("step {}, {} skipped, rates {:?}", report.step, report.skips, report.lr);
/// }
/// # Ok(())
/// # }
/// ```
///
/// Step counts, per-step scalars, schedules, the loss scale and state live on the GPU, so what a step records is the same every time and needs
/// no host round trip. The same inputs give the same bits on the same device with the same features.
/// What the host sets (hyper-parameters, where gradients are, which parameters are active) holds for the steps recorded afterwards, in whatever order
/// encoders are submitted.
pub struct Optimizer {
    engine: Engine,
    config: Config,
    parameters: Vec<Parameter>,
    names: HashMap<String, usize>,
    /// Names by index, shared with pending reports.
    labels: Arc<[String]>,
    executor: Executor,
    clears: Vec<zero::Clear>,
    ring: Ring,
}

/// A parameter and where everything of it is.
#[derive(Clone, Debug)]
struct Parameter {
    param: Param,
    elements: u64,
    extents: Extents,
    kind: Kind,
    state: Vec<Segment>,
    tiles: Option<Tiles>,
    lines: Lines,
    unit: Option<Unit>,
    scale: Option<Broadcast>,
    masked: Option<MaskedRows>,
    sparse: Option<Arc<Coalesce>>,
    member: Member,
}

impl Parameter {
    /// How many gradients a step has: of a row-sparse one, those of the rows that there is room for.
    fn gradients(&self) -> u64 {
        self.sparse.as_ref().map_or(self.elements, |own| own.summed().size() / 4)
    }
}

impl fmt::Debug for Optimizer {
    /// Groups, options and counts; not the tables and buffers, which are long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = |(number, group): (usize, &crate::step::Group<()>)| {
            let params = self.parameters.iter().filter(|parameter| parameter.member.group == number).count();
            let name = group.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
            format!("{name}{}, {params} parameters", group.rule.name())
        };
        let groups: Vec<String> = self.config.groups.iter().enumerate().map(group).collect();
        let mut debug = f.debug_struct("Optimizer");
        debug.field("groups", &groups).field("parameters", &self.parameters.len()).field("options", &self.config.options);
        debug.field("dispatches", &self.dispatches()).finish_non_exhaustive()
    }
}

impl Optimizer {
    /// Records one step: the step counts advance and every active parameter is updated from its gradient plus the accumulated micro-batches. Nothing is
    /// submitted, waited for, or allocated; several steps may be recorded into one encoder. The encoder must be the optimizer's device's,
    /// or wgpu panics.
    pub fn step(&self, encoder: &mut wgpu::CommandEncoder) {
        let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim step"), timestamp_writes: None };
        self.step_in(&mut encoder.begin_compute_pass(&descriptor));
    }

    /// Records a step within a compute pass of the caller's, for timestamps or fewer passes. It changes the pass's pipeline and bind groups 0 and 1.
    pub fn step_in(&self, pass: &mut wgpu::ComputePass<'_>) {
        #[cfg(feature = "tracing")]
        let _span = tracing::trace_span!("wgpu-optim step", parameters = self.parameters.len()).entered();
        self.executor.step(pass);
    }

    /// Records that the gradients of one micro-batch are added to those of the next step, whose own micro-batch is the last: call this after every
    /// backward pass but the one before [`Optimizer::step`]. How they add up, [`Options::micro_batches`](crate::Options::micro_batches) says.
    ///
    /// # Errors
    ///
    /// [`Error::NotEnabled`]: the optimizer was made without [`Options::micro_batches`](crate::Options::micro_batches).
    pub fn accumulate(&self, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim accumulate"), timestamp_writes: None };
        self.check_accumulates()?;
        self.executor.micro_batch(&mut encoder.begin_compute_pass(&descriptor));
        Ok(())
    }

    /// Records a micro-batch within a compute pass of the caller's, as [`Optimizer::accumulate`] does. It changes the pass's pipeline and bind groups 0 and 1.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::accumulate`].
    pub fn accumulate_in(&self, pass: &mut wgpu::ComputePass<'_>) -> Result<()> {
        self.check_accumulates()?;
        self.executor.micro_batch(pass);
        Ok(())
    }

    fn check_accumulates(&self) -> Result<()> {
        match self.config.options.accumulates() {
            true => Ok(()),
            false => Err(Error::NotEnabled { what: "accumulate", needs: "Options::micro_batches" }),
        }
    }

    /// The factor for the next loss, one f32 at the start of a buffer that the caller's loss kernel binds: gradients are expected to be so many
    /// times too large. It is 1 without [`Options::loss_scale`](crate::Options::loss_scale).
    pub fn loss_scale(&self) -> Binding {
        Binding::new(&self.engine.record.status, 0, 4)
    }

    /// What has been compiled for this optimizer, and others that share it.
    pub fn pipelines(&self) -> &Pipelines {
        &self.engine.pipelines
    }

    /// Number of dispatches that a step records.
    pub fn dispatches(&self) -> usize {
        self.recorded_step().dispatches
    }

    /// Bytes of GPU memory that the optimizer allocated for state, averages, accumulated gradients and what row-sparse gradients are added up in, with
    /// memory that is kept to be used again ([`Param::reserved_rows`]), besides a few hundred per parameter for its tables.
    pub fn state_bytes(&self) -> u64 {
        let coalescing = self.parameters.iter().filter_map(|parameter| parameter.sparse.as_ref());
        self.engine.pages.bytes() + coalescing.map(|own| own.bytes()).sum::<u64>()
    }

    /// The parameters' names, in order of construction.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| &*parameter.param.name)
    }

    /// The rule of a group as it is set now, schedules aside.
    pub fn rule(&self, group: impl GroupKey) -> Option<&dyn AnyRule> {
        self.config.number(group).ok().map(|group| &*self.config.groups[group].rule)
    }
}
