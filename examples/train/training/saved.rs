//! A run in a checkpoint: in its notes is all else that the run goes on from.

use wgpu_optim::batches::Cursor;
use wgpu_optim::checkpoint::Checkpoint;

use super::Log;
use crate::data::Images;
use crate::optimizers::Choice;

/// Notes: where the next batch begins, the results so far, and the seconds that they took.
const CURSOR: &str = "cursor";
const LOG: &str = "log";
const SECONDS: &str = "seconds";

/// What decides a run, as options and their values. A run that goes on has the same.
pub type Settings = Vec<(String, String)>;

/// A run to go on from.
pub struct Saved {
    /// The optimizer.
    pub checkpoint: Checkpoint,
    /// Where the next batch begins.
    pub cursor: Cursor,
    /// The results so far.
    pub log: Log,
}

impl Saved {
    /// The run in a checkpoint, with these settings.
    pub fn of(checkpoint: Checkpoint, settings: &Settings, batches: Vec<usize>, test_rows: usize) -> Result<Self, String> {
        for (option, ours) in settings {
            let theirs = note(&checkpoint, option)?;
            if theirs != ours {
                return Err(format!("its run has --{option} {theirs}, this one {ours}"));
            }
        }
        let cursor = numbers(&checkpoint, CURSOR)?;
        let [Ok(epoch), Ok(position)] = cursor[..].iter().map(|&number| u32::try_from(number)).collect::<Vec<_>>()[..] else {
            return Err(foreign(CURSOR));
        };
        let mut log = Log::of_numbers(&numbers(&checkpoint, LOG)?, batches, test_rows).ok_or_else(|| foreign(LOG))?;
        let seconds: Vec<f64> = numbers(&checkpoint, SECONDS)?.into_iter().map(f64::from_bits).collect();
        (log.seconds, log.gpu) = match seconds[..] {
            [all] => (all, None),
            [all, steps, evaluations] => (all, Some([steps, evaluations])),
            _ => return Err(foreign(SECONDS)),
        };
        let before = log.steps_per_epoch() as u64 * u64::from(epoch) + u64::from(position).div_ceil(log.batch() as u64);
        let steps = [log.steps as u64, before, u64::from(checkpoint.progress().step)];
        if steps != [steps[0]; 3] {
            let [log, before, optimizer] = steps;
            return Err(format!("its results are of {log} steps, its batches of {before}, its optimizer of {optimizer}"));
        }
        Ok(Saved { checkpoint, cursor: Cursor { epoch, position }, log })
    }
}

/// Writes the run into the checkpoint's notes.
pub fn note_run(checkpoint: &mut Checkpoint, settings: &Settings, cursor: Cursor, log: &Log) {
    for (option, value) in settings {
        checkpoint.set_note(option, value);
    }
    set_numbers(checkpoint, CURSOR, [cursor.epoch, cursor.position].map(u64::from));
    set_numbers(checkpoint, LOG, log.to_numbers());
    // Apart from the results, which are the same every time.
    let seconds = [log.seconds].into_iter().chain(log.gpu.into_iter().flatten());
    set_numbers(checkpoint, SECONDS, seconds.map(f64::to_bits));
}

/// All that decides a run: what a resumed one has to have as it was.
pub fn settings(choice: &Choice, batch: u32, hidden: &[usize], seed: u64, images: &Images) -> Settings {
    let hidden = hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let own = choice.rule.parameters().iter().zip(choice.rule.values());
    let own = own.map(|(parameter, value)| (format!("set {}", parameter.name), format!("{value:?}")));
    let rest = [("batch", batch.to_string()), ("hidden", hidden), ("seed", seed.to_string()), ("data", images.fingerprint())];
    let rest = rest.map(|(option, value)| (option.to_owned(), value));
    [("optimizer".to_owned(), choice.name.clone())].into_iter().chain(own).chain(rest).collect()
}

fn note<'a>(checkpoint: &'a Checkpoint, key: &str) -> Result<&'a str, String> {
    checkpoint.note(key).ok_or_else(|| format!("it has no note {key:?}, so it is not of this program"))
}

/// Leaves a note of whole numbers.
fn set_numbers(checkpoint: &mut Checkpoint, key: &str, numbers: impl IntoIterator<Item = u64>) {
    let texts: Vec<String> = numbers.into_iter().map(|number| number.to_string()).collect();
    checkpoint.set_note(key, texts.join(" "));
}

/// A note of whole numbers.
fn numbers(checkpoint: &Checkpoint, key: &str) -> Result<Vec<u64>, String> {
    note(checkpoint, key)?.split(' ').map(|text| text.parse().map_err(|error| format!("its note {key:?}: {text:?}: {error}"))).collect()
}

fn foreign(key: &str) -> String {
    format!("its note {key:?} has other numbers than this program writes")
}
