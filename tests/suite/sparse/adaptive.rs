//! Adaptive clipping where a gradient is row-sparse: a unit is a row that has entries, by the norms of its added gradient and of its values.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{must_fail, same_bits};
use wgpu_optim::{AdamW, AdaptiveClip, Clip, Ema, Group, Lookahead, MicroBatches, NonFinite, Optimizer, Options, Sgd, Swa, Tensors};

use super::tables::{Rows, Scene, Table, agrees, step};
use super::{Row, trials_of};
use crate::context::{Context, Outcome};
use crate::numbers::PLAIN;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 4] = [
        ("alone", alone),
        ("long-rows", long_rows),
        ("with-all-options", with_all_options),
        ("is-that-of-a-dense-gradient", is_that_of_a_dense_gradient),
    ];
    let mut trials = trials_of("adaptive", &contexts[..2], rows);
    trials.extend(trials_of("adaptive", &contexts[1..2], [("begins-and-ends", begins_and_ends)]));
    trials
}

fn clip(clipping: f64) -> Clip {
    Clip::Adaptive(AdaptiveClip { clipping, ..AdaptiveClip::default() })
}

fn rule() -> Box<dyn AnyRule> {
    Sgd { lr: 0.3, momentum: 0.9, ..Sgd::default() }.into()
}

/// Factors that clip nearly all rows, some, and none.
fn alone(gpu: &Gpu) -> Outcome {
    [0.01, 0.8, 100.0].into_iter().try_for_each(|own| agrees(gpu, &*rule(), Options { clip: clip(own), ..Options::default() }, false))
}

/// Rows that several workgroups measure, of whole vectors and not.
fn long_rows(gpu: &Gpu) -> Outcome {
    const TABLES: [Rows; 3] = [(6, &[9000], 8), (9, &[5, 611], 12), (3, &[65], 200)];
    let mut scene = Scene::of(gpu, &TABLES, PLAIN, &*rule(), Options { clip: clip(0.1), ..Options::default() }, false)?;
    for turn in 0..4 {
        scene.step(turn, 0)?;
        scene.check(&format!("step {turn}"))?;
    }
    Ok(())
}

/// Micro-batches, averages, scales, steps that are skipped, and what is measured.
fn with_all_options(gpu: &Gpu) -> Outcome {
    let options = Options {
        clip: clip(0.05),
        non_finite: NonFinite::Skip,
        micro_batches: MicroBatches::Mean,
        zero_grad: true,
        measure_update: true,
        lookahead: Some(Lookahead { every: 2, alpha: 0.3 }),
        ema: Some(Ema { decay: 0.9, ..Ema::default() }),
        swa: Some(Swa { start: 2, every: 2 }),
        ..Options::default()
    };
    let rule: Box<dyn AnyRule> = AdamW { weight_decay: 0.1, lr: 0.1, ..AdamW::default() }.into();
    agrees(gpu, &*rule, options, true)
}

/// Rows with one entry each are clipped as those of a dense gradient, to the bit: infinite ones, NaN, zero ones and rows of zeros among them.
fn is_that_of_a_dense_gradient(gpu: &Gpu) -> Outcome {
    for (rows, width) in [(50, 3), (50, 4), (40, 64), (20, 257), (5, 3000)] {
        let table = Table::new(gpu, "sparse", (rows, &[width], rows));
        let tensors = Tensors::new(&gpu.device, [("sparse", [rows, width]), ("dense", [rows, width])])?;
        let params = [table.param(&tensors)?, tensors.param("dense")?.clone()];
        let options = Options { clip: clip(0.05), ..Options::default() };
        let group = Group::new(Sgd { lr: 0.3, ..Sgd::default() }, params);
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [group], options)?;
        let mut values = table.values.clone();
        values[2 * width..3 * width].fill(0.0);
        let mut gradient: Vec<f32> = (0..rows * width).map(|i| (i as f32 * 0.37).sin()).collect();
        gradient[width] = f32::INFINITY;
        gradient[3 * width + 1] = f32::NAN;
        gradient[4 * width..5 * width].fill(0.0);
        // All but every seventh row, in descending order.
        let order: Vec<u32> = (0..rows as u32).rev().filter(|row| row % 7 != 6).collect();
        let listed: Vec<f32> = order.iter().flat_map(|&row| gradient[row as usize * width..][..width].to_vec()).collect();
        (0..rows).filter(|row| row % 7 == 6).for_each(|row| gradient[row * width..][..width].fill(0.0));
        gpu.queue.write_buffer(&table.rows, 0, bytemuck::cast_slice(&order));
        gpu.queue.write_buffer(&table.gradient, 0, bytemuck::cast_slice(&listed));
        gpu.queue.write_buffer(&table.count, 0, bytemuck::cast_slice(&[order.len() as u32]));
        tensors.write_gradient(&gpu.queue, "dense", &gradient)?;
        for name in ["sparse", "dense"] {
            tensors.write_value(&gpu.queue, name, &values)?;
        }
        step(gpu, &optimizer);
        let [sparse, dense] = ["sparse", "dense"].map(|name| block_on(optimizer.read_value(name)));
        let sparse = sparse?;
        same_bits(&format!("rows of {width}"), &sparse, &dense?)?;
        must_fail("a step", same_bits("values", &sparse, &values))?;
    }
    Ok(())
}

/// It ends and begins on a running optimizer, beside averages.
fn begins_and_ends(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema { decay: 0.9, ..Ema::default() }), ..Options::default() };
    let mut scene = Scene::new(gpu, &*rule(), options, false)?;
    scene.step(0, 0)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    scene.optimizer.change_clip(&mut encoder, 0, clip(0.05))?;
    gpu.queue.submit([encoder.finish()]);
    scene.twin.change_clip(0, clip(0.05))?;
    scene.step(1, 0)?;
    scene.check("clipped")?;
    scene.optimizer.set_clip(0, Clip::None)?;
    scene.twin.set_clip(0, Clip::None)?;
    scene.step(2, 0)?;
    scene.check("not clipped")
}
