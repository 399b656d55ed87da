//! What an optimizer's calls record, counted and named.

use super::Optimizer;
use crate::gpu::{Counter, Stamped};

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

    /// Records a step as [`Optimizer::step_in`] does, with a timestamp after each dispatch, from the second query of the set on; which pass
    /// each of them is of. The device has [`wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES`].
    #[doc(hidden)]
    pub fn stamped_step(&self, pass: &mut wgpu::ComputePass<'_>, queries: &wgpu::QuerySet) -> Vec<crate::program::Pass> {
        let mut stamped = Stamped::new(pass, queries);
        self.executor.step(&mut stamped);
        stamped.passes()
    }

    /// What [`Optimizer::accumulate`] records.
    pub fn recorded_accumulate(&self) -> crate::RecordedWork {
        let mut counter = Counter::default();
        self.executor.micro_batch(&mut counter);
        counter.recorded()
    }
}
