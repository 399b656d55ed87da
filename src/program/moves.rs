//! Rows that come and go, or are scaled: which elements of a tensor one dispatch moves or multiplies.

/// In an index of rows: this one is a copy of the other's values, and its state begins at zero.
pub const FRESH: u32 = 1 << 31;

/// In an index of rows: this one is new. Its values are the caller's to write, and its state begins at zero.
pub const NEW: u32 = u32::MAX;

/// Elements of new rows are what the caller wrote.
pub const AS_WRITTEN: u32 = 0;

/// They are the values in their place.
pub const AS_VALUES: u32 = 1;

/// They are zero.
pub const AS_ZERO: u32 = 2;

/// Elements that a workgroup moves, or scales.
pub const MOVED: u32 = 1024;

impl MoveTask {
    /// In elements of four numbers, where all of it is a multiple of four.
    pub fn by_vectors(&self) -> Option<Self> {
        let MoveTask { width, count, first, at, source_first, source_count, source_at, values_at, .. } = *self;
        let own = [width, count, first, at, source_first, source_count, source_at, values_at];
        (source_count > 0 && own.iter().all(|number| number % 4 == 0)).then_some(MoveTask {
            width: width / 4,
            count: count / 4,
            first: first / 4,
            at: at / 4,
            source_first: source_first / 4,
            source_count: source_count / 4,
            source_at: source_at / 4,
            values_at: values_at / 4,
            ..*self
        })
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
    /// What one dispatch moves: elements of a part of a tensor, as far as they come from a part of the tensor before. Elements are numbers, or four of them.
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
        /// Whether rows that are copies with a new state are moved too.
        copies: u32,
        /// What elements of new rows are: [`AS_WRITTEN`], [`AS_VALUES`] or [`AS_ZERO`].
        begins: u32,
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
