//! What rules with sums have on the device: where their stages put the sums, and how these are finished.

use super::buffers::{table, whole};
use super::{Dispatch, Engine, Parts};
use crate::error::Result;
use crate::program::{Bucket, Kind, Levels, Line, Row, SumTree, Tensor};
use crate::rule::{AnyRule, Extent};
use crate::step::Config;

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
    pub(crate) tiles: Option<Parts>,
    /// Where each tensor's tiles have theirs, in words.
    firsts: Vec<u32>,
}

/// A table of sums over tensors, groups and all.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) parts: Parts,
    pub(crate) tree: wgpu::Buffer,
}

/// The work of a stage over rows, columns or axes, of the tensors that one kernel serves.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    /// The rule, by its number in the record.
    pub(crate) rule: usize,
    pub(crate) stage: usize,
    pub(crate) kind: Kind,
    /// The number of the buffer with their rows and columns.
    pub(crate) buffer: usize,
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
    pub(crate) fn new(engine: &Engine, config: &Config, buckets: &[Bucket], tensors: &[Tensor]) -> Result<Self> {
        let mut staged = Staged::default();
        for (number, rule) in engine.record.rules().iter().enumerate() {
            let own = |(_, bucket): &(usize, &Bucket)| config.groups[bucket.kernel.kind.group].rule.is_like(&**rule);
            for stage in 0..rule.stages().len().saturating_sub(1) {
                // Groups of one rule may use different sums.
                let of_group = |kind: Kind| &*config.groups[kind.group].rule;
                let runs =
                    |(_, bucket): &(usize, &Bucket)| of_group(bucket.kernel.kind).runs_before_update(stage, bucket.kernel.kind.matrix);
                let numbered: Vec<_> = buckets.iter().enumerate().filter(own).filter(runs).collect();
                match rule.stages()[stage].over {
                    Extent::Elements => staged.sums.push(sums(engine, config, (number, stage), &**rule, &numbered, tensors)?),
                    over => staged.add_lines(engine, config, (stage, over), number, &numbered, tensors)?,
                }
            }
        }
        Ok(staged)
    }

    fn add_lines(
        &mut self,
        engine: &Engine,
        config: &Config,
        (stage, over): (usize, Extent),
        number: usize,
        buckets: &[(usize, &Bucket)],
        tensors: &[Tensor],
    ) -> Result<()> {
        let mut kinds: Vec<(Kind, usize)> = buckets.iter().map(|(_, bucket)| (of_lines(bucket.kernel.kind), bucket.lines)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for (kind, buffer) in kinds {
            let Some(source) = config.groups[kind.group].rule.sums_from(stage, kind.matrix) else { continue };
            let Some(Sums { firsts, .. }) = self.of_rule(number, source) else { continue };
            let is_own = |tensor: &&Tensor| of_lines(tensor.kind) == kind && tensor.lines.buffer == buffer;
            let work = tensors
                .iter()
                .filter(is_own)
                .flat_map(|tensor| Line::of(tensor, over, firsts[tensor.member as usize], &engine.limits.division));
            let work: Vec<Line> = work.collect();
            let (count, work) = (work.len() as u64, table(&engine.device, "the table of rows and columns", &work)?);
            self.lines.push(Lines { rule: number, stage, kind, buffer, work, count });
        }
        Ok(())
    }
}

impl Staged {
    /// Those that a rule's stage forms.
    pub(crate) fn of_rule(&self, rule: usize, stage: usize) -> Option<&Sums> {
        self.sums.iter().find(|sums| (sums.rule, sums.stage) == (rule, stage))
    }

    /// Those that a stage forms over a bucket, and which of their parts are the bucket's.
    pub(crate) fn of_bucket(&self, bucket: usize, stage: usize) -> Option<(&Sums, usize)> {
        let part = |sums: &Sums| sums.buckets.iter().position(|&own| own == bucket);
        self.sums.iter().filter(|sums| sums.stage == stage).find_map(|sums| Some((sums, part(sums)?)))
    }

    /// What puts the parts together of the sums that stages of this number form.
    pub(crate) fn collects(&self, stage: usize) -> Vec<Vec<Dispatch>> {
        let own = self.sums.iter().filter(|sums| sums.stage == stage);
        let parts = own.flat_map(|sums| sums.whole.iter().map(|whole| &whole.parts).chain(&sums.tiles));
        parts.flat_map(Parts::collect).collect()
    }
}

/// What kernels over rows and columns depend on.
fn of_lines(kind: Kind) -> Kind {
    Kind { group: kind.group, matrix: kind.matrix, ..Kind::default() }
}

fn sums(
    engine: &Engine,
    config: &Config,
    (number, stage): (usize, usize),
    rule: &dyn AnyRule,
    buckets: &[(usize, &Bucket)],
    tensors: &[Tensor],
) -> Result<Sums> {
    let formed = rule.sums().iter().filter(|sum| sum.extent.is_whole() && rule.stages()[stage].forms(sum.name)).count();
    let formed = formed + usize::from(rule.counts_items(stage));
    let whole = (formed > 0).then(|| whole_sums(engine, config, formed, buckets, tensors)).transpose()?;
    let is_of_lines = |extent| matches!(extent, Extent::Rows | Extent::Columns | Extent::Axes);
    let forms_lines = |kind: Kind| !config.groups[kind.group].rule.formed(stage, kind.matrix, is_of_lines).is_empty();
    let tile_words = |bucket: &Bucket| if forms_lines(bucket.kernel.kind) { bucket.tile_words } else { 0 };
    let words: Vec<u32> = buckets.iter().map(|(_, bucket)| tile_words(bucket)).collect();
    let bytes = 4 * words.iter().map(|&words| u64::from(words)).sum::<u64>();
    let tiles = || {
        let table = super::buffers::whole(&engine.device, "the sums of tiles", bytes)?;
        Parts::new(engine, &words, &table)
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
fn whole_sums(engine: &Engine, config: &Config, formed: usize, buckets: &[(usize, &Bucket)], tensors: &[Tensor]) -> Result<Whole> {
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
    let groups: Vec<usize> = (0..config.groups.len()).map(count).collect();
    let mut tree = SumTree::new(Levels::new(end + 1), &slots, &groups);
    let parameter = |(index, tensor): (usize, &Tensor)| [tree.tops[index], tree.groups[tensor.group], (tensor.len as f32).to_bits()];
    tree.parameters = tensors.iter().enumerate().map(parameter).collect();
    let words: Vec<u32> = buckets.iter().map(|(_, bucket)| (formed * bucket.sums.len()) as u32).collect();
    let sums = whole(&engine.device, "the sums of a stage", 4 * formed as u64 * u64::from(tree.slots))?;
    let parts = Parts::new(engine, &words, &sums)?;
    Ok(Whole { parts, tree: table(&engine.device, "the tree of a stage", &tree.words())? })
}
