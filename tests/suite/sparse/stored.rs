//! Tables whose gradient rows or values are of 16 bits: steps beside their twin with all that a step does besides, and what is to be the same to the bit.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::Checkpoint;
use wgpu_optim::testing::{must_fail, same_bits, stored};
use wgpu_optim::{Clip, Dtype, MicroBatches, NonFinite, NormClip, Options, Schedule, Sgd};

use super::alone::{Alone, rule};
use super::averages;
use super::tables::{Rows, Scene, step};
use super::{Row, trials_of};
use crate::context::{Context, Outcome};
use crate::numbers::{PLAIN, WAYS, Way};

/// Rows of whole vectors, of whole words, and that begin within words; of one number, and of one row.
const TABLES: [Rows; 6] = [(40, &[3], 25), (1000, &[64], 100), (7, &[2, 5], 3000), (300, &[1], 80), (1, &[4], 9), (130, &[12], 40)];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for way in WAYS {
        for context in &contexts[..2] {
            trials.push(context.trial(format!("sparse/stored/alone/{}", way.name), move |gpu| alone(gpu, way)));
            trials.push(context.trial(format!("sparse/stored/with-all-options/{}", way.name), move |gpu| with_all_options(gpu, way)));
        }
        let one = &contexts[1];
        trials.push(one.trial(format!("sparse/stored/are-one-list/{}", way.name), move |gpu| are_one_list(gpu, way)));
        trials.push(one.trial(format!("sparse/stored/goes-on/{}", way.name), move |gpu| goes_on(gpu, way)));
        trials.push(contexts[2].trial(format!("sparse/stored/in-parts/{}", way.name), move |gpu| in_parts(gpu, way)));
    }
    let rows: [Row; 1] = [("f16-that-is-infinite", infinite)];
    trials.extend(trials_of("stored", &contexts[..2], rows));
    trials
}

fn alone(gpu: &Gpu, way: Way) -> Outcome {
    let sgd = Sgd { lr: 0.3, momentum: 0.9, ..Sgd::default() };
    Scene::of(gpu, &TABLES, way, &sgd, Options::default(), true)?.agrees()?;
    Scene::of(gpu, &TABLES, way, &*rule(), Options::default(), false)?.agrees()
}

/// Micro-batches, clipping by a norm, a schedule, scales, averages, steps that are skipped, and what is measured.
pub fn all() -> Options {
    let clip = Clip::Norm(NormClip { max_norm: 0.7, ..NormClip::default() });
    let (non_finite, micro_batches) = (NonFinite::Skip, MicroBatches::Mean);
    Options { clip, non_finite, micro_batches, zero_grad: true, measure_update: true, ..averages::all() }
}

fn with_all_options(gpu: &Gpu, way: Way) -> Outcome {
    let mut scene = Scene::of(gpu, &TABLES, way, &*rule(), all(), true)?;
    let schedule = || Some(Schedule::Linear { from: 1e-1, to: 1e-2, steps: 3 });
    scene.optimizer.set_schedule(0, "lr", schedule())?;
    scene.twin.set_schedule(0, "lr", schedule())?;
    scene.agrees()
}

/// Values of several parts of bindings of 64 KiB, of even and odd rows.
fn in_parts(gpu: &Gpu, way: Way) -> Outcome {
    const TABLES: [Rows; 4] = [(40, &[3], 25), (1000, &[64], 50), (15_001, &[3], 150), (300, &[2, 50], 30)];
    Scene::of(gpu, &TABLES, way, &*rule(), all(), false)?.agrees()
}

/// Entries of a backward pass, of which rows come several times.
fn entries(pass: u32, width: usize) -> (Vec<u32>, Vec<f32>) {
    let rows: Vec<u32> = (0..20).map(|entry| (entry * entry + 7 * pass) % 23 * 2).collect();
    let gradient = (0..20 * width).map(|i| (i as f32 * 0.37 + pass as f32).sin() * 3.0).collect();
    (rows, gradient)
}

/// Micro-batches are what one longer list of f32 numbers is, whatever they are stored as and however long their rows are.
fn are_one_list(gpu: &Gpu, way: Way) -> Outcome {
    let sums = Options { micro_batches: MicroBatches::Sum, ..Options::default() };
    let in_f32 = Way { gradient: Dtype::F32, ..way };
    for width in [1, 3, 4, 6] {
        let (own, one) = (Alone::new(gpu, way, (60, width, 20), sums)?, Alone::new(gpu, in_f32, (60, width, 60), Options::default())?);
        for turn in 0..3 {
            let all = [0, 1, 2].map(|pass| entries(3 * turn + pass, width));
            let (rows, gradient) = (all.iter().flat_map(|own| own.0.clone()).collect::<Vec<_>>(), all.iter().flat_map(|own| own.1.clone()));
            let gradient = stored(way.gradient, &gradient.collect::<Vec<_>>()).1;
            for (rows, gradient) in &all[..2] {
                own.accumulate(gpu, rows, gradient)?;
            }
            let got = own.step(gpu, &all[2].0, &all[2].1)?;
            same_bits(&format!("rows of {width}: step {turn}"), &got, &one.step(gpu, &rows, &gradient)?)?;
            must_fail("a step", same_bits("values", &got, &own.table.values))?;
        }
    }
    Ok(())
}

/// A run that goes on from a checkpoint's file, with entries that are pending, has the same bits.
fn goes_on(gpu: &Gpu, way: Way) -> Outcome {
    for width in [3, 12] {
        let own = Alone::new(gpu, way, (60, width, 20), all())?;
        let pass = |own: &Alone, pass: u32| {
            let (rows, gradient) = entries(pass, width);
            own.accumulate(gpu, &rows, &gradient)
        };
        let step = |own: &Alone, pass: u32| {
            let (rows, gradient) = entries(pass, width);
            own.step(gpu, &rows, &gradient)
        };
        step(&own, 0)?;
        pass(&own, 1)?;
        let taken = block_on(own.optimizer.checkpoint())?;
        let read = Checkpoint::from_bytes(&taken.to_bytes()?)?;
        assert_eq!(read, taken);
        let expected = [step(&own, 2)?, step(&own, 3)?];
        let resumed = Alone::new(gpu, way, (60, width, 20), all())?;
        pass(&resumed, 5)?;
        resumed.optimizer.restore(&read, Default::default())?;
        for (turn, expected) in (2..).zip(&expected) {
            same_bits("a run that goes on", &step(&resumed, turn)?, expected)?;
        }
        crate::read::same(&crate::read::kept(&resumed.optimizer)?, &crate::read::kept(&own.optimizer)?)?;
    }
    Ok(())
}

/// A number that is beyond f16 is found, and the step is skipped; numbers of which only the sum is beyond it are added in f32.
fn infinite(gpu: &Gpu) -> Outcome {
    let way = Way { gradient: Dtype::F16, ..PLAIN };
    let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
    for width in [1, 3, 4] {
        let own = Alone::new(gpu, way, (60, width, 20), options)?;
        let one = Alone::new(gpu, PLAIN, (60, width, 20), options)?;
        let large = vec![65_504.0; 2 * width];
        let got = own.step(gpu, &[5, 5], &large)?;
        same_bits("a sum of 131,008", &got, &one.step(gpu, &[5, 5], &large)?)?;
        must_fail("a step", same_bits("values", &got, &own.table.values))?;
        let mut infinite = vec![1.0; 2 * width];
        infinite[2 * width - 1] = f32::INFINITY;
        same_bits("a skipped step", &own.step(gpu, &[5, 9], &infinite)?, &got)?;
        assert_eq!(block_on(own.optimizer.report())?.skips, 1);
        // Past the entries that count, nothing is looked at.
        own.write(gpu, &[5, 9], &infinite);
        gpu.queue.write_buffer(&own.table.count, 0, bytemuck::cast_slice(&[1_u32]));
        step(gpu, &own.optimizer);
        must_fail("a step", same_bits("values", &block_on(own.optimizer.read_value("w"))?, &got))?;
    }
    Ok(())
}
