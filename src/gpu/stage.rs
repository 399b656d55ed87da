//! The buckets of a plan with their rows on the GPU.

use super::buffers::upload;
use crate::error::{Error, Result};
use crate::plan::{Bucket, Limits, Row, Sum, Window};

/// Buckets whose rows are on the GPU.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    rows: wgpu::Buffer,
    /// Each without its rows, but where they are.
    buckets: Vec<(Bucket, Window)>,
}

impl Stage {
    pub(crate) fn new(device: &wgpu::Device, buckets: Vec<Bucket>, limits: &Limits) -> Result<Self> {
        let (rows, windows) = rows(&buckets, limits);
        let (needed, allowed) = (rows.len() as u64, limits.buffer);
        if needed > allowed {
            return Err(Error::Limit { what: "the table of chunks".to_owned(), needed, limit: "max_buffer_size", allowed });
        }
        let rows = upload(device, "wgpu-optim rows", &rows)?;
        let without = |bucket: Bucket| Bucket { rows: Vec::new(), ..bucket };
        Ok(Stage { rows, buckets: buckets.into_iter().map(without).zip(windows).collect() })
    }

    /// The buckets and where their rows are.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (&Bucket, Window)> {
        self.buckets.iter().map(|(bucket, window)| (bucket, *window))
    }

    /// How many words the sums of each are.
    pub(crate) fn sum_words(&self) -> Vec<u32> {
        self.buckets.iter().map(|(bucket, _)| (size_of::<Sum>() / 4 * bucket.sums.len()) as u32).collect()
    }

    pub(crate) fn rows(&self, window: Window) -> wgpu::BindingResource<'_> {
        super::resource(&self.rows, window)
    }
}

/// All rows, each bucket's at a place where it can be bound, and those places.
fn rows(buckets: &[Bucket], limits: &Limits) -> (Vec<u8>, Vec<Window>) {
    let mut bytes: Vec<u8> = Vec::new();
    let mut windows = Vec::new();
    for bucket in buckets {
        bytes.resize(bytes.len().next_multiple_of(limits.alignment as usize), 0);
        windows.push(Window { buffer: 0, offset: bytes.len() as u64, size: size_of_val(&*bucket.rows) as u64 });
        bytes.extend_from_slice(bytemuck::cast_slice::<Row, u8>(&bucket.rows));
    }
    // Of no buckets, one word: a buffer has at least one.
    bytes.resize(bytes.len().max(4), 0);
    (bytes, windows)
}
