//! Moves the rows of tensors on the GPU, or gives them what values hold.

use std::collections::BTreeSet;

use super::stretches::{Stretch, bound, most, stretches};
use crate::error::Result;
use crate::gpu::{Binding, Dispatch, Engine, fold, upload};
use crate::program::{FRESH, MOVED, MoveTask, MovedAtOnce, NewRows};
use crate::wgsl::{self, Moved, Resource};

/// Makes the dispatches that move rows by an index.
pub(super) struct Mover<'a> {
    pub(super) engine: &'a Engine,
    /// For each row, the row that it was.
    pub(super) index: Stretch<'a>,
    /// How many rows there were.
    pub(super) rows: u32,
}

/// A tensor whose rows move.
pub(super) struct Move<'a> {
    /// Words of a row.
    pub(super) width: u32,
    /// Whether rows that are copies with a new state are moved too.
    pub(super) copies: bool,
    pub(super) begins: Begins<'a>,
    /// Its parts before, with their words, and as they are now.
    pub(super) source: Vec<(Binding, u64)>,
    pub(super) target: Vec<(Binding, u64)>,
}

/// What elements of new rows are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Begins<'a> {
    /// What the caller wrote.
    Written,
    /// These, in their place.
    Values(&'a Binding),
    /// Zero.
    Zero,
}

impl Begins<'_> {
    fn new_rows(self) -> NewRows {
        match self {
            Begins::Written => NewRows::Written,
            Begins::Values(_) => NewRows::Values,
            Begins::Zero => NewRows::Zero,
        }
    }
}

/// Tensors that one dispatch moves, as far as each lies in one binding now.
struct Together<'a> {
    moves: &'a [&'a Move<'a>],
    /// Of each, the parts before that are bound.
    sources: Vec<Vec<Stretch<'a>>>,
    /// Whether these are all there are.
    is_all: bool,
    targets: Vec<Stretch<'a>>,
}

impl Mover<'_> {
    /// What moves these tensors, which have rows of as many words, from this word on: as many of them in a dispatch as the device binds.
    pub(super) fn add(&self, moves: &[&Move<'_>], begin: u64, dispatches: &mut Vec<Dispatch>) -> Result<()> {
        let (limits, most) = (&self.engine.limits, most(&self.engine.limits));
        let parts = |own: &[(Binding, u64)]| stretches(own, most).len();
        let has_values = moves.iter().any(|own| matches!(own.begins, Begins::Values(_)));
        // The tasks, the index, values, and of each tensor what it was and what it is.
        let free = limits.buffers.saturating_sub(2 + usize::from(has_values)).max(2);
        let sources = moves.iter().map(|own| parts(&own.source)).max().unwrap_or(0).clamp(1, free - 1);
        for moves in moves.chunks(free / (sources + 1)) {
            let targets: Vec<Vec<Stretch<'_>>> = moves.iter().map(|own| stretches(&own.target, most)).collect();
            let starts = targets.iter().flatten().flat_map(|own| [own.first, own.first + own.count]);
            let cuts: BTreeSet<u64> = starts.filter(|&cut| cut > begin).chain([begin]).collect();
            let cuts: Vec<u64> = cuts.into_iter().collect();
            for cut in cuts.windows(2) {
                let targets: Vec<Stretch<'_>> =
                    targets.iter().filter_map(|own| own.iter().find_map(|own| own.within(cut[0], cut[1]))).collect();
                self.add_parts(moves, sources, &targets, dispatches)?;
            }
        }
        Ok(())
    }

    /// From all parts of what they were, so many at a time, to one of what they are.
    fn add_parts(&self, moves: &[&Move<'_>], bound: usize, targets: &[Stretch<'_>], dispatches: &mut Vec<Dispatch>) -> Result<()> {
        let most = most(&self.engine.limits);
        let mut sources: Vec<Vec<Stretch<'_>>> = moves.iter().map(|own| stretches(&own.source, most)).collect();
        // Something has to be bound of a tensor that had no rows, and of one that has fewer parts than others; nothing of it is read.
        let parts = sources.iter().map(Vec::len).max().unwrap_or(0).max(1);
        sources.iter_mut().for_each(|own| own.resize(parts, Stretch { count: 0, ..own.first().copied().unwrap_or(self.index) }));
        for first in (0..parts).step_by(bound) {
            let last = (first + bound).min(parts);
            let sources = sources.iter().map(|own| own[first..last].to_vec()).collect();
            let together = Together { moves, sources, is_all: last - first == parts, targets: targets.to_vec() };
            match together.in_fours() {
                Some(0) => dispatches.push(self.dispatch(&together, MovedAtOnce::Word)?),
                Some(words) if words < together.words() => {
                    dispatches.push(self.dispatch(&together.part(0, words), MovedAtOnce::FourWords)?);
                    dispatches.push(self.dispatch(&together.part(words, together.words()), MovedAtOnce::Word)?);
                }
                Some(_) => dispatches.push(self.dispatch(&together, MovedAtOnce::FourWords)?),
                None => dispatches.push(self.dispatch(&together, MovedAtOnce::Vector)?),
            }
        }
        Ok(())
    }

    fn dispatch(&self, together: &Together<'_>, by: MovedAtOnce) -> Result<Dispatch> {
        let (limits, device) = (&self.engine.limits, &self.engine.device);
        let Together { moves, sources, targets, is_all } = together;
        let parts = sources[0].len();
        let new_rows = moves.iter().map(|own| own.begins.new_rows()).collect();
        let shader = wgsl::rows_changed(limits.division, &Moved { by, new_rows, parts, is_all: *is_all });
        let kernel = self.engine.pipelines.get("rows", shader)?;
        let tasks: Vec<MoveTask> = self.tasks(together).into_iter().map(|task| task.counted(by)).collect();
        let turns = tasks[0].count.div_ceil(by.elements());
        let workgroups = fold(u64::from(turns.div_ceil(MOVED)), limits.workgroups);
        let tasks = upload(device, "wgpu-optim tasks", &tasks)?;
        let values = moves.iter().zip(targets).find_map(|(own, to)| own.values(to));
        let bound = kernel.bind(device, |slot| {
            // Whole elements, with padding of their own; one at least.
            let (stretch, words) = match slot {
                Resource::Task => return tasks.as_entire_binding(),
                Resource::Before(tensor, part) => (sources[tensor][part], by.source()),
                Resource::After(tensor) => (targets[tensor], by.target()),
                Resource::Values => (values.unwrap_or(self.index), by.source()),
                _ => (self.index, 1),
            };
            let count = stretch.count.max(1).next_multiple_of(u64::from(words));
            bound(Stretch { count, ..stretch }, limits.alignment).0
        })?;
        Ok(Dispatch::new(&kernel, bound, workgroups))
    }

    /// For each tensor and each of its parts that are bound, in words.
    fn tasks(&self, together: &Together<'_>) -> Vec<MoveTask> {
        let alignment = self.engine.limits.alignment;
        let at = |stretch: &Stretch<'_>| bound(*stretch, alignment).1;
        let all = together.moves.iter().zip(&together.sources).zip(&together.targets);
        let tasks = all.flat_map(|((own, sources), to)| {
            sources.iter().map(move |from| MoveTask {
                width: own.width,
                rows: self.rows,
                count: to.count as u32,
                first: to.first as u32,
                at: at(to),
                source_first: from.first as u32,
                source_count: from.count as u32,
                source_at: at(from),
                index_at: at(&self.index),
                values_at: own.values(to).map_or(0, |values| at(&values)),
                bits: if own.copies { !FRESH } else { u32::MAX },
            })
        });
        tasks.collect()
    }
}

impl<'a> Move<'a> {
    /// Those that are equal may move together; those that begin as values come last.
    pub(super) fn order(&self) -> (bool, u32) {
        (matches!(self.begins, Begins::Values(_)), self.width)
    }

    /// Whether there are words that come from anywhere.
    pub(super) fn does_anything(&self) -> bool {
        self.target.iter().any(|(_, words)| *words > 0) && (self.has_rows() || self.begins != Begins::Written)
    }

    /// Whether it had words.
    fn has_rows(&self) -> bool {
        self.source.iter().any(|(_, words)| *words > 0)
    }

    /// The values that its new rows begin as, in the place of this part.
    fn values(&self, to: &Stretch<'_>) -> Option<Stretch<'a>> {
        let Begins::Values(values) = self.begins else { return None };
        Some(Stretch { buffer: values.buffer(), offset: values.offset() + 4 * to.first, first: to.first, count: to.count, room: to.count })
    }
}

impl<'a> Together<'a> {
    /// Words of each tensor.
    fn words(&self) -> u64 {
        self.targets[0].count
    }

    /// How many words from the first on can be written by fours; `None` where all is of vectors.
    fn in_fours(&self) -> Option<u64> {
        let is_vectors = |own: &Stretch<'_>| own.offset.is_multiple_of(16) && own.first.is_multiple_of(4) && own.count.is_multiple_of(4);
        let sources = || self.sources.iter().flatten().filter(|own| own.count > 0);
        let mut values = self.moves.iter().zip(&self.targets).filter_map(|(own, to)| own.values(to));
        let has_values = self.moves.iter().any(|own| matches!(own.begins, Begins::Values(_)));
        let are_wide = self.moves.iter().all(|own| own.width.is_multiple_of(4));
        if self.moves.iter().all(|own| own.has_rows())
            && are_wide
            && sources().all(is_vectors)
            && self.targets.iter().all(is_vectors)
            && values.all(|own| is_vectors(&own))
        {
            return None;
        }
        let begin_at_four = self.targets.iter().all(|own| own.offset.is_multiple_of(16));
        let have_room = self.targets.iter().all(|own| own.room >= self.words().next_multiple_of(4));
        Some(match begin_at_four {
            // What follows values is not theirs.
            true if have_room && !has_values => self.words(),
            true => self.words() / 4 * 4,
            false => 0,
        })
    }

    /// These of the words.
    fn part(&self, begin: u64, end: u64) -> Self {
        let part = |own: &Stretch<'a>| own.within(own.first + begin, own.first + end).unwrap_or(*own);
        Together { moves: self.moves, sources: self.sources.clone(), is_all: self.is_all, targets: self.targets.iter().map(part).collect() }
    }
}
