//! What has nothing in it: tensors without elements, groups and models of only these, limits of 0.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{
    Adam, AdaptiveClip, Binding, Clip, DynamicScale, Ema, Error, Group, Lookahead, LossScale, LrScales, MicroBatches, NonFinite, NormClip,
    NormOrder, NormScope, Optimizer, Options, Param, Sgd, Swa, Tensors,
};

use super::Row;
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 5] = [
        ("alone", alone),
        ("in-buffers-of-no-size", in_buffers_of_no_size),
        ("no-part-in-norms", no_part_in_norms),
        ("in-groups", in_groups),
        ("limits", limits),
    ];
    let mut trials: Vec<Trial> = Vec::new();
    for (name, run) in rows {
        trials.extend(contexts[..2].iter().map(|context| context.trial(format!("features/empty/{name}"), run)));
    }
    trials.push(Trial::test("features/empty/cpu", cpu));
    trials.push(Trial::test("features/non-finite/no-rule-loses-a-nan", super::non_finite::no_rule_loses_a_nan));
    trials
}

fn sgd() -> Sgd {
    Sgd { lr: 1.0, ..Sgd::default() }
}

/// Everything that options can ask for, and a way to clip.
fn options(rule: &dyn AnyRule, clip: Clip) -> Options {
    Options {
        clip,
        loss_scale: LossScale::Dynamic(DynamicScale::default()),
        non_finite: NonFinite::Skip,
        micro_batches: MicroBatches::Mean,
        zero_grad: true,
        lookahead: (!rule.tracks_values()).then(Lookahead::default),
        ema: Some(Ema::default()),
        swa: Some(Swa::default()),
        measure_update: true,
        state: Default::default(),
    }
}

const CLIPS: [Clip; 5] = [
    Clip::None,
    Clip::Value(1.0),
    Clip::Norm(NormClip { max_norm: 1.0, order: NormOrder::Two, over: NormScope::All, eps: 1e-6 }),
    Clip::Norm(NormClip { max_norm: 1.0, order: NormOrder::Infinity, over: NormScope::Parameter, eps: 1e-6 }),
    Clip::Adaptive(AdaptiveClip { clipping: 0.1, eps: 1e-3 }),
];

fn submit(gpu: &Gpu, record: impl FnOnce(&mut wgpu::CommandEncoder)) {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    record(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
}

const NOTHING: [f32; 0] = [];

/// Steps, views and everything that is read and written, of a model that is nothing but empty.
fn exercised(gpu: &Gpu, optimizer: &mut Optimizer, names: &[&str]) -> Outcome {
    let before = block_on(optimizer.read_steps())?;
    submit(gpu, |encoder| {
        optimizer.accumulate(encoder).unwrap_or_default();
        optimizer.step(encoder);
        optimizer.evaluate(encoder);
        optimizer.train(encoder);
    });
    submit(gpu, |encoder| optimizer.zero_grad(encoder).unwrap_or_default());
    for average in ["ema", "swa"] {
        // There and back.
        for _ in 0..2 {
            submit(gpu, |encoder| optimizer.swap(encoder, average).unwrap_or_default());
        }
    }
    let report = block_on(optimizer.report())?;
    assert_eq!((report.skips, report.gradient_norm, report.largest_gradient), (0, Some(0.0), Some(0.0)));
    let after = block_on(optimizer.read_steps())?;
    assert!(before.iter().zip(&after).all(|(before, after)| before + 1 == *after), "{before:?}, then {after:?}");
    for name in names {
        assert_eq!(block_on(optimizer.read_value(name))?, NOTHING);
        assert_eq!(block_on(optimizer.read_gradient(name))?, NOTHING);
        optimizer.write_value(name, &[])?;
        assert!(matches!(optimizer.write_value(name, &[1.0]), Err(Error::Length { needed: 0, got: 1, .. })));
        for state in optimizer.state_names(name)? {
            assert_eq!(block_on(optimizer.read_state(name, state))?, NOTHING);
            optimizer.write_state(name, state, &[])?;
            binds(gpu, &optimizer.state(name, state)?)?;
        }
        optimizer.write_steps(name, 7)?;
    }
    let scalars = block_on(optimizer.read_scalars())?;
    names.iter().zip(scalars).try_for_each(|(name, scalars)| optimizer.write_scalars(name, &scalars))?;
    optimizer.write_progress(&block_on(optimizer.read_progress())?)?;
    optimizer.set_active(names.iter().copied(), false)?;
    optimizer.set_active(names.iter().copied(), true)?;
    optimizer.set(0, "lr", 0.5)?;
    Ok(())
}

/// It can be bound by the caller's kernels.
fn binds(gpu: &Gpu, binding: &Binding) -> Outcome {
    let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let ty = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Storage { read_only: false },
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    let entry = wgpu::BindGroupLayoutEntry { binding: 0, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None };
    let layout = gpu.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &[entry] });
    let entries = [wgpu::BindGroupEntry { binding: 0, resource: binding.resource() }];
    let _ = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
    match block_on(scope.pop()) {
        None => Ok(()),
        Some(error) => Err(error.to_string().into()),
    }
}

fn alone(gpu: &Gpu) -> Outcome {
    for (index, rule) in wgpu_optim::rules::all().into_iter().enumerate() {
        let tensors = Tensors::new(&gpu.device, [("a", vec![0]), ("b", vec![3, 0, usize::MAX])])?;
        binds(gpu, tensors.value("a")?)?;
        binds(gpu, tensors.gradient("b")?)?;
        tensors.write_value(&gpu.queue, "a", &[])?;
        assert_eq!(block_on(tensors.read_gradient(&gpu.queue, "b"))?, NOTHING);
        let options = options(&*rule, CLIPS[index % CLIPS.len()]);
        let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, tensors.params())], options)?;
        exercised(gpu, &mut optimizer, &["a", "b"])?;
        exercised(gpu, &mut optimizer, &["a", "b"])?;
    }
    Ok(())
}

fn in_buffers_of_no_size(gpu: &Gpu) -> Outcome {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffer = |size| gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    for clip in CLIPS {
        let (shared, scales) = (buffer(64), buffer(64));
        // Within another's values, too: it overlaps nothing.
        let within = Param {
            lr_scales: Some(LrScales { binding: Binding::new(&scales, 0, 0), shape: vec![0, 1] }),
            ..Param::new("within", &[0, 4], Binding::new(&shared, 8, 0), Binding::new(&shared, 64, 0))
        };
        let params = [Param::new("none", &[4, 0], buffer(0), buffer(0)), within];
        let options = options(&Adam::default(), clip);
        let mut optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), params)], options)?;
        exercised(gpu, &mut optimizer, &["none", "within"])?;
        optimizer.set_gradients([("none", Binding::new(&shared, 4, 0))])?;
        optimizer.set_values([("none", buffer(0))])?;
        exercised(gpu, &mut optimizer, &["none", "within"])?;
        let full = Param::new("full", &[16], &shared, buffer(64));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.add_group(&mut encoder, Group::new(Adam::default(), [full, Param::new("last", &[0], buffer(0), buffer(0))]))?;
        gpu.queue.submit([encoder.finish()]);
        exercised_beside(gpu, &optimizer)?;
        let longer = Optimizer::new(&gpu.device, &gpu.queue, sgd(), [Param::new("none", &[0], &shared, buffer(0))]);
        assert!(matches!(longer, Err(Error::SizeMismatch { needed: 0, bound: 64, .. })));
    }
    Ok(())
}

/// The one tensor that has elements steps as ever.
fn exercised_beside(gpu: &Gpu, optimizer: &Optimizer) -> Outcome {
    submit(gpu, |encoder| optimizer.step(encoder));
    assert_eq!(block_on(optimizer.read_value("full"))?, [0.0; 16]);
    assert_eq!(block_on(optimizer.read_value("last"))?, NOTHING);
    Ok(())
}

/// Wherever they stand, a norm is that of the others.
fn no_part_in_norms(gpu: &Gpu) -> Outcome {
    for over in [NormScope::All, NormScope::Group, NormScope::Parameter] {
        for place in 0..3 {
            let mut shapes = vec![("a", 3), ("b", 9000)];
            shapes.insert(place, ("none", 0));
            let tensors = Tensors::new(&gpu.device, shapes.iter().map(|&(name, len)| (name, [len])))?;
            for (name, len) in shapes {
                tensors.write_gradient(&gpu.queue, name, &vec![2.0; len])?;
            }
            let options =
                Options { clip: Clip::Norm(NormClip { max_norm: 1.0, over, eps: 0.0, ..NormClip::default() }), ..Options::default() };
            let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(), tensors.params())], options)?;
            submit(gpu, |encoder| optimizer.step(encoder));
            let norm = block_on(optimizer.report())?.gradient_norm.ok_or("no norm")?;
            assert!((norm - 2.0 * 9003.0_f32.sqrt()).abs() < 1e-3, "{over:?}, {place}: {norm}");
            let count = if over == NormScope::Parameter { 3.0_f32 } else { 9003.0 };
            let value = block_on(optimizer.read_value("a"))?[0];
            assert!((value + 1.0 / count.sqrt()).abs() < 1e-6, "{over:?}, {place}: {value}");
            assert_eq!(block_on(optimizer.read_steps())?, [1; 3]);
        }
    }
    Ok(())
}

/// A group of only empty tensors, one of none, and one with something in it; no parameter at all is an error.
fn in_groups(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("none", [0]), ("one", [1])])?;
    tensors.write_gradient(&gpu.queue, "one", &[1.0])?;
    let param = |name| tensors.param(name).cloned();
    let groups = [Group::new(Adam::default(), [param("none")?]), Group::new(sgd(), []), Group::new(sgd(), [param("one")?])];
    let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups)?;
    submit(gpu, |encoder| optimizer.step(encoder));
    assert_eq!((block_on(optimizer.read_value("one"))?, block_on(optimizer.read_steps())?), (vec![-1.0], vec![1, 1]));
    assert!(matches!(Optimizer::new(&gpu.device, &gpu.queue, sgd(), []), Err(Error::NoParameters)));
    Ok(())
}

/// Limits of 0 make 0 of every gradient but those that are infinite, or beside a NaN in a norm: torch's `clip_grad_norm_`, `clip_grad_value_`.
fn limits(gpu: &Gpu) -> Outcome {
    let norm = |order, eps| Clip::Norm(NormClip { max_norm: 0.0, order, eps, ..NormClip::default() });
    let adaptive = Clip::Adaptive(AdaptiveClip { clipping: 0.0, eps: 1e-3 });
    let nan = f32::NAN;
    let all = |bad: f32| [3.0, bad, -2.0];
    for (clip, cases) in [
        (norm(NormOrder::Two, 1e-6), [(1.0, [5.0; 3]), (f32::INFINITY, [5.0, nan, 5.0]), (nan, [nan; 3])]),
        (norm(NormOrder::Two, 0.0), [(1.0, [5.0; 3]), (f32::INFINITY, [5.0, nan, 5.0]), (nan, [nan; 3])]),
        (norm(NormOrder::Infinity, 0.0), [(1.0, [5.0; 3]), (f32::INFINITY, [5.0, nan, 5.0]), (nan, [nan; 3])]),
        (adaptive, [(1.0, [5.0; 3]), (f32::INFINITY, [5.0, nan, 5.0]), (nan, [nan; 3])]),
        (Clip::Value(0.0), [(1.0, [5.0; 3]), (f32::INFINITY, [5.0; 3]), (nan, [5.0, nan, 5.0])]),
    ] {
        let options = Options { clip, ..Options::default() };
        for (bad, expected) in cases {
            let tensors = Tensors::new(&gpu.device, [("a", [3])])?;
            tensors.write_value(&gpu.queue, "a", &[5.0; 3])?;
            tensors.write_gradient(&gpu.queue, "a", &all(bad))?;
            let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(), tensors.params())], options)?;
            submit(gpu, |encoder| optimizer.step(encoder));
            let mut twin = CpuOptimizer::<f32>::with_options([Group::new(sgd(), [CpuParam::new("a", &[3])])], options)?;
            let mut value = [5.0_f32; 3];
            twin.step(&mut [&mut value], &[Some(&all(bad))])?;
            for (who, got) in [("GPU", block_on(optimizer.read_value("a"))?), ("CPU", value.to_vec())] {
                let like = got.iter().zip(&expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
                assert!(like, "{clip:?} of {bad}: {who} {got:?}, expected {expected:?}");
            }
        }
    }
    // No gradient at all is no division by 0.
    let tensors = Tensors::new(&gpu.device, [("a", [3])])?;
    let options = Options { clip: norm(NormOrder::Two, 0.0), ema: Some(Ema { decay: 1.0, ..Ema::default() }), ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(sgd(), tensors.params())], options)?;
    submit(gpu, |encoder| optimizer.step(encoder));
    tensors.write_value(&gpu.queue, "a", &[5.0; 3])?;
    submit(gpu, |encoder| optimizer.step(encoder));
    // An average that forgets nothing is the first copy.
    assert_eq!((block_on(optimizer.read_value("a"))?, block_on(optimizer.read_state("a", "ema"))?), (vec![5.0; 3], vec![0.0; 3]));
    Ok(())
}

fn cpu() -> Outcome {
    for rule in wgpu_optim::rules::all() {
        for clip in CLIPS {
            let options = options(&*rule, clip);
            let params = [CpuParam::new("a", &[0, 5]), CpuParam::new("b", &[5, 0]), CpuParam::new("c", &[3])];
            let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(rule.clone(), params)], options)?;
            let mut value = [1.0_f32; 3];
            for _ in 0..2 {
                let gradients: [Option<&[f32]>; 3] = [Some(&[]), Some(&[]), Some(&[1.0; 3])];
                optimizer.accumulate(&gradients)?;
                optimizer.step(&mut [&mut [], &mut [], &mut value], &gradients)?;
            }
            optimizer.evaluate(&mut [&mut [], &mut [], &mut value])?;
            optimizer.train(&mut [&mut [], &mut [], &mut value])?;
            // There and back.
            for _ in 0..2 {
                optimizer.swap("ema", &mut [&mut [], &mut [], &mut value])?;
            }
            assert_eq!((optimizer.steps(), optimizer.state("a", "ema")?), (vec![2; 3], &[][..]));
            assert!(value.iter().all(|x| x.is_finite()));
        }
        let mut only = CpuOptimizer::<f64>::new(rule.clone(), [("a", 0)])?;
        only.step(&mut [&mut []], &[Some(&[])])?;
        assert_eq!(only.steps(), [1]);
    }
    Ok(())
}
