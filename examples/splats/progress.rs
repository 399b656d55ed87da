//! How the fit is going: a bar on a terminal, else a line now and then.

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use crate::fit::{BLOCK, Log, decibels};

/// Blocks of steps from one line to the next.
const LINES: usize = 2;

/// A fit under way.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// Steps and seconds of an earlier part of the run.
    earlier: (usize, f64),
}

impl Progress {
    /// Of a run of so many steps, some of which may be done.
    pub fn new(steps: usize, log: &Log) -> Self {
        // An error here is of the template, which does not depend on anything.
        let style = ProgressStyle::with_template("splats {bar:24} {pos}/{len}  {wide_msg}").unwrap_or(ProgressStyle::default_bar());
        let bar = io::stderr().is_terminal().then(|| ProgressBar::new(steps as u64).with_style(style));
        Progress { bar, earlier: (log.losses.len(), log.seconds) }
    }

    /// Within a block.
    pub fn tell(&self, step: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(step as u64);
        }
    }

    /// After a block.
    pub fn show(&self, out: &mut dyn Write, log: &Log, count: usize) -> io::Result<()> {
        let (step, (steps, seconds)) = (log.losses.len(), self.earlier);
        let rate = (step - steps) as f64 / (log.seconds - seconds);
        let status = format!("{:.2} dB  {count} splats  {rate:.0} steps/s", log.recent());
        match &self.bar {
            Some(bar) => {
                bar.set_position(step as u64);
                bar.set_message(status);
                Ok(())
            }
            None if (step / BLOCK).is_multiple_of(LINES) => writeln!(out, "step {step:>5}  {status}"),
            None => Ok(()),
        }
    }

    /// Leaves the bar as it is.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

impl Log {
    /// The peak signal-to-noise ratio of the last steps, in decibels.
    pub fn recent(&self) -> f64 {
        let last = &self.losses[self.losses.len().saturating_sub(10)..];
        decibels(last.iter().map(|&loss| f64::from(loss)).sum::<f64>() / last.len() as f64)
    }
}
