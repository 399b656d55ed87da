//! Which schedules are refused, and why.

use super::piece::{FOREVER, Shape};
use super::{Anneal, Schedule};

/// More steps than anybody takes, and their sums stay within 32 bits.
const MOST_STEPS: u32 = 1 << 31;
const LARGEST: f64 = f32::MAX as f64;

impl Schedule {
    /// Whether the schedule has a meaning and f32 holds it.
    ///
    /// # Errors
    ///
    /// A message that names the field and its number and says what is accepted: values that are not 0 or of magnitude 1.18e-38 to 3.4e38;
    /// steps that are above 2^31, and those that are 0 where a period, a timescale or a cycle has to be 1 at least; a `gamma` or `power` that is not
    /// above 0; a `pct_start` outside `[0, 1]`; steps out of order; an empty list; an exponential between numbers that it cannot join; and
    /// growth beyond f32.
    pub fn check(&self) -> Result<(), String> {
        self.check_fields()?;
        for piece in self.pieces() {
            let [first, last] = piece.ends();
            if first.abs().max(last.abs()) <= LARGEST {
                continue;
            }
            let steps = (piece.length < FOREVER).then_some(piece.length);
            let lasts = steps.map_or("for ever".to_owned(), |steps| format!("{steps} steps"));
            return Err(match piece.shape {
                Shape::Exponential => format!(
                    "{}: from {:?} the growth goes beyond f32's largest, {LARGEST:e}, since it lasts {lasts}; end it earlier, in a Sequence",
                    self.name(),
                    piece.start
                ),
                _ => format!("{}: gamma makes values beyond f32's largest, {LARGEST:e}; lower it or leave out milestones", self.name()),
            });
        }
        Ok(())
    }

    fn check_fields(&self) -> Result<(), String> {
        let result = match *self {
            Schedule::Constant(value) => holds("the value", value),
            Schedule::Linear { from, to, steps } | Schedule::Cosine { from, to, steps } => ramp(from, to, steps),
            Schedule::Step { from, gamma, every } => holds("from", from).and(positive("gamma", gamma)).and(counts("every", every)),
            Schedule::MultiStep { from, gamma, ref milestones } => holds("from", from).and(positive("gamma", gamma)).and(ascending(
                "milestones",
                milestones,
                |a, b| a <= b,
                "in ascending order",
            )),
            Schedule::Exponential { from, gamma } => holds("from", from).and(positive("gamma", gamma)),
            Schedule::Polynomial { from, to, steps, power } => ramp(from, to, steps).and(positive("power", power)),
            Schedule::CosineRestarts { from, to, steps, mult } => {
                ramp(from, to, steps).and(counts("steps", steps)).and(counts("mult", mult))
            }
            Schedule::OneCycle { from, peak, to, steps, pct_start, anneal, three_phase } => ramp(from, to, steps)
                .and(counts("steps", steps))
                .and(holds("peak", peak))
                .and(fraction("pct_start", pct_start))
                .and(joins(anneal, ("from", from), ("peak", peak)))
                .and(joins(anneal, if three_phase { ("from", from) } else { ("peak", peak) }, ("to", to))),
            Schedule::InverseSqrt { from, timescale } => holds("from", from).and(counts("timescale", timescale)),
            Schedule::Noam { peak, warmup } => holds("peak", peak).and(counts("warmup", warmup)),
            Schedule::WarmupStableDecay { from, peak, to, warmup, stable, decay, anneal } => ramp(from, to, 1)
                .and(holds("peak", peak))
                .and(at_most("warmup", warmup))
                .and(at_most("stable", stable))
                .and(at_most("decay", decay))
                .and(if decay == 0 { Ok(()) } else { joins(anneal, ("peak", peak), ("to", to)) }),
            Schedule::PiecewiseLinear(ref points) => {
                let steps: Vec<u32> = points.iter().map(|&(step, _)| step).collect();
                let values = points.iter().enumerate().try_for_each(|(index, &(_, value))| holds(&format!("point {index}"), value));
                let not_empty = if points.is_empty() { Err("no points; give it at least one".to_owned()) } else { Ok(()) };
                not_empty.and(values).and(ascending("points", &steps, |a, b| a < b, "at ascending steps, each once"))
            }
            Schedule::Sequence(ref parts) => sequence(parts),
        };
        result.map_err(|message| format!("{}: {message}", self.name()))
    }

    fn name(&self) -> &'static str {
        match self {
            Schedule::Constant(_) => "Constant",
            Schedule::Linear { .. } => "Linear",
            Schedule::Step { .. } => "Step",
            Schedule::MultiStep { .. } => "MultiStep",
            Schedule::Exponential { .. } => "Exponential",
            Schedule::Polynomial { .. } => "Polynomial",
            Schedule::Cosine { .. } => "Cosine",
            Schedule::CosineRestarts { .. } => "CosineRestarts",
            Schedule::OneCycle { .. } => "OneCycle",
            Schedule::InverseSqrt { .. } => "InverseSqrt",
            Schedule::Noam { .. } => "Noam",
            Schedule::WarmupStableDecay { .. } => "WarmupStableDecay",
            Schedule::PiecewiseLinear(_) => "PiecewiseLinear",
            Schedule::Sequence(_) => "Sequence",
        }
    }
}

type Checked = Result<(), String>;

fn holds(field: &str, value: f64) -> Checked {
    let magnitude = value.abs();
    match value == 0.0 || (f64::from(f32::MIN_POSITIVE)..=LARGEST).contains(&magnitude) {
        true => Ok(()),
        false => Err(format!("{field} must be 0 or of magnitude 1.18e-38 to 3.4e38, as f32 is, got {value:e}")),
    }
}

fn positive(field: &str, value: f64) -> Checked {
    match value > 0.0 && value <= LARGEST {
        true => Ok(()),
        false => Err(format!("{field} must be above 0 and at most {LARGEST:e}, got {value}")),
    }
}

fn fraction(field: &str, value: f64) -> Checked {
    match (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(format!("{field} must be in [0, 1], got {value}")),
    }
}

fn counts(field: &str, count: u32) -> Checked {
    match (1..=MOST_STEPS).contains(&count) {
        true => Ok(()),
        false => Err(format!("{field} must be from 1 to {MOST_STEPS}, got {count}")),
    }
}

fn at_most(field: &str, count: u32) -> Checked {
    match count <= MOST_STEPS {
        true => Ok(()),
        false => Err(format!("{field} must be from 0 to {MOST_STEPS}, got {count}")),
    }
}

fn ramp(from: f64, to: f64, steps: u32) -> Checked {
    holds("from", from).and(holds("to", to)).and(at_most("steps", steps))
}

/// An exponential does not reach 0, nor the other side of it.
fn joins(anneal: Anneal, (a_name, a): (&str, f64), (b_name, b): (&str, f64)) -> Checked {
    match anneal != Anneal::Exponential || a == b || (b / a > 0.0 && a != 0.0) {
        true => Ok(()),
        false => Err(format!("Anneal::Exponential goes between numbers of one sign, not from {a_name} = {a} to {b_name} = {b}")),
    }
}

fn ascending(field: &str, steps: &[u32], in_order: fn(u32, u32) -> bool, how: &str) -> Checked {
    for (index, pair) in steps.windows(2).enumerate() {
        if !in_order(pair[0], pair[1]) {
            return Err(format!("{field} must be {how}: number {index} is {}, the next {}", pair[0], pair[1]));
        }
    }
    steps.iter().try_for_each(|&step| at_most(field, step))
}

fn sequence(parts: &[(u32, Schedule)]) -> Checked {
    let Some((_, others)) = parts.split_last() else { return Err("no parts; give it at least one".to_owned()) };
    for (index, &(steps, _)) in others.iter().enumerate() {
        at_most(&format!("the length of part {index}"), steps)?;
    }
    let part =
        |(index, (_, schedule)): (usize, &(u32, Schedule))| schedule.check_fields().map_err(|message| format!("part {index}: {message}"));
    parts.iter().enumerate().try_for_each(part)
}
