//! `Round`: matrices that are worked on together, and how they are cut into tiles. No wgpu types.

use super::{Blocks, Precision, Step};

crate::words::words! {
    /// A matrix, or its transpose where it is tall.
    pub struct Matrix {
        /// Where its parameter's entry is in the step record.
        record: u32,
        /// Where it begins in what is bound of the lanes, in elements.
        lane: u32,
        /// Rows, no more than columns.
        rows: u32,
        /// Columns.
        columns: u32,
        /// Whether it is the transpose of what lies in the lane.
        is_tall: u32,
        /// Four rows each: a multiple of them is where the padding ends.
        row_blocks: u32,
        /// Four columns each.
        column_blocks: u32,
        /// Where X begins, in vectors.
        x: u32,
        /// Where A and B begin, in vectors.
        square: u32,
        /// Which of the round's coefficients it has.
        coefficients: u32,
    }
}

crate::words::words! {
    /// The work of one workgroup.
    pub struct Tile {
        /// The matrix, by its number in the round.
        matrix: u32,
        /// Its first block of four rows.
        row: u32,
        /// Its first block of four columns.
        column: u32,
    }
}

impl Matrix {
    /// One of these sizes. Where it lies is not said yet.
    pub fn new(height: u64, width: u64) -> Self {
        let [rows, columns] = [height.min(width), height.max(width)].map(|size| size as u32);
        let [row_blocks, column_blocks] = [rows.div_ceil(4), columns.div_ceil(4)];
        Matrix { rows, columns, is_tall: u32::from(height > width), row_blocks, column_blocks, ..Matrix::default() }
    }

    /// Vectors of X, padded.
    pub fn vectors(&self) -> u64 {
        4 * u64::from(self.row_blocks) * u64::from(self.column_blocks)
    }

    /// Vectors of A, or of B, padded.
    pub fn square_vectors(&self) -> u64 {
        4 * u64::from(self.row_blocks) * u64::from(self.row_blocks)
    }

    /// Multiplications and additions of an iteration, of all products in full.
    pub fn operations(&self) -> u64 {
        let [m, n] = [self.rows, self.columns].map(u64::from);
        4 * m * m * n + 2 * m * m * m
    }
}

/// Matrices with as many iterations each, all kept in the same precision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Round {
    /// In what they are kept.
    pub precision: Precision,
    /// The matrices.
    pub matrices: Vec<Matrix>,
    /// Whose lanes each lies in: the set of its parameter.
    pub sets: Vec<usize>,
    /// What kernels multiply by in all iterations: those that [`Matrix::coefficients`] tells apart.
    pub coefficients: Vec<Vec<[f32; 4]>>,
    /// Vectors of X.
    pub vectors: u64,
    /// Vectors of A, or of B, with the rests of diagonals.
    pub square_vectors: u64,
}

impl Round {
    /// Without matrices yet, which are going to be kept so.
    pub fn new(precision: Precision) -> Self {
        Round { precision, ..Round::default() }
    }

    /// How many iterations there are.
    pub fn iterations(&self) -> usize {
        self.coefficients.first().map_or(0, Vec::len)
    }

    /// The coefficients of one iteration.
    pub fn iteration(&self, number: usize) -> Vec<[f32; 4]> {
        self.coefficients.iter().map(|own| own[number]).collect()
    }

    /// Adds a matrix of a set with these coefficients, as many as the others have, after those that are there.
    pub fn push(&mut self, matrix: Matrix, set: usize, coefficients: &[[f64; 3]]) {
        let own = self.precision.coefficients(coefficients);
        let known = self.coefficients.iter().position(|known| *known == own);
        let number = known.unwrap_or(self.coefficients.len());
        self.coefficients.extend(known.is_none().then_some(own));
        let (x, square) = (self.vectors as u32, self.square_vectors as u32);
        self.vectors += matrix.vectors();
        self.square_vectors += matrix.square_vectors() + self.precision.rests(matrix.row_blocks);
        self.matrices.push(Matrix { x, square, coefficients: number as u32, ..matrix });
        self.sets.push(set);
    }

    /// Whether one more matrix, with so many iterations and kept so, goes with those that are there where a binding, or a buffer, has so many bytes.
    pub fn takes(&self, matrix: &Matrix, iterations: usize, precision: Precision, binding: u64) -> bool {
        let vectors =
            (self.vectors + matrix.vectors()).max(self.square_vectors + matrix.square_vectors() + precision.rests(matrix.row_blocks));
        self.precision == precision && self.iterations() == iterations && precision.vector_bytes(vectors) <= binding
    }

    /// The tiles of a step, of the matrices in the lanes of one set or of all.
    pub fn tiles(&self, step: Step, set: Option<usize>, blocks: &Blocks) -> Vec<Tile> {
        let own = (0..).zip(&self.matrices).zip(&self.sets).filter(|(_, own)| set.is_none_or(|set| **own == set));
        own.flat_map(|((number, matrix), _)| tiles(number, matrix, step, blocks)).collect()
    }
}

/// The tiles of one matrix.
fn tiles(number: u32, matrix: &Matrix, step: Step, blocks: &Blocks) -> impl Iterator<Item = Tile> {
    let (down, across) = (blocks.rows / 4, blocks.columns / 4);
    let (rows, is_symmetric) = (matrix.row_blocks, step.is_symmetric());
    let columns = if is_symmetric { rows } else { matrix.column_blocks };
    let row_tiles = (0..rows).step_by(down as usize);
    row_tiles.flat_map(move |row| {
        // What is below the diagonal is stored with what is above it.
        let of_row = (0..columns).step_by(across as usize).filter(move |column| !is_symmetric || column + across > row);
        of_row.map(move |column| Tile { matrix: number, row, column })
    })
}
