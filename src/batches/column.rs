//! `Column`: one column of a data set, its dtype, and where a batch of it goes.

use super::sampler::Sampler;
use super::windows::{Matrix, Part, parts};
use crate::error::{BufferRole, Error, Result};
use crate::gpu::{Binding, elements};
use crate::program::Limits;

/// What a column's elements are in the data set and in the batch.
///
/// [`Column`] has an example.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Dtype {
    /// f32 in both, bit for bit.
    F32,
    /// u32 in both: labels, or numbers of any kind in 32 bits.
    U32,
    /// A byte in the data set, four to a `u32` and the first in its lowest bits, as bytes lie in memory. Rows follow one another without
    /// padding; only the last word is filled up. In the batch `f32(byte * scale + offset)`, formed in f64 and rounded once, so the same on
    /// every adapter.
    U8 {
        /// By what a byte is multiplied: `1.0 / 255.0` for values from 0 to 1.
        scale: f64,
        /// What is added.
        offset: f64,
    },
}

impl Dtype {
    /// In the data set, and in the batch.
    fn names(self) -> [&'static str; 2] {
        match self {
            Dtype::F32 => ["f32", "f32"],
            Dtype::U32 => ["u32", "u32"],
            Dtype::U8 { .. } => ["u8", "f32"],
        }
    }

    /// Bytes of an element in the data set.
    fn bytes(self) -> u64 {
        match self {
            Dtype::F32 | Dtype::U32 => 4,
            Dtype::U8 { .. } => 1,
        }
    }

    /// What each byte becomes, if the elements are bytes.
    pub(super) fn table(self) -> Option<[f32; 256]> {
        match self {
            Dtype::F32 | Dtype::U32 => None,
            Dtype::U8 { scale, offset } => Some(core::array::from_fn(|byte| (byte as f64 * scale + offset) as f32)),
        }
    }
}

/// One column of the data set: `rows` x [`width`](Self::width) elements, row-major, and where a batch of them goes.
///
/// ```
/// use wgpu_optim::batches::{Column, Dtype};
/// use wgpu_optim::wgpu;
///
/// /// 1,797 images of 8 x 8 bytes in `images`; `inputs` has room for 32 x 64 f32.
/// fn pixels(images: &wgpu::Buffer, inputs: &wgpu::Buffer) -> Column {
///     Column::new("pixels", 64, Dtype::U8 { scale: 1.0 / 16.0, offset: 0.0 }, images, inputs)
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Unique among the columns; errors go by it.
    pub name: String,
    /// Elements of a row, at least 1: 784 for 28 x 28 pixels, 1 for a label.
    pub width: usize,
    /// What the elements are.
    pub dtype: Dtype,
    /// The data set's `rows * width` elements, only read. [`Dtype::U8`] takes as many bytes, rounded up to a multiple of 4, the others 4
    /// bytes an element.
    pub source: Binding,
    /// The batch's `batch_size * width` elements of 4 bytes, all of which every batch writes: the rows of a batch that is shorter than
    /// `batch_size`, then zeros.
    pub destination: Binding,
}

impl Column {
    /// A column in the caller's own buffers, two of them. Nothing is checked until [`Batches`](super::Batches) are made of it.
    pub fn new(name: impl Into<String>, width: usize, dtype: Dtype, source: impl Into<Binding>, destination: impl Into<Binding>) -> Self {
        Column { name: name.into(), width, dtype, source: source.into(), destination: destination.into() }
    }

    /// The column's bytes in the data set and in the batch, after all was checked that can be wrong with it alone.
    pub(super) fn check(&self, sampler: &Sampler) -> Result<[u64; 2]> {
        let shape = |rows: u32| [rows as usize, self.width];
        let [source, batch] = [shape(sampler.rows), shape(sampler.batch_size)];
        if self.width == 0 {
            return Err(Error::EmptyTensor { param: self.name.clone(), shape: source.to_vec() });
        }
        let needed = (elements(&self.name, &source)? * self.dtype.bytes()).next_multiple_of(4);
        let filled = 4 * elements(&self.name, &batch)?;
        let [stored, gathered] = self.dtype.names();
        self.source.check(&self.name, BufferRole::Source, &source, stored, needed)?;
        self.destination.check(&self.name, BufferRole::Destination, &batch, gathered, filled)?;
        if self.source.buffer() == self.destination.buffer() {
            return Err(Error::OneBuffer { column: self.name.clone() });
        }
        if let Dtype::U8 { scale, offset } = self.dtype
            && !self.dtype.table().is_some_and(|table| table.iter().all(|x| x.is_finite()))
        {
            return Err(Error::Normalisation { column: self.name.clone(), scale, offset });
        }
        Ok([needed, filled])
    }

    /// The dispatches that gather it.
    pub(super) fn parts(&self, sampler: &Sampler, limits: &Limits) -> Result<Vec<Part>> {
        let width = self.width as u64;
        let source = Matrix { rows: sampler.rows.into(), width, element: self.dtype.bytes(), offset: self.source.offset() };
        let destination = Matrix { rows: sampler.batch_size.into(), width, element: 4, offset: self.destination.offset() };
        parts(source, destination, limits).map_err(|needed| {
            let (what, limit) = (format!("{}: a window for one row", self.name), "max_storage_buffer_binding_size");
            Error::Limit { what, needed, limit, allowed: limits.binding }
        })
    }
}
