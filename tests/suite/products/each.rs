//! Each product of an iteration against f64, from the numbers that the kernel was given: matrices of all shapes at once, by all divisions.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::products::{Blocks, Matrix, Precision, Products, Round};
use wgpu_optim::testing::{must_fail, same_bits, values};

use crate::context::{Context, Outcome};
use crate::read::read;

/// Single numbers, rows and columns, primes, more than a tile, tall and wide.
pub const SHAPES: [(u64, u64); 14] =
    [(1, 1), (1, 9), (9, 1), (3, 5), (5, 3), (4, 4), (7, 131), (131, 7), (64, 64), (65, 63), (31, 200), (200, 31), (129, 130), (130, 257)];
const COEFFICIENTS: [[f64; 3]; 2] = [[3.4445, -4.775, 2.0315], [2.5, -1.5, 0.5]];
/// Half an ulp of 1 in f32.
const UNIT: f64 = 1.0 / (1_u64 << 24) as f64;
/// Elements before the first matrix, which nothing touches.
const BEFORE: usize = 3;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in &contexts[..2] {
        for precision in Precision::ALL {
            let mut row = |name: String, run: Box<dyn FnOnce(&Gpu) -> Outcome + Send>| {
                let name = if precision == Precision::F16 { format!("{name}/in-f16") } else { name };
                trials.push(context.trial_with(needed(precision), name, run));
            };
            for blocks in Blocks::ALL {
                row(format!("products/each/{blocks}"), Box::new(move |gpu| each(gpu, blocks, precision)));
            }
            row("products/same-bits".into(), Box::new(move |gpu| same(gpu, precision)));
            row("products/inactive-stay".into(), Box::new(move |gpu| inactive(gpu, precision)));
            if context.name == "adapter" {
                row("products/a-wrong-product-is-noticed".into(), Box::new(move |gpu| wrong(gpu, precision)));
            }
        }
    }
    trials
}

/// The features that a device needs for matrices that are kept so.
pub fn needed(precision: Precision) -> wgpu::Features {
    precision.feature().map_or(wgpu::Features::empty(), |(feature, _)| feature)
}

/// The number of these bits of f16, which is none of the crate's own code.
fn half(bits: u16) -> f64 {
    let (sign, exponent, mantissa) = (bits >> 15, i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = if exponent == 0 { mantissa * 2.0_f64.powi(-24) } else { (1024.0 + mantissa) * 2.0_f64.powi(exponent - 25) };
    if sign == 1 { -magnitude } else { magnitude }
}

/// What one iteration has read and written, and what its kernels multiply by.
struct Run {
    round: Round,
    coefficients: [f64; 4],
    before: Vec<f32>,
    after: Vec<f32>,
    x: Vec<f64>,
    gram: Vec<f64>,
    polynomial: Vec<f64>,
}

impl Run {
    /// So many iterations over all shapes; what is checked is the last one. The word of the record says whether parameters are active.
    fn new(gpu: &Gpu, blocks: Blocks, precision: Precision, iterations: usize, active: u32) -> Result<Run, Failed> {
        let mut round = Round::new(precision);
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
        let kept = |buffer: &wgpu::Buffer| -> Result<Vec<f64>, Failed> {
            Ok(match precision {
                Precision::F32 => read::<f32>(gpu, buffer)?.into_iter().map(f64::from).collect(),
                Precision::F16 => read::<u16>(gpu, buffer)?.into_iter().map(half).collect(),
            })
        };
        let x = kept(&scratch.x[(iterations - 1) % 2])?;
        let mut coefficients = round.iteration(iterations - 1)[0].map(f64::from);
        if precision == Precision::F32 {
            coefficients[3] = 1.0;
        }
        let (gram, polynomial) = (kept(&scratch.gram)?, kept(&scratch.polynomial)?);
        Ok(Run { coefficients, before, after: read(gpu, &lanes)?, x, gram, polynomial, round })
    }

    /// Each of the three products of each matrix, within what a sum of so many products in f32 may be off, and what is kept of it in f16. There a diagonal has its rest.
    fn check(&self) -> Outcome {
        let [a, b, c, of_sums] = self.coefficients;
        let (precision, gram_by) = (self.round.precision, f64::from(self.round.precision.gram_by()));
        let stored = |at: (usize, usize)| match precision {
            Precision::F32 => 0.0,
            Precision::F16 if at.0 == at.1 => 1.0 / (1_u64 << 22) as f64,
            Precision::F16 => 1.0 / (1_u64 << 11) as f64,
        };
        for (matrix, shape) in self.round.matrices.iter().zip(SHAPES) {
            let (m, n) = (matrix.rows as usize, matrix.columns as usize);
            let x = |i: usize, j: usize| self.x[4 * (matrix.x as usize + i * matrix.column_blocks as usize) + j];
            let (first, blocks) = (matrix.square as usize, matrix.row_blocks as usize);
            let rest =
                |numbers: &[f64], i: usize| if precision == Precision::F16 { numbers[4 * (first + 4 * blocks * blocks) + i] } else { 0.0 };
            let square =
                |numbers: &[f64], i: usize, j: usize| numbers[4 * (first + i * blocks) + j] + if i == j { rest(numbers, i) } else { 0.0 };
            let gram = |i: usize, j: usize| square(&self.gram, i, j);
            let polynomial = |i: usize, j: usize| square(&self.polynomial, i, j);
            for i in 0..m {
                for j in 0..m {
                    let products = (0..n).map(|k| x(i, k) * x(j, k));
                    near("A", shape, (i, j), gram(i, j), stored((i, j)), [0.0, gram_by], products)?;
                    let products = (0..m).map(|k| gram(i, k) * gram(k, j));
                    near("B", shape, (i, j), polynomial(i, j), stored((i, j)), [b * gram(i, j), c], products)?;
                }
                for j in 0..n {
                    let products = (0..m).map(|k| polynomial(i, k) * x(k, j));
                    let at = if matrix.is_tall != 0 { j * m + i } else { i * n + j };
                    near("X", shape, (i, j), f64::from(self.after[matrix.lane as usize + at]), 0.0, [a * x(i, j), of_sums], products)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a number is `first + factor * sum`, up to a rounding for each product and each addition, and up to a part of it that is not kept; of the smallest
/// numbers of f16, half of one.
fn near(
    what: &str,
    shape: (u64, u64),
    at: (usize, usize),
    got: f64,
    stored: f64,
    [first, factor]: [f64; 2],
    products: impl Iterator<Item = f64>,
) -> Outcome {
    let (sum, magnitude, count) = products.fold((0.0, 0.0, 3.0), |(sum, magnitude, count), x| (sum + x, magnitude + x.abs(), count + 1.0));
    let (expected, least) = (first + factor * sum, if stored > 0.0 { 2.0_f64.powi(-25) } else { 1e-37 });
    let bound = UNIT * (count * factor.abs() * magnitude + 3.0 * first.abs()) + stored * expected.abs() + least;
    match (got - expected).abs() <= bound {
        true => Ok(()),
        false => Err(format!("{what} of {shape:?} at {at:?}: got {got:e}, expected {expected:e}, tolerance {bound:e}").into()),
    }
}

/// After one iteration and after two; what lies around the matrices stays.
fn each(gpu: &Gpu, blocks: Blocks, precision: Precision) -> Outcome {
    for iterations in [1, 2] {
        let run = Run::new(gpu, blocks, precision, iterations, 1)?;
        run.check()?;
        same_bits("before the matrices", &run.after[..BEFORE], &run.before[..BEFORE])?;
        let end = run.after.len() - BEFORE;
        same_bits("after the matrices", &run.after[end..], &run.before[end..])?;
    }
    Ok(())
}

/// Two runs have the same bits; and of a software adapter, which contracts nothing, all divisions.
fn same(gpu: &Gpu, precision: Precision) -> Outcome {
    let first = Run::new(gpu, Blocks::GPU, precision, 2, 1)?;
    same_bits("the second run", &Run::new(gpu, Blocks::GPU, precision, 2, 1)?.after, &first.after)?;
    for blocks in Blocks::ALL.into_iter().filter(|_| gpu.info.device_type == wgpu::DeviceType::Cpu) {
        same_bits(&blocks.to_string(), &Run::new(gpu, blocks, precision, 2, 1)?.after, &first.after)?;
    }
    Ok(())
}

/// Matrices of parameters that are not active, or of a step that is skipped.
fn inactive(gpu: &Gpu, precision: Precision) -> Outcome {
    for active in [0, 2, 3] {
        let run = Run::new(gpu, Blocks::SMALL, precision, 2, active)?;
        same_bits("the lanes", &run.after, &run.before)?;
    }
    Ok(())
}

/// The check notices a coefficient that is off, of f16 by more.
fn wrong(gpu: &Gpu, precision: Precision) -> Outcome {
    let mut run = Run::new(gpu, Blocks::SOFTWARE, precision, 1, 1)?;
    let off = if precision == Precision::F16 { 2e-3 } else { 1e-4 };
    run.coefficients[1] *= 1.0 + off;
    Ok(must_fail("a coefficient that is off", run.check())?)
}
