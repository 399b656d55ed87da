//! Values that something else has too: a step never changes them there.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig, LinearLayout};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use wgpu_optim_burn::wgpu_optim::{AdamW, Sgd};
use wgpu_optim_burn::{BurnOptimizer, Error, Shared};

use crate::models::{Mlp, Trained};
use crate::support::{POOLED, data, difference, distance, fresh, value, values};

fn setting() -> (Device, Mlp, BurnOptimizer) {
    let autodiff = POOLED.autodiff();
    let model = fresh(&Mlp::new(&autodiff));
    let optimizer = BurnOptimizer::new(Sgd { lr: 0.1, ..Default::default() }, &model, &POOLED).unwrap();
    (autodiff, model, optimizer)
}

#[test]
fn clone_of_the_model_keeps_its_values() {
    let (device, mut model, mut optimizer) = setting();
    let first = model.gradients(8, 0, &device);
    assert_eq!(optimizer.step(&mut model, first).unwrap().copied, Vec::<String>::new());
    let clone = model.clone();
    let before = values(&clone);
    let grads = model.gradients(8, 1, &device);
    let copied = optimizer.step(&mut model, grads).unwrap().copied;
    assert_eq!(copied, optimizer.names().collect::<Vec<_>>());
    assert_eq!(values(&clone), before);
    assert!(distance(&clone, &model) > 1e-4);
    // It goes on as burn does, and copies nothing more, whether the clone is still there or not.
    let grads = model.gradients(8, 2, &device);
    assert!(optimizer.step(&mut model, grads).unwrap().copied.is_empty());
    assert_eq!(values(&clone), before);
    drop(clone);
    let grads = model.gradients(8, 3, &device);
    assert!(optimizer.step(&mut model, grads).unwrap().copied.is_empty());
}

#[test]
fn copies_go_on_as_burns_own_steps() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut own = fresh(&model);
    let mut theirs = AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.01).init();
    let mut ours = BurnOptimizer::new(AdamW { lr: 1e-2, eps: 1e-5, weight_decay: 0.01, ..Default::default() }, &own, &POOLED).unwrap();
    let mut clones = Vec::new();
    for step in 0..20 {
        let grads = model.gradients(8, step, &device);
        model = theirs.step(1e-2, model, grads);
        let grads = own.gradients(8, step, &device);
        if step % 3 == 0 {
            clones.push((own.clone(), values(&own)));
        }
        assert_eq!(ours.step(&mut own, grads).unwrap().copied.is_empty(), step % 3 != 0);
    }
    assert!(difference(&model, &own) <= 5e-6);
    assert!(clones.iter().all(|(clone, before)| values(clone) == *before));
}

#[test]
fn valid_copy_keeps_its_values() {
    let (device, mut model, mut optimizer) = setting();
    let valid = model.valid();
    let before = values(&valid);
    let grads = model.gradients(8, 0, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap().copied.len(), 6);
    assert_eq!(values(&valid), before);
}

#[test]
fn one_tensor_that_is_held_is_copied_alone() {
    let (device, mut model, mut optimizer) = setting();
    let held = model.layers[1].weight.val();
    let view = model.layers[2].weight.val().reshape([-1]);
    let before = (held.to_data(), view.to_data());
    let grads = model.gradients(8, 0, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap().copied, ["layers.1.weight", "layers.2.weight"]);
    assert_eq!((held.to_data(), view.to_data()), before);
}

#[test]
fn sharing_is_refused_by_name_where_that_is_asked_for() {
    let (device, mut model, mut optimizer) = setting();
    optimizer.set_shared(Shared::Refuse);
    let grads = model.gradients(8, 0, &device);
    optimizer.step(&mut model, grads).unwrap();
    let before = values(&model);
    let held = model.layers[0].bias.as_ref().unwrap().val();
    let grads = model.gradients(8, 1, &device);
    let error = optimizer.step(&mut model, grads).unwrap_err();
    assert_eq!(error, Error::Shared { param: "layers.0.bias".into() });
    assert_eq!(values(&model), before);
    drop(held);
    let clone = model.clone();
    let grads = model.gradients(8, 1, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap_err(), Error::Shared { param: "layers.0.weight".into() });
    drop(clone);
    let grads = model.gradients(8, 1, &device);
    optimizer.step(&mut model, grads).unwrap();
    assert_ne!(values(&model), before);
}

/// A backward pass of a loss from before the step has the values from before it, as with burn.
#[test]
fn backward_pass_that_is_still_to_come_has_the_old_values() {
    let (device, mut model, mut optimizer) = setting();
    let wants = model.gradients(8, 5, &device);
    let wants = wants.get::<2>(model.layers[0].weight.id).unwrap().into_data();
    let late = model.loss(8, 5, &device);
    let grads = model.gradients(8, 0, &device);
    let copied = optimizer.step(&mut model, grads).unwrap().copied;
    assert!(copied.contains(&"layers.1.weight".to_owned()), "{copied:?}");
    let grads = GradientsParams::from_grads(late.backward(), &model);
    assert_eq!(grads.get::<2>(model.layers[0].weight.id).unwrap().into_data(), wants);
}

/// Two parameters with one tensor are two values from the first step on.
#[test]
fn two_parameters_in_one_tensor_part() {
    let device = POOLED.autodiff();
    let tensor: Tensor<2> = data([4, 4], 1, &device);
    let layer = |tensor: &Tensor<2>| Linear { weight: burn::module::Param::from_tensor(tensor.clone().detach()), bias: None };
    let mut model = Mlp { layers: vec![layer(&tensor), layer(&tensor)] };
    let mut optimizer = BurnOptimizer::new(Sgd { lr: 0.1, ..Default::default() }, &model, &POOLED).unwrap();
    let grads = model.gradients(8, 0, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap().copied.len(), 2);
    assert_ne!(value(&model, "layers.0.weight"), value(&model, "layers.1.weight"));
    assert_eq!(tensor.into_data().try_to_vec::<f32>().unwrap(), crate::support::numbers(16, 1));
}

#[test]
fn weights_by_columns_are_copied_once_or_refused() {
    let device = POOLED.autodiff();
    let layer = |n, m| LinearConfig::new(n, m).with_layout(LinearLayout::Col).init(&device);
    let mut own = Mlp { layers: vec![layer(6, 5), layer(5, 3)] };
    let mut model = fresh(&own);
    let mut theirs = AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.01).init();
    let mut ours = BurnOptimizer::new(AdamW { lr: 1e-2, eps: 1e-5, weight_decay: 0.01, ..Default::default() }, &own, &POOLED).unwrap();
    ours.set_shared(Shared::Refuse);
    let grads = own.gradients(8, 0, &device);
    let error = ours.step(&mut own, grads).unwrap_err();
    assert!(matches!(&error, Error::Strided { param, shape, .. } if param == "layers.0.weight" && shape == &[6, 5]), "{error}");
    ours.set_shared(Shared::Copy);
    for step in 0..10 {
        let grads = model.gradients(8, step, &device);
        model = theirs.step(1e-2, model, grads);
        let grads = own.gradients(8, step, &device);
        let copied = ours.step(&mut own, grads).unwrap().copied;
        assert_eq!(copied.len(), if step == 0 { 2 } else { 0 }, "{copied:?}");
    }
    assert!(difference(&model, &own) <= 5e-6);
}
