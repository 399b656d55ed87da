use crate::error::{Error, Result, Role};
use crate::plan::Place;

/// Part of a storage buffer: the values or the gradients of one parameter. It keeps the buffer alive.
///
/// Made from a whole buffer, a `BufferSlice` or a `BufferBinding`. The offset is any multiple of 4 bytes; the buffer needs the usage
/// `STORAGE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    buffer: wgpu::Buffer,
    offset: u64,
    size: Option<u64>,
    padded: bool,
}

impl Binding {
    /// Bytes `offset..offset + size` of the buffer.
    pub fn new(buffer: &wgpu::Buffer, offset: u64, size: u64) -> Self {
        Binding { buffer: buffer.clone(), offset, size: Some(size), padded: false }
    }

    /// The same, with the bytes up to the next multiple of 16 belonging to nobody else.
    pub(crate) fn padded(buffer: &wgpu::Buffer, offset: u64, size: u64) -> Self {
        Binding { padded: true, ..Binding::new(buffer, offset, size) }
    }

    /// The buffer.
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Where it starts in the buffer, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// For the caller's own bind groups; the offset must then be a multiple of the device's `min_storage_buffer_offset_alignment`, as
    /// those of [`crate::Tensors`] and of [`crate::Optimizer::state`] are.
    pub fn as_wgpu(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding { buffer: &self.buffer, offset: self.offset, size: self.size.and_then(wgpu::BufferSize::new) }
    }

    /// [`Binding::as_wgpu`] as a resource of a bind group.
    pub fn resource(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(self.as_wgpu())
    }

    /// Checks that the `needed` bytes of this shape are there.
    pub(crate) fn check(&self, name: &str, role: Role, shape: &[usize], dtype: &'static str, needed: u64) -> Result<()> {
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

    /// Where a kernel finds `bytes` of it, and how far it may touch.
    pub(crate) fn place(&self, buffer: usize, bytes: u64, role: Role) -> Place {
        let room = match role {
            Role::Gradient => self.buffer.size() - self.offset,
            _ if self.padded => bytes.next_multiple_of(16),
            _ => bytes,
        };
        Place { buffer, offset: self.offset, room }
    }
}

impl From<&wgpu::Buffer> for Binding {
    /// The whole buffer, which may be longer than the tensor.
    fn from(buffer: &wgpu::Buffer) -> Self {
        Binding { buffer: buffer.clone(), offset: 0, size: None, padded: false }
    }
}

impl From<wgpu::Buffer> for Binding {
    /// The whole buffer, which may be longer than the tensor.
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
    /// Without a size: all from the offset on, which may be longer than the tensor.
    fn from(binding: wgpu::BufferBinding<'_>) -> Self {
        let size = binding.size.map(wgpu::BufferSize::get);
        Binding { buffer: binding.buffer.clone(), offset: binding.offset, size, padded: false }
    }
}

/// One named tensor to be optimized: its shape, where its values are and where its gradient is. All f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Unique among the optimizer's parameters; state, checkpoints and errors go by it.
    pub name: String,
    /// Sizes of the dimensions; empty for a single number.
    pub shape: Vec<usize>,
    /// The values, which a step changes.
    pub value: Binding,
    /// The gradient, which a step reads.
    pub gradient: Binding,
}

impl Param {
    /// A parameter in the caller's own buffers. Nothing is checked until an optimizer is made of it.
    pub fn new(name: impl Into<String>, shape: &[usize], value: impl Into<Binding>, gradient: impl Into<Binding>) -> Self {
        Param { name: name.into(), shape: shape.to_vec(), value: value.into(), gradient: gradient.into() }
    }

    /// The number of elements, if there are any and they can be counted in bytes.
    pub(crate) fn elements(&self) -> Result<u64> {
        elements(&self.name, &self.shape)
    }

    /// The number of elements, after all that can be wrong with the bindings was checked.
    pub(crate) fn check(&self) -> Result<u64> {
        let elements = self.elements()?;
        self.value.check(&self.name, Role::Value, &self.shape, "f32", 4 * elements)?;
        self.gradient.check(&self.name, Role::Gradient, &self.shape, "f32", 4 * elements)?;
        Ok(elements)
    }
}

pub(crate) fn elements(param: &str, shape: &[usize]) -> Result<u64> {
    if shape.contains(&0) {
        return Err(Error::EmptyTensor { param: param.into(), shape: shape.to_vec() });
    }
    let product = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size as u64));
    let product = product.filter(|&elements| elements <= u64::MAX / 8);
    product.ok_or_else(|| Error::HugeTensor { param: param.into(), shape: shape.to_vec() })
}
