//! The training loop of one optimizer.
//!
//! Submissions overlap: while one runs, the next is already queued, and the host looks at the results of the one before. So neither losses
//! nor prints keep the GPU waiting. A submission is as many steps as take [`PACE`], so Ctrl-C and the progress bar stay responsive.

mod halves;
mod lane;
mod outcome;
mod saved;
mod schedule;
mod target;
mod trainer;

pub use halves::Numbers;
pub use outcome::{End, GOAL, Log, Outcome, Point, Seconds};
pub use saved::{Saved, Settings, settings};
pub use target::Target;
pub use trainer::{SPLIT, Sets, Trainer, batches};

use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

use wgpu_optim::rule::AnyRule;

use crate::model;
use lane::{Arrival, Flight, Lane, MOST};
use schedule::{EVALUATION, Schedule};
use trainer::Course;

/// How long a submission should take.
const PACE: Duration = Duration::from_millis(20);
/// Submissions under way at a time: one runs, one is queued, one is being recorded or looked at.
const FLIGHTS: usize = 3;
/// A submission that takes longer goes alone, so that Ctrl-C waits for one step; the GPU hardly notices the pause.
const SLOW: Duration = Duration::from_millis(200);

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

impl Trainer<'_> {
    /// Trains from the initial weights, or from where a saved run was. Runs of one seed start from the same, and those of one batch size see the same
    /// batches. After each submission `watch` sees the results so far and says whether to go on.
    pub fn train(&self, run: &Run, mut watch: impl FnMut(&Log) -> bool) -> Result<Outcome, Box<dyn Error>> {
        let course = self.begin(run.rule, run.batch, run.seed, run.sets)?;
        run.saved.map_or(Ok(()), |saved| course.restore(saved))?;
        let (log, end) = Flow { trainer: self, run, course: &course }.run(&mut watch)?;
        let optimizer = &course.optimizer;
        // A rule with views is looked at as it was evaluated.
        let mut encoder = self.encoder("evaluate");
        optimizer.evaluate(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
        let seconds = Seconds { all: log.seconds, steps: log.gpu.map(|[steps, _]| steps), evaluations: log.gpu.map(|[_, test]| test) };
        let (confusion, weights) = (self.confusion(&run.sets.test_labels)?, pollster::block_on(optimizer.read_shown(&self.shapes[0].0))?);
        let Log { steps, training, test, .. } = log;
        Ok(Outcome { seed: run.seed, end, steps, seconds, training, test, confusion, weights })
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

/// A run under way.
struct Flow<'a> {
    trainer: &'a Trainer<'a>,
    run: &'a Run<'a>,
    course: &'a Course,
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
                flights.extend(lanes.pop().map(|lane| self.course.submit(self.trainer, lane, chunk)));
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
                flights.extend(evaluation.and_then(|chunk| lanes.pop().map(|lane| self.course.submit(self.trainer, lane, chunk))));
            }
        }
        Ok((log, end))
    }

    /// Saves the run as it is; nothing of it is under way.
    fn save(&self, target: &Target, log: &Log) -> Result<(), Box<dyn Error>> {
        let checkpoint = pollster::block_on(self.course.optimizer.checkpoint())?;
        target.save(checkpoint, pollster::block_on(self.course.train.batches.read_cursor())?, log)
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
