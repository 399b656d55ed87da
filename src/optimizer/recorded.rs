//! What an optimizer's calls record, counted and named.

use super::Optimizer;
use crate::gpu::Counter;

impl Optimizer {
    /// What [`Optimizer::step`] records.
    pub fn recorded_step(&self) -> crate::RecordedWork {
        let mut counter = Counter::default();
        self.executor.step(&mut counter);
        counter.recorded()
    }

    /// The passes of a step, in order.
    #[doc(hidden)]
    pub fn passes(&self) -> &[crate::program::Pass] {
        self.executor.passes()
    }

    /// What [`Optimizer::accumulate`] records.
    pub fn recorded_accumulate(&self) -> crate::RecordedWork {
        let mut counter = Counter::default();
        self.executor.micro_batch(&mut counter);
        counter.recorded()
    }
}
