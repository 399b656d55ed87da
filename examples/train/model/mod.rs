//! A multi-layer perceptron on the GPU: ReLU between the layers, softmax cross-entropy at the end, forward and backward pass.
//!
//! It reads values and writes gradients where [`Tensors`] has them; what happens in between is the optimizer's. Parameters are named as
//! torch would: `fc1.weight` [outputs, inputs], `fc1.bias` [outputs], `fc2.weight`, ...

mod feed;
mod kernel;
mod parts;
mod stats;

pub use feed::{Feed, Rows, Steps};
pub use stats::{Stats, Sums, read};

use std::error::Error;

use kernel::Dispatch;
use parts::Parts;
use wgpu_optim::batches::Sampler;
use wgpu_optim::{Tensors, wgpu};

/// The recorded form of the network for one set of tensors.
#[derive(Debug)]
pub struct Model {
    /// Loss and number of correct rows, per slot.
    pub sums: Sums,
    /// What the row at each place of the epoch was last taken for, a `u32`.
    pub classes: wgpu::Buffer,
    forward: Vec<Dispatch>,
    backward: Vec<Dispatch>,
    inputs: wgpu::Buffer,
    width: usize,
    labels: wgpu::Buffer,
    feed_layout: wgpu::BindGroupLayout,
}

/// What a model has memory for.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Rows of a batch.
    pub capacity: usize,
    /// Rows of an epoch.
    pub places: usize,
    /// Sums.
    pub slots: usize,
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
    /// Compiles the kernels. The tensors have the [`shapes`] of these widths, which are multiples of 4 but for the last.
    pub fn new(device: &wgpu::Device, tensors: &Tensors, widths: &[usize], room: Room) -> Result<Self, Box<dyn Error>> {
        if let Some(width) = widths[..widths.len() - 1].iter().find(|width| !width.is_multiple_of(4)) {
            return Err(format!("the inputs and hidden layers have {widths:?}: {width} is not a multiple of 4").into());
        }
        let mut parts = Parts::new(device, tensors, widths, room);
        let layers = 0..widths.len() - 1;
        let mut forward = layers.clone().map(|layer| parts.forward(layer)).collect::<Result<Vec<_>, _>>()?;
        forward.push(parts.loss());
        let mut backward = Vec::new();
        for layer in layers.rev() {
            backward.push(parts.gradient(layer)?);
            if layer > 0 {
                backward.push(parts.backward(layer)?);
            }
        }
        let inputs = parts.activations.swap_remove(0);
        let Parts { sums, classes, labels, feed_layout, .. } = parts;
        Ok(Model { sums, classes, forward, backward, inputs, width: widths[0], labels, feed_layout })
    }

    /// A feed of rows that have as many pixels as the model has inputs. The sampler's batches are not larger than the model's capacity.
    pub fn feed(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        rows: &Rows,
        sampler: Sampler,
        steps: Steps,
    ) -> Result<Feed, Box<dyn Error>> {
        Feed::new((device, queue), rows, sampler, steps, &self.feed_layout, (&self.inputs, self.width, &self.labels))
    }

    /// Records the forward pass of the feed's next step: loss and number of correct rows are added to the step's slot.
    pub fn evaluate(&self, encoder: &mut wgpu::CommandEncoder, feed: &Feed) {
        record(encoder, "evaluate", feed, &[&self.forward]);
    }

    /// Records the same and the backward pass: the gradients of the mean loss of the step's rows are where the tensors have them.
    pub fn differentiate(&self, encoder: &mut wgpu::CommandEncoder, feed: &Feed) {
        record(encoder, "differentiate", feed, &[&self.forward, &self.backward]);
    }
}

fn record(encoder: &mut wgpu::CommandEncoder, label: &str, feed: &Feed, dispatches: &[&[Dispatch]]) {
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes: None });
    for _ in 0..feed.parts {
        feed.next(&mut pass);
        dispatches.iter().copied().flatten().for_each(|dispatch| dispatch.record(&mut pass, feed.batch_size()));
    }
}
