//! What burn has recorded before a step has the old values, and what comes after it the new ones, from whichever thread.

use wgpu_optim_burn::BurnOptimizer;
use wgpu_optim_burn::wgpu_optim::{AdamW, Sgd};

use burn::optim::AdamWConfig;

use crate::models::{Mlp, Trained};
use crate::support::{POOLED, data, difference, fresh};

#[test]
fn passes_recorded_before_a_step_have_the_old_values() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut optimizer = BurnOptimizer::new(Sgd { lr: 0.5, ..Default::default() }, &model, &POOLED).unwrap();
    for step in 0..10 {
        let x = data([8, 16], 99, &device);
        let grads = model.gradients(8, step, &device);
        let old = model.forward(x.clone()).into_data();
        // Recorded, and not read before the step has been submitted.
        let late = model.forward(x.clone()).inner();
        optimizer.step(&mut model, grads).unwrap();
        let new = model.forward(x).into_data();
        assert_eq!(late.into_data(), old, "step {step}");
        assert_ne!(new, old, "step {step}");
    }
}

#[test]
fn model_of_another_thread_trains_as_with_burn() {
    let device = POOLED.autodiff();
    let made = device.clone();
    let (mut model, mut own) = std::thread::spawn(move || {
        let model = fresh(&Mlp::new(&made));
        let own = fresh(&model);
        (model, own)
    })
    .join()
    .unwrap();
    let mut theirs = AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.01).init();
    let mut ours = BurnOptimizer::new(AdamW { lr: 1e-2, eps: 1e-5, weight_decay: 0.01, ..Default::default() }, &own, &POOLED).unwrap();
    for step in 0..20 {
        let grads = model.gradients(8, step, &device);
        model = theirs.step(1e-2, model, grads);
        // Gradients of a thread of its own.
        let (there, copy) = (device.clone(), own);
        let (grads, back) = std::thread::spawn(move || (copy.gradients(8, step, &there), copy)).join().unwrap();
        own = back;
        ours.step(&mut own, grads).unwrap();
    }
    let apart = difference(&model, &own);
    assert!(apart <= 5e-6, "{apart:e}");
}
