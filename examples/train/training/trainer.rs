//! The network, the data and the optimizer of a run, and what a submission records of it. Nothing here waits for the GPU, so that it is the same in a
//! browser (`examples/browser`).

use std::error::Error;

use wgpu_optim::adapter::Gpu;
use wgpu_optim::batches::Sampler;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{AdamW, Group, Muon, Optimizer, Options, Param, StateStorage, Tensors, wgpu};

use super::halves::{Halves, Numbers};
use super::lane::{Flight, Lane, TEST};
use super::saved::Saved;
use super::schedule::Chunk;
use crate::data::{Images, Split};
use crate::model::{self, Feed, Model, Room, Rows, Steps};
use crate::random::Random;

/// Streams of random numbers.
pub const SPLIT: u64 = 0;
const WEIGHTS: u64 = 1;

/// The learning rate of the parameters that are not for Muon: that of AdamW among the presets.
const OTHERS_LR: f64 = 1e-2;

/// Rows of gradient descent's steps that are worked on at a time, of all. For MNIST's 784 pixels they take 13 MB, where all of its rows
/// would take more than WebGPU lets a program bind.
const CAPACITY: usize = 4096;

/// The rows of a split on the GPU.
pub struct Sets {
    train: Rows,
    test: Rows,
    /// The labels of those to test with.
    pub test_labels: Vec<u32>,
}

/// The network and the data, which all runs share.
pub struct Trainer<'a> {
    pub gpu: &'a Gpu,
    pub images: &'a Images,
    /// Name and shape of each parameter.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Values and gradients.
    pub tensors: Tensors,
    /// The network.
    pub model: Model,
    /// What the states of optimizers are stored as.
    pub state: StateStorage,
    /// The optimizer's values and gradients, where these are no f32.
    halves: Option<Halves>,
    capacity: usize,
}

impl<'a> Trainer<'a> {
    /// Builds the network, for steps of `batch` rows and of all, and for values and gradients that are these.
    pub fn new(gpu: &'a Gpu, images: &'a Images, hidden: &[usize], batch: usize, numbers: Numbers) -> Result<Self, Box<dyn Error>> {
        let widths = [&[images.size()], hidden, &[images.classes.len()]].concat();
        let shapes = model::shapes(&widths);
        let tensors = Tensors::new(&gpu.device, shapes.clone())?;
        let places = images.train().max(images.test());
        let capacity = places.min(CAPACITY).max(batch);
        let (widest, limit) = (widths.iter().copied().max().unwrap_or_default(), gpu.device.limits().max_storage_buffer_binding_size);
        let needed = 4 * capacity.next_multiple_of(4) as u64 * widest as u64;
        if needed > limit {
            return Err(
                format!("--batch {batch}: a layer of {widest} takes {needed} bytes for it, the device binds {limit} at most").into()
            );
        }
        let room = Room { capacity, places, slots: 1 + images.train().div_ceil(batch) };
        let model = Model::new(&gpu.device, &tensors, &widths, room)?;
        let halves = Halves::new(&gpu.device, &tensors, numbers)?;
        Ok(Trainer { gpu, images, shapes, tensors, model, state: StateStorage::default(), halves, capacity })
    }

    /// Uploads the rows of a split.
    pub fn upload(&self, split: &Split) -> Sets {
        let scale = 1.0 / f64::from(self.images.white);
        let rows = |(pixels, labels): (Vec<u8>, Vec<u32>)| (Rows::new(&self.gpu.device, &pixels, &labels, scale), labels);
        let ((train, _), (test, test_labels)) = (rows(self.images.select(&split.train)), rows(self.images.select(&split.test)));
        Sets { train, test, test_labels }
    }

    /// Everything of a run before its first step. Runs of one seed start from the same weights, and those of one batch size see the same batches.
    pub fn begin(&self, rule: &dyn AnyRule, batch: usize, seed: u64, sets: &Sets) -> Result<Course, Box<dyn Error>> {
        let options = Options { state: self.state, ..Default::default() };
        let optimizer = Optimizer::with_options(&self.gpu.device, &self.gpu.queue, self.groups(rule), options)?;
        self.initialize(&optimizer, seed)?;
        Ok(Course { optimizer, train: self.train_feed(batch, seed, sets)?, test: self.test_feed(sets)? })
    }

    /// All parameters under one rule; of one that is for the matrices of hidden layers, these, and the others under AdamW.
    fn groups(&self, rule: &dyn AnyRule) -> Vec<Group> {
        let params = self.halves.as_ref().map_or_else(|| self.tensors.params(), Halves::params);
        if !rule.orthogonalizes() {
            return vec![Group::new(rule.boxed(), params)];
        }
        let output = self.shapes.iter().rev().find(|(_, shape)| shape.len() == 2).map(|(name, _)| name.clone());
        let is_hidden = |param: &Param| Muon::is_for(&param.name, &param.shape) && Some(&param.name) != output.as_ref();
        let (hidden, others): (Vec<Param>, Vec<Param>) = params.into_iter().partition(is_hidden);
        vec![Group::new(rule.boxed(), hidden), Group::new(AdamW { lr: OTHERS_LR, ..Default::default() }, others)]
    }

    /// Weights uniform in +-sqrt(6 / inputs), which keeps the variance through ReLU layers (He et al., arXiv 1502.01852); biases zero.
    fn initialize(&self, optimizer: &Optimizer, seed: u64) -> Result<(), Box<dyn Error>> {
        let mut random = Random::new(seed, WEIGHTS);
        for (name, shape) in &self.shapes {
            let bound = if shape.len() == 2 { (6.0 / shape[1] as f32).sqrt() } else { 0.0 };
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| bound * random.signed()).collect();
            optimizer.write_value(name, &values)?;
        }
        Ok(())
    }

    /// A step is a batch, or all rows in batches that there is memory for: in order then, so that their sums round alike each time.
    fn train_feed(&self, batch: usize, seed: u64, sets: &Sets) -> Result<Feed, Box<dyn Error>> {
        let (all, rows) = (self.images.train() as u32, batch as u32);
        let batch_size = rows.min(self.capacity as u32);
        let sampler = Sampler { rows: all, batch_size, shuffle: rows < all, seed, ..Default::default() };
        self.model.feed(&self.gpu.device, &self.gpu.queue, &sets.train, sampler, Steps { rows, all, slot: TEST + 1, padding: 0 })
    }

    fn test_feed(&self, sets: &Sets) -> Result<Feed, Box<dyn Error>> {
        let rows = self.images.test() as u32;
        let sampler = Sampler { rows, batch_size: rows.min(self.capacity as u32), shuffle: false, ..Default::default() };
        self.model.feed(&self.gpu.device, &self.gpu.queue, &sets.test, sampler, Steps { rows, all: rows, slot: TEST, padding: 0 })
    }

    pub fn encoder(&self, label: &str) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) })
    }
}

/// A run: what is updated by what, over which rows.
pub struct Course {
    /// Of the trainer's tensors.
    pub optimizer: Optimizer,
    /// The rows to train on.
    pub train: Feed,
    test: Feed,
}

impl Course {
    /// Goes on from a saved run.
    pub fn restore(&self, saved: &Saved) -> Result<(), Box<dyn Error>> {
        self.optimizer.restore(&saved.checkpoint, Default::default())?;
        Ok(self.train.batches.write_cursor(saved.cursor)?)
    }

    /// Records and submits the steps and the evaluation. What the next step's rows are is known to the feed, on the GPU.
    pub fn submit(&self, trainer: &Trainer, lane: Lane, chunk: Chunk) -> Flight {
        let Trainer { gpu, model, halves, .. } = trainer;
        let mut encoder = trainer.encoder("steps");
        lane.look(&mut encoder, 0);
        if !chunk.steps.is_empty() {
            model.sums.clear(&mut encoder, 1 + chunk.steps.start as u64..1 + chunk.steps.end as u64);
        }
        for _ in chunk.steps.clone() {
            halves.iter().for_each(|halves| halves.unpack(&mut encoder));
            model.differentiate(&mut encoder, &self.train);
            halves.iter().for_each(|halves| halves.pack(&mut encoder));
            self.optimizer.step(&mut encoder);
        }
        lane.look(&mut encoder, 1);
        if chunk.evaluate {
            model.sums.clear(&mut encoder, 0..1);
            self.optimizer.evaluate(&mut encoder);
            halves.iter().for_each(|halves| halves.unpack(&mut encoder));
            model.evaluate(&mut encoder, &self.test);
            self.optimizer.train(&mut encoder);
        }
        lane.look(&mut encoder, 2);
        lane.submit(gpu, encoder, chunk, &model.sums)
    }
}

/// The rows of each batch of an epoch.
pub fn batches(rows: usize, batch: usize) -> Vec<usize> {
    (0..rows).step_by(batch).map(|first| batch.min(rows - first)).collect()
}
