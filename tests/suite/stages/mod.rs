//! Rules with sums and stages on the CPU: against formulas that are written out here, in f64, and at the edges.

mod edges;
mod formulas;
mod largest;
mod many_tiles;
mod whole_sums;

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::rule::{AnyRule, Real, Rule};
use wgpu_optim::{Adafactor, Adam, AdamW, Error, Lamb, Sgd, Sm3};

use crate::context::{Context, Outcome};
use formulas::{adafactor, is_the_formula, lamb, sm3};

const SHAPES: [&[usize]; 9] = [&[], &[1], &[7], &[1, 5], &[5, 1], &[3, 4], &[2, 3, 4], &[2, 1, 4, 3], &[300, 200]];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in &contexts[..2] {
        trials.push(context.trial("stages/group-and-all".into(), whole_sums::group_and_all_on_gpu));
    }
    for context in contexts {
        trials.push(context.trial("stages/many-tiles".into(), many_tiles::many_tiles));
    }
    for context in &contexts[..2] {
        trials.push(context.trial("stages/tall-tiles".into(), many_tiles::tall_tiles));
    }
    for (case, rule) in <Lamb as Rule>::cases() {
        trials.push(Trial::test(format!("stages/Lamb/{case}/formula"), move || is_the_formula(rule.into(), |seen| lamb(&rule, seen))));
    }
    for (case, rule) in <Adafactor as Rule>::cases() {
        let run = move || is_the_formula(rule.into(), |seen| adafactor(&rule, seen));
        trials.push(Trial::test(format!("stages/Adafactor/{case}/formula"), run));
    }
    for (case, rule) in <Sm3 as Rule>::cases() {
        trials.push(Trial::test(format!("stages/Sm3/{case}/formula"), move || is_the_formula(rule.into(), |seen| sm3(&rule, seen))));
    }
    trials.extend(edges::trials());
    for context in contexts {
        trials.push(context.trial("stages/largest".into(), largest::largest_of_all_extents));
    }
    trials.push(Trial::test("stages/largest/a-nan", largest::a_nan_stays));
    trials.push(Trial::test("stages/second-moments-of-rows", rows_of_adam));
    trials.push(Trial::test("stages/axes-are-of-any-number-of-dimensions", axes));
    trials.push(Trial::test("stages/zeros", zeros));
    trials.push(Trial::test("stages/large-gradients", large_gradients));
    trials.push(Trial::test("stages/states-are-of-rows-and-columns", rows_and_columns));
    trials.push(Trial::test("stages/bytes", bytes));
    trials.push(Trial::test("stages/group-and-all", whole_sums::group_and_all));
    trials.push(Trial::test("stages/what-does-not-fit-is-refused", whole_sums::refused));
    trials
}

/// The values after some steps with these gradients.
fn after<F: Real>(
    rule: impl Into<Box<dyn AnyRule>>,
    shape: &[usize],
    start: f64,
    gradient: impl Fn(usize) -> f64,
) -> wgpu_optim::Result<Vec<f64>> {
    let len = shape.iter().product();
    let mut optimizer = CpuOptimizer::<F>::new(rule, [CpuParam::new("w", shape)])?;
    let (mut value, gradient) = (vec![F::of(start); len], (0..len).map(|index| F::of(gradient(index))).collect::<Vec<F>>());
    for _ in 0..3 {
        optimizer.step(&mut [&mut value], &[Some(&gradient)])?;
    }
    Ok(value.into_iter().map(F::to_value).collect())
}

/// Zero gradients move nothing, and values of zero move by `lr * u`, or as if they were of size `eps2`.
fn zeros() -> Outcome {
    for shape in SHAPES {
        let still = [after::<f32>(Lamb::default(), shape, 0.5, |_| 0.0)?, after::<f32>(Adafactor::default(), shape, 0.5, |_| 0.0)?];
        assert!(still.iter().flatten().all(|&p| p == 0.5), "{shape:?}: {still:?}");
        let (lamb, adafactor) = (Lamb { lr: 1e-3, ..Lamb::default() }, Adafactor::default());
        let first = [after::<f32>(lamb, shape, 0.0, |_| 1.0)?, after::<f32>(adafactor, shape, 0.0, |_| 1.0)?];
        // LAMB: 1e-3 at first, then as much of that. Adafactor: 1e-3 * 1e-2 three times.
        assert!(first[0].iter().all(|p| (p / -1.002e-3 - 1.0).abs() < 5e-2), "{shape:?}: {:?}", first[0]);
        assert!(first[1].iter().all(|p| (p / -3e-5 - 1.0).abs() < 1e-3), "{shape:?}: {:?}", first[1]);
    }
    Ok(())
}

/// Gradients times 1e10 are the same step, in f32 too.
fn large_gradients() -> Outcome {
    for shape in SHAPES {
        let gradient = |scale: f64| move |index: usize| scale * (0.3 + (index % 7) as f64);
        for rule in [Box::<dyn AnyRule>::from(Lamb::default()), Adafactor::default().into()] {
            let (usual, large) =
                (after::<f64>(rule.clone(), shape, 0.5, gradient(1.0))?, after::<f32>(rule.clone(), shape, 0.5, gradient(1e10))?);
            for (usual, large) in usual.iter().zip(&large) {
                let (usual, large) = (usual - 0.5, large - 0.5);
                assert!(usual != 0.0 && (large / usual - 1.0).abs() < 1e-3, "{} {shape:?}: {large:e}, expected {usual:e}", rule.name());
            }
        }
    }
    Ok(())
}

fn rows_and_columns() -> Outcome {
    let tensors = [CpuParam::new("vector", &[7]), CpuParam::new("matrix", &[3, 4]), CpuParam::new("batch", &[2, 3, 4])];
    let optimizer = CpuOptimizer::<f32>::new(Adafactor::default(), tensors)?;
    let lens = |tensor: &str| -> wgpu_optim::Result<Vec<usize>> {
        ["row_var", "col_var", "variance"].into_iter().map(|state| Ok(optimizer.state(tensor, state)?.len())).collect()
    };
    assert_eq!([lens("vector")?, lens("matrix")?, lens("batch")?], [vec![0, 0, 7], vec![3, 4, 0], vec![6, 8, 0]]);
    Ok(())
}

/// Each dimension has a number for each of its indices, those of more than eight together; and these have no place for other rows.
fn axes() -> Outcome {
    let shapes: [&[usize]; 4] = [&[7], &[3, 4], &[5, 2, 3, 4], &[2; 10]];
    let tensors = shapes.iter().enumerate().map(|(index, shape)| CpuParam::new(format!("{index}"), shape));
    let mut optimizer = CpuOptimizer::<f32>::new(Sm3::default(), tensors)?;
    for (index, [axes, elements]) in [[0, 7], [7, 0], [14, 0], [22, 0]].into_iter().enumerate() {
        let lens = [optimizer.state(&format!("{index}"), "mu")?.len(), optimizer.state(&format!("{index}"), "a")?.len()];
        assert_eq!(lens, [axes, elements]);
    }
    let why = "1: Sm3 keeps \"mu\" of all axes, which has no place for other rows; make another optimizer";
    match optimizer.resize_rows([(CpuParam::new("1", &[4, 4]), &[0.0; 16][..])]) {
        Err(error @ Error::Conflict { .. }) if error.to_string() == why => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// A row is of the first dimension; its second moment goes where the row goes, and has no place for a mask.
fn rows_of_adam() -> Outcome {
    for rule in [
        Box::<dyn AnyRule>::from(Adam { second_moment_per_row: true, ..Adam::default() }),
        AdamW { second_moment_per_row: true, ..AdamW::default() }.into(),
    ] {
        let shapes: [&[usize]; 4] = [&[], &[5], &[3, 4], &[2, 3, 4]];
        let tensors = shapes.iter().enumerate().map(|(index, shape)| CpuParam::new(format!("{index}"), shape));
        let mut optimizer = CpuOptimizer::<f64>::new(rule.clone(), tensors)?;
        let lens = |optimizer: &CpuOptimizer<f64>, name: &str| -> wgpu_optim::Result<[usize; 2]> {
            Ok([optimizer.state(name, "v_row")?.len(), optimizer.state(name, "v")?.len()])
        };
        for (name, expected) in [("0", [0, 1]), ("1", [0, 5]), ("2", [3, 0]), ("3", [2, 0])] {
            assert_eq!(lens(&optimizer, name)?, expected, "{name}");
        }
        let mut values: Vec<Vec<f64>> = shapes.iter().map(|shape| vec![1.0; shape.iter().product()]).collect();
        let gradients: Vec<Vec<f64>> =
            values.iter().map(|value| (0..value.len()).map(|index| 1.0 + (index / 12) as f64).collect()).collect();
        let gradients: Vec<Option<&[f64]>> = gradients.iter().map(|gradient| Some(&gradient[..])).collect();
        optimizer.step(&mut values.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(), &gradients)?;
        let before = optimizer.state("3", "v_row")?.to_vec();
        optimizer.change_rows(&[1, 0, 1], [(CpuParam::new("3", &[3, 3, 4]), Some(&values[3][..]), &mut [0.0; 36][..])])?;
        assert!(before[1] > 3.0 * before[0] && optimizer.state("3", "v_row")? == [before[1], before[0], before[1]], "{before:?}");
        let mask = |shape: &[usize]| CpuParam {
            row_mask: Some(CpuRowMask { words: vec![1; shape[0]], own_steps: false }),
            ..CpuParam::new("w", shape)
        };
        CpuOptimizer::<f32>::new(rule.clone(), [mask(&[5])])?;
        let why = format!(
            "w: a row_mask does not go with {}, which has sums over whole tensors, or numbers of their rows and columns",
            rule.name()
        );
        match CpuOptimizer::<f32>::new(rule.clone(), [mask(&[5, 2])]).map(drop) {
            Err(error) if error.to_string() == why => {}
            other => return Err(format!("{other:?}").into()),
        }
    }
    Ok(())
}

fn bytes() -> Outcome {
    let of = |rule: Box<dyn AnyRule>| [true, false].map(|is_matrix| rule.bytes_per_element(is_matrix));
    assert_eq!([of(Lamb::default().into()), of(Adafactor::default().into()), of(Sgd::default().into())], [[40, 40], [24, 32], [12, 12]]);
    Ok(())
}
