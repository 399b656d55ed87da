//! `Batches`: records the next batch, and reads and writes the place in the data set.

use super::build;
use super::column::Column;
use super::cursor::{Batch, Cursor};
use super::sampler::Sampler;
use crate::error::Result;
use crate::gpu::{Binding, Dispatch, Recorder, check_storage, create, put, read};

/// Fills the caller's buffers with one batch of a data set after the other: [`Batches::next`], recorded before the forward pass.
///
/// The place in the data set lives on the GPU, so what is recorded is the same every time: two batches recorded into one encoder are
/// two, and an encoder that is dropped leaves the place as it was.
///
/// ```
/// use wgpu_optim::batches::{Batches, Cursor};
/// use wgpu_optim::wgpu;
///
/// /// Records two batches, one after the other; says where the third begins.
/// async fn two(batches: &Batches, device: &wgpu::Device, queue: &wgpu::Queue) -> wgpu_optim::Result<Cursor> {
///     let mut encoder = device.create_command_encoder(&Default::default());
///     batches.next(&mut encoder);
///     batches.next(&mut encoder);
///     queue.submit([encoder.finish()]);
///     batches.read_cursor().await // to be saved, and given to `write_cursor` to resume
/// }
/// ```
#[derive(Debug)]
pub struct Batches {
    device: wgpu::Device,
    queue: wgpu::Queue,
    sampler: Sampler,
    cursor: wgpu::Buffer,
    batch: Binding,
    dispatches: Vec<Dispatch>,
}

impl Batches {
    /// Batches of a data set, from the beginning of the first epoch. Everything is checked here: after this, a batch cannot fail.
    ///
    /// # Errors
    ///
    /// - Those of [`Sampler::validate`].
    /// - Columns: [`Error::NoColumns`](crate::Error::NoColumns), [`Error::DuplicateColumn`](crate::Error::DuplicateColumn),
    ///   [`Error::EmptyTensor`](crate::Error::EmptyTensor), [`Error::HugeTensor`](crate::Error::HugeTensor),
    ///   [`Error::Normalisation`](crate::Error::Normalisation).
    /// - Their buffers: [`Error::SizeMismatch`](crate::Error::SizeMismatch), [`Error::OutOfBuffer`](crate::Error::OutOfBuffer),
    ///   [`Error::MissingUsage`](crate::Error::MissingUsage), [`Error::Misaligned`](crate::Error::Misaligned), [`Error::Overlap`](crate::Error::Overlap),
    ///   [`Error::OneBuffer`](crate::Error::OneBuffer), and [`Error::Buffer`](crate::Error::Buffer) where wgpu refuses one.
    /// - The device: [`Error::Limit`](crate::Error::Limit) where a row does not fit in a binding,
    ///   [`Error::NoStorageBuffers`](crate::Error::NoStorageBuffers), [`Error::OutOfMemory`](crate::Error::OutOfMemory),
    ///   [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::Wgpu`](crate::Error::Wgpu).
    pub fn new(device: &wgpu::Device, queue: &wgpu::Queue, sampler: Sampler, columns: impl IntoIterator<Item = Column>) -> Result<Self> {
        let columns: Vec<Column> = columns.into_iter().collect();
        check_storage(device)?;
        build::check(&sampler, &columns)?;
        use wgpu::BufferUsages as Usage;
        let buffer = |label, size, usage| {
            let usage = usage | Usage::STORAGE | Usage::COPY_SRC;
            create(device, &wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let cursor = buffer("wgpu-optim cursor", size_of::<Cursor>() as u64, Usage::COPY_DST)?;
        let batch = buffer("wgpu-optim batch", size_of::<Batch>() as u64, Usage::UNIFORM)?;
        let dispatches = build::dispatches(device, &sampler, &columns, &cursor, &batch);
        let dispatches = dispatches.map_err(|error| build::named(device, &columns, error))?;
        let batch = Binding::from(batch);
        Ok(Batches { device: device.clone(), queue: queue.clone(), sampler, cursor, batch, dispatches })
    }

    /// Records the next batch: the cursor moves on and every column's destination is filled. Nothing is submitted, waited for, or
    /// allocated.
    pub fn next(&self, encoder: &mut wgpu::CommandEncoder) {
        let descriptor = wgpu::ComputePassDescriptor { label: Some("wgpu-optim batch"), timestamp_writes: None };
        self.next_in(&mut encoder.begin_compute_pass(&descriptor));
    }

    /// Records a batch within a compute pass of the caller's. It changes the pass's pipeline and bind group 0.
    pub fn next_in(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.dispatches.iter().for_each(|dispatch| pass.record(dispatch));
    }

    /// The last batch, a [`Batch`] for the caller's own kernels, as a storage or uniform buffer declared with [`Batch::WGSL`]. A loss that
    /// is a mean divides by its `size`. Before the first batch it is all zeros.
    pub fn batch(&self) -> &Binding {
        &self.batch
    }

    /// Which rows the batches have; [`CpuBatches`](super::CpuBatches) lists them on the host.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// How many dispatches a batch is: one, and one for each column that fits in bindings as it is.
    pub fn dispatches(&self) -> usize {
        self.dispatches.len()
    }

    /// Reads where the next batch begins. It submits a copy, after everything submitted so far, and natively waits for it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::ReadBack`](crate::Error::ReadBack),
    /// [`Error::Wgpu`](crate::Error::Wgpu): the copy does not arrive.
    pub async fn read_cursor(&self) -> Result<Cursor> {
        let cursor = read(&self.device, &self.queue, &self.cursor, 0, 1).await?;
        Ok(cursor[0])
    }

    /// Sets where the next batch begins, before everything submitted from now on. What was saved with another batch size is
    /// accepted; with [`Sampler::drop_last`], rows at the end of the epoch that are too few for a batch are not taken.
    ///
    /// # Errors
    ///
    /// [`Error::Position`](crate::Error::Position): the position is past the last row. The device: [`Error::OutOfMemory`](crate::Error::OutOfMemory),
    /// [`Error::DeviceLost`](crate::Error::DeviceLost), [`Error::Wgpu`](crate::Error::Wgpu).
    pub fn write_cursor(&self, cursor: Cursor) -> Result<()> {
        let cursor = self.sampler.start(cursor)?;
        put(&self.device, &self.queue, &self.cursor, 0, &[cursor])
    }
}
