use super::Tensor;
use crate::plan;
use crate::rule::{AnyRule, Pass, Real, Sweep};

/// One chunk's work.
pub(super) struct Job<'a, F> {
    pass: Pass,
    rule: &'a dyn AnyRule,
    scalars: &'a [F],
    gradients: &'a [F],
    values: &'a mut [F],
    lanes: Vec<Option<&'a mut [F]>>,
}

/// The chunks of a tensor. Gradients may be empty if the pass reads none.
pub(super) fn jobs<'a, F: Real>(
    pass: Pass,
    rule: &'a dyn AnyRule,
    tensor: &'a mut Tensor<F>,
    values: &'a mut [F],
    gradients: &'a [F],
) -> Vec<Job<'a, F>> {
    let Tensor { scalars, lanes, len, .. } = tensor;
    let mut lanes: Vec<_> = lanes.iter_mut().map(|lane| lane.chunks_mut(plan::CHUNK as usize)).collect();
    let chunks = plan::chunks(*len as u64).zip(values.chunks_mut(plan::CHUNK as usize));
    let job = |(chunk, values): (core::ops::Range<u64>, &'a mut [F])| Job {
        pass,
        rule,
        scalars,
        gradients: gradients.get(chunk.start as usize..chunk.end as usize).unwrap_or_default(),
        values,
        lanes: lanes.iter_mut().map(Iterator::next).collect(),
    };
    chunks.map(job).collect()
}

impl<F: Real> Job<'_, F> {
    /// A state that is not in use is a chunk of zeros that is forgotten afterwards: it stays in the nearest cache.
    pub(super) fn run(self) {
        let mut unused = vec![vec![F::zero(); self.values.len()]; self.lanes.iter().filter(|lane| lane.is_none()).count()];
        let mut unused = unused.iter_mut();
        let lanes = self.lanes.into_iter().map(|lane| lane.or_else(|| unused.next().map(Vec::as_mut_slice)).unwrap_or_default());
        let sweep = Sweep { gradients: self.gradients, values: self.values, lanes: lanes.collect() };
        F::twin(self.rule).sweep(self.pass, self.scalars, sweep);
    }
}
