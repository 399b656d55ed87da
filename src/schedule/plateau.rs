//! `Plateau`: lowers a learning rate when a metric stops improving, on the host.

/// Whether a smaller or a larger metric is better.
///
/// ```
/// use wgpu_optim::schedule::{Mode, Plateau};
///
/// let mut plateau = Plateau { lr: 0.1, factor: 0.5, mode: Mode::Max, patience: 0, ..Default::default() };
/// assert_eq!([0.5, 0.6, 0.6].map(|accuracy| plateau.observe(accuracy)), [None, None, Some(0.05)]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Smaller, as losses.
    #[default]
    Min,
    /// Larger, as accuracies.
    Max,
}

/// What [`Plateau::threshold`] is relative to.
///
/// ```
/// use wgpu_optim::schedule::{Plateau, ThresholdMode};
///
/// let absolute = ThresholdMode::Absolute;
/// let mut plateau = Plateau { lr: 0.1, factor: 0.5, threshold: 0.5, threshold_mode: absolute, patience: 0, ..Default::default() };
/// assert_eq!([10.0, 9.0, 8.75].map(|loss| plateau.observe(loss)), [None, None, Some(0.05)]); // better by 1, then by 0.25
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThresholdMode {
    /// The best metric so far: it has to be below `best * (1 - threshold)`, or above `best * (1 + threshold)`.
    #[default]
    Relative,
    /// Nothing: below `best - threshold`, or above `best + threshold`.
    Absolute,
}

/// Reduces a learning rate when a metric has stopped improving: torch's `ReduceLROnPlateau`, with its defaults. The metric is a loss that the
/// host has read back, so this is a helper of the host; several rates take several of these.
///
/// A metric improves if it is better than the best so far by the threshold. After more than `patience` metrics in a row that do not,
/// `lr = max(lr * factor, min_lr)`, unless that changes it by `eps` or less; then `cooldown` metrics are not counted. NaN never improves, as
/// in torch: it counts as one more metric without improvement, and is not remembered as the best.
///
/// ```
/// use wgpu_optim::schedule::Plateau;
///
/// let mut plateau = Plateau { lr: 0.1, factor: 0.5, patience: 1, ..Default::default() };
/// let changes = [3.0, 2.0, 2.0, 2.0, 1.0].map(|loss| plateau.observe(loss));
/// assert_eq!(changes, [None, None, None, Some(0.05), None]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    /// The learning rate now.
    pub lr: f64,
    /// Whether smaller or larger is better.
    pub mode: Mode,
    /// By what the rate is multiplied, below 1.
    pub factor: f64,
    /// How many metrics in a row may fail to improve.
    pub patience: u32,
    /// By how much a metric has to be better.
    pub threshold: f64,
    /// What that is relative to.
    pub threshold_mode: ThresholdMode,
    /// How many metrics after a reduction are not counted.
    pub cooldown: u32,
    /// The rate is not made less.
    pub min_lr: f64,
    /// A reduction by no more than this is not made.
    pub eps: f64,
    /// State: the best metric so far.
    pub best: Option<f64>,
    /// State: metrics in a row that did not improve.
    pub bad: u32,
    /// State: metrics that are still not counted.
    pub cooling: u32,
}

impl Default for Plateau {
    fn default() -> Self {
        Plateau {
            lr: 1e-3,
            mode: Mode::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Relative,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            best: None,
            bad: 0,
            cooling: 0,
        }
    }
}

impl Plateau {
    /// Whether the numbers have a meaning.
    ///
    /// # Errors
    ///
    /// A message that names the field and its number: a `factor` outside `[0, 1)`, or another number that is negative or not finite.
    pub fn check(&self) -> Result<(), String> {
        if !(0.0..1.0).contains(&self.factor) {
            return Err(format!("Plateau: factor must be in [0, 1), got {}", self.factor));
        }
        let fields = [("lr", self.lr), ("threshold", self.threshold), ("min_lr", self.min_lr), ("eps", self.eps)];
        match fields.into_iter().find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
            Some((field, value)) => Err(format!("Plateau: {field} must be in [0, inf), got {value}")),
            None => Ok(()),
        }
    }

    /// Takes the next metric; the new rate if that changes it.
    pub fn observe(&mut self, metric: f64) -> Option<f64> {
        if self.improves(metric) {
            self.best = Some(metric);
            self.bad = 0;
        } else {
            self.bad = self.bad.saturating_add(1);
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad <= self.patience {
            return None;
        }
        self.cooling = self.cooldown;
        self.bad = 0;
        let lr = (self.lr * self.factor).max(self.min_lr);
        let changes = self.lr - lr > self.eps;
        changes.then(|| {
            self.lr = lr;
            lr
        })
    }

    fn improves(&self, metric: f64) -> bool {
        match (self.mode, self.threshold_mode) {
            (Mode::Min, ThresholdMode::Relative) => metric < self.best.unwrap_or(f64::INFINITY) * (1.0 - self.threshold),
            (Mode::Min, ThresholdMode::Absolute) => metric < self.best.unwrap_or(f64::INFINITY) - self.threshold,
            (Mode::Max, ThresholdMode::Relative) => metric > self.best.unwrap_or(f64::NEG_INFINITY) * (1.0 + self.threshold),
            (Mode::Max, ThresholdMode::Absolute) => metric > self.best.unwrap_or(f64::NEG_INFINITY) + self.threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_counts_and_is_not_remembered() {
        let mut plateau = Plateau { lr: 1.0, factor: 0.5, patience: 0, ..Default::default() };
        assert_eq!([f64::NAN, 2.0, f64::NAN, 1.0].map(|metric| plateau.observe(metric)), [Some(0.5), None, Some(0.25), None]);
        assert_eq!(plateau.best, Some(1.0));
    }

    #[test]
    fn small_reductions_are_not_made() {
        let mut plateau = Plateau { lr: 1.0, factor: 0.5, patience: 0, min_lr: 0.4, eps: 0.2, ..Default::default() };
        assert_eq!([1.0; 4].map(|metric| plateau.observe(metric)), [None, Some(0.5), None, None]);
    }

    #[test]
    fn numbers_without_a_meaning_are_refused() {
        for (plateau, message) in [
            (Plateau { factor: 1.0, ..Default::default() }, "Plateau: factor must be in [0, 1), got 1"),
            (Plateau { lr: f64::NAN, ..Default::default() }, "Plateau: lr must be in [0, inf), got NaN"),
            (Plateau { eps: -1.0, ..Default::default() }, "Plateau: eps must be in [0, inf), got -1"),
        ] {
            assert_eq!(plateau.check(), Err(message.to_owned()));
        }
        assert_eq!(Plateau::default().check(), Ok(()));
    }
}
