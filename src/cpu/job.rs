//! One pass over one tensor: the rule and what surrounds it, cut into pieces for all cores.

use std::sync::{Mutex, PoisonError};

use super::members::Members;
use super::row_mask::RowMask;
use super::tensor::Tensor;
use crate::rule::{AnyRule, Extent, Function, Real, ScheduledMember, Stage, Sweep, clamped};
use crate::step::{Average, Broadcast, Factor};

const CHUNK: usize = crate::program::CHUNK as usize;

/// What one pass does with a tensor.
pub(super) struct Work<'a, F> {
    pub(super) pass: Function,
    pub(super) rule: &'a dyn AnyRule,
    pub(super) assigned: &'a [ScheduledMember],
    /// Of an update that does more than its rule.
    pub(super) extra: Option<Extra<'a, F>>,
}

/// What happens to the elements of a tensor before and after its rule.
#[derive(Clone)]
pub(super) struct Extra<'a, F> {
    pub(super) factor: Factor<F>,
    /// The units' own factors, and how many elements share one.
    pub(super) units: Option<(&'a [Factor<F>], usize)>,
    /// Gradients are clamped to plus and minus this.
    pub(super) limit: Option<F>,
    /// Whether this is the tensor's first step.
    pub(super) first: bool,
    /// How much of the values goes into each average.
    pub(super) weights: Vec<(Average, F)>,
}

/// Elements that a core goes through at least before it looks for more.
pub(super) const PIECE: usize = 8 * CHUNK;

/// Bytes of a line of the caches; a register that lies across two costs two accesses.
const LINE: usize = 64;

/// All of these, on all cores. The caller begins at once, and the others help from when they are awake: that takes as long as a step of
/// 10^5 elements.
pub(super) fn run<'a, F: Real>(elements: usize, jobs: impl Iterator<Item = Job<'a, F>> + Send) {
    let queue = Mutex::new(jobs.flat_map(|job| job.pieces(PIECE)));
    let work = || while run_some(&queue) {};
    let helpers = elements.div_ceil(PIECE).min(rayon::current_num_threads()).saturating_sub(1);
    rayon::in_place_scope(|scope| {
        (0..helpers).for_each(|_| scope.spawn(|_| work()));
        work();
    });
}

/// Takes jobs off a queue, enough for one piece, and runs them; says whether there were any.
fn run_some<'a, F: Real>(queue: &Mutex<impl Iterator<Item = Job<'a, F>>>) -> bool {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut taken, mut elements) = (Vec::new(), 0);
    while elements < PIECE
        && let Some(job) = queue.next()
    {
        elements += job.values.len();
        taken.push(job);
    }
    drop(queue);
    let is_some = !taken.is_empty();
    taken.into_iter().for_each(Job::run);
    is_some
}

/// The work on some elements of a tensor.
pub(super) struct Job<'a, F> {
    work: &'a Work<'a, F>,
    scalars: &'a [F],
    scales: Option<&'a (Vec<F>, Broadcast)>,
    first: usize,
    gradients: &'a [F],
    values: &'a mut [F],
    members: Members<'a, F>,
    averages: Vec<Option<&'a mut [F]>>,
    mask: Option<&'a RowMask<F>>,
}

impl<'a, F: Real> Job<'a, F> {
    /// All of a tensor's. Gradients may be empty if the pass reads none.
    pub(super) fn new(work: &'a Work<'a, F>, tensor: &'a mut Tensor<F>, values: &'a mut [F], gradients: &'a [F]) -> Self {
        let Tensor { scalars, lanes, averages, scales, extents, totals, mask, .. } = tensor;
        let last = work.rule.stages().last().filter(|_| work.pass == Function::Update);
        let members = Members::new(work.rule, last.unwrap_or(&Stage::UPDATE), *extents, lanes, totals);
        let averages = averages.iter_mut().map(|lane| (!lane.is_empty()).then_some(&mut lane[..])).collect();
        Job { work, scalars, scales: scales.as_ref(), first: 0, gradients, values, members, averages, mask: mask.as_ref() }
    }

    /// Cuts it into pieces of so many elements, the first a little longer: the others' values then begin with a line of the caches, and so
    /// do the other slices if the allocator has mapped large ones alike.
    pub(super) fn pieces(mut self, length: usize) -> impl Iterator<Item = Job<'a, F>> {
        core::iter::from_fn(move || {
            // Where no element begins with a line, the answer is no number of elements.
            let head = Some(self.values.as_ptr().align_offset(LINE)).filter(|&head| head < LINE).unwrap_or_default();
            (!self.values.is_empty()).then(|| self.split_off((length + head).min(self.values.len())))
        })
    }

    fn split_off(&mut self, length: usize) -> Self {
        let some = |lane: &mut Option<&'a mut [F]>| lane.as_mut().and_then(|lane| lane.split_off_mut(..length));
        let first = self.first;
        self.first += length;
        Job {
            first,
            gradients: self.gradients.split_off(..length.min(self.gradients.len())).unwrap_or_default(),
            values: self.values.split_off_mut(..length).unwrap_or_default(),
            members: self.members.split_off(length),
            averages: self.averages.iter_mut().map(some).collect(),
            ..*self
        }
    }

    pub(super) fn run(mut self) {
        let scalars = self.scalars;
        let Some(mask) = self.mask else { return self.run_seen(scalars) };
        while !self.values.is_empty() {
            let (length, is_seen) = mask.run(self.first, self.values.len());
            let step = mask.step_of(self.first).filter(|_| is_seen);
            let own = step.map(|step| F::twin(self.work.rule).prepare(self.work.assigned, step, scalars));
            let run = self.split_off(length);
            match is_seen {
                true => run.run_seen(own.as_deref().unwrap_or(scalars)),
                false if mask.is_sparse() => run.bring_averages_on(),
                false => run.begin_averages(),
            }
        }
    }

    /// Averages begin with their values, also of rows that are not seen.
    fn begin_averages(self) {
        let Some(extra) = &self.work.extra else { return };
        for ((average, weight), lane) in extra.weights.iter().zip(self.averages) {
            let begins = if matches!(average, Average::Lookahead(_)) { extra.first } else { weight.to_value() == 1.0 };
            if let Some(lane) = lane.filter(|_| begins) {
                lane.copy_from_slice(self.values);
            }
        }
    }

    /// Averages of rows that a row-sparse gradient has nothing for follow their values, which the rule leaves as they are.
    fn bring_averages_on(mut self) {
        let Some(extra) = &self.work.extra else { return };
        let before = self.values.to_vec();
        for ((average, weight), lane) in extra.weights.iter().zip(&mut self.averages) {
            let Some(lane) = lane else { continue };
            extra.average(average, *weight, &before, self.values, lane);
        }
    }

    /// With these scalars, since rows may have their own.
    fn run_seen(mut self, scalars: &[F]) {
        match &self.work.extra {
            Some(extra) => self.pieces(CHUNK).for_each(|chunk| chunk.run_with(extra, scalars)),
            None if self.members.shared.is_empty() => self.sweep(None, scalars),
            None => self.pieces(CHUNK).for_each(|mut chunk| chunk.sweep(None, scalars)),
        }
    }

    /// The rule's own part, with these gradients instead of the job's.
    fn sweep(&mut self, gradients: Option<&[F]>, scalars: &[F]) {
        let Work { pass, rule, assigned, .. } = *self.work;
        let own = self.members.own.iter_mut().map(Option::as_deref_mut);
        let mut lanes: Vec<Option<&mut [F]>> = own.collect();
        let shared = &self.members.shared;
        let mut spread: Vec<Vec<F>> = shared.iter().map(|shared| shared.of(Extent::Elements, self.first, self.values.len())).collect();
        shared.iter().zip(&mut spread).for_each(|(shared, numbers)| lanes[shared.member] = Some(numbers));
        let sweep = Sweep { gradients: gradients.unwrap_or(self.gradients), values: self.values, lanes };
        F::twin(rule).sweep(pass, assigned, scalars, sweep);
    }

    /// A chunk, in the nearest cache from the first pass over it to the last.
    fn run_with(mut self, extra: &Extra<'_, F>, scalars: &[F]) {
        let gradients = self.work.gradients(self.first, self.gradients);
        let before = self.values.to_vec();
        self.sweep(Some(&gradients), scalars);
        if let Some((scales, broadcast)) = self.scales {
            for (i, (p, &before)) in self.values.iter_mut().zip(&before).enumerate() {
                let change = *p - before;
                // An infinite value that stays is as it was.
                if !change.is_nan() {
                    *p = before + scales[broadcast.index(self.first + i)] * change;
                }
            }
        }
        for ((average, weight), lane) in extra.weights.iter().zip(&mut self.averages) {
            let Some(lane) = lane else { continue };
            extra.average(average, *weight, &before, self.values, lane);
        }
    }
}

impl<F: Real> Work<'_, F> {
    /// The gradients that the rule sees, of elements from `first` on.
    pub(super) fn gradients(&self, first: usize, gradients: &[F]) -> Vec<F> {
        match &self.extra {
            Some(extra) => gradients.iter().enumerate().map(|(i, &g)| extra.limited(first + i, g)).collect(),
            None => gradients.to_vec(),
        }
    }
}

impl<F: Real> Extra<'_, F> {
    /// The gradient that the rule sees.
    fn limited(&self, element: usize, gradient: F) -> F {
        let factor = self.units.map_or(&self.factor, |(factors, length)| &factors[element / length]);
        let g = factor.times(gradient);
        match self.limit {
            Some(limit) => clamped(g, -limit, limit),
            None => g,
        }
    }

    fn average(&self, average: &Average, weight: F, before: &[F], values: &mut [F], lane: &mut [F]) {
        let is_lookahead = matches!(average, Average::Lookahead(_));
        if is_lookahead && self.first {
            lane.copy_from_slice(before);
        }
        if weight == F::zero() {
            return;
        }
        for (average, p) in lane.iter_mut().zip(values) {
            *average = crate::rule::moving_average(*average, *p, F::one() - weight, weight);
            if is_lookahead {
                *p = *average;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PIECE;
    use crate::cpu::{CpuOptimizer, CpuParam};
    use crate::{Adam, Group, Lookahead, Options, Result};

    /// Long enough for several pieces and cores, and no multiple of anything.
    const LEN: usize = 5 * PIECE + 1003;

    fn numbers(seed: usize) -> Vec<f32> {
        (0..LEN).map(|i| ((i * 7919 + seed) % 10_007) as f32 / 5000.0 - 1.0001).collect()
    }

    #[test]
    fn pieces_are_what_elements_one_by_one_are() -> Result<()> {
        let gradient = numbers(1);
        for lookahead in [None, Some(Lookahead { every: 2, ..Lookahead::default() })] {
            let (mut whole, mut parts) = (numbers(2), numbers(2));
            let names = gradient.chunks(97).enumerate().map(|(index, part)| CpuParam::from((&*index.to_string(), part.len())));
            let options = Options { lookahead, ..Options::default() };
            let mut one = CpuOptimizer::<f32>::with_options([Group::new(Adam::default(), [CpuParam::from(("w", LEN))])], options)?;
            let mut many = CpuOptimizer::<f32>::with_options([Group::new(Adam::default(), names)], options)?;
            for _ in 0..3 {
                one.step(&mut [&mut whole], &[Some(&gradient)])?;
                let gradients: Vec<Option<&[f32]>> = gradient.chunks(97).map(Some).collect();
                many.step(&mut parts.chunks_mut(97).collect::<Vec<_>>(), &gradients)?;
            }
            assert!(whole.iter().zip(&numbers(2)).all(|(after, before)| after != before), "an element was not updated");
            assert_eq!(whole, parts);
        }
        Ok(())
    }
}
