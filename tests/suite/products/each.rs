//! Each product of an iteration against f64, from the numbers that the kernel was given: matrices of all shapes at once, by all divisions.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::products::{Blocks, Matrix, Products, Round};
use wgpu_optim::testing::{must_fail, same_bits, values};

use crate::context::{Context, Outcome};
use crate::read::read;

/// Single numbers, rows and columns, primes, more than a tile, tall and wide.
const SHAPES: [(u64, u64); 14] =
    [(1, 1), (1, 9), (9, 1), (3, 5), (5, 3), (4, 4), (7, 131), (131, 7), (64, 64), (65, 63), (31, 200), (200, 31), (129, 130), (130, 257)];
const COEFFICIENTS: [[f64; 3]; 2] = [[3.4445, -4.775, 2.0315], [2.5, -1.5, 0.5]];
/// Half an ulp of 1.
const UNIT: f64 = 1.0 / (1_u64 << 24) as f64;
/// Elements before the first matrix, which nothing touches.
const BEFORE: usize = 3;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in &contexts[..2] {
        for blocks in Blocks::ALL {
            trials.push(context.trial(format!("products/each/{blocks}"), move |gpu| each(gpu, blocks)));
        }
        trials.push(context.trial("products/same-bits".into(), same));
        trials.push(context.trial("products/inactive-stay".into(), inactive));
    }
    trials.push(contexts[0].trial("products/a-wrong-product-is-noticed".into(), |gpu| {
        let mut run = Run::new(gpu, Blocks::of(true, 8, 0), 1, 1)?;
        run.coefficients[1] *= 1.0 + 1e-4;
        Ok(must_fail("a coefficient that is 1e-4 off", run.check())?)
    }));
    trials
}

/// What one iteration has read and written.
struct Run {
    round: Round,
    coefficients: [f64; 3],
    before: Vec<f32>,
    after: Vec<f32>,
    x: Vec<f32>,
    gram: Vec<f32>,
    polynomial: Vec<f32>,
}

impl Run {
    /// So many iterations over all shapes; what is checked is the last one. The word of the record says whether parameters are active.
    fn new(gpu: &Gpu, blocks: Blocks, iterations: usize, active: u32) -> Result<Run, Failed> {
        let mut round = Round::default();
        let mut lane = BEFORE;
        for (height, width) in SHAPES {
            round.push(Matrix { lane: lane as u32, ..Matrix::new(height, width) }, 0, &COEFFICIENTS[..iterations]);
            lane += (height * width) as usize;
        }
        let mut before = values(5, lane + BEFORE);
        for (matrix, (height, width)) in round.matrices.iter().zip(SHAPES) {
            let own = &mut before[matrix.lane as usize..][..(height * width) as usize];
            let norm = own.iter().map(|x| x * x).sum::<f32>().sqrt();
            own.iter_mut().for_each(|x| *x /= norm);
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let buffer = |data: &[u8]| {
            let size = data.len() as u64;
            let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
            gpu.queue.write_buffer(&buffer, 0, data);
            buffer
        };
        let (lanes, record) = (buffer(bytemuck::cast_slice(&before)), buffer(bytemuck::cast_slice(&[active; 4])));
        let products = Products::new(&gpu.pipelines, std::slice::from_ref(&round), blocks, &record, |_| lanes.as_entire_binding())?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        products.record_in(&mut encoder.begin_compute_pass(&Default::default()));
        gpu.queue.submit([encoder.finish()]);
        let scratch = products.scratch();
        let read = |buffer: &wgpu::Buffer| read(gpu, buffer);
        let x = read(&scratch.x[(iterations - 1) % 2])?;
        let coefficients = COEFFICIENTS[iterations - 1];
        Ok(Run { coefficients, before, after: read(&lanes)?, x, gram: read(&scratch.gram)?, polynomial: read(&scratch.polynomial)?, round })
    }

    /// Each of the three products of each matrix, within what a sum of so many products in f32 may be off.
    fn check(&self) -> Outcome {
        let [a, b, c] = self.coefficients;
        for (matrix, shape) in self.round.matrices.iter().zip(SHAPES) {
            let (m, n) = (matrix.rows as usize, matrix.columns as usize);
            let x = |i: usize, j: usize| f64::from(self.x[4 * (matrix.x as usize + i * matrix.column_blocks as usize) + j]);
            let square =
                |numbers: &[f32], i: usize, j: usize| f64::from(numbers[4 * (matrix.square as usize + i * matrix.row_blocks as usize) + j]);
            let gram = |i: usize, j: usize| square(&self.gram, i, j);
            let polynomial = |i: usize, j: usize| square(&self.polynomial, i, j);
            for i in 0..m {
                for j in 0..m {
                    let products = (0..n).map(|k| x(i, k) * x(j, k));
                    near("A", shape, (i, j), gram(i, j), 0.0, 1.0, products)?;
                    let products = (0..m).map(|k| gram(i, k) * gram(k, j));
                    near("B", shape, (i, j), polynomial(i, j), b * gram(i, j), c, products)?;
                }
                for j in 0..n {
                    let products = (0..m).map(|k| polynomial(i, k) * x(k, j));
                    let at = if matrix.is_tall != 0 { j * m + i } else { i * n + j };
                    near("X", shape, (i, j), f64::from(self.after[matrix.lane as usize + at]), a * x(i, j), 1.0, products)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a number is `first + factor * sum`, up to a rounding for each product and each addition.
fn near(
    what: &str,
    shape: (u64, u64),
    at: (usize, usize),
    got: f64,
    first: f64,
    factor: f64,
    products: impl Iterator<Item = f64>,
) -> Outcome {
    let (sum, magnitude, count) = products.fold((0.0, 0.0, 3.0), |(sum, magnitude, count), x| (sum + x, magnitude + x.abs(), count + 1.0));
    let (expected, bound) = (first + factor * sum, UNIT * (count * factor.abs() * magnitude + 3.0 * first.abs()) + 1e-37);
    match (got - expected).abs() <= bound {
        true => Ok(()),
        false => Err(format!("{what} of {shape:?} at {at:?}: got {got:e}, expected {expected:e}, tolerance {bound:e}").into()),
    }
}

/// After one iteration and after two; what lies around the matrices stays.
fn each(gpu: &Gpu, blocks: Blocks) -> Outcome {
    for iterations in [1, 2] {
        let run = Run::new(gpu, blocks, iterations, 1)?;
        run.check()?;
        same_bits("before the matrices", &run.after[..BEFORE], &run.before[..BEFORE])?;
        let end = run.after.len() - BEFORE;
        same_bits("after the matrices", &run.after[end..], &run.before[end..])?;
    }
    Ok(())
}

/// Two runs have the same bits; and of a software adapter, which contracts nothing, all divisions.
fn same(gpu: &Gpu) -> Outcome {
    let first = Run::new(gpu, Blocks::GPU, 2, 1)?;
    same_bits("the second run", &Run::new(gpu, Blocks::GPU, 2, 1)?.after, &first.after)?;
    for blocks in Blocks::ALL.into_iter().filter(|_| gpu.info.device_type == wgpu::DeviceType::Cpu) {
        same_bits(&blocks.to_string(), &Run::new(gpu, blocks, 2, 1)?.after, &first.after)?;
    }
    Ok(())
}

/// Matrices of parameters that are not active, or of a step that is skipped.
fn inactive(gpu: &Gpu) -> Outcome {
    for active in [0, 2, 3] {
        let run = Run::new(gpu, Blocks::SMALL, 2, active)?;
        same_bits("the lanes", &run.after, &run.before)?;
    }
    Ok(())
}
