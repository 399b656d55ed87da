//! The caller's buffers: what a plan sees of them, and what may not overlap.

use std::collections::HashMap;

use super::Parameter;
use crate::error::{BufferRole, Error, Result};
use crate::gpu::{Bf16Copy, Binding, check_binds};
use crate::program::{self, Interval, Limits};
use crate::step::{Config, StepKind};
use crate::storage::salt;

/// What all parameters have in common, as a plan sees it.
pub(super) struct TensorView<'a> {
    pub(super) config: &'a Config,
    pub(super) step_kind: &'a StepKind,
    pub(super) hyper: &'a [u32],
    pub(super) limits: &'a Limits,
}

impl TensorView<'_> {
    /// A parameter as a plan sees it.
    pub(super) fn tensor(&self, (index, parameter): (usize, &Parameter), buffers: &mut Buffers) -> program::Tensor {
        let TensorView { config, step_kind, hyper, limits } = self;
        let rule = &*config.groups[parameter.member.group].rule;
        let lanes = step_kind.lanes_in_pages(rule, parameter.kind.keeps());
        let has_lanes = !lanes.is_empty();
        let tile_words = parameter.tiles.map_or(0, |tiles| tiles.words(rule.line_sums(parameter.kind.matrix)));
        // Rows, record, state, and what is measured of the update, or, where gradients accumulate, the table of parameters; with several stages, sums; with
        // tiles, shapes, what their rows and columns have, and what they add to these.
        let staged = usize::from(rule.is_staged(parameter.kind.matrix));
        let ours = 2 + usize::from(has_lanes) + staged.max(usize::from(step_kind.measures_update || step_kind.accumulates));
        let ours = ours + if parameter.kind.tiled { 3 } else { usize::from(parameter.kind.counted) };
        let param = &parameter.param;
        let value = param.place_of_values(buffers.number(param.value.buffer()), parameter.elements);
        let place_in = |buffers: &mut Buffers, binding: &Binding, elements: u64, written| {
            binding.place(buffers.number(binding.buffer()), 4 * elements, written)
        };
        let (sparse, rows) = (parameter.sparse.as_ref(), parameter.masked);
        let gradient = match sparse {
            Some(own) => place_in(buffers, &own.summed().into(), own.summed().size() / 4, true),
            None => param.place_of_gradients(buffers.number(param.gradient.buffer()), config.options.zero_grad),
        };
        let masks = parameter.param.row_mask.as_ref().map(|mask| mask.binding.clone()).or(sparse.map(|own| own.unique().into()));
        let mask = masks.zip(rows).map(|(binding, rows)| program::Mask {
            place: place_in(buffers, &binding, binding.elements(), false),
            row_length: rows.length,
        });
        let listed = sparse.map(|own| program::Listed { most: own.unique().size() / 4, elements: parameter.elements });
        program::Tensor {
            len: parameter.elements,
            room: parameter.param.room().ok().filter(|_| parameter.tiles.is_none()).unwrap_or(parameter.elements),
            group: parameter.member.group,
            kind: parameter.kind,
            arrays: limits.arrays(ours),
            zero_grad: config.options.zero_grad && parameter.sparse.is_none(),
            value,
            gradient,
            state: parameter.state.clone(),
            hyper: hyper[parameter.member.block],
            record: parameter.member.record,
            member: index as u32,
            scale: parameter.param.lr_scales.as_ref().zip(parameter.scale).map(|(scales, broadcast)| program::Scale {
                place: place_in(buffers, &scales.binding, u64::from(broadcast.period), false),
                length: broadcast.length,
                period: broadcast.period,
            }),
            mask,
            listed,
            copy: param.bf16_copy.as_ref().map(|copy| copy.place(buffers.number(copy.binding.buffer()), parameter.elements)),
            salt: param.bf16_copy.as_ref().map_or(param.storage().salt(&param.name), |copy| salt(copy.rounding, &param.name)),
            state_salt: parameter.kind.storage.salt(&parameter.param.name),
            granule: parameter.masked.map_or(1, |rows| rows.granule()),
            unit: parameter.unit,
            tiles: parameter.tiles,
            tile_words: tile_words as u32,
            lines: parameter.lines,
        }
    }
}

/// What of a parameter may overlap.
const ROLES: [BufferRole; 4] = [BufferRole::Value, BufferRole::Gradient, BufferRole::LrScales, BufferRole::Bf16Copy];

/// No step may write what another parameter, or the same one's gradient, occupies; nor read scales from a buffer in which it writes values or gradients.
/// It writes scales that follow a schedule.
pub(super) fn check_buffers(config: &Config, parameters: &[Parameter]) -> Result<()> {
    let mut buffers = Buffers::default();
    let mut intervals = Vec::new();
    let is_written = |role: BufferRole| role == BufferRole::Value || config.options.zero_grad;
    for (index, Parameter { param, elements, .. }) in parameters.iter().enumerate() {
        let owner = |role| ROLES.len() * index + ROLES.iter().position(|&known| known == role).unwrap_or_default();
        for (role, binding) in [(BufferRole::Value, &param.value), (BufferRole::Gradient, &param.gradient)] {
            let (buffer, start) = (buffers.number(binding.buffer()), binding.offset());
            // With its padding, which kernels and `zero_grad` may write.
            let bytes = if role == BufferRole::Value { param.bytes_of_values(*elements) } else { param.bytes_of_gradients() };
            let end = start + binding.room(bytes);
            // An empty tensor without padding overlaps nothing, wherever it is.
            if start < end {
                // A step clears no row-sparse gradient.
                let written = is_written(role) && (role == BufferRole::Value || param.sparse.is_none());
                intervals.push(Interval { buffer, start, end, written, owner: owner(role) });
            }
        }
        if let Some(copy) = param.bf16_copy.as_ref().filter(|_| *elements > 0) {
            let (buffer, start) = (buffers.number(copy.binding.buffer()), copy.binding.offset());
            let end = start + Bf16Copy::bytes(*elements);
            intervals.push(Interval { buffer, start, end, written: true, owner: owner(BufferRole::Bf16Copy) });
        }
        for (number, scales) in param.lr_scale_schedules.iter().filter_map(|(number, _)| Some((*number as u64, param.lr_scales.as_ref()?)))
        {
            let (buffer, start) = (buffers.number(scales.binding.buffer()), scales.binding.offset() + 4 * number);
            intervals.push(Interval { buffer, start, end: start + 4, written: true, owner: owner(BufferRole::LrScales) });
        }
    }
    let written = [BufferRole::Value, BufferRole::Gradient, BufferRole::Bf16Copy].into_iter();
    check_read(&mut buffers, parameters, written.filter(|&role| role == BufferRole::Bf16Copy || is_written(role)))?;
    let Some((first, second)) = program::overlap(intervals) else { return Ok(()) };
    let describe = |owner: usize| (parameters[owner / ROLES.len()].param.name.clone(), ROLES[owner % ROLES.len()]);
    let ((first, first_role), (second, second_role)) = (describe(first), describe(second));
    Err(Error::Overlap { first, first_role, second, second_role })
}

/// No scales and no masks lie in a buffer that a step writes in these roles.
fn check_read(buffers: &mut Buffers, parameters: &[Parameter], written: impl Iterator<Item = BufferRole>) -> Result<()> {
    let owners = written.flat_map(|role| parameters.iter().map(move |parameter| (parameter, role)));
    let owners = owners.filter(|(parameter, role)| *role != BufferRole::Gradient || parameter.sparse.is_none());
    let owner = |(parameter, role)| Some((buffers.number(binding(parameter, role)?.buffer()), (&parameter.param.name, role)));
    let owners = owners.filter_map(owner);
    let owners: HashMap<usize, (&String, BufferRole)> = owners.collect();
    for param in parameters.iter().map(|parameter| &parameter.param) {
        for (role, binding) in param.bindings().filter(|(role, _)| matches!(role, BufferRole::LrScales | BufferRole::RowMask)) {
            let Some((other, written)) = owners.get(&buffers.number(binding.buffer())) else { continue };
            let (name, theirs) = (&param.name, if role == BufferRole::LrScales { "are in the buffer" } else { "is in the buffer" });
            let what = format!("{name}: its {role} {theirs} of {other}'s {written}; WebGPU needs {} own", own(role));
            return Err(Error::Conflict { what });
        }
    }
    Ok(())
}

fn own(role: BufferRole) -> &'static str {
    if role == BufferRole::LrScales { "them in one of their" } else { "it in one of its" }
}

/// The error with the name of the parameter whose buffer wgpu refuses, if one is behind it.
pub(super) fn named(device: &wgpu::Device, parameters: &[Parameter], error: Error) -> Error {
    let bindings =
        parameters.iter().flat_map(|Parameter { param, .. }| param.bindings().map(move |(role, binding)| (&*param.name, role, binding)));
    error.of_first_refused(bindings.map(|(param, role, binding)| (param, role, check_binds(device, binding.buffer()))))
}

fn binding(parameter: &Parameter, role: BufferRole) -> Option<&Binding> {
    parameter.param.bindings().find(|(own, _)| *own == role).map(|(_, binding)| binding)
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
