//! Rows that change, as Gaussian splatting has them: 59 numbers a row in five parameters, of which a tenth is dropped and a tenth is copied.

use std::time::Instant;

use wgpu_optim::{AdamW, Optimizer, RowChange, Tensors, wgpu};

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

/// A prune and clone, its part on the host alone, and copies of as many bytes: values and two moments, each read and written.
fn one(bench: &mut Bench, rows: usize) -> Result<()> {
    let gpu = &bench.gpu;
    let tensors = || Tensors::new(&gpu.device, WIDTHS.map(|(name, width)| (name, [rows, width])));
    let sets = [tensors()?, tensors()?];
    let index = buffer(gpu, 4 * rows as u64)?;
    let order: Vec<u32> = (0..rows as u32).map(|row| if row % 10 == 9 { row - 9 } else { row }).collect();
    gpu.queue.write_buffer(&index, 0, bytemuck::cast_slice(&order));
    let groups = [wgpu_optim::Group::new(AdamW::default(), sets[0].params())];
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Default::default())?;
    let state = std::cell::RefCell::new((optimizer, 0));
    let change = |encoder: &mut wgpu::CommandEncoder| -> Result<()> {
        let (optimizer, turn) = &mut *state.borrow_mut();
        *turn = 1 - *turn;
        let params = sets[*turn].params();
        Ok(optimizer.change_rows(encoder, RowChange { rows: (&index).into(), params, values: true })?)
    };
    let whole = || {
        let clock = Instant::now();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        change(&mut encoder)?;
        gpu.queue.submit([encoder.finish()]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
        Ok(clock.elapsed().as_secs_f64())
    };
    let host = || change(&mut gpu.device.create_command_encoder(&Default::default()));
    let elements = rows * WIDTH;
    let (source, mut pool) = (Source::new(gpu, elements)?, Pool::new(elements));
    let ceiling = Ceiling::new(bench, &source, &mut pool, &[Streams::COPY; 3])?;
    let mut contenders = vec![Contender::clocked("change_rows", whole), Contender::host("its part on the host", host)];
    contenders.extend(ceiling.contenders());
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let case = Case { group: ROWS, name: format!("{rows} rows of {WIDTH}"), elements, tensors: WIDTHS.len(), bytes: Some(24 * elements) };
    bench.report.race(case, &timings);
    Ok(())
}
