//! Entries of all kinds, each on every device that can bind them.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::Dtype;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::coalesce::{LANES, MANY, MOST_TILE, Shape};
use wgpu_optim::testing::{NON_FINITE, Random};

use super::stage::{Entries, Stage, fits};
use crate::context::{Context, Outcome};

/// Rows of a parameter that each entry is for.
type Rows = fn(u32, &mut Random) -> u32;

/// Name, parameter's rows, how an entry's is chosen, width and entries of each.
type Case = (&'static str, u32, Rows, &'static [(u32, u32)]);

const CASES: [Case; 11] = [
    ("tokens", 50_257, |_, random| below(random, 50_257), &[(64, 3000), (768, 300), (1, 40_000)]),
    // Words are not equally frequent.
    (
        "words",
        50_257,
        |_, random| (50_257_f64.powf(random.uniform()) - 1.0) as u32,
        &[(1, 2048), (3, 5000), (4, 4000), (64, 9000), (1000, 500), (1001, 200)],
    ),
    ("few-rows", 7, |_, random| below(random, 7), &[(1, 1), (1, 63), (3, 500), (4, 2500), (33, 400)]),
    ("one-row", 1, |_, _| 0, &[(5, 64), (5, 65), (1, 300), (1, 16_000), (3, 100_000), (4, 100_000), (1, 300_000)]),
    ("last-row", 1 << 20, |_, _| (1 << 20) - 1, &[(2, 200), (8, 3000)]),
    ("distinct", 1 << 20, |entry, _| entry.wrapping_mul(77_777) % (1 << 20), &[(1, 1000), (1, 10_000), (4, 4096), (7, 3000)]),
    ("ascending", 20_000, |entry, _| entry, &[(1, 2049), (1, 16_300), (2, 8192)]),
    ("descending", 20_000, |entry, _| 19_999 - entry, &[(1, 2047), (1, 8193), (4, 4097)]),
    // Runs as long as those that are added one after the other at most, and one longer.
    ("around-many", 1000, |entry, _| entry * 2 / (2 * MANY + 1), &[(1, 2000), (4, 1000), (1, 9000)]),
    ("long", 1000, |entry, _| entry / (9 * LANES + 5), &[(1, 9000), (12, 1200)]),
    ("bad", 300, |_, random| if random.bits() % 3 == 0 { below(random, u32::MAX) } else { below(random, 301) }, &[(3, 900), (1, 12_000)]),
];

fn below(random: &mut Random, most: u32) -> u32 {
    (random.bits() % u64::from(most)) as u32
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        for (name, rows, row, sizes) in CASES {
            let own = move |gpu: &Gpu| sizes.iter().try_for_each(|&(width, most)| agrees(gpu, Shape { rows, width, most }, row));
            trials.push(context.trial(format!("sparse/twin/{name}"), own));
        }
        trials.push(context.trial("sparse/twin/counts".into(), counts));
        trials.push(context.trial("sparse/twin/all-bad".into(), all_bad));
        trials.push(context.trial("sparse/twin/non-finite".into(), non_finite));
        trials.push(context.trial("sparse/twin/halves".into(), halves));
    }
    for context in &contexts[..2] {
        trials.push(context.trial("sparse/twin/many-entries".into(), many_entries));
    }
    trials
}

fn agrees(gpu: &Gpu, shape: Shape, row: Rows) -> Outcome {
    if !fits(gpu, shape) {
        return Ok(());
    }
    let stage = Stage::new(gpu, shape)?;
    let entries = Entries::new(shape, row);
    stage.check(&entries).map_err(|failed| format!("{shape:?}: {}", failed.message().unwrap_or_default()))?;
    // The same once more, over what the first left.
    stage.check(&entries)
}

/// None, one, some, all, and more than there is room for, within a tile and over several, one after the other over what is left of the one before.
fn counts(gpu: &Gpu) -> Outcome {
    for most in [1, 100, MOST_TILE, 5 * MOST_TILE] {
        let shape = Shape { rows: 400, width: 1, most };
        let stage = Stage::new(gpu, shape)?;
        let entries = Entries::new(shape, |_, random| below(random, 410));
        for count in [most, 0, 1, most / 2, MOST_TILE + 1, 4 * MOST_TILE, most + 1, u32::MAX, 2, most - 1] {
            let counted = entries.clone().counted(count);
            stage.check(&counted).map_err(|failed| format!("{count} of {most}: {}", failed.message().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// No entry has a row: there are no runs, and nothing is written. So it is for a parameter without rows.
fn all_bad(gpu: &Gpu) -> Outcome {
    for (rows, most) in [(10, 1), (10, 3000), (0, 200), (u32::MAX, 90)] {
        let shape = Shape { rows, width: 2, most };
        Stage::new(gpu, shape)?.check(&Entries::new(shape, |entry, _| u32::MAX - (entry % 2) * u32::from(rows < u32::MAX)))?;
    }
    Ok(())
}

/// NaN and infinities go through, to their own columns of their own rows.
fn non_finite(gpu: &Gpu) -> Outcome {
    for (width, most) in [(1, 300), (4, 300), (6, 700), (4, 3000)] {
        let shape = Shape { rows: 40, width, most };
        let mut entries = Entries::new(shape, |entry, random| if entry % 3 == 0 { 39 } else { below(random, 39) });
        for (index, bad) in NON_FINITE.into_iter().enumerate() {
            entries.gradient.iter_mut().skip(11 * index + 1).step_by(211).for_each(|g| *g = bad);
        }
        Stage::new(gpu, shape)?.check(&entries)?;
    }
    Ok(())
}

/// Gradient rows of 16 bits, from even and odd words on, of which an odd number has a half beside it that is nobody's: the sums are those of f32, to the bit.
fn halves(gpu: &Gpu) -> Outcome {
    for (width, most) in [(1, 501), (2, 300), (3, 701), (4, 300), (6, 2500), (8, 3000), (64, 200), (33, 9)] {
        let shape = Shape { rows: 90, width, most };
        if !fits(gpu, shape) {
            continue;
        }
        for (dtype, margin) in [(Dtype::Bf16, 5), (Dtype::Bf16, 64), (Dtype::F16, 6), (Dtype::F16, 7)] {
            // One row with enough entries for lanes.
            let mut entries = Entries::new(shape, |entry, random| if entry % 3 == 0 { 7 } else { below(random, 91) });
            entries.gradient.iter_mut().skip(13).step_by(977).zip(NON_FINITE.into_iter().cycle()).for_each(|(g, bad)| *g = bad);
            let stage = Stage::stored(gpu, shape, dtype, margin)?;
            let check = stage.check(&entries.stored(dtype));
            check.map_err(|failed| format!("{shape:?} in {dtype:?}: {}", failed.message().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Three merges; rows of which one is for a tenth of all entries.
fn many_entries(gpu: &Gpu) -> Outcome {
    let shape = Shape { rows: 1 << 20, width: 3, most: 140_000 };
    let row = |entry: u32, random: &mut Random| if entry.is_multiple_of(10) { 5 } else { below(random, 1 << 17) * 8 };
    Stage::new(gpu, shape)?.check(&Entries::new(shape, row))
}
