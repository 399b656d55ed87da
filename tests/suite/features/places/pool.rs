//! Buffers of tensors, shared in one way or another, with room for these to move in.

use wgpu_optim::Binding;
use wgpu_optim::adapter::Gpu;

use super::{Places, buffer, elements};

/// How buffers are shared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sharing {
    /// Each tensor has two of its own.
    Own,
    /// All values one, all gradients another.
    Two,
    /// All are in one.
    One,
}

/// Buffers for tensors of these shapes, with room to move in.
pub(super) struct Pool {
    sharing: Sharing,
    buffers: Vec<wgpu::Buffer>,
}

/// Elements by which tensors can move.
pub(super) const SPARE: u64 = 64;

impl Pool {
    pub(super) fn new(gpu: &Gpu, sharing: Sharing, shapes: &[[usize; 2]]) -> Self {
        let room = |shape: &[usize; 2]| 4 * (elements(*shape).next_multiple_of(4) + SPARE);
        let all: u64 = shapes.iter().map(room).sum();
        let buffers = match sharing {
            Sharing::Own => shapes.iter().flat_map(|shape| [room(shape); 2]).map(|bytes| buffer(gpu, bytes)).collect(),
            Sharing::Two => vec![buffer(gpu, all), buffer(gpu, all)],
            Sharing::One => vec![buffer(gpu, 2 * all)],
        };
        Pool { sharing, buffers }
    }

    /// Tensors one after the other, each as many times `granule` elements further than it could be as `shift` says.
    pub(super) fn places(&self, shapes: &[[usize; 2]], mut shift: impl FnMut() -> u64) -> Places {
        let mut at = 0;
        let one = |(index, &shape): (usize, &[usize; 2])| {
            let (len, room) = (elements(shape), elements(shape).next_multiple_of(4) + SPARE);
            let (value, gradient) = match self.sharing {
                Sharing::Own => ((2 * index, 0), (2 * index + 1, 0)),
                Sharing::Two => ((0, at), (1, at)),
                Sharing::One => ((0, 2 * at), (0, 2 * at + room)),
            };
            at += room;
            let mut binding = |(buffer, at): (usize, u64)| Binding::new(&self.buffers[buffer], 4 * (at + shift()), 4 * len);
            (binding(value), binding(gradient))
        };
        shapes.iter().enumerate().map(one).collect()
    }
}
