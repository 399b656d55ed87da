//! Averages where a gradient is row-sparse: those of rows that it has nothing for follow their values too, and views show them all.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::same_bits;
use wgpu_optim::{
    AdamW, Clip, Dtype, Ema, Group, Lookahead, MicroBatches, NonFinite, NormClip, Optimizer, Options, Param, Sgd, StateStorage, Swa,
    Tensors,
};

use super::tables::{Scene, Table, agrees, step};
use super::{Row, trials_of};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 4] = [
        ("alone", alone),
        ("with-all-options", with_all_options),
        ("views", views),
        ("are-those-of-a-dense-gradient", are_those_of_a_dense_gradient),
    ];
    let mut trials = trials_of("averages", &contexts[..2], rows);
    let rows: [Row; 3] = [("in-bf16", in_bf16), ("of-other-parameters", of_other_parameters), ("begin-on-a-running-optimizer", begin)];
    trials.extend(trials_of("averages", &contexts[1..2], rows));
    trials
}

pub fn all() -> Options {
    Options {
        lookahead: Some(Lookahead { every: 2, alpha: 0.3 }),
        ema: Some(Ema { decay: 0.9, ..Ema::default() }),
        swa: Some(Swa { start: 2, every: 2 }),
        ..Options::default()
    }
}

fn rule() -> Box<dyn AnyRule> {
    AdamW { weight_decay: 0.1, lr: 0.1, ..AdamW::default() }.into()
}

/// Each kind of average, and all of them.
fn alone(gpu: &Gpu) -> Outcome {
    let Options { lookahead, ema, swa, .. } = all();
    let debiased = Some(Ema { decay: 0.9, debias: true, start: 2, ..Ema::default() });
    let none = Options::default;
    for options in
        [Options { lookahead, ..none() }, Options { ema, ..none() }, Options { swa, ..none() }, Options { ema: debiased, ..none() }]
    {
        agrees(gpu, &*rule(), options, false)?;
    }
    agrees(gpu, &*rule(), all(), true)
}

/// Micro-batches, clipping by a norm, scales, steps that are skipped, and what is measured.
fn with_all_options(gpu: &Gpu) -> Outcome {
    let clip = Clip::Norm(NormClip { max_norm: 0.7, ..NormClip::default() });
    let (non_finite, micro_batches) = (NonFinite::Skip, MicroBatches::Mean);
    agrees(gpu, &*rule(), Options { clip, non_finite, micro_batches, zero_grad: true, measure_update: true, ..all() }, true)
}

/// Each view shows the averages of all rows, and the trained values come back to the bit.
fn views(gpu: &Gpu) -> Outcome {
    Scene::new(gpu, &*rule(), all(), false)?.views(0)
}

/// A table with a row-sparse gradient and one with a dense gradient that is zero in all other rows.
fn pair(gpu: &Gpu, rows: usize, width: usize, options: Options) -> Result<(Table, Tensors, Optimizer), Failed> {
    let table = Table::new(gpu, "sparse", (rows, &[width], 7));
    let tensors = Tensors::new(&gpu.device, [("sparse", [rows, width]), ("dense", [rows, width])])?;
    let params = [table.param(&tensors)?, tensors.param("dense")?.clone()];
    // Without decay and momentum, so that rows without a gradient stay.
    let rule = Sgd { lr: 0.5, ..Sgd::default() };
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(rule, params)], options)?;
    for name in ["sparse", "dense"] {
        tensors.write_value(&gpu.queue, name, &table.values)?;
    }
    Ok((table, tensors, optimizer))
}

/// So many steps, in which few rows have gradients, other ones each time, and in one none has.
fn steps(gpu: &Gpu, (table, tensors, optimizer): &(Table, Tensors, Optimizer), count: usize) -> Outcome {
    let (rows, width) = (table.shape[0], table.shape[1]);
    for turn in 0..count {
        // The last row each time, so that the last place of a full list has one whose average is not what the value is.
        let row = |entry: usize| if entry == 6 { rows - 1 } else { (entry * 31 + turn * 5) % rows };
        let list: Vec<u32> = (0..if turn == 2 { 0 } else { 7 }).map(|entry| row(entry) as u32).collect();
        let gradient: Vec<f32> = (0..7 * width).map(|i| (i as f32 * 0.37 + turn as f32).sin()).collect();
        let mut dense = vec![0.0; rows * width];
        for (&row, own) in list.iter().zip(gradient.chunks(width)) {
            dense[row as usize * width..][..width].iter_mut().zip(own).for_each(|(sum, g)| *sum += g);
        }
        gpu.queue.write_buffer(&table.rows, 0, bytemuck::cast_slice(&list));
        gpu.queue.write_buffer(&table.gradient, 0, bytemuck::cast_slice(&gradient));
        gpu.queue.write_buffer(&table.count, 0, bytemuck::cast_slice(&[list.len() as u32]));
        tensors.write_gradient(&gpu.queue, "dense", &dense)?;
        step(gpu, optimizer);
    }
    Ok(())
}

fn same_states(optimizer: &Optimizer, states: &[&str]) -> Outcome {
    let [sparse, dense] = ["sparse", "dense"].map(|name| block_on(optimizer.read_value(name)));
    same_bits("values", &sparse?, &dense?)?;
    for state in states {
        let [sparse, dense] = ["sparse", "dense"].map(|name| block_on(optimizer.read_state(name, state)));
        same_bits(state, &sparse?, &dense?)?;
    }
    Ok(())
}

/// To the bit, in rows of any length, over several chunks.
fn are_those_of_a_dense_gradient(gpu: &Gpu) -> Outcome {
    for (rows, width) in [(50, 1), (50, 3), (50, 4), (33, 6), (700, 12), (2, 5000), (9000, 1)] {
        let own = pair(gpu, rows, width, all())?;
        steps(gpu, &own, 5)?;
        same_states(&own.2, &["slow", "ema", "swa"])
            .map_err(|error| format!("{rows} rows of {width}: {}", error.message().unwrap_or_default()))?;
    }
    Ok(())
}

/// Averages of 16 bits, rounded by drawn numbers: those of the parameter's name, so that they are near those of a dense gradient and not the same.
fn in_bf16(gpu: &Gpu) -> Outcome {
    let options = || Options { state: StateStorage { averages: Dtype::Bf16, least: 0, ..StateStorage::default() }, ..all() };
    let (own, plain) = (pair(gpu, 700, 12, options())?, pair(gpu, 700, 12, all())?);
    for own in [&own, &plain] {
        steps(gpu, own, 5)?;
    }
    for state in ["slow", "ema", "swa"] {
        let [rounded, exact] = [&own, &plain].map(|own| block_on(own.2.read_state("sparse", state)));
        let (rounded, exact) = (rounded?, exact?);
        let furthest = rounded.iter().zip(&exact).map(|(a, b)| (a - b).abs() / b.abs().max(0.1)).fold(0.0, f32::max);
        assert!(furthest > 0.0 && furthest < 0.05, "{state}: {furthest}");
    }
    Ok(())
}

/// An optimizer with a row-sparse gradient has averages of its other parameters as one without has; one dispatch more is what the table's take.
fn of_other_parameters(gpu: &Gpu) -> Outcome {
    let (table, tensors, optimizer) = pair(gpu, 60, 8, all())?;
    let dense: Vec<f32> = (0..480).map(|i| (i as f32).cos()).collect();
    gpu.queue.write_buffer(&table.count, 0, bytemuck::cast_slice(&[0_u32]));
    let alone = Tensors::new(&gpu.device, [("dense", [60, 8])])?;
    let rule = Sgd { lr: 0.5, ..Sgd::default() };
    let other = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, [Param::clone(alone.param("dense")?)])], all())?;
    alone.write_value(&gpu.queue, "dense", &table.values)?;
    for _ in 0..4 {
        tensors.write_gradient(&gpu.queue, "dense", &dense)?;
        alone.write_gradient(&gpu.queue, "dense", &dense)?;
        step(gpu, &optimizer);
        step(gpu, &other);
    }
    for state in ["slow", "ema", "swa"] {
        let [own, others] = [&optimizer, &other].map(|own| block_on(own.read_state("dense", state)));
        same_bits(state, &own?, &others?)?;
    }
    let (_, _, without) = pair(gpu, 60, 8, Options::default())?;
    let [with, without] = [&optimizer, &without].map(|own| own.recorded_step());
    assert_eq!((with.dispatches, with.waits), (without.dispatches + 1, without.waits));
    Ok(())
}

/// An average that begins later begins as all values are then.
fn begin(gpu: &Gpu) -> Outcome {
    let mut own = pair(gpu, 50, 4, Options::default())?;
    steps(gpu, &own, 2)?;
    let before = block_on(own.2.read_value("sparse"))?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    own.2.change_options(&mut encoder, all())?;
    gpu.queue.submit([encoder.finish()]);
    same_bits("ema", &block_on(own.2.read_state("sparse", "ema"))?, &before)?;
    steps(gpu, &own, 3)?;
    same_states(&own.2, &["slow", "ema", "swa"])
}
