//! Rows that come and go, or are scaled: which elements of tensors one dispatch moves or multiplies.

/// In an index of rows: this one is a copy of the other's values, and its state begins at zero.
pub const FRESH: u32 = 1 << 31;

/// In an index of rows: this one is new. Its values are the caller's to write, and its state begins at zero.
pub const NEW: u32 = u32::MAX;

/// What a workgroup moves, in what its invocations move at once; and elements that it scales.
pub const MOVED: u32 = 1024;

/// What the elements of new rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewRows {
    /// What the caller wrote.
    Written,
    /// The values in their place.
    Values,
    /// Zero.
    Zero,
}

/// What an invocation moves at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovedAtOnce {
    /// Four words of one row, which begin at a multiple of four before and now: elements are vectors.
    Vector,
    /// Four words of up to four rows, which begin at a multiple of four now.
    FourWords,
    /// A word.
    Word,
}

impl MovedAtOnce {
    /// Words of an element that is bound before the change.
    pub fn source(self) -> u32 {
        if self == MovedAtOnce::Vector { 4 } else { 1 }
    }

    /// And of one that is bound after it.
    pub fn target(self) -> u32 {
        if self == MovedAtOnce::Word { 1 } else { 4 }
    }

    /// Elements before that an invocation moves at once.
    pub fn elements(self) -> u32 {
        self.target() / self.source()
    }
}

impl MoveTask {
    /// In elements of what is moved at once: all that counts words before is a multiple of its source, and where they go of its target.
    pub fn counted(&self, by: MovedAtOnce) -> Self {
        let (source, target) = (by.source(), by.target());
        let MoveTask { width, count, first, at, source_first, source_count, source_at, values_at, .. } = *self;
        MoveTask {
            width: width / source,
            count: count / source,
            first: first / source,
            at: at / target,
            source_first: source_first / source,
            source_count: source_count / source,
            source_at: source_at / source,
            values_at: values_at / source,
            ..*self
        }
    }
}

impl ScaleTask {
    /// In elements of four numbers, where all of it is a multiple of four.
    pub fn by_vectors(&self) -> Option<Self> {
        let ScaleTask { width, count, first, at, .. } = *self;
        let is_whole = [width, count, first, at].iter().all(|number| number % 4 == 0);
        is_whole.then_some(ScaleTask { width: width / 4, count: count / 4, first: first / 4, at: at / 4, ..*self })
    }
}

crate::words::words! {
    /// What one dispatch moves of one tensor: elements of a part of it, as far as they come from a part of the tensor before.
    pub struct MoveTask {
        /// Elements of a row.
        width: u32,
        /// How many rows there were.
        rows: u32,
        /// Elements to write.
        count: u32,
        /// The first of them in the tensor.
        first: u32,
        /// Where that is in its binding.
        at: u32,
        /// The first element of the tensor before that is bound.
        source_first: u32,
        /// How many are.
        source_count: u32,
        /// Where the first is in its binding.
        source_at: u32,
        /// Where the index begins in its binding.
        index_at: u32,
        /// Where the values of the first element are in their binding.
        values_at: u32,
        /// The bits of the index that count: all, or all but [`FRESH`] where rows that are copies with a new state are moved too.
        bits: u32,
    }
}

crate::words::words! {
    /// What one dispatch scales: elements of a part of a tensor. Elements are numbers, or four of them.
    pub struct ScaleTask {
        /// Elements of a row.
        width: u32,
        /// Elements that are bound.
        count: u32,
        /// The place of the first of them in its row.
        first: u32,
        /// Where that is in its binding.
        at: u32,
        /// Where the word of its row is in its binding.
        rows_at: u32,
        /// What they are multiplied by.
        factor: f32,
    }
}
