//! `Binding`: the part of a storage buffer where a parameter's values or gradients are.

use super::late;
use crate::error::{BufferRole, Error, Result};
use crate::program::Place;

/// Part of a storage buffer: the values or the gradients of one parameter. It keeps the buffer alive.
///
/// Made from a whole buffer, a `BufferSlice` or a `BufferBinding`, and exactly as long as the tensor: a longer one is refused, since a forgotten count of
/// rows would train a part of a model in silence. Where a part is meant, [`Binding::new`] or [`Binding::prefix`] says so. The offset is any multiple of
/// 4 bytes; the buffer needs the usage `STORAGE`.
///
/// ```
/// use wgpu_optim::{Binding, wgpu};
///
/// /// Three ways to name the first 1,000 f32 of a buffer.
/// fn thousand(buffer: &wgpu::Buffer) -> [Binding; 3] {
///     [Binding::new(buffer, 0, 4000), buffer.slice(..4000).into(), buffer.as_entire_buffer_binding().into()] // the last names all of it
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    buffer: wgpu::Buffer,
    offset: u64,
    /// Bytes; `None` is as many as the tensor takes.
    size: Option<u64>,
    /// Bytes from `offset` that this tensor owns, padding included, where that is known.
    room: Option<u64>,
}

impl Binding {
    /// Bytes `offset..offset + size` of the buffer.
    pub fn new(buffer: &wgpu::Buffer, offset: u64, size: u64) -> Self {
        Binding { buffer: buffer.clone(), offset, size: Some(size), room: None }
    }

    /// As much of the buffer, from its start on, as the tensor takes: for buffers with room to grow.
    ///
    /// ```
    /// # fn param(values: &wgpu_optim::wgpu::Buffer, gradients: &wgpu_optim::wgpu::Buffer) -> wgpu_optim::Param {
    /// use wgpu_optim::{Binding, Param};
    ///
    /// Param::new("means", &[1000, 3], Binding::prefix(values), Binding::prefix(gradients)) // of at least 12,000 bytes each
    /// # }
    /// ```
    pub fn prefix(buffer: &wgpu::Buffer) -> Self {
        Binding { buffer: buffer.clone(), offset: 0, size: None, room: None }
    }

    /// `size` bytes from the offset on, of `room` bytes that this tensor owns.
    pub(crate) fn padded(buffer: &wgpu::Buffer, offset: u64, size: u64, room: u64) -> Self {
        Binding { room: Some(room), ..Binding::new(buffer, offset, size) }
    }

    /// How many bytes a kernel may write, of a tensor of `bytes`.
    pub(crate) fn room(&self, bytes: u64) -> u64 {
        self.room.unwrap_or(bytes)
    }

    /// The buffer.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// How many f32 it holds.
    pub(crate) fn elements(&self) -> u64 {
        self.size() / 4
    }

    /// How many bytes of the buffer it is. A [`Binding::prefix`] is all of them, however many the tensor takes.
    pub fn size(&self) -> u64 {
        self.size.unwrap_or(self.buffer.size().saturating_sub(self.offset))
    }

    /// Where it starts in the buffer, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// For the caller's own bind groups; the offset must then be a multiple of the device's `min_storage_buffer_offset_alignment`, as those of
    /// [`Tensors`](crate::Tensors) and of [`Optimizer::state`](crate::Optimizer::state) are. A [`Binding::prefix`] is the whole buffer there. wgpu
    /// binds at least 4 bytes: an empty tensor's are its padding, or what follows.
    pub fn as_wgpu(&self) -> wgpu::BufferBinding<'_> {
        let bound = |size: u64| if size == 0 { self.room(4) } else { size };
        wgpu::BufferBinding { buffer: &self.buffer, offset: self.offset, size: self.size.map(bound).and_then(wgpu::BufferSize::new) }
    }

    /// [`Binding::as_wgpu`] as a resource of a bind group.
    pub fn resource(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(self.as_wgpu())
    }

    /// Checks that the `needed` bytes of this shape are there.
    pub(crate) fn check(&self, name: &str, role: BufferRole, shape: &[usize], dtype: &'static str, needed: u64) -> Result<()> {
        late::note(name, role, &self.buffer);
        let name = || name.to_owned();
        if !self.offset.is_multiple_of(4) {
            return Err(Error::Misaligned { param: name(), role, offset: self.offset });
        }
        let (size, has, needs) = (self.buffer.size(), self.buffer.usage(), wgpu::BufferUsages::STORAGE);
        if !has.contains(needs) {
            return Err(Error::MissingUsage { param: name(), role, has, needs });
        }
        let end = self.offset.saturating_add(self.size.unwrap_or(0));
        if end > size {
            return Err(Error::OutOfBuffer { param: name(), role, end, size });
        }
        let bound = self.size.unwrap_or(size - self.offset);
        let wrong = if self.size.is_some() { bound != needed } else { bound < needed };
        if wrong {
            return Err(Error::SizeMismatch { param: name(), role, shape: shape.to_vec(), dtype, needed, bound });
        }
        Ok(())
    }

    /// Where a kernel finds `bytes` of it, and how far it may touch; if it only reads, all that follows in the buffer.
    pub(crate) fn place(&self, buffer: usize, bytes: u64, is_written: bool) -> Place {
        let room = match is_written {
            false => self.buffer.size() - self.offset,
            true => self.room(bytes),
        };
        // Bindings are of whole words.
        Place { buffer, offset: self.offset, room, whole: self.buffer.size() / 4 * 4, halves: false }
    }
}

impl From<&wgpu::Buffer> for Binding {
    /// The whole buffer.
    fn from(buffer: &wgpu::Buffer) -> Self {
        Binding::new(buffer, 0, buffer.size())
    }
}

impl From<wgpu::Buffer> for Binding {
    /// The whole buffer.
    fn from(buffer: wgpu::Buffer) -> Self {
        (&buffer).into()
    }
}

impl From<wgpu::BufferSlice<'_>> for Binding {
    fn from(slice: wgpu::BufferSlice<'_>) -> Self {
        Binding::new(slice.buffer(), slice.offset(), slice.size())
    }
}

impl From<wgpu::BufferBinding<'_>> for Binding {
    /// Without a size: all from the offset on.
    fn from(binding: wgpu::BufferBinding<'_>) -> Self {
        let rest = binding.buffer.size().saturating_sub(binding.offset);
        Binding::new(binding.buffer, binding.offset, binding.size.map_or(rest, wgpu::BufferSize::get))
    }
}
