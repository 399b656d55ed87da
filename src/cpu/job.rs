use super::tensor::Tensor;
use crate::plan;
use crate::rule::{AnyRule, Assigned, Pass, Real, Sweep};
use crate::step::{Average, Broadcast};

/// What one pass does with a tensor.
pub(super) struct Work<'a, F> {
    pub(super) pass: Pass,
    pub(super) rule: &'a dyn AnyRule,
    pub(super) assigned: &'a [Assigned],
    /// Of an update that does more than its rule.
    pub(super) extra: Option<Extra<'a, F>>,
}

/// What happens to the elements of a tensor before and after its rule.
#[derive(Clone)]
pub(super) struct Extra<'a, F> {
    pub(super) factor: F,
    /// The units' own factors, and how many elements share one.
    pub(super) units: Option<(&'a [F], usize)>,
    /// Gradients are clamped to plus and minus this.
    pub(super) limit: Option<F>,
    /// Whether this is the tensor's first step.
    pub(super) first: bool,
    /// How much of the values goes into each average.
    pub(super) weights: Vec<(Average, F)>,
}

/// One chunk's work.
pub(super) struct Job<'a, F> {
    work: &'a Work<'a, F>,
    scalars: &'a [F],
    scales: Option<&'a (Vec<F>, Broadcast)>,
    first: usize,
    gradients: &'a [F],
    values: &'a mut [F],
    lanes: Vec<Option<&'a mut [F]>>,
    averages: Vec<Option<&'a mut [F]>>,
}

/// The chunks of a tensor. Gradients may be empty if the pass reads none.
pub(super) fn jobs<'a, F: Real>(
    work: &'a Work<'a, F>,
    tensor: &'a mut Tensor<F>,
    values: &'a mut [F],
    gradients: &'a [F],
) -> Vec<Job<'a, F>> {
    let Tensor { scalars, lanes, averages, scales, len, .. } = tensor;
    let chunked = |lane: &'a mut Vec<F>| lane.chunks_mut(plan::CHUNK as usize);
    let mut lanes: Vec<_> = lanes.iter_mut().map(chunked).collect();
    let mut averages: Vec<_> = averages.iter_mut().map(chunked).collect();
    let chunks = plan::chunks(0..*len as u64).zip(values.chunks_mut(plan::CHUNK as usize));
    let job = |(chunk, values): (core::ops::Range<u64>, &'a mut [F])| Job {
        work,
        scalars,
        scales: scales.as_ref(),
        first: chunk.start as usize,
        gradients: gradients.get(chunk.start as usize..chunk.end as usize).unwrap_or_default(),
        values,
        lanes: lanes.iter_mut().map(Iterator::next).collect(),
        averages: averages.iter_mut().map(Iterator::next).collect(),
    };
    chunks.map(job).collect()
}

impl<F: Real> Job<'_, F> {
    /// A state that is not in use is a chunk of zeros that is forgotten afterwards: it stays in the nearest cache.
    pub(super) fn run(mut self) {
        let Work { pass, rule, assigned, ref extra } = *self.work;
        let mut unused = vec![vec![F::zero(); self.values.len()]; self.lanes.iter().filter(|lane| lane.is_none()).count()];
        let mut unused = unused.iter_mut();
        let lanes = self.lanes.into_iter().map(|lane| lane.or_else(|| unused.next().map(Vec::as_mut_slice)).unwrap_or_default());
        let (scalars, lanes) = (self.scalars, lanes.collect());
        let Some(extra) = extra else {
            let sweep = Sweep { gradients: self.gradients, values: self.values, lanes };
            return F::twin(rule).sweep(pass, assigned, scalars, sweep);
        };
        let gradients: Vec<F> = self.gradients.iter().enumerate().map(|(i, &g)| extra.limited(self.first + i, g)).collect();
        let before = self.values.to_vec();
        F::twin(rule).sweep(pass, assigned, scalars, Sweep { gradients: &gradients, values: self.values, lanes });
        if let Some((scales, broadcast)) = self.scales {
            for (i, (p, &before)) in self.values.iter_mut().zip(&before).enumerate() {
                *p = before + scales[broadcast.index(self.first + i)] * (*p - before);
            }
        }
        for ((average, weight), lane) in extra.weights.iter().zip(&mut self.averages) {
            let Some(lane) = lane else { continue };
            extra.average(average, *weight, &before, self.values, lane);
        }
    }
}

impl<F: Real> Extra<'_, F> {
    /// The gradient that the rule sees.
    fn limited(&self, element: usize, gradient: F) -> F {
        let mut g = gradient * self.factor;
        if let Some((factors, length)) = self.units {
            g = g * factors[element / length];
        }
        match self.limit {
            Some(limit) if g.partial_cmp(&g).is_some() => g.max(-limit).min(limit),
            _ => g,
        }
    }

    fn average(&self, average: &Average, weight: F, before: &[F], values: &mut [F], lane: &mut [F]) {
        let is_lookahead = matches!(average, Average::Lookahead(_));
        if is_lookahead && self.first {
            lane.copy_from_slice(before);
        }
        if weight == F::zero() {
            return;
        }
        for (average, p) in lane.iter_mut().zip(values) {
            *average = crate::rule::moving_average(*average, *p, F::one() - weight, weight);
            if is_lookahead {
                *p = *average;
            }
        }
    }
}
