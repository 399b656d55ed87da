//! `Tensor`: one parameter as a plan sees it, and what belongs to it.

use core::ops::Range;

use super::{Kind, Lines, Segment, Tiles};

/// Where a tensor begins, and how many bytes from there a kernel may touch: those of the tensor, padding that belongs to it, and for
/// a tensor that is only read, all that follows in the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The buffer's number; for state, the arena's page.
    pub buffer: usize,
    /// Bytes from the buffer's start, a multiple of 4.
    pub offset: u64,
    /// Bytes that may be touched from there.
    pub room: u64,
    /// Bytes of the whole buffer: where a binding can have so many, all of it is bound, and tensors move in it freely. 0 where only what they need is.
    pub whole: u64,
    /// Whether numbers have 16 bits, two in each word, and not 32.
    pub halves: bool,
}

impl Place {
    /// Bytes of a number.
    pub(super) fn bytes(&self) -> u64 {
        if self.halves { 2 } else { 4 }
    }

    /// Whether vectors of four numbers can serve all elements before `end`, padding included.
    pub(super) fn serves(&self, end: u64) -> bool {
        self.offset.is_multiple_of(4 * self.bytes()) && self.bytes() * end.next_multiple_of(4) <= self.room
    }
}

/// One parameter as a plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Elements, at most 2^60, and 2^32 where scales or units count them.
    pub len: u64,
    /// Elements that its state has room for, at least those; those themselves where it is cut into tiles.
    pub room: u64,
    /// The number of its group.
    pub group: usize,
    /// What its kernel depends on.
    pub kind: Kind,
    /// How many arrays its kernel may bind.
    pub arrays: usize,
    /// Whether a step writes its gradients.
    pub zero_grad: bool,
    /// The values.
    pub value: Place,
    /// The gradients.
    pub gradient: Place,
    /// Where its elements are updated, and its lanes; none for a tensor without elements.
    pub state: Vec<Segment>,
    /// Where its group's hyper-parameters are in the step record, in words.
    pub hyper: u32,
    /// Where its own entry is in the step record, in words.
    pub record: u32,
    /// Its number among the parameters.
    pub member: u32,
    /// Scales of the learning rate.
    pub scale: Option<Scale>,
    /// Which of its rows a step updates.
    pub mask: Option<Mask>,
    /// Whether the mask is a list of rows.
    pub listed: Option<Listed>,
    /// The copy of the values in bf16.
    pub copy: Option<Place>,
    /// What its stochastic rounding goes by, 0 where it rounds to the nearest.
    pub salt: u32,
    /// What the stochastic rounding of its states goes by.
    pub state_salt: u32,
    /// The elements of a workgroup are a multiple of so many, 1 where any will do; where rows are listed, those of a part of the table.
    pub granule: u64,
    /// What adaptive clipping scales as one.
    pub unit: Option<Unit>,
    /// How it is cut, where its rows and columns are summed or have numbers of their own.
    pub tiles: Option<Tiles>,
    /// Words that a stage writes for each of its tiles.
    pub tile_words: u32,
    /// Where the numbers of its rows, columns and slices are.
    pub lines: Lines,
}

impl Tensor {
    /// How many gradients it has.
    pub(super) fn gradients(&self) -> u64 {
        match (self.listed, self.mask) {
            (Some(listed), Some(mask)) => listed.most * u64::from(mask.row_length),
            _ => self.len,
        }
    }

    /// What the workgroups of an update count of these elements: of a list, those of its rows, each rounded up to whole vectors, whichever part of the table it is for.
    pub(super) fn worked_on(&self, elements: Range<u64>) -> Range<u64> {
        match (self.listed, self.mask) {
            (Some(listed), Some(mask)) => 0..listed.most * u64::from(mask.row_length).next_multiple_of(4),
            _ => elements,
        }
    }

    /// How many rows of a table these elements are, where rows are listed, else 0.
    pub(super) fn rows_of(&self, elements: &Range<u64>) -> u32 {
        let length = self.mask.filter(|_| self.listed.is_some()).map(|mask| u64::from(mask.row_length));
        length.map_or(0, |length| (elements.end - elements.start).div_ceil(length.max(1)) as u32)
    }

    /// Whether vectors can serve all of its elements, padding included.
    pub fn is_of_vectors(&self) -> bool {
        let serves = |place: Place| place.serves(self.len);
        let whole_rows = self.listed.is_none() || self.kind.whole_rows;
        serves(self.value) && (self.listed.is_some() || serves(self.gradient)) && whole_rows
    }
}

/// Scales that are repeated over a tensor: element `i` has the one at `(i / length) % period`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// The scales.
    pub place: Place,
    /// Consecutive elements of one scale.
    pub length: u32,
    /// Scales in all.
    pub period: u32,
}

/// In a list of rows, what stands where there are no more.
pub const NOT_LISTED: u32 = u32::MAX;

/// A list of a tensor's rows in the place of a mask, and their gradients in the place of the tensor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Rows that there is room for.
    pub most: u64,
    /// Elements of the tensor.
    pub elements: u64,
}

/// A word for each row of a tensor, which is 0 where a step leaves the row as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// The words.
    pub place: Place,
    /// Elements of a row.
    pub row_length: u32,
}

/// Equal parts of a tensor, each with a gradient factor of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Where the factors are in the step record, in words.
    pub factors: u32,
    /// Elements of each part.
    pub length: u32,
}
