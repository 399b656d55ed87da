//! The buffers that a coalescing has of its own.

use super::source::Shape;
use super::{FAN, HEAD, MANY};
use crate::error::Result;
use crate::gpu::whole;

/// Buffers as large as there could be entries.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    /// Keys and numbers of the entries, sorted: from one to the other when they are merged. Keys are needed where there are several tiles.
    pub(super) keys: Vec<wgpu::Buffer>,
    pub(super) entries: Vec<wgpu::Buffer>,
    /// Runs and long runs that begin in each tile.
    pub(super) tallies: Option<wgpu::Buffer>,
    pub(super) unique: wgpu::Buffer,
    pub(super) starts: wgpu::Buffer,
    pub(super) found: wgpu::Buffer,
    pub(super) summed: wgpu::Buffer,
}

impl Scratch {
    pub(super) fn new(device: &wgpu::Device, name: &str, shape: &Shape, tile: u32) -> Result<Self> {
        let words = 4 * u64::from(shape.most);
        let buffer = |what: &str, bytes| whole(device, &format!("{name}: {what}"), bytes);
        let tiles = u64::from(shape.most.div_ceil(tile));
        let sorted = |what: &str, count: usize| (0..count).map(|_| buffer(what, words)).collect::<Result<Vec<_>>>();
        Ok(Scratch {
            keys: sorted("the rows of sorted entries", if tiles > 1 { 2 } else { 0 })?,
            entries: sorted("sorted entries", if tiles > 1 { 2 } else { 1 })?,
            tallies: (tiles > 1).then(|| buffer("the runs of tiles", 8 * tiles)).transpose()?,
            unique: buffer("the rows of runs", words)?,
            starts: buffer("the starts of runs", words)?,
            found: buffer("the list of long runs", 4 * u64::from(HEAD) + words / u64::from(MANY + 1) / 4 * 4)?,
            summed: buffer("the coalesced gradient", 4 * shape.elements(name)?)?,
        })
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        let rest = [&self.unique, &self.starts, &self.found, &self.summed];
        self.keys.iter().chain(&self.entries).chain(&self.tallies).chain(rest).map(wgpu::Buffer::size).sum()
    }
}

/// Entries of a sorted run before each merge.
pub(super) fn merges(most: u32, tile: u32) -> Vec<u32> {
    core::iter::successors(Some(u64::from(tile)), |run| Some(run * u64::from(FAN)))
        .take_while(|&run| run < u64::from(most))
        .map(|run| run as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::merges;

    #[test]
    fn there_are_as_many_merges_as_make_one_run() {
        assert_eq!(merges(1, 2048), [0; 0]);
        assert_eq!(merges(2048, 2048), [0; 0]);
        assert_eq!(merges(2049, 2048), [2048]);
        assert_eq!(merges(8192, 2048), [2048]);
        assert_eq!(merges(8193, 2048), [2048, 8192]);
        assert_eq!(merges(u32::MAX, 2048).last(), Some(&(1 << 31)));
    }
}
