//! Turns each kind of schedule into pieces, the one form that the kernel and the host evaluate.

use super::piece::{Piece, Shape};
use super::{Anneal, Schedule};

type Pieces = Vec<Piece<f64>>;

impl Schedule {
    /// The pieces in order; the last one never ends.
    pub(super) fn pieces(&self) -> Pieces {
        match *self {
            Schedule::Constant(value) => vec![Piece::constant(value)],
            Schedule::Linear { from, to, steps } => held(ramp(Anneal::Linear, (from, to), steps), to),
            Schedule::Step { from, gamma, every } => vec![Piece::exponential(from, gamma.ln(), every)],
            Schedule::MultiStep { from, gamma, ref milestones } => multi_step(from, gamma, milestones),
            Schedule::Exponential { from, gamma } => vec![Piece::exponential(from, gamma.ln(), 1)],
            Schedule::Polynomial { from, to, steps, power } => held(cut(vec![Piece::power((from, to), steps, power)], steps), to),
            Schedule::Cosine { from, to, steps } => held(ramp(Anneal::Cosine, (from, to), steps), to),
            Schedule::CosineRestarts { from, to, steps, mult } => vec![Piece::restarts((from, to), steps, mult)],
            Schedule::OneCycle { .. } => self.one_cycle(),
            Schedule::InverseSqrt { from, timescale } => vec![Piece::inverse_root(from, timescale)],
            Schedule::Noam { peak, warmup } => noam(peak, warmup),
            Schedule::WarmupStableDecay { from, peak, to, warmup, stable, decay, anneal } => {
                let mut pieces = ramp(Anneal::Linear, (from, peak), warmup);
                pieces.extend(cut(vec![Piece::constant(peak)], stable));
                pieces.extend(ramp(anneal, (peak, to), decay));
                held(pieces, to)
            }
            Schedule::PiecewiseLinear(ref points) => piecewise_linear(points),
            Schedule::Sequence(ref parts) => sequence(parts),
        }
    }

    /// Each phase ends with the last step that is not after its end, as in torch.
    fn one_cycle(&self) -> Pieces {
        let Schedule::OneCycle { from, peak, to, steps, pct_start, anneal, three_phase } = *self else { return Vec::new() };
        let (up, total) = (pct_start * f64::from(steps), f64::from(steps));
        let phases = [(up - 1.0, from, peak), (2.0 * up - 2.0, peak, from), (total - 1.0, if three_phase { from } else { peak }, to)];
        let (mut pieces, mut start, mut first, mut last) = (Vec::new(), 0.0, 0_u32, from);
        for (_, (end, a, b)) in phases.into_iter().enumerate().filter(|&(index, _)| three_phase || index != 1) {
            if end >= f64::from(first) && first < steps {
                let piece = Piece::anneal(anneal, (a, b), f64::from(first) - start, end - f64::from(first));
                let length = piece.length.min(steps - first);
                pieces.push(Piece { length, ..piece });
                (first, last) = (first + length, piece.value(length - 1));
            }
            start = end;
        }
        held(pieces, last)
    }
}

/// A ramp without its end, which the next piece begins with.
fn ramp(anneal: Anneal, ends: (f64, f64), steps: u32) -> Pieces {
    match steps {
        0 => Vec::new(),
        _ => cut(vec![Piece::anneal(anneal, ends, 0.0, f64::from(steps))], steps),
    }
}

/// The pieces, and then this value.
fn held(mut pieces: Pieces, value: f64) -> Pieces {
    pieces.push(Piece::constant(value));
    pieces
}

/// The first `steps` steps of the pieces.
fn cut(pieces: Pieces, steps: u32) -> Pieces {
    let shorten = |left: &mut u32, piece: Piece<f64>| {
        let length = piece.length.min(*left);
        *left -= length;
        (length > 0).then_some(Piece { length, ..piece })
    };
    pieces.into_iter().scan(steps, shorten).collect()
}

fn multi_step(from: f64, gamma: f64, milestones: &[u32]) -> Pieces {
    let (mut pieces, mut begin) = (Vec::new(), 0);
    for (index, &milestone) in milestones.iter().enumerate() {
        pieces.extend(cut(vec![Piece::constant(from * gamma.powf(index as f64))], milestone.saturating_sub(begin)));
        begin = milestone;
    }
    held(pieces, from * gamma.powf(milestones.len() as f64))
}

fn noam(peak: f64, warmup: u32) -> Pieces {
    // Step 0 has the first of the `warmup` shares already.
    let warm_up = Piece::ramp(Shape::Linear, (0.0, peak), 1.0, f64::from(warmup) - 1.0);
    let mut pieces = cut(vec![warm_up], warmup.saturating_sub(1));
    pieces.push(Piece::inverse_root(peak, warmup));
    pieces
}

fn piecewise_linear(points: &[(u32, f64)]) -> Pieces {
    let (Some(&(begin, first)), Some(&(_, last))) = (points.first(), points.last()) else { return Vec::new() };
    let mut pieces = cut(vec![Piece::constant(first)], begin);
    for pair in points.windows(2) {
        let ((begin, from), (end, to)) = (pair[0], pair[1]);
        pieces.extend(ramp(Anneal::Linear, (from, to), end.saturating_sub(begin)));
    }
    held(pieces, last)
}

fn sequence(parts: &[(u32, Schedule)]) -> Pieces {
    let Some(((_, last), others)) = parts.split_last() else { return Vec::new() };
    let mut pieces: Pieces = others.iter().flat_map(|(steps, schedule)| cut(schedule.pieces(), *steps)).collect();
    pieces.extend(last.pieces());
    pieces
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use core::f64::consts::PI;

    use super::*;

    /// torch's `OneCycleLR.get_lr`, line by line.
    fn torch_one_cycle(step: f64, total: f64, pct_start: f64, three_phase: bool, [initial, max, min]: [f64; 3]) -> f64 {
        let phases = match three_phase {
            true => {
                vec![(pct_start * total - 1.0, initial, max), (2.0 * pct_start * total - 2.0, max, initial), (total - 1.0, initial, min)]
            }
            false => vec![(pct_start * total - 1.0, initial, max), (total - 1.0, max, min)],
        };
        let mut start_step = 0.0;
        for (index, &(end_step, start, end)) in phases.iter().enumerate() {
            if step <= end_step || index == phases.len() - 1 {
                let pct = (step - start_step) / (end_step - start_step);
                return end + (start - end) / 2.0 * ((PI * pct).cos() + 1.0);
            }
            start_step = end_step;
        }
        f64::NAN
    }

    #[test]
    fn phases_of_one_cycle_end_between_steps_as_in_torch() {
        let (from, peak, to) = (0.04, 1.0, 1e-3);
        for three_phase in [false, true] {
            for steps in [2, 3, 10, 97, 1000] {
                for pct_start in [0.0, 0.013, 0.1, 0.25, 0.3, 1.0 / 3.0, 0.5, 0.77, 1.0] {
                    let schedule = Schedule::OneCycle { from, peak, to, steps, pct_start, anneal: Anneal::Cosine, three_phase };
                    assert_eq!(schedule.check(), Ok(()));
                    for step in 0..steps {
                        let torch = torch_one_cycle(f64::from(step), f64::from(steps), pct_start, three_phase, [from, peak, to]);
                        // NaN is torch's division by zero.
                        if !torch.is_nan() {
                            assert_relative_eq!(schedule.value(step), torch, max_relative = 1e-11);
                        }
                    }
                    assert_eq!(schedule.value(steps - 1), schedule.value(u32::MAX));
                }
            }
        }
    }

    #[test]
    fn ends_are_exact_and_held() {
        let (from, to, steps) = (0.3, 0.1, 7);
        for schedule in [
            Schedule::Linear { from, to, steps },
            Schedule::Cosine { from, to, steps },
            Schedule::Polynomial { from, to, steps, power: 2.5 },
            Schedule::PiecewiseLinear(vec![(0, from), (steps, to)]),
        ] {
            assert_eq!([0, steps, steps + 1, u32::MAX].map(|step| schedule.value(step)), [from, to, to, to], "{schedule:?}");
            assert_eq!(schedule.bounds(), (to, from));
        }
    }

    #[test]
    fn restarts_are_where_torch_has_them() {
        for (steps, mult) in [(1, 1), (5, 1), (3, 2), (2, 5)] {
            let schedule = Schedule::CosineRestarts { from: 1.0, to: 0.1, steps, mult };
            let (mut since, mut cycle) = (0, steps);
            for step in 0..5000 {
                let share = (1.0 + (PI * f64::from(since) / f64::from(cycle)).cos()) / 2.0;
                assert_relative_eq!(schedule.value(step), 0.1 + 0.9 * share, max_relative = 1e-12);
                since += 1;
                if since >= cycle {
                    (since, cycle) = (since % cycle, cycle * mult);
                }
            }
        }
    }

    #[test]
    fn parts_are_cut_and_outlived() {
        let line = Schedule::Linear { from: 0.0, to: 4.0, steps: 4 };
        let inner = Schedule::Sequence(vec![(6, line.clone()), (1, Schedule::Constant(9.0))]);
        let schedule = Schedule::Sequence(vec![(7, inner), (3, line), (0, Schedule::Step { from: 8.0, gamma: 0.5, every: 2 })]);
        let values: Vec<f64> = (0..14).map(|step| schedule.value(step)).collect();
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 4.0, 9.0, 0.0, 1.0, 2.0, 8.0, 8.0, 4.0, 4.0]);
    }

    #[test]
    fn what_lasts_no_steps_is_skipped() {
        let (from, peak, to) = (0.0, 2.0, 0.5);
        let wsd = |warmup, stable, anneal| Schedule::WarmupStableDecay { from, peak, to, warmup, stable, decay: 0, anneal };
        let none = Schedule::Linear { from: 3.0, to: 4.0, steps: 0 };
        for (schedule, values) in [
            (wsd(2, 1, Anneal::Linear), [0.0, 1.0, 2.0, 0.5]),
            (wsd(0, 0, Anneal::Cosine), [0.5; 4]),
            (wsd(1, 1, Anneal::Exponential), [0.0, 2.0, 0.5, 0.5]),
            (none.clone(), [4.0; 4]),
            (Schedule::Cosine { from: 3.0, to: 4.0, steps: 0 }, [4.0; 4]),
            (Schedule::Polynomial { from: 3.0, to: 4.0, steps: 0, power: 2.0 }, [4.0; 4]),
            (
                Schedule::Sequence(vec![
                    (0, none),
                    (1, Schedule::Constant(1.0)),
                    (0, Schedule::Constant(7.0)),
                    (0, Schedule::Constant(2.0)),
                ]),
                [1.0, 2.0, 2.0, 2.0],
            ),
        ] {
            assert_eq!(schedule.check(), Ok(()));
            assert_eq!([0, 1, 2, 3].map(|step| schedule.value(step)), values, "{schedule:?}");
            assert_eq!(schedule.value(u32::MAX), values[3]);
        }
    }

    #[test]
    fn a_delayed_schedule_begins_later() {
        let line = Schedule::WarmupStableDecay { from: 1.0, peak: 3.0, to: 0.0, warmup: 2, stable: 0, decay: 3, anneal: Anneal::Linear };
        for delay in [0, 1, 7, 1000] {
            let late = line.clone().delayed(delay);
            assert_eq!(late.check(), Ok(()));
            assert!((0..delay).all(|step| late.value(step) == 1.0));
            assert!((0..9).all(|step| late.value(delay + step) == line.value(step)), "{delay}");
        }
    }

    #[test]
    fn an_exponential_between_equal_ends_is_constant() {
        let (peak, to) = (0.0, 0.0);
        let schedule = Schedule::WarmupStableDecay { from: 1.0, peak, to, warmup: 2, stable: 1, decay: 3, anneal: Anneal::Exponential };
        assert_eq!(schedule.check(), Ok(()));
        assert_eq!([0, 1, 2, 3, 4, 9].map(|step| schedule.value(step)), [1.0, 0.5, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn schedules_without_a_meaning_do_not_panic() {
        let (from, to) = (f64::NAN, 0.0);
        let anneal = Anneal::Exponential;
        for schedule in [
            Schedule::Step { from, gamma: 0.0, every: 0 },
            Schedule::MultiStep { from, gamma: -1.0, milestones: vec![5, 3] },
            Schedule::Linear { from, to, steps: u32::MAX },
            Schedule::Polynomial { from, to, steps: 0, power: -1.0 },
            Schedule::CosineRestarts { from, to, steps: 0, mult: 0 },
            Schedule::OneCycle { from, peak: from, to, steps: 0, pct_start: f64::NAN, anneal, three_phase: true },
            Schedule::OneCycle { from, peak: from, to, steps: u32::MAX, pct_start: 1e30, anneal, three_phase: true },
            Schedule::Noam { peak: from, warmup: 0 },
            Schedule::WarmupStableDecay { from, peak: from, to, warmup: u32::MAX, stable: u32::MAX, decay: 0, anneal },
            Schedule::PiecewiseLinear(vec![(5, from), (3, to)]),
            Schedule::Sequence(vec![]),
        ] {
            assert!(schedule.check().is_err(), "{schedule:?}");
            let _ = (schedule.value(0), schedule.value(u32::MAX), schedule.bounds(), schedule.words());
        }
    }
}
