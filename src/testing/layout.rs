//! `Style`: the ways in which a scene lays out parameters in buffers.

use super::Failure;
use crate::adapter::Gpu;
use crate::cpu::CpuParam;
use crate::{Binding, LrScales, Param, RowMask, Tensors};

/// What belongs to nobody in buffers of gradients only, where it is wrongly read or not at all.
pub(super) const POISON: f32 = f32::NAN;

/// How parameters lie in buffers.
///
/// ```
/// use wgpu_optim::adapter::Gpu;
/// use wgpu_optim::testing::{Outcome, STYLES, agrees};
/// use wgpu_optim::Adam;
///
/// /// Holds a rule against its twin in every layout of buffers.
/// fn agrees_everywhere(gpu: &Gpu) -> Outcome {
///     STYLES.into_iter().try_for_each(|style| agrees(gpu, &Adam::default(), style))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The crate's own allocator.
    Tensors,
    /// Each tensor in a buffer of its own, exactly as long.
    Separate,
    /// All values in one buffer, all gradients in another, with one sentinel between tensors, so at any offset.
    Packed,
    /// Everything in one buffer, values and gradients in turn.
    Single,
    /// Everything in one buffer, first all values, then, more than 64 KiB further, all gradients.
    Far,
}

/// All of them.
pub const STYLES: [Style; 5] = [Style::Tensors, Style::Separate, Style::Packed, Style::Single, Style::Far];

/// Where a tensor is: buffer and first element.
pub(super) type Place = (usize, usize);

/// The parameter with shape, scales and all that its description has.
pub(super) fn described(gpu: &Gpu, param: Param, own: &CpuParam) -> Param {
    // An odd place in a buffer that begins and ends with poison.
    let apart = |words: &[u32]| {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let contents = [&[POISON.to_bits(); 3], words, &[POISON.to_bits()]].concat();
        let size = 4 * contents.len() as u64;
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
        gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&contents));
        Binding::new(&buffer, 12, 4 * words.len() as u64)
    };
    let scales = own.lr_scales.as_ref();
    let lr_scales = scales.map(|(scales, shape)| LrScales { binding: apart(bytemuck::cast_slice(scales)), shape: shape.clone() });
    let row_mask = own.row_mask.as_ref().map(|words| RowMask { binding: apart(&words.words), own_steps: words.own_steps });
    let lr_scale_schedules = own.lr_scale_schedules.clone();
    Param { shape: own.shape.clone(), lr_scale: own.lr_scale, lr_scales, lr_scale_schedules, row_mask, frozen: own.frozen, ..param }
}

/// Buffers, where values and gradients of each parameter are in them, and the parameters.
pub(super) type Layout = (Vec<wgpu::Buffer>, Vec<(Place, Place)>, Vec<Param>);

pub(super) fn lay_out(gpu: &Gpu, style: Style, names: &[String], lens: &[usize]) -> Result<Layout, Failure> {
    if style == Style::Tensors {
        let tensors = Tensors::new(&gpu.device, names.iter().zip(lens.iter().map(|&len| [len])))?;
        let params = tensors.params();
        let mut buffers: Vec<wgpu::Buffer> = Vec::new();
        let mut place = |binding: &Binding| {
            let index = buffers.iter().position(|buffer| buffer == binding.buffer()).unwrap_or_else(|| {
                buffers.push(binding.buffer().clone());
                buffers.len() - 1
            });
            (index, binding.offset() as usize / 4)
        };
        let places = params.iter().map(|param| (place(&param.value), place(&param.gradient))).collect();
        return Ok((buffers, places, params));
    }
    let mut ends: Vec<usize> = Vec::new();
    let mut place = |buffer: usize, gap: usize, len: usize| {
        ends.resize(ends.len().max(buffer + 1), 0);
        let at = ends[buffer] + gap;
        ends[buffer] = at + len + gap;
        (buffer, at)
    };
    let mut places: Vec<(Place, Place)> = lens
        .iter()
        .enumerate()
        .map(|(index, &len)| match style {
            Style::Separate => (place(2 * index, 0, len), place(2 * index + 1, 0, len)),
            Style::Packed => (place(0, 1, len), place(1, 2, len)),
            _ => (place(0, 1, len), if style == Style::Single { place(0, 1, len) } else { (0, 0) }),
        })
        .collect();
    if style == Style::Far {
        place(0, 40_000, 0);
        for (places, &len) in places.iter_mut().zip(lens) {
            places.1 = place(0, 3, len);
        }
    }
    use wgpu::BufferUsages as Usage;
    let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    let buffer = |&end: &usize| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * end as u64, usage, mapped_at_creation: false })
    };
    let buffers: Vec<wgpu::Buffer> = ends.iter().map(buffer).collect();
    let binding = |(buffer, at): Place, len: usize| Binding::new(&buffers[buffer], 4 * at as u64, 4 * len as u64);
    let param = |((name, &len), &(value, gradient)): ((&String, &usize), &(Place, Place))| {
        Param::new(name, &[len], binding(value, len), binding(gradient, len))
    };
    let params = names.iter().zip(lens).zip(&places).map(param).collect();
    Ok((buffers, places, params))
}
