//! Making an optimizer, and making its dispatches anew.

use std::sync::Arc;

use super::buffers::{Buffers, TensorView, check_buffers, named};
use super::draft::Draft;
use super::{Group, Optimizer, Parameter, entries, orthogonal, squares, zero};
use crate::error::{Error, Result};
use crate::gpu::scales::Scales;
use crate::gpu::{Engine, Executor, Member, Pages, Param, Pipelines, Plans, Record, check_storage, limits};
use crate::program::{self, Levels, Plan, Segment, Sets, Shape, SumTree, Units};
use crate::rule::AnyRule;
use crate::step::{Config, Options};
use crate::wgsl;

/// The optimizer in whose place another one is made.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) optimizer: &'a Optimizer,
    /// Whether the rows that stay are where they were in their tensors.
    pub(super) rows_stay: bool,
}

impl Optimizer {
    /// An optimizer with one rule for all parameters. The queue must be the device's own: wgpu tells nobody else but the other device's
    /// error handler.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::with_options`].
    pub fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        rule: impl Into<Box<dyn AnyRule>>,
        params: impl IntoIterator<Item = Param>,
    ) -> Result<Self> {
        Self::with_groups(device, queue, [Group::new(rule, params)])
    }

    /// An optimizer of several groups, each with its rule and hyper-parameters. Everything is checked here: after this, a step cannot
    /// fail.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::with_options`].
    pub fn with_groups(device: &wgpu::Device, queue: &wgpu::Queue, groups: impl IntoIterator<Item = Group>) -> Result<Self> {
        Self::with_options(device, queue, groups, Options::default())
    }

    /// An optimizer of several groups whose steps do more than their rules: see [`Options`].
    ///
    /// # Errors
    ///
    /// - Parameters: [`Error::NoParameters`], [`Error::DuplicateName`], [`Error::HugeTensor`], [`Error::LrScale`], [`Error::Scales`],
    ///   [`Error::ScaledState`].
    /// - Their buffers: [`Error::SizeMismatch`], [`Error::OutOfBuffer`], [`Error::MissingUsage`], [`Error::Misaligned`], [`Error::Overlap`], and
    ///   [`Error::Buffer`] where wgpu refuses one.
    /// - Settings: [`Error::OutOfRange`], [`Error::NotF32`] and [`Error::HyperParameters`] of a rule; [`Error::Setting`] of a clip; [`Error::Schedule`];
    ///   [`Error::Option`]; [`Error::Conflict`] between two of them; [`Error::UnknownName`] where what a schedule or an `lr_scale` is for does not exist.
    /// - A rule of your own: [`Error::Stages`], [`Error::Wgsl`].
    /// - The device: [`Error::Limit`], [`Error::NoStorageBuffers`], [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::Wgpu`].
    pub fn with_options(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        groups: impl IntoIterator<Item = Group>,
        options: Options,
    ) -> Result<Self> {
        Self::with_pipelines(&Pipelines::new(device), queue, groups, options)
    }

    /// An optimizer that shares compiled kernels with others of its device: see [`Pipelines`].
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::with_options`].
    pub fn with_pipelines(
        pipelines: &Pipelines,
        queue: &wgpu::Queue,
        groups: impl IntoIterator<Item = Group>,
        options: Options,
    ) -> Result<Self> {
        check_storage(pipelines.device())?;
        Self::make(pipelines, queue, groups.into_iter().collect(), options, None)
    }

    /// In the place of another one, if there is one: with its status, and with its state's memory where that can be.
    pub(super) fn make(
        pipelines: &Pipelines,
        queue: &wgpu::Queue,
        groups: Vec<Group>,
        options: Options,
        before: Option<Before<'_>>,
    ) -> Result<Self> {
        let (device, pipelines) = (pipelines.device(), pipelines.clone());
        let limits = limits(device);
        let mut draft = Draft::new(options)?;
        draft.add_all(groups, &limits, &pipelines)?;
        if draft.parameters.is_empty() {
            return Err(Error::NoParameters);
        }
        let Draft { config, parameters, names, layout, sets, lines } = draft;
        check_buffers(&config, &parameters)?;
        let plans = plans(&config, &layout.hyper, &parameters, &sets, &limits)?;
        let tree = tree(&config, &parameters, &plans.measure, &limits);
        let last = before.map(|before| &before.optimizer.engine);
        let pages = match (before, last) {
            (Some(before), Some(last)) => {
                let stay = before.rows_stay && sets.pages == last.sets.pages && before.optimizer.has_places_of(&config, &parameters);
                last.pages.next(device, &sets.pages, &lines, stay)?
            }
            _ => Pages::default().next(device, &sets.pages, &lines, false)?,
        };
        let status = last.map(|last| last.record.status.clone());
        let (own, shapes) = (members(&parameters), shapes(&config, &parameters));
        let record = Record::new(device, &config, &layout, &own, &tree, &shapes, status)?;
        let (device, queue) = (device.clone(), queue.clone());
        let engine = Engine { device, queue, limits, layout, sets, lines, pages, tree, record, pipelines };
        let executor = executor(&engine, &config, &parameters, plans, None)?;
        let (clears, ring) = (zero::clears(&parameters), Default::default());
        let labels = labels(&parameters);
        Ok(Optimizer { engine, config, parameters, names, labels, executor, clears, ring })
    }

    /// Whether the state of each of these parameters of another config lies where it does, lane by lane.
    fn has_places_of(&self, config: &Config, parameters: &[Parameter]) -> bool {
        let place = |segment: &Segment| (segment.place, segment.stride, segment.widths.clone());
        let lanes = |config: &Config, parameters: &[Parameter]| -> Vec<_> {
            let step_kind = config.step_kind();
            let of = |own: &Parameter| step_kind.lanes_in_pages(&*config.groups[own.member.group].rule, own.kind.keeps());
            parameters.iter().map(|own| (of(own), own.state.iter().map(place).collect::<Vec<_>>())).collect()
        };
        lanes(&self.config, &self.parameters) == lanes(config, parameters)
    }

    /// Adds a group. Costs as much as a new optimizer; keeps existing state.
    ///
    /// The encoder takes over the step counts to a larger table, so steps recorded from now on are submitted after it, and those recorded until now before; both may
    /// be in this same encoder. What comes in another order changes nothing, and the next read-back is [`Error::OutOfOrder`]. What `write_steps`, `write_scalars` and
    /// `restore` write between this call and the encoder's submission is lost.
    ///
    /// # Errors
    ///
    /// [`Error::OwnState`]: a binding is the optimizer's own state. Else those of [`Optimizer::with_options`], but an empty group is legal.
    pub fn add_group(&mut self, encoder: &mut wgpu::CommandEncoder, group: Group) -> Result<()> {
        let Self { engine, config, parameters, names, .. } = &*self;
        let is_own = |param: &&Param| param.bindings().any(|(_, binding)| engine.own(binding.buffer()));
        if let Some(param) = group.params.iter().find(is_own) {
            return Err(Error::OwnState { param: param.name.clone() });
        }
        let (layout, sets, lines) = (engine.layout.clone(), engine.sets.clone(), engine.lines.clone());
        let mut draft = Draft { config: config.clone(), parameters: parameters.clone(), names: names.clone(), layout, sets, lines };
        draft.add_all(vec![group], &engine.limits, &engine.pipelines)?;
        let Draft { config, parameters, names, layout, sets, lines } = draft;
        check_buffers(&config, &parameters)?;
        let plans = plans(&config, &layout.hyper, &parameters, &sets, &engine.limits)?;
        let tree = tree(&config, &parameters, &plans.measure, &engine.limits);
        let mut next = Engine { layout, sets, lines, tree, ..engine.clone() };
        next.pages.extend(&next.device, &next.sets.pages, &next.lines)?;
        let (own, shapes, status) = (members(&parameters), shapes(&config, &parameters), engine.record.status.clone());
        next.record = Record::new(&next.device, &config, &next.layout, &own, &next.tree, &shapes, Some(status))?;
        let executor = executor(&next, &config, &parameters, plans, None)?;
        let (old, new) = (&engine.record.buffer, &next.record.buffer);
        encoder.copy_buffer_to_buffer(old, 0, new, 0, old.size());
        next.record.replace(encoder, &engine.record);
        let (clears, ring) = (zero::clears(&parameters), core::mem::take(&mut self.ring));
        let labels = labels(&parameters);
        *self = Optimizer { engine: next, config, parameters, names, labels, executor, clears, ring };
        Ok(())
    }

    /// Plans everything anew for parameters in other places.
    pub(super) fn replan(&mut self, parameters: Vec<Parameter>) -> Result<()> {
        check_buffers(&self.config, &parameters)?;
        let mut engine = self.engine.clone();
        let plans = plans(&self.config, &engine.layout.hyper, &parameters, &engine.sets, &engine.limits)?;
        engine.tree = tree(&self.config, &parameters, &plans.measure, &engine.limits);
        if self.config.step_kind().measures {
            engine.record = engine.record.renewed(&engine.device, &self.config, &engine.layout, &members(&parameters), &engine.tree)?;
        }
        self.executor = executor(&engine, &self.config, &parameters, plans, None)?;
        self.clears = zero::clears(&parameters);
        (self.engine, self.parameters) = (engine, parameters);
        Ok(())
    }
}

/// Everything that depends on options and clips anew, with the record, the status, the states and what was measured last as they are.
pub(super) fn renewed(engine: &mut Engine, config: &Config, parameters: &[Parameter], last: &Executor) -> Result<Executor> {
    check_buffers(config, parameters)?;
    let plans = plans(config, &engine.layout.hyper, parameters, &engine.sets, &engine.limits)?;
    engine.tree = tree(config, parameters, &plans.measure, &engine.limits);
    engine.record = engine.record.renewed(&engine.device, config, &engine.layout, &members(parameters), &engine.tree)?;
    executor(engine, config, parameters, plans, Some(last))
}

/// Everything bound; what wgpu refuses is said by the parameter's name.
fn executor(engine: &Engine, config: &Config, parameters: &[Parameter], plans: Plans, last: Option<&Executor>) -> Result<Executor> {
    let scales = Scales::new(engine, parameters.iter().map(|parameter| &parameter.param))?;
    let mut made = orthogonal::passes(engine, config, parameters)?;
    made.extend(squares::passes(engine, config, parameters)?);
    let named = |error| named(&engine.device, parameters, error);
    made.extend(entries::passes(engine, parameters).map_err(named)?);
    Executor::new(engine, config, Plans { made, ..plans }, scales, last).map_err(named)
}

pub(super) fn labels(parameters: &[Parameter]) -> Arc<[String]> {
    parameters.iter().map(|parameter| parameter.param.name.clone()).collect()
}

pub(super) fn members(parameters: &[Parameter]) -> Vec<Member> {
    parameters.iter().map(|parameter| parameter.member).collect()
}

/// The shapes of the tensors that are worked on tile by tile, and where they are in the step record.
fn shapes(config: &Config, parameters: &[Parameter]) -> Vec<(u32, Shape)> {
    let averages = config.step_kind().averages.len();
    let shape = |parameter: &Parameter| {
        let at = wgsl::shape_at(&*config.groups[parameter.member.group].rule, averages) as u32;
        Some((parameter.member.record + at, Shape::new(&parameter.tiles?, &parameter.lines)))
    };
    parameters.iter().filter_map(shape).collect()
}

/// The plans of update and measurement for parameters in these buffers, and the buffers.
fn plans(config: &Config, hyper: &[u32], parameters: &[Parameter], sets: &Sets, limits: &program::Limits) -> Result<Plans> {
    let mut buffers = Buffers::default();
    let step_kind = config.step_kind();
    let view = TensorView { config, step_kind: &step_kind, hyper, limits };
    let tensors: Vec<program::Tensor> = parameters.iter().enumerate().map(|parameter| view.tensor(parameter, &mut buffers)).collect();
    let too_large = |needed| {
        let (what, limit) = ("a chunk of 4096 elements".to_owned(), "max_storage_buffer_binding_size");
        Error::Limit { what, needed, limit, allowed: limits.binding }
    };
    let update = program::plan(&tensors, sets, limits).map_err(too_large)?;
    let goes_over = |tensor: &program::Tensor| tensor.listed.is_some() && (tensor.copy.is_some() || tensor.kind.mastered);
    let tables = match step_kind.views || tensors.iter().any(goes_over) {
        true => program::tables(&tensors, sets, limits).map_err(too_large)?,
        false => Plan::default(),
    };
    let measure = match step_kind.measures {
        true => program::measures(&tensors, step_kind.accumulates, limits).map_err(too_large)?,
        false => Plan::default(),
    };
    Ok(Plans { update, measure, tables, buffers: buffers.into_list(), tensors, made: Vec::new() })
}

/// How the sums of what is measured become those of parameters, groups and all.
fn tree(config: &Config, parameters: &[Parameter], measure: &Plan, limits: &program::Limits) -> SumTree {
    // One more slot than sums, which nothing writes: the sum of a parameter without elements.
    let nothing = measure.buckets.iter().map(|bucket| bucket.sums.end).max().unwrap_or_default();
    let mut levels = Levels::new(nothing + 1);
    let mut units = Vec::new();
    let mut tops = Vec::new();
    for ((index, parameter), partials) in parameters.iter().enumerate().zip(&measure.partials) {
        let Some(first) = partials.first() else {
            tops.push(core::iter::once(nothing..nothing + 1).collect());
            continue;
        };
        let Some(unit) = parameter.unit else {
            tops.push(partials.clone());
            continue;
        };
        // Those of a tensor with units are consecutive.
        let (length, sums) = (u64::from(unit.length), first.start..partials[partials.len() - 1].end);
        let own = Units::new(parameter.gradients(), length, limits).slots(&mut levels, sums, length, limits);
        units.extend(program::in_workgroups([index as u32, own.start, own.len() as u32, unit.factors]));
        tops.push(vec![own]);
    }
    let count = |group| parameters.iter().filter(|parameter| parameter.member.group == group).count();
    let groups: Vec<usize> = (0..config.groups.len()).map(count).collect();
    SumTree { units, ..SumTree::new(levels, &tops, &groups) }
}
