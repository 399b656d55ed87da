//! What each pass binds: over the rows of buckets, over the rows or columns of tensors, and in single workgroups.

use super::kernels::Kernels;
use super::{Executor, OverRows, Ready};
use crate::error::Result;
use crate::gpu::buckets::Placed;
use crate::gpu::places::{Known, Versions};
use crate::gpu::{Bound, Compiled, Dispatch, Engine, Parts, fold, resource, staged};
use crate::program::{Bucket, Kernel, Pass, Window};
use crate::rule::Extent;
use crate::step::{Features, Setup};
use crate::wgsl::Resource;

impl Executor {
    /// A pass with everything that it binds.
    pub(super) fn bind(&self, kernels: &mut Kernels, engine: &Engine, setup: &Setup, features: &Features, pass: Pass) -> Result<Ready> {
        let mut ready = Ready::default();
        let mut kernel = |over: Option<&Kernel>| {
            let kernel = kernels.get(engine, setup, features, pass, over)?;
            ready.slots.extend(kernel.slots.iter().map(|(slot, _)| *slot));
            Ok(kernel)
        };
        match pass {
            Pass::Measure | Pass::Stage(_) | Pass::Update | Pass::Accumulate | Pass::Show => {
                ready.rows = self.over_buckets(engine, setup, pass, kernel)?;
            }
            Pass::Lines(stage) => ready.others = vec![self.over_lines(engine, stage, kernel)?],
            Pass::Coalesce => ready.others.clone_from(&self.coalesce),
            Pass::ScheduleScales => ready.others = vec![self.scales.dispatches().to_vec()],
            Pass::Prepare(_) | Pass::Resume { .. } | Pass::Count | Pass::Decide(_) => {
                ready.others = vec![vec![self.single(engine, pass, &kernel(None)?)?]];
            }
            Pass::Report => {
                let report = vec![self.single(engine, pass, &kernel(None)?)?];
                let parts = self.moved.iter().flat_map(|(parts, _)| parts.collect());
                ready.others = parts.chain([report]).collect();
            }
        }
        match (pass, &self.norms) {
            (Pass::Measure, Some(norms)) => ready.others = norms.collect().collect(),
            (Pass::Stage(stage), _) => {
                let own = self.staged.sums.iter().filter(|sums| sums.stage == stage);
                ready.others = own.flat_map(|sums| sums.collect()).collect();
            }
            _ => {}
        }
        Ok(ready)
    }

    /// A dispatch for each bucket that a pass goes over.
    fn over_buckets(
        &self,
        engine: &Engine,
        setup: &Setup,
        pass: Pass,
        mut kernel: impl FnMut(Option<&Kernel>) -> Result<Compiled>,
    ) -> Result<Vec<OverRows>> {
        let rule = |bucket: &Bucket| &*setup.groups[bucket.kernel.kind.group].rule;
        let goes_over = |bucket: &Bucket| match pass {
            // Where there is but one view, rules have no part in its changes.
            Pass::Show => !setup.options.averages().is_empty() || rule(bucket).has_views(),
            Pass::Stage(stage) => {
                let rule = rule(bucket);
                let is_earlier = stage + 1 < rule.stages().len() && rule.stages()[stage].over == Extent::Elements;
                is_earlier && rule.runs(stage, bucket.kernel.kind.matrix)
            }
            _ => true,
        };
        let stage = self.stage(pass);
        let rows = |(number, placed): (usize, &Placed)| {
            let kernel = kernel(Some(&placed.bucket.kernel))?;
            let window = |array: usize| {
                let window = placed.bucket.windows[array];
                (&self.buffers[window.buffer], window)
            };
            let mut known = Known::default();
            let bound = known.get(kernel.arrays().map(window), || self.bind_rows(engine, &kernel, (pass, number), &stage.table, window))?;
            Ok(OverRows { number, dispatch: Dispatch::new(&kernel, bound, placed.workgroups), kernel, known })
        };
        stage.buckets().enumerate().filter(|(_, placed)| goes_over(&placed.bucket)).map(rows).collect()
    }

    /// The rows of a bucket for a pass, with this table, and these windows for its arrays.
    pub(in crate::gpu) fn bind_rows<'a>(
        &'a self,
        engine: &'a Engine,
        kernel: &Compiled,
        (pass, number): (Pass, usize),
        table: &'a Versions,
        window: impl Fn(usize) -> (&'a wgpu::Buffer, Window),
    ) -> Result<Bound> {
        let placed = self.stage(pass).placed(number);
        kernel.bind(&engine.device, |slot| match slot {
            Resource::Rows => placed.rows(table),
            Resource::Array(index) => {
                let (buffer, window) = window(index);
                resource(buffer, window)
            }
            Resource::Sums | Resource::Tiles if pass != Pass::Measure => self.of_stage(engine, slot, pass, number),
            slot => self.of_bucket(engine, slot, number, &placed.bucket),
        })
    }

    /// Where a bucket puts the sums of a stage.
    fn of_stage<'a>(&'a self, engine: &'a Engine, slot: Resource, pass: Pass, number: usize) -> wgpu::BindingResource<'a> {
        let of = |sums: &'a staged::Sums| match slot {
            _ if pass != Pass::Stage(sums.stage) => None,
            Resource::Sums => sums.whole_of(number),
            _ => sums.tiles_of(number),
        };
        self.staged.sums.iter().find_map(of).unwrap_or(&engine.record.buffer).as_entire_binding()
    }

    /// A dispatch for each kind of tensors whose rows or columns a stage goes over.
    fn over_lines(
        &self,
        engine: &Engine,
        stage: usize,
        mut kernel: impl FnMut(Option<&Kernel>) -> Result<Compiled>,
    ) -> Result<Vec<Dispatch>> {
        let own = self.staged.lines.iter().filter(|lines| lines.stage == stage && lines.count > 0);
        let dispatch = |lines: &staged::Lines| {
            let over = Kernel { kind: lines.kind, division: engine.limits.division, arrays: Vec::new(), pairs: Vec::new() };
            let kernel = kernel(Some(&over))?;
            let tiles = self.staged.sums[lines.source].tiles.as_ref().map_or(&engine.record.buffer, |(tiles, _)| tiles);
            let bound = kernel.bind(&engine.device, |slot| match slot {
                Resource::Work => lines.work.as_entire_binding(),
                Resource::Tiles => tiles.as_entire_binding(),
                Resource::Lines => engine.pages.lines(lines.buffer).unwrap_or(&engine.record.buffer).as_entire_binding(),
                slot => engine.record.resource(slot),
            })?;
            Ok(Dispatch::new(&kernel, bound, fold(lines.count, engine.limits.workgroups)))
        };
        own.map(dispatch).collect()
    }

    /// What a bucket binds besides its rows.
    fn of_bucket<'a>(&'a self, engine: &'a Engine, slot: Resource, number: usize, bucket: &Bucket) -> wgpu::BindingResource<'a> {
        // Only a measurement has a slot for sums, and only an update one for what it moved.
        let part = |parts: Option<&'a Parts>| parts.and_then(|parts| parts.of(number)).unwrap_or(&engine.record.buffer);
        match slot {
            Resource::States => {
                bucket.state.and_then(|window| engine.pages.resource(window)).unwrap_or(engine.record.buffer.as_entire_binding())
            }
            Resource::Lines => engine.pages.lines(bucket.lines).unwrap_or(&engine.record.buffer).as_entire_binding(),
            Resource::Sums => part(self.norms.as_ref()).as_entire_binding(),
            Resource::Moved => part(self.moved.as_ref().map(|(parts, _)| parts)).as_entire_binding(),
            slot => engine.record.resource(slot),
        }
    }

    /// The sums that are finished after a stage, and how.
    fn of_resume<'a>(&'a self, engine: &'a Engine, slot: Resource, rule: usize, stage: usize) -> wgpu::BindingResource<'a> {
        let sums = self.staged.sums.iter().find(|sums| (sums.rule, sums.stage) == (rule, stage));
        let whole = sums.and_then(|sums| sums.whole.as_ref());
        let buffer = whole.map_or(&engine.record.buffer, |whole| if slot == Resource::Sums { &whole.sums } else { &whole.tree });
        buffer.as_entire_binding()
    }

    /// One workgroup that is not over rows.
    fn single(&self, engine: &Engine, pass: Pass, kernel: &Compiled) -> Result<Dispatch> {
        let bound = kernel.bind(&engine.device, |slot| match (slot, pass, &self.wishes, &self.moved) {
            (Resource::Wish, Pass::Decide(view), Some((wishes, stride)), _) => {
                resource(wishes, Window { buffer: 0, offset: u64::from(view) * stride, size: *stride })
            }
            (Resource::Moved, _, _, Some((_, table))) => table.as_entire_binding(),
            (Resource::Sums | Resource::Tree, Pass::Resume { rule, stage }, ..) => self.of_resume(engine, slot, rule, stage),
            (slot, ..) => engine.record.resource(slot),
        })?;
        Ok(Dispatch::new(kernel, bound, (1, 1)))
    }
}
