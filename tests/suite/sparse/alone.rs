//! A table with a row-sparse gradient that is alone in an optimizer, so that two runs have one name for it.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::stored;
use wgpu_optim::{AdamW, Group, Optimizer, Options, Param, Tensors};

use super::tables::{Table, step};
use crate::context::Outcome;
use crate::numbers::Way;

pub fn rule() -> Box<dyn AnyRule> {
    AdamW { weight_decay: 0.1, lr: 0.1, ..AdamW::default() }.into()
}

/// A table that is alone.
pub struct Alone {
    pub table: Table,
    pub optimizer: Optimizer,
}

impl Alone {
    /// So many rows of so many numbers, with room for so many entries.
    pub fn new(gpu: &Gpu, way: Way, shape: (usize, usize, usize), options: Options) -> Result<Self, Failed> {
        Self::of(gpu, way, shape, options, |param| param)
    }

    /// So many rows of so many numbers, with room for so many entries, and with something else about the parameter.
    pub fn of(
        gpu: &Gpu,
        way: Way,
        (rows, width, most): (usize, usize, usize),
        options: Options,
        change: impl FnOnce(Param) -> Param,
    ) -> Result<Self, Failed> {
        let table = Table::stored(gpu, "w", (rows, &[width], most), way);
        let tensors = Tensors::with_dtypes(&gpu.device, (way.value, way.gradient), [("w", [rows, width])])?;
        let group = Group::new(rule(), [change(table.param(&tensors)?)]);
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [group], options)?;
        tensors.write_value(&gpu.queue, "w", &table.values)?;
        Ok(Alone { table, optimizer })
    }

    pub fn write(&self, gpu: &Gpu, rows: &[u32], gradient: &[f32]) {
        gpu.queue.write_buffer(&self.table.rows, 0, bytemuck::cast_slice(rows));
        gpu.queue.write_buffer(&self.table.gradient, 0, bytemuck::cast_slice(&stored(self.table.way.gradient, gradient).0));
        gpu.queue.write_buffer(&self.table.count, 0, bytemuck::cast_slice(&[rows.len() as u32]));
    }

    pub fn accumulate(&self, gpu: &Gpu, rows: &[u32], gradient: &[f32]) -> Outcome {
        self.write(gpu, rows, gradient);
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.optimizer.accumulate(&mut encoder)?;
        gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    pub fn step(&self, gpu: &Gpu, rows: &[u32], gradient: &[f32]) -> Result<Vec<f32>, Failed> {
        self.write(gpu, rows, gradient);
        step(gpu, &self.optimizer);
        Ok(block_on(self.optimizer.read_value("w"))?)
    }
}
