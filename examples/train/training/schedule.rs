//! When what happens: epochs, evaluations, and how the steps are cut into submissions.

use std::ops::Range;

/// Evaluations per epoch. One of the digits costs as much as 8% of an epoch, of MNIST 6%: its rows against three times as many for a row
/// that is trained on.
const EVALUATIONS: usize = 4;

/// Steps of one epoch that are submitted together, then perhaps an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Counted from 0 in each epoch.
    pub steps: Range<usize>,
    /// Whether the test rows follow.
    pub evaluate: bool,
}

/// An evaluation by itself.
pub const EVALUATION: Chunk = Chunk { steps: 0..0, evaluate: true };

/// What is left to do.
#[derive(Clone, Debug)]
pub struct Schedule {
    steps: usize,
    epochs: usize,
    started: bool,
    epoch: usize,
    done: usize,
}

impl Schedule {
    /// Epochs of a number of steps. An evaluation comes before the first, and several in each, the last one at its end.
    pub fn new(steps: usize, epochs: usize) -> Self {
        Schedule { steps, epochs, started: false, epoch: 0, done: 0 }
    }

    /// What is left after so many steps, and the evaluation before the first.
    pub fn after(self, steps: usize) -> Self {
        Schedule { started: true, epoch: steps / self.steps, done: steps % self.steps, ..self }
    }

    /// The next steps, up to a number.
    pub fn next(&mut self, most: usize) -> Option<Chunk> {
        if !self.started {
            self.started = true;
            return Some(EVALUATION);
        }
        if self.done == self.steps {
            (self.epoch, self.done) = (self.epoch + 1, 0);
        }
        if self.epoch >= self.epochs {
            return None;
        }
        let evaluation = self.evaluation();
        let steps = self.done..evaluation.min(self.done + most);
        self.done = steps.end;
        Some(Chunk { evaluate: steps.end == evaluation, steps })
    }

    /// The step before the next evaluation.
    fn evaluation(&self) -> usize {
        let mut steps = (1..=EVALUATIONS).map(|part| (part * self.steps).div_ceil(EVALUATIONS));
        steps.find(|&step| step > self.done).unwrap_or(self.steps)
    }
}
