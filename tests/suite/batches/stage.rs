//! A data set of three columns on the GPU, destinations surrounded by sentinels, and the twin running alongside.

use libtest_mimic::Failed;
use wgpu::BufferUsages as Usage;
use wgpu::util::{BufferInitDescriptor, DeviceExt, DownloadBuffer};
use wgpu_optim::Binding;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::batches::{Batch, Batches, Column, CpuBatches, Cursor, Dtype, Sampler};
use wgpu_optim::testing::Random;

use crate::context::Outcome;

/// What every word holds that belongs to no batch: a NaN with a mark.
pub const SENTINEL: u32 = 0x7fc0_beef;

/// Sentinels before and after each destination, so that none begins where it could be bound on its own.
const MARGIN: [usize; 2] = [3, 5];

/// Words after each other in one submit at most: how many batches are looked at together.
const LOG: u64 = 1 << 20;

/// A column, and what its rows become in a batch.
pub struct Table {
    column: Column,
    pub words: Vec<u32>,
}

pub struct Stage<'a> {
    gpu: &'a Gpu,
    pub batches: Batches,
    pub twin: CpuBatches,
    pub tables: Vec<Table>,
    batch_size: usize,
}

/// The column `labels` holds each row's own number; `bytes` and `floats` are there unless they are larger than the device's buffers.
impl<'a> Stage<'a> {
    pub fn new(gpu: &'a Gpu, sampler: Sampler) -> Result<Self, Failed> {
        let rows = sampler.rows as usize;
        let mut random = Random(rows as u64);
        let dtype = Dtype::U8 { scale: 1.0 / 255.0, offset: -0.5 };
        let bytes: Vec<u8> = (0..3 * rows).map(|_| random.bits() as u8).collect();
        let normalised = bytes.iter().map(|&byte| ((f64::from(byte) / 255.0) - 0.5) as f32).map(f32::to_bits).collect();
        // Any bits at all: NaN with a payload, infinities and subnormals among them.
        let floats: Vec<u32> = (0..2 * rows).map(|i| if i % 5 == 0 { 0x7fc0_0000 | i as u32 } else { random.bits() as u32 }).collect();
        let labels: Vec<u32> = (0..sampler.rows).collect();
        let mut tables = Vec::new();
        let all = [
            ("bytes", 3, dtype, padded(bytes), normalised),
            ("labels", 1, Dtype::U32, bytemuck::pod_collect_to_vec(&labels), labels.clone()),
            ("floats", 2, Dtype::F32, bytemuck::pod_collect_to_vec(&floats), floats),
        ];
        for (name, width, dtype, contents, words) in all {
            let elements = sampler.batch_size as usize * width;
            let size = 4 * (MARGIN[0] + elements + MARGIN[1]) as u64;
            if (size.max(contents.len() as u64)) > gpu.device.limits().max_buffer_size {
                continue;
            }
            let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
            let source = gpu.device.create_buffer_init(&BufferInitDescriptor { label: None, contents: &contents, usage });
            let destination = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
            gpu.queue.write_buffer(&destination, 0, bytemuck::cast_slice(&vec![SENTINEL; size as usize / 4]));
            let destination = Binding::new(&destination, 4 * MARGIN[0] as u64, 4 * elements as u64);
            tables.push(Table { column: Column::new(name, width, dtype, source, destination), words });
        }
        let batches = Batches::new(&gpu.device, &gpu.queue, sampler, tables.iter().map(|table| table.column.clone()))?;
        let twin = CpuBatches::new(sampler, Cursor::default())?;
        Ok(Stage { gpu, batches, twin, tables, batch_size: sampler.batch_size as usize })
    }

    /// Takes batches, several in one encoder, and holds each with all that surrounds it against the twin's. Returns what the GPU had.
    pub fn check(&mut self, batches: usize) -> Result<Vec<Seen>, Failed> {
        let largest = self.tables.iter().map(|table| self.destination(&table.column.name).size()).max().unwrap_or_default();
        let together = (LOG.min(self.gpu.device.limits().max_buffer_size) / largest).max(1) as usize;
        let mut all = Vec::new();
        while all.len() < batches {
            for seen in self.record(together.min(batches - all.len()))? {
                let (batch, rows) = self.twin.next().ok_or("the twin ended")?;
                self.same(&seen, batch, &rows)?;
                all.push(seen);
            }
            let cursor = pollster::block_on(self.batches.read_cursor())?;
            if cursor != self.twin.cursor() {
                return Err(format!("cursor {cursor:?}, expected {:?}", self.twin.cursor()).into());
            }
        }
        Ok(all)
    }

    /// Records batches into one encoder, each followed by copies of all that it wrote, submits it and reads the copies.
    pub fn record(&self, batches: usize) -> Result<Vec<Seen>, Failed> {
        let sources: Vec<&wgpu::Buffer> = self.tables.iter().map(|table| table.column.destination.buffer()).collect();
        let sources = [&[self.batches.batch().buffer()], &sources[..]].concat();
        let log = |source: &&wgpu::Buffer| {
            let (size, usage) = (source.size() * batches as u64, Usage::COPY_SRC | Usage::COPY_DST);
            self.gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
        };
        let logs: Vec<wgpu::Buffer> = sources.iter().map(log).collect();
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        for index in 0..batches as u64 {
            self.batches.next(&mut encoder);
            for (source, log) in sources.iter().zip(&logs) {
                encoder.copy_buffer_to_buffer(source, 0, log, index * source.size(), source.size());
            }
        }
        self.gpu.queue.submit([encoder.finish()]);
        let logs = logs.iter().map(|log| download(self.gpu, log)).collect::<Result<Vec<_>, Failed>>()?;
        let part = |log: &Vec<u32>, index: usize| log[log.len() / batches * index..log.len() / batches * (index + 1)].to_vec();
        let seen = |index| Seen {
            batch: bytemuck::cast_slice(&part(&logs[0], index))[0],
            columns: logs[1..].iter().map(|log| part(log, index)).collect(),
        };
        Ok((0..batches).map(seen).collect())
    }

    /// What was seen is this batch, then zeros, and sentinels around.
    pub fn same(&self, seen: &Seen, batch: Batch, rows: &[u32]) -> Outcome {
        if seen.batch != batch {
            return Err(format!("{:?}, expected {batch:?}", seen.batch).into());
        }
        for (Table { column, words }, got) in self.tables.iter().zip(&seen.columns) {
            let width = column.width;
            let row = |&row: &u32| &words[row as usize * width..(row as usize + 1) * width];
            let zeros = vec![0; (self.batch_size - rows.len()) * width];
            let rows: Vec<u32> = rows.iter().flat_map(row).copied().chain(zeros).collect();
            let expected = [vec![SENTINEL; MARGIN[0]], rows, vec![SENTINEL; MARGIN[1]]].concat();
            if let Some(at) = (0..expected.len().max(got.len())).find(|&at| got.get(at) != expected.get(at)) {
                let (got, expected) = (got.get(at), expected.get(at));
                return Err(format!("{batch:?}: {}: word {at} is {got:x?}, expected {expected:x?}", column.name).into());
            }
        }
        Ok(())
    }

    /// Lets both begin elsewhere.
    pub fn jump(&mut self, cursor: Cursor) -> Outcome {
        self.batches.write_cursor(cursor)?;
        self.twin = CpuBatches::new(*self.batches.sampler(), cursor)?;
        Ok(())
    }

    pub fn destination(&self, column: &str) -> &wgpu::Buffer {
        let table = self.tables.iter().find(|table| table.column.name == column).unwrap_or(&self.tables[0]);
        table.column.destination.buffer()
    }
}

/// What the GPU had after a batch: the record, and each destination with its surroundings.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub batch: Batch,
    pub columns: Vec<Vec<u32>>,
}

impl Seen {
    /// The numbers of the rows, as the labels say.
    pub fn rows(&self, stage: &Stage<'_>) -> Vec<u32> {
        let labels = stage.tables.iter().position(|table| table.column.name == "labels").unwrap_or_default();
        self.columns[labels][MARGIN[0]..][..self.batch.size as usize].to_vec()
    }
}

/// Filled up to whole words.
pub fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0xa5);
    bytes
}

pub fn download(gpu: &Gpu, buffer: &wgpu::Buffer) -> Result<Vec<u32>, Failed> {
    let (sender, receiver) = std::sync::mpsc::channel();
    DownloadBuffer::read_buffer(&gpu.device, &gpu.queue, &buffer.slice(..), move |result| {
        let words = result.map(|buffer| bytemuck::pod_collect_to_vec(&buffer));
        sender.send(words).unwrap_or_default();
    });
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    Ok(receiver.recv()??)
}
