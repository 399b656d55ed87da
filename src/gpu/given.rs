//! The values and the gradient of a parameter as they lie in the caller's buffers: how many bytes, and numbers of which dtype.

use super::{Binding, Param, elements_of};
use crate::error::{BufferRole, Result};
use crate::program::Place;
use crate::step::NumberStorage;
use crate::storage::{Dtype, Format};

/// The values or the gradient of a parameter, as they lie in the caller's buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) param: &'a str,
    pub(crate) role: BufferRole,
    pub(crate) binding: &'a Binding,
    pub(crate) format: Format,
    pub(crate) elements: u64,
}

impl Given<'_> {
    /// Its words.
    pub(crate) fn words(&self) -> u64 {
        self.format.bytes(self.elements) / 4
    }

    /// The numbers of these words; of f32 without a copy.
    pub(crate) fn numbers(&self, words: Vec<u32>) -> Vec<f32> {
        match self.format.packed() {
            None => elements_of(words),
            Some(_) => self.format.decode(&words, &[], self.elements as usize),
        }
    }
}

impl Param {
    /// What values and gradient are stored as.
    pub(crate) fn storage(&self) -> NumberStorage {
        NumberStorage { value: self.value_dtype, gradient: self.gradient_dtype, rounding: self.rounding, master: self.master }
    }

    /// The values or the gradient, as they lie in the caller's buffer.
    pub(crate) fn given(&self, role: BufferRole) -> Result<Given<'_>> {
        let (storage, elements) = (self.storage(), self.elements()?);
        let (binding, format, elements) = match role {
            BufferRole::Gradient => (&self.gradient, storage.gradients(), self.gradients()),
            _ => (&self.value, storage.values(), elements),
        };
        Ok(Given { param: &self.name, role, binding, format, elements })
    }

    /// Bytes of so many values, in whole words.
    pub(crate) fn bytes_of_values(&self, elements: u64) -> u64 {
        self.storage().values().bytes(elements)
    }

    /// Bytes of its gradient.
    pub(crate) fn bytes_of_gradients(&self) -> u64 {
        self.storage().gradients().bytes(self.gradients())
    }

    /// Where kernels find so many values.
    pub(crate) fn place_of_values(&self, buffer: usize, elements: u64) -> Place {
        let halves = self.value_dtype != Dtype::F32;
        Place { halves, ..self.value.place(buffer, self.bytes_of_values(elements), true) }
    }

    /// Where kernels find its gradient, which lies in the caller's buffer, and which steps clear or not.
    pub(crate) fn place_of_gradients(&self, buffer: usize, clears: bool) -> Place {
        let halves = self.gradient_dtype != Dtype::F32;
        Place { halves, ..self.gradient.place(buffer, self.bytes_of_gradients(), clears) }
    }

    /// Checks that a binding can be the values, of which there are so many, or the gradient.
    pub(crate) fn check_place(&self, role: BufferRole, binding: &Binding, elements: u64) -> Result<()> {
        match role {
            BufferRole::Gradient => {
                let (shape, dtype) = (self.gradient_shape(), self.gradient_dtype.name());
                binding.check(&self.name, role, &shape, dtype, self.bytes_of_gradients())
            }
            _ => binding.check(&self.name, role, &self.shape, self.value_dtype.name(), self.bytes_of_values(elements)),
        }
    }
}
