//! A run that goes on as long as it is asked to: some steps are submitted, and their results looked at when they are here. It never waits.

use std::collections::VecDeque;
use std::rc::Rc;

use wgpu_optim::adapter::Gpu;
use wgpu_optim::checked;
use wgpu_optim::checkpoint::Checkpoint;
use wgpu_optim::rule::HyperParameter;

use crate::Failure;
use crate::chosen::{chosen, lr_of, number};
use crate::data::Images;
use crate::optimizers::Choice;
use crate::pad::Pad;
use crate::random::Random;
use crate::training::lane::{Flight, Lane, MOST};
use crate::training::saved::{Saved, note_run, settings};
use crate::training::schedule::Schedule;
use crate::training::trainer::{Course, SPLIT, Sets, Trainer, batches};
use crate::training::{Log, Point};

/// Widths of the hidden layers, the native example's default: so that it goes on from what the page saved.
pub const HIDDEN: [usize; 1] = [128];

/// Submissions under way at a time. One is as long as from one evaluation to the next at most.
const FLIGHTS: usize = 6;

/// Frames after which the GPU has too much to do if nothing has come back.
const LATE: usize = 4;

/// What decides a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// An optimizer's name.
    pub optimizer: String,
    /// Its learning rate; that which suits the digits if there is none here.
    pub lr: Option<f64>,
    /// Rows per step.
    pub batch: u32,
    /// Decides the split of the digits, the initial weights and the order of the rows.
    pub seed: u64,
}

/// A run under way.
pub struct Session {
    choice: Choice,
    batch: u32,
    seed: u64,
    trainer: Rc<Trainer<'static>>,
    course: Rc<Course>,
    _sets: Sets,
    pad: Pad,
    log: Log,
    schedule: Schedule,
    lanes: Vec<Lane>,
    flights: VecDeque<Flight>,
    submitted: usize,
    /// Steps for a frame, and frames since something came back.
    pace: usize,
    waited: usize,
}

impl Session {
    /// Builds the network and the optimizer, and waits for what the device has against them.
    ///
    /// # Errors
    ///
    /// An unknown optimizer, a learning rate or a batch that is out of range, what the device refuses.
    pub async fn new(gpu: &'static Gpu, images: &'static Images, of: &Settings) -> Result<Self, Failure> {
        let choice = chosen(&of.optimizer, of.lr.map(|lr| Ok(("lr", lr))))?;
        Self::of(gpu, images, choice, (of.batch, of.seed), None).await
    }

    /// Goes on from a checkpoint, of this page or of the native example.
    ///
    /// # Errors
    ///
    /// It is not of such a run; else those of [`Session::new`].
    pub async fn resume(gpu: &'static Gpu, images: &'static Images, bytes: &[u8]) -> Result<Self, Failure> {
        let checkpoint = Checkpoint::from_bytes(bytes)?;
        let note =
            |key: &str| checkpoint.note(key).ok_or_else(|| format!("the checkpoint has no note {key:?}, so it is of another program"));
        let name = note("optimizer")?;
        let parameters = chosen(name, None)?.rule.parameters();
        let value = |text: &str| number(text).ok_or_else(|| format!("the checkpoint has a setting {text:?}, which is no number"));
        let setting = |parameter: &HyperParameter| Ok((parameter.name, value(note(&format!("set {}", parameter.name))?)?));
        let choice = chosen(name, parameters.iter().map(setting))?;
        let of = (note("batch")?.parse()?, note("seed")?.parse()?);
        Self::of(gpu, images, choice, of, Some(checkpoint)).await
    }

    async fn of(
        gpu: &'static Gpu,
        images: &'static Images,
        choice: Choice,
        (batch, seed): (u32, u64),
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self, Failure> {
        if batch == 0 || batch as usize > images.train() {
            return Err(format!("a batch has from 1 to {} rows, got {batch}", images.train()).into());
        }
        let rows = choice.batch(batch as usize, images.train());
        let own = settings(&choice, batch, &HIDDEN, seed, images);
        let parts = batches(images.train(), rows);
        let saved = checkpoint.map(|checkpoint| Saved::of(checkpoint, &own, parts.clone(), images.test())).transpose()?;
        let make = || -> Result<_, Failure> {
            let trainer = Trainer::new(gpu, images, &HIDDEN, rows, Default::default())?;
            let sets = trainer.upload(&images.split(Random::new(seed, SPLIT)));
            let course = trainer.begin(&*choice.rule, rows, seed, &sets)?;
            saved.as_ref().map_or(Ok(()), |saved| course.restore(saved))?;
            let pad = Pad::new(gpu, &trainer.tensors, images)?;
            Ok((trainer, sets, course, pad))
        };
        // In a browser the device's answer comes later.
        let (trainer, sets, course, pad) = checked(&gpu.device, || Ok(make())).await??;
        let log = saved.map_or_else(|| Log::new(parts, images.test()), |saved| saved.log);
        let (steps, mut schedule) = (log.steps, Schedule::new(log.steps_per_epoch(), usize::MAX));
        if steps > 0 {
            schedule = schedule.after(steps);
        }
        let (trainer, course) = (Rc::new(trainer), Rc::new(course));
        let lanes = (0..FLIGHTS).map(|_| Lane::new(gpu)).collect();
        let (flights, submitted, pace, waited) = (VecDeque::new(), steps, 1, 0);
        Ok(Session { choice, batch, seed, trainer, course, _sets: sets, pad, log, schedule, lanes, flights, submitted, pace, waited })
    }

    /// Looks at what has come back, and submits as many steps as the GPU does in a frame.
    ///
    /// # Errors
    ///
    /// A lost device.
    pub fn frame(&mut self) -> Result<(), Failure> {
        let landed = self.land()?;
        self.waited = if landed > 0 { 0 } else { self.waited + 1 };
        if self.flights.is_empty() {
            // All is done: there is room for more.
            self.pace = (2 * self.pace).min(FLIGHTS * MOST);
        } else if self.waited > LATE {
            (self.pace, self.waited) = ((self.pace / 2).max(1), 0);
        }
        let mut rest = self.pace;
        while rest > 0 && self.log.diverged.is_none() {
            let before = self.submitted;
            if !self.submit(rest.min(MOST)) {
                break;
            }
            rest -= (self.submitted - before).clamp(1, rest);
        }
        Ok(())
    }

    /// Submits the next steps, up to a number, or an evaluation. Says whether there was room.
    pub fn submit(&mut self, most: usize) -> bool {
        let Some(lane) = self.lanes.pop() else { return false };
        let Some(chunk) = self.schedule.next(most) else { return false };
        self.submitted += chunk.steps.len();
        self.flights.push_back(self.course.submit(&self.trainer, lane, chunk));
        true
    }

    /// Looks at what has come back, in order. Returns how many submissions that were.
    ///
    /// # Errors
    ///
    /// A lost device.
    pub fn land(&mut self) -> Result<usize, Failure> {
        let mut landed = 0;
        while let Some(flight) = self.flights.pop_front() {
            match flight.landed()? {
                Err(flight) => {
                    self.flights.push_front(flight);
                    break;
                }
                Ok((arrival, lane)) => {
                    self.log.add(&arrival);
                    self.lanes.push(lane);
                    landed += 1;
                }
            }
        }
        Ok(landed)
    }

    /// Whether submissions are under way.
    pub fn is_busy(&self) -> bool {
        !self.flights.is_empty()
    }

    /// Steps that are submitted, done or not.
    pub fn submitted(&self) -> usize {
        self.submitted
    }

    /// Steps whose results are here.
    pub fn steps(&self) -> usize {
        self.log.steps
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.log.steps_per_epoch()
    }

    /// The step whose loss is not a finite number.
    pub fn diverged(&self) -> Option<usize> {
        self.log.diverged
    }

    /// Points on the training rows and on the test rows: step, loss, accuracy.
    pub fn curves(&self) -> [Vec<f64>; 2] {
        let flat = |points: &[Point]| points.iter().flat_map(|point| [point.step, point.loss, point.accuracy]).collect();
        [flat(&self.log.training), flat(&self.log.test)]
    }

    /// What the run was begun with.
    pub fn settings(&self) -> Settings {
        let Session { choice, batch, seed, .. } = self;
        Settings { optimizer: choice.name.clone(), lr: lr_of(choice), batch: *batch, seed: *seed }
    }

    /// The optimizer's run, to read from.
    pub fn reader(&self) -> Reader {
        let own = settings(&self.choice, self.batch, &HIDDEN, self.seed, self.trainer.images);
        Reader { trainer: self.trainer.clone(), course: self.course.clone(), settings: own, log: self.log.clone() }
    }

    /// Where drawings are read.
    pub fn pad(&mut self) -> (&mut Pad, &Course) {
        (&mut self.pad, &self.course)
    }
}

/// Reads from a run, which may go on meanwhile.
pub struct Reader {
    trainer: Rc<Trainer<'static>>,
    course: Rc<Course>,
    settings: crate::training::saved::Settings,
    log: Log,
}

impl Reader {
    /// The first layer's weights, one unit after the other, as the network is evaluated with.
    ///
    /// # Errors
    ///
    /// A lost device.
    pub async fn weights(&self) -> Result<Vec<f32>, Failure> {
        Ok(self.course.optimizer.read_shown(&self.trainer.shapes[0].0).await?)
    }

    /// All values that are trained.
    ///
    /// # Errors
    ///
    /// A lost device.
    pub async fn values(&self) -> Result<Vec<f32>, Failure> {
        let mut all = Vec::new();
        for (name, _) in &self.trainer.shapes {
            all.extend(self.course.optimizer.read_value(name).await?);
        }
        Ok(all)
    }

    /// The run as a file's bytes. Nothing of it may be under way.
    ///
    /// # Errors
    ///
    /// A lost device, or a rule whose trained values are not shown.
    pub async fn checkpoint(&self) -> Result<Vec<u8>, Failure> {
        let mut checkpoint = self.course.optimizer.checkpoint().await?;
        let cursor = self.course.train.batches.read_cursor().await?;
        note_run(&mut checkpoint, &self.settings, cursor, &self.log);
        Ok(checkpoint.to_bytes()?)
    }
}
