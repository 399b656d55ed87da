//! The buffers and kernels of the network, layer by layer.

use std::error::Error;

use wgpu_optim::{Tensors, wgpu};

use super::kernel::{Dispatch, Height, Kernel};
use super::{Feed, Room, Sums, name};

/// What the kernels are made of. Layer `i` turns `activations[i]` into `activations[i + 1]`, whose gradients are `deltas[i]`.
pub struct Parts<'a> {
    device: &'a wgpu::Device,
    tensors: &'a Tensors,
    widths: &'a [usize],
    pub feed_layout: wgpu::BindGroupLayout,
    pub labels: wgpu::Buffer,
    pub sums: Sums,
    pub classes: wgpu::Buffer,
    pub activations: Vec<wgpu::Buffer>,
    deltas: Vec<wgpu::Buffer>,
}

impl<'a> Parts<'a> {
    pub fn new(device: &'a wgpu::Device, tensors: &'a Tensors, widths: &'a [usize], Room { capacity, places, slots }: Room) -> Self {
        let buffer = |label, size: usize| {
            let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
            device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size: size as u64, usage, mapped_at_creation: false })
        };
        let matrices = |label, widths: &[usize]| widths.iter().map(|&width| matrix(device, label, capacity, width)).collect();
        Parts {
            device,
            tensors,
            widths,
            feed_layout: Feed::layout(device),
            labels: buffer("labels", 4 * capacity),
            sums: Sums::new(device, slots),
            classes: buffer("classes", 4 * places),
            activations: matrices("activations", widths),
            deltas: matrices("deltas", &widths[1..]),
        }
    }

    pub fn forward(&self, layer: usize) -> Result<Dispatch, Box<dyn Error>> {
        let (weight, bias) = (self.tensors.value(&name(layer, "weight"))?, self.tensors.value(&name(layer, "bias"))?);
        let relu = f64::from(layer + 2 < self.widths.len());
        let [inputs, outputs] = self.dimensions(layer);
        let kernel = Kernel {
            label: "forward",
            source: include_str!("forward.wgsl"),
            constants: &[inputs, outputs, ("RELU", relu)],
            reads: &[self.activations[layer].as_entire_binding(), weight.resource(), bias.resource()],
            writes: &[self.activations[layer + 1].as_entire_binding()],
            width: self.tiles(layer + 1),
            height: Height::Batch,
        };
        Ok(kernel.build(self.device, &self.feed_layout))
    }

    pub fn loss(&self) -> Dispatch {
        let last = self.widths.len() - 1;
        let (logits, deltas) = (self.activations[last].as_entire_binding(), self.deltas[last - 1].as_entire_binding());
        Kernel {
            label: "loss",
            source: include_str!("loss.wgsl"),
            constants: &[("CLASSES", self.widths[last] as f64)],
            reads: &[self.labels.as_entire_binding(), logits],
            writes: &[deltas, self.sums.buffer.as_entire_binding(), self.classes.as_entire_binding()],
            width: 1,
            height: Height::Tiles(1),
        }
        .build(self.device, &self.feed_layout)
    }

    pub fn backward(&self, layer: usize) -> Result<Dispatch, Box<dyn Error>> {
        let weight = self.tensors.value(&name(layer, "weight"))?.resource();
        let (deltas, hidden) = (self.deltas[layer].as_entire_binding(), self.activations[layer].as_entire_binding());
        let kernel = Kernel {
            label: "backward",
            source: include_str!("backward.wgsl"),
            constants: &self.dimensions(layer),
            reads: &[deltas, weight, hidden],
            writes: &[self.deltas[layer - 1].as_entire_binding()],
            width: self.tiles(layer),
            height: Height::Batch,
        };
        Ok(kernel.build(self.device, &self.feed_layout))
    }

    pub fn gradient(&self, layer: usize) -> Result<Dispatch, Box<dyn Error>> {
        let (weight, bias) = (self.tensors.gradient(&name(layer, "weight"))?, self.tensors.gradient(&name(layer, "bias"))?);
        let kernel = Kernel {
            label: "gradient",
            source: include_str!("gradient.wgsl"),
            constants: &self.dimensions(layer),
            reads: &[self.activations[layer].as_entire_binding(), self.deltas[layer].as_entire_binding()],
            writes: &[weight.resource(), bias.resource()],
            width: self.tiles(layer),
            height: Height::Tiles(self.tiles(layer + 1)),
        };
        Ok(kernel.build(self.device, &self.feed_layout))
    }

    fn dimensions(&self, layer: usize) -> [(&'static str, f64); 2] {
        [("INPUTS", self.widths[layer] as f64), ("OUTPUTS", self.widths[layer + 1] as f64)]
    }

    fn tiles(&self, place: usize) -> u32 {
        self.widths[place].div_ceil(4) as u32
    }
}

/// A buffer for a batch's rows of `width` f32, padded to whole tiles in both directions.
fn matrix(device: &wgpu::Device, label: &str, rows: usize, width: usize) -> wgpu::Buffer {
    let size = 4 * (rows.next_multiple_of(4) * width.next_multiple_of(4)) as u64;
    let usage = wgpu::BufferUsages::STORAGE;
    device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
}
