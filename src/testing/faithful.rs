//! Whether kernels that turn tensors are as near to f64 as the CPU is in f32: what tolerances cannot say of rules with bases.

use super::{Failure, Outcome, STEPS, Scene, Style};
use crate::adapter::Gpu;
use crate::cpu::{CpuOptimizer, CpuParam};
use crate::rule::AnyRule;
use crate::storage::drawn;
use crate::{Error, Group, Optimizer, Options};

/// What is turned where tolerances and runs are judged: squares of full rank in the first step.
pub(super) const TURNED: [usize; 3] = [12, 11, 13];

pub(super) fn root_mean_square(numbers: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = numbers.len() as f64;
    (numbers.map(|x| x * x).sum::<f64>() / count).sqrt()
}

/// Runs on the CPU that a run of the kernels is held against.
const RUNS: u32 = 5;

/// The kernels are as near to f64 as the CPU is in f32, as a root mean square over all values, step by step: off by 1.5 times as much as the worst of five runs there at most. One of these has the gradients that the kernels have; those of the
/// others differ in last bits, since what rounding makes of a basis is large or small by chance. `on_gpu` is the rule that the kernels run: the same one, but for who tries whether another one is noticed.
///
/// # Errors
///
/// A step after which the kernels are further off.
pub fn is_faithful(gpu: &Gpu, rule: &dyn AnyRule, on_gpu: &dyn AnyRule) -> Outcome {
    let params = || [CpuParam::new("p0", &TURNED)];
    let mut scene = Scene::with_options(gpu, vec![Group::new(rule.boxed(), params())], Options::default(), Style::Tensors, 3)?;
    let groups = [Group::new(on_gpu.boxed(), scene.params.clone())];
    scene.optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Options::default())?;
    let start: Vec<f32> = scene.truth[0].iter().map(|x| x.value as f32).collect();
    let run = |_| Ok((CpuOptimizer::<f32>::new(rule.boxed(), params())?, start.clone()));
    let mut runs = (0..RUNS).map(run).collect::<Result<Vec<_>, Error>>()?;
    for step in 1..=2 * STEPS as u32 {
        let gradients = scene.next_gradients();
        scene.set_gradients(&gradients);
        scene.step_with(&gradients, |_| true)?;
        let off = |values: &[f32]| root_mean_square(values.iter().zip(&scene.truth[0]).map(|(&x, truth)| f64::from(x) - truth.value));
        let mut worst = 0.0_f64;
        for (number, (optimizer, values)) in (0..).zip(&mut runs) {
            let last_bit = |at: u32| if number == 0 { 0 } else { drawn(number, step, at) & 1 };
            let own: Vec<f32> = (0..).zip(&gradients[0]).map(|(at, x)| f32::from_bits(x.to_bits() ^ last_bit(at))).collect();
            optimizer.step(&mut [&mut values[..]], &[Some(&own[..])])?;
            worst = worst.max(off(values));
        }
        // What a trace may be off at least, as replays have it.
        let (got, least) = (off(&scene.read()?[0]), 2.0_f64.powi(-26));
        let fidelity = (got + least) / (worst + least);
        if fidelity.is_nan() || fidelity > 1.5 {
            return Err(Failure(format!(
                "step {step}: the kernels are off by {got:e}, the CPU in f32 by {worst:e} at most: {fidelity} times as much"
            )));
        }
    }
    Ok(())
}
