//! Binds passes as they say themselves how they are dispatched: over the rows of buckets, over the rows or columns of tensors, and in single workgroups. No
//! pass is named here.

use super::kernels::{Kernels, alone, in_one};
use super::{Executor, OverRows, Ready};
use crate::error::Result;
use crate::gpu::buckets::Placed;
use crate::gpu::places::{Known, Versions};
use crate::gpu::{Bound, Compiled, Dispatch, Engine, Parts, fold, resource, staged};
use crate::program::{Bucket, Kernel, Kind, Pass, Purpose, Window};
use crate::rule::AnyRule;
use crate::step::{Config, StepKind};
use crate::wgsl::{Asked, Formed, Over, Resource, dispatches};

/// What a dispatch goes over.
#[derive(Clone, Copy)]
enum Of<'a> {
    /// The rows of the bucket of this number.
    Bucket(usize, &'a Bucket),
    /// Rows or columns.
    Lines(&'a staged::Lines),
    /// The parameters of the rule of this number.
    Rule(usize),
}

impl Executor {
    /// A pass with everything that it binds.
    pub(super) fn bind(&self, kernels: &mut Kernels, engine: &Engine, config: &Config, step_kind: &StepKind, pass: Pass) -> Result<Ready> {
        let Some(dispatches) = dispatches(pass) else {
            return Ok(Ready { others: self.made(pass).cloned().unwrap_or_default(), ..Ready::default() });
        };
        let mut ready = Ready { others: dispatches.collects.map(|formed| self.collects(formed)).unwrap_or_default(), ..Ready::default() };
        let mut kernel = |rule: &dyn AnyRule, kernel: &Kernel| {
            let kernel = kernels.get(engine, pass, &dispatches, &Asked { rule, kernel, step_kind })?;
            ready.slots.extend(kernel.iter().flat_map(|kernel| kernel.slots.iter().map(|(slot, _)| *slot)));
            Ok(kernel)
        };
        let mut of_group = |over: &Kernel| kernel(&*config.groups[over.kind.group].rule, over);
        match dispatches.over {
            Over::Rows(purpose) => (ready.purpose, ready.rows) = (purpose, self.over_buckets(engine, purpose, of_group)?),
            Over::Lines(stage) => ready.others.push(self.over_lines(engine, stage, of_group)?),
            Over::Units => {
                let kernel = of_group(&alone(Kind::default(), engine.limits.division))?;
                ready.others.push(self.over_parameters(engine, 0, engine.tree.units.len() as u64, kernel)?);
            }
            Over::All => ready.others.push(self.over_parameters(engine, 0, 1, of_group(&in_one(engine))?)?),
            Over::Rule(rule) => {
                let kernel = kernel(&*engine.record.rules()[rule], &in_one(engine))?;
                ready.others.push(self.over_parameters(engine, rule, 1, kernel)?);
            }
        }
        Ok(ready)
    }

    /// A dispatch for each bucket that has a kernel for the pass.
    fn over_buckets(
        &self,
        engine: &Engine,
        purpose: Purpose,
        mut kernel: impl FnMut(&Kernel) -> Result<Option<Compiled>>,
    ) -> Result<Vec<OverRows>> {
        let Some(buckets) = self.buckets(purpose) else { return Ok(Vec::new()) };
        let rows = |(number, placed): (usize, &Placed)| {
            let Some(kernel) = kernel(&placed.bucket.kernel)? else { return Ok(None) };
            let window = |array: usize| {
                let window = placed.bucket.windows[array];
                (&self.buffers[window.buffer], window)
            };
            let mut known = Known::default();
            let bind = || self.bind_rows(engine, &kernel, (number, placed), &buckets.table, window);
            let bound = known.get(kernel.arrays().map(window), bind)?;
            Ok(Some(OverRows { number, dispatch: Dispatch::new(&kernel, bound, placed.workgroups), kernel, known }))
        };
        buckets.all().enumerate().map(rows).filter_map(Result::transpose).collect()
    }

    /// The rows of a bucket for a pass, with this table, and these windows for its arrays.
    pub(in crate::gpu) fn bind_rows<'a>(
        &'a self,
        engine: &'a Engine,
        kernel: &Compiled,
        (number, placed): (usize, &'a Placed),
        table: &'a Versions,
        window: impl Fn(usize) -> (&'a wgpu::Buffer, Window),
    ) -> Result<Bound> {
        kernel.bind(&engine.device, |slot| match slot {
            Resource::Rows => placed.rows(table),
            Resource::Array(index) => {
                let (buffer, window) = window(index);
                resource(buffer, window)
            }
            slot => self.resource(engine, slot, Of::Bucket(number, &placed.bucket)),
        })
    }

    /// A dispatch for each kind of tensors whose rows or columns a stage goes over.
    fn over_lines(
        &self,
        engine: &Engine,
        stage: usize,
        mut kernel: impl FnMut(&Kernel) -> Result<Option<Compiled>>,
    ) -> Result<Vec<Dispatch>> {
        let own = self.staged.lines.iter().filter(|lines| lines.stage == stage && lines.count > 0);
        let dispatch = |lines: &staged::Lines| {
            // A slice's rows may be few: software adapters go through all invocations of a workgroup, whatever these do.
            let Some(kernel) = kernel(&alone(lines.kind, engine.limits.division))? else { return Ok(None) };
            let bound = kernel.bind(&engine.device, |slot| self.resource(engine, slot, Of::Lines(lines)))?;
            Ok(Some(Dispatch::new(&kernel, bound, fold(lines.count, engine.limits.workgroups))))
        };
        own.map(dispatch).filter_map(Result::transpose).collect()
    }

    /// So many workgroups, for the parameters of the rule of this number.
    fn over_parameters(&self, engine: &Engine, rule: usize, workgroups: u64, kernel: Option<Compiled>) -> Result<Vec<Dispatch>> {
        let dispatch = |kernel: Compiled| {
            let bound = kernel.bind(&engine.device, |slot| self.resource(engine, slot, Of::Rule(rule)))?;
            Ok(Dispatch::new(&kernel, bound, fold(workgroups, engine.limits.workgroups)))
        };
        kernel.into_iter().map(dispatch).collect()
    }

    /// What a slot is for one dispatch.
    fn resource<'a>(&'a self, engine: &'a Engine, slot: Resource, of: Of<'a>) -> wgpu::BindingResource<'a> {
        let buffer = match (slot, of) {
            (Resource::States, Of::Bucket(_, bucket)) => {
                return bucket.state.and_then(|window| engine.pages.resource(window)).unwrap_or(engine.record.resource(slot));
            }
            (Resource::Lines, Of::Bucket(_, Bucket { lines: buffer, .. }) | Of::Lines(staged::Lines { buffer, .. })) => {
                engine.pages.lines(*buffer)
            }
            (Resource::Work, Of::Lines(lines)) => Some(&lines.work),
            (Resource::Sums(formed), of) => self.sums(formed, of),
            (Resource::Tiles(stage), of) => self.staged(stage, of).and_then(|(sums, part)| part_of(sums.tiles.as_ref()?, part)),
            (Resource::Tree(Formed::Stage(stage)), of) => self.staged(stage, of).and_then(|(sums, _)| Some(&sums.whole.as_ref()?.tree)),
            (Resource::Tree(_), _) => engine.record.sums.as_ref().map(|sums| &sums.tree),
            (Resource::Wish(view), _) => return self.wish(engine, view),
            _ => None,
        };
        buffer.map_or_else(|| engine.record.resource(slot), |buffer| buffer.as_entire_binding())
    }

    /// The sums that a dispatch forms, its part of them, or those that it reads.
    fn sums<'a>(&'a self, formed: Formed, of: Of<'a>) -> Option<&'a wgpu::Buffer> {
        let bucket = if let Of::Bucket(number, _) = of { Some(number) } else { None };
        match formed {
            Formed::Gradients => part_of(self.norms.as_ref()?, bucket),
            Formed::Update => part_of(self.moved.as_ref()?, bucket),
            Formed::Stage(stage) => self.staged(stage, of).and_then(|(sums, part)| part_of(&sums.whole.as_ref()?.parts, part)),
        }
    }

    /// The sums of a stage that a dispatch forms, and which part of them, or that it reads.
    fn staged(&self, stage: usize, of: Of<'_>) -> Option<(&staged::Sums, Option<usize>)> {
        match of {
            Of::Bucket(number, _) => self.staged.of_bucket(number, stage).map(|(sums, part)| (sums, Some(part))),
            Of::Lines(staged::Lines { rule, .. }) => self.staged.of_rule(*rule, stage).map(|sums| (sums, None)),
            Of::Rule(rule) => self.staged.of_rule(rule, stage).map(|sums| (sums, None)),
        }
    }

    /// What puts the parts of sums together.
    fn collects(&self, formed: Formed) -> Vec<Vec<Dispatch>> {
        match formed {
            Formed::Gradients => self.norms.iter().flat_map(Parts::collect).collect(),
            Formed::Update => self.moved.iter().flat_map(Parts::collect).collect(),
            Formed::Stage(stage) => self.staged.collects(stage),
        }
    }
}

/// A part of sums, or all of them.
fn part_of(parts: &Parts, part: Option<usize>) -> Option<&wgpu::Buffer> {
    part.map_or(Some(parts.table()), |part| parts.of(part))
}
