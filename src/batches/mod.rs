//! Mini-batches on the GPU: SGD's "randomly selected subset", gathered from a data set in storage buffers into the caller's own.
//!
//! Each epoch is a random permutation of all rows, a pure integer function of seed, epoch and place, so nothing is shuffled, uploaded or
//! read back, and [`CpuBatches`] lists the same rows on the host. [`Batches::next`] records one batch; its true size is in
//! [`Batches::batch`].
//!
//! ```
//! use wgpu_optim::batches::{Batches, Column, Dtype, Sampler};
//! use wgpu_optim::{Binding, Optimizer, wgpu};
//!
//! /// 1,797 images of 64 bytes and their labels, 32 at a time.
//! fn train(
//!     (device, queue): (&wgpu::Device, &wgpu::Queue),
//!     [images, labels]: [&wgpu::Buffer; 2], // the data set: 1797 * 64 bytes and 1797 u32
//!     [inputs, targets]: [&wgpu::Buffer; 2], // what the model reads: 32 * 64 f32 and 32 u32
//!     backward: impl Fn(&mut wgpu::CommandEncoder, &Binding),
//!     optimizer: &Optimizer,
//! ) -> wgpu_optim::Result<()> {
//!     let sampler = Sampler { rows: 1797, batch_size: 32, seed: 1, ..Default::default() };
//!     let columns = [
//!         Column::new("images", 64, Dtype::U8 { scale: 1.0 / 16.0, offset: 0.0 }, images, inputs),
//!         Column::new("labels", 1, Dtype::U32, labels, targets),
//!     ];
//!     let batches = Batches::new(device, queue, sampler, columns)?;
//!     for _ in 0..10 * sampler.batches_per_epoch()? {
//!         let mut encoder = device.create_command_encoder(&Default::default());
//!         batches.next(&mut encoder);
//!         backward(&mut encoder, batches.batch()); // a mean over the batch divides by `batch.size`
//!         optimizer.step(&mut encoder);
//!         queue.submit([encoder.finish()]);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! To know on the GPU which rows a batch has, add a [`Dtype::U32`] column that holds `0..rows`. To resume, save
//! [`Batches::read_cursor`] and restore it with [`Batches::write_cursor`].

mod build;
mod column;
mod cursor;
mod gather;
mod kernels;
mod permutation;
mod sampler;
mod windows;

pub use column::{Column, Dtype};
pub use cursor::{Batch, Cursor};
pub use gather::Batches;
pub use kernels::kernels;
pub use sampler::{CpuBatches, Sampler};
