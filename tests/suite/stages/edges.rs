//! Rules that look at a whole tensor at the edges: gradients and values of zero, and gradients near the ends of f32.

use libtest_mimic::Trial;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{
    Adafactor, AdamMini, Came, CautiousAdamW, CautiousAdan, CautiousLion, DAdaptAdam, Fromage, Grams, Group, LaProp, Lars, MarsAdamW,
    MarsLion, NovoGrad, OptaxAdafactor, Prodigy, Schedule, Sm3, StableAdamW,
};

use super::{SHAPES, after};
use crate::context::Outcome;

/// What `after` runs.
const STEPS: i32 = 3;

/// Each rule without a decay of its own, and what a step with a zero gradient multiplies values by.
fn all() -> Vec<(Box<dyn AnyRule>, f64)> {
    let turned = 1.0 / f64::hypot(1.0, Fromage::default().lr);
    vec![
        (LaProp::default().into(), 1.0),
        (Grams::default().into(), 1.0),
        (Lars::default().into(), 1.0),
        (NovoGrad::default().into(), 1.0),
        (Fromage::default().into(), turned),
        (StableAdamW { weight_decay: 0.0, ..StableAdamW::default() }.into(), 1.0),
        (StableAdamW { lr: 0.1, weight_decay: 0.1, ..StableAdamW::default() }.into(), 0.99),
        (CautiousAdamW::default().into(), 1.0),
        (CautiousLion::default().into(), 1.0),
        (MarsAdamW { weight_decay_1d: 0.0, ..MarsAdamW::default() }.into(), 1.0),
        (CautiousAdan::default().into(), 1.0),
        (MarsLion { weight_decay_1d: 0.0, ..MarsLion::default() }.into(), 1.0),
        (Prodigy::default().into(), 1.0),
        (DAdaptAdam::default().into(), 1.0),
        (Came::default().into(), 1.0),
        (OptaxAdafactor::default().into(), 1.0),
        (OptaxAdafactor { min_dim_size_to_factor: 2.0, ..OptaxAdafactor::default() }.into(), 1.0),
        (AdamMini::default().into(), 1.0),
        (Sm3::default().into(), 1.0),
    ]
}

pub(super) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("stages/edges/zero-gradients", zero_gradients),
        Trial::test("stages/edges/zero-values", zero_values),
        Trial::test("stages/edges/large-gradients", large_gradients),
        Trial::test("stages/edges/ends-of-f32", ends_of_f32),
        Trial::test("stages/edges/beyond-f32", beyond_f32),
        Trial::test("stages/edges/a-row-of-zeros", a_row_of_zeros),
        Trial::test("stages/edges/what-is-a-matrix", what_is_a_matrix),
        Trial::test("stages/edges/what-is-not-factored", not_factored),
        Trial::test("stages/edges/an-lr-scale-reaches-both-rates", scaled),
    ]
}

fn zero_gradients() -> Outcome {
    for shape in SHAPES {
        for (rule, factor) in all() {
            let expected = 0.5 * factor.powi(STEPS);
            for got in after::<f32>(rule.clone(), shape, 0.5, |_| 0.0)? {
                assert!((got - expected).abs() <= if factor == 1.0 { 0.0 } else { 2e-7 }, "{rule:?} {shape:?}: {got}, expected {expected}");
            }
        }
    }
    Ok(())
}

/// LARS moves by `lr * g` at first, Fromage by `lr * min_norm` a step; the others as ever.
fn zero_values() -> Outcome {
    for shape in SHAPES {
        for (rule, _) in all() {
            let moved = after::<f32>(rule.clone(), shape, 0.0, |_| 1e-2)?;
            let len = moved.len() as f64;
            assert!(moved.iter().all(|p| p.is_finite() && *p < 0.0), "{rule:?} {shape:?}: {moved:?}");
            let norm = moved.iter().map(|p| p * p).sum::<f64>().sqrt();
            match rule.name() {
                "Lars" => assert!(norm > 0.99e-2 * len.sqrt(), "{shape:?}: {norm}"),
                "Fromage" => assert!((0.99e-8..=3.01e-8).contains(&norm), "{shape:?}: {norm:e}"),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Gradients times 1e10 are the same step, in f32 too.
fn large_gradients() -> Outcome {
    let gradient = |scale: f64| move |index: usize| scale * (0.3 + (index % 7) as f64);
    for shape in SHAPES {
        for (rule, factor) in all() {
            let usual = after::<f64>(rule.clone(), shape, 0.5, gradient(1.0))?;
            let large = after::<f32>(rule.clone(), shape, 0.5, gradient(1e10))?;
            for (usual, large) in usual.iter().zip(&large) {
                let (usual, large) = (usual - 0.5, large - 0.5);
                let tolerance = 1e-3 * usual.abs() + if factor == 1.0 { 2e-7 } else { 1e-6 };
                assert!(usual != 0.0 && (large - usual).abs() < tolerance, "{rule:?} {shape:?}: {large:e}, expected {usual:e}");
            }
        }
    }
    Ok(())
}

/// Squares of these are beyond f32, or 0 there: no NaN. NovoGrad hardly moves where `eps` is more than the norm.
fn ends_of_f32() -> Outcome {
    for shape in SHAPES {
        for (rule, factor) in all() {
            for scale in [1e-30, 1e-20, 1e-12, 1e20, 1e30, 3e38] {
                let gradient = |index: usize| scale * [1.0, -1.0, 0.5][index % 3];
                let got = after::<f32>(rule.clone(), shape, 0.5, gradient)?;
                assert!(got.iter().all(|p| p.is_finite()), "{rule:?} {shape:?}, {scale:e}: {got:?}");
                if rule.name() == "NovoGrad" && scale <= 1e-12 {
                    assert!(got.iter().all(|p| (p - 0.5 * factor).abs() < 1e-6), "{shape:?}, {scale:e}: {got:?}");
                }
            }
        }
    }
    Ok(())
}

/// MARS corrects tensors of exactly two dimensions, whose first step of sign is `lr`; the others' is `lr_1d`.
fn what_is_a_matrix() -> Outcome {
    let rule = MarsLion { lr: 1e-2, lr_1d: 1e-4, weight_decay_1d: 0.0, ..MarsLion::default() };
    for shape in SHAPES {
        for optimize_1d in [false, true] {
            let corrects = shape.len() == 2 || optimize_1d;
            let expected = 0.5 - f64::from(STEPS) * if corrects { 1e-2 } else { 1e-4 };
            let moved = after::<f64>(MarsLion { optimize_1d, ..rule }, shape, 0.5, |_| 1.0)?;
            assert!(moved.iter().all(|p| (p - expected).abs() < 1e-9), "{shape:?}, optimize_1d {optimize_1d}: {moved:?}");
        }
    }
    Ok(())
}

/// Adafactor in optax's form that factors nothing is the one for which no tensor is large enough; where one is, it is another.
fn not_factored() -> Outcome {
    let rule = OptaxAdafactor { min_dim_size_to_factor: 2.0, ..OptaxAdafactor::default() };
    let gradient = |index: usize| 0.3 + (index % 7) as f64;
    for shape in SHAPES {
        let [factored, not, small] =
            [rule, OptaxAdafactor { factored: false, ..rule }, OptaxAdafactor { min_dim_size_to_factor: 1e6, ..rule }]
                .map(|rule| after::<f64>(rule, shape, 0.5, gradient));
        let (factored, not, small) = (factored?, not?, small?);
        assert_eq!(not, small, "{shape:?}");
        assert_eq!(factored != not, shape.iter().filter(|&&size| size >= 2).count() >= 2, "{shape:?}");
    }
    Ok(())
}

/// `lr_scale` is for either of MARS's learning rates, and for a schedule of either.
fn scaled() -> Outcome {
    let rule = MarsLion { lr: 1e-2, lr_1d: 1e-4, weight_decay_1d: 0.0, ..MarsLion::default() };
    for schedules in [vec![], vec![("lr", 1e-2), ("lr_1d", 1e-4)]] {
        let tensors = [&[2, 2][..], &[3]].map(|shape| CpuParam { lr_scale: 0.5, ..CpuParam::new(format!("{shape:?}"), shape) });
        let schedules = schedules.into_iter().map(|(name, rate): (&str, f64)| (name.to_owned(), Schedule::Constant(rate))).collect();
        let group = Group { schedules, ..Group::new(rule, tensors) };
        let mut optimizer = CpuOptimizer::<f64>::with_groups([group])?;
        let (mut matrix, mut vector) = ([1.0; 4], [1.0; 3]);
        optimizer.step(&mut [&mut matrix, &mut vector], &[Some(&[1.0; 4]), Some(&[1.0; 3])])?;
        assert!(matrix.iter().all(|p| (p - (1.0 - 5e-3)).abs() < 1e-12), "{matrix:?}");
        assert!(vector.iter().all(|p| (p - (1.0 - 5e-5)).abs() < 1e-9), "{vector:?}");
    }
    Ok(())
}

/// Where the norm of a gradient is beyond f32, rules that divide by it stay where they are, as with a norm that is infinite, or move as ever.
fn beyond_f32() -> Outcome {
    for shape in SHAPES {
        for (rule, _) in
            all().into_iter().filter(|(rule, _)| ["Lars", "Fromage", "NovoGrad", "MarsAdamW", "MarsLion"].contains(&rule.name()))
        {
            // MARS does to other tensors what AdamW does.
            for scale in [1e20, 1e30, 3e38].into_iter().filter(|_| shape.len() == 2 || !rule.name().starts_with("Mars")) {
                let got = after::<f32>(rule.clone(), shape, 0.5, |index| scale * [1.0, -1.0, 0.5][index % 3])?;
                assert!(got.iter().all(|p| (p - 0.5).abs() < 0.05), "{rule:?} {shape:?}, {scale:e}: {got:?}");
            }
        }
    }
    Ok(())
}

/// A row without gradients beside large ones stays, and makes nothing of the others.
fn a_row_of_zeros() -> Outcome {
    let rules: [Box<dyn AnyRule>; 6] = [
        Adafactor::default().into(),
        OptaxAdafactor { min_dim_size_to_factor: 2.0, ..OptaxAdafactor::default() }.into(),
        Came::default().into(),
        AdamMini::default().into(),
        Prodigy::default().into(),
        Sm3::default().into(),
    ];
    for rule in rules {
        for scale in [1e-10, 1.0, 2e4, 1e10, 1e17] {
            let got =
                after::<f32>(rule.clone(), &[4, 6], 0.5, |index| if index / 6 == 2 { 0.0 } else { scale * (0.3 + (index % 7) as f64) })?;
            assert!(got.iter().all(|p| p.is_finite()), "{rule:?}, {scale:e}: {got:?}");
            assert!(got[12..18].iter().all(|p| (p - 0.5).abs() < 1e-6), "{rule:?}, {scale:e}: {:?}", &got[12..18]);
        }
    }
    Ok(())
}
