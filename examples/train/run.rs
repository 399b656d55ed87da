//! The training loop of one optimizer.

use std::error::Error;
use std::time::Instant;

use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Optimizer, Tensors, wgpu};

use crate::data::{Images, Split};
use crate::model::{self, Batch, Batches, Model, Samples, Stats};
use crate::random::Random;

/// Width of the hidden layer.
const HIDDEN: usize = 128;
/// Streams of random numbers: the weights, then one for each epoch's order.
const WEIGHTS: u64 = 1;
const ORDER: u64 = 2;
/// Slots of the sums.
const TRAIN: u32 = 0;
const TEST: u32 = 1;

/// What one run does: the rule decides the step, the batch how many there are in an epoch.
pub struct Run {
    /// For the report.
    pub name: &'static str,
    /// The update rule with its hyper-parameters.
    pub rule: Box<dyn AnyRule>,
    /// Rows per step.
    pub batch: usize,
}

/// An epoch's result.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// Mean over the rows of all steps, each before its update.
    pub train_loss: f64,
    /// Mean over the test rows after the last step.
    pub test_loss: f64,
    /// Part of the test rows that are classified as labelled, after the last step.
    pub test_accuracy: f64,
}

/// A run's result.
pub struct Outcome {
    /// As many as were run.
    pub epochs: Vec<Epoch>,
    /// Optimizer steps.
    pub steps: usize,
    /// From the first epoch to the last.
    pub seconds: f64,
}

/// The network and the data, which all runs share.
pub struct Trainer {
    gpu: Gpu,
    split: Split,
    seed: u64,
    shapes: Vec<(String, Vec<usize>)>,
    tensors: Tensors,
    samples: Samples,
    model: Model,
}

impl Epoch {
    /// Whether all is finite. A run that is not will not recover.
    pub fn is_finite(&self) -> bool {
        self.train_loss.is_finite() && self.test_loss.is_finite()
    }
}

impl Trainer {
    /// Uploads the images and builds the network.
    pub fn new(gpu: Gpu, images: &Images, split: Split, seed: u64) -> Result<Self, Box<dyn Error>> {
        let widths = [images.size, HIDDEN, images.classes];
        let shapes = model::shapes(&widths);
        let tensors = Tensors::new(&gpu.device, shapes.clone())?;
        let samples = Samples::new(&gpu.device, &images.pixels, &images.labels, 1.0 / f64::from(images.white));
        // The test rows are one batch, as the training rows are in gradient descent.
        let capacity = split.train.len().max(split.test.len());
        let slots = [TRAIN, TEST].len();
        let model = Model::new(&gpu.device, &tensors, &samples, &widths, capacity, slots)?;
        Ok(Trainer { gpu, split, seed, shapes, tensors, samples, model })
    }

    /// Trains from the initial weights. Runs of one seed start from the same, and those of one batch size see the same batches.
    /// Stops after an epoch that is not finite.
    pub fn train(&self, run: &Run, epochs: usize, mut report: impl FnMut(usize, &Epoch)) -> Result<Outcome, Box<dyn Error>> {
        self.initialize()?;
        let optimizer = Optimizer::new(&self.gpu.device, &self.gpu.queue, run.rule.clone(), self.tensors.params())?;
        let batches = self.batches(run.batch)?;
        let start = Instant::now();
        let mut results = Vec::new();
        for number in 1..=epochs {
            let epoch = self.epoch(&optimizer, &batches, number)?;
            report(number, &epoch);
            results.push(epoch);
            if !epoch.is_finite() {
                break;
            }
        }
        let steps = results.len() * (batches.len() - 1);
        Ok(Outcome { epochs: results, steps, seconds: start.elapsed().as_secs_f64() })
    }

    /// Weights uniform in +-sqrt(6 / inputs), which keeps the variance through ReLU layers (He et al., arXiv 1502.01852); biases zero.
    fn initialize(&self) -> Result<(), Box<dyn Error>> {
        let mut random = Random::new(self.seed, WEIGHTS);
        for (name, shape) in &self.shapes {
            let bound = if shape.len() == 2 { (6.0 / shape[1] as f32).sqrt() } else { 0.0 };
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| bound * random.signed()).collect();
            self.tensors.write_value(&self.gpu.queue, name, &values)?;
        }
        Ok(())
    }

    /// The batches of an epoch; the last one is the test rows, which come after the training rows in the order.
    fn batches(&self, size: usize) -> Result<Batches, Box<dyn Error>> {
        let (train, test) = (self.split.train.len(), self.split.test.len());
        let batch = |first: usize| Batch { first: first as u32, rows: size.min(train - first) as u32, slot: TRAIN };
        let mut list: Vec<Batch> = (0..train).step_by(size).map(batch).collect();
        list.push(Batch { first: train as u32, rows: test as u32, slot: TEST });
        self.model.batches(&self.gpu.device, list)
    }

    /// One submission, one read-back.
    fn epoch(&self, optimizer: &Optimizer, batches: &Batches, number: usize) -> Result<Epoch, Box<dyn Error>> {
        let mut order = self.split.train.clone();
        Random::new(self.seed, ORDER + number as u64).shuffle(&mut order);
        order.extend_from_slice(&self.split.test);
        self.samples.set_order(&self.gpu.queue, &order);
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("epoch") });
        self.model.sums.clear(&mut encoder);
        let test = batches.len() - 1;
        for index in 0..test {
            self.model.differentiate(&mut encoder, batches, index);
            optimizer.step(&mut encoder);
        }
        self.model.evaluate(&mut encoder, batches, test);
        self.model.sums.copy(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
        let sums = self.model.sums.read(&self.gpu.device)?;
        Ok(self.summary(sums[TRAIN as usize], sums[TEST as usize]))
    }

    fn summary(&self, train: Stats, test: Stats) -> Epoch {
        let rows = self.split.test.len() as f64;
        Epoch {
            train_loss: f64::from(train.loss) / self.split.train.len() as f64,
            test_loss: f64::from(test.loss) / rows,
            test_accuracy: f64::from(test.correct) / rows,
        }
    }
}
