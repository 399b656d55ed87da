//! Products of Newton-Schulz iterations: GPU time of each, by how they are divided and in what matrices are kept, at square sizes and over the matrices of GPT-2 small.

use std::time::Instant;

use wgpu_optim::products::{Blocks, Matrix, Precision, Products, Round, Step, orthogonalize};

use crate::data::buffer;
use crate::measure::{BUSY, Contender, Spread};
use crate::{Bench, Result};

const PRODUCTS: &str = "products";
/// The three products of an iteration.
const STEPS: [(Step, &str); 3] = [(Step::Gram, "A = X X^T"), (Step::Square, "B = bA + cAA"), (Step::Apply, "X = aX + BX")];
/// torch's coefficients, so that numbers stay in range however often they are applied.
const COEFFICIENTS: [f64; 3] = [3.4445, -4.775, 2.0315];
/// The word of the record that says that a parameter is active.
const ACTIVE: [u32; 4] = [1; 4];

/// Some matrices of one size each.
struct Sizes {
    name: &'static str,
    matrices: Vec<(usize, u64, u64)>,
}

/// What is measured on a card, and on a software adapter.
fn sizes(bench: &Bench) -> Vec<Sizes> {
    let square = |name, size| Sizes { name, matrices: vec![(1, size, size)] };
    if bench.is_smoke() {
        return vec![Sizes { name: "smoke", matrices: vec![(2, 20, 30), (1, 33, 7)] }];
    }
    // Attention has 768 x 2304 and 768 x 768 in each layer, the other half 768 x 3072 and 3072 x 768.
    let gpt2 =
        |name, layers| Sizes { name, matrices: vec![(layers, 768, 2304), (layers, 768, 768), (layers, 768, 3072), (layers, 3072, 768)] };
    match bench.gpu.info.device_type {
        wgpu::DeviceType::Cpu => vec![square("256", 256), square("512", 512), square("768", 768), gpt2("one layer of GPT-2 small", 1)],
        _ => vec![
            square("768", 768),
            square("1024", 1024),
            square("2048", 2048),
            square("4096", 4096),
            Sizes { name: "48 of 768", matrices: vec![(48, 768, 768)] },
            gpt2("GPT-2 small", 12),
        ],
    }
}

/// At all sizes, with all divisions and in all precisions that the device allows.
pub fn all(bench: &mut Bench) -> Result<()> {
    let has = |precision: Precision| precision.feature().is_none_or(|(feature, _)| bench.gpu.device.features().contains(feature));
    let precisions: Vec<Precision> = Precision::ALL.into_iter().filter(|precision| has(*precision)).collect();
    for sizes in sizes(bench) {
        for (blocks, &precision) in Blocks::ALL.into_iter().flat_map(|blocks| precisions.iter().map(move |precision| (blocks, precision))) {
            let name = format!("{}, {blocks}{}", sizes.name, suffix(precision));
            if bench.cli.wants(PRODUCTS, &name) {
                let outcome = one(bench, &sizes, blocks, precision, &name);
                bench.or_open(PRODUCTS, name, outcome);
            }
        }
        for precision in Precision::ALL {
            let name = format!("{}, the twin{}", sizes.name, suffix(precision));
            if bench.cli.wants(PRODUCTS, &name) && elements(&sizes) <= MOST_ON_CORES {
                twin(bench, &sizes, precision, &name);
            }
        }
    }
    Ok(())
}

/// What rows in f16 are told by.
fn suffix(precision: Precision) -> &'static str {
    if precision == Precision::F16 { " in f16" } else { "" }
}

/// Elements that the cores are given at most: 4096 x 4096 would take them half a minute.
const MOST_ON_CORES: usize = 1 << 23;

fn elements(sizes: &Sizes) -> usize {
    sizes.matrices.iter().map(|&(count, height, width)| count * (height * width) as usize).sum()
}

/// An iteration on the cores of the host, which form symmetric products by halves too.
fn twin(bench: &mut Bench, sizes: &Sizes, precision: Precision, name: &str) {
    let round = round(sizes, precision);
    let mut data: Vec<Vec<f32>> =
        round.matrices.iter().map(|matrix| vec![0.5 / matrix.columns as f32; (matrix.rows * matrix.columns) as usize]).collect();
    let mut samples = Vec::new();
    for _ in 0..bench.effort().rounds.min(5) {
        let start = Instant::now();
        for (matrix, data) in round.matrices.iter().zip(&mut data) {
            orthogonalize(data, matrix.rows as usize, matrix.columns as usize, &[COEFFICIENTS], precision);
        }
        samples.push(start.elapsed().as_secs_f64());
    }
    let Some(spread) = Spread::of(samples) else { return };
    let operations: u64 = round.matrices.iter().map(Matrix::operations).sum();
    bench.report.figure(PRODUCTS, format!("{name}: an iteration"), operations as f64 / spread.median / 1e9, "GFLOP/s");
}

/// A round of these matrices in one buffer, of two iterations so that each product is there.
fn round(sizes: &Sizes, precision: Precision) -> Round {
    let mut round = Round::new(precision);
    let mut lane = 0;
    for &(count, height, width) in &sizes.matrices {
        for _ in 0..count {
            round.push(Matrix { lane, ..Matrix::new(height, width) }, 0, &[COEFFICIENTS; 2]);
            lane += (height * width) as u32;
        }
    }
    round
}

fn one(bench: &mut Bench, sizes: &Sizes, blocks: Blocks, precision: Precision, name: &str) -> Result<()> {
    let round = round(sizes, precision);
    let (lanes, record) = (buffer(&bench.gpu, 4 * elements(sizes) as u64)?, buffer(&bench.gpu, 16)?);
    // Numbers of both signs, each matrix with a norm of 0.9: an LCG, so that they are no multiples of one another.
    let mut state = 1_u32;
    let mut number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    let scaled = |matrix: &Matrix| 0.9 * (3.0 / (matrix.rows as f32 * matrix.columns as f32)).sqrt();
    let data: Vec<f32> = round
        .matrices
        .iter()
        .flat_map(|matrix| vec![scaled(matrix); (matrix.rows * matrix.columns) as usize])
        .map(|scale| scale * number())
        .collect();
    bench.gpu.queue.write_buffer(&lanes, 0, bytemuck::cast_slice(&data));
    bench.gpu.queue.write_buffer(&record, 0, bytemuck::cast_slice(&ACTIVE));
    let start = Instant::now();
    let products = Products::new(&bench.gpu.pipelines, std::slice::from_ref(&round), blocks, &record, |_| lanes.as_entire_binding())?;
    bench.report.figure(PRODUCTS, format!("{name}: made"), 1e3 * start.elapsed().as_secs_f64(), "ms");
    let scratch = products.scratch();
    let bytes: u64 = scratch.x.iter().chain([&scratch.gram, &scratch.polynomial]).map(wgpu_optim::wgpu::Buffer::size).sum();
    bench.report.figure(PRODUCTS, format!("{name}: scratch memory"), bytes as f64 / 1e6, "MB");
    // Everything once: each product's inputs are there.
    let mut whole = Contender::pass(name, |pass| products.record_in(pass));
    bench.clock().time(&mut whole)?;
    let operations = |step: Step| -> f64 {
        let of = |matrix: &Matrix| {
            let [m, n] = [matrix.rows, matrix.columns].map(f64::from);
            if step == Step::Square { 2.0 * m * m * m } else { 2.0 * m * m * n }
        };
        round.matrices.iter().map(of).sum()
    };
    let mut all = 0.0;
    for (step, label) in STEPS {
        let mut contender = Contender::pass(label, |pass| {
            // Gram and Square are there for both iterations.
            products.record_step_in(pass, step);
        });
        let count = if step == Step::Apply { 1.0 } else { 2.0 };
        let seconds = median(bench, &mut contender)? / count;
        all += seconds;
        bench.report.figure(PRODUCTS, format!("{name}: {label}"), operations(step) / seconds / 1e9, "GFLOP/s");
    }
    let total: f64 = STEPS.iter().map(|(step, _)| operations(*step)).sum();
    bench.report.figure(PRODUCTS, format!("{name}: an iteration"), total / all / 1e9, "GFLOP/s");
    bench.report.figure(PRODUCTS, format!("{name}: an iteration"), 1e3 * all, "ms");
    Ok(())
}

/// Seconds of a contender's pass, by the GPU's clock where it is the figure, after it has kept the device busy.
fn median(bench: &Bench, contender: &mut Contender<'_>) -> Result<f64> {
    let (clock, effort) = (bench.clock(), bench.effort());
    let mut samples = Vec::new();
    let start = Instant::now();
    for round in 0..effort.rounds {
        if round >= 3 && start.elapsed().as_secs_f64() > effort.seconds {
            break;
        }
        if let Some(seconds) = bench.pace.busy(&contender.run, false) {
            clock.busy(contender, if effort.rounds > 1 { seconds.max(BUSY) } else { 0.0 })?;
        }
        let sample = clock.time(contender)?;
        samples.push(match bench.pace {
            crate::measure::Pace::Hot => sample.gpu.unwrap_or(sample.whole),
            crate::measure::Pace::Rested => sample.whole,
        });
    }
    Ok(Spread::of(samples).ok_or("no rounds; --repeats is at least 1")?.median)
}
