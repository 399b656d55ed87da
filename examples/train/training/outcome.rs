//! What a run gives.

use serde::Serialize;

use super::lane::Arrival;

/// Test accuracy whose first step the table shows.
pub const GOAL: f64 = 0.95;

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Steps before it; for a mean over several steps, the mean of theirs.
    pub step: f64,
    /// The same in epochs.
    pub epoch: f64,
    /// Rows that it is the mean of.
    pub rows: usize,
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Part of the rows whose largest logit is that of their label.
    pub accuracy: f64,
}

impl Point {
    fn to_numbers(self) -> [u64; 5] {
        let Point { step, epoch, rows, loss, accuracy } = self;
        [step.to_bits(), epoch.to_bits(), rows as u64, loss.to_bits(), accuracy.to_bits()]
    }

    fn of_numbers(&[step, epoch, rows, loss, accuracy]: &[u64; 5]) -> Self {
        let [step, epoch, loss, accuracy] = [step, epoch, loss, accuracy].map(f64::from_bits);
        Point { step, epoch, rows: rows as usize, loss, accuracy }
    }
}

/// Why a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All epochs are done.
    Finished,
    /// Someone pressed Ctrl-C.
    Interrupted,
    /// The loss of this step, counted from 1, is not a finite number.
    Diverged {
        /// The step.
        step: usize,
    },
}

/// Where the time went, in seconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Seconds {
    /// From the first submission to the last result, without the time in which the run is saved; of all parts of a run that was resumed.
    pub all: f64,
    /// The GPU's own, for the steps; absent if it has no clock.
    pub steps: Option<f64>,
    /// The GPU's own, for the evaluations.
    pub evaluations: Option<f64>,
}

/// A run's result.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Decides the split, the initial weights and the order of the rows.
    pub seed: u64,
    /// Why it is over.
    pub end: End,
    /// Optimizer steps.
    pub steps: usize,
    /// Where the time went.
    pub seconds: Seconds,
    /// Loss and accuracy on the training rows: means over the steps from one evaluation to the next, each before its update.
    pub training: Vec<Point>,
    /// Loss and accuracy on the test rows.
    pub test: Vec<Point>,
    /// How many test rows of each label, a row of the matrix, were taken for each class, a column.
    pub confusion: Vec<Vec<u32>>,
    /// The first layer's weights, one unit after the other.
    #[serde(skip)]
    pub weights: Vec<f32>,
}

impl Outcome {
    /// Mean loss and accuracy on the training rows over the last epoch.
    pub fn final_training(&self) -> Option<[f64; 2]> {
        let end = self.training.last()?.epoch;
        let last: Vec<&Point> = self.training.iter().filter(|point| point.epoch > end - 1.0).collect();
        let rows: usize = last.iter().map(|point| point.rows).sum();
        let mean = |value: fn(&Point) -> f64| last.iter().map(|point| value(point) * point.rows as f64).sum::<f64>() / rows as f64;
        Some([mean(|point| point.loss), mean(|point| point.accuracy)])
    }

    /// The last evaluation, unless the run diverged.
    pub fn final_test(&self) -> Option<&Point> {
        self.test.last().filter(|_| !matches!(self.end, End::Diverged { .. }))
    }

    /// Steps before the first evaluation that reaches [`GOAL`].
    pub fn steps_to_goal(&self) -> Option<f64> {
        self.test.iter().find(|point| point.accuracy >= GOAL).map(|point| point.step)
    }

    /// Seconds per step: all time but that of the evaluations.
    pub fn seconds_per_step(&self) -> Option<f64> {
        let training = self.seconds.all - self.seconds.evaluations.unwrap_or_default();
        (self.steps > 0).then(|| training / self.steps as f64)
    }

    /// Part of that time in which the GPU has nothing to do.
    pub fn outside_gpu(&self) -> Option<f64> {
        let Seconds { all, steps, evaluations } = self.seconds;
        let training = all - evaluations?;
        (training > 0.0).then_some((training - steps?).max(0.0) / training)
    }
}

/// The results so far. They are saved, but for what a run is built from and for times.
#[derive(Clone)]
pub struct Log {
    /// Optimizer steps.
    pub steps: usize,
    /// Points on the training rows.
    pub training: Vec<Point>,
    /// Points on the test rows.
    pub test: Vec<Point>,
    /// Seconds from the first submission to the last result; a run that goes on adds to them.
    pub seconds: f64,
    /// The GPU's seconds for steps and evaluations.
    pub gpu: Option<[f64; 2]>,
    /// The step, counted from 1, whose loss is not finite.
    pub diverged: Option<usize>,
    batches: Vec<usize>,
    test_rows: usize,
    sum: Sum,
}

/// The steps since the last evaluation.
#[derive(Clone, Default)]
struct Sum {
    steps: usize,
    rows: usize,
    loss: f64,
    correct: u64,
}

impl Log {
    /// Of a run whose epochs have batches of these many rows.
    pub fn new(batches: Vec<usize>, test_rows: usize) -> Self {
        let (training, test, gpu) = (Vec::new(), Vec::new(), Some([0.0; 2]));
        Log { steps: 0, training, test, seconds: 0.0, gpu, diverged: None, batches, test_rows, sum: Sum::default() }
    }

    /// What is saved of it, as whole numbers: the steps, the sums since the last evaluation, how many points there are on the training rows, all points. What
    /// is no whole number is the bits of its f64, which every reader gives back as they were.
    pub fn to_numbers(&self) -> Vec<u64> {
        let Sum { steps, rows, loss, correct } = self.sum;
        let head = [self.steps as u64, steps as u64, rows as u64, loss.to_bits(), correct, self.training.len() as u64];
        head.into_iter().chain(self.training.iter().chain(&self.test).flat_map(|point| point.to_numbers())).collect()
    }

    /// The results of such a run, from what was saved; nothing if that is not of a log.
    pub fn of_numbers(numbers: &[u64], batches: Vec<usize>, test_rows: usize) -> Option<Self> {
        let (&[steps, of_sum, rows, loss, correct, training], points) = numbers.split_first_chunk()?;
        let sum = Sum { steps: of_sum as usize, rows: rows as usize, loss: f64::from_bits(loss), correct };
        let (points, []) = points.as_chunks() else { return None };
        let (training, test) = points.split_at_checked(training as usize)?;
        let [training, test] = [training, test].map(|points| points.iter().map(Point::of_numbers).collect());
        Some(Log { steps: steps as usize, training, test, sum, ..Log::new(batches, test_rows) })
    }

    /// Rows per step; the last one of an epoch may have fewer.
    pub fn batch(&self) -> usize {
        self.batches[0]
    }

    /// Steps per epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.batches.len()
    }

    /// Epochs that are done.
    pub fn epoch(&self) -> usize {
        self.steps / self.steps_per_epoch()
    }

    /// Adds what came; nothing after a step that diverged.
    pub fn add(&mut self, arrival: &Arrival) {
        self.gpu = self.gpu.zip(arrival.seconds).map(|([steps, test], new)| [steps + new[0], test + new[1]]);
        for (stats, step) in arrival.steps.iter().zip(arrival.chunk.steps.clone()) {
            if self.diverged.is_some() {
                return;
            }
            self.steps += 1;
            if !stats.loss.is_finite() {
                self.diverged = Some(self.steps);
            }
            self.sum.steps += 1;
            self.sum.rows += self.batches[step];
            self.sum.loss += f64::from(stats.loss);
            self.sum.correct += u64::from(stats.correct);
        }
        if arrival.chunk.evaluate && self.diverged.is_none() {
            self.close();
            if !arrival.test.loss.is_finite() {
                self.diverged = Some(self.steps);
                return;
            }
            // An interrupted run is evaluated once more, perhaps where it just was.
            if self.test.last().is_some_and(|last| last.step == self.steps as f64) {
                return;
            }
            self.test.push(self.point(self.steps as f64, self.test_rows, arrival.test.loss.into(), arrival.test.correct.into()));
        }
    }

    fn close(&mut self) {
        let Sum { steps, rows, loss, correct } = std::mem::take(&mut self.sum);
        if steps > 0 {
            // The first of them was taken after `self.steps - steps` others, the last after `self.steps - 1`.
            let before = self.steps as f64 - (steps as f64 + 1.0) / 2.0;
            self.training.push(self.point(before, rows, loss, correct));
        }
    }

    fn point(&self, step: f64, rows: usize, loss: f64, correct: u64) -> Point {
        let epoch = step / self.steps_per_epoch() as f64;
        Point { step, epoch, rows, loss: loss / rows as f64, accuracy: correct as f64 / rows as f64 }
    }
}
