//! What the host writes and the kernels read, word for word.

use crate::words::words;

words! {
    /// One parameter.
    pub struct ParamSettings {
        /// Where its entry is in the step record.
        record: u32,
        /// Where its hyper-parameters are there.
        hyper: u32,
        /// Where the words of its hyper-parameters are assigned, among those of all.
        assigned: u32,
        /// Whether it is active: 0 or 1.
        is_active: u32,
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
    pub struct AssignmentWords {
        /// Where it is in the step record.
        word: u32,
        /// The bits, or a number's.
        offset: u32,
        /// By what the schedule's value is multiplied.
        slope: f32,
        /// Where the schedule begins; [`AssignmentWords::CONSTANT`] if there is none.
        schedule: u32,
        /// Whether it is the logarithm.
        logarithm: u32,
    }
}

impl AssignmentWords {
    /// No schedule.
    pub const CONSTANT: u32 = u32::MAX;
}

words! {
    /// What steps keep of a parameter in the step record, before the weights of its averages, and the scalars and sums of its rule.
    pub struct StepEntry {
        /// Steps taken.
        step: u32,
        /// Whether it is active (0: no, 1: yes, 2: the step is skipped, 3: neither), or what a change of view does with it.
        is_active: u32,
        /// What its gradient is multiplied by.
        factor: f32,
        /// What its gradient is limited to, as bits.
        limit: u32,
        /// Micro-batches accumulated since the last step.
        pending: u32,
        /// What `pending` was before the last step; after a micro-batch that is not a step's last, what it is then if the parameter was active, else 0, which lists of entries go by.
        /// From then to the next step nobody reads it: while other values than the trained ones are shown, it has how a
        /// change of view brings these back. Kernels of a step load an entry four words at a time, and a word of its own would be one load more where
        /// there are two averages.
        used: u32,
    }
}
