//! A network of burn's learns handwritten digits, once with burn's AdamW and once with the bridge: the same weights, the same batches, side by side.
//!
//! `cargo run --release --example digits`, with `--epochs 5` and `--batch 64`.

use std::io::Read;
use std::time::{Duration, Instant};

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use wgpu_optim_burn::wgpu_optim::AdamW;
use wgpu_optim_burn::{BurnDevice, BurnOptimizer};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// 8 x 8 pixels and a label in each row, see data/README.md of the repository.
const DIGITS: &[u8] = include_bytes!("../../../data/digits.csv.gz");

const SIDE: usize = 8;

/// Rows that are kept for the test.
const TEST: usize = 360;

const LR: f64 = 2e-3;

/// Convolution, batch norm, GELU, as in burn's example for MNIST.
#[derive(Module, Debug)]
struct ConvBlock {
    conv: Conv2d,
    norm: BatchNorm,
}

#[derive(Module, Debug)]
struct Net {
    blocks: Vec<ConvBlock>,
    hidden: Linear,
    output: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        let block = |from, to| ConvBlock {
            conv: Conv2dConfig::new([from, to], [3, 3]).with_bias(false).init(device),
            norm: BatchNormConfig::new(to).init(device),
        };
        let (hidden, output) = (LinearConfig::new(16 * 4 * 4, 32).init(device), LinearConfig::new(32, 10).init(device));
        Net { blocks: vec![block(1, 8), block(8, 16)], hidden, output }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<2> {
        let rows = x.dims()[0];
        let x = self.blocks.iter().fold(x.reshape([rows, 1, SIDE, SIDE]), |x, block| gelu(block.norm.forward(block.conv.forward(x))));
        self.output.forward(gelu(self.hidden.forward(x.reshape([rows, 16 * 4 * 4]))))
    }
}

/// Images between 0 and 1, and labels.
struct Digits {
    images: Vec<f32>,
    labels: Vec<i32>,
}

impl Digits {
    fn read() -> Outcome<Self> {
        let mut text = String::new();
        flate2::read::GzDecoder::new(DIGITS).read_to_string(&mut text)?;
        let mut digits = Digits { images: vec![], labels: vec![] };
        for line in text.lines() {
            let numbers = line.split(',').map(|number| number.trim().parse::<f32>()).collect::<Result<Vec<_>, _>>()?;
            let (label, pixels) = numbers.split_last().ok_or("an empty row")?;
            digits.images.extend(pixels.iter().map(|pixel| pixel / 16.0));
            digits.labels.push(*label as i32);
        }
        Ok(digits)
    }

    fn batch(&self, rows: &[usize], device: &Device) -> (Tensor<3>, Tensor<1, Int>) {
        let pixels = SIDE * SIDE;
        let images: Vec<f32> = rows.iter().flat_map(|&row| &self.images[row * pixels..(row + 1) * pixels]).copied().collect();
        let labels: Vec<i32> = rows.iter().map(|&row| self.labels[row]).collect();
        let images = Tensor::from_data(TensorData::new(images, [rows.len(), SIDE, SIDE]), device);
        (images, Tensor::from_data(TensorData::new(labels, [rows.len()]), device))
    }
}

/// One of the two that are trained.
struct Lane {
    name: &'static str,
    /// There between steps: burn's optimizer takes it and gives it back.
    model: Option<Net>,
    step: Duration,
    all: Duration,
    steps: usize,
}

impl Lane {
    fn new(name: &'static str, model: Net) -> Self {
        Lane { name, model: Some(model), step: Duration::ZERO, all: Duration::ZERO, steps: 0 }
    }

    fn model(&self) -> Outcome<&Net> {
        Ok(self.model.as_ref().ok_or("a step has failed")?)
    }

    /// One step on a batch; what updates the model is timed on its own, from an idle device to an idle one.
    fn train(
        &mut self,
        batch: (Tensor<3>, Tensor<1, Int>),
        device: &Device,
        update: impl FnOnce(Net, GradientsParams) -> Outcome<Net>,
    ) -> Outcome<f32> {
        let begin = Instant::now();
        let model = self.model.take().ok_or("a step has failed")?;
        let loss = CrossEntropyLossConfig::new().init(device).forward(model.forward(batch.0), batch.1);
        let grads = GradientsParams::from_grads(loss.backward(), &model);
        device.sync().map_err(|error| format!("{error:?}"))?;
        let at = Instant::now();
        self.model = Some(update(model, grads)?);
        device.sync().map_err(|error| format!("{error:?}"))?;
        (self.step, self.all, self.steps) = (self.step + at.elapsed(), self.all + begin.elapsed(), self.steps + 1);
        Ok(loss.into_scalar())
    }

    fn accuracy(&self, digits: &Digits, rows: &[usize], device: &Device) -> Outcome<f32> {
        let (images, labels) = digits.batch(rows, device);
        let guesses = self.model()?.valid().forward(images).argmax(1).reshape([rows.len()]);
        let right: i32 = guesses.equal(labels).int().sum().into_scalar();
        Ok(100.0 * right as f32 / rows.len() as f32)
    }

    fn line(&self, epoch: usize, loss: f32, accuracy: f32) {
        let ms = |time: Duration| time.as_secs_f64() * 1e3 / self.steps as f64;
        println!(
            "epoch {epoch:2} {:>10}: loss {loss:.4}, {accuracy:5.2}% of the test, {:.2} ms a step in the optimizer, {:.1} in all",
            self.name,
            ms(self.step),
            ms(self.all)
        );
    }
}

/// The same values in tensors of its own.
fn twin(model: &Net) -> Net {
    struct Twin;
    impl ModuleMapper for Twin {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| Tensor::from_data(tensor.to_data(), &tensor.device()).set_require_grad(tensor.is_require_grad()))
        }
    }
    model.clone().map(&mut Twin)
}

/// Numbers in an order that a seed makes.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..count).collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for last in (1..count).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        rows.swap(last, state as usize % (last + 1));
    }
    rows
}

fn number(name: &str, default: usize) -> Outcome<usize> {
    let arguments: Vec<String> = std::env::args().collect();
    let value = arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    value.map_or(Ok(default), |value| value.parse().map_err(|error| format!("{name} {value}: {error}").into()))
}

fn main() -> Outcome<()> {
    let (epochs, size) = (number("--epochs", 5)?, number("--batch", 64)?);
    let digits = Digits::read()?;
    let (test, train) = (0..digits.labels.len()).partition::<Vec<usize>, _>(|row| row % 5 == 0);
    assert_eq!(test.len(), TEST);
    let shared = BurnDevice::open()?;
    let (device, plain) = (shared.autodiff(), shared.plain());
    let first = Net::new(&device);
    let mut lanes = [Lane::new("burn", twin(&first)), Lane::new("wgpu-optim", twin(&first))];
    let mut theirs = AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(1e-2).init();
    let mut ours = BurnOptimizer::new(AdamW { lr: LR, ..Default::default() }, lanes[1].model()?, &shared)?;
    println!("{} fusion, {ours:?}", if cfg!(feature = "fusion") { "with" } else { "without" });
    for epoch in 1..=epochs {
        let mut losses = [0.0, 0.0];
        for rows in shuffled(train.len(), epoch as u64).chunks(size) {
            let rows: Vec<usize> = rows.iter().map(|&row| train[row]).collect();
            let [burn, own] = &mut lanes;
            losses[0] = burn.train(digits.batch(&rows, &device), &device, |model, grads| Ok(theirs.step(LR, model, grads)))?;
            losses[1] = own.train(digits.batch(&rows, &device), &device, |mut model, grads| {
                ours.step(&mut model, grads)?;
                Ok(model)
            })?;
        }
        for (lane, loss) in lanes.iter().zip(losses) {
            lane.line(epoch, loss, lane.accuracy(&digits, &test, &plain)?);
        }
        println!("{}", pollster::block_on(ours.report())?);
    }
    Ok(())
}
