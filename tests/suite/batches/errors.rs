//! Every mistake with a data set, and what is said about it.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu::BufferUsages as Usage;
use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::batches::{Batches, Column, CpuBatches, Cursor, Dtype, Sampler};
use wgpu_optim::{Binding, BufferRole, Error};

use crate::context::{Context, Outcome, another};
use crate::errors::{buffer, says, with_usage};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, run, expected) in ROWS {
        trials.push(contexts[1].trial(format!("batches/errors/{name}"), move |gpu| says(run(gpu), expected)));
    }
    trials.push(contexts[1].trial("batches/errors/another-device".into(), another_device));
    trials.push(contexts[1].trial("batches/errors/lost-device".into(), lost_device));
    trials.push(contexts[2].trial("batches/errors/row-over-the-limit".into(), row_over_the_limit));
    trials
}

type Row = (&'static str, fn(&Gpu) -> Result<(), Error>, &'static str);

const ROWS: [Row; 18] = [
    ("no-rows", |gpu| sampled(gpu, 0, 1), "no rows: a data set needs at least one"),
    ("batch-larger-than-the-set", |gpu| sampled(gpu, 10, 11), "batch_size must be from 1 to the data set's 10 rows, got 11"),
    ("empty-batch", |gpu| sampled(gpu, 10, 0), "batch_size must be from 1 to the data set's 10 rows, got 0"),
    (
        "batches-of-no-size",
        |_| Sampler { rows: 3, batch_size: 0, ..Sampler::default() }.batches_per_epoch().map(drop),
        "batch_size must be from 1 to the data set's 3 rows, got 0",
    ),
    ("no-columns", |gpu| batches(gpu, vec![]).map(drop), "no columns: a data set needs at least one"),
    ("duplicate-name", |gpu| batches(gpu, vec![column(gpu, "x"), column(gpu, "x")]).map(drop), "x: two columns have this name"),
    ("no-width", |gpu| with(gpu, |column| column.width = 0), "x: shape [10, 0] has no elements"),
    (
        "uncountable",
        |gpu| with(gpu, |column| column.width = usize::MAX),
        "x: shape [10, 18446744073709551615] has more elements than can be counted",
    ),
    ("source-too-small", |gpu| with(gpu, |column| column.width = 4), "x: shape [10, 4] in f32 takes 160 bytes, the source binding has 120"),
    (
        "bytes-not-filled-up",
        |gpu| {
            let source = Binding::new(&buffer(gpu, 64), 0, 30);
            with(gpu, |column| (column.dtype, column.source) = (Dtype::U8 { scale: 1.0, offset: 0.0 }, source))
        },
        "x: shape [10, 3] in u8 takes 32 bytes, the source binding has 30",
    ),
    (
        "destination-too-large",
        |gpu| {
            let destination = Binding::new(&buffer(gpu, 64), 0, 52);
            with(gpu, |column| (column.dtype, column.destination) = (Dtype::U32, destination))
        },
        "x: shape [4, 3] in u32 takes 48 bytes, the destination binding has 52; if it is a prefix of the buffer, say Binding::prefix(buffer), else give the bytes that are its own",
    ),
    (
        "destination-past-the-buffer",
        |gpu| {
            let destination = Binding::new(&buffer(gpu, 64), 32, 48);
            with(gpu, |column| column.destination = destination)
        },
        "x: the destination binding ends at byte 80, its buffer has 64",
    ),
    (
        "misaligned",
        |gpu| {
            let source = Binding::new(&buffer(gpu, 128), 2, 120);
            with(gpu, |column| column.source = source)
        },
        "x: the source binding starts at byte 2, which is not a multiple of 4",
    ),
    (
        "missing-usage",
        |gpu| {
            let source = with_usage(gpu, 120, Usage::COPY_DST);
            with(gpu, |column| column.source = source.into())
        },
        "x: the source buffer has usage BufferUsages(COPY_DST), it needs BufferUsages(STORAGE) too",
    ),
    (
        "one-buffer",
        |gpu| {
            let both = buffer(gpu, 512);
            let (source, destination) = (Binding::new(&both, 0, 120), Binding::new(&both, 256, 48));
            with(gpu, |column| (column.source, column.destination) = (source, destination))
        },
        "x: source and destination are in one buffer; WebGPU needs two",
    ),
    (
        "destinations-overlap",
        |gpu| {
            let buffer = buffer(gpu, 128);
            let at = |name, offset| Column { destination: Binding::new(&buffer, offset, 48), ..column(gpu, name) };
            batches(gpu, vec![at("x", 0), at("y", 44)]).map(drop)
        },
        "x (destination) and y (destination) overlap in one buffer",
    ),
    (
        "destination-over-a-source",
        |gpu| {
            let x = column(gpu, "x");
            let y = Column { destination: Binding::new(x.source.buffer(), 72, 48), ..column(gpu, "y") };
            batches(gpu, vec![x, y]).map(drop)
        },
        "x (source) and y (destination) overlap in one buffer",
    ),
    (
        "infinite-normalisation",
        |gpu| {
            let dtype = Dtype::U8 { scale: 1e37, offset: -1.0 };
            with(gpu, |column| (column.dtype, column.source) = (dtype, buffer(gpu, 32).into()))
        },
        "x: byte * 1e37 + -1.0 must be finite in f32 for every byte from 0 to 255",
    ),
];

/// A column in order: 10 rows of 3 f32 of which 4 are a batch.
fn column(gpu: &Gpu, name: &str) -> Column {
    Column::new(name, 3, Dtype::F32, buffer(gpu, 120), buffer(gpu, 48))
}

fn batches(gpu: &Gpu, columns: Vec<Column>) -> Result<Batches, Error> {
    let sampler = Sampler { rows: 10, batch_size: 4, ..Sampler::default() };
    Batches::new(&gpu.device, &gpu.queue, sampler, columns)
}

fn sampled(gpu: &Gpu, rows: u32, batch_size: u32) -> Result<(), Error> {
    let sampler = Sampler { rows, batch_size, ..Sampler::default() };
    let twin = CpuBatches::new(sampler, Cursor::default()).map(drop);
    let result = Batches::new(&gpu.device, &gpu.queue, sampler, [column(gpu, "x")]).map(drop);
    assert_eq!(result, twin);
    result
}

fn with(gpu: &Gpu, spoil: impl FnOnce(&mut Column)) -> Result<(), Error> {
    let mut column = column(gpu, "x");
    spoil(&mut column);
    batches(gpu, vec![column]).map(drop)
}

fn another_device(gpu: &Gpu) -> Outcome {
    let other = another(DeviceLimits::Limited(Box::default()))?;
    match batches(gpu, vec![Column { source: buffer(&other, 120).into(), ..column(gpu, "x") }]) {
        Err(Error::Buffer { param, role: BufferRole::Source, .. }) if param == "x" => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

fn lost_device(_: &Gpu) -> Outcome {
    let gpu = another(DeviceLimits::Limited(Box::default()))?;
    let batches = batches(&gpu, vec![column(&gpu, "x")])?;
    let message = "the cursor's position must be from 0 to the data set's 10 rows, got 11";
    says(batches.write_cursor(Cursor { epoch: 0, position: 11 }), message)?;
    gpu.device.destroy();
    let made = Batches::new(&gpu.device, &gpu.queue, *batches.sampler(), [column(&gpu, "x")]).map(drop);
    let results = [made, pollster::block_on(batches.read_cursor()).map(drop), batches.write_cursor(Cursor::default())];
    assert!(results.iter().all(|result| *result == Err(Error::DeviceLost)), "{results:?}");
    Ok(())
}

fn row_over_the_limit(gpu: &Gpu) -> Outcome {
    let width = 20_000;
    let wide = Column { width, source: buffer(gpu, 800_000).into(), destination: buffer(gpu, 320_000).into(), ..column(gpu, "x") };
    says(
        batches(gpu, vec![wide]).map(drop),
        "x: a window for one row needs 80000, the device's max_storage_buffer_binding_size is 65536; request a device with a higher limit, \
         or split",
    )?;
    // A row of 60,000 bytes is a window of its own, wherever it begins.
    let widest =
        Column { width: 15_000, source: buffer(gpu, 600_000).into(), destination: buffer(gpu, 240_000).into(), ..column(gpu, "x") };
    let dispatches = batches(gpu, vec![widest])?.dispatches();
    assert_eq!(dispatches, 1 + 10 * 4);
    Ok(())
}
