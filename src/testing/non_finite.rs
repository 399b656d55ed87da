//! What becomes of an element after a gradient that was no number.

use super::{Failure, NON_FINITE, Outcome, Scene, Style};
use crate::adapter::Gpu;
use crate::cpu::CpuOptimizer;
use crate::rule::{AnyRule, Real};

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

/// Whether one element of a vector has a part in what becomes of another, as where something is summed over the tensor: then it spoils that too. A rule with sums may have them
/// for matrices alone, so it is asked with finite gradients, of all magnitudes and both signs.
fn spoils(rule: &dyn AnyRule, len: usize) -> Result<bool, Failure> {
    let last = |first: [f64; 3]| -> crate::Result<f64> {
        let mut optimizer = CpuOptimizer::<f64>::new(rule.boxed(), [("a", len)])?;
        let mut values = vec![0.5; len];
        for first in first {
            let mut gradient = vec![0.1; len];
            gradient[0] = first;
            optimizer.step(&mut [&mut values], &[Some(&gradient)])?;
        }
        Ok(values[len - 1])
    };
    Ok(!rule.sums().is_empty() && (!rule.tells_matrices() || last([0.1; 3])? != last([1e3, -1e3, 1e-3])?))
}

/// Those that are NaN are the right ones.
fn judge<'a>(rule: &dyn AnyRule, when: &str, values: impl Iterator<Item = (usize, &'a [f32])>) -> Outcome {
    for (tensor, values) in values {
        let spoils = spoils(rule, values.len())?;
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
