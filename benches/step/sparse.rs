//! Row-sparse gradients, coalesced: rows of 768 numbers of a table of 50,257, of which a tenth is for a row that another one is for too; and one row alone.

use wgpu_optim::coalesce::{Coalesce, RowGradients, Shape};
use wgpu_optim::{Adam, Group, Optimizer, Param, SparseRows, Tensors};

use crate::ceiling::Ceiling;
use crate::data::{Source, buffer};
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::traffic::{Pool, Streams};
use crate::{Bench, Result};

const SPARSE: &str = "sparse";
/// Tokens of a small batch, of a usual one, of a large one.
const SIZES: [u32; 3] = [1024, 8192, 32_768];
const ROWS: u32 = 50_257;
const WIDTH: u32 = 768;

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    let sizes = if bench.is_smoke() { &[3000][..] } else { &SIZES };
    for &most in sizes {
        // A stride that has no factor in common with the rows; every tenth entry is for the row of the one before.
        let tokens: Vec<u32> = (0..most).map(|entry| (entry - u32::from(entry % 10 == 9)).wrapping_mul(7919) % ROWS).collect();
        let outcome = one(bench, &format!("{most} rows"), Vec::clone(&tokens));
        bench.or_open(SPARSE, format!("{most} rows"), outcome);
        let outcome = step(bench, tokens);
        bench.or_open(SPARSE, format!("a step by {most} rows"), outcome);
        let outcome = one(bench, &format!("{most} times one row"), vec![1; most as usize]);
        bench.or_open(SPARSE, format!("{most} times one row"), outcome);
    }
    Ok(())
}

/// All dispatches, against a kernel that reads and writes as many bytes: all gradient rows are read, and one for each row of the table is written.
fn one(bench: &mut Bench, name: &str, rows: Vec<u32>) -> Result<()> {
    let gpu = &bench.gpu;
    let shape = Shape { rows: ROWS, width: WIDTH, most: rows.len() as u32 };
    let elements = rows.len() * WIDTH as usize;
    let data = Source::new(gpu, elements)?;
    let source = RowGradients {
        rows: buffer(gpu, 4 * rows.len() as u64)?.into(),
        gradient: buffer(gpu, 4 * elements as u64)?.into(),
        dtype: wgpu_optim::Dtype::F32,
        count: wgpu_optim::Binding::new(&buffer(gpu, 4)?, 0, 4),
    };
    gpu.queue.write_buffer(source.rows.buffer(), 0, bytemuck::cast_slice(&rows));
    gpu.queue.write_buffer(source.count.buffer(), 0, bytemuck::cast_slice(&[shape.most]));
    data.fill_gradient(gpu, &source.gradient, elements);
    let mut distinct = rows.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let coalesce = Coalesce::new(&gpu.pipelines, "embedding", shape, &source)?;
    let mut pool = Pool::new(elements);
    let ceiling = Ceiling::new(bench, &data, &mut pool, &[Streams::COPY])?;
    let moved = 4 * WIDTH as usize * (rows.len() + distinct.len());
    let weight = moved as f64 / (8 * elements) as f64;
    let mut contenders = vec![Contender::pass("coalesce", |pass| coalesce.record_in(pass))];
    contenders.extend(ceiling.contenders().map(|contender| contender.times(weight)));
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let case = Case { group: SPARSE, name: format!("{name} of {WIDTH}"), elements, tensors: 1, bytes: Some(moved) };
    bench.report.race(case, &timings);
    Ok(())
}

/// A whole step of Adam by a row-sparse gradient, against one of the whole table.
fn step(bench: &mut Bench, rows: Vec<u32>) -> Result<()> {
    let gpu = &bench.gpu;
    let (elements, table) = (rows.len() * WIDTH as usize, (ROWS * WIDTH) as usize);
    let data = Source::new(gpu, table.max(elements))?;
    let words = |words: &[u32]| -> Result<wgpu_optim::Binding> {
        let own = buffer(gpu, 4 * words.len() as u64)?;
        gpu.queue.write_buffer(&own, 0, bytemuck::cast_slice(words));
        Ok(wgpu_optim::Binding::new(&own, 0, 4 * words.len() as u64))
    };
    let sparse = Some(SparseRows::new(words(&rows)?, words(&[rows.len() as u32])?));
    let gradient = buffer(gpu, 4 * elements as u64)?;
    data.fill_gradient(gpu, &(&gradient).into(), elements);
    let tensors = Tensors::new(&gpu.device, [("dense", [ROWS as usize, WIDTH as usize]), ("sparse", [ROWS as usize, WIDTH as usize])])?;
    data.fill_gradient(gpu, tensors.gradient("dense")?, table);
    let make = |param| Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(Adam::default(), [param])], Default::default());
    let listed = make(Param { sparse, gradient: (&gradient).into(), ..tensors.param("sparse")?.clone() })?;
    let dense = make(tensors.param("dense")?.clone())?;
    let mut contenders = [
        Contender::pass("by rows", |pass| listed.step_in(pass)),
        Contender::pass("the whole table, a dense gradient", |pass| dense.step_in(pass)),
    ];
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    // Entries are read, their sums written and read; values and two moments are read and written, of 0.9 of the rows.
    let moved = 4 * elements * (1 + 2 + 6 * 9 / 10);
    let name = format!("a step by {} rows of {WIDTH}", rows.len());
    bench.report.race(Case { group: SPARSE, name, elements, tensors: 1, bytes: Some(moved) }, &timings);
    Ok(())
}
