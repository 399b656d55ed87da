//! Rows that change, as Gaussian splatting has them: 59 numbers a row in five parameters, of which a tenth is dropped and a tenth is copied.

use std::cell::RefCell;
use std::time::Instant;

use wgpu_optim::adapter::Gpu;
use wgpu_optim::{AdamW, Binding, Optimizer, Param, RowChange, Tensors, wgpu};

use crate::ceiling::Ceiling;
use crate::data::{Source, buffer};
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::traffic::{Pool, Streams};
use crate::{Bench, Result};

const ROWS: &str = "rows";
/// Rows of all parameters.
const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
/// Parameters and numbers of a row of each: positions, scales, rotations, opacities, spherical harmonics.
pub const WIDTHS: [(&str, usize); 5] = [("means", 3), ("scales", 3), ("quats", 4), ("opacities", 1), ("sh", 48)];
/// Numbers of a row.
pub const WIDTH: usize = 59;

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    for rows in bench.sizes(&SIZES) {
        let outcome = if rows * WIDTH > 6 * bench.largest() { Err("--largest".into()) } else { one(bench, rows) };
        bench.or_open(ROWS, format!("{rows} rows"), outcome);
    }
    Ok(())
}

/// A prune and clone, its part on the host alone and from its submission on, each with new memory and with memory that is used again, rows that are appended in place, and copies of as many
/// bytes: values and two moments, each read and written.
fn one(bench: &mut Bench, rows: usize) -> Result<()> {
    let gpu = &bench.gpu;
    let tensors = || Tensors::new(&gpu.device, WIDTHS.map(|(name, width)| (name, [rows, width])));
    let sets = [tensors()?, tensors()?];
    let index = buffer(gpu, 4 * rows as u64)?;
    let order: Vec<u32> = (0..rows as u32).map(|row| if row % 10 == 9 { row - 9 } else { row }).collect();
    gpu.queue.write_buffer(&index, 0, bytemuck::cast_slice(&order));
    let [new, reserved] = [0, rows].map(|reserved| Changing::new(gpu, &sets, &index, reserved));
    let (new, reserved) = (new?, reserved?);
    let elements = rows * WIDTH;
    let (source, mut pool) = (Source::new(gpu, elements)?, Pool::new(elements));
    let ceiling = Ceiling::new(bench, &source, &mut pool, &[Streams::COPY; 3])?;
    let mut contenders = vec![
        Contender::clocked("change_rows", || new.timed(Changing::change)),
        Contender::host("its part on the host", || new.recorded(Changing::change)),
        Contender::clocked("its moving part", || new.moved(Changing::change)),
        Contender::clocked("change_rows, reserved", || reserved.timed(Changing::change)),
        Contender::host("its part on the host, reserved", || reserved.recorded(Changing::change)),
        Contender::clocked("its moving part, reserved", || reserved.moved(Changing::change)),
        Contender::clocked("resize_rows, in place", || reserved.timed(Changing::resize)),
    ];
    contenders.extend(ceiling.contenders());
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let case = Case { group: ROWS, name: format!("{rows} rows of {WIDTH}"), elements, tensors: WIDTHS.len(), bytes: Some(24 * elements) };
    bench.report.race(case, &timings);
    Ok(())
}

/// An optimizer whose parameters go from one set of tensors to the other.
struct Changing<'a> {
    gpu: &'a Gpu,
    sets: &'a [Tensors; 2],
    index: &'a wgpu::Buffer,
    reserved: usize,
    state: RefCell<(Optimizer, usize)>,
}

impl<'a> Changing<'a> {
    fn new(gpu: &'a Gpu, sets: &'a [Tensors; 2], index: &'a wgpu::Buffer, reserved: usize) -> Result<Self> {
        let groups = [wgpu_optim::Group::new(AdamW::default(), sets[0].params())];
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Default::default())?;
        Ok(Changing { gpu, sets, index, reserved, state: RefCell::new((optimizer, 0)) })
    }

    fn params(&self, set: usize) -> Vec<Param> {
        self.sets[set].params().into_iter().map(|param| Param { reserved_rows: self.reserved, ..param }).collect()
    }

    /// Rows are dropped and copied, into the other tensors.
    fn change(&self, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let (optimizer, turn) = &mut *self.state.borrow_mut();
        *turn = 1 - *turn;
        let change = RowChange { rows: self.index.into(), params: self.params(*turn), values: true };
        Ok(optimizer.change_rows(encoder, change)?)
    }

    /// A tenth of the rows is dropped, and appended again.
    fn resize(&self, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let (optimizer, turn) = &mut *self.state.borrow_mut();
        let fewer = self.params(*turn).into_iter().map(|mut param| {
            param.shape[0] -= param.shape[0] / 10;
            let bytes = 4 * param.shape.iter().product::<usize>() as u64;
            let part = |own: &Binding| Binding::new(own.buffer(), own.offset(), bytes);
            (param.value, param.gradient) = (part(&param.value), part(&param.gradient));
            param
        });
        optimizer.resize_rows(encoder, fewer.collect::<Vec<_>>())?;
        Ok(optimizer.resize_rows(encoder, self.params(*turn))?)
    }

    fn timed(&self, change: fn(&Self, &mut wgpu::CommandEncoder) -> Result<()>) -> Result<f64> {
        let clock = Instant::now();
        self.moved(change)?;
        Ok(clock.elapsed().as_secs_f64())
    }

    /// Seconds from its submission to an idle device.
    fn moved(&self, change: fn(&Self, &mut wgpu::CommandEncoder) -> Result<()>) -> Result<f64> {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        change(self, &mut encoder)?;
        let clock = Instant::now();
        self.gpu.queue.submit([encoder.finish()]);
        self.gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
        Ok(clock.elapsed().as_secs_f64())
    }

    fn recorded(&self, change: fn(&Self, &mut wgpu::CommandEncoder) -> Result<()>) -> Result<()> {
        change(self, &mut self.gpu.device.create_command_encoder(&Default::default()))
    }
}
