//! Writes values, state, step counts and scalars by the names of parameters.

use super::Optimizer;
use super::access::StoredPart;
use crate::error::{BufferRole, Error, Result};
use crate::gpu::{Binding, put, write};
use crate::step::{MASTER, Status};

impl Optimizer {
    /// Writes a parameter's trained values; the buffer needs the usage `COPY_DST`. Values of 16 bits are rounded to the nearest, master values are what is given, and the half beside an odd last
    /// number becomes 0. Like `Queue::write_buffer`, this comes before everything submitted
    /// from now on. Where others are shown ([`View`](crate::View)), it is these that are replaced, and the next read-back is an error: submit
    /// [`Optimizer::train`] first.
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: no parameter has this name. [`Error::Length`]: it has more or fewer elements.
    /// - [`Error::MissingUsage`]: the buffer lacks `COPY_DST`. [`Error::Buffer`]: wgpu refuses it.
    /// - The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::Wgpu`].
    pub fn write_value(&self, param: &str, data: &[f32]) -> Result<()> {
        let parameter = &self.parameters[self.find(param)?];
        write(&self.engine.device, &self.engine.queue, &parameter.param.given(BufferRole::Value)?, data)?;
        if parameter.kind.mastered {
            self.write_state(param, MASTER, data)?;
        }
        self.mark_written()
    }

    /// Writes a parameter's state tensor; what is stored in fewer bits is rounded to the nearest. Like `Queue::write_buffer`, this comes before everything submitted from now on. Averages are as values are
    /// in [`Optimizer::write_value`].
    ///
    /// A state alone is not enough to go on: with a step count of 0, means are corrected as in the first step, and an average is overwritten by a copy of the
    /// values. Write the steps too, with [`Optimizer::write_steps`].
    ///
    /// # Errors
    ///
    /// - [`Error::UnknownName`]: there is no such parameter, or it has no such state. [`Error::StateLength`]: the state has more or fewer elements.
    /// - The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::Wgpu`]; [`Error::Buffer`] where you destroyed the state's buffer.
    pub fn write_state(&self, param: &str, state: &str, data: &[f32]) -> Result<()> {
        let parameter = &self.parameters[self.find(param)?];
        let (needed, got) = (self.state_elements(parameter, state)?, data.len() as u64);
        if needed != got {
            return Err(Error::StateLength { param: param.into(), state: state.into(), needed, got });
        }
        let (mut rest, lane) = (data, self.lane(parameter, state)?.0);
        for StoredPart { codes, scales, elements } in self.parts_with_scales(parameter, &lane) {
            let (own, others) = rest.split_at(elements);
            let of_blocks = lane.format.scales(own);
            let words = lane.format.encode(own, &of_blocks);
            let put =
                |binding: &Binding, words: &[u32]| put(&self.engine.device, &self.engine.queue, binding.buffer(), binding.offset(), words);
            put(&codes, &words).map_err(|error| error.about(param, BufferRole::State))?;
            scales.iter().try_for_each(|scales| put(scales, bytemuck::cast_slice(&of_blocks)))?;
            rest = others;
        }
        if self.is_average(state) { self.mark_written() } else { Ok(()) }
    }

    /// Writes how many steps a parameter has taken: the next one is `steps + 1`. Bias corrections follow it, whether there is an average (`Ema::start`,
    /// `Swa::start`), its warm-up, and when Lookahead synchronizes. Schedules do not: these follow [`TrainingProgress::step`](crate::TrainingProgress::step), which
    /// [`Optimizer::write_progress`] writes. Like `Queue::write_buffer`, this comes before everything submitted from now on.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no parameter has this name. The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::Wgpu`].
    pub fn write_steps(&self, param: &str, steps: u32) -> Result<()> {
        self.put_record(self.parameters[self.find(param)?].member.record as usize, &[steps])
    }

    /// Writes the scalars that a parameter's next step starts from, in the order of the rule's `Scalars`: those that [`Optimizer::read_scalars`]
    /// read, which says which rules need them. Like `Queue::write_buffer`, this comes before everything submitted from now on.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no parameter has this name. [`Error::Length`]: its rule has more or fewer scalars. The device: [`Error::OutOfMemory`],
    /// [`Error::DeviceLost`], [`Error::Wgpu`].
    pub fn write_scalars(&self, param: &str, scalars: &[f32]) -> Result<()> {
        let parameter = &self.parameters[self.find(param)?];
        let (needed, got) = (self.rule_of(parameter).scalar_fields().len() as u64, scalars.len() as u64);
        if needed != got {
            return Err(Error::Length { param: param.into(), role: BufferRole::Scalars, needed, got });
        }
        self.put_record(self.scalars_at(parameter), scalars)
    }

    pub(super) fn put_record<T: bytemuck::Pod>(&self, word: usize, words: &[T]) -> Result<()> {
        put(&self.engine.device, &self.engine.queue, &self.engine.record.buffer, 4 * word as u64, words)
    }

    /// Has the kernels look whether that was in a view, where there are views.
    pub(super) fn mark_written(&self) -> Result<()> {
        if self.config.step_kind().views { self.write_status(core::mem::offset_of!(Status, written), &[1]) } else { Ok(()) }
    }
}
