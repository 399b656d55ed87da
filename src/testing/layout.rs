//! `Style`: the ways in which a scene lays out parameters in buffers.

use super::Failure;
use crate::adapter::Gpu;
use crate::cpu::CpuParam;
use crate::storage::Format;
use crate::{Binding, Dtype, LrScales, Param, RowMask, Tensors};

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
    let CpuParam { value_dtype, gradient_dtype, rounding, master, .. } = *own;
    let stored = Param { value_dtype, gradient_dtype, rounding, master, ..param };
    Param { shape: own.shape.clone(), lr_scale: own.lr_scale, lr_scales, lr_scale_schedules, row_mask, frozen: own.frozen, ..stored }
}

/// The words of numbers that are stored so, and the numbers that these are then.
#[doc(hidden)]
pub fn stored(dtype: Dtype, numbers: &[f32]) -> (Vec<u32>, Vec<f32>) {
    let format = dtype.format(false);
    let words = format.encode(numbers, &[]);
    let read = format.decode(&words, &[], numbers.len());
    (words, read)
}

/// What numbers of a tensor are in a buffer, and how many.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub(super) format: Format,
    pub(super) len: usize,
}

impl Numbers {
    /// The values of a parameter, and its gradient.
    pub(super) fn of(own: &CpuParam) -> [Self; 2] {
        let len = own.shape.iter().product();
        [own.value_dtype, own.gradient_dtype].map(|dtype| Numbers { format: dtype.format(false), len })
    }

    /// Whole words.
    pub(super) fn words(&self) -> usize {
        (self.format.bytes(self.len as u64) / 4) as usize
    }

    /// Writes them into these words, whose last half stays where it is beside an odd last one.
    pub(super) fn put(&self, words: &mut [u32], data: &[f32]) {
        let codes = self.format.encode(data, &[]);
        let last = if self.is_odd() { words.last().map(|word| word & 0xffff_0000) } else { None };
        words[..codes.len()].copy_from_slice(&codes);
        words.last_mut().into_iter().zip(last).for_each(|(word, last)| *word = *word & 0xffff | last);
    }

    /// Whether a half lies beside the last one that is nobody's.
    fn is_odd(&self) -> bool {
        self.format.bits() == 16 && !self.len.is_multiple_of(2)
    }

    /// The numbers in these words.
    pub(super) fn take(&self, words: &[u32]) -> Vec<f32> {
        self.format.decode(&words[..self.words()], &[], self.len)
    }

    /// What these numbers are once they are stored.
    pub(super) fn stored(&self, data: &[f32]) -> Vec<f32> {
        self.format.decode(&self.format.encode(data, &[]), &[], data.len())
    }
}

/// Buffers, where values and gradients of each parameter are in them, and the parameters.
pub(super) type Layout = (Vec<wgpu::Buffer>, Vec<(Place, Place)>, Vec<Param>);

/// `all` are the numbers of values and gradients; of one dtype each where the crate allocates them.
pub(super) fn lay_out(gpu: &Gpu, style: Style, names: &[String], all: &[[Numbers; 2]], own: &[&CpuParam]) -> Result<Layout, Failure> {
    if style == Style::Tensors {
        let dtypes = own.first().map(|own| (own.value_dtype, own.gradient_dtype)).unwrap_or_default();
        if own.iter().any(|own| (own.value_dtype, own.gradient_dtype) != dtypes) {
            return Err("the crate's allocator has values of one dtype, and gradients of one".into());
        }
        let tensors = Tensors::with_dtypes(&gpu.device, dtypes, names.iter().zip(all.iter().map(|[values, _]| [values.len])))?;
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
    let words: Vec<[usize; 2]> = all.iter().map(|both| both.map(|numbers| numbers.words())).collect();
    let mut places: Vec<(Place, Place)> = words
        .iter()
        .enumerate()
        .map(|(index, &[values, gradients])| match style {
            Style::Separate => (place(2 * index, 0, values), place(2 * index + 1, 0, gradients)),
            Style::Packed => (place(0, 1, values), place(1, 2, gradients)),
            _ => (place(0, 1, values), if style == Style::Single { place(0, 1, gradients) } else { (0, 0) }),
        })
        .collect();
    if style == Style::Far {
        place(0, 40_000, 0);
        for (places, &[_, gradients]) in places.iter_mut().zip(&words) {
            places.1 = place(0, 3, gradients);
        }
    }
    use wgpu::BufferUsages as Usage;
    let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    let buffer = |&end: &usize| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * end as u64, usage, mapped_at_creation: false })
    };
    let buffers: Vec<wgpu::Buffer> = ends.iter().map(buffer).collect();
    let binding = |(buffer, at): Place, len: usize| Binding::new(&buffers[buffer], 4 * at as u64, 4 * len as u64);
    let param = |((name, own), &(value, gradient)): ((&String, &[Numbers; 2]), &(Place, Place))| {
        let [values, gradients] = own.map(|numbers| numbers.words());
        Param::new(name, &[own[0].len], binding(value, values), binding(gradient, gradients))
    };
    let params = names.iter().zip(all).zip(&places).map(param).collect();
    Ok((buffers, places, params))
}
