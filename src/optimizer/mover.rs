//! Moves the rows of a tensor on the GPU, or gives it what values hold.

use super::stretches::{Stretch, bound, most, stretches};
use crate::error::Result;
use crate::gpu::{Binding, Dispatch, Engine, fold, upload};
use crate::program::{AS_VALUES, AS_WRITTEN, AS_ZERO, MOVED, MoveTask};
use crate::wgsl::{self, Resource};

/// Makes the dispatches that move rows by an index.
pub(super) struct Mover<'a> {
    pub(super) engine: &'a Engine,
    /// For each row, the row that it was.
    pub(super) index: Stretch<'a>,
}

/// What elements of new rows are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Begins<'a> {
    /// What the caller wrote.
    Written,
    /// These, in their place.
    Values(&'a Binding),
    /// Zero.
    Zero,
}

impl Begins<'_> {
    fn number(self) -> u32 {
        match self {
            Begins::Written => AS_WRITTEN,
            Begins::Values(_) => AS_VALUES,
            Begins::Zero => AS_ZERO,
        }
    }
}

impl Mover<'_> {
    /// What moves one tensor, from some parts to others, from this element on.
    pub(super) fn add(
        &self,
        task: MoveTask,
        source: &[(Binding, u64)],
        target: &[(Binding, u64)],
        (begin, begins): (u64, Begins<'_>),
        dispatches: &mut Vec<Dispatch>,
    ) -> Result<()> {
        let (index, limits) = (self.index, &self.engine.limits);
        let mut source = stretches(source, most(limits));
        let target: Vec<_> = stretches(target, most(limits)).into_iter().filter_map(|own| own.after(begin)).collect();
        if source.is_empty() && begins != Begins::Written {
            // It had no rows. Something has to be bound, and nothing of it is read.
            source.push(Stretch { count: 0, ..index });
        }
        for to in &target {
            for from in &source {
                let values = if let Begins::Values(values) = begins { Some(values) } else { None };
                let values = values.map(|values| Stretch { buffer: values.buffer(), offset: values.offset() + 4 * to.first, ..*to });
                let [(index, index_at), (before, source_at), (after, at)] =
                    [index, *from, *to].map(|stretch| bound(stretch, limits.alignment));
                let (values_bound, values_at) = values.map_or((before.clone(), 0), |values| bound(values, limits.alignment));
                let task = MoveTask {
                    count: to.count as u32,
                    first: to.first as u32,
                    at,
                    source_first: from.first as u32,
                    source_count: from.count as u32,
                    source_at,
                    index_at,
                    values_at,
                    begins: begins.number(),
                    ..task
                };
                let by_vectors = task.by_vectors();
                let shader = wgsl::rows_changed(limits.division, by_vectors.is_some());
                let kernel = self.engine.pipelines.get("rows", shader)?;
                let task = by_vectors.unwrap_or(task);
                let workgroups = fold(u64::from(task.count.div_ceil(MOVED)), limits.workgroups);
                let task = upload(&self.engine.device, "wgpu-optim task", &[task])?;
                let bound = kernel.bind(&self.engine.device, |slot| match slot {
                    Resource::Task => task.as_entire_binding(),
                    Resource::RowsBefore => index.clone(),
                    Resource::Part(0) => before.clone(),
                    Resource::Part(_) => values_bound.clone(),
                    _ => after.clone(),
                })?;
                dispatches.push(Dispatch::new(&kernel, bound, workgroups));
            }
        }
        Ok(())
    }
}
