//! What becomes of an element after a gradient that was no number.

use super::{Failure, NON_FINITE, Outcome, Scene, Style};
use crate::adapter::Gpu;
use crate::cpu::CpuOptimizer;
use crate::rule::{AnyRule, Real, SumField, Twin};

/// Steps with a gradient of 0.1 that follow.
const LATER: usize = 100;
/// One vector, and a vector and what is left of one: two of the seven elements, or none of four, had clean gradients all the time.
const LENS: [usize; 2] = [4, 7];

fn spoiled(element: usize) -> bool {
    element < NON_FINITE.len()
}

/// 0.1, but for some of them in the first step.
fn gradients(first: bool) -> Vec<Vec<f32>> {
    let gradient = |i: usize| if first && spoiled(i) { NON_FINITE[i] } else { 0.1 };
    LENS.iter().map(|&len| (0..len).map(gradient).collect()).collect()
}

/// Whether one element of a vector spoils the others, by a sum. A rule that tells matrices may have sums for these alone, or not look at them for a vector: it is asked
/// whether scalars follow from one of its sums over the tensor, finite as that is.
fn spoils(rule: &dyn AnyRule, len: usize) -> bool {
    if rule.has_square(1, len) {
        return true;
    }
    let is_matrix = rule.counts_as(&[len]).is_ok_and(|counted| counted.len() >= 2);
    let scalars = Twin::<f64>::prepare(rule, &[], 1, &vec![0.0; rule.scalar_fields().len()]);
    let after = |stage: usize, varied: usize, number: f64| {
        let sum = |(index, sum): (usize, &SumField)| match sum.extent.is_whole() && rule.uses_for(sum.name, is_matrix) {
            true if index == varied => number,
            true => 1.0,
            false => 0.0,
        };
        let states = rule.states().iter().map(|_| 0.0);
        let sums: Vec<f64> = states.chain(rule.sums().iter().enumerate().map(sum)).collect();
        Twin::<f64>::resume(rule, stage, &[], &scalars, &sums)
    };
    let follows = |stage: usize| (0..rule.sums().len()).any(|sum| after(stage, sum, 1e30) != after(stage, sum, 1e-30));
    let stages = || rule.stages().iter().enumerate().filter(|(_, stage)| stage.resumes);
    // A vector that counts as a matrix is one row of it.
    let of_rows = || rule.sums().iter().any(|sum| !sum.extent.is_whole() && rule.uses_for(sum.name, is_matrix));
    let has_sums = rule.sums().iter().any(|sum| rule.uses_for(sum.name, is_matrix));
    has_sums && (!rule.tells_matrices() || of_rows() || stages().any(|(stage, _)| follows(stage)))
}

/// Those that are NaN are the right ones.
fn judge<'a>(rule: &dyn AnyRule, when: &str, values: impl Iterator<Item = (usize, &'a [f32])>) -> Outcome {
    for (tensor, values) in values {
        let spoils = spoils(rule, values.len());
        for (element, value) in values.iter().enumerate() {
            let lost = (spoiled(element) || spoils) && !rule.goes_on();
            if value.is_finite() == lost || value.is_nan() != lost {
                let expected = if lost { "NaN" } else { "a number" };
                return Err(Failure(format!("{when}: value {element} of tensor {tensor} is {value:e}, expected {expected}")));
            }
        }
    }
    Ok(())
}

/// Values of 0.5 whose first gradient is NaN or infinite and whose next hundred are 0.1 are NaN at once and stay so, unless the rule goes on; those
/// beside them are not; and the twin is as the kernels are.
///
/// # Errors
///
/// A value that is NaN and should not be, or the other way round.
pub fn keeps_non_finite(gpu: &Gpu, rule: &dyn AnyRule, style: Style) -> Outcome {
    let mut scene = Scene::new(gpu, rule, style, &LENS, 29)?;
    scene.set_values(&LENS.map(|len| vec![0.5; len]));
    for step in 0..=LATER {
        let gradients = gradients(step == 0);
        scene.set_gradients(&gradients);
        scene.step_with(&gradients, |_| true)?;
        if step == 0 || step == LATER {
            let read = |name: &String| pollster::block_on(scene.optimizer.read_value(name));
            let values = scene.names.iter().map(read).collect::<crate::Result<Vec<_>>>()?;
            judge(rule, &format!("after step {}", step + 1), values.iter().map(Vec::as_slice).enumerate())?;
            scene.check()?;
        }
    }
    Ok(())
}

/// The row on the CPU, in f32 and f64, by itself and where the step does more than the rule, in slices long enough for registers.
///
/// # Errors
///
/// A value that is NaN and should not be, or the other way round.
pub fn cpu_keeps_non_finite(rule: &dyn AnyRule) -> Outcome {
    on_the_cpu::<f32>(rule)?;
    on_the_cpu::<f64>(rule)
}

fn on_the_cpu<F: Real>(rule: &dyn AnyRule) -> Outcome {
    let names = ["a", "b"];
    let mut optimizer = CpuOptimizer::<F>::new(rule.boxed(), names.into_iter().zip(LENS))?;
    let mut values = LENS.map(|len| vec![F::of(0.5); len]);
    for step in 0..=LATER {
        let gradients: Vec<Vec<F>> =
            gradients(step == 0).iter().map(|gradient| gradient.iter().map(|&g| F::of(f64::from(g))).collect()).collect();
        let gradients: Vec<Option<&[F]>> = gradients.iter().map(|gradient| Some(&gradient[..])).collect();
        let mut slices: Vec<&mut [F]> = values.iter_mut().map(Vec::as_mut_slice).collect();
        optimizer.step(&mut slices, &gradients)?;
        let seen: Vec<Vec<f32>> = values.iter().map(|values| values.iter().map(|value| value.to_value() as f32).collect()).collect();
        judge(rule, &format!("after step {}", step + 1), seen.iter().map(Vec::as_slice).enumerate())?;
    }
    Ok(())
}
