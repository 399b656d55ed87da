//! What steps do around their rules, on burn's tensors.

use burn::optim::{AdamWConfig, GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;
use wgpu_optim_burn::wgpu_optim::Group;
use wgpu_optim_burn::wgpu_optim::{AdamW, Clip, Ema, MicroBatches, NonFinite, NormClip, Options, Report, Schedule, Sgd};
use wgpu_optim_burn::{BurnOptimizer, Error, params};

use crate::models::{Mlp, Trained};
use crate::support::{POOLED, difference, fresh, values};

fn with(options: Options, rule: Sgd, model: &Mlp) -> BurnOptimizer {
    BurnOptimizer::with_groups([Group::new(rule, params(model))], options, model, &POOLED).unwrap()
}

fn report(optimizer: &BurnOptimizer) -> Report {
    pollster::block_on(optimizer.report()).unwrap()
}

/// The norm of all gradients, on the host.
fn norm(model: &Mlp, grads: &GradientsParams) -> f64 {
    let squares = |data: Vec<f32>| data.into_iter().map(|g| f64::from(g).powi(2)).sum::<f64>();
    let layer = |layer: &burn::nn::Linear| {
        let weight = grads.get::<2>(layer.weight.id).unwrap().into_data().try_to_vec().unwrap();
        let bias = grads.get::<1>(layer.bias.as_ref().unwrap().id).unwrap().into_data().try_to_vec().unwrap();
        squares(weight) + squares(bias)
    };
    model.layers.iter().map(layer).sum::<f64>().sqrt()
}

#[test]
fn gradients_are_clipped_by_their_global_norm() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let before = values(&model);
    let clip = Clip::Norm(NormClip { max_norm: 0.01, ..Default::default() });
    let mut optimizer = with(Options { clip, ..Default::default() }, Sgd { lr: 1.0, ..Default::default() }, &model);
    let grads = model.gradients(8, 0, &device);
    let norm = norm(&model, &grads);
    assert!(norm > 0.02, "{norm}");
    optimizer.step(&mut model, grads).unwrap();
    let report = report(&optimizer);
    assert!((f64::from(report.gradient_norm.unwrap()) - norm).abs() < 1e-5 * norm);
    assert!(report.norm_of("layers.0.weight").unwrap() > 0.0);
    let pairs = before.iter().zip(values(&model));
    let moved: f64 =
        pairs.flat_map(|((_, old), (_, new))| old.clone().into_iter().zip(new)).map(|(old, new)| f64::from(new - old).powi(2)).sum();
    assert!((moved.sqrt() - 0.01).abs() < 1e-6, "{}", moved.sqrt());
}

#[test]
fn step_with_a_gradient_that_is_not_finite_is_skipped() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let options = Options { non_finite: NonFinite::Skip, ..Default::default() };
    let mut optimizer = with(options, Sgd { lr: 0.1, ..Default::default() }, &model);
    let before = values(&model);
    let mut grads = model.gradients(8, 0, &device);
    let id = model.layers[1].weight.id;
    let infinite = grads.remove::<2>(id).unwrap() * f32::INFINITY;
    grads.register(id, infinite);
    optimizer.step(&mut model, grads).unwrap();
    assert_eq!(values(&model), before);
    let own = report(&optimizer);
    assert_eq!((own.step, own.skips, own.offender.as_deref()), (0, 1, Some("layers.1.weight")));
    let grads = model.gradients(8, 0, &device);
    optimizer.step(&mut model, grads).unwrap();
    assert_ne!(values(&model), before);
    assert_eq!((report(&optimizer).step, report(&optimizer).skips), (1, 1));
}

#[test]
fn micro_batches_add_up_as_burns_accumulator_does() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut own = fresh(&model);
    let mut theirs = AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.01).init();
    let rule = AdamW { lr: 1e-2, eps: 1e-5, weight_decay: 0.01, ..Default::default() };
    let options = Options { micro_batches: MicroBatches::Sum, ..Default::default() };
    let mut ours = BurnOptimizer::with_groups([Group::new(rule, params(&own))], options, &own, &POOLED).unwrap();
    for step in 0..6 {
        let mut accumulator = GradientsAccumulator::new();
        for part in 0..3 {
            accumulator.accumulate(&model, model.gradients(8, 10 * step + part, &device));
            let mut grads = own.loss(8, 10 * step + part, &device).backward();
            // The last micro-batch of every second step has gradients of one tensor only: the others have been accumulated.
            let grads = match (step % 2, part) {
                (1, 2) => GradientsParams::from_params(&mut grads, &own, &[own.layers[0].weight.id]),
                _ => GradientsParams::from_module(&mut grads, &own),
            };
            if part == 2 {
                assert_eq!(ours.step(&mut own, grads).unwrap().active, 6);
            } else {
                ours.accumulate(&own, grads).unwrap();
            }
        }
        let mut all = accumulator.grads();
        if step % 2 == 1 {
            let mut accumulator = GradientsAccumulator::new();
            for part in 0..3 {
                let mut grads = model.loss(8, 10 * step + part, &device).backward();
                let grads = match part {
                    2 => GradientsParams::from_params(&mut grads, &model, &[model.layers[0].weight.id]),
                    _ => GradientsParams::from_module(&mut grads, &model),
                };
                accumulator.accumulate(&model, grads);
            }
            all = accumulator.grads();
        }
        model = theirs.step(1e-2, model, all);
    }
    let apart = difference(&model, &own);
    assert!(apart <= 5e-6, "{apart:e}");
}

#[test]
fn micro_batches_need_their_option() {
    let device = POOLED.autodiff();
    let model = fresh(&Mlp::new(&device));
    let mut optimizer = with(Options::default(), Sgd::default(), &model);
    let grads = model.gradients(8, 0, &device);
    let error = optimizer.accumulate(&model, grads).unwrap_err();
    assert_eq!(error.to_string(), "accumulate needs Options::micro_batches, which the optimizer was made without");
}

#[test]
fn learning_rates_follow_a_schedule_on_the_gpu() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut own = fresh(&model);
    let schedule = Schedule::Cosine { from: 1e-2, to: 1e-3, steps: 10 };
    let mut theirs = AdamWConfig::new().with_epsilon(1e-5).with_weight_decay(0.01).init();
    let mut ours = BurnOptimizer::new(AdamW { eps: 1e-5, weight_decay: 0.01, ..Default::default() }, &own, &POOLED).unwrap();
    ours.set_schedule(0, "lr", Some(schedule.clone())).unwrap();
    for step in 0..10 {
        let grads = model.gradients(8, step, &device);
        model = theirs.step(schedule.value(step as u32), model, grads);
        let grads = own.gradients(8, step, &device);
        ours.step(&mut own, grads).unwrap();
    }
    let apart = difference(&model, &own);
    assert!(apart <= 5e-6, "{apart:e}");
}

#[test]
fn averages_come_as_a_model_of_their_own() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let options = Options { ema: Some(Ema { decay: 0.5, ..Default::default() }), ..Default::default() };
    let mut optimizer = with(options, Sgd { lr: 0.5, ..Default::default() }, &model);
    let mut average: Option<Vec<f64>> = None;
    let flat = |model: &Mlp| values(model).into_iter().flat_map(|(_, own)| own).map(f64::from).collect::<Vec<f64>>();
    for step in 0..5 {
        let grads = model.gradients(8, step, &device);
        assert!(optimizer.step(&mut model, grads).unwrap().copied.is_empty());
        let now = flat(&model);
        average = Some(average.map_or(now.clone(), |old| old.iter().zip(&now).map(|(old, now)| 0.5 * old + 0.5 * now).collect()));
    }
    let before = values(&model);
    let averaged = optimizer.evaluated(&mut model).unwrap();
    assert_eq!(values(&model), before);
    let (wants, has) = (average.unwrap(), flat(&averaged));
    let furthest = wants.iter().zip(&has).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max);
    assert!(furthest < 1e-6, "{furthest:e}");
    assert_ne!(values(&averaged), before);
    // It has tensors of its own, which the next step does not change.
    let kept = values(&averaged);
    let grads = model.gradients(8, 9, &device);
    assert!(optimizer.step(&mut model, grads).unwrap().copied.is_empty());
    assert_eq!(values(&averaged), kept);
    assert!(!averaged.layers[0].weight.val().is_require_grad());
}

#[test]
fn clearing_gradients_is_refused() {
    let model = fresh(&Mlp::new(&POOLED.autodiff()));
    let options = Options { zero_grad: true, ..Default::default() };
    let groups = [Group::new(Sgd::default(), params(&model))];
    let error = BurnOptimizer::with_groups(groups, options, &model, &POOLED).unwrap_err();
    assert!(matches!(error, Error::Option { option: "Options::zero_grad", .. }), "{error}");
    let mut optimizer = with(Options::default(), Sgd::default(), &model);
    assert!(optimizer.set_options(options).is_err());
}

#[test]
fn state_can_be_read_by_the_module_s_paths() {
    let device = POOLED.autodiff();
    let mut model = fresh(&Mlp::new(&device));
    let mut optimizer = BurnOptimizer::new(AdamW { beta1: 0.5, ..Default::default() }, &model, &POOLED).unwrap();
    let grads = model.gradients(8, 0, &device);
    let gradient: Vec<f32> = grads.get::<2>(model.layers[0].weight.id).map(Tensor::into_data).unwrap().try_to_vec().unwrap();
    optimizer.step(&mut model, grads).unwrap();
    let m = pollster::block_on(optimizer.read_state("layers.0.weight", "m")).unwrap();
    assert!(m.iter().zip(&gradient).all(|(m, g)| (m - 0.5 * g).abs() <= 1e-6 * g.abs()) && gradient.iter().any(|&g| g != 0.0));
}
