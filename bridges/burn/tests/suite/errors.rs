//! What is refused, and by which name.

use burn::module::Param;
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor};
use wgpu_optim_burn::wgpu_optim::{Group, Options, Sgd};
use wgpu_optim_burn::{BurnOptimizer, Error, params};

use crate::models::{Mlp, Trained};
use crate::support::{EXCLUSIVE, POOLED, data, fresh, values};

#[test]
fn model_on_another_device_is_refused() {
    let model = fresh(&Mlp::new(&EXCLUSIVE.autodiff()));
    let error = BurnOptimizer::new(Sgd::default(), &model, &POOLED).unwrap_err();
    assert!(matches!(&error, Error::OtherDevice { param, tensor: "value", .. } if param == "layers.0.weight"), "{error}");
}

#[test]
fn gradient_on_another_device_is_refused() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut optimizer = BurnOptimizer::new(Sgd::default(), &model, &POOLED).unwrap();
    let mut grads = model.gradients(8, 0, &device);
    let id = model.layers[1].bias.as_ref().unwrap().id;
    grads.register(id, data::<1>([32], 0, &EXCLUSIVE.plain()));
    let before = values(&model);
    let error = optimizer.step(&mut model, grads).unwrap_err();
    assert!(matches!(&error, Error::OtherDevice { param, tensor: "gradient", .. } if param == "layers.1.bias"), "{error}");
    assert_eq!(values(&model), before);
}

#[test]
fn one_parameter_in_two_fields_is_refused() {
    let device = POOLED.autodiff();
    let layer: Linear = LinearConfig::new(4, 4).init(&device);
    let model = Mlp { layers: vec![layer.clone(), layer] };
    let error = BurnOptimizer::new(Sgd::default(), &model, &POOLED).unwrap_err();
    assert!(matches!(&error, Error::OneId { first, second, .. } if first == "layers.0.weight" && second == "layers.1.weight"), "{error}");
}

#[test]
fn gradients_of_another_model_are_refused() {
    let device = POOLED.autodiff();
    let (mut model, other) = (fresh(&Mlp::new(&device)), fresh(&Mlp::new(&device)));
    let mut optimizer = BurnOptimizer::new(Sgd::default(), &model, &POOLED).unwrap();
    let grads = other.gradients(8, 0, &device);
    assert_eq!(optimizer.step(&mut model, grads).unwrap_err(), Error::Strays { count: 6 });
    let mut other = other;
    let grads = other.gradients(8, 0, &device);
    let error = optimizer.step(&mut other, grads).unwrap_err();
    assert_eq!(error, Error::NoGroup { param: "layers.0.weight".into() });
    assert_eq!(optimizer.step(&mut other, GradientsParams::new()).unwrap_err(), Error::Missing { param: "layers.0.weight".into() });
    // A group of another model's parameters.
    let groups = [Group::new(Sgd::default(), params(&other))];
    let error = BurnOptimizer::with_groups(groups, Options::default(), &model, &POOLED).unwrap_err();
    assert_eq!(error, Error::Missing { param: "layers.0.weight".into() });
}

#[test]
fn other_shapes_are_refused() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut optimizer = BurnOptimizer::new(Sgd::default(), &model, &POOLED).unwrap();
    let mut grads = GradientsParams::new();
    grads.register(model.layers[0].weight.id, data::<2>([16, 31], 0, &POOLED.plain()));
    let error = optimizer.step(&mut model, grads).unwrap_err();
    let wants = Error::Shape { param: "layers.0.weight".into(), tensor: "gradient", has: vec![16, 31], wants: vec![16, 32] };
    assert_eq!(error, wants);
    let id = model.layers[0].weight.id;
    model.layers[0].weight = Param::initialized(id, data::<2>([16, 33], 0, &device).require_grad());
    let error = optimizer.step(&mut model, GradientsParams::new()).unwrap_err();
    assert!(matches!(&error, Error::Shape { tensor: "value", .. }), "{error}");
}

#[test]
fn other_numbers_than_f32_are_refused() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let half = data::<2>([16, 32], 0, &device).cast(DType::F16);
    model.layers[0].weight = Param::from_tensor(half.detach());
    let error = BurnOptimizer::new(Sgd::default(), &model, &POOLED).unwrap_err();
    assert_eq!(error, Error::Dtype { param: "layers.0.weight".into(), dtype: "F16".into() });
    // Left out, it does no harm.
    let mut all = params(&model);
    all.retain(|param| param.name != "layers.0.weight");
    BurnOptimizer::with_groups([Group::new(Sgd::default(), all)], Options::default(), &model, &POOLED).unwrap();
}

#[test]
fn model_without_gradients_is_refused() {
    let model = fresh(&Mlp::new(&POOLED.plain()));
    assert_eq!(BurnOptimizer::new(Sgd::default(), &model, &POOLED).unwrap_err(), Error::NoGradients);
}

#[test]
fn rule_out_of_range_is_refused_when_the_optimizer_is_made() {
    let model = fresh(&Mlp::new(&POOLED.autodiff()));
    let error = BurnOptimizer::new(Sgd { lr: -1.0, ..Default::default() }, &model, &POOLED).unwrap_err();
    assert_eq!(error.to_string(), "Sgd: lr must be in [0, inf), got -1");
}

#[test]
fn values_that_were_replaced_are_found() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut optimizer = BurnOptimizer::new(Sgd { lr: 1.0, ..Default::default() }, &model, &POOLED).unwrap();
    let grads = model.gradients(8, 0, &device);
    optimizer.step(&mut model, grads).unwrap();
    let id = model.layers[0].weight.id;
    model.layers[0].weight = Param::initialized(id, Tensor::<2>::zeros([16, 32], &device).require_grad());
    let mut grads = GradientsParams::new();
    grads.register(id, Tensor::<2>::ones([16, 32], &POOLED.plain()));
    let handover = optimizer.step(&mut model, grads).unwrap();
    assert!(handover.moved >= 1);
    assert!(crate::support::value(&model, "layers.0.weight").iter().all(|&w| w == -1.0));
}
