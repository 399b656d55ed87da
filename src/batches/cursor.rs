//! Which rows a batch is, and where the next one begins. Twin of `shaders/batches/cursor.wgsl`.

use super::permutation::{epoch_key, permute};
use crate::words::words;

words! {
    /// Where the next batch begins: what has to be saved to resume.
    ///
    /// ```
    /// use wgpu_optim::batches::{CpuBatches, Cursor, Sampler};
    ///
    /// let sampler = Sampler { rows: 10, batch_size: 4, ..Default::default() };
    /// let mut batches = CpuBatches::new(sampler, Cursor::default())?;
    /// batches.next();
    /// let saved = batches.cursor();
    /// assert_eq!(saved, Cursor { epoch: 0, position: 4 });
    /// assert_eq!(CpuBatches::new(sampler, saved)?.next(), batches.next());
    /// # Ok::<(), wgpu_optim::Error>(())
    /// ```
    #[derive(Eq, Hash)]
    pub struct Cursor {
        /// Epochs that are over.
        epoch: u32,
        /// Rows of the epoch that were taken, a multiple of the batch size unless that was changed.
        position: u32,
    }
}

words! {
    /// The batch that was last taken, as it lies in [`Batches::batch`](super::Batches::batch) and as kernels see it.
    ///
    /// ```
    /// use wgpu_optim::batches::Batch;
    ///
    /// let mean = "
    ///     @group(0) @binding(0) var<storage> batch: Batch;
    ///     fn mean(sum: f32) -> f32 { return sum / f32(batch.size); }";
    /// naga::front::wgsl::parse_str(&format!("{}{mean}", Batch::WGSL))?;
    /// # Ok::<(), naga::front::wgsl::ParseError>(())
    /// ```
    #[derive(Eq, Hash)]
    pub struct Batch {
        /// Rows in it: the batch size, or fewer in the last one of an epoch. A mean over the batch divides by this.
        size: u32,
        /// Which epoch it is of, counted from 0.
        epoch: u32,
        /// Rows of the epoch that came before.
        position: u32,
    }
}

words! {
    /// A sampler in words.
    #[derive(Eq, Hash)]
    pub(super) struct Order {
        rows: u32,
        batch_size: u32,
        shuffle: u32,
        drop_last: u32,
        seed_low: u32,
        seed_high: u32,
    }
}

/// Where a batch can begin: an epoch is over when no row is left or, with `drop_last`, fewer than a batch.
pub(super) fn settled(order: Order, cursor: Cursor) -> Cursor {
    let least = if order.drop_last != 0 { order.batch_size } else { 1 };
    if order.rows - cursor.position < least {
        return Cursor { epoch: cursor.epoch.wrapping_add(1), position: 0 };
    }
    cursor
}

pub(super) fn batch_at(order: Order, cursor: Cursor) -> Batch {
    Batch { size: order.batch_size.min(order.rows - cursor.position), epoch: cursor.epoch, position: cursor.position }
}

pub(super) fn cursor_after(order: Order, batch: Batch) -> Cursor {
    settled(order, Cursor { epoch: batch.epoch, position: batch.position + batch.size })
}

pub(super) fn batch_key(order: Order, batch: Batch) -> [u32; 2] {
    epoch_key([order.seed_low, order.seed_high], batch.epoch)
}

/// The row of the data set that is row `i` of the batch.
pub(super) fn row_at(order: Order, batch: Batch, key: [u32; 2], i: u32) -> u32 {
    let place = batch.position + i;
    if order.shuffle == 0 {
        return place;
    }
    permute(key, order.rows, place)
}
