//! Random schedules agree between host and adapter.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::schedule::{Anneal, Schedule};
use wgpu_optim::testing::Random;

use super::{compare, device};
use crate::context::Outcome;

const SCHEDULES: usize = 2000;
const STEPS: usize = 50;

/// Schedules that nobody chose, at steps that nobody chose, in one dispatch.
pub fn agree(gpu: &Gpu) -> Outcome {
    let random = &mut Random(11);
    let (mut words, mut queries, mut truths) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SCHEDULES {
        let schedule = schedule(random, 2);
        schedule.check()?;
        for _ in 0..STEPS {
            let step = count(random);
            queries.push([words.len() as u32, step]);
            truths.push((schedule.value(step), step, schedule.clone()));
        }
        words.extend(schedule.words());
    }
    let got = device::run(gpu, &words, &queries)?;
    let places: Vec<u32> = (0..truths.len() as u32).collect();
    let worst = compare(&places, &got, |place| truths[place as usize].0).map_err(|failed| {
        let place = places.iter().find(|&&place| compare(&[place], &[got[place as usize]], |place| truths[place as usize].0).is_err());
        format!("{}: {:?}", failed.message().unwrap_or_default(), place.map(|&place| &truths[place as usize]))
    })?;
    eprintln!("{} random: {} values, worst {worst:.2e}", gpu.info.name, got.len());
    Ok(())
}

/// From 1 to 10^7, each magnitude as often.
fn count(random: &mut Random) -> u32 {
    10_f64.powf(7.0 * random.uniform()) as u32
}

/// From 1e-6 to 1, and 0 at times.
fn number(random: &mut Random) -> f64 {
    if random.bits().is_multiple_of(8) { 0.0 } else { positive(random) }
}

fn positive(random: &mut Random) -> f64 {
    10_f64.powf(-6.0 * random.uniform())
}

fn schedule(random: &mut Random, depth: u32) -> Schedule {
    let (from, to, steps) = (number(random), number(random), count(random));
    let anneal = [Anneal::Cosine, Anneal::Linear, Anneal::OneMinusSqrt, Anneal::Exponential][(random.bits() % 4) as usize];
    // An exponential cannot reach 0.
    let end = |random: &mut Random| if anneal == Anneal::Exponential { positive(random) } else { number(random) };
    match random.bits() % if depth > 0 { 14 } else { 12 } {
        0 => Schedule::Linear { from, to, steps },
        1 => Schedule::Step { from, gamma: 1.0 - 0.9 * positive(random), every: steps },
        2 => {
            let mut milestones: Vec<u32> = (0..4).map(|_| count(random)).collect();
            milestones.sort_unstable();
            Schedule::MultiStep { from, gamma: 0.1 + random.uniform(), milestones }
        }
        3 => Schedule::Exponential { from, gamma: 1.0 - 1e-2 * positive(random) },
        4 | 5 => Schedule::Polynomial { from, to, steps, power: 0.2 + 4.0 * random.uniform() },
        6 => Schedule::Cosine { from, to, steps },
        7 => Schedule::CosineRestarts { from, to, steps, mult: 1 + (random.bits() % 4) as u32 },
        8 => {
            let (from, peak, to, three_phase) = (end(random), end(random), end(random), random.bits().is_multiple_of(2));
            Schedule::OneCycle { from, peak, to, steps, pct_start: random.uniform(), anneal, three_phase }
        }
        9 => Schedule::InverseSqrt { from, timescale: steps },
        10 => Schedule::Noam { peak: from, warmup: steps },
        11 => {
            let (peak, to, warmup, stable, decay) = (end(random), end(random), count(random), count(random), count(random));
            Schedule::WarmupStableDecay { from, peak, to, warmup, stable, decay, anneal }
        }
        12 => {
            let mut points: Vec<(u32, f64)> = (0..5).map(|_| (count(random), number(random))).collect();
            points.sort_unstable_by_key(|&(step, _)| step);
            points.dedup_by_key(|&mut (step, _)| step);
            Schedule::PiecewiseLinear(points)
        }
        _ => Schedule::Sequence((0..3).map(|_| (count(random), schedule(random, depth - 1))).collect()),
    }
}
