//! The caller's buffers: what a plan sees of them, and what may not overlap.

use std::collections::HashMap;

use super::Slot;
use crate::error::{Error, Result, Role};
use crate::gpu::{Binding, Param, check_binds};
use crate::plan::{self, Interval, Limits};
use crate::step::{Features, Setup};

/// What all parameters have in common, as a plan sees it.
pub(super) struct TensorView<'a> {
    pub(super) setup: &'a Setup,
    pub(super) features: &'a Features,
    pub(super) hyper: &'a [u32],
    pub(super) limits: &'a Limits,
}

impl TensorView<'_> {
    /// A parameter as a plan sees it.
    pub(super) fn tensor(&self, (index, slot): (usize, &Slot), buffers: &mut Buffers) -> plan::Tensor {
        let TensorView { setup, features, hyper, limits } = self;
        let rule = &*setup.groups[slot.member.group].rule;
        let has_lanes = !features.lanes_of_elements(rule, slot.kind.matrix).is_empty();
        let [rows, columns] = rule.line_sums(slot.kind.matrix);
        let tile_words = slot.tiles.map_or(0, |tiles| rows as u64 * tiles.tile_height + columns as u64 * tiles.tile_width);
        // Rows, record, state, and what is measured of the update, or, where gradients accumulate, the table of parameters; with several stages, sums; with
        // tiles, shapes, what their rows and columns have, and what they add to these.
        let staged = usize::from(rule.stages().len() > 1);
        let ours = 2 + usize::from(has_lanes) + staged.max(usize::from(features.measures_update || features.accumulates));
        let ours = ours + if slot.kind.tiled { 3 } else { 0 };
        let mut place = |binding: &Binding, elements: u64, written| binding.place(buffers.number(binding.buffer()), 4 * elements, written);
        plan::Tensor {
            len: slot.elements,
            group: slot.member.group,
            kind: slot.kind,
            arrays: limits.arrays(ours),
            zero_grad: setup.options.zero_grad,
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
            tiles: slot.tiles,
            tile_words: tile_words as u32,
            lines: slot.lines,
        }
    }
}

/// What of a parameter may overlap.
const ROLES: [Role; 3] = [Role::Value, Role::Gradient, Role::LrScales];

/// No step may write what another parameter, or the same one's gradient, occupies; nor read scales from a buffer in which it writes values or gradients.
/// It writes scales that follow a schedule.
pub(super) fn check_buffers(setup: &Setup, slots: &[Slot]) -> Result<()> {
    let mut buffers = Buffers::default();
    let mut intervals = Vec::new();
    let is_written = |role: Role| role == Role::Value || setup.options.zero_grad;
    for (index, Slot { param, elements, .. }) in slots.iter().enumerate() {
        let owner = |role| ROLES.len() * index + ROLES.iter().position(|&known| known == role).unwrap_or_default();
        for (role, binding) in [(Role::Value, &param.value), (Role::Gradient, &param.gradient)] {
            let (buffer, start) = (buffers.number(binding.buffer()), binding.offset());
            // With its padding, which kernels and `zero_grad` may write.
            let end = start + binding.room(4 * elements);
            // An empty tensor without padding overlaps nothing, wherever it is.
            if start < end {
                intervals.push(Interval { buffer, start, end, written: is_written(role), owner: owner(role) });
            }
        }
        for (number, scales) in param.lr_scale_schedules.iter().filter_map(|(number, _)| Some((*number as u64, param.lr_scales.as_ref()?)))
        {
            let (buffer, start) = (buffers.number(scales.binding.buffer()), scales.binding.offset() + 4 * number);
            intervals.push(Interval { buffer, start, end: start + 4, written: true, owner: owner(Role::LrScales) });
        }
    }
    check_scales(&mut buffers, slots, [Role::Value, Role::Gradient].into_iter().filter(|&role| is_written(role)))?;
    let Some((first, second)) = plan::overlap(intervals) else { return Ok(()) };
    let describe = |owner: usize| (slots[owner / ROLES.len()].param.name.clone(), ROLES[owner % ROLES.len()]);
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

/// The error with the name of the parameter whose buffer wgpu refuses, if one is behind it.
pub(super) fn named(device: &wgpu::Device, slots: &[Slot], error: Error) -> Error {
    let bindings = slots.iter().flat_map(|Slot { param, .. }| param.bindings().map(move |(role, binding)| (&*param.name, role, binding)));
    error.of_first_refused(bindings.map(|(param, role, binding)| (param, role, check_binds(device, binding.buffer()))))
}

fn binding(slot: &Slot, role: Role) -> &Binding {
    if role == Role::Value { &slot.param.value } else { &slot.param.gradient }
}

/// The caller's buffers, numbered for the plan.
#[derive(Default)]
pub(super) struct Buffers {
    numbers: HashMap<wgpu::Buffer, usize>,
    buffers: Vec<wgpu::Buffer>,
}

impl Buffers {
    pub(super) fn number(&mut self, buffer: &wgpu::Buffer) -> usize {
        *self.numbers.entry(buffer.clone()).or_insert_with(|| {
            self.buffers.push(buffer.clone());
            self.buffers.len() - 1
        })
    }

    /// The buffers by their numbers.
    pub(super) fn into_list(self) -> Vec<wgpu::Buffer> {
        self.buffers
    }
}
