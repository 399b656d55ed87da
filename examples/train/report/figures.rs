//! An optimizer's results over all seeds.

use serde::Serialize;

use crate::optimizers::Choice;
use crate::training::{End, Outcome, Point};

/// An optimizer and its runs, one per seed.
pub struct Entry {
    /// As it was asked for.
    pub name: String,
    /// The rule behind it.
    pub rule: &'static str,
    /// Name and value of each hyper-parameter.
    pub hyper_parameters: Vec<(&'static str, f64)>,
    /// Rows per step.
    pub batch: usize,
    /// As many as have begun.
    pub runs: Vec<Outcome>,
}

/// A figure over the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The standard deviation of the sample (n - 1); 0 for one seed.
    pub deviation: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

/// The figures of the table. Absent where no run has one; `steps_to_goal` where any run has none.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Mean training loss over the last epoch.
    pub training_loss: Option<Spread>,
    /// Training accuracy over the last epoch, of 1.
    pub training_accuracy: Option<Spread>,
    /// Test loss at the end.
    pub test_loss: Option<Spread>,
    /// Test accuracy at the end, of 1.
    pub test_accuracy: Option<Spread>,
    /// Steps until the test accuracy is 95%.
    pub steps_to_goal: Option<Spread>,
    /// Time per step, without evaluations.
    pub seconds_per_step: Option<Spread>,
    /// Part of it in which the GPU has nothing to do.
    pub outside_gpu: Option<Spread>,
}

impl Spread {
    /// Of these values, if there are any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let spread = Spread {
            mean,
            deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        (!values.is_empty()).then_some(spread)
    }
}

impl Entry {
    /// One without runs.
    pub fn new(choice: &Choice, batch: usize) -> Self {
        let names = choice.rule.parameters().iter().map(|parameter| parameter.name);
        let hyper_parameters = names.zip(choice.rule.values()).collect();
        Entry { name: choice.name.clone(), rule: choice.rule.name(), hyper_parameters, batch, runs: Vec::new() }
    }

    /// The runs that did not diverge.
    pub fn sound(&self) -> impl Iterator<Item = &Outcome> {
        self.runs.iter().filter(|run| !matches!(run.end, End::Diverged { .. }))
    }

    /// The figures over its runs.
    pub fn figures(&self) -> Figures {
        let last = |of: fn(&Point) -> f64| Spread::of(self.runs.iter().filter_map(|run| run.final_test().map(of)));
        let training = |index: usize| Spread::of(self.sound().filter_map(Outcome::final_training).map(|figures| figures[index]));
        let goals: Option<Vec<f64>> = self.runs.iter().map(Outcome::steps_to_goal).collect();
        Figures {
            training_loss: training(0),
            training_accuracy: training(1),
            test_loss: last(|point| point.loss),
            test_accuracy: last(|point| point.accuracy),
            steps_to_goal: goals.and_then(Spread::of),
            seconds_per_step: Spread::of(self.runs.iter().filter_map(Outcome::seconds_per_step)),
            outside_gpu: Spread::of(self.runs.iter().filter_map(Outcome::outside_gpu)),
        }
    }

    /// What the best is the largest of: test accuracy, and if it is the same, less test loss.
    fn score(&self) -> Option<(f64, f64)> {
        let Figures { test_accuracy, test_loss, .. } = self.figures();
        Some((test_accuracy?.mean, -test_loss?.mean))
    }
}

/// The optimizer with the best test accuracy, if one has a result.
pub fn best(entries: &[Entry]) -> Option<&Entry> {
    let scored = entries.iter().filter_map(|entry| entry.score().map(|score| (score, entry)));
    scored.reduce(|best, other| if other.0 > best.0 { other } else { best }).map(|(_, entry)| entry)
}
