//! What bases and roots of squares are: orthonormal columns that make a square diagonal, and numbers whose powers are its inverse.

use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::values;
use wgpu_optim::{Options, Shampoo};

use super::squares::{Run, soap};
use crate::context::Outcome;

/// The columns of each basis are orthonormal after the first step and after renewals, where the gradient leaves some open, and is zero in a row, too; and the first one makes its square diagonal.
pub(super) fn bases(gpu: &Gpu) -> Outcome {
    let mut rule = soap();
    rule.set("precondition_1d", 1.0);
    rule.set("max_dim", 100.0);
    // The basis of a vector is renewed from columns of which nearly all depend on a few, in up to four panels.
    let shapes = vec![("w".into(), vec![31, 6]), ("zero".into(), vec![5, 6]), ("vector".into(), vec![37]), ("long".into(), vec![100])];
    let run = Run::of(gpu, &*rule, Options::default(), shapes)?;
    for seed in 0..5 {
        run.gradients(seed)?;
        let mut own: Vec<f32> = values(seed, 31 * 6);
        own[..6].fill(0.0);
        run.tensors.write_gradient(&gpu.queue, "w", &own)?;
        run.tensors.write_gradient(&gpu.queue, "zero", &[0.0; 30])?;
        run.submit(1);
        for (name, sizes) in [("w", &[31, 6][..]), ("zero", &[5, 6]), ("vector", &[37]), ("long", &[100])] {
            let (q, s) = (block_on(run.optimizer.read_state(name, "q"))?, block_on(run.optimizer.read_state(name, "s"))?);
            let mut first = 0;
            for &n in sizes {
                let trace: f64 = (0..n).map(|i| f64::from(s[first + i * n + i])).sum();
                for (i, j) in (0..n * n).map(|at| (at / n, at % n)) {
                    let q = |row: usize, column: usize| f64::from(q[first + row * n + column]);
                    let dot: f64 = (0..n).map(|k| q(k, i) * q(k, j)).sum();
                    // Up to 1,386 rotations, each off by its roundings.
                    assert!((dot - f64::from(u8::from(i == j))).abs() < 2e-5, "{name}, step {seed}: columns {i} and {j} of {n}: {dot}");
                    if seed == 0 && i != j {
                        let s = |row: usize, column: usize| f64::from(s[first + row * n + column]);
                        let turned: f64 = (0..n).map(|k| q(k, i) * (0..n).map(|l| s(k, l) * q(l, j)).sum::<f64>()).sum();
                        assert!(turned.abs() <= 1e-6 * trace, "{name}: {turned} at {i}, {j} of {n}");
                    }
                }
                first += n * n;
            }
        }
    }
    Ok(())
}

/// A root to the power of minus the number that it is the inverse root of is its square again: of tensors of one axis to five, in one tile and in several.
pub(super) fn roots(gpu: &Gpu) -> Outcome {
    let rule = Shampoo { matrix_eps: 0.3, ..Shampoo::default() };
    let shapes: [&[usize]; 6] = [&[9, 14], &[131, 3], &[70], &[5, 1, 17], &[3, 4, 2, 5], &[2, 3, 1, 4, 2]];
    let named = shapes.iter().map(|shape| (format!("{shape:?}"), shape.to_vec())).collect();
    let run = Run::of(gpu, &rule, Options::default(), named)?;
    (0..3).try_for_each(|seed| run.step(seed))?;
    for shape in shapes {
        let name = format!("{shape:?}");
        let (p, r) = (block_on(run.optimizer.read_state(&name, "preconditioner"))?, block_on(run.optimizer.read_state(&name, "root"))?);
        let mut first = 0;
        for &n in shape {
            let of = |numbers: &[f32]| numbers[first..first + n * n].iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let (root, square) = (of(&r), of(&p));
            let power = (0..2 * shape.len()).fold(square.clone(), |product, _| multiplied(&product, &root, n));
            let trace: f64 = (0..n).map(|i| square[i * n + i]).sum();
            // What rounding is of the trace, the smallest eigenvalue has of that.
            let allowed = 4e-7 * (1.0 + trace / 0.3);
            for (at, x) in power.into_iter().enumerate() {
                let expected = f64::from(u8::from(at / n == at % n));
                assert!((x - expected).abs() < allowed, "{name}, {n}: {x} at {at}, expected {expected} up to {allowed}");
                assert_eq!(root[at], root[at % n * n + at / n], "{name}, {n}: both sides of the diagonal at {at}");
            }
            first += n * n;
        }
    }
    Ok(())
}

fn multiplied(a: &[f64], b: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|at| (0..n).map(|k| a[at / n * n + k] * b[k * n + at % n]).sum()).collect()
}

/// Columns of gradients that add up to zero, as those of logits do, leave an eigenvalue of rounding alone, of either sign; what a root makes of that is no more than what it makes of zero.
pub(super) fn without_rank(gpu: &Gpu) -> Outcome {
    let (rows, columns) = (10, 24);
    let rule = Shampoo { max_dim: 16.0, ..Shampoo::default() };
    let run = Run::of(gpu, &rule, Options::default(), vec![("logits".into(), vec![rows, columns])])?;
    let mut smallest = Vec::new();
    for seed in 0..40 {
        let mut own: Vec<f32> = values(seed, rows * columns).iter().map(|x| 1e3 * x).collect();
        for column in 0..columns {
            let mean = (0..rows).map(|row| own[row * columns + column]).sum::<f32>() / rows as f32;
            (0..rows).for_each(|row| own[row * columns + column] -= mean);
        }
        run.tensors.write_gradient(&gpu.queue, "logits", &own)?;
        run.submit(1);
        let p = block_on(run.optimizer.read_state("logits", "preconditioner"))?;
        let root = block_on(run.optimizer.read_state("logits", "root"))?;
        let norm = p.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        smallest.push(p.iter().map(|&x| f64::from(x)).sum::<f64>() / rows as f64 / norm);
        // One axis alone: the power is -1/2. What counts as 0 counts as 2^-23 of the norm at least.
        let most = (2.0_f64.powi(-23) * norm).powf(-0.5);
        for (at, &x) in root.iter().enumerate() {
            assert!(f64::from(x).abs() < most, "step {seed}: {x:e} at {at}, more than {most:e}");
        }
    }
    // What adds up to zero but for rounding does so here.
    assert!(smallest.iter().all(|x| x.abs() < 1e-6), "{smallest:?}");
    Ok(())
}
