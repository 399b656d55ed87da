use super::{Optimizer, Slot};
use crate::error::{Error, Result, Role, unknown};
use crate::gpu::{Binding, read, write};

impl Optimizer {
    /// A parameter's state tensor as a buffer binding, by the rule's name for it (`"m"`). It can be bound on its own in the caller's
    /// passes.
    pub fn state(&self, param: &str, state: &str) -> Result<Binding> {
        let slot = &self.slots[self.find(param)?];
        let rule = &*self.rules[slot.member.group];
        let active = rule.active_states();
        let lane = active.iter().position(|&index| rule.states()[index].name == state);
        let known = || unknown("state", state, active.iter().map(|&index| rule.states()[index].name));
        let (lane, place) = lane.zip(slot.state).ok_or_else(known)?;
        Ok(self.engine.lanes.binding(place, lane, 4 * slot.elements))
    }

    /// Reads a parameter's values.
    ///
    /// All `read_` functions submit a copy of their own, after everything submitted so far, and natively wait for it before they return
    /// control; they are meant for between steps. The caller's buffers need the usage `COPY_SRC`. A lost device is an error.
    pub async fn read_value(&self, param: &str) -> Result<Vec<f32>> {
        let slot = &self.slots[self.find(param)?];
        self.read(slot, Role::Value, &slot.param.value).await
    }

    /// Reads a parameter's gradient.
    pub async fn read_gradient(&self, param: &str) -> Result<Vec<f32>> {
        let slot = &self.slots[self.find(param)?];
        self.read(slot, Role::Gradient, &slot.param.gradient).await
    }

    /// Reads a parameter's state tensor, by the rule's name for it.
    pub async fn read_state(&self, param: &str, state: &str) -> Result<Vec<f32>> {
        let binding = self.state(param, state)?;
        self.read(&self.slots[self.find(param)?], Role::State, &binding).await
    }

    /// Reads how many steps each parameter has taken, in the order of construction.
    pub async fn read_steps(&self) -> Result<Vec<u32>> {
        let words = self.read_record().await?;
        Ok(self.slots.iter().map(|slot| words[slot.member.record as usize]).collect())
    }

    /// Reads the scalars that the last step formed for each parameter, in the order of construction and of the rule's `Scalars`.
    pub async fn read_scalars(&self) -> Result<Vec<Vec<f32>>> {
        let words = self.read_record().await?;
        let scalars = |slot: &Slot| {
            let at = self.engine.layout.scalars(slot.member.record) as usize;
            let len = self.rules[slot.member.group].scalar_fields().len();
            words[at..at + len].iter().copied().map(f32::from_bits).collect()
        };
        Ok(self.slots.iter().map(scalars).collect())
    }

    /// Writes a parameter's state tensor. Like `Queue::write_buffer`, this comes before everything submitted from now on.
    pub fn write_state(&self, param: &str, state: &str, data: &[f32]) -> Result<()> {
        let binding = self.state(param, state)?;
        let slot = &self.slots[self.find(param)?];
        write(&self.engine.device, &self.engine.queue, param, Role::State, &binding, slot.elements, data)
    }

    /// Writes how many steps a parameter has taken: the next one is `steps + 1`. Like `Queue::write_buffer`, this comes before everything
    /// submitted from now on.
    pub fn write_steps(&self, param: &str, steps: u32) -> Result<()> {
        let at = u64::from(self.slots[self.find(param)?].member.record);
        let write = || self.engine.queue.write_buffer(&self.engine.record.buffer, 4 * at, &steps.to_le_bytes());
        crate::gpu::caught(&self.engine.device, write)
    }

    /// Writes the scalars that a parameter's next step starts from, in the order of the rule's `Scalars`: what [`Optimizer::read_scalars`]
    /// read belongs to a checkpoint as the state does. Like `Queue::write_buffer`, this comes before everything submitted from now on.
    pub fn write_scalars(&self, param: &str, scalars: &[f32]) -> Result<()> {
        let slot = &self.slots[self.find(param)?];
        let (needed, got) = (self.rules[slot.member.group].scalar_fields().len() as u64, scalars.len() as u64);
        if needed != got {
            return Err(Error::Length { param: param.into(), role: Role::Scalars, needed, got });
        }
        let at = u64::from(self.engine.layout.scalars(slot.member.record));
        let write = || self.engine.queue.write_buffer(&self.engine.record.buffer, 4 * at, bytemuck::cast_slice(scalars));
        if scalars.is_empty() { Ok(()) } else { crate::gpu::caught(&self.engine.device, write) }
    }

    async fn read_record(&self) -> Result<Vec<u32>> {
        let record = &self.engine.record.buffer;
        read(&self.engine.device, &self.engine.queue, record, 0, record.size() / 4).await
    }

    async fn read(&self, slot: &Slot, role: Role, binding: &Binding) -> Result<Vec<f32>> {
        let (has, needs) = (binding.buffer().usage(), wgpu::BufferUsages::COPY_SRC);
        if !has.contains(needs) {
            return Err(Error::MissingUsage { param: slot.param.name.clone(), role, has, needs });
        }
        read(&self.engine.device, &self.engine.queue, binding.buffer(), binding.offset(), slot.elements).await
    }
}
