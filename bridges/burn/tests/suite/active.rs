//! Which parameters take part in a step, and which groups they are in.

use burn::module::{Module, ParamGroup};
use burn::optim::{AdamWConfig, GradientsParams};
use wgpu_optim_burn::wgpu_optim::{AdamW, Error as Refused, Group, Options, Sgd};
use wgpu_optim_burn::{BurnOptimizer, Error, params};

use crate::models::{Mlp, Trained};
use crate::support::{POOLED, difference, fresh, value};

fn steps(optimizer: &BurnOptimizer) -> Vec<(String, u32)> {
    let names: Vec<String> = optimizer.names().map(str::to_owned).collect();
    names.into_iter().zip(pollster::block_on(optimizer.read_steps()).unwrap()).collect()
}

#[test]
fn parameters_without_a_gradient_stay_as_they_are() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut optimizer = BurnOptimizer::new(AdamW { lr: 0.1, ..Default::default() }, &model, &POOLED).unwrap();
    for step in 0..4 {
        let before = (value(&model, "layers.0.weight"), value(&model, "layers.2.bias"));
        let grads = model.loss(8, step, &device).backward();
        // Every second step has gradients of the first layer alone.
        let first: Vec<_> = [model.layers[0].weight.id, model.layers[0].bias.as_ref().unwrap().id].into();
        let mut grads = grads;
        let grads = match step % 2 {
            0 => GradientsParams::from_module(&mut grads, &model),
            _ => GradientsParams::from_params(&mut grads, &model, &first),
        };
        let handover = optimizer.step(&mut model, grads).unwrap();
        assert_eq!(handover.active, if step % 2 == 0 { 6 } else { 2 });
        let after = (value(&model, "layers.0.weight"), value(&model, "layers.2.bias"));
        assert_ne!(before.0, after.0);
        assert_eq!(before.1 == after.1, step % 2 == 1);
    }
    for (name, steps) in steps(&optimizer) {
        assert_eq!(steps, if name.starts_with("layers.0") { 4 } else { 2 }, "{name}");
    }
}

#[test]
fn what_is_set_inactive_stays_whatever_gradients_it_has() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut optimizer = BurnOptimizer::new(AdamW { lr: 0.1, ..Default::default() }, &model, &POOLED).unwrap();
    let unknown = optimizer.set_active(["layers.9.weight"], false).unwrap_err();
    assert!(matches!(unknown, Error::Optimizer(Refused::UnknownName { .. })), "{unknown}");
    optimizer.set_active(["layers.1.weight"], false).unwrap();
    let before = (value(&model, "layers.1.weight"), value(&model, "layers.1.bias"));
    let grads = model.gradients(8, 0, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap().active, 5);
    assert_eq!(value(&model, "layers.1.weight"), before.0);
    assert_ne!(value(&model, "layers.1.bias"), before.1);
    optimizer.set_active(["layers.1.weight"], true).unwrap();
    let grads = model.gradients(8, 1, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap().active, 6);
    assert_ne!(value(&model, "layers.1.weight"), before.0);
}

#[test]
fn frozen_parameters_have_no_group_until_they_are_added() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    model.layers[0] = model.layers[0].clone().no_grad();
    let mut optimizer = BurnOptimizer::new(Sgd { lr: 0.1, ..Default::default() }, &model, &POOLED).unwrap();
    assert_eq!(optimizer.names().count(), 4);
    let before = value(&model, "layers.0.weight");
    let grads = model.gradients(8, 0, &device);
    optimizer.step(&mut model, grads).unwrap();
    assert_eq!(value(&model, "layers.0.weight"), before);
    model.layers[0] = model.layers[0].clone().set_require_grad(true);
    let grads = model.gradients(8, 1, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap_err(), Error::NoGroup { param: "layers.0.weight".into() });
    let mut more = params(&model);
    let weight = Group::matching(Sgd { lr: 0.1, ..Default::default() }, &mut more, "layers.0.weight");
    optimizer.add(&model, weight).unwrap();
    let grads = model.gradients(8, 1, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap_err(), Error::NoGroup { param: "layers.0.bias".into() });
    optimizer.leave_out(&model, ["layers.0.bias"]).unwrap();
    let bias = value(&model, "layers.0.bias");
    let grads = model.gradients(8, 1, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap().active, 5);
    assert_ne!(value(&model, "layers.0.weight"), before);
    assert_eq!(value(&model, "layers.0.bias"), bias);
    let steps: Vec<u32> = steps(&optimizer).into_iter().map(|(_, steps)| steps).collect();
    assert_eq!(steps, [2, 2, 2, 2, 1]);
}

#[test]
fn groups_by_patterns_train_as_burns_do() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut own = fresh(&model);
    let config = AdamWConfig::new().with_epsilon(1e-5);
    let theirs = config.with_weight_decay(0.2).init();
    let mut theirs =
        theirs.with_group(ParamGroup::from_predicate("bias"), AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.0).build(), None);
    let rule = AdamW { lr: 1e-2, eps: 1e-5, weight_decay: 0.2, ..Default::default() };
    let mut all = params(&own);
    let plain = Group::matching(AdamW { weight_decay: 0.0, ..rule }, &mut all, "*.bias");
    assert_eq!(plain.params.len(), 3);
    let groups = [Group { name: Some("biases".into()), ..plain }, Group::new(rule, all)];
    let mut ours = BurnOptimizer::with_groups(groups, Options::default(), &own, &POOLED).unwrap();
    assert_eq!((ours.group_of("layers.1.bias").unwrap(), ours.group_of("layers.1.weight").unwrap()), (0, 1));
    for step in 0..20 {
        let grads = model.gradients(8, step, &device);
        model = theirs.step(1e-2, model, grads);
        let grads = own.gradients(8, step, &device);
        ours.step(&mut own, grads).unwrap();
    }
    let apart = difference(&model, &own);
    assert!(apart <= 5e-6, "{apart:e}");
    // Decay of the biases would be seen.
    ours.set("biases", "weight_decay", 0.2).unwrap();
    let grads = model.gradients(8, 20, &device);
    model = theirs.step(1e-2, model, grads);
    let grads = own.gradients(8, 20, &device);
    ours.step(&mut own, grads).unwrap();
    assert!(difference(&model, &own) > 5e-6);
}
