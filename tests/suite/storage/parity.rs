//! Every rule with every way to store its states: kernels and twin agree in all values and states, with the codes of one where what is rounded is certain, and of two
//! neighbours where it is not.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{STEPS, STYLES, Scene, Style, spoil};
use wgpu_optim::{AdamW, Error, Group, Options, StateStorage, rules};

use super::storages;
use crate::context::{Context, Outcome};

/// One that is cut where bindings are small; around the sizes of a word, a vector, a block and a chunk; and nothing.
const SIZES: [usize; 10] = [70_000, 1, 3, 5, 255, 257, 0, 1757, 4096, 4099];

/// All formats, once each.
const FORMATS: [&str; 3] = ["bf16-stochastic", "f16", "8bit"];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    // Each rule with each format, by turns on the device with kernels for it and on one with those for cards.
    for (index, rule) in rules::all().into_iter().enumerate() {
        for (turn, (name, storage)) in storages().into_iter().enumerate().filter(|(_, (name, _))| FORMATS.contains(name)) {
            let (rule, row) = (rule.clone(), format!("storage/parity/{}/{name}", rule.name()));
            // In the case that keeps most.
            let most = rule.cases().into_iter().map(|(_, case)| case).max_by_key(|case| case.active_states().len()).unwrap_or(rule);
            let run = move |gpu: &Gpu| agrees(gpu, &*most, storage, Style::Tensors, &SIZES[1..]);
            trials.push(contexts[(index + turn) % 2].trial(row, run));
        }
    }
    for context in contexts {
        for ((name, storage), style) in storages().into_iter().flat_map(|storage| STYLES.map(|style| (storage, style))) {
            // All in one buffer does not fit into those of the last device.
            if context.name == "paged" && !matches!(style, Style::Tensors | Style::Separate) {
                continue;
            }
            let row = format!("storage/parity/AdamW/{name}/{style:?}");
            trials.push(context.trial(row, move |gpu| agrees(gpu, &AdamW::default(), storage, style, &SIZES)));
        }
    }
    trials
}

/// After every step. What the twin refuses, kernels refuse alike.
pub(super) fn agrees(gpu: &Gpu, rule: &dyn AnyRule, storage: StateStorage, style: Style, sizes: &[usize]) -> Outcome {
    let options = Options { state: storage, ..Default::default() };
    let params = || sizes.iter().enumerate().map(|(index, &len)| CpuParam::new(format!("p{index}"), &[len])).collect::<Vec<_>>();
    let groups = || vec![Group::new(rule.boxed(), params())];
    if let Err(error @ Error::Conflict { .. }) = CpuOptimizer::<f32>::with_options(groups(), options) {
        let refused = Scene::with_options(gpu, groups(), options, style, 17).err().map(|failure| failure.0);
        assert_eq!(refused, Some(error.to_string()));
        return Ok(());
    }
    let mut scene = Scene::with_options(gpu, groups(), options, style, 17)?;
    // Where moments cancel out, as in Yogi: 1 in 10,000 of what is compared.
    scene.allow_uncertain(sizes.iter().sum::<usize>() * STEPS / 10_000);
    for step in 0..STEPS {
        let mut gradients = scene.next_gradients();
        // What is summed over a tensor, one element spoils for all.
        if !rule.is_staged(false) {
            gradients.iter_mut().for_each(|gradient| spoil(step, gradient));
        }
        gradients.iter_mut().flatten().for_each(|g| *g = with_square(*g));
        scene.set_gradients(&gradients);
        scene.step_with(&gradients, |_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// Not so small that its square is subnormal: that may be 0 or not, and so may what divides.
fn with_square(g: f32) -> f32 {
    if g != 0.0 && g.abs() < 1e-15 { 1e-15_f32.copysign(g) } else { g }
}
