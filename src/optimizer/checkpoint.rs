//! Takes a checkpoint of a GPU optimizer, in one copy, and puts one back.

use core::mem::offset_of;

use super::{Optimizer, Parameter};
use crate::checkpoint::{
    Checkpoint, Coding, Described, Entries, Fit, Numbers, Outline, RestoreOptions, Restored, Take, decoded, encoded, is_kept, kept,
};
use crate::coalesce::List;
use crate::error::{BufferRole, Error, Result};
use crate::gpu::late::Given;
use crate::gpu::{Binding, Span, of_first_given, put, read_all, write};
use crate::step::{Lane, Status, StepEntry, TrainingProgress, view};
use crate::wgsl::ORDER;

/// Where a tensor is, in one part or several, each with its bytes.
type Parts = Vec<(Binding, u64)>;

impl Optimizer {
    /// All that the optimizer keeps, as it is after everything submitted so far: values, state, averages, accumulated gradients, step counts, what steps
    /// have in common, and its settings. It is one copy and one wait, however many parameters there are; it belongs between steps.
    ///
    /// Not in it is what the caller keeps: gradients, a [`Plateau`](crate::Plateau), where mini-batches are
    /// ([`Batches::read_cursor`](crate::batches::Batches::read_cursor)); [`Checkpoint::set_note`] has room for it.
    ///
    /// ```
    /// # use wgpu_optim::{Checkpoint, Optimizer};
    /// # async fn save(optimizer: &Optimizer, resumed: &Optimizer) -> wgpu_optim::Result<()> {
    /// optimizer.checkpoint().await?.save("run.safetensors")?;
    /// // later, into an optimizer with the same parameters, by name, in whatever buffers, order and groups:
    /// resumed.restore(&Checkpoint::load("run.safetensors")?, Default::default())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::InView`] while other values than the trained ones are shown: record [`Optimizer::train`] before it.
    /// - [`Error::OutOfOrder`]: the encoder of a change to the optimizer is still to be submitted.
    /// - What a step has to tell, as any read-back: [`Error::NonFinite`], [`Error::OutOfOrder`].
    /// - [`Error::MissingUsage`]: a buffer of values without `COPY_SRC`; [`Optimizer::checkpoint_without_values`] needs none.
    /// - [`Error::DeviceLost`], [`Error::ReadBack`], [`Error::OutOfMemory`].
    pub async fn checkpoint(&self) -> Result<Checkpoint> {
        self.take_checkpoint(true).await
    }

    /// A checkpoint without values, for programs that keep these themselves; [`RestoreOptions::values`] has to be `false` with it.
    ///
    /// # Errors
    ///
    /// Those of [`Optimizer::checkpoint`].
    pub async fn checkpoint_without_values(&self) -> Result<Checkpoint> {
        self.take_checkpoint(false).await
    }

    async fn take_checkpoint(&self, values: bool) -> Result<Checkpoint> {
        let (status, record) = (&self.engine.record.status, &self.engine.record.buffer);
        let whole = |buffer| Span { buffer, offset: 0, bytes: wgpu::Buffer::size(buffer) };
        let tensors = self.tensors(values)?;
        let mut spans = vec![Span { buffer: status, offset: 0, bytes: size_of::<Status>() as u64 }, whole(record)];
        let lists = || self.parameters.iter().map(|parameter| parameter.sparse.as_ref()?.list());
        spans.extend(lists().flatten().flat_map(|list| [whole(&list.rows), whole(&list.gradient)]));
        spans.extend(tensors.iter().flatten().flatten().map(|(binding, bytes)| Span {
            buffer: binding.buffer(),
            offset: binding.offset(),
            bytes: *bytes,
        }));
        let mut words = match read_all(&self.engine.device, &self.engine.queue, &spans).await {
            Ok(words) => words.into_iter(),
            Err(error) => return Err(of_first_given(&self.engine.device, error, self.given_values()).await),
        };
        let mut next = || words.next().unwrap_or_default();
        let (status, record) = (next(), next());
        let lists: Vec<Option<[Vec<u32>; 2]>> = lists().map(|list| list.map(|_| [next(), next()])).collect();
        let status: Status = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&status));
        self.teller().check(&status)?;
        self.check_trained(&status, || "checkpoint".into())?;
        view::check_order(record[ORDER as usize], "checkpoint")?;
        // In the order of `tensors`: of each parameter its values, if they are asked for, and its lanes, each in one part or several.
        let mut tensor = |parts: &Parts| words.by_ref().take(parts.len()).flatten().collect::<Vec<u32>>();
        let params = self.parameters.iter().zip(&tensors).zip(lists).map(|((parameter, own), list)| {
            let mut own = own.iter().map(&mut tensor);
            let value = values.then(|| own.next().unwrap_or_default());
            let value = value.map(|words| parameter.param.given(BufferRole::Value).map(|given| given.numbers(words))).transpose()?;
            let (lanes, words): (Vec<Lane>, Vec<Vec<u32>>) = (self.lanes_kept(parameter), own.collect());
            let count = |lane: usize| parameter.extents.count(lanes[lane].extent) as usize;
            let numbers = self.numbers(parameter, &record);
            let entries = list.filter(|_| numbers.pending > 0).map(|words| {
                let (rows, gradient) = List::kept(words);
                Entries { rows, gradient: gradient.into_iter().map(f32::from_bits).collect() }
            });
            Ok(Numbers { value, lanes: decoded(&Coding::all(&lanes), &words, count), entries: entries.unwrap_or_default(), ..numbers })
        });
        let params = params.collect::<Result<_>>()?;
        let Status { step, skips, loss_scale, growth_tracker, micro_batches, .. } = status;
        let progress = TrainingProgress { step, skips, loss_scale, growth_tracker };
        Ok(Checkpoint::new(&self.config, self.outline(), progress, micro_batches, params))
    }

    /// Goes on from a checkpoint: everything that it has is put in its place, by the names of parameters, whatever their order, groups and buffers are. The
    /// next step is the one that would have come after the checkpoint, bit for bit on the same device. Hyper-parameters, schedules and options are compared
    /// and not set: those of the optimizer stay in force.
    ///
    /// Like `Queue::write_buffer`, this comes before everything submitted from now on. Where other values than the trained ones are shown
    /// ([`View`](crate::View)), it is these that are replaced, and the next read-back is an error: submit [`Optimizer::train`] first.
    ///
    /// # Errors
    ///
    /// - [`Error::Differences`] lists all that does not fit: parameters that one of both does not have, other shapes, rules and states, missing values, and
    ///   other settings; [`RestoreOptions`] allows some of it.
    /// - [`Error::MissingUsage`]: a buffer of values without `COPY_DST`.
    ///
    /// After these the optimizer is as it was. [`Error::Buffer`], of values that were destroyed, and [`Error::DeviceLost`] may come later.
    ///
    /// What an earlier step has to tell ([`Error::NonFinite`], [`Error::InView`]) is still told by the next read-back; with
    /// [`NonFinite::Fail`](crate::NonFinite::Fail), steps are skipped until then. A report before the next step may have an
    /// [`update_ratio`](crate::Report::update_ratio) of the steps before.
    pub fn restore(&self, checkpoint: &Checkpoint, options: RestoreOptions) -> Result<Restored> {
        let outline = self.outline();
        let room = |index: usize| self.parameters[index].sparse.as_ref().and_then(|own| own.list()).map_or(0, List::room);
        let fit = Fit::new(checkpoint, &outline, room, options)?;
        let needs = wgpu::BufferUsages::COPY_DST;
        for Take { param, .. } in fit.params.iter().filter(|take| take.value.is_some()) {
            let Parameter { param, .. } = &self.parameters[*param];
            let has = param.value.buffer().usage();
            if !has.contains(needs) {
                return Err(Error::MissingUsage { param: param.name.clone(), role: BufferRole::Value, has, needs });
            }
        }
        for take in &fit.params {
            self.put_back(take)?;
        }
        if fit.progress {
            let TrainingProgress { step, skips, loss_scale, growth_tracker } = checkpoint.progress();
            if fit.loss_scale {
                self.write_status(offset_of!(Status, loss_scale), &[loss_scale.to_bits(), growth_tracker])?;
            }
            // The last step of another run is not skipped, and has no norm.
            self.write_status(offset_of!(Status, step), &[step, skips, 0])?;
            self.write_status(offset_of!(Status, measured), &[0])?;
            self.write_status(offset_of!(Status, micro_batches), &[checkpoint.micro_batches])?;
        }
        self.mark_written()?;
        Ok(fit.restored)
    }

    fn put_back(&self, take: &Take<'_>) -> Result<()> {
        let parameter = &self.parameters[take.param];
        if let Some(value) = take.value {
            write(&self.engine.device, &self.engine.queue, &parameter.param.given(BufferRole::Value)?, value)?;
        }
        let Some(numbers) = take.state else { return Ok(()) };
        let lanes = self.lanes_kept(parameter);
        let words = encoded(&Coding::all(&lanes), &take.given(numbers, &lanes));
        for (parts, words) in self.kept_lanes(parameter).zip(&words) {
            let mut rest = &**words;
            for part in parts {
                let (own, others) = rest.split_at(part.elements() as usize);
                self.put_in(&part, own)?;
                rest = others;
            }
        }
        if let Some(list) = parameter.sparse.as_ref().and_then(|own| own.list()) {
            let Entries { rows, gradient } = &numbers.entries;
            // How many were ignored is told where they are appended, and not kept.
            let head = [&List::head(rows.len() as u32)[..], rows].concat();
            put(&self.engine.device, &self.engine.queue, &list.rows, 0, &head)?;
            put(&self.engine.device, &self.engine.queue, &list.gradient, 0, gradient)?;
        }
        let (entry, scalars) = (parameter.member.record as usize, self.scalars_at(parameter));
        let pending = entry + offset_of!(StepEntry, pending) / 4;
        self.put_record(entry + offset_of!(StepEntry, step) / 4, &[numbers.steps])?;
        self.put_record(pending, &[numbers.pending])?;
        self.put_record(scalars, &numbers.scalars)?;
        let (at, len) = self.hyper(parameter);
        // Those of other programs have none.
        let own = || self.config.blocks.list[parameter.member.block].rule.hyper_words();
        let words = if numbers.hyper.len() == len { numbers.hyper.clone() } else { own() };
        self.put_record(at, &words)
    }

    fn put_in<T: bytemuck::Pod>(&self, binding: &Binding, data: &[T]) -> Result<()> {
        put(&self.engine.device, &self.engine.queue, binding.buffer(), binding.offset(), data)
    }

    /// The lanes that a checkpoint has.
    fn lanes_kept(&self, parameter: &Parameter) -> Vec<Lane> {
        kept(&self.config, parameter.member.group, parameter.kind.keeps())
    }

    /// The parts of each lane that a checkpoint has.
    fn kept_lanes(&self, parameter: &Parameter) -> impl Iterator<Item = Vec<Binding>> {
        self.lanes_in_parts(parameter).into_iter().filter(|(lane, _)| is_kept(lane)).map(|(_, parts)| parts)
    }

    /// Where the hyper-parameters of a parameter are in the step record, and how many words they have.
    pub(super) fn hyper(&self, parameter: &Parameter) -> (usize, usize) {
        (self.engine.layout.hyper[parameter.member.block] as usize, self.rule_of(parameter).hyper_words().len())
    }

    /// What the step record has of a parameter.
    fn numbers(&self, parameter: &Parameter, record: &[u32]) -> Numbers {
        let (entry, scalars, (hyper, len)) = (parameter.member.record as usize, self.scalars_at(parameter), self.hyper(parameter));
        let entry: StepEntry = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&record[entry..entry + size_of::<StepEntry>() / 4]));
        let scalars = &record[scalars..scalars + self.rule_of(parameter).scalar_fields().len()];
        Numbers {
            steps: entry.step,
            pending: entry.pending,
            scalars: scalars.iter().copied().map(f32::from_bits).collect(),
            hyper: record[hyper..hyper + len].to_vec(),
            ..Default::default()
        }
    }

    /// Where the tensors of each parameter are: its values, if they are asked for, and its lanes, each in one part or several.
    fn tensors(&self, values: bool) -> Result<Vec<Vec<Parts>>> {
        let needs = wgpu::BufferUsages::COPY_SRC;
        let of = |parameter: &Parameter| {
            let Parameter { param, elements, .. } = parameter;
            let has = param.value.buffer().usage();
            if values && !has.contains(needs) {
                return Err(Error::MissingUsage { param: param.name.clone(), role: BufferRole::Value, has, needs });
            }
            let value = values.then(|| vec![(param.value.clone(), param.bytes_of_values(*elements))]);
            let sized = |parts: Vec<Binding>| parts.into_iter().map(|part| (part.clone(), 4 * part.elements())).collect();
            Ok(value.into_iter().chain(self.kept_lanes(parameter).map(sized)).collect())
        };
        self.parameters.iter().map(of).collect()
    }

    fn outline(&self) -> Outline {
        let params = self.parameters.iter().map(|Parameter { param, member, kind, .. }| Described {
            name: &param.name,
            shape: &param.shape,
            group: member.group,
            lr_scale: self.config.blocks.list[member.block].lr_scale,
            is_active: member.active,
            lr_scales: param.scales().ok().flatten(),
            lr_scale_schedules: &param.lr_scale_schedules,
            keeps: kind.keeps(),
            values: kind.values,
        });
        Outline::of(&self.config, params)
    }

    /// The caller's buffers of values.
    fn given_values(&self) -> Vec<Given> {
        let value = |Parameter { param, .. }: &Parameter| Given {
            param: param.name.clone(),
            role: BufferRole::Value,
            buffer: param.value.buffer().clone(),
        };
        self.parameters.iter().map(value).collect()
    }
}
