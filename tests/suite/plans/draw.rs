//! Random tensors, limits and layouts, and where tensors move.

use proptest::prelude::*;
use wgpu_optim::program::{Division, Kind, Limits, Mask, Place, Scale, Tensor, Unit};

use super::tensor;

#[derive(Clone, Debug)]
pub(super) struct Draw {
    pub(super) limits: Limits,
    pub(super) lens: Vec<u64>,
    pub(super) gaps: Vec<u64>,
    pub(super) gradients: u8,
    pub(super) distance: u64,
    pub(super) lanes: usize,
    /// Per tensor: not scaled, by element, by row or by column, in rows of so many elements; and clipped in units of so many.
    pub(super) rows: Vec<u32>,
    pub(super) scales: Vec<u8>,
    /// Per tensor: whether its rows have a mask.
    pub(super) masks: Vec<bool>,
    pub(super) units: bool,
    pub(super) zero_grad: bool,
}

pub(super) fn draw() -> impl Strategy<Value = Draw> {
    let bindings = prop::sample::select(vec![40_000_u64, 64 << 10, 1 << 20]);
    let limits = (bindings, prop::sample::select(vec![16_u64, 32, 256]), 2..30_u64, 6..40_usize, any::<bool>());
    let limits = limits.prop_map(|(binding, alignment, workgroups, buffers, software)| {
        let division = if software { Division::SOFTWARE } else { Division::GPU };
        Limits { binding, alignment, workgroups, buffer: 200_000, buffers, workgroup: 256, division }
    });
    let lens = prop::collection::vec(prop_oneof![1..40_u64, 4090..4100_u64, 1..40_000_u64], 1..12);
    let gaps = prop::collection::vec(0..9_u64, 12);
    let rows = prop::collection::vec(prop_oneof![1..40_u32, 500..530_u32, 4000..9000_u32], 12);
    let masks = prop::collection::vec(any::<bool>(), 12);
    let more = (rows, prop::collection::vec(0..4_u8, 12), masks, any::<bool>(), any::<bool>());
    (limits, lens, gaps, 0..4_u8, 0..40_000_u64, 0..4_usize, more).prop_map(|(limits, lens, gaps, gradients, distance, lanes, more)| {
        let (rows, scales, masks, units, zero_grad) = more;
        Draw { limits, lens, gaps, gradients, distance, lanes, rows, scales, masks, units, zero_grad }
    })
}

/// Gradients in another buffer (0), in turn with the values (1), after all of them (2), or all in buffers of their own (3).
pub(super) fn lay_out(draw: &Draw) -> Vec<Tensor> {
    let (mut at, mut tensors) = (0, Vec::new());
    for (index, (&len, gap)) in draw.lens.iter().zip(&draw.gaps).enumerate() {
        let value = (0, at + 4 * gap);
        at = value.1 + 4 * len;
        let mut gradient = (1, value.1 + 4 * gap);
        if draw.gradients == 1 {
            gradient = (0, at);
            at += 4 * len;
        }
        let own = 10 + 2 * index;
        let (value, gradient) = if draw.gradients == 3 { ((own, 4 * gap), (own + 1, 4 * gap)) } else { (value, gradient) };
        // Whole rows.
        let row = draw.rows[index].min(len as u32);
        let len = len - len % u64::from(row);
        let own = tensor(index as u32, len, value, gradient);
        let scale = |length, period: u32| {
            Some(Scale { place: Place { buffer: 7, offset: 12, room: 4 * u64::from(period), ..Place::default() }, length, period })
        };
        let scale = match draw.scales[index] {
            0 => None,
            1 => scale(1, len as u32),
            2 => scale(row, len as u32 / row),
            _ => scale(1, row),
        };
        let unit = draw.units.then_some(Unit { factors: 0, length: row });
        let whole_units = draw.units && row.is_multiple_of(4);
        let words = 4 * (len / u64::from(row));
        let place = Place { buffer: 8, offset: 20 * index as u64, room: words, ..Place::default() };
        let mask = draw.masks[index].then_some(Mask { place, row_length: row });
        let whole_rows = mask.is_some() && row.is_multiple_of(4);
        let kind =
            Kind { scaled: scale.is_some(), masked: mask.is_some(), whole_rows, adaptive: draw.units, whole_units, ..Kind::default() };
        tensors.push(Tensor { kind, arrays: draw.limits.arrays(3), zero_grad: draw.zero_grad, scale, mask, unit, ..own });
    }
    if draw.gradients == 2 {
        let mut at = at + 4 * draw.distance;
        for tensor in &mut tensors {
            tensor.gradient = Place { buffer: 0, offset: at, ..tensor.gradient };
            at += 4 * tensor.len;
        }
    }
    tensors
}

/// By how many elements all values and all gradients move, whether to other buffers, how large these are known to be, and which tensor alone goes to a
/// buffer of its own.
#[derive(Clone, Debug)]
pub(super) struct Moves {
    by: [u64; 2],
    buffers: [usize; 2],
    whole: u64,
    alone: usize,
}

pub(super) fn moves() -> impl Strategy<Value = Moves> {
    let by = || prop_oneof![(0..50_u64).prop_map(|by| 4 * by), 0..200_u64];
    let buffers = prop::sample::select(vec![[0, 0], [100, 0], [0, 100], [100, 200], [100, 100]]);
    let whole = prop::sample::select(vec![0, 1 << 20, 8 << 20]);
    (by(), by(), buffers, whole, 0..24_usize).prop_map(|(value, gradient, buffers, whole, alone)| Moves {
        by: [value, gradient],
        buffers,
        whole,
        alone,
    })
}

pub(super) fn moved(tensors: &[Tensor], moves: &Moves) -> Vec<Tensor> {
    let place = |index: usize, which: usize, place: Place| {
        let buffer = place.buffer + moves.buffers[which] + if moves.alone == 2 * index + which { 1000 } else { 0 };
        Place { buffer, offset: place.offset + 4 * moves.by[which], whole: moves.whole, ..place }
    };
    let one = |(index, tensor): (usize, &Tensor)| Tensor {
        value: place(index, 0, tensor.value),
        gradient: place(index, 1, tensor.gradient),
        ..tensor.clone()
    };
    tensors.iter().enumerate().map(one).collect()
}
