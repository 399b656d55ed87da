//! The buckets of a plan with their rows and the table of parameters on the GPU.

use super::fold;
use super::places::{Next, Versions};
use crate::error::Result;
use crate::program::{Bucket, Limits, ParamEntry, Places, Purpose, Row, Sum, Window};

/// Buckets whose rows are on the GPU.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    purpose: Purpose,
    pub(super) table: Versions,
    buckets: Vec<Placed>,
}

/// A bucket without its rows, but where they are.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) bucket: Bucket,
    /// The first byte of its rows.
    rows: u64,
    pub(super) workgroups: (u32, u32),
}

/// What changes in a stage whose tensors have moved.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Windows and entries of each bucket.
    buckets: Vec<(Vec<Window>, Vec<ParamEntry>)>,
}

impl Buckets {
    pub(crate) fn new(device: &wgpu::Device, buckets: Vec<Bucket>, purpose: Purpose, limits: &Limits) -> Result<Self> {
        let (rows, starts) = rows(&buckets, limits);
        let entries: Vec<&[ParamEntry]> = buckets.iter().map(|bucket| &*bucket.entries).collect();
        let table = Versions::new(device, rows.into(), words(&entries), limits)?;
        let placed = |(bucket, rows): (Bucket, u64)| {
            let workgroups = fold(bucket.rows.len().max(1) as u64, limits.workgroups);
            Placed { bucket: Bucket { rows: Vec::new(), ..bucket }, rows, workgroups }
        };
        Ok(Buckets { purpose, table, buckets: buckets.into_iter().zip(starts).map(placed).collect() })
    }

    /// The buckets.
    pub(super) fn all(&self) -> impl Iterator<Item = &Placed> {
        self.buckets.iter()
    }

    /// A bucket.
    pub(super) fn placed(&self, number: usize) -> &Placed {
        &self.buckets[number]
    }

    /// How many words the sums of each are.
    pub(crate) fn sum_words(&self) -> Vec<u32> {
        self.buckets.iter().map(|placed| (size_of::<Sum>() / 4 * placed.bucket.sums.len()) as u32).collect()
    }

    /// What changes where tensors, by their numbers, are in other places; `None` where that needs another plan.
    pub(super) fn moved(&self, places: &[Places], limits: &Limits) -> Option<Change> {
        let moved = |placed: &Placed| placed.bucket.moved(places, self.purpose, limits);
        Some(Change { buckets: self.buckets.iter().map(moved).collect::<Option<_>>()? })
    }

    /// Keeps a change, whose entries are in this version of the table.
    pub(super) fn keep(&mut self, change: Change, next: Next) {
        self.table.keep(next);
        for (placed, (windows, entries)) in self.buckets.iter_mut().zip(change.buckets) {
            (placed.bucket.windows, placed.bucket.entries) = (windows, entries);
        }
    }
}

impl Placed {
    /// Its rows, and with them the table.
    pub(super) fn rows<'a>(&self, table: &'a Versions) -> wgpu::BindingResource<'a> {
        table.from(self.rows)
    }
}

impl Change {
    /// The windows of a bucket.
    pub(super) fn windows(&self, number: usize) -> &[Window] {
        &self.buckets[number].0
    }

    /// The table's words.
    pub(super) fn words(&self) -> Vec<u32> {
        words(&self.buckets.iter().map(|(_, entries)| &**entries).collect::<Vec<_>>())
    }
}

/// Words of an entry: kernels load four at once.
const ENTRY_WORDS: usize = (size_of::<ParamEntry>() / 4).next_multiple_of(4);

/// The entries of all buckets, as kernels read them.
fn words(entries: &[&[ParamEntry]]) -> Vec<u32> {
    let mut words = Vec::with_capacity(ENTRY_WORDS * entries.iter().map(|own| own.len()).sum::<usize>());
    for entry in entries.iter().copied().flatten() {
        words.extend_from_slice(bytemuck::cast_slice(core::slice::from_ref(entry)));
        words.resize(words.len().next_multiple_of(ENTRY_WORDS), 0);
    }
    words
}

/// All rows, each bucket's at a place where it can be bound, and those places. Instead of its number, a row has its parameter's place: how many times
/// four words it is from the bucket's first row, in the first version of the table, which comes after all rows.
fn rows(buckets: &[Bucket], limits: &Limits) -> (Vec<u32>, Vec<u64>) {
    let count = |bucket: &Bucket| {
        let (x, y) = fold(bucket.rows.len().max(1) as u64, limits.workgroups);
        x as usize * y as usize
    };
    let (mut starts, mut end) = (Vec::new(), 0);
    for bucket in buckets {
        starts.push(end as u64);
        end = (end + size_of::<Row>() * count(bucket)).next_multiple_of(limits.alignment.max(16) as usize);
    }
    let mut words: Vec<u32> = Vec::with_capacity(end / 4);
    let mut first = end;
    for (bucket, &start) in buckets.iter().zip(&starts) {
        words.resize(start as usize / 4, 0);
        let table = ((first - start as usize) / 16) as u32;
        let row = |row: &Row| Row { param: table + row.param * (ENTRY_WORDS / 4) as u32, ..*row };
        let own: Vec<Row> = bucket.rows.iter().map(row).collect();
        words.extend_from_slice(bytemuck::cast_slice(&own));
        // Without elements.
        let spare = Row { param: table, ..Row::default() };
        (bucket.rows.len()..count(bucket)).for_each(|_| words.extend_from_slice(bytemuck::cast_slice(&[spare])));
        first += 4 * ENTRY_WORDS * bucket.entries.len();
    }
    words.resize(end / 4, 0);
    (words, starts)
}
