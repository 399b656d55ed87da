//! How a run is going: a bar on a terminal, else about ten lines.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Console;
use crate::training::{End, Log, Outcome};

const LINES: usize = 10;

/// A run under way.
pub struct Progress<'a> {
    out: &'a mut dyn Write,
    stop: &'a AtomicBool,
    bar: Option<ProgressBar>,
    label: String,
    epochs: usize,
    /// The epoch of the next line.
    next: usize,
    /// Steps of an earlier part of the run.
    earlier: usize,
    start: Instant,
    failed: io::Result<()>,
}

impl<'a> Progress<'a> {
    /// Of a run that begins with these results, if it does not begin anew.
    pub fn new(console: &'a mut Console, label: String, epochs: usize, log: Option<&Log>) -> Self {
        // An error here is of the template, which does not depend on anything.
        let style = ProgressStyle::with_template("{prefix:11} {bar:16} {pos}/{len}  {wide_msg}");
        let bar = || ProgressBar::new(0).with_style(style.unwrap_or(ProgressStyle::default_bar())).with_prefix(label.clone());
        let bar = console.terminal.then(bar);
        let (epoch, earlier) = log.map_or((0, 0), |log| (log.epoch(), log.steps));
        let next = (epoch / Self::interval(epochs) + 1) * Self::interval(epochs);
        Progress { out: console.out, stop: console.stop, bar, label, epochs, next, earlier, start: Instant::now(), failed: Ok(()) }
    }

    /// Shows the results so far. Returns whether to go on.
    pub fn show(&mut self, log: &Log) -> bool {
        if let Some(bar) = &self.bar {
            bar.set_length((log.steps_per_epoch() * self.epochs) as u64);
            bar.set_position(log.steps as u64);
            bar.set_message(self.status(log));
        } else if log.epoch() >= self.next {
            self.next = log.epoch() + Self::interval(self.epochs);
            let (label, epoch, epochs, status) = (&self.label, log.epoch(), self.epochs, self.status(log));
            self.failed = writeln!(self.out, "{label:16} epoch {epoch:>4}/{epochs}  {status}");
        }
        self.failed.is_ok() && !self.stop.load(Ordering::Relaxed)
    }

    /// Leaves the bar as it is, and says why the run is over if not as planned. Fails if a line could not be written.
    pub fn finish(self, outcome: &Outcome) -> io::Result<()> {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
        self.failed?;
        match outcome.end {
            End::Finished => Ok(()),
            End::Interrupted => writeln!(self.out, "{:16} interrupted after step {}", self.label, outcome.steps),
            End::Diverged { step } => writeln!(self.out, "{:16} diverged: the loss of step {step} is not finite", self.label),
        }
    }

    fn interval(epochs: usize) -> usize {
        epochs.div_ceil(LINES)
    }

    fn status(&self, log: &Log) -> String {
        let loss = log.training.last().map_or(String::new(), |point| format!("loss {:.4}  ", point.loss));
        let accuracy = log.test.last().map_or(String::new(), |point| format!("test {:.2}%  ", 100.0 * point.accuracy));
        let rate = (log.steps - self.earlier) as f64 / self.start.elapsed().as_secs_f64();
        let decimals = if rate < 10.0 { 2 } else { 0 };
        format!("{loss}{accuracy}{rate:5.decimals$} steps/s")
    }
}
