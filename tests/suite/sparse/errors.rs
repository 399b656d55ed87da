//! What is refused, each with both numbers.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::coalesce::{Coalesce, RowGradients, Shape};
use wgpu_optim::{Binding, BufferRole, Error};

use super::stage::source;
use crate::context::{Context, Outcome, another};
use crate::errors::{buffer, says};

const SHAPE: Shape = Shape { rows: 10, width: 3, most: 4 };

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, spoil, expected) in ROWS {
        trials.push(contexts[1].trial(format!("sparse/errors/{name}"), move |gpu| {
            let (mut shape, mut source) = (SHAPE, source(gpu, SHAPE, 4));
            spoil(gpu, &mut shape, &mut source);
            says(Coalesce::new(&gpu.pipelines, "embedding", shape, &source).map(drop), expected)
        }));
    }
    trials.push(contexts[1].trial("sparse/errors/refused-buffers-change-nothing".into(), refused));
    trials.push(contexts[2].trial("sparse/errors/over-a-binding".into(), over_a_binding));
    trials.push(contexts[1].trial("sparse/errors/lost-device".into(), lost_device));
    trials
}

type Spoil = fn(&Gpu, &mut Shape, &mut RowGradients);

const ROWS: [(&str, Spoil, &str); 6] = [
    ("no-room", |_, shape, _| shape.most = 0, "embedding: the row-sparse gradient: shape [0, 3] has no elements"),
    ("no-width", |_, shape, _| shape.width = 0, "embedding: the row-sparse gradient: shape [4, 0] has no elements"),
    ("rows-too-short", |_, shape, _| shape.most = 5, "embedding: shape [5] in u32 takes 20 bytes, the rows binding has 16"),
    ("gradient-too-short", |_, shape, _| shape.width = 4, "embedding: shape [4, 4] in f32 takes 64 bytes, the gradient binding has 48"),
    (
        "count-too-long",
        |gpu, _, source| source.count = buffer(gpu, 8).into(),
        "embedding: shape [1] in u32 takes 4 bytes, the row count binding has 8; if it is a prefix of the buffer, say Binding::prefix(buffer), else give the bytes that are its own",
    ),
    (
        "misaligned",
        |gpu, _, source| source.rows = Binding::new(&buffer(gpu, 64), 2, 16),
        "embedding: the rows binding starts at byte 2, which is not a multiple of 4",
    ),
];

/// Buffers of another device are named; what was bound before still is.
fn refused(gpu: &Gpu) -> Outcome {
    let own = source(gpu, SHAPE, 4);
    let mut coalesce = Coalesce::new(&gpu.pipelines, "embedding", SHAPE, &own)?;
    let other = another(DeviceLimits::Limited(Box::default()))?;
    let foreign = RowGradients { gradient: source(&other, SHAPE, 4).gradient, ..own.clone() };
    match coalesce.bind(&foreign) {
        Err(Error::Buffer { param, role: BufferRole::Gradient, .. }) if param == "embedding" => {}
        other => return Err(format!("{other:?}").into()),
    }
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    coalesce.record_in(&mut encoder.begin_compute_pass(&Default::default()));
    gpu.queue.submit([encoder.finish()]);
    Ok(())
}

/// On a device that binds 64 KiB.
fn over_a_binding(gpu: &Gpu) -> Outcome {
    let fails = |width, most, margin| {
        let shape = Shape { rows: 10, width, most };
        Coalesce::new(&gpu.pipelines, "embedding", shape, &source(gpu, shape, margin)).map(drop)
    };
    let tail = "the device's max_storage_buffer_binding_size is 65536; request a device with a higher limit, or split";
    says(fails(1, 16_385, 0), &format!("embedding: the rows of a row-sparse gradient needs 65540, {tail}"))?;
    says(fails(100, 164, 0), &format!("embedding: the gradient of a row-sparse gradient needs 65600, {tail}"))?;
    says(fails(128, 128, 5), &format!("embedding: the gradient of a row-sparse gradient needs 65556, {tail}"))?;
    fails(128, 128, 64)?;
    Ok(fails(1, 16_384, 0)?)
}

fn lost_device(_: &Gpu) -> Outcome {
    let gpu = another(DeviceLimits::Limited(Box::default()))?;
    let source = source(&gpu, SHAPE, 4);
    gpu.device.destroy();
    match Coalesce::new(&gpu.pipelines, "embedding", SHAPE, &source).map(drop) {
        Err(Error::DeviceLost) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
