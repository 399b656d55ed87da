//! How far iterations in f16 are from f64.

use libtest_mimic::{Failed, Trial};
use wgpu_optim::Muon;
use wgpu_optim::products::{Precision, Round, orthogonalize};
use wgpu_optim::rule::Rule as _;
use wgpu_optim::testing::Random;

use super::super::orthogonal::taken;
use super::{SHEET, on_cpu, own, round, rules, sides};
use crate::context::Outcome;

/// Matrices of each shape, of which the root mean square is taken: of one with few numbers it may be twice as large.
const DRAWS: usize = 12;

/// Those of the twin, which need no adapter.
pub fn trials() -> [Trial; 2] {
    [
        Trial::test("products/half/error-of-the-twin", || errors(|round, before, own| Ok(on_cpu(round, before, own)))),
        Trial::test("products/half/few-large-singular-values", few_large),
    ]
}

/// The root mean square of what is off, beside that of the truth.
pub fn relative(got: &[f32], truth: &[f64]) -> f64 {
    let (off, all) = squares(got, truth);
    (off / all).sqrt()
}

fn squares(got: &[f32], truth: &[f64]) -> (f64, f64) {
    let off = got.iter().zip(truth).map(|(got, truth)| (f64::from(*got) - truth).powi(2)).sum();
    (off, truth.iter().map(|truth| truth * truth).sum())
}

/// Against f64, of each shape, over some matrices of normal numbers.
pub fn errors(run: impl Fn(&Round, &[f32], &[[f64; 3]]) -> Result<Vec<f32>, Failed>) -> Outcome {
    let shapes = [(1, 1), (1, 77), (77, 1), (3, 200), (8, 8), (24, 72), (67, 64), (64, 200)];
    for (name, rule, norm, most) in rules() {
        let coefficients = rule.coefficients(1, 1);
        for shape in shapes {
            let (round, before) = round(&[shape; DRAWS], &coefficients, norm);
            let got = run(&round, &before, &coefficients)?;
            let (mut off, mut all) = (0.0, 0.0);
            for matrix in &round.matrices {
                let (height, width) = sides(matrix);
                let mut truth: Vec<f64> = before[own(matrix)].iter().map(|&x| f64::from(x)).collect();
                orthogonalize(&mut truth, height, width, &coefficients, Precision::F16);
                let (own_off, own_all) = squares(&got[own(matrix)], &truth);
                (off, all) = (off + own_off, all + own_all);
            }
            let error = f64::sqrt(off / all);
            eprintln!("{name}, {} x {}: {error:.2e} rms relative", shape.0, shape.1);
            // The singular value of a single row is where Polar Express is steepest: 175 times what X is off there.
            let is_steep = shape.0.min(shape.1) == 1 && most > SHEET;
            let most = if is_steep { of_a_row(&coefficients, 1.0 / norm) } else { most };
            assert!(error < most, "{name}, {shape:?}: {error:e} rms relative, at most {most:e}");
        }
    }
    Ok(())
}

/// Where most singular values are small beside a few, roundings of X grow with the small ones, by the first coefficient in each iteration: no more than that, and by the same in every precision.
fn few_large() -> Outcome {
    let (height, width, rank) = (64, 256, 8);
    let mut random = Random(9);
    let [left, right] = [height * rank, rank * width].map(|count| (0..count).map(|_| random.normal()).collect::<Vec<f64>>());
    let of_rank = |at: usize| (0..rank).map(|k| left[at / width * rank + k] * right[k * width + at % width]).sum::<f64>();
    let mut truth: Vec<f64> = (0..height * width).map(|at| of_rank(at) + 1e-2 * random.normal()).collect();
    let norm = truth.iter().map(|x| x * x).sum::<f64>().sqrt();
    truth.iter_mut().for_each(|x| *x /= norm);
    let mut got: Vec<f32> = truth.iter().map(|&x| x as f32).collect();
    let coefficients = Muon::default().coefficients(1, 1);
    orthogonalize(&mut truth, height, width, &coefficients, Precision::F16);
    orthogonalize(&mut got, height, width, &coefficients, Precision::F16);
    let grown: f64 = coefficients.iter().map(|[a, ..]| a).product();
    let (error, most) = (relative(&got, &truth), 2.0_f64.powi(-12) * grown);
    eprintln!("constant, {height} x {width} of rank {rank} and a hundredth of noise: {error:.2e} rms relative");
    assert!(error > SHEET && error < most, "{error:e} rms relative, at most {most:e}");
    Ok(())
}

/// How far a matrix of one row may be off, whose only singular value this is: half of f16's last bit in each X that is kept, times what later iterations make of it.
fn of_a_row(coefficients: &[[f64; 3]], value: f64) -> f64 {
    let (half_a_bit, change) = (2.0_f64.powi(-12), 1e-6);
    let kept = (0..coefficients.len()).map(|number| {
        let (value, rest) = (taken(&coefficients[..number], value), &coefficients[number..]);
        (taken(rest, value * (1.0 + change)) / taken(rest, value) - 1.0).abs() / change * half_a_bit
    });
    kept.sum()
}
