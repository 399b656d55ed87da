use std::collections::HashMap;

use super::{Group, Slot};
use crate::error::{Error, Result};
use crate::gpu::{Layout, Member, Param};
use crate::plan::{Arena, Limits, Segment, Unit};
use crate::rule::AnyRule;
use crate::step::{ACCUMULATED, Broadcast, Options, Setup};

/// What an optimizer is going to be: everything that can be decided without a device.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) setup: Setup,
    pub(super) slots: Vec<Slot>,
    pub(super) names: HashMap<String, usize>,
    pub(super) layout: Layout,
    pub(super) arena: Arena,
}

impl Draft {
    pub(super) fn new(options: Options) -> Result<Self> {
        let (slots, names, layout, arena) = (Vec::new(), HashMap::new(), Layout::default(), Arena::default());
        Ok(Draft { setup: Setup::new(options)?, slots, names, layout, arena })
    }

    /// One more group.
    pub(super) fn add(&mut self, group: Group, limits: &Limits) -> Result<()> {
        let number = self.setup.groups.len();
        let params = self.setup.add(group)?;
        let rule = self.setup.groups[number].rule.clone();
        let features = self.setup.features();
        let lanes = features.lanes(&*rule);
        let variant = self.variant(&*rule);
        for param in params {
            let elements = param.check()?;
            if self.names.insert(param.name.clone(), self.slots.len()).is_some() {
                return Err(Error::DuplicateName { param: param.name });
            }
            let block = self.setup.block(number, &param.name, param.lr_scale)?;
            let state = place(&mut self.arena, lanes.len(), &param, elements, limits)?;
            self.push_blocks();
            let record = self.layout.push_entry(&*rule, features.averages.len());
            let unit = self.unit(number, &param, elements, &state)?;
            let scale = scale(&*rule, &param)?;
            let member = Member { group: number, block, record, active: !param.frozen };
            self.slots.push(Slot { param, elements, variant, state, unit, scale, member });
        }
        self.push_blocks();
        Ok(())
    }

    fn push_blocks(&mut self) {
        for block in &self.setup.blocks.list[self.layout.hyper.len()..] {
            self.layout.push_block(&*block.rule);
        }
    }

    /// The kernel variant of a rule, numbered by the first group that has it: groups with one rule and the same states in use share kernels.
    fn variant(&self, rule: &dyn AnyRule) -> usize {
        let same = |other: &dyn AnyRule| other.is_like(rule) && other.active_states() == rule.active_states();
        self.setup.groups.iter().position(|group| same(&*group.rule)).unwrap_or_default()
    }

    /// The units of a parameter whose gradients are clipped adaptively.
    fn unit(&mut self, group: usize, param: &Param, elements: u64, state: &[Segment]) -> Result<Option<Unit>> {
        let Some(length) = self.setup.clip(group).unit(&param.shape) else { return Ok(None) };
        let length = u32::try_from(elements).and_then(|_| u32::try_from(length)).map_err(|_| Error::Limit {
            what: format!("{}: adaptive clipping", param.name),
            needed: elements,
            limit: "number of elements in 32 bits",
            allowed: u64::from(u32::MAX),
        })?;
        if self.setup.options.accumulates() && state.len() > 1 {
            let what =
                format!("{}: adaptive clipping reads {ACCUMULATED} in one binding, and the state is in {} parts", param.name, state.len());
            return Err(Error::Conflict { what });
        }
        Ok(Some(Unit { factors: self.layout.push_factors(elements / u64::from(length)), length }))
    }
}

fn place(arena: &mut Arena, lanes: usize, param: &Param, elements: u64, limits: &Limits) -> Result<Vec<Segment>> {
    let segments = arena.place(lanes, elements, limits);
    let large = segments.iter().map(|segment| segment.lanes * segment.stride).find(|&needed| needed > limits.buffer.min(limits.binding));
    match large {
        Some(needed) => {
            let (what, limit) = (format!("{}: its state", param.name), "max_storage_buffer_binding_size");
            Err(Error::Limit { what, needed, limit, allowed: limits.buffer.min(limits.binding) })
        }
        None => Ok(segments),
    }
}

fn scale(rule: &dyn AnyRule, param: &Param) -> Result<Option<Broadcast>> {
    let Some(scales) = &param.lr_scales else { return Ok(None) };
    if rule.tracks_values() {
        return Err(Error::ScaledState { param: param.name.clone(), rule: rule.name() });
    }
    Broadcast::new(&param.name, &param.shape, &scales.shape).map(Some)
}
