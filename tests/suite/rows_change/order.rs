//! Encoders that are submitted in another order than recorded, around changes to the optimizer: what does not fit changes nothing, and is told.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::{AdamW, Ema, Error, Group, Lamb, MicroBatches, Optimizer, Options, RowChange, Sgd, Tensors, wgpu};

use crate::checkpoints::run::{Run, contents};
use crate::context::{Context, Outcome};
use crate::features::pairs::Setting;

/// A change to a running optimizer; it has tensors for parameters that get other buffers, or more.
type Change = fn(&mut Optimizer, &mut wgpu::CommandEncoder, &Tensors, &wgpu::Buffer) -> wgpu_optim::Result<()>;

const CHANGES: [(&str, Change); 7] = [
    ("add_group", |optimizer, encoder, others, _| {
        optimizer.add_group(encoder, Group::new(Sgd::default(), [others.param("more")?.clone()]))
    }),
    ("remove", |optimizer, encoder, _, _| optimizer.remove(encoder, ["b"])),
    ("remove_group", |optimizer, encoder, _, _| optimizer.remove_group(encoder, 1)),
    ("change_rows", |optimizer, encoder, others, rows| {
        let params = vec![others.param("a")?.clone()];
        optimizer.change_rows(encoder, RowChange { rows: rows.into(), params, values: true })
    }),
    ("resize_rows", |optimizer, encoder, others, _| optimizer.resize_rows(encoder, [others.param("a")?.clone()])),
    ("change_options", |optimizer, encoder, _, _| {
        optimizer.change_options(encoder, Options { ema: None, measure_update: true, ..*optimizer.options() })
    }),
    ("change_clip", |optimizer, encoder, _, _| {
        optimizer.change_clip(encoder, 0, wgpu_optim::Clip::Adaptive(wgpu_optim::AdaptiveClip::default()))
    }),
];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in [&contexts[0], &contexts[1]] {
        for (name, change) in CHANGES {
            trials.push(context.trial(format!("order/late/{name}"), move |gpu| late(gpu, change)));
            trials.push(context.trial(format!("order/early/{name}"), move |gpu| early(gpu, change)));
        }
        trials.push(context.trial("order/twice".into(), twice));
    }
    trials
}

/// A run of two groups, where a step has two prepares, and what changes need.
struct Scene<'a> {
    run: Run<'a>,
    others: Tensors,
    rows: wgpu::Buffer,
}

fn scene(gpu: &Gpu) -> Result<Scene<'_>, Failed> {
    let groups = vec![
        Group::new(AdamW::default(), [CpuParam::new("a", &[4, 3]), CpuParam::new("b", &[5])]),
        Group::new(Lamb::default(), [CpuParam::new("c", &[3])]),
    ];
    let options = Options { ema: Some(Ema::default()), micro_batches: MicroBatches::Sum, ..Options::default() };
    let run = Run::new(gpu, &Setting { groups, options }, 1)?;
    run.steps(0..2)?;
    let others = Tensors::new(&gpu.device, [("a", vec![4, 3]), ("more", vec![2])])?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let rows = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
    gpu.queue.write_buffer(&rows, 0, bytemuck::cast_slice(&[3, 1, 2, 0]));
    Ok(Scene { run, others, rows })
}

/// Something to record.
type Work = fn(&Optimizer, &mut wgpu::CommandEncoder);

const WORKS: [(&str, Work); 4] = [
    ("a step", |optimizer, encoder| optimizer.step(encoder)),
    ("accumulate", |optimizer, encoder| drop(optimizer.accumulate(encoder))),
    ("evaluate", |optimizer, encoder| optimizer.evaluate(encoder)),
    ("swap", |optimizer, encoder| drop(optimizer.swap(encoder, "ema"))),
];

fn record(run: &Run<'_>, work: Work) -> wgpu::CommandBuffer {
    let mut encoder = run.gpu.device.create_command_encoder(&Default::default());
    work(&run.optimizer, &mut encoder);
    encoder.finish()
}

fn changed(scene: &mut Scene<'_>, change: Change) -> Result<wgpu::CommandBuffer, Failed> {
    let mut encoder = scene.run.gpu.device.create_command_encoder(&Default::default());
    change(&mut scene.run.optimizer, &mut encoder, &scene.others, &scene.rows)?;
    Ok(encoder.finish())
}

fn is_told(optimizer: &Optimizer, expected: &str) -> Outcome {
    match block_on(optimizer.report()) {
        Err(error @ Error::OutOfOrder { .. }) if error.to_string().starts_with(expected) => Ok(()),
        other => Err(format!("{other:?}, expected {expected}").into()),
    }
}

/// Recorded before the change, submitted after.
fn late(gpu: &Gpu, change: Change) -> Outcome {
    for (what, work) in WORKS {
        let mut own = scene(gpu)?;
        let before = record(&own.run, work);
        let changes = changed(&mut own, change)?;
        gpu.queue.submit([changes]);
        let kept = contents(&own.run.checkpoint()?);
        gpu.queue.submit([before]);
        is_told(&own.run.optimizer, &format!("{what} was recorded before add_group, remove, change_rows or another change"))?;
        assert_eq!(contents(&own.run.checkpoint()?), kept, "{what}");
        gpu.queue.submit([record(&own.run, |optimizer, encoder| optimizer.step(encoder))]);
        assert_eq!(block_on(own.run.optimizer.report())?.step, 3, "{what}");
    }
    Ok(())
}

/// Recorded after the change, submitted before.
fn early(gpu: &Gpu, change: Change) -> Outcome {
    for (what, work) in WORKS {
        let mut own = scene(gpu)?;
        let kept = contents(&own.run.checkpoint()?);
        let changes = changed(&mut own, change)?;
        if own.run.optimizer.options().ema.is_none() && !matches!(what, "a step" | "accumulate") {
            continue;
        }
        gpu.queue.submit([record(&own.run, work)]);
        is_told(
            &own.run.optimizer,
            &format!("{what} was submitted before the encoder of add_group, remove, change_rows or another change"),
        )?;
        assert!(matches!(block_on(own.run.optimizer.read_steps()), Err(Error::OutOfOrder { .. })));
        assert!(matches!(block_on(own.run.optimizer.checkpoint()), Err(Error::OutOfOrder { .. })));
        assert!(matches!(block_on(own.run.optimizer.read_state("a", "m")), Err(Error::OutOfOrder { .. })));
        gpu.queue.submit([changes]);
        let now = contents(&own.run.checkpoint()?);
        for (name, data) in kept.iter().filter(|(name, _)| name.starts_with("c/") || *name == "progress") {
            assert!(now.get(name).is_none_or(|own| own == data), "{name}");
        }
        gpu.queue.submit([record(&own.run, |optimizer, encoder| optimizer.step(encoder))]);
        assert_eq!(block_on(own.run.optimizer.report())?.step, 3, "{what}");
    }
    Ok(())
}

/// Two changes in a row, in one encoder and in two; and steps of all three in one submission.
fn twice(gpu: &Gpu) -> Outcome {
    let mut ends = Vec::new();
    for together in [true, false] {
        let mut own = scene(gpu)?;
        let mut buffers = Vec::new();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        own.run.optimizer.step(&mut encoder);
        for (_, change) in [CHANGES[3], CHANGES[1]] {
            if !together {
                buffers.push(core::mem::replace(&mut encoder, gpu.device.create_command_encoder(&Default::default())).finish());
            }
            change(&mut own.run.optimizer, &mut encoder, &own.others, &own.rows)?;
            own.run.optimizer.step(&mut encoder);
        }
        buffers.push(encoder.finish());
        gpu.queue.submit(buffers);
        assert_eq!(block_on(own.run.optimizer.report())?.step, 5);
        ends.push(contents(&own.run.checkpoint()?));
    }
    assert_eq!(ends[0], ends[1]);
    Ok(())
}
