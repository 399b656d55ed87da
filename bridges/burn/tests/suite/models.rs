//! The models that are trained: a perceptron, a convolutional network, a transformer block.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::activation::tanh;
use burn::tensor::{Device, Tensor};

use crate::support::{data, seeded};

/// A model that can be trained on a batch of any size.
/// Smooth, since at a kink a rounding error makes another gradient.
pub trait Trained: Module {
    fn build(device: &Device) -> Self;
    /// The loss over so many samples.
    fn loss(&self, samples: usize, seed: u64, device: &Device) -> Tensor<1>;

    /// The same values in every run.
    fn new(device: &Device) -> Self {
        seeded(&Self::build(device))
    }

    fn gradients(&self, samples: usize, seed: u64, device: &Device) -> GradientsParams {
        GradientsParams::from_grads(self.loss(samples, seed, device).backward(), self)
    }
}

#[derive(Module, Debug)]
pub struct Mlp {
    pub layers: Vec<Linear>,
}

impl Mlp {
    pub fn of_sizes(sizes: &[usize], device: &Device) -> Self {
        seeded(&Mlp { layers: sizes.windows(2).map(|pair| LinearConfig::new(pair[0], pair[1]).init(device)).collect() })
    }

    pub fn forward(&self, mut x: Tensor<2>) -> Tensor<2> {
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(if index == 0 { x } else { tanh(x) });
        }
        x
    }

    pub fn loss_of(&self, x: Tensor<2>, y: Tensor<2>) -> Tensor<1> {
        (self.forward(x) - y).powi_scalar(2).mean()
    }
}

impl Trained for Mlp {
    fn build(device: &Device) -> Self {
        Mlp::of_sizes(&[16, 32, 32, 4], device)
    }

    fn loss(&self, samples: usize, seed: u64, device: &Device) -> Tensor<1> {
        let (first, last) = (&self.layers[0], &self.layers[self.layers.len() - 1]);
        let (inputs, outputs) = (first.weight.dims()[0], last.weight.dims()[1]);
        self.loss_of(data([samples, inputs], seed, device), data([samples, outputs], seed + 1000, device))
    }
}

#[derive(Module, Debug)]
pub struct Cnn {
    first: Conv2d,
    norm: BatchNorm,
    second: Conv2d,
    head: Linear,
}

impl Trained for Cnn {
    fn build(device: &Device) -> Self {
        Cnn {
            // Batch norm takes away what a bias before it adds: it has a gradient of rounding errors alone.
            first: Conv2dConfig::new([1, 4], [3, 3]).with_bias(false).init(device),
            norm: BatchNormConfig::new(4).init(device),
            second: Conv2dConfig::new([4, 8], [3, 3]).init(device),
            head: LinearConfig::new(8 * 4 * 4, 10).init(device),
        }
    }

    fn loss(&self, samples: usize, seed: u64, device: &Device) -> Tensor<1> {
        let x = tanh(self.norm.forward(self.first.forward(data([samples, 1, 8, 8], seed, device))));
        let x = tanh(self.second.forward(x)).reshape([samples, 8 * 4 * 4]);
        (self.head.forward(x) - data([samples, 10], seed + 1000, device)).powi_scalar(2).mean()
    }
}

#[derive(Module, Debug)]
pub struct Block {
    encoder: TransformerEncoder,
    head: Linear,
}

impl Trained for Block {
    fn build(device: &Device) -> Self {
        let encoder = TransformerEncoderConfig::new(16, 32, 2, 1).with_dropout(0.0).init(device);
        Block { encoder, head: LinearConfig::new(16, 4).init(device) }
    }

    fn loss(&self, samples: usize, seed: u64, device: &Device) -> Tensor<1> {
        let x = self.encoder.forward(TransformerEncoderInput::new(data([samples, 6, 16], seed, device)));
        (self.head.forward(x) - data([samples, 6, 4], seed + 1000, device)).powi_scalar(2).mean()
    }
}
