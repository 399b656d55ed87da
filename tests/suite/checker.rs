//! The comparison that everything rests on, and the proof that it fails where it should.

use libtest_mimic::{Failed, Trial};
use wgpu_optim::rule::Bounded;

use crate::context::Outcome;

/// Holds f32 results against the truth and its error bound, element by element. A value's error is the error of its displacement, since
/// both start from the same f32; the bound is absolute, so a large value hides nothing.
pub fn compare(what: &str, got: &[f32], truth: &[Bounded]) -> Outcome {
    if got.len() != truth.len() {
        return Err(format!("{what}: {} elements, expected {}", got.len(), truth.len()).into());
    }
    for (index, (&got, truth)) in got.iter().zip(truth).enumerate() {
        let error = (f64::from(got) - truth.value).abs();
        let within = got.is_finite() && truth.error.is_finite() && error <= truth.error;
        if !within {
            let Bounded { value, error: bound } = truth;
            return Err(format!("{what}[{index}]: got {got:e}, expected {value:e}; off by {error:e}, tolerance {bound:e}").into());
        }
    }
    Ok(())
}

/// Holds two runs against each other, bit for bit.
pub fn same_bits(what: &str, got: &[f32], expected: &[f32]) -> Outcome {
    let differs = |(index, (a, b)): (usize, (&f32, &f32))| (a.to_bits() != b.to_bits()).then_some((index, *a, *b));
    match got.iter().zip(expected).enumerate().find_map(differs) {
        _ if got.len() != expected.len() => Err(format!("{what}: {} elements, expected {}", got.len(), expected.len()).into()),
        Some((index, got, expected)) => Err(format!("{what}[{index}]: got {got:e}, expected the bits of {expected:e}").into()),
        None => Ok(()),
    }
}

/// Turns a failure that has to happen into a success.
pub fn must_fail(what: &str, outcome: Outcome) -> Outcome {
    match outcome {
        Ok(()) => Err(Failed::from(format!("{what} was not noticed"))),
        Err(_) => Ok(()),
    }
}

fn case() -> (Vec<f32>, Vec<Bounded>) {
    let truth: Vec<Bounded> = (0..37).map(|i| Bounded { value: f64::from(i).sin(), error: 1e-6 }).collect();
    (truth.iter().map(|truth| truth.value as f32).collect(), truth)
}

pub fn trials() -> Vec<Trial> {
    let spoiled = |what: &'static str, spoil: fn(&mut Vec<f32>)| {
        Trial::test(format!("checker/{what}"), move || {
            let (mut got, truth) = case();
            compare(what, &got, &truth)?;
            spoil(&mut got);
            must_fail(what, compare(what, &got, &truth))
        })
    };
    vec![
        spoiled("nan", |got| got[20] = f32::NAN),
        spoiled("infinity", |got| got[0] = f32::INFINITY),
        spoiled("wrong-last-element", |got| got[36] += 1e-5),
        spoiled("one-and-a-half-tolerances", |got| got[7] += 1.5e-6),
        spoiled("swapped-buffer", |got| got.reverse()),
        spoiled("untouched-buffer", |got| got.fill(0.0)),
        spoiled("short-buffer", |got| got.truncate(36)),
        Trial::test("checker/unbounded-truth", || {
            let (got, mut truth) = case();
            truth[3].error = f64::INFINITY;
            must_fail("an infinite tolerance", compare("unbounded", &got, &truth))
        }),
        Trial::test("checker/bits-of-zero", || must_fail("-0 for 0", same_bits("zero", &[-0.0], &[0.0]))),
    ]
}
