//! Tables with values in 16 bits, and with states of fewer bits: to the bit what a step of a dense gradient does to the rows that have entries, and nothing to the others.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::RestoreOptions;
use wgpu_optim::testing::{must_fail, same_bits, stored};
use wgpu_optim::{
    AdamW, AdaptiveClip, Clip, Dtype, Ema, Group, Optimizer, Options, Param, Rounding, Sgd, StateStorage, Tensors, cpu::CpuParam,
};

use super::alone::{Alone, rule};
use super::averages;
use super::stored::all;
use super::tables::{Rows, Scene, step};
use super::{Row, trials_of};
use crate::context::{Context, Outcome};
use crate::numbers::{PLAIN, WAYS, Way};
use crate::read::{kept, same};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 7] = [
        ("are-those-of-a-dense-gradient", are_those_of_a_dense_gradient),
        ("adaptive", adaptive),
        ("views", views),
        ("states", states),
        ("blocks", blocks),
        ("others-stay", others_stay),
        ("master-values-of-all-rows", master_values_of_all_rows),
    ];
    let mut trials = trials_of("halves", &contexts[..2], rows);
    trials.extend(trials_of("halves", &contexts[2..3], [("blocks-in-parts", blocks_in_parts)]));
    trials.extend(trials_of("halves", &contexts[1..2], [("dispatches", dispatches), ("refused", refused)]));
    trials
}

/// States that are stored so, of small tables too.
fn state(dtype: Dtype, rounding: Rounding) -> StateStorage {
    StateStorage { rounding, least: 1, ..StateStorage::all(dtype) }
}

const DRAWN: Rounding = Rounding::Stochastic { seed: 3 };

/// A table of one name with a row-sparse gradient, and one with a dense gradient, so that both draw the same numbers.
fn pair(gpu: &Gpu, way: Way, rows: usize, width: usize, options: Options) -> Result<(Alone, Tensors, Optimizer), Failed> {
    let sparse = Alone::new(gpu, way, (rows, width, rows), options)?;
    let tensors = Tensors::with_dtypes(&gpu.device, (way.value, way.gradient), [("w", [rows, width])])?;
    let param = Param { rounding: way.rounding, master: way.master, ..tensors.param("w")?.clone() };
    let dense = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(rule(), [param])], options)?;
    tensors.write_value(&gpu.queue, "w", &sparse.table.values)?;
    Ok((sparse, tensors, dense))
}

/// Each row once is what a dense gradient is, to the bit, step after step: values, however they are rounded, and states and averages in any number of bits.
fn are_those_of_a_dense_gradient(gpu: &Gpu) -> Outcome {
    let storages =
        [StateStorage::default(), state(Dtype::Bf16, DRAWN), state(Dtype::F16, Rounding::Nearest), state(Dtype::Dynamic8, DRAWN)];
    let averages = |state| Options { ema: Some(Ema { decay: 0.9, ..Ema::default() }), state, ..Options::default() };
    let some = [PLAIN, WAYS[3], WAYS[7]].into_iter().flat_map(|way| storages[1..].iter().map(move |storage| (way, *storage)));
    for (way, storage) in WAYS[2..].iter().map(|way| (*way, storages[0])).chain(some) {
        let widths: &[usize] = match storage.m {
            Dtype::F32 => &[1, 2, 3, 12],
            Dtype::Dynamic8 => &[512],
            _ => &[12],
        };
        for &width in widths {
            let rows = if width > 100 { 9 } else { 50 };
            let (sparse, tensors, dense) = pair(gpu, way, rows, width, averages(storage))?;
            for turn in 0..3 {
                let gradient: Vec<f32> = (0..rows * width).map(|i| ((i + 7 * turn) as f32 * 0.37).sin()).collect();
                let order: Vec<u32> = (0..rows as u32).map(|i| (i * 7 + 3) % rows as u32).collect();
                let permuted: Vec<f32> = order.iter().flat_map(|&row| gradient[row as usize * width..][..width].to_vec()).collect();
                let got = sparse.step(gpu, &order, &permuted)?;
                tensors.write_gradient(&gpu.queue, "w", &gradient)?;
                step(gpu, &dense);
                let what = format!("{} in {:?}, rows of {width}, step {turn}", way.name, storage.m);
                same_bits(&what, &got, &block_on(dense.read_value("w"))?)?;
                must_fail("a step", same_bits("values", &got, &sparse.table.values))?;
                same(&kept(&sparse.optimizer)?, &kept(&dense)?)
                    .map_err(|error| format!("{what}: {}", error.message().unwrap_or_default()))?;
            }
        }
    }
    Ok(())
}

const TABLES: [Rows; 5] = [(40, &[3], 25), (1000, &[64], 100), (7, &[2, 5], 300), (300, &[1], 80), (130, &[12], 40)];

/// Units by the norms of values of 16 bits.
fn adaptive(gpu: &Gpu) -> Outcome {
    let clip = Clip::Adaptive(AdaptiveClip { clipping: 0.05, ..AdaptiveClip::default() });
    for way in [WAYS[3], WAYS[4], WAYS[6]] {
        Scene::of(gpu, &TABLES, way, &*rule(), Options { clip, ..all() }, false)?.agrees()?;
    }
    Ok(())
}

/// Averages of all rows are shown, and the trained values come back to the bit.
fn views(gpu: &Gpu) -> Outcome {
    let scene = |way| Scene::of(gpu, &TABLES, way, &*rule(), averages::all(), false);
    [WAYS[3], WAYS[5], WAYS[6], WAYS[7]].into_iter().try_for_each(|way| scene(way)?.views(0))
}

/// States of 16 bits beside their twin, with values in f32 and in bf16.
fn states(gpu: &Gpu) -> Outcome {
    const TABLES: [Rows; 3] = [(40, &[4], 25), (1000, &[64], 100), (130, &[3, 4], 40)];
    for (way, storage) in
        [PLAIN, WAYS[3], WAYS[6]].into_iter().zip([state(Dtype::Bf16, DRAWN), state(Dtype::F16, DRAWN), state(Dtype::Bf16, DRAWN)])
    {
        let kept = StateStorage { averages: Dtype::Bf16, accumulated: Dtype::Bf16, ..storage };
        for state in [storage, kept] {
            Scene::of(gpu, &TABLES, way, &*rule(), Options { state, ..all() }, false)?.agrees()?;
        }
    }
    Ok(())
}

/// States of 8 bits, of rows of whole blocks.
fn blocks(gpu: &Gpu) -> Outcome {
    const TABLES: [Rows; 3] = [(40, &[256], 25), (60, &[3, 256], 30), (1, &[512], 5)];
    let sgd = Sgd { lr: 0.3, momentum: 0.9, ..Sgd::default() };
    for way in [PLAIN, WAYS[3], WAYS[7]] {
        let options = Options { state: state(Dtype::Dynamic8, Rounding::Nearest), ..all() };
        Scene::of(gpu, &TABLES, way, &sgd, options, false)?.agrees()?;
        let mixed = StateStorage { m: Dtype::Bf16, rounding: DRAWN, ..options.state };
        Scene::of(gpu, &TABLES, way, &*rule(), Options { state: mixed, ..options }, false)?.agrees()?;
    }
    Ok(())
}

fn blocks_in_parts(gpu: &Gpu) -> Outcome {
    const TABLES: [Rows; 2] = [(200, &[256], 12), (70, &[768], 4)];
    let options = Options { state: state(Dtype::Dynamic8, Rounding::Nearest), ..all() };
    Scene::of(gpu, &TABLES, PLAIN, &Sgd { lr: 0.3, momentum: 0.9, ..Sgd::default() }, options, false)?.agrees()
}

/// Rows without entries keep values and states, to the bit, with whatever they share a word or a page.
fn others_stay(gpu: &Gpu) -> Outcome {
    let storages = [(StateStorage::default(), 3), (state(Dtype::Bf16, DRAWN), 12), (state(Dtype::Dynamic8, Rounding::Nearest), 256)];
    for (way, (storage, width)) in [WAYS[3], WAYS[4], WAYS[6]].into_iter().flat_map(|way| storages.map(|own| (way, own))) {
        let own = Alone::new(gpu, way, (60, width, 60), Options { state: storage, ..Options::default() })?;
        let all: Vec<u32> = (0..60).collect();
        let gradient: Vec<f32> = (0..60 * width).map(|i| (i as f32 * 0.37).sin()).collect();
        own.step(gpu, &all, &gradient)?;
        let before = rows_of(&own.optimizer, width)?;
        own.step(gpu, &[59, 7, 8, 59, 20], &gradient[..5 * width])?;
        for ((name, was), (_, is)) in before.iter().zip(&rows_of(&own.optimizer, width)?) {
            let changed: Vec<usize> = (0..60).filter(|&row| was[row] != is[row]).collect();
            assert_eq!(changed, [7, 8, 20, 59], "{}, {:?}: {name}", way.name, storage.m);
        }
    }
    Ok(())
}

type Rows32 = Vec<(String, Vec<Vec<u32>>)>;

/// The bits of each row of all that is kept.
fn rows_of(optimizer: &Optimizer, width: usize) -> Result<Rows32, Failed> {
    let all = kept(optimizer)?.into_iter().filter(|(_, bits)| bits.len() == 60 * width);
    Ok(all.map(|(name, bits)| (name, bits.chunks(width).map(<[u32]>::to_vec).collect())).collect())
}

/// After the first step those of all rows are there, whichever it was of: a checkpoint gives f32 values.
fn master_values_of_all_rows(gpu: &Gpu) -> Outcome {
    for width in [3, 4] {
        for options in [Options::default(), averages::all()] {
            let own = Alone::new(gpu, WAYS[6], (60, width, 20), options)?;
            let values = own.step(gpu, &[7], &vec![1.0; width])?;
            let master = block_on(own.optimizer.read_state("w", "master"))?;
            same_bits("rounded", &stored(Dtype::Bf16, &master).1, &values)?;
            must_fail("master values", same_bits("row 7", &master[7 * width..][..width], &values[7 * width..][..width]))?;
            let plain = Alone::new(gpu, PLAIN, (60, width, 20), options)?;
            let convert = RestoreOptions { convert: true, ..Default::default() };
            plain.optimizer.restore(&block_on(own.optimizer.checkpoint())?, convert)?;
            same_bits("f32 values", &block_on(plain.optimizer.read_value("w"))?, &master)?;
        }
    }
    Ok(())
}

/// Values of 16 bits take none more, and master values one.
fn dispatches(gpu: &Gpu) -> Outcome {
    let of = |way: Way| -> Result<usize, Failed> {
        Ok(Alone::new(gpu, way, (60, 12, 20), Options::default())?.optimizer.recorded_step().dispatches)
    };
    assert_eq!([of(PLAIN)?, of(WAYS[0])?, of(WAYS[3])?, of(WAYS[4])?, of(WAYS[6])?], [4, 4, 4, 4, 5]);
    Ok(())
}

/// Both sides, with the same words.
fn refused(gpu: &Gpu) -> Outcome {
    let cases = [
        (
            Dtype::Dynamic8,
            100,
            "w: its state \"m\" cannot be stored as Dynamic8: blocks of 256 elements share a scale, and its rows of 100 elements, of which a row-sparse gradient has some, are not whole blocks; put it into a group with other state",
        ),
        (
            Dtype::Bf16,
            6,
            "w: its state \"m\" cannot be stored as Bf16: two numbers share a word, and its rows of 6 elements begin within words; put it into a group with other state",
        ),
    ];
    for (dtype, width, expected) in cases {
        let options = Options { state: state(dtype, Rounding::Nearest), ..Options::default() };
        let on_gpu = Alone::new(gpu, PLAIN, (60, width, 20), options).err().and_then(|error| error.message().map(str::to_owned));
        assert!(on_gpu.as_ref().is_some_and(|told| told.contains(expected)), "{on_gpu:?}");
        let param = CpuParam { sparse_rows: Some(Vec::new()), ..CpuParam::new("w", &[60, width]) };
        let twin = wgpu_optim::cpu::CpuOptimizer::<f32>::with_options([Group::new(AdamW::default(), [param])], options);
        let on_host = twin.err().map(|error| error.to_string());
        assert!(on_host.as_ref().is_some_and(|told| told.contains(expected)), "{on_host:?}");
    }
    Ok(())
}
