//! Which learning rate stands for a contender on a function, and how well it did.

use crate::functions::{self, Function};
use crate::race::Trial;

/// How much worse than the best a gentler learning rate may score. At the edge of stability, where the best often is, a trail jumps to and
/// fro for little gain.
const MARGIN: f64 = 2.0;

/// The chosen trial of a contender on a function.
#[derive(Clone, Copy, Debug)]
pub struct Pick<'a> {
    /// The trial.
    pub trial: &'a Trial,
    /// Mean of the function over the last tenth of the steps; in the noise, a single value would be luck.
    pub last: f64,
    /// Whether it ends above its start, or nowhere.
    pub diverged: bool,
    /// How many of the contender's trials diverge.
    pub unstable: usize,
    /// Of how many.
    pub tried: usize,
}

/// The smallest learning rate whose score is within [`MARGIN`] of the grid's lowest.
pub fn pick(trials: &[Trial], function: usize, contender: usize) -> Option<Pick<'_>> {
    let of = &functions::ALL[function];
    let own: Vec<&Trial> = trials.iter().filter(|trial| (trial.function, trial.contender) == (function, contender)).collect();
    let scores: Vec<f64> = own.iter().map(|trial| score(of, &trial.trail)).collect();
    let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let (trial, _) = own.iter().zip(&scores).find(|(_, score)| **score <= MARGIN * lowest)?;
    let tail = trial.trail.len() - trial.trail.len().div_ceil(10);
    let last = trial.trail[tail..].iter().map(|&point| value(of, point)).sum::<f64>() / (trial.trail.len() - tail) as f64;
    let unstable = own.iter().filter(|trial| diverged(of, &trial.trail)).count();
    Some(Pick { trial, last, diverged: diverged(of, &trial.trail), unstable, tried: own.len() })
}

/// The mean of the function over the trail, each value weighted by its step: the "integral of time-multiplied error" of control theory
/// (Graham and Lathrop, "The synthesis of optimum transient response", 1953). It counts how soon a contender is low and how low it gets;
/// the first steps, where all are high, hardly count.
fn score(function: &Function, trail: &[[f32; 2]]) -> f64 {
    let weighted = (0..).zip(trail).map(|(step, &point)| f64::from(step) * value(function, point));
    let weights = trail.len() * (trail.len() - 1) / 2;
    weighted.sum::<f64>() / weights as f64
}

fn diverged(function: &Function, trail: &[[f32; 2]]) -> bool {
    let [first, last] = [trail.first(), trail.last()].map(|point| point.map_or(f64::INFINITY, |&point| value(function, point)));
    last > first
}

/// Infinite where it is not a number, so that it is never the least.
fn value(function: &Function, [x, y]: [f32; 2]) -> f64 {
    let value = (function.value)(f64::from(x), f64::from(y));
    if value.is_nan() { f64::INFINITY } else { value }
}
