//! Records that all gradients become zero, in as few buffer clears as possible.

use super::{Optimizer, Parameter};
use crate::error::{BufferRole, Error, Result};

/// A part of a buffer of gradients.
#[derive(Clone, Debug)]
pub(super) struct Clear {
    buffer: wgpu::Buffer,
    start: u64,
    end: u64,
    /// The number of the parameter that begins it.
    param: usize,
}

/// The gradients of all parameters, in as few parts as there can be.
pub(super) fn clears(parameters: &[Parameter]) -> Vec<Clear> {
    let mut clears: Vec<Clear> = Vec::new();
    for (param, parameter) in parameters.iter().enumerate() {
        let (binding, bytes) = (&parameter.param.gradient, parameter.param.bytes_of_gradients());
        let (start, end) = (binding.offset(), binding.offset() + binding.room(bytes));
        if start == end {
            continue;
        }
        match clears.last_mut() {
            Some(last) if last.buffer == *binding.buffer() && last.end == start => last.end = end,
            _ => clears.push(Clear { buffer: binding.buffer().clone(), start, end, param }),
        }
    }
    clears
}

impl Optimizer {
    /// Records that all gradients become zero, those of parameters that are not active too: for backward passes that add to gradients, where
    /// [`Options::zero_grad`](crate::Options::zero_grad) does not do it in passing. Micro-batches that were accumulated stay.
    ///
    /// # Errors
    ///
    /// [`Error::MissingUsage`]: a buffer of gradients lacks `COPY_DST`.
    pub fn zero_grad(&self, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let needs = wgpu::BufferUsages::COPY_DST;
        if let Some(Clear { buffer, param, .. }) = self.clears.iter().find(|clear| !clear.buffer.usage().contains(needs)) {
            return Err(Error::MissingUsage {
                param: self.parameters[*param].param.name.clone(),
                role: BufferRole::Gradient,
                has: buffer.usage(),
                needs,
            });
        }
        self.clears.iter().for_each(|clear| encoder.clear_buffer(&clear.buffer, clear.start, Some(clear.end - clear.start)));
        Ok(())
    }
}
