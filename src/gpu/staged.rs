//! What rules with sums have on the device: where their stages put the sums, and how these are finished.

use super::buffers::{table, whole};
use super::{Dispatch, Engine, Parts};
use crate::error::Result;
use crate::program::{Bucket, Kind, Levels, Line, Row, SumTree, Tensor};
use crate::rule::{AnyRule, Extent};
use crate::step::Setup;

use core::ops::Range;

/// The sums that one stage over elements of a rule forms.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    /// The rule, by its number in the record.
    pub(crate) rule: usize,
    pub(crate) stage: usize,
    /// The buckets that run it.
    buckets: Vec<usize>,
    /// Over tensors, groups and all, and how they are formed.
    pub(crate) whole: Option<Whole>,
    /// Over the rows and columns of tiles.
    pub(crate) tiles: Option<(wgpu::Buffer, Parts)>,
    /// Where each tensor's tiles have theirs, in words.
    firsts: Vec<u32>,
}

/// A table of sums over tensors, groups and all.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) sums: wgpu::Buffer,
    pub(crate) tree: wgpu::Buffer,
    parts: Parts,
}

/// The work of a stage over rows or columns, of the tensors that one kernel serves.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) stage: usize,
    pub(crate) kind: Kind,
    /// The number of the buffer with their rows and columns.
    pub(crate) buffer: usize,
    /// Which of the sums it reads.
    pub(crate) source: usize,
    pub(crate) work: wgpu::Buffer,
    pub(crate) count: u64,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Staged {
    pub(crate) sums: Vec<Sums>,
    pub(crate) lines: Vec<Lines>,
}

impl Staged {
    /// For the rows of these buckets, which update these tensors.
    pub(crate) fn new(engine: &Engine, setup: &Setup, buckets: &[Bucket], tensors: &[Tensor]) -> Result<Self> {
        let mut staged = Staged::default();
        for (number, rule) in engine.record.rules().iter().enumerate() {
            let own = |(_, bucket): &(usize, &Bucket)| setup.groups[bucket.kernel.kind.group].rule.is_like(&**rule);
            for (stage, _) in rule.stages().iter().enumerate().filter(|(stage, _)| stage + 1 < rule.stages().len()) {
                let runs = |(_, bucket): &(usize, &Bucket)| rule.runs(stage, bucket.kernel.kind.matrix);
                let numbered: Vec<_> = buckets.iter().enumerate().filter(own).filter(runs).collect();
                match rule.stages()[stage].over {
                    Extent::Elements => staged.sums.push(sums(engine, setup, (number, stage), &**rule, &numbered, tensors)?),
                    over => staged.add_lines(engine, (stage, over), number, &**rule, &numbered, tensors)?,
                }
            }
        }
        Ok(staged)
    }

    fn add_lines(
        &mut self,
        engine: &Engine,
        (stage, over): (usize, Extent),
        number: usize,
        rule: &dyn AnyRule,
        buckets: &[(usize, &Bucket)],
        tensors: &[Tensor],
    ) -> Result<()> {
        let mut kinds: Vec<(Kind, usize)> = buckets.iter().map(|(_, bucket)| (of_lines(bucket.kernel.kind), bucket.lines)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for (kind, buffer) in kinds {
            let Some(source) = rule.sums_from(stage, kind.matrix) else { continue };
            let Some(source) = self.sums.iter().position(|sums| (sums.rule, sums.stage) == (number, source)) else { continue };
            let firsts = &self.sums[source].firsts;
            let is_own = |tensor: &&Tensor| of_lines(tensor.kind) == kind && tensor.lines.buffer == buffer;
            let work = tensors
                .iter()
                .filter(is_own)
                .flat_map(|tensor| Line::of(tensor, over, firsts[tensor.member as usize], &engine.limits.division));
            let work: Vec<Line> = work.collect();
            let (count, work) = (work.len() as u64, table(&engine.device, "the table of rows and columns", &work)?);
            self.lines.push(Lines { stage, kind, buffer, source, work, count });
        }
        Ok(())
    }
}

impl Sums {
    fn position(&self, bucket: usize) -> Option<usize> {
        self.buckets.iter().position(|&own| own == bucket)
    }

    /// Where a bucket puts its sums over tensors.
    pub(crate) fn whole_of(&self, bucket: usize) -> Option<&wgpu::Buffer> {
        self.whole.as_ref()?.parts.of(self.position(bucket)?)
    }

    /// Where a bucket puts those over the rows and columns of its tiles.
    pub(crate) fn tiles_of(&self, bucket: usize) -> Option<&wgpu::Buffer> {
        self.tiles.as_ref()?.1.of(self.position(bucket)?)
    }

    /// What puts the parts together.
    pub(crate) fn collect(&self) -> impl Iterator<Item = Vec<Dispatch>> {
        let whole = self.whole.iter().flat_map(|whole| whole.parts.collect());
        whole.chain(self.tiles.iter().flat_map(|(_, parts)| parts.collect()))
    }
}

/// What kernels over rows and columns depend on.
fn of_lines(kind: Kind) -> Kind {
    Kind { group: kind.group, matrix: kind.matrix, ..Kind::default() }
}

fn sums(
    engine: &Engine,
    setup: &Setup,
    (number, stage): (usize, usize),
    rule: &dyn AnyRule,
    buckets: &[(usize, &Bucket)],
    tensors: &[Tensor],
) -> Result<Sums> {
    let formed = rule.sums().iter().filter(|sum| sum.extent.is_whole() && rule.stages()[stage].forms(sum.name)).count();
    let formed = formed + usize::from(rule.counts_items(stage));
    let whole = (formed > 0).then(|| whole_sums(engine, setup, formed, buckets, tensors)).transpose()?;
    let is_of_lines = |extent| matches!(extent, Extent::Rows | Extent::Columns);
    let forms_lines = |matrix: bool| !rule.formed(stage, matrix, is_of_lines).is_empty();
    let tile_words = |bucket: &Bucket| if forms_lines(bucket.kernel.kind.matrix) { bucket.tile_words } else { 0 };
    let words: Vec<u32> = buckets.iter().map(|(_, bucket)| tile_words(bucket)).collect();
    let bytes = 4 * words.iter().map(|&words| u64::from(words)).sum::<u64>();
    let tiles = || {
        let table = super::buffers::whole(&engine.device, "the sums of tiles", bytes)?;
        Ok((table.clone(), Parts::new(engine, &words, &table)?))
    };
    let tiles = (bytes > 0).then(tiles).transpose()?;
    let firsts = firsts(tensors.len(), buckets, &words);
    Ok(Sums { rule: number, stage, buckets: buckets.iter().map(|(number, _)| *number).collect(), whole, tiles, firsts })
}

/// The number of a row's parameter.
fn member(bucket: &Bucket, row: &Row) -> usize {
    bucket.entries[row.param as usize].member as usize
}

/// Where each tensor's tiles have their sums, in words, when those of all buckets, so many words each, are put together.
fn firsts(tensors: usize, buckets: &[(usize, &Bucket)], words: &[u32]) -> Vec<u32> {
    let (mut firsts, mut end) = (vec![None; tensors], 0);
    for ((_, bucket), words) in buckets.iter().zip(words) {
        for row in &bucket.rows {
            firsts[member(bucket, row)].get_or_insert(end + row.tile);
        }
        end += words;
    }
    firsts.into_iter().map(Option::unwrap_or_default).collect()
}

/// A table of so many sums over each tensor, over groups and all.
fn whole_sums(engine: &Engine, setup: &Setup, formed: usize, buckets: &[(usize, &Bucket)], tensors: &[Tensor]) -> Result<Whole> {
    let (mut slots, mut end): (Vec<Vec<Range<u32>>>, u32) = (vec![Vec::new(); tensors.len()], 0);
    for (_, bucket) in buckets {
        for row in &bucket.rows {
            let (own, slot) = (&mut slots[member(bucket, row)], end + row.partial);
            match own.last_mut() {
                Some(last) if last.end == slot => last.end += 1,
                _ => own.push(slot..slot + 1),
            }
        }
        end += bucket.sums.len() as u32;
    }
    // One more slot, which nothing writes: the sum of a parameter that has none.
    slots.iter_mut().filter(|own| own.is_empty()).for_each(|own| own.push(end..end + 1));
    let count = |group| tensors.iter().filter(|tensor| tensor.group == group).count();
    let groups: Vec<usize> = (0..setup.groups.len()).map(count).collect();
    let mut tree = SumTree::new(Levels::new(end + 1), &slots, &groups);
    let parameter = |(index, tensor): (usize, &Tensor)| [tree.tops[index], tree.groups[tensor.group], (tensor.len as f32).to_bits()];
    tree.parameters = tensors.iter().enumerate().map(parameter).collect();
    let words: Vec<u32> = buckets.iter().map(|(_, bucket)| (formed * bucket.sums.len()) as u32).collect();
    let sums = whole(&engine.device, "the sums of a stage", 4 * formed as u64 * u64::from(tree.slots))?;
    let parts = Parts::new(engine, &words, &sums)?;
    Ok(Whole { tree: table(&engine.device, "the tree of a stage", &tree.words())?, parts, sums })
}
