//! What iterations make of a matrix, against its singular vectors, which one-sided Jacobi rotations find in f64.

use libtest_mimic::Trial;
use wgpu_optim::Muon;
use wgpu_optim::products::{Precision, orthogonalize};
use wgpu_optim::rule::Rule as _;
use wgpu_optim::testing::Random;

use crate::context::Outcome;

const SHAPES: [(usize, usize); 6] = [(1, 7), (6, 6), (5, 23), (23, 5), (40, 64), (96, 33)];

pub fn trials() -> Vec<Trial> {
    let named = [
        ("constant", Muon::default()),
        ("dion", Muon { dion: true, ..Muon::default() }),
        ("polar-express", Muon { polar_express: true, ns_steps: 6.0, ..Muon::default() }),
    ];
    let row = |(name, rule): (&str, Muon)| {
        Trial::test(format!("products/orthogonal/{name}"), move || SHAPES.into_iter().try_for_each(|shape| orthogonal(&rule, shape)))
    };
    let mut trials: Vec<Trial> = named.into_iter().map(row).collect();
    trials.push(Trial::test("products/orthogonal/near-one", near_one));
    trials
}

/// What iterations make of a singular value.
pub fn taken(coefficients: &[[f64; 3]], value: f64) -> f64 {
    coefficients.iter().fold(value, |s, [a, b, c]| s * (a + s * s * (b + s * s * c)))
}

/// Where singular values come to lie that were between 0.01 and 1, as the docs say.
fn near_one() -> Outcome {
    let between = |rule: Muon| {
        let values = (0..=990).map(|step| taken(&rule.coefficients(1, 1), 0.01 + f64::from(step) / 1000.0));
        values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (constant, dion) = (between(Muon::default()), between(Muon { dion: true, ..Muon::default() }));
    assert!((0.68..0.69).contains(&constant.0) && (1.12..1.14).contains(&constant.1), "{constant:?}");
    assert!((0.975..0.98).contains(&dion.0) && (1.02..1.035).contains(&dion.1), "{dion:?}");
    Ok(())
}

/// The singular vectors stay, and the singular values become what the polynomials make of them.
fn orthogonal(rule: &Muon, (height, width): (usize, usize)) -> Outcome {
    let mut random = Random(3);
    let mut x: Vec<f64> = (0..height * width).map(|_| random.normal()).collect();
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt();
    x.iter_mut().for_each(|x| *x /= 1.02 * norm);
    let coefficients = rule.coefficients(1, 1);
    let mut in_f32: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let (before, polar) = singular(&x, height, width);
    orthogonalize(&mut x, height, width, &coefficients, Precision::F32);
    orthogonalize(&mut in_f32, height, width, &coefficients, Precision::F32);
    let (mut after, own) = singular(&x, height, width);
    for (index, (x, polar)) in own.iter().zip(&polar).enumerate() {
        assert!((x - polar).abs() < 1e-7, "{height} x {width}: the polar factor has {polar} at {index}, that of the result {x}");
    }
    let mut expected: Vec<f64> = before.iter().map(|&value| taken(&coefficients, value)).collect();
    [&mut expected, &mut after].into_iter().for_each(|values| values.sort_by(f64::total_cmp));
    for (got, expected) in after.iter().zip(&expected) {
        assert!((got - expected).abs() < 1e-9, "{height} x {width}: a singular value is {got}, expected {expected}");
    }
    for (x, truth) in in_f32.iter().zip(&x) {
        assert!((f64::from(*x) - truth).abs() < 1e-4, "{height} x {width}: {x} in f32, {truth} in f64");
    }
    Ok(())
}

/// The singular values and the polar factor: columns of the thinner side are turned until all are at right angles.
fn singular(x: &[f64], height: usize, width: usize) -> (Vec<f64>, Vec<f64>) {
    let (count, length) = (height.min(width), height.max(width));
    let at = |line: usize, k: usize| if height <= width { x[line * width + k] } else { x[k * width + line] };
    let mut lines: Vec<Vec<f64>> = (0..count).map(|line| (0..length).map(|k| at(line, k)).collect()).collect();
    let mut turned: Vec<Vec<f64>> = (0..count).map(|i| (0..count).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..60 {
        for i in 0..count {
            for j in i + 1..count {
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let (aa, bb, ab) = (dot(&lines[i], &lines[i]), dot(&lines[j], &lines[j]), dot(&lines[i], &lines[j]));
                if ab.abs() <= 1e-16 * (aa * bb).sqrt() {
                    continue;
                }
                let ratio = (bb - aa) / (2.0 * ab);
                let tangent = ratio.signum() / (ratio.abs() + (1.0 + ratio * ratio).sqrt());
                let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
                for lines in [&mut lines, &mut turned] {
                    let (first, second) = lines.split_at_mut(j);
                    for (a, b) in first[i].iter_mut().zip(&mut second[0]) {
                        (*a, *b) = (cosine * (*a - tangent * *b), cosine * (tangent * *a + *b));
                    }
                }
            }
        }
    }
    let values: Vec<f64> = lines.iter().map(|line| line.iter().map(|x| x * x).sum::<f64>().sqrt()).collect();
    // The turned lines are T X; T^T diag(1 / values) T X is the polar factor.
    let element = |line: usize, k: usize| (0..count).map(|r| turned[r][line] * lines[r][k] / values[r]).sum::<f64>();
    let polar = (0..height * width).map(|index| {
        let (row, column) = (index / width, index % width);
        if height <= width { element(row, column) } else { element(column, row) }
    });
    let polar = polar.collect();
    (values, polar)
}
