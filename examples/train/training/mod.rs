//! The training loop of one optimizer.
//!
//! Submissions overlap: while one runs, the next is already queued, and the host looks at the results of the one before. So neither losses
//! nor prints keep the GPU waiting. A submission is as many steps as take [`PACE`], so Ctrl-C and the progress bar stay responsive.

mod lane;
mod outcome;
mod saved;
mod schedule;

pub use outcome::{End, GOAL, Log, Outcome, Point, Seconds};
pub use saved::{Saved, Settings, Target};

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use wgpu_optim::adapter::Gpu;
use wgpu_optim::batches::Sampler;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Optimizer, Tensors, wgpu};

use crate::data::{Images, Split};
use crate::model::{self, Feed, Model, Room, Rows, Steps};
use crate::random::Random;
use lane::{Arrival, Flight, Lane, MOST, TEST};
use schedule::{Chunk, EVALUATION, Schedule};

/// Streams of random numbers.
pub const SPLIT: u64 = 0;
const WEIGHTS: u64 = 1;

/// How long a submission should take.
const PACE: Duration = Duration::from_millis(20);
/// Submissions under way at a time: one runs, one is queued, one is being recorded or looked at.
const FLIGHTS: usize = 3;
/// A submission that takes longer goes alone, so that Ctrl-C waits for one step; the GPU hardly notices the pause.
const SLOW: Duration = Duration::from_millis(200);
/// Rows of gradient descent's steps that are worked on at a time, of all. For MNIST's 784 pixels they take 13 MB, where all of its rows
/// would take more than WebGPU lets a program bind.
const CAPACITY: usize = 4096;

/// What one run does.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The update rule with its hyper-parameters.
    pub rule: &'a dyn AnyRule,
    /// Rows per step.
    pub batch: usize,
    /// Passes over the training rows.
    pub epochs: usize,
    /// Decides the initial weights and the order of the rows.
    pub seed: u64,
    /// The rows.
    pub sets: &'a Sets,
    /// Where it is saved after each epoch, and when it is interrupted.
    pub target: Option<&'a Target>,
    /// What it goes on from; from the initial weights without it.
    pub saved: Option<&'a Saved>,
}

/// The rows of a split on the GPU.
pub struct Sets {
    train: Rows,
    test: Rows,
    test_labels: Vec<u32>,
}

/// The network and the data, which all runs share.
pub struct Trainer<'a> {
    gpu: &'a Gpu,
    images: &'a Images,
    shapes: Vec<(String, Vec<usize>)>,
    tensors: Tensors,
    model: Model,
    capacity: usize,
}

impl<'a> Trainer<'a> {
    /// Builds the network, for steps of `batch` rows and of all.
    pub fn new(gpu: &'a Gpu, images: &'a Images, hidden: &[usize], batch: usize) -> Result<Self, Box<dyn Error>> {
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
        Ok(Trainer { gpu, images, shapes, tensors, model, capacity })
    }

    /// Uploads the rows of a split.
    pub fn upload(&self, split: &Split) -> Sets {
        let scale = 1.0 / f64::from(self.images.white);
        let rows = |(pixels, labels): (Vec<u8>, Vec<u32>)| (Rows::new(&self.gpu.device, &pixels, &labels, scale), labels);
        let ((train, _), (test, test_labels)) = (rows(self.images.select(&split.train)), rows(self.images.select(&split.test)));
        Sets { train, test, test_labels }
    }

    /// Trains from the initial weights, or from where a saved run was. Runs of one seed start from the same, and those of one batch size see the same
    /// batches. After each submission `watch` sees the results so far and says whether to go on.
    pub fn train(&self, run: &Run, mut watch: impl FnMut(&Log) -> bool) -> Result<Outcome, Box<dyn Error>> {
        self.initialize(run.seed)?;
        let optimizer = Optimizer::new(&self.gpu.device, &self.gpu.queue, run.rule.boxed(), self.tensors.params())?;
        let flow = Flow { trainer: self, run, optimizer: &optimizer, train: self.train_feed(run)?, test: self.test_feed(run)? };
        if let Some(saved) = run.saved {
            optimizer.restore(&saved.checkpoint, Default::default())?;
            flow.train.batches.write_cursor(saved.cursor)?;
        }
        let (log, end) = flow.run(&mut watch)?;
        // A rule with views is looked at as it was evaluated.
        let mut encoder = self.encoder("evaluate");
        optimizer.evaluate(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
        let seconds = Seconds { all: log.seconds, steps: log.gpu.map(|[steps, _]| steps), evaluations: log.gpu.map(|[_, test]| test) };
        let (confusion, weights) = (self.confusion(&run.sets.test_labels)?, pollster::block_on(optimizer.read_shown(&self.shapes[0].0))?);
        let Log { steps, training, test, .. } = log;
        Ok(Outcome { seed: run.seed, end, steps, seconds, training, test, confusion, weights })
    }

    /// Weights uniform in +-sqrt(6 / inputs), which keeps the variance through ReLU layers (He et al., arXiv 1502.01852); biases zero.
    fn initialize(&self, seed: u64) -> Result<(), Box<dyn Error>> {
        let mut random = Random::new(seed, WEIGHTS);
        for (name, shape) in &self.shapes {
            let bound = if shape.len() == 2 { (6.0 / shape[1] as f32).sqrt() } else { 0.0 };
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| bound * random.signed()).collect();
            self.tensors.write_value(&self.gpu.queue, name, &values)?;
        }
        Ok(())
    }

    /// A step is a batch, or all rows in batches that there is memory for: in order then, so that their sums round alike each time.
    fn train_feed(&self, run: &Run) -> Result<Feed, Box<dyn Error>> {
        let (all, rows) = (self.images.train() as u32, run.batch as u32);
        let batch_size = rows.min(self.capacity as u32);
        let sampler = Sampler { rows: all, batch_size, shuffle: rows < all, seed: run.seed, ..Default::default() };
        self.model.feed(&self.gpu.device, &self.gpu.queue, &run.sets.train, sampler, Steps { rows, all, slot: TEST + 1, padding: 0 })
    }

    fn test_feed(&self, run: &Run) -> Result<Feed, Box<dyn Error>> {
        let rows = self.images.test() as u32;
        let sampler = Sampler { rows, batch_size: rows.min(self.capacity as u32), shuffle: false, ..Default::default() };
        self.model.feed(&self.gpu.device, &self.gpu.queue, &run.sets.test, sampler, Steps { rows, all: rows, slot: TEST, padding: 0 })
    }

    fn encoder(&self, label: &str) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(label) })
    }

    fn confusion(&self, labels: &[u32]) -> Result<Vec<Vec<u32>>, Box<dyn Error>> {
        let classes: Vec<u32> = model::read(&self.gpu.device, &self.gpu.queue, &self.model.classes)?;
        let count = self.images.classes.len();
        let mut matrix = vec![vec![0; count]; count];
        for (&label, &class) in labels.iter().zip(&classes) {
            matrix[label as usize][class as usize] += 1;
        }
        Ok(matrix)
    }
}

/// The rows of each batch of an epoch.
pub fn batches(rows: usize, batch: usize) -> Vec<usize> {
    (0..rows).step_by(batch).map(|first| batch.min(rows - first)).collect()
}

/// A run under way.
struct Flow<'a> {
    trainer: &'a Trainer<'a>,
    run: &'a Run<'a>,
    optimizer: &'a Optimizer,
    train: Feed,
    test: Feed,
}

impl Flow<'_> {
    /// The results, and why the run is over.
    fn run(&self, watch: &mut dyn FnMut(&Log) -> bool) -> Result<(Log, End), Box<dyn Error>> {
        let gpu = self.trainer.gpu;
        let Run { batch, epochs, target, saved, .. } = *self.run;
        let mut log = match saved {
            Some(saved) => saved.log.clone(),
            None => Log::new(batches(self.trainer.images.train(), batch), self.trainer.images.test()),
        };
        let (earlier, steps) = (log.seconds, log.steps_per_epoch());
        let mut schedule = Schedule::new(steps, epochs);
        if saved.is_some() {
            schedule = schedule.after(log.steps);
        }
        let mut lanes: Vec<Lane> = (0..FLIGHTS).map(|_| Lane::new(gpu)).collect();
        let mut flights: VecDeque<Flight> = VecDeque::new();
        let mut pace = Pace::new();
        let mut end = End::Finished;
        // One more evaluation: of a run that was saved at its end, for the confusion matrix, or of one that is interrupted.
        let mut last = (log.epoch() >= epochs).then_some(EVALUATION);
        // Whether to wait until nothing is under way, to save what there is.
        let mut full = false;
        loop {
            while end == End::Finished && !full && flights.len() < pace.flights {
                let Some(chunk) = schedule.next(pace.steps).or_else(|| last.take()) else { break };
                full = target.is_some() && chunk.steps.end == steps;
                flights.extend(lanes.pop().map(|lane| self.submit(lane, chunk)));
            }
            let Some(flight) = flights.pop_front() else { break };
            let (arrival, lane) = flight.land(gpu)?;
            lanes.push(lane);
            pace.learn(&arrival);
            log.add(&arrival);
            log.seconds = earlier + pace.start.elapsed().as_secs_f64();
            if let Some(step) = log.diverged {
                end = End::Diverged { step };
            } else if !watch(&log) && end == End::Finished && log.epoch() < epochs {
                (end, last) = (End::Interrupted, Some(EVALUATION));
            }
            if flights.is_empty() && log.diverged.is_none() {
                let evaluation = last.take_if(|_| end == End::Interrupted);
                if let Some(target) = target.filter(|_| full || evaluation.is_some()) {
                    self.save(target, &log)?;
                    pace.pause();
                }
                full = false;
                flights.extend(evaluation.and_then(|chunk| lanes.pop().map(|lane| self.submit(lane, chunk))));
            }
        }
        Ok((log, end))
    }

    /// Saves the run as it is; nothing of it is under way.
    fn save(&self, target: &Target, log: &Log) -> Result<(), Box<dyn Error>> {
        let checkpoint = pollster::block_on(self.optimizer.checkpoint())?;
        target.save(checkpoint, pollster::block_on(self.train.batches.read_cursor())?, log)
    }

    /// Records and submits the steps and the evaluation. What the next step's rows are is known to the feed, on the GPU.
    fn submit(&self, lane: Lane, chunk: Chunk) -> Flight {
        let Trainer { gpu, model, .. } = self.trainer;
        let mut encoder = self.trainer.encoder("steps");
        lane.look(&mut encoder, 0);
        if !chunk.steps.is_empty() {
            model.sums.clear(&mut encoder, 1 + chunk.steps.start as u64..1 + chunk.steps.end as u64);
        }
        for _ in chunk.steps.clone() {
            model.differentiate(&mut encoder, &self.train);
            self.optimizer.step(&mut encoder);
        }
        lane.look(&mut encoder, 1);
        if chunk.evaluate {
            model.sums.clear(&mut encoder, 0..1);
            self.optimizer.evaluate(&mut encoder);
            model.evaluate(&mut encoder, &self.test);
            self.optimizer.train(&mut encoder);
        }
        lane.look(&mut encoder, 2);
        lane.submit(gpu, encoder, chunk, &model.sums)
    }
}

/// How many steps to submit together, and how many submissions to have under way.
struct Pace {
    start: Instant,
    last: Instant,
    steps: usize,
    flights: usize,
}

impl Pace {
    fn new() -> Self {
        let now = Instant::now();
        Pace { start: now, last: now, steps: 1, flights: 1 }
    }

    /// Leaves out the time since the last submission's results.
    fn pause(&mut self) {
        let now = Instant::now();
        self.start += now - self.last;
        self.last = now;
    }

    /// As many as take [`PACE`] at the speed of the last submission, but grows no faster than by doubling.
    fn learn(&mut self, arrival: &Arrival) {
        let now = Instant::now();
        let (took, done) = (now - self.last, arrival.chunk.steps.len());
        self.last = now;
        if done > 0 {
            let wanted = done as f64 * PACE.as_secs_f64() / took.as_secs_f64().max(1e-6);
            self.steps = (wanted as usize).clamp(1, MOST.min(2 * self.steps));
            self.flights = if took > SLOW { 1 } else { FLIGHTS };
        }
    }
}
