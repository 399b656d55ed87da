//! Row masks, as Gaussian splatting has them: 59 numbers a row in five parameters, of which some rows are visible.

use wgpu_optim::{Adam, Optimizer, Param, RowMask, Tensors};

use crate::data::{Source, buffer};
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::rows::{WIDTH, WIDTHS};
use crate::{Bench, Result};

const MASKS: &str = "masks";
/// Rows of all parameters.
const SIZES: [usize; 2] = [100_000, 1_000_000];
/// Of ten rows, how many are visible.
const VISIBLE: [u32; 3] = [1, 5, 10];

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    for rows in bench.sizes(&SIZES) {
        for visible in VISIBLE {
            let name = format!("{rows} rows, {visible} of 10 visible");
            let outcome = if rows * WIDTH > 6 * bench.largest() { Err("--largest".into()) } else { one(bench, rows, visible) };
            bench.or_open(MASKS, name, outcome);
        }
    }
    Ok(())
}

/// A step of Adam with a mask, with rows that count their own steps, and without a mask.
fn one(bench: &mut Bench, rows: usize, visible: u32) -> Result<()> {
    let gpu = &bench.gpu;
    let mask = buffer(gpu, 4 * rows as u64)?;
    // Scattered, as what a camera sees is in the order of splats.
    let words: Vec<u32> = (0..rows as u32).map(|row| u32::from(row.wrapping_mul(2_654_435_761) % 10 < visible)).collect();
    gpu.queue.write_buffer(&mask, 0, bytemuck::cast_slice(&words));
    let seen = words.iter().filter(|&&word| word != 0).count();
    let source = Source::new(gpu, rows * 48)?;
    let tensors = Tensors::new(&gpu.device, WIDTHS.map(|(name, width)| (name, [rows, width])))?;
    for ((_, width), param) in WIDTHS.iter().zip(tensors.params()) {
        source.fill_gradient(gpu, &param.gradient, rows * width);
    }
    let make = |row_mask: Option<RowMask>| {
        let params = tensors.params().into_iter().map(|param| Param { row_mask: row_mask.clone(), ..param });
        let groups = [wgpu_optim::Group::new(Adam::default(), params.collect::<Vec<_>>())];
        Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Default::default())
    };
    let masked = RowMask::new(wgpu_optim::Binding::prefix(&mask));
    let optimizers = [make(Some(masked.clone()))?, make(Some(RowMask { own_steps: true, ..masked }))?, make(None)?];
    let names = ["masked", "rows count their own steps", "without a mask"];
    let mut contenders: Vec<Contender<'_>> =
        names.iter().zip(&optimizers).map(|(name, own)| Contender::pass(*name, move |pass| own.step_in(pass))).collect();
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let name = format!("{rows} rows of {WIDTH}, {visible} of 10 visible");
    let case = Case { group: MASKS, name, elements: rows * WIDTH, tensors: WIDTHS.len(), bytes: Some(28 * seen * WIDTH + 4 * rows) };
    bench.report.race(case, &timings);
    Ok(())
}
