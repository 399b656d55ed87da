//! Which rows of a tensor a step updates, on the CPU.

use super::CpuRowMask;
use crate::coalesce::{BAD, Coalesced, coalesce};
use crate::error::{BufferRole, Error, Result};
use crate::rule::{AnyRule, Real};
use crate::step::MaskedRows;

/// A word for each row, 0 where a step leaves the row as it is.
#[derive(Clone, Debug)]
pub(super) struct RowMask<F> {
    rows: MaskedRows,
    words: Vec<u32>,
    /// How many steps have updated each row, where rows count their own.
    pub(super) steps: Vec<F>,
    /// The rows that the gradient is of, where it is row-sparse.
    sparse: Option<Vec<u32>>,
    /// The entries of earlier micro-batches: their rows, and their gradient rows.
    pub(super) entries: (Vec<u32>, Vec<F>),
}

impl<F: Real> RowMask<F> {
    /// Of a tensor of this shape.
    pub(super) fn new(name: &str, shape: &[usize], elements: usize, rule: &dyn AnyRule, mask: CpuRowMask) -> Result<Self> {
        let rows = MaskedRows::masked(name, shape, elements as u64, rule, mask.own_steps)?;
        let steps = if mask.own_steps && elements > 0 { vec![F::zero(); rows.count as usize] } else { Vec::new() };
        let mut own = RowMask { rows, words: Vec::new(), steps, sparse: None, entries: Default::default() };
        own.set(name, mask.words)?;
        Ok(own)
    }

    /// Of a tensor whose gradient is of these rows.
    pub(super) fn sparse(rows: MaskedRows, list: Vec<u32>) -> Self {
        RowMask { rows, words: vec![0; rows.count as usize], steps: Vec::new(), sparse: Some(list), entries: Default::default() }
    }

    /// Fails if the rule, with other hyper-parameters than at first, does not go with it.
    pub(super) fn check(&self, name: &str, rule: &dyn AnyRule) -> Result<()> {
        self.rows.check(name, rule)
    }

    /// Elements of a row.
    pub(super) fn length(&self) -> usize {
        self.rows.length as usize
    }

    /// Whether the gradient is row-sparse.
    pub(super) fn is_sparse(&self) -> bool {
        self.sparse.is_some()
    }

    /// A gradient of these rows from now on; says whether it is row-sparse.
    pub(super) fn list(&mut self, rows: &[u32]) -> bool {
        self.sparse.as_mut().map(|list| *list = rows.to_vec()).is_some()
    }

    /// How many gradients there are, if not one for each element.
    pub(super) fn gradients(&self) -> Option<usize> {
        self.sparse.as_ref().map(|list| list.len() * self.rows.length as usize)
    }

    /// Appends the entries of a row-sparse gradient to those of earlier micro-batches, or begins anew with them.
    pub(super) fn append(&mut self, gradient: &[F], begins: bool) {
        if begins {
            self.entries = Default::default();
        }
        self.entries.0.extend(self.sparse.iter().flatten());
        self.entries.1.extend_from_slice(gradient);
    }

    /// Takes over the entries of earlier micro-batches of a tensor whose rows move by an index: each is for the first row that takes its row's state over, or for none.
    pub(super) fn take_entries(&mut self, old: &RowMask<F>, index: &[u32]) {
        let mut successors = vec![BAD; old.rows.count as usize];
        for (row, &before) in index.iter().enumerate().rev() {
            if let Some(successor) = successors.get_mut(before as usize) {
                *successor = row as u32;
            }
        }
        let now = |row: &u32| successors.get(*row as usize).copied().unwrap_or(BAD);
        self.entries = (old.entries.0.iter().map(now).collect(), old.entries.1.clone());
    }

    /// The gradient of each element, of a row-sparse one with the entries of earlier micro-batches, which are then forgotten, or without. No other row is seen from now on.
    pub(super) fn dense(&mut self, gradient: &[F], with_earlier: bool) -> Vec<F> {
        self.append(gradient, !with_earlier);
        let (list, gradient) = core::mem::take(&mut self.entries);
        let length = self.rows.length as usize;
        let Coalesced { unique, summed, .. } = coalesce(self.rows.count, length, &list, &gradient);
        self.words.fill(0);
        let mut dense = vec![F::zero(); self.words.len() * length];
        for (row, sum) in unique.into_iter().zip(summed.chunks(length)) {
            self.words[row as usize] = 1;
            dense[row as usize * length..][..length].copy_from_slice(sum);
        }
        dense
    }

    /// Other words from now on.
    pub(super) fn set(&mut self, name: &str, words: Vec<u32>) -> Result<()> {
        let (needed, got) = (u64::from(self.rows.count), words.len() as u64);
        if needed != got {
            return Err(Error::Length { param: name.into(), role: BufferRole::RowMask, needed, got });
        }
        self.words = words;
        Ok(())
    }

    /// Whether each row counts its own steps.
    pub(super) fn own_steps(&self) -> bool {
        self.rows.own_steps
    }

    /// The number of the step that the row with this element takes now, if rows count their own.
    pub(super) fn step_of(&self, element: usize) -> Option<u32> {
        self.own_steps().then(|| self.steps[element / self.rows.length as usize].to_value() as u32).map(|steps| steps.saturating_add(1))
    }

    /// Counts a step.
    pub(super) fn count(&mut self) {
        let seen = self.steps.iter_mut().zip(&self.words).filter(|(_, word)| **word != 0);
        seen.for_each(|(steps, _)| *steps = *steps + F::one());
    }

    /// Whether an element is in a row that is seen.
    pub(super) fn sees(&self, element: usize) -> bool {
        self.words[element / self.rows.length as usize] != 0
    }

    /// How many elements from this one on, at most so many, are in rows that are seen as its own is and take the same step, and whether they are seen.
    pub(super) fn run(&self, first: usize, most: usize) -> (usize, bool) {
        let length = self.rows.length as usize;
        let (begin, is_seen) = (first / length, self.sees(first));
        let is_alike = |row: &usize| {
            let counts = is_seen && self.own_steps();
            (self.words[*row] != 0) == is_seen && (!counts || self.steps[*row].to_value() == self.steps[begin].to_value())
        };
        let rows = (begin..self.words.len()).take_while(is_alike).take(most.div_ceil(length) + 1).count();
        ((length * (begin + rows) - first).min(most), is_seen)
    }

    /// Numbers of the tensor's elements, zero where they are not seen.
    pub(super) fn applied(&self, mut numbers: Vec<F>) -> Vec<F> {
        for (row, _) in numbers.chunks_mut(self.rows.length as usize).zip(&self.words).filter(|(_, word)| **word == 0) {
            row.fill(F::zero());
        }
        numbers
    }
}
