use std::collections::HashMap;

use super::{Group, Optimizer, Slot};
use crate::error::{Error, Result, Role};
use crate::gpu::{Binding, Engine, Layout, Member, Param, Passes, limits};
use crate::plan::{self, Arena, Interval, Limits};
use crate::rule::AnyRule;

impl Optimizer {
    /// An optimizer with one rule for all parameters. The queue must be the device's own: wgpu tells nobody else but the other device's
    /// error handler.
    pub fn new(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        rule: impl Into<Box<dyn AnyRule>>,
        params: impl IntoIterator<Item = Param>,
    ) -> Result<Self> {
        Self::with_groups(device, queue, [Group::new(rule, params)])
    }

    /// An optimizer of several groups, each with its rule and hyper-parameters. Everything is checked here: after this, a step cannot
    /// fail.
    pub fn with_groups(device: &wgpu::Device, queue: &wgpu::Queue, groups: impl IntoIterator<Item = Group>) -> Result<Self> {
        let limits = limits(device);
        let groups: Vec<Group> = groups.into_iter().collect();
        for group in &groups {
            group.rule.validate()?;
        }
        let rules: Vec<Box<dyn AnyRule>> = groups.iter().map(|group| group.rule.clone()).collect();
        let variants = variants(&rules);
        let mut layout = Layout::new(rules.iter().map(|rule| &**rule));
        let mut arena = Arena::default();
        let mut slots = Vec::new();
        let mut names = HashMap::new();
        for (group, Group { rule, params }) in groups.into_iter().enumerate() {
            for param in params {
                let elements = param.check()?;
                if names.insert(param.name.clone(), slots.len()).is_some() {
                    return Err(Error::DuplicateName { param: param.name });
                }
                let variant = variants[group];
                let state = place_state(&mut arena, &*rule, variant, &param, elements, &limits)?;
                let member = Member { group, record: layout.push(&*rule), active: true };
                slots.push(Slot { param, elements, variant, state, member });
            }
        }
        if slots.is_empty() {
            return Err(Error::NoParameters);
        }
        check_overlap(&slots)?;
        let members: Vec<Member> = slots.iter().map(|slot| slot.member).collect();
        let mut engine = Engine::new(device, queue, &rules, layout, &arena, &members)?;
        let passes = passes(&mut engine, &rules, &slots)?;
        Ok(Optimizer { engine, rules, slots, names, passes })
    }
}

/// The kernel variant of each group, numbered by the first group that has it: groups with one rule and the same states in use share
/// kernels.
fn variants(rules: &[Box<dyn AnyRule>]) -> Vec<usize> {
    let same = |a: &dyn AnyRule, b: &dyn AnyRule| a.is_like(b) && a.active_states() == b.active_states();
    rules.iter().map(|rule| rules.iter().position(|first| same(&**first, &**rule)).unwrap_or_default()).collect()
}

fn place_state(
    arena: &mut Arena,
    rule: &dyn AnyRule,
    variant: usize,
    param: &Param,
    elements: u64,
    limits: &Limits,
) -> Result<Option<plan::Place>> {
    if rule.active_states().is_empty() {
        return Ok(None);
    }
    let place = arena.place(variant, elements, limits);
    if place.room > limits.buffer {
        let what = format!("{}: a state tensor", param.name);
        return Err(Error::Limit { what, needed: place.room, limit: "max_buffer_size", allowed: limits.buffer });
    }
    Ok(Some(place))
}

/// No step may write what another parameter, or the same one's gradient, occupies.
pub(super) fn check_overlap(slots: &[Slot]) -> Result<()> {
    let mut buffers = Buffers::default();
    let mut intervals = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        for (role, binding) in [(Role::Value, &slot.param.value), (Role::Gradient, &slot.param.gradient)] {
            let (buffer, start) = (buffers.number(binding.buffer()), binding.offset());
            let written = role == Role::Value;
            intervals.push(Interval { buffer, start, end: start + 4 * slot.elements, written, owner: 2 * index + usize::from(!written) });
        }
    }
    let Some((first, second)) = plan::overlap(intervals) else { return Ok(()) };
    let describe = |owner: usize| {
        let role = if owner.is_multiple_of(2) { Role::Value } else { Role::Gradient };
        (slots[owner / 2].param.name.clone(), role)
    };
    let ((first, first_role), (second, second_role)) = (describe(first), describe(second));
    Err(Error::Overlap { first, first_role, second, second_role })
}

/// The caller's buffers, numbered for the plan.
#[derive(Default)]
struct Buffers {
    numbers: HashMap<wgpu::Buffer, usize>,
    buffers: Vec<wgpu::Buffer>,
}

impl Buffers {
    fn number(&mut self, buffer: &wgpu::Buffer) -> usize {
        *self.numbers.entry(buffer.clone()).or_insert_with(|| {
            self.buffers.push(buffer.clone());
            self.buffers.len() - 1
        })
    }
}

/// The dispatches for parameters in these buffers.
pub(super) fn passes(engine: &mut Engine, rules: &[Box<dyn AnyRule>], slots: &[Slot]) -> Result<Passes> {
    let mut buffers = Buffers::default();
    let mut place = |binding: &Binding, slot: &Slot, role| binding.place(buffers.number(binding.buffer()), 4 * slot.elements, role);
    let tensor = |slot: &Slot| plan::Tensor {
        len: slot.elements,
        variant: slot.variant,
        value: place(&slot.param.value, slot, Role::Value),
        gradient: place(&slot.param.gradient, slot, Role::Gradient),
        state: slot.state,
        hyper: engine.layout.hyper[slot.member.group],
        record: slot.member.record,
    };
    let tensors: Vec<plan::Tensor> = slots.iter().map(tensor).collect();
    let buckets = plan::buckets(&tensors, &engine.limits).map_err(|needed| {
        let (what, limit) = ("a chunk of 4096 elements".to_owned(), "max_storage_buffer_binding_size");
        Error::Limit { what, needed, limit, allowed: engine.limits.binding }
    })?;
    Passes::new(engine, rules, &buckets, &buffers.buffers)
}
