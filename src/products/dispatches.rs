//! `Products`: the dispatches that orthogonalize the matrices of all rounds, and the scratch memory that these share.

use super::{Blocks, Precision, Round, Slot, Step};
use crate::error::Result;
use crate::gpu::{Dispatch, Pipelines, Recorder, fold, limits, table, whole};

/// What is between a matrix and its orthogonalized form: all of it is written before it is read, in each round of each step.
#[derive(Clone, Debug)]
pub struct Scratch {
    /// X before and after an iteration, in turns.
    pub x: [wgpu::Buffer; 2],
    /// A.
    pub gram: wgpu::Buffer,
    /// B.
    pub polynomial: wgpu::Buffer,
}

/// Everything that is recorded, made once.
#[derive(Clone, Debug)]
pub struct Products {
    /// What each list of dispatches does; a list needs the one before.
    lists: Vec<(Step, Vec<Dispatch>)>,
    scratch: Scratch,
}

/// What a list of dispatches binds: which X is read, in what it is kept, which coefficients there are, and whose lanes.
#[derive(Clone, Copy)]
struct Turn<'a> {
    side: usize,
    precision: Precision,
    coefficients: &'a wgpu::Buffer,
    set: Option<usize>,
}

/// Which tiles a dispatch goes over.
struct Tiles {
    table: wgpu::Buffer,
    count: u64,
}

/// What dispatches are made with.
struct Maker<'a, L> {
    pipelines: &'a Pipelines,
    blocks: Blocks,
    record: &'a wgpu::Buffer,
    lanes: L,
    scratch: Scratch,
}

impl Products {
    /// For these rounds, one after another. `record` is the step record, and `lanes` what is bound of the lanes of a set.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`](crate::Error::Limit): scratch memory or a table does not fit in a binding. [`Error::OutOfMemory`](crate::Error::OutOfMemory),
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn new<'a>(
        pipelines: &'a Pipelines,
        rounds: &[Round],
        blocks: Blocks,
        record: &'a wgpu::Buffer,
        lanes: impl Fn(usize) -> wgpu::BindingResource<'a>,
    ) -> Result<Self> {
        let scratch = Scratch::new(pipelines.device(), rounds)?;
        let maker = Maker { pipelines, blocks, record, lanes, scratch };
        let mut lists = Vec::new();
        for round in rounds.iter().filter(|round| !round.matrices.is_empty()) {
            lists.extend(maker.round(round)?);
        }
        Ok(Products { lists, scratch: maker.scratch })
    }

    /// Records all of it.
    pub fn record_in(&self, pass: &mut wgpu::ComputePass<'_>) {
        self.lists.iter().flat_map(|(_, dispatches)| dispatches).for_each(|dispatch| pass.record(dispatch));
    }

    /// Records what does one step only.
    pub fn record_step_in(&self, pass: &mut wgpu::ComputePass<'_>, step: Step) {
        let own = self.lists.iter().filter(|(own, _)| *own == step);
        own.flat_map(|(_, dispatches)| dispatches).for_each(|dispatch| pass.record(dispatch));
    }

    /// The dispatches: those of one list need those of the one before.
    pub(crate) fn into_dispatches(self) -> Vec<Vec<Dispatch>> {
        self.lists.into_iter().map(|(_, dispatches)| dispatches).collect()
    }

    /// The scratch memory.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}

impl Scratch {
    /// As much as the largest round needs, each in its own precision.
    fn new(device: &wgpu::Device, rounds: &[Round]) -> Result<Self> {
        let bytes = |vectors: fn(&Round) -> u64| move |round: &Round| round.precision.vector_bytes(vectors(round));
        let most = |vectors: fn(&Round) -> u64| rounds.iter().map(bytes(vectors)).max().unwrap_or_default();
        let twice = rounds.iter().any(|round| round.iterations() > 1);
        let (x, square) = (most(|round| round.vectors), most(|round| round.square_vectors));
        let buffer = |what, bytes| whole(device, what, bytes);
        let first = buffer("a matrix to orthogonalize", x)?;
        let second = if twice { buffer("a matrix to orthogonalize", x)? } else { first.clone() };
        let [gram, polynomial] = [buffer("a matrix times its transpose", square)?, buffer("a polynomial of a matrix", square)?];
        Ok(Scratch { x: [first, second], gram, polynomial })
    }
}

impl<'a, L: Fn(usize) -> wgpu::BindingResource<'a>> Maker<'a, L> {
    /// All of a round.
    fn round(&self, round: &Round) -> Result<Vec<(Step, Vec<Dispatch>)>> {
        let device = self.pipelines.device();
        let matrices = table(device, "the table of matrices", &round.matrices)?;
        let coefficients = |number| table(device, "the coefficients of an iteration", &round.iteration(number));
        let coefficients = (0..round.iterations()).map(coefficients).collect::<Result<Vec<_>>>()?;
        let Some(first) = coefficients.first() else { return Ok(Vec::new()) };
        let mut sets = round.sets.clone();
        sets.sort_unstable();
        sets.dedup();
        // Those of A are those of B, whatever the iteration; those of a set are those of its first step and its last.
        let (squares, rectangles) = (self.tiles(Step::Gram, round, None)?, self.tiles(Step::Apply, round, None)?);
        let of_sets = sets.iter().map(|&set| Ok((set, self.tiles(Step::Finish, round, Some(set))?))).collect::<Result<Vec<_>>>()?;
        let (mut lists, precision) = (Vec::new(), round.precision);
        // One after another, since all of them write X.
        for (set, tiles) in &of_sets {
            lists.push(self.list(Step::Load, &matrices, tiles, Turn { side: 1, precision, coefficients: first, set: Some(*set) })?);
        }
        for (number, coefficients) in coefficients.iter().enumerate() {
            let turn = Turn { side: number % 2, precision, coefficients, set: None };
            lists.push(self.list(Step::Gram, &matrices, &squares, turn)?);
            lists.push(self.list(Step::Square, &matrices, &squares, turn)?);
            match number + 1 < round.iterations() {
                true => lists.push(self.list(Step::Apply, &matrices, &rectangles, turn)?),
                false => {
                    let finish =
                        |(set, tiles): &(usize, Tiles)| Ok(self.list(Step::Finish, &matrices, tiles, Turn { set: Some(*set), ..turn })?.1);
                    let all = of_sets.iter().map(finish).collect::<Result<Vec<_>>>()?;
                    lists.push((Step::Finish, all.concat()));
                }
            }
        }
        Ok(lists)
    }

    /// The tiles of a step, of the matrices of a set or of all.
    fn tiles(&self, step: Step, round: &Round, set: Option<usize>) -> Result<Tiles> {
        let tiles = round.tiles(step, set, &self.blocks);
        Ok(Tiles { table: table(self.pipelines.device(), "the table of tiles", &tiles)?, count: tiles.len() as u64 })
    }

    /// One dispatch.
    fn list(&self, step: Step, matrices: &wgpu::Buffer, tiles: &Tiles, turn: Turn<'_>) -> Result<(Step, Vec<Dispatch>)> {
        let device = self.pipelines.device();
        let kernel = self.pipelines.get(step.name(turn.precision), step.shader(&self.blocks, turn.precision))?;
        let bound = kernel.bind(device, |slot| match slot {
            Slot::Tiles => tiles.table.as_entire_binding(),
            Slot::Matrices => matrices.as_entire_binding(),
            Slot::Coefficients => turn.coefficients.as_entire_binding(),
            Slot::Record => self.record.as_entire_binding(),
            Slot::Lane => (self.lanes)(turn.set.unwrap_or_default()),
            Slot::X => self.scratch.x[turn.side].as_entire_binding(),
            Slot::XAfter => self.scratch.x[1 - turn.side].as_entire_binding(),
            Slot::Gram => self.scratch.gram.as_entire_binding(),
            Slot::Polynomial => self.scratch.polynomial.as_entire_binding(),
            Slot::Squares if step == Step::Gram => self.scratch.gram.as_entire_binding(),
            Slot::Squares => self.scratch.polynomial.as_entire_binding(),
        })?;
        let workgroups = fold(tiles.count, limits(device).workgroups);
        Ok((step, vec![Dispatch::new(&kernel, bound, workgroups)]))
    }
}
