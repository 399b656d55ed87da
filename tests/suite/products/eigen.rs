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

/// A root to the power of minus the number that it is the inverse root of is its square again.
pub(super) fn roots(gpu: &Gpu) -> Outcome {
    let rule = Shampoo { matrix_eps: 0.3, ..Shampoo::default() };
    let run = Run::of(gpu, &rule, Options::default(), vec![("w".into(), vec![9, 14])])?;
    (0..3).try_for_each(|seed| run.step(seed))?;
    let (p, r) = (block_on(run.optimizer.read_state("w", "preconditioner"))?, block_on(run.optimizer.read_state("w", "root"))?);
    let mut first = 0;
    for n in [9_usize, 14] {
        let of = |numbers: &[f32]| numbers[first..first + n * n].iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let product = |a: &[f64], b: &[f64]| -> Vec<f64> {
            (0..n * n).map(|at| (0..n).map(|k| a[at / n * n + k] * b[k * n + at % n]).sum()).collect()
        };
        let root = of(&r);
        let fourth = product(&product(&root, &root), &product(&root, &root));
        for (at, x) in product(&fourth, &of(&p)).into_iter().enumerate() {
            let expected = f64::from(u8::from(at / n == at % n));
            assert!((x - expected).abs() < 1e-3, "{n}: {x} at {at}, expected {expected}");
        }
        first += n * n;
    }
    Ok(())
}
