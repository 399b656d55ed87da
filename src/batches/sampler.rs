//! `Sampler`: which rows each batch has, and `CpuBatches`, which lists them on the host.

use super::cursor::{Batch, Cursor, Order, batch_at, batch_key, cursor_after, row_at, settled};
use crate::error::{Error, Result};

/// Which rows each batch has. The names are those of torch's `DataLoader`.
///
/// ```
/// use wgpu_optim::batches::Sampler;
///
/// let sampler = Sampler { rows: 1797, batch_size: 32, seed: 1, ..Default::default() };
/// assert_eq!(sampler.batches_per_epoch()?, 57); // the last one has 5 rows
/// assert_eq!(Sampler { drop_last: true, ..sampler }.batches_per_epoch()?, 56);
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Rows of the data set; at least one.
    pub rows: u32,
    /// Rows of a batch, from 1 to [`rows`](Self::rows). With all rows a batch is the whole set, and SGD is gradient descent.
    pub batch_size: u32,
    /// Whether each epoch has a random order of its own, else that of the rows. A batch of the whole set has the same rows either way, but
    /// sums over it round alike every time only if it is not shuffled.
    pub shuffle: bool,
    /// Whether the epoch drops the rows that do not fill a last batch, else they are a shorter batch.
    pub drop_last: bool,
    /// Decides all orders: the same seed gives the same batches on every adapter, and on the host.
    pub seed: u64,
}

impl Default for Sampler {
    /// Shuffled batches of one row, the short last batch kept, seed 0. torch's `DataLoader` is the same but not shuffled.
    /// [`rows`](Self::rows) is 0, which has to be changed.
    fn default() -> Self {
        Sampler { rows: 0, batch_size: 1, shuffle: true, drop_last: false, seed: 0 }
    }
}

impl Sampler {
    /// Checks the numbers, as [`Batches::new`](super::Batches::new) and [`CpuBatches::new`] do.
    ///
    /// # Errors
    ///
    /// [`Error::NoRows`] without rows; [`Error::BatchSize`] on a batch size that is not from 1 to all rows.
    pub fn validate(&self) -> Result<()> {
        let Sampler { rows, batch_size, .. } = *self;
        if rows == 0 {
            return Err(Error::NoRows);
        }
        if batch_size == 0 || batch_size > rows {
            return Err(Error::BatchSize { batch_size, rows });
        }
        Ok(())
    }

    /// Batches in an epoch, torch's `len` of a `DataLoader`.
    ///
    /// # Errors
    ///
    /// Those of [`validate`](Self::validate).
    pub fn batches_per_epoch(&self) -> Result<u32> {
        self.validate()?;
        Ok(if self.drop_last { self.rows / self.batch_size } else { self.rows.div_ceil(self.batch_size) })
    }

    pub(super) fn order(&self) -> Order {
        let Sampler { rows, batch_size, shuffle, drop_last, seed } = *self;
        let (seed_low, seed_high) = (seed as u32, (seed >> 32) as u32);
        Order { rows, batch_size, shuffle: shuffle.into(), drop_last: drop_last.into(), seed_low, seed_high }
    }

    /// Where the next batch begins after this cursor, which may have been saved with another batch size. Fails on a position past the
    /// last row.
    pub(super) fn start(&self, cursor: Cursor) -> Result<Cursor> {
        if cursor.position > self.rows {
            return Err(Error::Position { position: cursor.position, rows: self.rows });
        }
        Ok(settled(self.order(), cursor))
    }
}

/// The twin of [`Batches`](super::Batches) on the host: an endless iterator over batches and their rows' numbers in the data set.
///
/// ```
/// use wgpu_optim::batches::{Batch, CpuBatches, Cursor, Sampler};
///
/// let sampler = Sampler { rows: 10, batch_size: 4, seed: 7, ..Default::default() };
/// let epoch: Vec<(Batch, Vec<u32>)> = CpuBatches::new(sampler, Cursor::default())?.take(3).collect();
/// assert_eq!(epoch[2].0, Batch { size: 2, epoch: 0, position: 8 });
/// let mut rows = epoch.into_iter().flat_map(|(_, rows)| rows).collect::<Vec<u32>>();
/// rows.sort();
/// assert_eq!(rows, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuBatches {
    order: Order,
    cursor: Cursor,
}

impl CpuBatches {
    /// Begins at a cursor; [`Cursor::default`] is the beginning of the first epoch.
    ///
    /// # Errors
    ///
    /// Those of [`Sampler::validate`]; [`Error::Position`] on a position past the last row.
    pub fn new(sampler: Sampler, cursor: Cursor) -> Result<Self> {
        sampler.validate()?;
        Ok(CpuBatches { order: sampler.order(), cursor: sampler.start(cursor)? })
    }

    /// Where the next batch begins.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }
}

impl Iterator for CpuBatches {
    type Item = (Batch, Vec<u32>);

    fn next(&mut self) -> Option<Self::Item> {
        let batch = batch_at(self.order, self.cursor);
        self.cursor = cursor_after(self.order, batch);
        let key = batch_key(self.order, batch);
        Some((batch, (0..batch.size).map(|i| row_at(self.order, batch, key, i)).collect()))
    }
}
