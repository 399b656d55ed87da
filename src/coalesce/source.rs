//! Where a row-sparse gradient is.

use crate::error::{BufferRole, Error, Result};
use crate::gpu::{Binding, elements};
use crate::program::{Limits, Window};
use crate::storage::Dtype;

/// A row-sparse gradient in the caller's buffers. Nothing is written there.
#[derive(Clone, Debug, PartialEq)]
pub struct RowGradients {
    /// For each entry, the row of the parameter, as u32.
    pub rows: Binding,
    /// For each entry, the gradient of that row.
    pub gradient: Binding,
    /// What these are stored as: f32, bf16 or f16.
    pub dtype: Dtype,
    /// How many entries there are, one u32. Those past the room for them do not count.
    pub count: Binding,
}

/// How large things are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows of the parameter.
    pub rows: u32,
    /// Elements of a row.
    pub width: u32,
    /// Entries that there is room for.
    pub most: u32,
}

/// What is bound of a buffer, and the number of it that the caller's begin with: a word, or of gradient rows in 16 bits a half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) window: Window,
    pub(super) at: u32,
}

impl Shape {
    /// Elements of all gradient rows. Kernels count them, and what a turn goes past them, in 32 bits.
    pub(super) fn elements(&self, name: &str) -> Result<u64> {
        let shape = [self.most as usize, self.width as usize];
        let (count, allowed) = (elements(name, &shape)?, 1 << 31);
        if count == 0 {
            return Err(Error::EmptyTensor { param: format!("{name}: the row-sparse gradient"), shape: shape.to_vec() });
        }
        if count > allowed {
            let (what, limit) = (format!("{name}: the row-sparse gradient"), "number of elements in 31 bits");
            return Err(Error::Limit { what, needed: count, limit, allowed });
        }
        Ok(count)
    }
}

impl RowGradients {
    /// Rows, gradient and count, with what messages call them and the bytes that each takes.
    pub(super) fn all(&self, shape: &Shape) -> [(&Binding, BufferRole, u64); 3] {
        let (most, width) = (u64::from(shape.most), u64::from(shape.width));
        [
            (&self.rows, BufferRole::Rows, 4 * most),
            (&self.gradient, BufferRole::Gradient, self.dtype.format(false).bytes(most * width)),
            (&self.count, BufferRole::RowCount, 4),
        ]
    }

    /// What is bound of rows, gradient and count, after all that can be wrong with them was checked.
    pub(super) fn parts(&self, name: &str, shape: &Shape, limits: &Limits) -> Result<[Part; 3]> {
        let most = shape.most as usize;
        let shapes = [vec![most], vec![most, shape.width as usize], vec![1]];
        let mut parts = [Part { window: Window { buffer: 0, offset: 0, size: 0 }, at: 0 }; 3];
        for ((part, (binding, role, bytes)), own) in parts.iter_mut().zip(self.all(shape)).zip(shapes) {
            let is_gradient = role == BufferRole::Gradient;
            let (dtype, bits) = if is_gradient { (self.dtype.name(), self.dtype.bits()) } else { ("u32", 32) };
            binding.check(name, role, &own, dtype, bytes)?;
            let before = binding.offset() % limits.alignment;
            let at = (before / u64::from(bits / 8)) as u32;
            if before + bytes > limits.binding {
                let (what, limit) = (format!("{name}: the {role} of a row-sparse gradient"), "max_storage_buffer_binding_size");
                return Err(Error::Limit { what, needed: before + bytes, limit, allowed: limits.binding });
            }
            *part = Part { window: Window { buffer: 0, offset: binding.offset() - before, size: before + bytes }, at };
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::Shape;

    #[test]
    fn elements_are_counted_in_31_bits() {
        let shape = |most, width| Shape { rows: 10, width, most }.elements("embedding");
        assert_eq!(shape(3, 4), Ok(12));
        assert_eq!(shape(1 << 16, 1 << 15), Ok(1 << 31));
        let expected = "embedding: the row-sparse gradient needs 2147516416, the device's number of elements in 31 bits is 2147483648; request a \
                        device with a higher limit, or split";
        assert_eq!(shape((1 << 16) + 1, 1 << 15).map_err(|error| error.to_string()), Err(expected.to_owned()));
        assert_eq!(
            shape(0, 4).map_err(|error| error.to_string()),
            Err("embedding: the row-sparse gradient: shape [0, 4] has no elements".into())
        );
        assert!(shape(4, 0).is_err());
    }
}
