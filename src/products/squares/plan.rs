//! `Round`: tensors whose squares are worked on together, and the tables of matrices of each dispatch. No wgpu types.

use super::jacobi;
use super::roots::{self, Multiplication, PLACES, Steps};
use crate::rule::{Product, Square};

/// The word of a matrix that is always due.
pub(super) const ALWAYS: u32 = u32::MAX;

crate::words::words! {
    /// The square of an axis of a tensor, in one product.
    pub struct Matrix {
        /// Where its parameter's entry is in the step record.
        record: u32,
        /// The word of the step record that says whether it is due.
        due: u32,
        /// The words of the scalars that it reads: how much of a square is kept.
        keep: u32,
        /// How much of the new products is added.
        add: u32,
        /// What is added on the diagonal.
        ridge: u32,
        /// Rows, and columns, of the square: indices of the axis.
        size: u32,
        /// Four rows each.
        blocks: u32,
        /// Consecutive elements that have one index.
        inner: u32,
        /// Elements that have one index.
        columns: u32,
        /// Four of these each.
        column_blocks: u32,
        /// Where the square begins that is read.
        square: u32,
        /// Where the elements begin that are read.
        source: u32,
        /// Where what is written begins.
        into: u32,
        /// Where the room for the work on the square begins.
        work: u32,
        /// Where the change of its basis begins.
        change: u32,
        /// Whether B X is formed, and not B^T X.
        is_back: u32,
        /// Whether X stays as it is.
        is_copy: u32,
        /// Rounds of all sweeps.
        rounds: u32,
        /// The power of the norm.
        exponent: f32,
        /// What it is more than that.
        exponent_low: f32,
        /// How a product of two squares counts.
        of_product: f32,
        /// How the left one counts beside it.
        of_left: f32,
        /// What is added on the diagonal.
        of_one: f32,
        /// The most that a number of the result is, and the least with a minus.
        most: f32,
    }
}

/// A tensor with squares, as a product finds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tensor {
    /// Where its entry is in the step record.
    pub(crate) record: u32,
    /// The set whose page has its elements.
    pub(crate) set: usize,
    /// The buffer of its squares.
    pub(crate) buffer: usize,
    pub(crate) elements: u64,
    pub(crate) squares: Vec<Square>,
    /// The word of the step record that says whether it is due.
    pub(crate) due: Option<u32>,
    /// The words of the scalars that the product reads.
    pub(crate) numbers: Vec<u32>,
    /// Where the states of each element begin in the page, and those of squares in their buffer, in the product's order.
    pub(crate) elements_at: Vec<u32>,
    pub(crate) squares_at: Vec<u32>,
}

/// Tensors whose elements and squares are in the same buffers, and together fit into the scratch memory that a binding has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Round {
    pub(crate) product: Product,
    pub(crate) tensors: Vec<Tensor>,
    /// Numbers of scratch memory: of elements, of the work on squares, of changes of bases.
    pub(crate) needs: Needs,
}

/// Numbers of scratch memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    pub(crate) elements: u64,
    pub(crate) work: u64,
    pub(crate) change: u64,
}

impl Needs {
    /// Of a product over a tensor with these squares.
    pub(crate) fn of(product: &Product, elements: u64, squares: &[Square]) -> Self {
        let all = |numbers: fn(u64) -> u64| squares.iter().map(|square| numbers(square.size)).sum();
        let turned = Needs { elements, ..Needs::default() };
        match product {
            Product::Gram { .. } => Needs::default(),
            Product::Root { .. } => Needs { work: all(root_work), ..Needs::default() },
            Product::Basis { .. } => Needs { work: all(basis_work), ..Needs::default() },
            Product::Renew { .. } => Needs { work: all(basis_work), change: all(|size| size * size), ..turned },
            Product::Turn { .. } => turned,
        }
    }

    /// Of both.
    pub(crate) fn with(self, other: Needs) -> Self {
        Needs { elements: self.elements + other.elements, work: self.work + other.work, change: self.change + other.change }
    }

    /// What either needs.
    pub(crate) fn or(self, other: Needs) -> Self {
        let Needs { elements, work, change } = other;
        Needs { elements: self.elements.max(elements), work: self.work.max(work), change: self.change.max(change) }
    }

    /// Of the largest buffer.
    pub(crate) fn most(&self) -> u64 {
        self.elements.max(self.work).max(self.change)
    }
}

/// Numbers that the work on a basis has: the square, its vectors, rotations, and one for each index.
fn basis_work(size: u64) -> u64 {
    2 * size * size + 3 * size + 3
}

/// Numbers that the work on a root has: squares, one for each column, and the norm, all as vectors of four.
fn root_work(size: u64) -> u64 {
    let padded = size.next_multiple_of(4);
    PLACES as u64 * padded * padded + padded + 4
}

/// In rounds, where a binding has so many bytes.
pub(crate) fn rounds(product: Product, tensors: Vec<Tensor>, binding: u64) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    for tensor in tensors.into_iter().filter(|tensor| !tensor.squares.is_empty() && tensor.elements > 0) {
        let needs = Needs::of(&product, tensor.elements, &tensor.squares);
        let takes = |round: &Round| {
            let is_alike = round.tensors.iter().all(|other| (other.set, other.buffer) == (tensor.set, tensor.buffer));
            is_alike && 4 * round.needs.with(needs).most() <= binding
        };
        let open = rounds.iter().position(takes).unwrap_or(rounds.len());
        if open == rounds.len() {
            rounds.push(Round { product, tensors: Vec::new(), needs: Needs::default() });
        }
        rounds[open].needs = rounds[open].needs.with(needs);
        rounds[open].tensors.push(tensor);
    }
    rounds
}

/// Which numbers of a tensor a table names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    /// Of the states of squares, which one is read, and which one is written or read beside it.
    pub(super) squares: [usize; 2],
}

/// The tables of a root's dispatches, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Roots {
    /// Whose columns are measured.
    pub(super) lengths: Vec<Matrix>,
    /// What becomes the first M.
    pub(super) lifted: Vec<Matrix>,
    /// The two sides of each product, and where it goes.
    pub(super) multiplied: Vec<Vec<Matrix>>,
    /// The roots, and where they are kept.
    pub(super) stored: Vec<Matrix>,
}

/// A tensor's squares, and where the scratch memory of each begins.
struct Placed<'a> {
    tensor: &'a Tensor,
    square: Square,
    /// The number of the square in its tensor, and how many there are.
    number: usize,
    count: usize,
    needs: Needs,
}

impl Round {
    fn placed(&self) -> Vec<Placed<'_>> {
        let mut at = Needs::default();
        let mut placed = Vec::new();
        for tensor in &self.tensors {
            for (number, &square) in tensor.squares.iter().enumerate() {
                placed.push(Placed { tensor, square, number, count: tensor.squares.len(), needs: at });
                at = at.with(Needs::of(&self.product, 0, &[square]));
            }
            at.elements += tensor.elements;
        }
        placed
    }

    /// All squares, each with where its states are. What is read of elements is the first state of these.
    pub(super) fn matrices(&self, named: Named) -> Vec<Matrix> {
        self.placed().iter().map(|placed| placed.matrix(named)).collect()
    }

    /// For each dispatch of a root, the squares and what is multiplied, from the place that M begins in to that of the root.
    pub(super) fn roots(&self, named: Named) -> Roots {
        let (mut roots, mut all) = (Roots::default(), Vec::new());
        for placed in self.placed() {
            let steps = Steps::new(2 * placed.count);
            let matrix = placed.matrix(named);
            let vectors = |place: usize| matrix.work / 4 + place as u32 * 4 * matrix.blocks * matrix.blocks;
            let most = roots::largest(2 * placed.count) as f32;
            roots.lengths.push(matrix);
            roots.lifted.push(Matrix { into: vectors(0), ..matrix });
            roots.stored.push(Matrix { source: vectors(steps.root), most, ..matrix });
            let multiplied = |own: &Multiplication| {
                let [of_product, of_left, of_one, most] = [own.of_product, own.of_left, own.of_one, own.most].map(|x| x as f32);
                let [square, source, into] = [own.left, own.right, own.into].map(vectors);
                Matrix { square, source, into, of_product, of_left, of_one, most, ..matrix }
            };
            all.push(steps.lists.iter().map(|list| list.iter().map(multiplied).collect::<Vec<_>>()).collect::<Vec<_>>());
        }
        let most = all.iter().map(Vec::len).max().unwrap_or_default();
        roots.multiplied = (0..most).map(|number| all.iter().filter_map(|lists| lists.get(number)).flatten().copied().collect()).collect();
        roots
    }

    /// For each turn of a state of elements from its lane into scratch memory or back, the squares that it is turned by, or that it is copied for; `changes` says that these are changes of bases.
    pub(super) fn turns(&self, state: usize, named: Named, is_back: bool, changes: bool) -> Vec<Vec<Matrix>> {
        let placed = self.placed();
        let most = self.tensors.iter().map(|tensor| tensor.squares.len().next_multiple_of(2)).max().unwrap_or_default();
        let of_turn = |turn: usize| {
            // What has an odd number of squares comes back by a copy.
            let own = |placed: &&Placed| placed.number == turn || (turn == placed.count && turn % 2 == 1 && placed.number + 1 == turn);
            let matrix = |placed: &Placed| {
                let matrix = placed.matrix(named);
                let (lane, scratch) = (placed.tensor.elements_at[state], placed.needs.elements as u32);
                let (source, into) = if turn.is_multiple_of(2) { (lane, scratch) } else { (scratch, lane) };
                let square = if changes { matrix.change } else { matrix.square };
                Matrix { source, into, square, is_back: is_back.into(), is_copy: (placed.number != turn).into(), ..matrix }
            };
            placed.iter().filter(own).map(matrix).collect()
        };
        (0..most).map(of_turn).collect()
    }
}

impl Placed<'_> {
    fn matrix(&self, named: Named) -> Matrix {
        let Placed { tensor, square: Square { first, size, inner, outer }, count, needs, .. } = self;
        let [square, into] = named.squares.map(|state| tensor.squares_at.get(state).map_or(0, |at| at + *first as u32));
        let columns = (inner * outer) as u32;
        let number = |index: usize| tensor.numbers.get(index).copied().unwrap_or_default();
        let exponent = -0.5 / *count as f64;
        let (exponent, exponent_low) = crate::rule::exponent_parts::<f32>(exponent);
        Matrix {
            record: tensor.record,
            due: tensor.due.unwrap_or(ALWAYS),
            keep: number(0),
            add: number(1),
            ridge: number(2),
            size: *size as u32,
            blocks: size.div_ceil(4) as u32,
            inner: *inner as u32,
            columns,
            column_blocks: columns.div_ceil(4),
            square,
            source: tensor.elements_at.first().copied().unwrap_or_default(),
            into,
            work: needs.work as u32,
            change: needs.change as u32,
            is_back: 0,
            is_copy: 0,
            rounds: jacobi::rounds(*size) as u32,
            exponent,
            exponent_low,
            ..Matrix::default()
        }
    }
}
