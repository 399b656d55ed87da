//! The table at the end.

use std::io::{self, Write};

use super::Entry;
use super::figures::{Figures, Spread};
use crate::training::{End, GOAL};

/// A line for each optimizer: means over the seeds, for the accuracy their spread too.
pub fn table(out: &mut dyn Write, entries: &[Entry]) -> io::Result<()> {
    let several = entries.iter().any(|entry| entry.runs.len() > 1);
    let wide = entries.iter().map(|entry| entry.name.len()).max().unwrap_or_default().max("optimizer".len());
    let accuracy = if several { "test accuracy, sd, range" } else { "test accuracy" };
    let goal = format!("steps to {:.0}%", 100.0 * GOAL);
    let room = if several { 31 } else { accuracy.len() };
    writeln!(
        out,
        "\n{:wide$}  {:>8}  {:>9}  {accuracy:>room$}  {goal:>12}  {:>8}  {:>11}",
        "optimizer", "loss", "test loss", "ms/step", "outside GPU"
    )?;
    for entry in entries.iter().filter(|entry| !entry.runs.is_empty()) {
        let Figures { training_loss, test_loss, test_accuracy, steps_to_goal, seconds_per_step, outside_gpu, .. } = entry.figures();
        writeln!(
            out,
            "{:wide$}  {:>8}  {:>9}  {:>room$}  {:>12}  {:>8}  {:>11}{}",
            entry.name,
            cell(training_loss, |loss| format!("{:.4}", loss.mean)),
            cell(test_loss, |loss| format!("{:.4}", loss.mean)),
            cell(test_accuracy, |accuracy| percent(accuracy, several)),
            cell(steps_to_goal, |steps| format!("{:.0}", steps.mean)),
            cell(seconds_per_step, |seconds| milliseconds(seconds.mean)),
            cell(outside_gpu, |part| format!("{:.1}%", 100.0 * part.mean)),
            note(entry),
        )?;
    }
    writeln!(out, "loss: mean over the last epoch, each step's before its update; outside GPU: part of a step in which the GPU idles")
}

fn cell(figure: Option<Spread>, format: impl Fn(Spread) -> String) -> String {
    figure.map_or("-".to_owned(), format)
}

/// To about three digits.
fn milliseconds(seconds: f64) -> String {
    let milliseconds = 1e3 * seconds;
    let decimals = if milliseconds < 10.0 { 3 } else { usize::from(milliseconds < 1000.0) };
    format!("{milliseconds:.decimals$}")
}

fn percent(Spread { mean, deviation, min, max }: Spread, several: bool) -> String {
    match several {
        true => format!("{:.2}% +- {:.2} ({:.2} to {:.2})", 100.0 * mean, 100.0 * deviation, 100.0 * min, 100.0 * max),
        false => format!("{:.2}%", 100.0 * mean),
    }
}

fn note(entry: &Entry) -> String {
    let notes = entry.runs.iter().filter_map(|run| match run.end {
        End::Finished => None,
        End::Interrupted => Some(format!("interrupted after step {}", run.steps)),
        End::Diverged { step } => Some(format!("diverged at step {step}")),
    });
    let notes: Vec<String> = notes.collect();
    if notes.is_empty() { String::new() } else { format!("  {}", notes.join(", ")) }
}
