//! The stages of rules before the last: over all tensors, one stage after another, with the sums between.

use std::collections::HashMap;

use rayon::prelude::*;

use super::job::{PIECE, Work};
use super::members::Members;
use super::sums::{Sums, Total};
use super::tensor::Tensor;
use crate::products::SquareWork;
use crate::rule::{AnyRule, Extent, Extents, Function, Product, Real, Stage, SumField, Sweep};

/// Pieces that are under way at once. What each adds to columns is kept until all of them are done.
const PIECES: usize = 64;

/// Items that a piece goes through at a time: what they share is spread out for them, in the nearest cache.
const ITEMS: usize = crate::program::CHUNK as usize;

/// Runs the stage of this number of the rules that have more, over elements or over rows and columns, for the tensors that have gradients; `works` are
/// those of the last stage. The sums are in the tensors then.
pub(super) fn run<F: Real>(
    (index, over_elements): (usize, bool),
    tensors: &mut [Tensor<F>],
    values: &[&mut [F]],
    gradients: &[Option<&[F]>],
    works: &[Work<'_, F>],
) {
    let runs = |at: usize| {
        let (tensor, rule) = (&tensors[at], works[at].rule);
        let runs = rule.runs_before_update(index, tensor.extents.is_matrix);
        runs && (rule.stages()[index].over == Extent::Elements) == over_elements && gradients[at].is_some()
    };
    let running: Vec<bool> = (0..tensors.len()).map(runs).collect();
    let formed = form(index, tensors, values, gradients, works, &running);
    keep(index, tensors, works, &formed);
    for (at, tensor) in tensors.iter_mut().enumerate().filter(|(at, tensor)| running[*at] && !tensor.stored.is_plain()) {
        tensor.store(works[at].rule, &works[at].rule.stages()[index]);
    }
}

/// What a tensor's elements, rows or columns added up to, by the sum's number.
type Formed = Vec<(usize, Vec<Total>)>;

/// Runs a stage and adds up its sums, for each tensor that runs it.
fn form<F: Real>(
    index: usize,
    tensors: &mut [Tensor<F>],
    values: &[&mut [F]],
    gradients: &[Option<&[F]>],
    works: &[Work<'_, F>],
    running: &[bool],
) -> Vec<Formed> {
    let room = |(at, tensor): (usize, &Tensor<F>)| {
        let room = |(number, sum): (usize, &SumField)| (number, vec![Total::default(); tensor.extents.count(sum.extent) as usize]);
        let rule = works[at].rule;
        if running[at] { formed_by(rule, &rule.stages()[index], tensor.extents.is_matrix).map(room).collect() } else { Vec::new() }
    };
    let mut formed: Vec<Formed> = tensors.iter().enumerate().map(room).collect();
    let own = tensors.iter_mut().enumerate().filter(|(at, _)| running[*at]);
    let mut pieces =
        own.flat_map(|(at, tensor)| Piece::all(at, index, &works[at], tensor, &*values[at], gradients[at].unwrap_or_default()));
    loop {
        let some: Vec<Piece<'_, F>> = pieces.by_ref().take(PIECES).collect();
        if some.is_empty() {
            break;
        }
        let added: Vec<(usize, Vec<Sums>)> = some.into_par_iter().map(|piece| (piece.tensor, piece.run())).collect();
        for (at, sums) in added {
            sums.iter().zip(&mut formed[at]).for_each(|(sums, (_, all))| sums.add_to(all));
        }
    }
    drop(pieces);
    formed
}

/// The sums that a stage forms for such a tensor, with their numbers.
fn formed_by(rule: &dyn AnyRule, stage: &Stage, is_matrix: bool) -> impl Iterator<Item = (usize, &'static SumField)> {
    let sums = rule.sums().iter().enumerate();
    sums.filter(move |(_, sum)| stage.forms(sum.name) && rule.uses_for(sum.name, is_matrix))
}

/// Gives each tensor its sums, and those of its group and of all.
fn keep<F: Real>(index: usize, tensors: &mut [Tensor<F>], works: &[Work<'_, F>], formed: &[Formed]) {
    let counts: Vec<u64> = tensors.iter().zip(works).map(|(tensor, work)| tensor.extents.count(over(work.rule, index))).collect();
    let together = together(tensors, works, formed, &counts);
    for (at, tensor) in tensors.iter_mut().enumerate() {
        for (number, totals) in &formed[at] {
            let sum = &works[at].rule.sums()[*number];
            let whole = sharing(at, tensor.group, sum.extent, works).and_then(|key| together.get(&(sum.extent, key, *number)));
            let count = counts[at] / tensor.extents.count(sum.extent).max(1);
            tensor.totals[*number] = match whole {
                Some(&(total, count)) => vec![total.number(sum.form, count)],
                None => totals.iter().map(|total| total.number(sum.form, count)).collect(),
            };
        }
    }
}

/// The totals of several tensors, and how many numbers are in each, by extent, who shares it, and the sum's number.
type Together = HashMap<(Extent, usize, usize), (Total, u64)>;

/// What tensors of a group, and all tensors of a rule, have together.
fn together<F: Real>(tensors: &[Tensor<F>], works: &[Work<'_, F>], formed: &[Formed], counts: &[u64]) -> Together {
    let mut together = Together::new();
    for (at, own) in formed.iter().enumerate() {
        for (number, totals) in own {
            let SumField { extent, form, .. } = works[at].rule.sums()[*number];
            let (Some(key), [own]) = (sharing(at, tensors[at].group, extent, works), &totals[..]) else { continue };
            let (total, count) = together.entry((extent, key, *number)).or_default();
            (*total, *count) = (total.with(form, *own), *count + counts[at]);
        }
    }
    together
}

/// A number for those who share a sum of this extent: the group's, or that of the first tensor with this rule.
fn sharing<F: Real>(at: usize, group: usize, extent: Extent, works: &[Work<'_, F>]) -> Option<usize> {
    match extent {
        Extent::Group => Some(group),
        Extent::All => works.iter().position(|work| work.rule.is_like(works[at].rule)),
        _ => None,
    }
}

/// What a stage runs over.
fn over(rule: &dyn AnyRule, index: usize) -> Extent {
    rule.stages().get(index).map_or(Extent::Elements, |stage| stage.over)
}

impl<F: Real> Tensor<F> {
    /// One product with its squares, if it happens in this step.
    pub(super) fn multiply(&mut self, rule: &dyn AnyRule, product: &Product) {
        let scalar = |name: &str| {
            let number = rule.scalar_fields().iter().position(|known| *known == name);
            number.and_then(|number| self.scalars.get(number)).map_or(0.0, |scalar| scalar.to_value())
        };
        if product.when().is_some_and(|when| scalar(when) <= 0.0) {
            return;
        }
        let numbers: Vec<f64> = product.scalars().into_iter().map(scalar).collect();
        let of = |name: &str| rule.states().iter().position(|state| state.name == name).unwrap_or_default();
        let places: Vec<usize> = product.states().into_iter().map(of).collect();
        let mut lanes: Vec<Vec<F>> = places.iter().map(|&place| core::mem::take(&mut self.lanes[place])).collect();
        F::multiply(&SquareWork { product: *product, squares: self.extents.squares().collect(), numbers }, &mut lanes);
        places.iter().zip(lanes).for_each(|(&place, lane)| self.lanes[place] = lane);
    }

    /// The scalars that follow from the sums of a stage.
    pub(super) fn resume(&mut self, index: usize, work: &Work<'_, F>) {
        if !work.rule.stages()[index].resumes || !work.rule.runs(index, self.extents.is_matrix) {
            return;
        }
        let whole = |(sum, total): (&SumField, &Vec<F>)| match total[..] {
            [number] if sum.extent.is_whole() => number,
            _ => F::zero(),
        };
        let states = work.rule.states().iter().map(|_| F::zero());
        let sums: Vec<F> = states.chain(work.rule.sums().iter().zip(&self.totals).map(whole)).collect();
        self.scalars = F::twin(work.rule).resume(index, work.assigned, &self.scalars, &sums);
    }
}

/// A stage over some consecutive items of a tensor.
struct Piece<'a, F> {
    tensor: usize,
    index: usize,
    work: &'a Work<'a, F>,
    extents: &'a Extents,
    scalars: &'a [F],
    /// All of the tensor's.
    gradients: &'a [F],
    values: &'a [F],
    members: Members<'a, F>,
    first: usize,
    length: usize,
}

impl<'a, F: Real> Piece<'a, F> {
    /// All of a tensor's, of fixed lengths, so that sums are always formed alike.
    fn all(
        at: usize,
        index: usize,
        work: &'a Work<'a, F>,
        tensor: &'a mut Tensor<F>,
        values: &'a [F],
        gradients: &'a [F],
    ) -> impl Iterator<Item = Self> {
        let Tensor { scalars, lanes, totals, extents, .. } = tensor;
        let stage = &work.rule.stages()[index];
        let count = extents.count(stage.over) as usize;
        let members = Members::new(work.rule, stage, *extents, lanes, totals);
        let mut rest = Piece { tensor: at, index, work, extents, scalars, gradients, values, members, first: 0, length: count };
        core::iter::from_fn(move || (rest.length > 0).then(|| rest.split_off()))
    }

    /// The first ones, of whole rows or of a part of one: those have few columns, or share them with others of the piece.
    fn split_off(&mut self) -> Self {
        let width = if self.stage().over == Extent::Elements { self.extents.width() as usize } else { 1 };
        let most = if width < PIECE { PIECE / width * width } else { PIECE.min(width - self.first % width) };
        let length = most.min(self.length);
        let piece = Piece { members: self.members.split_off(length), length, ..*self };
        self.first += length;
        self.length -= length;
        piece
    }

    fn stage(&self) -> &'static Stage {
        &self.work.rule.stages()[self.index]
    }

    /// Runs the stage over these, and adds up what they add to each of its sums.
    fn run(mut self) -> Vec<Sums> {
        let (stage, rule) = (self.stage(), self.work.rule);
        let formed: Vec<(usize, &SumField)> = formed_by(rule, stage, self.extents.is_matrix).collect();
        let items = self.first as u64..(self.first + self.length) as u64;
        let mut sums: Vec<Sums> = formed.iter().map(|(_, sum)| Sums::new(*self.extents, stage.over, sum, items.clone())).collect();
        while self.length > 0 {
            let length = ITEMS.min(self.length);
            let added = self.run_some(stage, length, &formed);
            for (sums, added) in sums.iter_mut().zip(&added) {
                sums.add(self.first, added);
            }
            self.first += length;
            self.length -= length;
        }
        sums
    }

    /// Runs the stage over the next items, which are then done. What each adds to each sum.
    fn run_some(&mut self, stage: &Stage, length: usize, formed: &[(usize, &SumField)]) -> Vec<Vec<F>> {
        let (rule, items) = (self.work.rule, self.first..self.first + length);
        let Members { own: mut lanes, shared } = self.members.split_off(length);
        let mut spread: Vec<Vec<F>> = shared.iter().map(|shared| shared.of(stage.over, self.first, length)).collect();
        let mut added = vec![vec![F::zero(); length]; formed.len()];
        let shared = shared.iter().map(|shared| shared.member).zip(&mut spread);
        let formed = formed.iter().map(|(number, _)| rule.states().len() + number).zip(&mut added);
        shared.chain(formed).for_each(|(member, numbers)| lanes[member] = Some(numbers));
        let gradients = if stage.gradient { self.work.gradients(self.first, &self.gradients[items.clone()]) } else { Vec::new() };
        let mut values = if stage.value { self.values[items].to_vec() } else { vec![F::zero(); length] };
        let sweep = Sweep { gradients: &gradients, values: &mut values, lanes };
        F::twin(rule).sweep(Function::Stage(self.index), self.work.assigned, self.scalars, sweep);
        added
    }
}
