use std::collections::HashMap;
use std::sync::Arc;

use super::draft::Draft;
use super::{Group, Optimizer, Slot, zero};
use crate::error::{Error, Result, Role};
use crate::gpu::{Binding, Engine, Kernels, Member, Pages, Param, Passes, Record, limits};
use crate::plan::{self, Interval, Levels, Plan, Tree, Units};
use crate::rule::AnyRule;
use crate::step::{Options, Setup};

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
        Self::with_options(device, queue, groups, Options::default())
    }

    /// The same with steps that do more than their rules: see [`Options`].
    pub fn with_options(
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        groups: impl IntoIterator<Item = Group>,
        options: Options,
    ) -> Result<Self> {
        let limits = limits(device);
        let mut draft = Draft::new(options)?;
        groups.into_iter().try_for_each(|group| draft.add(group, &limits))?;
        if draft.slots.is_empty() {
            return Err(Error::NoParameters);
        }
        let Draft { setup, slots, names, layout, arena } = draft;
        check_buffers(&setup, &slots)?;
        let (update, measure, buffers) = plans(&setup, &layout.hyper, &slots, &limits)?;
        let tree = tree(&setup, &slots, &measure);
        let mut pages = Pages::default();
        pages.extend(device, &arena.pages)?;
        let record = Record::new(device, &setup, &layout, &members(&slots), &tree)?;
        let (device, queue, kernels) = (device.clone(), queue.clone(), Kernels::default());
        let mut engine = Engine { device, queue, limits, layout, arena, pages, tree, record, kernels };
        let passes = Passes::new(&mut engine, &setup, update, measure, buffers)?;
        let (clears, ring) = (zero::clears(&slots), Default::default());
        let labels = labels(&slots);
        Ok(Optimizer { engine, setup, slots, names, labels, passes, clears, ring })
    }

    /// One more group. What it costs is as if the optimizer were made anew, but all that it keeps of the other parameters stays.
    ///
    /// The encoder takes over the step counts to a larger table, so it has to be submitted before steps recorded from now on, and after those
    /// recorded until now; both may be in this same encoder. It takes over what `write_steps` and `write_scalars` write until then, and none later.
    pub fn add_group(&mut self, encoder: &mut wgpu::CommandEncoder, group: Group) -> Result<()> {
        let Self { engine, setup, slots, names, .. } = &*self;
        let own = |param: &&Param| [&param.value, &param.gradient].into_iter().any(|binding| engine.pages.own(binding.buffer()));
        if let Some(param) = group.params.iter().find(own) {
            return Err(Error::OwnState { param: param.name.clone() });
        }
        let mut arena = engine.arena.clone();
        arena.close();
        let mut draft = Draft { setup: setup.clone(), slots: slots.clone(), names: names.clone(), layout: engine.layout.clone(), arena };
        draft.add(group, &engine.limits)?;
        let Draft { setup, slots, names, layout, arena } = draft;
        check_buffers(&setup, &slots)?;
        let (update, measure, buffers) = plans(&setup, &layout.hyper, &slots, &engine.limits)?;
        let tree = tree(&setup, &slots, &measure);
        let mut next = Engine { layout, arena, tree, ..engine.clone() };
        next.pages.extend(&next.device, &next.arena.pages)?;
        let status = engine.record.status.clone();
        next.record = Record::with_status(&next.device, &setup, &next.layout, &members(&slots), &next.tree, status)?;
        if setup.features() != self.setup.features() {
            next.kernels = Kernels::default();
        }
        let passes = Passes::new(&mut next, &setup, update, measure, buffers)?;
        let (old, new) = (&engine.record.buffer, &next.record.buffer);
        encoder.copy_buffer_to_buffer(old, 0, new, 0, old.size());
        let (clears, ring) = (zero::clears(&slots), core::mem::take(&mut self.ring));
        let labels = labels(&slots);
        *self = Optimizer { engine: next, setup, slots, names, labels, passes, clears, ring };
        Ok(())
    }

    /// Plans everything anew for parameters in other places.
    pub(super) fn replan(&mut self, slots: Vec<Slot>) -> Result<()> {
        check_buffers(&self.setup, &slots)?;
        let mut engine = self.engine.clone();
        let (update, measure, buffers) = plans(&self.setup, &engine.layout.hyper, &slots, &engine.limits)?;
        engine.tree = tree(&self.setup, &slots, &measure);
        if self.setup.features().measures {
            engine.record = engine.record.measuring(&engine.device, &self.setup, &engine.layout, &members(&slots), &engine.tree)?;
        }
        self.passes = Passes::new(&mut engine, &self.setup, update, measure, buffers)?;
        self.clears = zero::clears(&slots);
        (self.engine, self.slots) = (engine, slots);
        Ok(())
    }
}

fn labels(slots: &[Slot]) -> Arc<[String]> {
    slots.iter().map(|slot| slot.param.name.clone()).collect()
}

pub(super) fn members(slots: &[Slot]) -> Vec<Member> {
    slots.iter().map(|slot| slot.member).collect()
}

/// No step may write what another parameter, or the same one's gradient, occupies; nor read scales from a buffer that it writes.
fn check_buffers(setup: &Setup, slots: &[Slot]) -> Result<()> {
    let mut buffers = Buffers::default();
    let mut intervals = Vec::new();
    let is_written = |role: Role| role == Role::Value || setup.options.zero_grad;
    for (index, slot) in slots.iter().enumerate() {
        for (role, binding) in [(Role::Value, &slot.param.value), (Role::Gradient, &slot.param.gradient)] {
            let (buffer, start, owner) = (buffers.number(binding.buffer()), binding.offset(), 2 * index + usize::from(role != Role::Value));
            // With its padding, which kernels and `zero_grad` may write.
            let end = start + binding.room(4 * slot.elements);
            intervals.push(Interval { buffer, start, end, written: is_written(role), owner });
        }
    }
    check_scales(&mut buffers, slots, [Role::Value, Role::Gradient].into_iter().filter(|&role| is_written(role)))?;
    let Some((first, second)) = plan::overlap(intervals) else { return Ok(()) };
    let describe = |owner: usize| {
        let role = if owner.is_multiple_of(2) { Role::Value } else { Role::Gradient };
        (slots[owner / 2].param.name.clone(), role)
    };
    let ((first, first_role), (second, second_role)) = (describe(first), describe(second));
    Err(Error::Overlap { first, first_role, second, second_role })
}

/// No scales lie in a buffer that a step writes in these roles.
fn check_scales(buffers: &mut Buffers, slots: &[Slot], written: impl Iterator<Item = Role>) -> Result<()> {
    let owners = written.flat_map(|role| slots.iter().map(move |slot| (slot, role)));
    let owners = owners.map(|(slot, role)| (buffers.number(binding(slot, role).buffer()), (&slot.param.name, role)));
    let owners: HashMap<usize, (&String, Role)> = owners.collect();
    for Param { name, lr_scales, .. } in slots.iter().map(|slot| &slot.param) {
        let owner = lr_scales.as_ref().and_then(|scales| owners.get(&buffers.number(scales.binding.buffer())));
        if let Some((other, role)) = owner {
            let what = format!("{name}: its lr_scales are in the buffer of {other}'s {role}; WebGPU needs them in one of their own");
            return Err(Error::Conflict { what });
        }
    }
    Ok(())
}

fn binding(slot: &Slot, role: Role) -> &Binding {
    if role == Role::Value { &slot.param.value } else { &slot.param.gradient }
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

/// The plans of update and measurement for parameters in these buffers, and the buffers.
fn plans(setup: &Setup, hyper: &[u32], slots: &[Slot], limits: &plan::Limits) -> Result<(Plan, Plan, Vec<wgpu::Buffer>)> {
    let mut buffers = Buffers::default();
    let mut place = |binding: &Binding, elements: u64, written| binding.place(buffers.number(binding.buffer()), 4 * elements, written);
    let tensor = |(index, slot): (usize, &Slot)| plan::Tensor {
        len: slot.elements,
        variant: slot.variant,
        value: place(&slot.param.value, slot.elements, true),
        gradient: place(&slot.param.gradient, slot.elements, setup.options.zero_grad),
        state: slot.state.clone(),
        hyper: hyper[slot.member.block],
        record: slot.member.record,
        member: index as u32,
        scale: slot.param.lr_scales.as_ref().zip(slot.scale).map(|(scales, broadcast)| plan::Scale {
            place: place(&scales.binding, u64::from(broadcast.period), false),
            length: broadcast.length,
            period: broadcast.period,
        }),
        unit: slot.unit,
    };
    let tensors: Vec<plan::Tensor> = slots.iter().enumerate().map(tensor).collect();
    let too_large = |needed| {
        let (what, limit) = ("a chunk of 4096 elements".to_owned(), "max_storage_buffer_binding_size");
        Error::Limit { what, needed, limit, allowed: limits.binding }
    };
    let update = plan::plan(&tensors, limits).map_err(too_large)?;
    let features = setup.features();
    let measure = match features.measures {
        true => plan::measures(&tensors, features.accumulates, limits).map_err(too_large)?,
        false => Plan { buckets: Vec::new(), partials: Vec::new() },
    };
    Ok((update, measure, buffers.buffers))
}

/// How the sums of what is measured become those of parameters, groups and all.
fn tree(setup: &Setup, slots: &[Slot], measure: &Plan) -> Tree {
    let mut levels = Levels::new(measure.partials.iter().map(|range| range.end).max().unwrap_or_default());
    let mut units = Vec::new();
    let mut tops = Vec::new();
    for ((index, slot), partials) in slots.iter().enumerate().zip(&measure.partials) {
        let Some(unit) = slot.unit else {
            tops.push(partials.clone());
            continue;
        };
        let own = Units::new(slot.elements, u64::from(unit.length)).slots(&mut levels, partials.clone(), u64::from(unit.length));
        units.push([index as u32, own.start, own.len() as u32, unit.factors]);
        tops.push(own);
    }
    let count = |group| slots.iter().filter(|slot| slot.member.group == group).count();
    let groups: Vec<usize> = (0..setup.groups.len()).map(count).collect();
    Tree { units, ..Tree::new(levels, &tops, &groups) }
}
