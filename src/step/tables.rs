//! What the host writes and the kernels read, word for word.

use crate::words::words;

words! {
    /// One parameter.
    pub struct Entry {
        /// Where its entry is in the step record.
        record: u32,
        /// Where its hyper-parameters are there.
        hyper: u32,
        /// Where the words of its hyper-parameters are assigned, among those of all.
        assigned: u32,
        /// Whether it takes part: 0 or 1.
        taking_part: u32,
        /// The number of the `prepare` that it belongs to.
        rule: u32,
        /// Where its group's clip is in the step record.
        clip: u32,
        /// Where the words of that clip are assigned.
        clip_assigned: u32,
        /// Where the sum is that its norm is of.
        slot: u32,
        /// Where its own sum is.
        top: u32,
    }
}

words! {
    /// One word of the hyper-parameters or of a clip: `offset`, as bits, or the number `offset + slope * schedule`, or its logarithm.
    pub struct HyperWord {
        /// Where it is in the step record.
        word: u32,
        /// The bits, or a number's.
        offset: u32,
        /// By what the schedule's value is multiplied.
        slope: f32,
        /// Where the schedule begins; [`HyperWord::CONSTANT`] if there is none.
        schedule: u32,
        /// Whether it is the logarithm.
        logarithm: u32,
    }
}

impl HyperWord {
    /// No schedule.
    pub const CONSTANT: u32 = u32::MAX;
}
