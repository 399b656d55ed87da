//! The dispatches of products with squares of axes, and the scratch memory that they share.

use super::jacobi::Shares;
use super::kernels::{Slot, Step};
use super::plan::{Matrix, Named, Needs, Roots, Round};
use super::tiles::{Shape, panels, renewals, sweeps, tiles};
use crate::error::Result;
use crate::gpu::{Dispatch, Pipelines, fold, limits, table, whole};
use crate::products::{Blocks, Tile};
use crate::rule::Product;

/// What is between squares and what is made of them: all of it is written before it is read, in each product of each step.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    elements: wgpu::Buffer,
    work: wgpu::Buffer,
    change: wgpu::Buffer,
}

impl Scratch {
    /// As much as the largest round needs.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`](crate::Error::Limit): it does not fit in a binding. [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub(crate) fn new(device: &wgpu::Device, needs: Needs) -> Result<Self> {
        let buffer = |what, numbers: u64| whole(device, what, 4 * numbers);
        Ok(Scratch {
            elements: buffer("a tensor that is turned", needs.elements)?,
            work: buffer("the work on squares of axes", needs.work)?,
            change: buffer("changes of bases", needs.change)?,
        })
    }
}

/// What dispatches are made with.
pub(crate) struct Maker<'a, P, S> {
    pub(crate) pipelines: &'a Pipelines,
    pub(crate) blocks: Blocks,
    /// How work that is no product is shared.
    pub(crate) shares: Shares,
    pub(crate) record: &'a wgpu::Buffer,
    /// What is bound of the page of a set.
    pub(crate) page: P,
    /// The buffer of squares of this number.
    pub(crate) squares: S,
    pub(crate) scratch: &'a Scratch,
}

/// Where a dispatch reads and writes.
#[derive(Clone, Copy, Default)]
struct Bound {
    /// Whether the elements that are read, and what is written, are scratch memory.
    source_is_scratch: bool,
    target: Target,
    /// Whether the squares that are read are changes of bases.
    squares_are_changes: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Target {
    #[default]
    Squares,
    Page,
    Elements,
    Change,
}

impl<'a, P: Fn(usize) -> wgpu::BindingResource<'a>, S: Fn(usize) -> wgpu::BindingResource<'a>> Maker<'a, P, S> {
    /// A product for a round: the dispatches of one list need those of the one before.
    ///
    /// # Errors
    ///
    /// A table that does not fit in a binding, and what the device refuses.
    pub(crate) fn product(&self, round: &Round) -> Result<Vec<Vec<Dispatch>>> {
        let named = |square, into| Named { squares: [square, into] };
        match round.product {
            Product::Gram { .. } => {
                let matrices = round.matrices(named(0, 0));
                let tiles = tiles(&matrices, Shape::Symmetric, &self.blocks);
                Ok(vec![self.dispatch(Step::Gram, round, &matrices, &tiles, Bound::default())?])
            }
            Product::Root { .. } => self.roots(round, named(0, 1)),
            Product::Basis { .. } => {
                let matrices = round.matrices(named(0, 1));
                let sweeps = sweeps(&matrices, self.shares);
                let sweep = |tiles: &Vec<Tile>| self.dispatch(Step::Sweep, round, &matrices, tiles, Bound::default());
                let mut lists = sweeps.iter().map(sweep).collect::<Result<Vec<_>>>()?;
                lists.push(self.store(round, &matrices)?);
                Ok(lists)
            }
            Product::Turn { back, .. } => self.turns(Step::Turn, round, &round.turns(0, named(0, 0), back, false), false),
            Product::Renew { .. } => self.renew(round, named(0, 1)),
        }
    }

    fn roots(&self, round: &Round, named: Named) -> Result<Vec<Vec<Dispatch>>> {
        let Roots { lengths, lifted, multiplied, stored } = round.roots(named);
        let list = |step, matrices: &[Matrix], tiles: &[Tile]| self.dispatch(step, round, matrices, tiles, Bound::default());
        let mut lists = vec![
            list(Step::Lengths, &lengths, &panels(&lengths, self.shares.panel))?,
            list(Step::Lifted, &lifted, &tiles(&lifted, Shape::Square, &self.blocks))?,
        ];
        for matrices in &multiplied {
            lists.push(list(Step::Multiply, matrices, &tiles(matrices, Shape::Symmetric, &self.blocks))?);
        }
        lists.push(list(Step::StoreRoot, &stored, &tiles(&stored, Shape::Square, &self.blocks))?);
        Ok(lists)
    }

    fn store(&self, round: &Round, matrices: &[Matrix]) -> Result<Vec<Dispatch>> {
        self.dispatch(Step::Store, round, matrices, &tiles(matrices, Shape::Square, &self.blocks), Bound::default())
    }

    fn renew(&self, round: &Round, named: Named) -> Result<Vec<Vec<Dispatch>>> {
        let matrices = round.matrices(named);
        let squares = tiles(&matrices, Shape::Square, &self.blocks);
        let to_change = Bound { target: Target::Change, ..Bound::default() };
        let columns = panels(&matrices, self.shares.panel);
        let mut lists = vec![
            self.dispatch(Step::Estimate, round, &matrices, &squares, Bound::default())?,
            self.dispatch(Step::Diagonals, round, &matrices, &columns, Bound::default())?,
            self.dispatch(Step::Placed, round, &matrices, &columns, Bound::default())?,
        ];
        for tiles in renewals(&matrices, self.shares.panel) {
            lists.push(self.dispatch(Step::Renew, round, &matrices, &tiles, Bound::default())?);
        }
        lists.push(self.dispatch(Step::Change, round, &matrices, &squares, to_change)?);
        lists.push(self.store(round, &matrices)?);
        lists.extend(self.turns(Step::Turn, round, &round.turns(0, named, true, true), true)?);
        lists.extend(self.turns(Step::Permute, round, &round.turns(1, named, false, false), false)?);
        Ok(lists)
    }

    /// Turns of a state of elements, from its lane into scratch memory and back.
    fn turns(&self, step: Step, round: &Round, turns: &[Vec<Matrix>], squares_are_changes: bool) -> Result<Vec<Vec<Dispatch>>> {
        let turn = |(number, matrices): (usize, &Vec<Matrix>)| {
            let target = if number.is_multiple_of(2) { Target::Elements } else { Target::Page };
            let bound = Bound { source_is_scratch: !number.is_multiple_of(2), target, squares_are_changes };
            self.dispatch(step, round, matrices, &tiles(matrices, Shape::Elements, &self.blocks), bound)
        };
        turns.iter().enumerate().map(turn).collect()
    }

    /// One dispatch.
    fn dispatch(&self, step: Step, round: &Round, matrices: &[Matrix], tiles: &[Tile], bound: Bound) -> Result<Vec<Dispatch>> {
        let (Some(first), false) = (round.tensors.first(), tiles.is_empty()) else { return Ok(Vec::new()) };
        let device = self.pipelines.device();
        let kernel = self.pipelines.get(step.name(), step.shader(&self.blocks, self.shares))?;
        let (table_of_tiles, table_of_matrices) =
            (table(device, "the table of tiles", tiles)?, table(device, "the table of squares", matrices)?);
        let Scratch { elements, work, change } = self.scratch;
        let resources = kernel.bind(device, |slot| match slot {
            Slot::Tiles => table_of_tiles.as_entire_binding(),
            Slot::Matrices => table_of_matrices.as_entire_binding(),
            Slot::Record => self.record.as_entire_binding(),
            Slot::Source if bound.source_is_scratch => elements.as_entire_binding(),
            Slot::Source => (self.page)(first.set),
            Slot::Squares if bound.squares_are_changes => change.as_entire_binding(),
            Slot::Squares => (self.squares)(first.buffer),
            Slot::Work | Slot::Vectors => work.as_entire_binding(),
            Slot::Target => match bound.target {
                Target::Squares => (self.squares)(first.buffer),
                Target::Page => (self.page)(first.set),
                Target::Elements => elements.as_entire_binding(),
                Target::Change => change.as_entire_binding(),
            },
        })?;
        let workgroups = fold(tiles.len() as u64, limits(device).workgroups);
        Ok(vec![Dispatch::new(&kernel, resources, workgroups)])
    }
}
