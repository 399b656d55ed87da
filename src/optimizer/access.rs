//! Binds and reads values, gradients, state and step counts by the names of parameters.

use super::{Optimizer, Parameter};
use crate::checkpoint::is_kept;
use crate::error::{BufferRole, Error, Result, unknown};
use crate::gpu::late::Given;
use crate::gpu::{Binding, Record, Span, elements_of, of_first_given, read_all};
use crate::rule::AnyRule;
use crate::step::{ASIDE, Average, Lane, LaneRole, Status, view};
use crate::wgsl::{ORDER, scalars_at};

/// A part of a lane, with the scales of its blocks if there are some.
pub(super) struct StoredPart {
    pub(super) codes: Binding,
    pub(super) scales: Option<Binding>,
    /// Numbers.
    pub(super) elements: usize,
}

/// Whether two lanes lie in one buffer, where their places are counted.
fn lies_with(lane: &Lane, other: &Lane) -> bool {
    if lane.is_in_pages() { other.is_in_pages() } else { other.extent == lane.extent }
}

impl Optimizer {
    /// A parameter's state tensor as a buffer binding, by the rule's name for it (`"m"`), or `"accumulated"`, `"slow"`, `"ema"`, `"swa"` where the
    /// options keep these, and `"master"` where the parameter has master values. It can be bound on its own in the caller's passes: its buffer has the usages `STORAGE`, `COPY_SRC` and `COPY_DST`, and the
    /// caller's kernels may write it too, between steps.
    ///
    /// A state that is stored in fewer bits ([`StateStorage`](crate::StateStorage)) is bound as it lies, in whole words: two numbers of 16 bits in each, or four codes of 8 bits, the first in the lowest
    /// bits. [`Optimizer::read_state`] has the numbers.
    ///
    /// The states of a parameter lie in one buffer, but for those of rows and columns, and often with those of other parameters; which of them share a
    /// buffer depends on the device. WebGPU does not let a dispatch both read and write one buffer, so a kernel that binds several states binds them all
    /// as `read` or all as `read_write`.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: there is no such parameter, or it has no such state.
    /// - [`Error::Split`]: the state is in several parts; use [`Optimizer::state_parts`].
    pub fn state(&self, param: &str, state: &str) -> Result<Binding> {
        let mut parts = self.state_parts(param, state)?;
        let split = |parts| Error::Split { param: param.to_owned(), state: state.to_owned(), parts };
        if parts.len() == 1 { parts.pop().ok_or(split(0)) } else { Err(split(parts.len())) }
    }

    /// A parameter's state tensor in as many parts as it has: one, unless all state tensors of the parameter together are larger than
    /// `max_storage_buffer_binding_size`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: there is no such parameter, or it has no such state.
    pub fn state_parts(&self, param: &str, state: &str) -> Result<Vec<Binding>> {
        let parameter = &self.parameters[self.find(param)?];
        let (lane, index) = self.lane(parameter, state)?;
        Ok(self.parts(parameter, &lane, index))
    }

    /// The parts of a lane, by its number among those of the pages, or of its extent.
    pub(super) fn parts(&self, parameter: &Parameter, lane: &Lane, index: usize) -> Vec<Binding> {
        if lane.is_in_pages() {
            return parameter.parts().filter_map(|segment| self.engine.pages.binding(segment, index)).collect();
        }
        let place = parameter.lines.lane(lane.extent, index as u64);
        place.and_then(|place| self.engine.pages.line(place, parameter.extents.count(lane.extent))).into_iter().collect()
    }

    /// The lanes of a parameter, each with its parts.
    pub(super) fn lanes_in_parts(&self, parameter: &Parameter) -> Vec<(Lane, Vec<Binding>)> {
        let lanes = self.lanes(parameter);
        let before = |position: usize| lanes[..position].iter().filter(|other| lies_with(&lanes[position], other)).count();
        lanes.iter().enumerate().map(|(position, lane)| (*lane, self.parts(parameter, lane, before(position)))).collect()
    }

    /// What is kept of a parameter, without sums, which are of one step.
    fn lanes(&self, parameter: &Parameter) -> Vec<Lane> {
        let lanes = self.config.step_kind().lanes(self.rule_of(parameter), parameter.kind.keeps());
        lanes.into_iter().filter(|lane| lane.role != LaneRole::Sum).collect()
    }

    /// The lane of this name, and its number among those of the pages, or of its extent.
    pub(super) fn lane(&self, parameter: &Parameter, state: &str) -> Result<(Lane, usize)> {
        let lanes = self.lanes(parameter);
        let position = lanes.iter().position(|lane| lane.name == state);
        let position = position.ok_or_else(|| unknown("state", state, lanes.iter().map(|lane| lane.name)))?;
        let lane = lanes[position];
        Ok((lane, lanes[..position].iter().filter(|other| lies_with(&lane, other)).count()))
    }

    /// How many numbers a state has.
    pub(super) fn state_elements(&self, parameter: &Parameter, state: &str) -> Result<u64> {
        Ok(parameter.extents.count(self.lane(parameter, state)?.0.extent))
    }

    pub(super) fn rule_of(&self, parameter: &Parameter) -> &dyn AnyRule {
        &*self.config.groups[parameter.member.group].rule
    }

    /// Reads a parameter's trained values, as f32 whatever they are stored as; the buffer needs the usage `COPY_SRC`.
    ///
    /// All `read_` functions submit a copy of their own, after everything submitted so far, and natively wait for it before they return
    /// control; they are meant for between steps.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: no parameter has this name.
    /// - [`Error::InView`]: other values than the trained ones are shown. Record [`Optimizer::train`] before, or use [`Optimizer::read_shown`].
    /// - [`Error::NonFinite`]: a step failed. [`Error::InView`]: a step, a micro-batch, a write or a change of view came in a view that it does not fit.
    ///   [`Error::OutOfOrder`]: something was submitted on the wrong side of a change to the optimizer. Each is told once.
    /// - [`Error::MissingUsage`]: the buffer lacks `COPY_SRC`. [`Error::Buffer`]: wgpu refuses it.
    /// - The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::ReadBack`], [`Error::Wgpu`].
    pub async fn read_value(&self, param: &str) -> Result<Vec<f32>> {
        let parameter = &self.parameters[self.find(param)?];
        let (status, values) = self.read_numbers(parameter, BufferRole::Value).await?;
        self.check_trained(&status, || format!("{param}: read_value"))?;
        Ok(values)
    }

    /// Reads what a parameter's values show: the trained values, or those to evaluate with, or an average; [`Report::view`](crate::Report::view) says which.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::read_value`], whatever is shown.
    pub async fn read_shown(&self, param: &str) -> Result<Vec<f32>> {
        let parameter = &self.parameters[self.find(param)?];
        Ok(self.read_numbers(parameter, BufferRole::Value).await?.1)
    }

    pub(super) fn check_trained(&self, status: &Status, what: impl FnOnce() -> String) -> Result<()> {
        let view = view::numbered(&self.config.options, status.view);
        let instead = "record train before it, or use read_shown for what the values show";
        if status.view == view::TRAINED { Ok(()) } else { Err(Error::InView { what: what(), view, instead }) }
    }

    /// Reads a parameter's gradient, as f32 whatever it is stored as.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::read_value`], whatever is shown.
    pub async fn read_gradient(&self, param: &str) -> Result<Vec<f32>> {
        let parameter = &self.parameters[self.find(param)?];
        Ok(self.read_numbers(parameter, BufferRole::Gradient).await?.1)
    }

    /// Values or gradients as numbers of f32, whatever they are stored as.
    async fn read_numbers(&self, parameter: &Parameter, role: BufferRole) -> Result<(Status, Vec<f32>)> {
        let given = parameter.param.given(role)?;
        let (status, words) = self.read(parameter, role, given.binding, given.words()).await?;
        Ok((status, given.numbers(words)))
    }

    /// Reads a parameter's state tensor, by the rule's name for it: numbers of f32, whatever it is stored as.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: there is no such parameter, or it has no such state.
    /// - [`Error::InView`]: it is an average, and other values than the trained ones are shown: these may then be in its place.
    /// - [`Error::NonFinite`]: a step failed. [`Error::InView`]: a step, a micro-batch, a write or a change of view came in a view that it does not fit.
    ///   [`Error::OutOfOrder`]: something was submitted on the wrong side of a change to the optimizer. Each is told once.
    /// - The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::ReadBack`], [`Error::Wgpu`].
    pub async fn read_state(&self, param: &str, state: &str) -> Result<Vec<f32>> {
        let parameter = &self.parameters[self.find(param)?];
        let (mut data, lane) = (Vec::new(), self.lane(parameter, state)?.0);
        let all = self.parts_with_scales(parameter, &lane);
        for StoredPart { codes, scales, elements } in all {
            let (status, words) = self.read::<u32>(parameter, BufferRole::State, &codes, codes.elements()).await?;
            if self.is_average(state) {
                self.check_trained(&status, || format!("{param}: read_state of {state}"))?;
            }
            let scales = match scales {
                Some(scales) => self.read(parameter, BufferRole::State, &scales, scales.elements()).await?.1,
                None => Vec::new(),
            };
            data.extend(lane.format.decode(&words, &scales, elements));
        }
        Ok(data)
    }

    /// The parts of a lane, each with its scales, where there are some, and how many numbers it has.
    pub(super) fn parts_with_scales(&self, parameter: &Parameter, lane: &Lane) -> Vec<StoredPart> {
        let all = self.lanes_in_parts(parameter);
        let of = |role| all.iter().find(|(own, _)| own.name == lane.name && own.role == role).map(|(_, parts)| parts);
        let codes = of(lane.role).into_iter().flatten();
        let (has_segments, mut scales) = (lane.is_of_elements(), of(LaneRole::Scale).into_iter().flatten());
        let mut segments = parameter.parts();
        let part = |codes: &Binding| StoredPart {
            scales: lane.format.has_scales().then(|| scales.next().cloned()).flatten(),
            elements: match segments.next() {
                Some(segment) if has_segments => (segment.elements.end - segment.elements.start) as usize,
                _ => codes.elements() as usize,
            },
            codes: codes.clone(),
        };
        codes.map(part).collect()
    }

    /// Reads how many steps each parameter has taken, in the order of construction. They decide its bias corrections, and whether it has an average and how
    /// warm that is; schedules follow [`TrainingProgress::step`](crate::TrainingProgress::step) instead.
    ///
    /// # Errors
    ///
    /// - [`Error::NonFinite`]: a step failed. [`Error::InView`]: a step, a micro-batch, a write or a change of view came in a view that it does not fit.
    ///   [`Error::OutOfOrder`]: something was submitted on the wrong side of a change to the optimizer. Each is told once.
    /// - The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::ReadBack`], [`Error::Wgpu`].
    pub async fn read_steps(&self) -> Result<Vec<u32>> {
        let words = self.read_record().await?;
        Ok(self.parameters.iter().map(|parameter| words[parameter.member.record as usize]).collect())
    }

    /// Reads the scalars of each parameter, in the order of construction and of the rule's `Scalars`: the numbers that each step forms once for a
    /// whole parameter from its step count and its hyper-parameters, such as Adam's bias corrections.
    ///
    /// Most rules form them anew in each step. `NAdam`, `Asgd`, `ScheduleFreeSgd`, `ScheduleFreeAdamW`, `Sophia`, `Prodigy` and `DAdaptAdam`
    /// carry some from step to step; of the last two these are the estimates of the step size, `d` first.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::read_steps`].
    pub async fn read_scalars(&self) -> Result<Vec<Vec<f32>>> {
        let words = self.read_record().await?;
        let scalars = |parameter: &Parameter| {
            let at = self.scalars_at(parameter);
            let len = self.rule_of(parameter).scalar_fields().len();
            words[at..at + len].iter().copied().map(f32::from_bits).collect()
        };
        Ok(self.parameters.iter().map(scalars).collect())
    }

    /// What is kept of a parameter, by name: the rule's states in use, and what the options keep.
    /// [`Optimizer::checkpoint`] has all of these in one call.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no parameter has this name.
    pub fn state_names(&self, param: &str) -> Result<Vec<&'static str>> {
        let parameter = &self.parameters[self.find(param)?];
        Ok(self.lanes(parameter).iter().filter(|lane| is_kept(lane) && lane.role != LaneRole::Scale).map(|lane| lane.name).collect())
    }

    /// Whether a change of view may put the trained values into this state's place.
    pub(super) fn is_average(&self, state: &str) -> bool {
        state == ASIDE || self.config.options.averages().iter().map(Average::state).any(|average| average == state)
    }

    pub(super) fn scalars_at(&self, parameter: &Parameter) -> usize {
        parameter.member.record as usize + scalars_at(self.config.options.averages().len())
    }

    async fn read_record(&self) -> Result<Vec<u32>> {
        let record = &self.engine.record.buffer;
        Ok(self.read_told(record, 0, record.size() / 4).await?.1)
    }

    /// Reads with the status as it was then; what that has to tell is an error.
    async fn read_told<T: bytemuck::Pod>(&self, buffer: &wgpu::Buffer, offset: u64, len: u64) -> Result<(Status, Vec<T>)> {
        let Record { buffer: record, status, .. } = &self.engine.record;
        let order = Span { buffer: record, offset: 4 * ORDER, bytes: 4 };
        let spans = [
            Span { buffer: status, offset: 0, bytes: size_of::<Status>() as u64 },
            order,
            Span { buffer, offset, bytes: len * size_of::<T>() as u64 },
        ];
        let words = read_all(&self.engine.device, &self.engine.queue, &spans).await?;
        let [status, order, data] = words.try_into().map_err(|_| Error::ReadBack("a part is missing".into()))?;
        let status: Status = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&status));
        self.teller().check(&status)?;
        if self.engine.own(buffer) || buffer == record {
            view::check_order(order[0], "what steps keep")?;
        }
        let data = elements_of(data);
        Ok((status, data))
    }

    async fn read<T: bytemuck::Pod>(
        &self,
        parameter: &Parameter,
        role: BufferRole,
        binding: &Binding,
        elements: u64,
    ) -> Result<(Status, Vec<T>)> {
        let (has, needs) = (binding.buffer().usage(), wgpu::BufferUsages::COPY_SRC);
        if !has.contains(needs) {
            return Err(Error::MissingUsage { param: parameter.param.name.clone(), role, has, needs });
        }
        match self.read_told(binding.buffer(), binding.offset(), elements).await {
            // It reads the status beside it, whose buffer the caller can get at too.
            Err(error) => {
                let given = Given { param: parameter.param.name.clone(), role, buffer: binding.buffer().clone() };
                Err(of_first_given(&self.engine.device, error, vec![given]).await)
            }
            data => data,
        }
    }
}
