//! What the items of a stage are given of a rule's states and sums: a number of their own, or one that several share.

use crate::rule::{AnyRule, Extent, Extents, Real, Stage, smaller};

/// The states and sums of a rule as a stage sees those of some consecutive items.
pub(super) struct Members<'a, F> {
    /// One slice per state and sum of the rule: of those that each item has a number of. `None` for all others.
    pub(super) own: Vec<Option<&'a mut [F]>>,
    /// Those that several items share.
    pub(super) shared: Vec<Shared<'a, F>>,
}

/// A state or sum of a wider extent than that of the stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shared<'a, F> {
    /// Which member of the rule's state.
    pub(super) member: usize,
    extents: Extents,
    extent: Extent,
    /// All of the tensor's.
    numbers: &'a [F],
}

impl<'a, F: Real> Members<'a, F> {
    /// Those that a stage reads or writes, of all items of a tensor. A state that it does not read is 0 before it.
    pub(super) fn new(rule: &dyn AnyRule, stage: &Stage, extents: Extents, lanes: &'a mut [Vec<F>], totals: &'a [Vec<F>]) -> Self {
        let (mut own, mut shared) = (Vec::new(), Vec::new());
        for (member, (state, lane)) in rule.states().iter().zip(lanes).enumerate() {
            // Only products read and write these.
            if state.extent == Extent::Squares {
                own.push(None);
                continue;
            }
            let reads = stage.reads(state.name);
            let is_used = !lane.is_empty() && (reads || stage.writes(state.name));
            if is_used && !reads {
                lane.fill(F::zero());
            }
            if !is_used || state.extent == stage.over {
                own.push(is_used.then_some(&mut lane[..]));
            } else {
                own.push(None);
                shared.push(Shared { member, extents, extent: state.extent, numbers: &lane[..] });
            }
        }
        for (sum, total) in rule.sums().iter().zip(totals) {
            if !total.is_empty() && stage.reads(sum.name) {
                shared.push(Shared { member: own.len(), extents, extent: sum.extent, numbers: total });
            }
            own.push(None);
        }
        own.resize_with(rule.states().len() + rule.sums().len(), || None);
        Members { own, shared }
    }

    /// Those of the first items, which are then no longer among these.
    pub(super) fn split_off(&mut self, length: usize) -> Self {
        let some = |lane: &mut Option<&'a mut [F]>| lane.as_mut().and_then(|lane| lane.split_off_mut(..length));
        Members { own: self.own.iter_mut().map(some).collect(), shared: self.shared.clone() }
    }
}

impl<F: Real> Shared<'_, F> {
    /// The number of each of so many items from `first` on.
    pub(super) fn of(&self, over: Extent, first: usize, length: usize) -> Vec<F> {
        let mut numbers = vec![F::zero(); length];
        if self.extent == Extent::Axes && over == Extent::Elements {
            self.least_of_axes(first, &mut numbers);
            return numbers;
        }
        for part in self.extents.parts(over, self.extent, first as u64..(first + length) as u64) {
            let items = &mut numbers[part.items];
            match part.each {
                true => items.copy_from_slice(&self.numbers[part.index..part.index + items.len()]),
                false => items.fill(self.numbers[part.index]),
            }
        }
        numbers
    }

    /// Of elements, the least of what their indices have.
    fn least_of_axes(&self, first: usize, numbers: &mut [F]) {
        for part in self.extents.of_axes(first as u64..(first + numbers.len()) as u64) {
            let others = part.others.iter().map(|&index| self.numbers[index]).reduce(smaller);
            let last = part.last.map(|last| &self.numbers[last..]).unwrap_or_default();
            for (number, &own) in numbers[part.items].iter_mut().zip(last) {
                *number = others.map_or(own, |others| smaller(others, own));
            }
        }
    }
}
