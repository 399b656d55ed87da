//! What callers do with a batch: normalise bytes, divide by its true size, reproduce it.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu::BufferUsages as Usage;
use wgpu::util::{BufferInitDescriptor, DeviceExt};
use wgpu_optim::Binding;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::batches::{Batch, Batches, Column, CpuBatches, Cursor, Dtype, Sampler};

use super::stage::{download, padded};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        trials.push(context.trial("batches/bytes".into(), bytes));
        trials.push(context.trial("batches/mean-of-a-short-batch".into(), mean_of_a_short_batch));
        trials.push(context.trial("batches/columns-in-shared-buffers".into(), columns_in_shared_buffers));
    }
    trials
}

fn buffer(gpu: &Gpu, contents: &[u8]) -> wgpu::Buffer {
    let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    gpu.device.create_buffer_init(&BufferInitDescriptor { label: None, contents, usage })
}

fn zeros(gpu: &Gpu, elements: usize) -> wgpu::Buffer {
    buffer(gpu, &vec![0; 4 * elements])
}

/// The batches of these columns, of which the first was taken.
fn first(gpu: &Gpu, sampler: Sampler, columns: Vec<Column>) -> Result<Batches, Failed> {
    let batches = Batches::new(&gpu.device, &gpu.queue, sampler, columns)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    batches.next(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    Ok(batches)
}

/// Every byte under every normalisation, in rows that begin at every part of a word: `f32(byte * scale + offset)`. With `1 / 255` that is
/// torch's `byte / 255` to the last bit.
fn bytes(gpu: &Gpu) -> Outcome {
    for (scale, offset) in [(1.0 / 255.0, 0.0), (1.0, 0.0), (2.0 / 255.0, -1.0), (1.0 / (255.0 * 0.3081), -0.1307 / 0.3081)] {
        for width in [1, 2, 3, 5, 7, 64] {
            let rows = 256 / width;
            let source: Vec<u8> = (0..rows * width).map(|i| i as u8).collect();
            let destination = zeros(gpu, rows * width);
            let sampler = Sampler { rows: rows as u32, batch_size: rows as u32, shuffle: false, ..Sampler::default() };
            let dtype = Dtype::U8 { scale, offset };
            first(gpu, sampler, vec![Column::new("bytes", width, dtype, buffer(gpu, &padded(source)), &destination)])?;
            for (byte, word) in (0_u8..=255).zip(download(gpu, &destination)?) {
                let expected = (f64::from(byte) * scale + offset) as f32;
                assert_eq!(word, expected.to_bits(), "byte {byte} * {scale} + {offset}, {width} a row");
                assert!(scale != 1.0 / 255.0 || expected == f32::from(byte) / 255.0);
            }
        }
    }
    Ok(())
}

/// The mean of a column over the batch, by a kernel that has the batch's record as a uniform buffer.
const MEAN: &str = "
@group(0) @binding(0) var<uniform> batch: Batch;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@compute @workgroup_size(1)
fn main() {
    var sum = 0.0;
    for (var i = 0u; i < batch.size; i++) {
        sum += values[i];
    }
    mean[0] = sum / f32(batch.size);
}";

fn mean_of_a_short_batch(gpu: &Gpu) -> Outcome {
    let values: Vec<f32> = (0..10).map(|i| (1 << i) as f32).collect();
    let (column, mean) = (zeros(gpu, 4), zeros(gpu, 1));
    let sampler = Sampler { rows: 10, batch_size: 4, seed: 3, ..Sampler::default() };
    let columns = vec![Column::new("values", 1, Dtype::F32, buffer(gpu, bytemuck::cast_slice(&values)), &column)];
    let batches = Batches::new(&gpu.device, &gpu.queue, sampler, columns)?;
    let source = wgpu::ShaderSource::Wgsl([Batch::WGSL, MEAN].concat().into());
    let module = gpu.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let pipeline = gpu.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let resources = [batches.batch().resource(), column.as_entire_binding(), mean.as_entire_binding()];
    let entries: Vec<_> = (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
    let layout = pipeline.get_bind_group_layout(0);
    let bind_group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
    for (batch, rows) in CpuBatches::new(sampler, Cursor::default())?.take(7) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        batches.next(&mut encoder);
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &bind_group, &[]);
        pass.dispatch_workgroups(1, 1, 1);
        drop(pass);
        gpu.queue.submit([encoder.finish()]);
        let sum: f32 = rows.iter().map(|&row| values[row as usize]).sum();
        let expected = sum / batch.size as f32;
        let got = f32::from_bits(download(gpu, &mean)?[0]);
        // Sums of powers of two are exact; WGSL allows a division 2.5 ulp.
        assert!((got - expected).abs() <= 2.5 * f32::EPSILON * expected, "{batch:?}: {got}, expected {expected}");
    }
    Ok(())
}

/// Sources in one buffer and destinations in another, at any multiple of 4.
fn columns_in_shared_buffers(gpu: &Gpu) -> Outcome {
    let (rows, batch_size) = (50_u32, 20_u32);
    let words: Vec<u32> = (0..2 + 6 * rows).collect();
    let (source, destination) = (buffer(gpu, bytemuck::cast_slice(&words)), zeros(gpu, 1 + 6 * batch_size as usize));
    let column = |name: &str, width: u32, from: u32, to: u32| {
        let binding = |buffer, at: u32, rows: u32| Binding::new(buffer, 4 * u64::from(at), 4 * u64::from(rows * width));
        Column::new(name, width as usize, Dtype::U32, binding(&source, from, rows), binding(&destination, to, batch_size))
    };
    let columns = vec![column("a", 5, 1, 1 + batch_size), column("b", 1, 1 + 5 * rows, 1)];
    let sampler = Sampler { rows, batch_size, seed: 5, ..Sampler::default() };
    first(gpu, sampler, columns)?;
    let (_, order) = CpuBatches::new(sampler, Cursor::default())?.next().ok_or("the twin ended")?;
    let b = order.iter().map(|row| 1 + 5 * rows + row);
    let a = order.iter().flat_map(|row| 1 + 5 * row..1 + 5 * row + 5);
    assert!(download(gpu, &destination)?.into_iter().eq(core::iter::once(0).chain(b).chain(a)));
    Ok(())
}
