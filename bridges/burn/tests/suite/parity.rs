//! Fifty steps beside burn's own optimizers, from the same values over the same batches.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, ModuleOptimizer, SgdConfig};
use wgpu_optim_burn::wgpu_optim::rule::AnyRule;
use wgpu_optim_burn::wgpu_optim::{Adam, AdamW, Sgd};
use wgpu_optim_burn::{BurnDevice, BurnOptimizer};

use crate::models::{Block, Cnn, Mlp, Trained};
use crate::support::{POOLED, difference, distance, fresh};

const LR: f64 = 1e-2;

/// How far values may be apart after fifty steps, relative to the largest.
const TOLERANCE: f32 = 5e-6;

/// burn's optimizer and ours, with the same numbers, none of which is a default.
fn pairs() -> Vec<(&'static str, ModuleOptimizer, Box<dyn AnyRule>)> {
    let sgd = |dampening, nesterov| {
        let momentum = MomentumConfig { momentum: 0.8, dampening, nesterov };
        SgdConfig::new().with_momentum(Some(momentum)).with_weight_decay(Some(WeightDecayConfig::new(1e-2))).init()
    };
    let own_sgd = Sgd { lr: LR, momentum: 0.8, dampening: 0.2, weight_decay: 1e-2, ..Default::default() };
    let nesterov = Sgd { dampening: 0.0, nesterov: true, ..own_sgd };
    let adam =
        AdamConfig::new().with_beta_1(0.85).with_beta_2(0.99).with_epsilon(1e-5).with_weight_decay(Some(WeightDecayConfig::new(1e-2)));
    let own_adam = Adam { lr: LR, beta1: 0.85, beta2: 0.99, eps: 1e-5, weight_decay: 1e-2, ..Default::default() };
    let adamw = AdamWConfig::new().with_beta_1(0.85).with_beta_2(0.99).with_epsilon(1e-5).with_weight_decay(0.05);
    let own_adamw = AdamW { lr: LR, beta1: 0.85, beta2: 0.99, eps: 1e-5, weight_decay: 0.05, ..Default::default() };
    vec![
        ("Sgd", sgd(0.2, false), own_sgd.into()),
        ("Sgd, Nesterov's", sgd(0.0, true), nesterov.into()),
        ("Adam", adam.init(), own_adam.into()),
        ("AdamW", adamw.init(), own_adamw.into()),
    ]
}

/// How far a model trained by ours is from one trained by burn's, with batches of these sizes in turn.
pub fn apart<M: Trained>(device: &BurnDevice, theirs: &mut ModuleOptimizer, ours: Box<dyn AnyRule>, sizes: &[usize], steps: usize) -> f32 {
    let autodiff = device.autodiff();
    let mut model = M::new(&autodiff);
    let mut own = fresh(&model);
    let before = fresh(&model);
    let mut optimizer = BurnOptimizer::new(ours, &own, device).unwrap();
    for step in 0..steps {
        let (samples, seed) = (sizes[step % sizes.len()], step as u64);
        let grads = model.gradients(samples, seed, &autodiff);
        model = theirs.step(LR, model, grads);
        let grads = own.gradients(samples, seed, &autodiff);
        let handover = optimizer.step(&mut own, grads).unwrap();
        // burn's convolutions make gradients that are not stored row by row.
        assert!(handover.copied.is_empty() && handover.gradients_copied <= 2, "{handover:?}");
    }
    assert!(distance(&model, &before) > 0.01, "it has not trained");
    difference(&model, &own)
}

fn as_burn_does<M: Trained>(name: &str) {
    for (rule, mut theirs, ours) in pairs() {
        let apart = apart::<M>(&POOLED, &mut theirs, ours, &[8], 50);
        eprintln!("{name}, {rule}: {apart:.2e} after 50 steps");
        assert!(apart <= TOLERANCE, "{name}, {rule}: {apart:e}");
    }
}

#[test]
fn perceptron_trains_as_with_burn() {
    as_burn_does::<Mlp>("perceptron");
}

#[test]
fn convolutions_train_as_with_burn() {
    as_burn_does::<Cnn>("convolutions");
}

#[test]
fn transformer_trains_as_with_burn() {
    as_burn_does::<Block>("transformer");
}

#[test]
fn batches_of_changing_sizes_train_as_with_burn() {
    for (rule, mut theirs, ours) in pairs() {
        let apart = apart::<Mlp>(&POOLED, &mut theirs, ours, &[64, 64, 33, 128, 7, 250], 60);
        eprintln!("changing batches, {rule}: {apart:.2e} after 60 steps");
        assert!(apart <= TOLERANCE, "{rule}: {apart:e}");
    }
}

/// The comparison notices what it is there for.
#[test]
fn another_beta_is_told_from_burns() {
    let mut theirs = AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.05).init();
    let ours = AdamW { lr: LR, beta2: 0.9989, eps: 1e-5, weight_decay: 0.05, ..Default::default() };
    let apart = apart::<Mlp>(&POOLED, &mut theirs, ours.into(), &[8], 50);
    assert!(apart > TOLERANCE, "{apart:e}");
}
