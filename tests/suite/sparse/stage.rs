//! A row-sparse gradient on the GPU, surrounded by sentinels, and the twin beside it.

use libtest_mimic::Failed;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::coalesce::{Coalesce, Coalesced, HEAD, MANY, RowGradients, Shape, coalesce};
use wgpu_optim::testing::{Random, stored};
use wgpu_optim::{Binding, Dtype, wgpu};

use crate::batches::stage::{SENTINEL, download};
use crate::context::Outcome;

/// Words before and after each part, so that none begins where it could be bound on its own.
const MARGIN: usize = 5;

/// Entries on the host.
#[derive(Clone, Debug)]
pub struct Entries {
    pub rows: Vec<u32>,
    pub gradient: Vec<f32>,
    pub count: u32,
}

impl Entries {
    /// As many as there is room for, with rows that this chooses and gradients of both signs and many magnitudes.
    pub fn new(shape: Shape, mut row: impl FnMut(u32, &mut Random) -> u32) -> Self {
        let mut random = Random(u64::from(shape.most) << 20 ^ u64::from(shape.width));
        let rows = (0..shape.most).map(|entry| row(entry, &mut random)).collect();
        let gradient = wgpu_optim::testing::gradients(u64::from(shape.rows), (shape.most * shape.width) as usize);
        Entries { rows, gradient, count: shape.most }
    }

    /// As they are stored so.
    pub fn stored(mut self, dtype: Dtype) -> Self {
        self.gradient = stored(dtype, &self.gradient).1;
        self
    }

    /// As many, the others being there and not counted.
    pub fn counted(self, count: u32) -> Self {
        Entries { count, ..self }
    }

    fn twin(&self, shape: Shape) -> Coalesced<f32> {
        let count = self.count.min(shape.most) as usize;
        coalesce(shape.rows, shape.width as usize, &self.rows[..count], &self.gradient)
    }
}

pub struct Stage<'a> {
    gpu: &'a Gpu,
    pub shape: Shape,
    pub coalesce: Coalesce,
    pub source: RowGradients,
}

/// Whether all of it can be bound.
pub fn fits(gpu: &Gpu, shape: Shape) -> bool {
    let limits = gpu.device.limits();
    let bytes = 4 * u64::from(shape.most) * u64::from(shape.width) + 300;
    bytes <= limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
}

/// Buffers for entries, each with the margin around.
pub fn source(gpu: &Gpu, shape: Shape, margin: usize) -> RowGradients {
    source_in(gpu, shape, Dtype::F32, margin)
}

/// With gradient rows that are stored so.
fn source_in(gpu: &Gpu, shape: Shape, dtype: Dtype, margin: usize) -> RowGradients {
    let part = |words: u32| {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let size = 4 * (words as usize + 2 * margin) as u64;
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
        gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&vec![SENTINEL; size as usize / 4]));
        Binding::new(&buffer, 4 * margin as u64, 4 * u64::from(words))
    };
    let words = (shape.most * shape.width * dtype.bits()).div_ceil(32);
    RowGradients { rows: part(shape.most), gradient: part(words), dtype, count: part(1) }
}

impl<'a> Stage<'a> {
    pub fn new(gpu: &'a Gpu, shape: Shape) -> Result<Self, Failed> {
        Self::stored(gpu, shape, Dtype::F32, MARGIN)
    }

    /// With gradient rows that are stored so, after so many words.
    pub fn stored(gpu: &'a Gpu, shape: Shape, dtype: Dtype, margin: usize) -> Result<Self, Failed> {
        let source = source_in(gpu, shape, dtype, margin);
        let coalesce = Coalesce::new(&gpu.pipelines, "embedding", shape, &source)?;
        Ok(Stage { gpu, shape, coalesce, source })
    }

    pub fn write(&self, entries: &Entries) {
        let put = |binding: &Binding, words: &[u32]| {
            self.gpu.queue.write_buffer(binding.buffer(), binding.offset(), bytemuck::cast_slice(words));
        };
        put(&self.source.rows, &entries.rows);
        put(&self.source.gradient, &self.words(entries));
        put(&self.source.count, &[entries.count]);
    }

    /// Those of the gradient rows.
    fn words(&self, entries: &Entries) -> Vec<u32> {
        stored(self.source.dtype, &entries.gradient).0
    }

    pub fn run(&self, times: usize) {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            (0..times).for_each(|_| self.coalesce.record_in(&mut pass));
        }
        self.gpu.queue.submit([encoder.finish()]);
    }

    /// Once, into sentinels: what was found is the twin's, bit for bit, and nothing else was written.
    pub fn check(&self, entries: &Entries) -> Outcome {
        let outputs = [self.coalesce.unique(), self.coalesce.summed(), self.coalesce.found()];
        for buffer in outputs {
            self.gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(&vec![SENTINEL; buffer.size() as usize / 4]));
        }
        self.write(entries);
        self.run(1);
        self.same(entries)?;
        // The caller's own are as they were.
        for (binding, words) in [(&self.source.rows, &entries.rows[..]), (&self.source.gradient, &self.words(entries)[..])] {
            let expected = padded(words, binding.offset() as usize / 4);
            assert!(download(self.gpu, binding.buffer())? == expected, "the caller's buffers");
        }
        Ok(())
    }

    /// What is there is the twin's; after it, no rows, and sentinels.
    pub fn same(&self, entries: &Entries) -> Outcome {
        let twin = entries.twin(self.shape);
        let [unique, summed, found] =
            [self.coalesce.unique(), self.coalesce.summed(), self.coalesce.found()].map(|b| download(self.gpu, b));
        let (runs, count) = (twin.unique.len(), entries.count.min(self.shape.most) as usize);
        let (found, summed) = (found?, summed?);
        let excess = entries.count.saturating_sub(self.shape.most) as usize;
        let expected = [runs, twin.bad + excess, count - twin.bad].map(|x| x as u32);
        if found[..3] != expected {
            return Err(format!("runs, bad and good entries: {:?}, expected {expected:?}", &found[..3]).into());
        }
        self.long(entries, &twin, &found)?;
        // After the rows of runs there is none.
        let (unique, mut rows) = (unique?, twin.unique.clone());
        rows.resize(unique.len(), u32::MAX);
        if let Some(wrong) = first_difference(&unique, &rows, |a, b| a == b) {
            return Err(format!("row of run {wrong}").into());
        }
        let is_same = |got: u32, expected: u32| {
            // Which of its operands a sum that is NaN takes the bits of is left open.
            got == expected || (f32::from_bits(got).is_nan() && f32::from_bits(expected).is_nan() && got != SENTINEL)
        };
        match first_difference(&summed, bytemuck::cast_slice(&twin.summed), is_same) {
            Some(wrong) => Err(format!("sum {wrong} of rows of {}", self.shape.width).into()),
            None => Ok(()),
        }
    }

    /// The list of long runs.
    fn long(&self, entries: &Entries, twin: &Coalesced<f32>, found: &[u32]) -> Outcome {
        let mut counts = std::collections::BTreeMap::new();
        let counted = &entries.rows[..entries.count.min(self.shape.most) as usize];
        counted.iter().filter(|row| **row < self.shape.rows).for_each(|&row| *counts.entry(row).or_insert(0) += 1);
        let long = twin.unique.iter().zip(0_u32..).filter(|(row, _)| counts[row] > MANY).map(|(_, run)| run);
        let long: Vec<u32> = long.collect();
        let head = HEAD as usize;
        let expected = [&[long.len() as u32], &long[..], &vec![SENTINEL; found.len() - head - long.len()]].concat();
        assert_eq!(found[head - 1..], expected, "long runs");
        Ok(())
    }
}

fn padded(words: &[u32], margin: usize) -> Vec<u32> {
    let sentinels = vec![SENTINEL; margin];
    [&sentinels, words, &sentinels].concat()
}

/// The first word that is not what is expected, or, after these, no sentinel.
fn first_difference(got: &[u32], expected: &[u32], is_same: impl Fn(u32, u32) -> bool) -> Option<String> {
    let after = got.len().max(expected.len()) - expected.len();
    let expected = expected.iter().map(|&word| (word, false)).chain(std::iter::repeat_n((SENTINEL, true), after));
    got.iter().zip(expected).enumerate().find_map(|(at, (&got, (expected, is_after)))| {
        let wrong = if is_after { got != SENTINEL } else { !is_same(got, expected) };
        wrong.then(|| format!("{at} is {got:#x} ({:e}), expected {expected:#x} ({:e})", f32::from_bits(got), f32::from_bits(expected)))
    })
}
