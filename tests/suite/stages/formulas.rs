//! LAMB, Adafactor and SM3 written out in f64, from the gradients of all steps so far.

use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{gradients, values};
use wgpu_optim::{Adafactor, Lamb, Sm3};

use super::SHAPES;
use crate::context::Outcome;

/// Gradients of each step so far, and the values before the last.
pub(super) struct Seen<'a> {
    gradients: &'a [Vec<f64>],
    values: &'a [f64],
    shape: &'a [usize],
}

fn wide(numbers: Vec<f32>) -> Vec<f64> {
    numbers.into_iter().map(f64::from).collect()
}

/// Four steps of tensors of each shape agree with the formula, which is run from the gradients of all steps.
pub(super) fn is_the_formula(rule: Box<dyn AnyRule>, formula: impl Fn(&Seen<'_>) -> Vec<f64>) -> Outcome {
    for shape in SHAPES {
        let len = shape.iter().product();
        let mut optimizer = CpuOptimizer::<f64>::new(rule.clone(), [CpuParam::new("w", shape)])?;
        let mut got = wide(values(1, len));
        let mut given: Vec<Vec<f64>> = Vec::new();
        for step in 0..4 {
            given.push(wide(gradients(step, len)));
            let expected = formula(&Seen { gradients: &given, values: &got, shape });
            optimizer.step(&mut [&mut got], &[Some(&given[step as usize])])?;
            for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
                let near = (got - expected).abs() <= 1e-12 * (1.0 + expected.abs());
                assert!(near, "{shape:?} step {step}: [{index}] is {got:e}, expected {expected:e}");
            }
        }
    }
    Ok(())
}

fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = numbers.into_iter().fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    sum / f64::from(count)
}

fn norm(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum::<f64>().sqrt()
}

pub(super) fn lamb(rule: &Lamb, seen: &Seen<'_>) -> Vec<f64> {
    let t = seen.gradients.len() as i32;
    let step = |(index, &p): (usize, &f64)| {
        let (mut m, mut v) = (0.0, 0.0);
        for g in seen.gradients.iter().map(|gradient| gradient[index]) {
            m = rule.beta1 * m + (1.0 - rule.beta1) * g;
            v = rule.beta2 * v + (1.0 - rule.beta2) * g * g;
        }
        let (m, v) = (m / (1.0 - rule.beta1.powi(t)), v / (1.0 - rule.beta2.powi(t)));
        m / ((v + rule.eps_root).sqrt() + rule.eps) + rule.weight_decay * p
    };
    let steps: Vec<f64> = seen.values.iter().enumerate().map(step).collect();
    let (p, u) = (norm(seen.values), norm(&steps));
    let ratio = if p == 0.0 || u == 0.0 { 1.0 } else { p / u };
    seen.values.iter().zip(steps).map(|(p, u)| p - rule.lr * ratio * u).collect()
}

pub(super) fn adafactor(rule: &Adafactor, seen: &Seen<'_>) -> Vec<f64> {
    let (t, len) = (seen.gradients.len() as f64, seen.values.len());
    let (rows, columns) = match *seen.shape {
        [.., rows, columns] => (rows, columns),
        _ => (1, len),
    };
    let squares = |step: usize, index: usize| seen.gradients[step][index].powi(2);
    // A mean over the steps, of what each has.
    let averaged = |of: &dyn Fn(usize) -> f64| {
        (0..seen.gradients.len()).fold(0.0, |average, step| average + ((step + 1) as f64).powf(rule.beta2_decay) * (of(step) - average))
    };
    let by_row = |row: usize| averaged(&|step| mean((0..columns).map(|column| squares(step, row * columns + column))));
    let by_column =
        |slice: usize, column: usize| averaged(&|step| mean((0..rows).map(|row| squares(step, (slice * rows + row) * columns + column))));
    let is_matrix = seen.shape.len() >= 2;
    let count = if is_matrix { len / columns } else { 0 };
    let row_vars: Vec<f64> = (0..count).map(by_row).collect();
    let col_vars: Vec<f64> = (0..count / rows.max(1) * columns).map(|at| by_column(at / columns, at % columns)).collect();
    let step = |index: usize| {
        let variance = if is_matrix {
            let (row, slice) = (index / columns, index / (rows * columns));
            let row_mean = mean(row_vars[slice * rows..(slice + 1) * rows].iter().copied());
            row_vars[row] * col_vars[slice * columns + index % columns] / row_mean.max(rule.eps1)
        } else {
            averaged(&|step| squares(step, index))
        };
        seen.gradients[t as usize - 1][index] / variance.max(rule.eps1 * rule.eps1).sqrt()
    };
    let steps: Vec<f64> = (0..len).map(step).collect();
    let rms = |numbers: &[f64]| norm(numbers) / (len as f64).sqrt();
    let alpha = rule.eps2.max(rms(seen.values)) * rule.lr.min(1.0 / t.sqrt());
    let scale = alpha / (rms(&steps) / rule.d).max(1.0) * if rule.maximize { -1.0 } else { 1.0 };
    seen.values.iter().zip(steps).map(|(p, u)| p * (1.0 - rule.lr * rule.weight_decay) - scale * u).collect()
}

/// The index that an element has in each dimension of its tensor; a single number is a vector of one.
fn indices(shape: &[usize], element: usize) -> Vec<usize> {
    let mut rest = element;
    let mut indices: Vec<usize> = shape.iter().rev().map(|&size| (rest % size, rest /= size).0).collect();
    indices.reverse();
    if indices.is_empty() { vec![0] } else { indices }
}

pub(super) fn sm3(rule: &Sm3, seen: &Seen<'_>) -> Vec<f64> {
    let sizes = if seen.shape.is_empty() { &[1] } else { seen.shape };
    let mut mu: Vec<Vec<f64>> = sizes.iter().map(|&size| vec![0.0; size]).collect();
    let mut nu = vec![0.0; seen.values.len()];
    for gradient in seen.gradients {
        let least = |element| indices(seen.shape, element).iter().zip(&mu).map(|(&index, mu)| mu[index]).fold(f64::INFINITY, f64::min);
        let a: Vec<f64> = gradient.iter().enumerate().map(|(element, g)| least(element) + g * g).collect();
        mu.iter_mut().flatten().for_each(|mu| *mu = 0.0);
        for (element, (a, g)) in a.iter().zip(gradient).enumerate() {
            nu[element] = rule.momentum * nu[element] + (1.0 - rule.momentum) * g / (a + 1e-8).sqrt();
            indices(seen.shape, element).iter().zip(&mut mu).for_each(|(&index, mu)| mu[index] = mu[index].max(*a));
        }
    }
    seen.values.iter().zip(nu).map(|(p, nu)| p - rule.lr * nu).collect()
}
