//! A buffer for each tensor: many of them share a dispatch.

use burn::nn::LinearConfig;
use burn::optim::AdamWConfig;
use wgpu_optim_burn::wgpu_optim::AdamW;
use wgpu_optim_burn::{BurnDevice, BurnOptimizer, gather};

use crate::models::{Block, Mlp, Trained};
use crate::parity::apart;
use crate::support::{EXCLUSIVE, POOLED, difference, fresh, values};

/// Trains 400 tensors beside burn's own optimizer; the dispatches of a step.
fn dispatches_of_400(device: &BurnDevice) -> usize {
    let autodiff = device.autodiff();
    let mut model = fresh(&Mlp::of_sizes(&[16; 201], &autodiff));
    let mut own = fresh(&model);
    let mut theirs = AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.01).init();
    let rule = AdamW { lr: 1e-3, eps: 1e-5, weight_decay: 0.01, ..Default::default() };
    let mut ours = BurnOptimizer::new(rule, &own, device).unwrap();
    assert_eq!(ours.names().count(), 400);
    for step in 0..3 {
        let grads = model.gradients(8, step, &autodiff);
        model = theirs.step(1e-3, model, grads);
        let grads = own.gradients(8, step, &autodiff);
        let handover = ours.step(&mut own, grads).unwrap();
        assert_eq!((handover.active, handover.copied.len(), handover.gradients_copied), (400, 0, 0));
    }
    let apart = difference(&model, &own);
    assert!(apart <= 5e-6, "{apart:e}");
    ours.dispatches()
}

#[test]
fn tensors_in_buffers_of_their_own_share_dispatches() {
    let pairs = ((EXCLUSIVE.wgpu().limits().max_storage_buffers_per_shader_stage as usize - 3) / 2).min(64);
    let dispatches = dispatches_of_400(&EXCLUSIVE);
    eprintln!("400 tensors in buffers of their own: {dispatches} dispatches, {pairs} pairs in each");
    assert!(dispatches <= 1 + 400_usize.div_ceil(pairs) + 1 && dispatches > 2, "{dispatches}");
}

#[test]
fn tensors_in_pools_take_a_few_dispatches() {
    let dispatches = dispatches_of_400(&POOLED);
    eprintln!("400 tensors in pools: {dispatches} dispatches");
    assert!(dispatches <= 4, "{dispatches}");
}

#[test]
fn values_that_burn_keeps_in_buffers_of_their_own_are_gathered() {
    let autodiff = POOLED.autodiff();
    let layers = (0..200).map(|_| LinearConfig::new(16, 16).init(&autodiff)).collect();
    let mut model = Mlp { layers };
    let before = values(&model);
    let steps_of = |model: &mut Mlp| {
        let mut optimizer = BurnOptimizer::new(AdamW { lr: 0.0, weight_decay: 0.0, ..Default::default() }, model, &POOLED).unwrap();
        let grads = model.gradients(8, 0, &autodiff);
        assert!(optimizer.step(model, grads).unwrap().copied.is_empty());
        optimizer.dispatches()
    };
    let apart = steps_of(&mut model);
    let clone = model.clone();
    gather(&mut model).unwrap();
    assert_eq!(values(&model), before);
    let together = steps_of(&mut model);
    eprintln!("400 tensors that burn began: {apart} dispatches, gathered {together}");
    assert!(together <= 4 && together <= apart, "{apart}, then {together}");
    assert_eq!(values(&clone), before);
}

#[test]
fn transformer_in_buffers_of_its_own_trains_as_with_burn() {
    let mut theirs = AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.01).init();
    let ours = AdamW { lr: 1e-2, eps: 1e-5, weight_decay: 0.01, ..Default::default() };
    let apart = apart::<Block>(&EXCLUSIVE, &mut theirs, ours.into(), &[8, 5], 20);
    eprintln!("transformer, AdamW, in buffers of its own: {apart:.2e} after 20 steps");
    assert!(apart <= 5e-6, "{apart:e}");
}
