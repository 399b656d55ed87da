//! The kernels agree with the twin: every rule with some ways to store its numbers, AdamW with all of them in every layout of buffers, and with all that a step does besides.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{STEPS, STYLES, Scene, Style, is_certain, spoil};
use wgpu_optim::{AdamW, Error, Group, Options, rules};

use super::{WAYS, Way};
use crate::context::{Context, Outcome};

/// One that is cut where bindings are small; around the sizes of a word, a vector and a chunk; and nothing.
const SIZES: [usize; 11] = [70_001, 1, 2, 3, 5, 255, 257, 0, 1757, 4096, 4099];
/// Rows of odd lengths, which begin within words, of whole words, and of whole vectors.
const MATRICES: [&[usize]; 4] = [&[41, 3], &[18, 130], &[2, 21, 12], &[1, 9]];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    // Each rule in two ways, by turns on the device with kernels for it and on one with those for cards; one of them is of values that are rounded.
    for (index, rule) in rules::all().into_iter().enumerate() {
        for way in [WAYS[index % 3], WAYS[3 + index % 5]] {
            let (rule, row) = (rule.clone(), format!("numbers/parity/{}/{}", rule.name(), way.name));
            // In the case that keeps most.
            let most = rule.cases().into_iter().map(|(_, case)| case).max_by_key(|case| case.active_states().len()).unwrap_or(rule);
            let run = move |gpu: &Gpu| agrees(gpu, &*most, way, Style::Tensors, &SIZES[1..]);
            trials.push(contexts[index % 2].trial(row, run));
        }
    }
    for (index, (way, style)) in WAYS.iter().flat_map(|way| STYLES.map(|style| (way, style))).enumerate() {
        // All in one buffer does not fit into those of the last device.
        let among = if matches!(style, Style::Tensors | Style::Separate) { 4 } else { 3 };
        let row = format!("numbers/parity/AdamW/{}/{style:?}", way.name);
        trials.push(contexts[index % among].trial(row, move |gpu| agrees(gpu, &AdamW::default(), *way, style, &SIZES)));
    }
    trials
}

/// After every step. What the twin refuses, kernels refuse alike.
fn agrees(gpu: &Gpu, rule: &dyn AnyRule, way: Way, style: Style, sizes: &[usize]) -> Outcome {
    let shapes = sizes.iter().map(core::slice::from_ref).chain(MATRICES).filter(|shape| is_certain(rule, shape));
    let params = || shapes.clone().enumerate().map(|(index, shape)| way.of(CpuParam::new(format!("p{index}"), shape))).collect::<Vec<_>>();
    let groups = || vec![Group::new(rule.boxed(), params())];
    if let Err(error @ Error::Conflict { .. }) = CpuOptimizer::<f32>::with_options(groups(), Options::default()) {
        let refused = Scene::with_options(gpu, groups(), Options::default(), style, 17).err().map(|failure| failure.0);
        assert_eq!(refused, Some(error.to_string()));
        return Ok(());
    }
    let mut scene = Scene::with_options(gpu, groups(), Options::default(), style, 17)?;
    for step in 0..STEPS {
        let mut gradients = scene.next_gradients();
        // What is summed over a tensor, one element spoils for all.
        if !rule.is_staged(rule.counts_matrices()) {
            gradients.iter_mut().for_each(|gradient| spoil(step, gradient));
        }
        scene.set_gradients(&gradients);
        scene.step_with(&gradients, |_| true)?;
        scene.check()?;
    }
    Ok(())
}
