//! A multi-layer perceptron on the GPU: ReLU between the layers, softmax cross-entropy at the end, forward and backward pass.
//!
//! It reads values and writes gradients where [`Tensors`] has them; what happens in between is the optimizer's. Parameters are named as
//! torch would: `fc1.weight` [outputs, inputs], `fc1.bias` [outputs], `fc2.weight`, ...

mod batches;
mod kernel;
mod parts;
mod samples;
mod stats;

pub use batches::{Batch, Batches};
pub use samples::Samples;
pub use stats::{Stats, Sums};

use std::error::Error;

use kernel::Dispatch;
use parts::Parts;
use wgpu_optim::{Tensors, wgpu};

/// The recorded form of the network for one data set, one set of tensors and batches of up to a number of rows.
#[derive(Debug)]
pub struct Model {
    /// Loss and number of correct rows, per slot.
    pub sums: Sums,
    forward: Vec<Dispatch>,
    backward: Vec<Dispatch>,
    batch_layout: wgpu::BindGroupLayout,
    capacity: usize,
}

/// Name and shape of each parameter, for layers of these widths from the inputs to the classes.
pub fn shapes(widths: &[usize]) -> Vec<(String, Vec<usize>)> {
    let layer = |(index, pair): (usize, &[usize])| {
        let (inputs, outputs) = (pair[0], pair[1]);
        [(name(index, "weight"), vec![outputs, inputs]), (name(index, "bias"), vec![outputs])]
    };
    widths.windows(2).enumerate().flat_map(layer).collect()
}

fn name(layer: usize, tensor: &str) -> String {
    format!("fc{}.{tensor}", layer + 1)
}

impl Model {
    /// Compiles the kernels. The tensors have the [`shapes`] of these widths, which are multiples of 4 but for the last. A batch
    /// has up to `capacity` rows.
    pub fn new(
        device: &wgpu::Device,
        tensors: &Tensors,
        samples: &Samples,
        widths: &[usize],
        capacity: usize,
        slots: usize,
    ) -> Result<Self, Box<dyn Error>> {
        if let Some(width) = widths[..widths.len() - 1].iter().find(|width| !width.is_multiple_of(4)) {
            return Err(format!("the inputs and hidden layers have {widths:?}: {width} is not a multiple of 4").into());
        }
        let parts = Parts::new(device, tensors, samples, widths, capacity, slots);
        let layers = 0..widths.len() - 1;
        let mut forward = vec![parts.gather()];
        for layer in layers.clone() {
            forward.push(parts.forward(layer)?);
        }
        forward.push(parts.loss());
        let mut backward = Vec::new();
        for layer in layers.rev() {
            backward.push(parts.gradient(layer)?);
            if layer > 0 {
                backward.push(parts.backward(layer)?);
            }
        }
        Ok(Model { sums: parts.sums, forward, backward, batch_layout: parts.batch_layout, capacity })
    }

    /// Batches to run, each of no more rows than the model has room for.
    pub fn batches(&self, device: &wgpu::Device, list: Vec<Batch>) -> Result<Batches, Box<dyn Error>> {
        let capacity = self.capacity;
        if let Some(Batch { rows, .. }) = list.iter().find(|batch| batch.rows as usize > capacity) {
            return Err(format!("a batch of {rows} rows, the model has room for {capacity}").into());
        }
        Ok(Batches::new(device, &self.batch_layout, list))
    }

    /// Records a batch's forward pass: loss and number of correct rows are added to the batch's slot.
    pub fn evaluate(&self, encoder: &mut wgpu::CommandEncoder, batches: &Batches, index: usize) {
        record(encoder, "evaluate", &[&self.forward], batches, index);
    }

    /// Records the same and the backward pass: the gradients of the mean loss of the batch's rows are where the tensors have them.
    pub fn differentiate(&self, encoder: &mut wgpu::CommandEncoder, batches: &Batches, index: usize) {
        record(encoder, "differentiate", &[&self.forward, &self.backward], batches, index);
    }
}

fn record(encoder: &mut wgpu::CommandEncoder, label: &str, parts: &[&[Dispatch]], batches: &Batches, index: usize) {
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes: None });
    for dispatch in parts.iter().copied().flatten() {
        dispatch.record(&mut pass, batches, index);
    }
}
