//! `Tensors`: allocates values and gradients so that one dispatch updates a whole model.

use std::collections::HashMap;

use super::{Binding, Param, check_storage, create, elements, limits, read, write};
use crate::error::{BufferRole, Error, Result, unknown};
use crate::program::Limits;
use crate::step::NumberStorage;
use crate::storage::Dtype;

/// An allocator for callers who want one: all values in one buffer, all gradients in another, each tensor where it can be bound on its own
/// and padded, so that the whole model is one dispatch. Everything starts at zero.
///
/// A model larger than `max_buffer_size` takes several buffers. Queues given to its functions must be the device's own.
///
/// ```
/// use wgpu_optim::{Adam, Optimizer, Result, Tensors, wgpu};
///
/// fn optimizer(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Optimizer> {
///     let tensors = Tensors::new(device, [("weight", vec![4, 3]), ("bias", vec![4])])?;
///     tensors.write_value(queue, "bias", &[0.5; 4])?;
///     let gradient = tensors.gradient("weight")?.resource(); // for a bind group of your backward pass
///     # let _ = gradient;
///     Optimizer::new(device, queue, Adam::default(), tensors.params())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Tensors {
    device: wgpu::Device,
    params: Vec<Param>,
    names: HashMap<String, usize>,
}

impl Tensors {
    /// Allocates f32 tensors of these names and shapes. An empty tensor has nothing but padding, so that it can be bound.
    ///
    /// # Errors
    ///
    /// - [`Error::NoParameters`], [`Error::DuplicateName`]: there are no tensors, or two of one name.
    /// - [`Error::HugeTensor`], [`Error::Limit`]: a tensor is larger than can be counted, or than a buffer may be.
    /// - The device: [`Error::NoStorageBuffers`], [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::Wgpu`].
    pub fn new<N: Into<String>, S: AsRef<[usize]>>(device: &wgpu::Device, shapes: impl IntoIterator<Item = (N, S)>) -> Result<Self> {
        Self::with_dtypes(device, (Dtype::F32, Dtype::F32), shapes)
    }

    /// Allocates tensors of these names and shapes, whose values are of the first dtype and gradients of the second: [`Param::value_dtype`] and [`Param::gradient_dtype`]. What is read and written here
    /// is f32, and rounded to the nearest.
    ///
    /// ```
    /// use wgpu_optim::{Dtype, Param, Result, Rounding, Tensors, wgpu};
    ///
    /// /// Parameters in bf16 that are rounded stochastically, and whose gradients are in f16.
    /// fn params(device: &wgpu::Device) -> Result<Vec<Param>> {
    ///     let tensors = Tensors::with_dtypes(device, (Dtype::Bf16, Dtype::F16), [("weight", vec![4, 3]), ("bias", vec![4])])?;
    ///     let rounding = Rounding::Stochastic { seed: 1 };
    ///     Ok(tensors.params().into_iter().map(|param| Param { rounding, ..param }).collect())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Tensors::new`]; [`Error::Conflict`]: what is no dtype of values or gradients.
    pub fn with_dtypes<N: Into<String>, S: AsRef<[usize]>>(
        device: &wgpu::Device,
        (value, gradient): (Dtype, Dtype),
        shapes: impl IntoIterator<Item = (N, S)>,
    ) -> Result<Self> {
        let shapes = shapes.into_iter().map(|(name, shape)| (name.into(), shape.as_ref().to_vec())).collect();
        Self::of(device, [value, gradient], shapes)
    }

    fn of(device: &wgpu::Device, [value, gradient]: [Dtype; 2], shapes: Vec<(String, Vec<usize>)>) -> Result<Self> {
        check_storage(device)?;
        let limits = limits(device);
        let mut names = HashMap::new();
        let mut tensors: Vec<(String, Vec<usize>, [Room; 2])> = Vec::new();
        let mut pages = [value, gradient].map(|dtype| Pages { dtype, sizes: vec![0] });
        for (index, (name, shape)) in shapes.into_iter().enumerate() {
            NumberStorage { value, gradient, ..NumberStorage::default() }.check(&name)?;
            let elements = elements(&name, &shape)?;
            let [values, gradients] = pages.each_mut().map(|own| own.push(&name, &shape, elements, &limits));
            tensors.push((name.clone(), shape, [values?, gradients?]));
            if names.insert(name.clone(), index).is_some() {
                return Err(Error::DuplicateName { param: name });
            }
        }
        if tensors.is_empty() {
            return Err(Error::NoParameters);
        }
        let [values, gradients] = &pages;
        let (values, gradients) = (values.buffers(device, "wgpu-optim values")?, gradients.buffers(device, "wgpu-optim gradients")?);
        let param = |(name, shape, [of_values, of_gradients]): (String, Vec<usize>, [Room; 2])| {
            let param = Param::new(name, &shape, of_values.binding(&values), of_gradients.binding(&gradients));
            Param { value_dtype: value, gradient_dtype: gradient, ..param }
        };
        Ok(Tensors { device: device.clone(), params: tensors.into_iter().map(param).collect(), names })
    }

    /// All tensors, for an optimizer.
    pub fn params(&self) -> Vec<Param> {
        self.params.clone()
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.params.iter().map(|param| &*param.name)
    }

    /// One tensor.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no tensor has this name.
    pub fn param(&self, name: &str) -> Result<&Param> {
        let known = || unknown("parameter", name, self.names());
        self.names.get(name).map(|&index| &self.params[index]).ok_or_else(known)
    }

    /// The values of a tensor, for the caller's own bind groups.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no tensor has this name.
    pub fn value(&self, name: &str) -> Result<&Binding> {
        Ok(&self.param(name)?.value)
    }

    /// The gradient of a tensor, for the caller's own bind groups.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no tensor has this name.
    pub fn gradient(&self, name: &str) -> Result<&Binding> {
        Ok(&self.param(name)?.gradient)
    }

    /// Reads the values of a tensor, after everything submitted so far; see [`Optimizer::read_value`](crate::Optimizer::read_value).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no tensor has this name. The device: [`Error::OutOfMemory`], [`Error::DeviceLost`], [`Error::ReadBack`]; [`Error::Buffer`]
    /// where wgpu refuses the buffer.
    pub async fn read_value(&self, queue: &wgpu::Queue, name: &str) -> Result<Vec<f32>> {
        self.read(queue, name, BufferRole::Value).await
    }

    /// Reads the gradient of a tensor, after everything submitted so far.
    ///
    /// # Errors
    ///
    /// Those of [`Tensors::read_value`].
    pub async fn read_gradient(&self, queue: &wgpu::Queue, name: &str) -> Result<Vec<f32>> {
        self.read(queue, name, BufferRole::Gradient).await
    }

    async fn read(&self, queue: &wgpu::Queue, name: &str, role: BufferRole) -> Result<Vec<f32>> {
        let given = self.param(name)?.given(role)?;
        let words = read(&self.device, queue, given.binding.buffer(), given.binding.offset(), given.words()).await;
        words.map(|words| given.numbers(words)).map_err(|error| error.about(name, role))
    }

    /// Writes the values of a tensor, before anything that is submitted from now on.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownName`]: no tensor has this name. [`Error::Length`]: it has more or fewer elements. The device: [`Error::OutOfMemory`],
    /// [`Error::DeviceLost`]; [`Error::Buffer`] where wgpu refuses the buffer.
    pub fn write_value(&self, queue: &wgpu::Queue, name: &str, data: &[f32]) -> Result<()> {
        write(&self.device, queue, &self.param(name)?.given(BufferRole::Value)?, data)
    }

    /// Writes the gradient of a tensor, before anything that is submitted from now on.
    ///
    /// # Errors
    ///
    /// Those of [`Tensors::write_value`].
    pub fn write_gradient(&self, queue: &wgpu::Queue, name: &str, data: &[f32]) -> Result<()> {
        write(&self.device, queue, &self.param(name)?.given(BufferRole::Gradient)?, data)
    }
}

/// The buffers in the making that all values are in, or all gradients.
struct Pages {
    dtype: Dtype,
    sizes: Vec<u64>,
}

/// Where a tensor is in them.
struct Room {
    page: usize,
    offset: u64,
    bytes: u64,
    /// With padding.
    room: u64,
}

impl Pages {
    /// Room for a tensor, so that the next one can be bound on its own.
    fn push(&mut self, name: &str, shape: &[usize], elements: u64, limits: &Limits) -> Result<Room> {
        let bytes = self.dtype.format(false).bytes(elements);
        let room = bytes.max(1).next_multiple_of(limits.alignment.max(16));
        if room > limits.buffer {
            let what = format!("{name}: a buffer for shape {shape:?} in {}", self.dtype.name());
            return Err(Error::Limit { what, needed: room, limit: "max_buffer_size", allowed: limits.buffer });
        }
        if self.sizes[self.sizes.len() - 1] + room > limits.buffer {
            self.sizes.push(0);
        }
        let page = self.sizes.len() - 1;
        let offset = self.sizes[page];
        self.sizes[page] += room;
        Ok(Room { page, offset, bytes, room })
    }

    fn buffers(&self, device: &wgpu::Device, label: &'static str) -> Result<Vec<wgpu::Buffer>> {
        self.sizes.iter().map(|&size| buffer(device, label, size)).collect()
    }
}

impl Room {
    fn binding(&self, buffers: &[wgpu::Buffer]) -> Binding {
        Binding::padded(&buffers[self.page], self.offset, self.bytes, self.room)
    }
}

fn buffer(device: &wgpu::Device, label: &str, size: u64) -> Result<wgpu::Buffer> {
    use wgpu::BufferUsages as Usage;
    let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    create(device, &wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
}
