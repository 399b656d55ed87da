//! Scales of the learning rate that follow schedules: a dispatch for each parameter that has some, between `prepare` and the updates.

use super::buffers::table;
use super::{Binding, Dispatch, Engine, Param, resource};
use crate::error::Result;
use crate::program::Window;
use crate::schedule::Schedule;
use crate::wgsl::{self, Resource};

/// What writes the scheduled scales of all parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scales {
    dispatches: Vec<Dispatch>,
}

impl Scales {
    /// For these parameters, whose scales have been checked.
    pub(crate) fn new<'a>(engine: &Engine, params: impl Iterator<Item = &'a Param>) -> Result<Self> {
        let scheduled = params.filter(|param| !param.lr_scale_schedules.is_empty());
        let scheduled = scheduled.filter_map(|param| Some((&param.lr_scales.as_ref()?.binding, &param.lr_scale_schedules[..])));
        Ok(Scales { dispatches: scheduled.map(|(scales, schedules)| dispatch(engine, scales, schedules)).collect::<Result<_>>()? })
    }

    /// A dispatch for each parameter that has some: the dispatches of one list need those of the one before.
    pub(crate) fn into_dispatches(self) -> Vec<Vec<Dispatch>> {
        if self.dispatches.is_empty() { Vec::new() } else { vec![self.dispatches] }
    }
}

fn dispatch(engine: &Engine, binding: &Binding, all: &[(usize, Schedule)]) -> Result<Dispatch> {
    let start = binding.offset() - binding.offset() % engine.limits.alignment;
    let first = ((binding.offset() - start) / 4) as u32;
    let (mut words, mut scheduled): (Vec<u32>, Vec<[u32; 2]>) = (Vec::new(), Vec::new());
    for (index, schedule) in all {
        scheduled.push([first + *index as u32, words.len() as u32]);
        words.extend(schedule.words());
    }
    let (device, invocations) = (&engine.device, engine.limits.workgroup);
    let scheduled = table(device, "the table of scheduled scales", &scheduled)?;
    let schedules = table(device, "the table of schedules", &words)?;
    let window = Window { buffer: 0, offset: start, size: binding.offset() - start + 4 * binding.elements() };
    let kernel = engine.pipelines.get("scales", wgsl::scales(invocations))?;
    let bound = kernel.bind(device, |slot| match slot {
        Resource::Scheduled => scheduled.as_entire_binding(),
        Resource::Schedules => schedules.as_entire_binding(),
        Resource::Whole => resource(binding.buffer(), window),
        slot => engine.record.resource(slot),
    })?;
    Ok(Dispatch::new(&kernel, bound, (1, 1)))
}
