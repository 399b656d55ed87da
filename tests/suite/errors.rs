//! Every error that a caller can make: its message, and that the optimizer is as it was.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu::BufferUsages as Usage;
use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::{
    Adam, AdamW, Asgd, Binding, BufferRole, Clip, Ema, Error, Group, LossScale, LrScales, NonFinite, NormClip, Optimizer, Options, Param,
    RmsProp, Rprop, Schedule, Sgd, Tensors,
};

use crate::context::{Context, Outcome, another};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Scene, Style, must_fail};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, run, expected) in ROWS {
        trials.push(contexts[1].trial(format!("errors/{name}"), move |gpu| says(run(gpu), expected)));
    }
    let mut row = |name: &str, run: fn(&Gpu) -> Outcome| trials.push(contexts[1].trial(format!("errors/{name}"), run));
    row("buffer-of-another-device", buffer_of_another_device);
    row("destroyed-buffer", destroyed_buffer);
    row("unchanged-after-errors", unchanged_after_errors);
    row("own-state-as-gradient", own_state_as_gradient);
    row("few-invocations", few_invocations);
    row("no-storage-buffers", no_storage_buffers);
    row("lost-device-in-every-call", lost_device_in_every_call);
    row("destroyed-buffers-by-name", destroyed_buffers_by_name);
    row("lost-device", lost_device);
    row("lost-device-while-building", lost_device_while_building);
    trials.push(contexts[2].trial("errors/record-over-the-limit".into(), record_over_the_limit));
    trials
}

type Row = (&'static str, fn(&Gpu) -> Result<(), Error>, &'static str);

/// Each mistake and what is said about it.
const ROWS: [Row; 34] = [
    ("no-parameters", |gpu| optimizer(gpu, vec![]), "no parameters: an optimizer needs at least one"),
    ("no-tensors", |gpu| tensors(gpu, &[]), "no parameters: an optimizer needs at least one"),
    (
        "uncountable",
        |gpu| optimizer(gpu, vec![param(gpu, "w", &[usize::MAX, 2])]),
        "w: shape [18446744073709551615, 2] has more elements than can be counted",
    ),
    ("duplicate-name", |gpu| optimizer(gpu, vec![param(gpu, "w", &[3]), param(gpu, "w", &[3])]), "w: two parameters have this name"),
    ("duplicate-tensors", |gpu| tensors(gpu, &[("w", &[1]), ("w", &[2])]), "w: two parameters have this name"),
    (
        "value-too-small",
        |gpu| optimizer(gpu, vec![Param { value: buffer(gpu, 64).into(), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 64",
    ),
    (
        "gradient-too-large",
        |gpu| optimizer(gpu, vec![Param { gradient: Binding::new(&buffer(gpu, 128), 0, 84), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the gradient binding has 84; if a prefix is meant, say Binding::prefix(buffer)",
    ),
    (
        "longer-buffer",
        |gpu| optimizer(gpu, vec![Param { value: buffer(gpu, 96).into(), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 96; if a prefix is meant, say Binding::prefix(buffer)",
    ),
    (
        "longer-slice",
        |gpu| optimizer(gpu, vec![Param { value: buffer(gpu, 96).slice(8..).into(), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 88; if a prefix is meant, say Binding::prefix(buffer)",
    ),
    (
        "longer-rest",
        |gpu| {
            let buffer = buffer(gpu, 96);
            let value = wgpu::BufferBinding { buffer: &buffer, offset: 12, size: None };
            optimizer(gpu, vec![Param { value: value.into(), ..param(gpu, "w", &[5, 4]) }])
        },
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 84; if a prefix is meant, say Binding::prefix(buffer)",
    ),
    (
        "prefix-of-a-shorter-buffer",
        |gpu| optimizer(gpu, vec![Param { value: Binding::prefix(&buffer(gpu, 76)), ..param(gpu, "w", &[5, 4]) }]),
        "w: shape [5, 4] in f32 takes 80 bytes, the value binding has 76",
    ),
    (
        "binding-past-the-buffer",
        |gpu| optimizer(gpu, vec![Param { value: Binding::new(&buffer(gpu, 64), 32, 80), ..param(gpu, "w", &[5, 4]) }]),
        "w: the value binding ends at byte 112, its buffer has 64",
    ),
    (
        "offset-past-the-buffer",
        |gpu| {
            let buffer = buffer(gpu, 64);
            let value = wgpu::BufferBinding { buffer: &buffer, offset: 128, size: None };
            optimizer(gpu, vec![Param { value: value.into(), ..param(gpu, "w", &[4]) }])
        },
        "w: the value binding ends at byte 128, its buffer has 64",
    ),
    (
        "missing-usage",
        |gpu| {
            let gradient = with_usage(gpu, 16, Usage::COPY_DST).into();
            optimizer(gpu, vec![Param { gradient, ..param(gpu, "w", &[4]) }])
        },
        "w: the gradient buffer has usage BufferUsages(COPY_DST), it needs BufferUsages(STORAGE) too",
    ),
    (
        "misaligned",
        |gpu| optimizer(gpu, vec![Param { value: Binding::new(&buffer(gpu, 64), 6, 16), ..param(gpu, "w", &[4]) }]),
        "w: the value binding starts at byte 6, which is not a multiple of 4",
    ),
    (
        "two-values-overlap",
        |gpu| {
            let buffer = buffer(gpu, 64);
            let at = |name, offset| Param { value: Binding::new(&buffer, offset, 16), ..param(gpu, name, &[4]) };
            optimizer(gpu, vec![at("a", 0), at("b", 12)])
        },
        "a (value) and b (value) overlap in one buffer",
    ),
    (
        "value-and-gradient-overlap",
        |gpu| {
            let buffer = buffer(gpu, 64);
            optimizer(gpu, vec![Param::new("w", &[4], Binding::new(&buffer, 4, 16), Binding::new(&buffer, 16, 16))])
        },
        "w (value) and w (gradient) overlap in one buffer",
    ),
    (
        "value-is-gradient",
        |gpu| {
            let buffer = buffer(gpu, 64);
            optimizer(gpu, vec![Param::new("w", &[4], Binding::prefix(&buffer), Binding::prefix(&buffer))])
        },
        "w (value) and w (gradient) overlap in one buffer",
    ),
    ("beta2", |gpu| rule(gpu, Adam { beta2: 1.0, ..Adam::default() }), "Adam: beta2 must be in [0, 1), got 1"),
    ("nan-lr", |gpu| rule(gpu, AdamW { lr: f64::NAN, ..AdamW::default() }), "AdamW: lr must be in [0, inf), got NaN"),
    ("alpha", |gpu| rule(gpu, RmsProp { alpha: 1.5, ..RmsProp::default() }), "RmsProp: alpha must be in [0, 1], got 1.5"),
    (
        "subnormal-eps",
        |gpu| rule(gpu, Adam { eps: 1e-40, ..Adam::default() }),
        "Adam: eps must be 0 or of magnitude 1.18e-38 to 3.4e38, as f32 is, got 1e-40",
    ),
    (
        "nesterov-without-momentum",
        |gpu| rule(gpu, Sgd { nesterov: true, ..Sgd::default() }),
        "Sgd: nesterov needs momentum above 0 and dampening 0, got momentum 0 and dampening 0",
    ),
    (
        "nesterov-with-dampening",
        |gpu| rule(gpu, Sgd { nesterov: true, momentum: 0.9, dampening: 0.5, ..Sgd::default() }),
        "Sgd: nesterov needs momentum above 0 and dampening 0, got momentum 0.9 and dampening 0.5",
    ),
    (
        "rprop-limits",
        |gpu| rule(gpu, Rprop { step_size_min: 1.0, step_size_max: 0.5, ..Rprop::default() }),
        "Rprop: step_size_min must be at most step_size_max, got 1 and 0.5",
    ),
    (
        "tensor-over-the-limit",
        |gpu| tensors(gpu, &[("w", &[1 << 20, 65])]),
        "w: a buffer for shape [1048576, 65] in f32 needs 272629760, the device's max_buffer_size is 268435456; request a device with a \
         higher limit, or split",
    ),
    ("unknown-parameter", |gpu| adam(gpu).state("v", "m").map(drop), "there is no parameter \"v\"; there are: w"),
    ("unknown-state", |gpu| adam(gpu).state("w", "max_v").map(drop), "there is no state \"max_v\"; there are: m, v"),
    (
        "unknown-hyper-parameter",
        |gpu| adam(gpu).set(0, "momentum", 0.9),
        "there is no hyper-parameter \"momentum\"; there are: lr, beta1, beta2, eps, weight_decay, amsgrad, maximize, \
         decoupled_weight_decay, cautious_weight_decay",
    ),
    ("half-a-flag", |gpu| adam(gpu).set(0, "maximize", 0.5), "Adam: maximize must be in [0, 1], got 0.5"),
    ("unknown-group", |gpu| adam(gpu).set(1, "lr", 0.1), "there is no group 1; the only one is group 0"),
    (
        "max-norm-without-its-clip",
        |gpu| adam(gpu).set(0, "max_norm", 0.5),
        "group 0 is not clipped by a norm, so it has no max_norm; set_clip with Clip::Norm gives it one",
    ),
    (
        "other-states",
        |gpu| adam(gpu).set(0, "amsgrad", 1.0),
        "group 0 runs Adam with state [m, v]; Adam with state [m, v, max_v] needs other kernels or state, so a new optimizer",
    ),
    ("wrong-length-of-a-state", |gpu| adam(gpu).write_state("w", "m", &[0.0; 3]), "w: the state \"m\" must have 4 elements, got 3"),
];

fn says(result: Result<(), Error>, expected: &str) -> Outcome {
    match result.map_err(|error| error.to_string()) {
        Err(message) if message == expected => Ok(()),
        other => Err(format!("expected the message\n  {expected}\ngot\n  {other:?}").into()),
    }
}

fn with_usage(gpu: &Gpu, size: u64, usage: Usage) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

fn buffer(gpu: &Gpu, size: u64) -> wgpu::Buffer {
    with_usage(gpu, size, Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST)
}

/// A parameter in buffers of its own that are large enough for any shape here that is right.
fn param(gpu: &Gpu, name: &str, shape: &[usize]) -> Param {
    Param::new(name, shape, Binding::prefix(&buffer(gpu, 128)), Binding::prefix(&buffer(gpu, 128)))
}

fn optimizer(gpu: &Gpu, params: Vec<Param>) -> Result<(), Error> {
    Optimizer::new(&gpu.device, &gpu.queue, Sgd::default(), params).map(drop)
}

fn rule(gpu: &Gpu, rule: impl Into<Box<dyn AnyRule>>) -> Result<(), Error> {
    Optimizer::new(&gpu.device, &gpu.queue, rule, [param(gpu, "w", &[4])]).map(drop)
}

fn tensors(gpu: &Gpu, shapes: &[(&str, &[usize])]) -> Result<(), Error> {
    Tensors::new(&gpu.device, shapes.iter().copied()).map(drop)
}

/// An optimizer in order, of one parameter `w` of four elements.
fn adam(gpu: &Gpu) -> Optimizer {
    let group = Group::new(Adam::default(), [param(gpu, "w", &[4])]);
    Optimizer::with_groups(&gpu.device, &gpu.queue, [group]).unwrap_or_else(|error| panic!("{error}"))
}

/// What wgpu has against a buffer is told with the parameter's name.
fn names<T: core::fmt::Debug>(result: Result<T, Error>, param: &str, role: BufferRole, message: &str) -> Outcome {
    match result {
        Err(Error::Buffer { param: got, role: of, message: says }) if (&*got, of) == (param, role) && says.contains(message) => Ok(()),
        other => Err(format!("expected {param}'s {role} and \"{message}\", got {other:?}").into()),
    }
}

fn another_device() -> Result<Gpu, Failed> {
    Ok(another(DeviceLimits::Limited(Box::default()))?)
}

fn buffer_of_another_device(gpu: &Gpu) -> Outcome {
    let other = another_device()?;
    let message = "doesn't match";
    let made = optimizer(gpu, vec![param(gpu, "v", &[4]), Param { gradient: (&buffer(&other, 16)).into(), ..param(gpu, "w", &[4]) }]);
    names(made, "w", BufferRole::Gradient, message)?;
    let mut optimizer = adam(gpu);
    names(optimizer.set_gradients([("w", &buffer(&other, 16))]), "w", BufferRole::Gradient, message)?;
    takes_a_step(gpu, &optimizer, 1)
}

fn destroyed_buffer(gpu: &Gpu) -> Outcome {
    let destroyed = buffer(gpu, 16);
    destroyed.destroy();
    names(optimizer(gpu, vec![Param { value: destroyed.into(), ..param(gpu, "w", &[4]) }]), "w", BufferRole::Value, "has been destroyed")
}

/// Whatever meets a buffer that the caller destroyed says whose it is.
fn destroyed_buffers_by_name(gpu: &Gpu) -> Outcome {
    let message = "has been destroyed";
    let params = [param(gpu, "v", &[4]), param(gpu, "w", &[4])];
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), params.clone())?;
    let destroyed = buffer(gpu, 16);
    destroyed.destroy();
    names(optimizer.set_gradients([("v", &destroyed)]), "v", BufferRole::Gradient, message)?;
    names(optimizer.set_values([("w", &destroyed)]), "w", BufferRole::Value, message)?;
    takes_a_step_of(gpu, &optimizer, &[1, 1])?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let late = Param { gradient: (&destroyed).into(), ..param(gpu, "late", &[4]) };
    names(optimizer.add_group(&mut encoder, Group::new(Adam::default(), [late])), "late", BufferRole::Gradient, message)?;
    let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
    let measured = [param(gpu, "v", &[4]), param(gpu, "w", &[4])];
    let mut measuring = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), measured.clone())], options)?;
    measured[1].gradient.buffer().destroy();
    params[1].value.buffer().destroy();
    optimizer.state("v", "v")?.buffer().destroy();
    names(measuring.set_active(["v"], false), "w", BufferRole::Gradient, message)?;
    names(pollster::block_on(optimizer.read_value("w")), "w", BufferRole::Value, message)?;
    names(optimizer.write_value("w", &[1.0; 4]), "w", BufferRole::Value, message)?;
    names(pollster::block_on(optimizer.read_state("w", "m")), "w", BufferRole::State, message)?;
    names(optimizer.write_state("v", "m", &[1.0; 4]), "v", BufferRole::State, message)?;
    assert_eq!(pollster::block_on(optimizer.read_gradient("w"))?, [0.0; 4]);
    let tensors = Tensors::new(&gpu.device, [("t", [4])])?;
    tensors.gradient("t")?.buffer().destroy();
    names(pollster::block_on(tensors.read_gradient(&gpu.queue, "t")), "t", BufferRole::Gradient, message)?;
    names(tensors.write_gradient(&gpu.queue, "t", &[1.0; 4]), "t", BufferRole::Gradient, message)?;
    let scales = LrScales { binding: Binding::new(&destroyed, 0, 16), shape: vec![4] };
    let scaled = Param { lr_scales: Some(scales), ..param(gpu, "s", &[4]) };
    names(Optimizer::new(&gpu.device, &gpu.queue, Sgd::default(), [param(gpu, "u", &[4]), scaled]), "s", BufferRole::LrScales, message)
}

fn takes_a_step(gpu: &Gpu, optimizer: &Optimizer, steps: u32) -> Outcome {
    takes_a_step_of(gpu, optimizer, &[steps])
}

fn takes_a_step_of(gpu: &Gpu, optimizer: &Optimizer, steps: &[u32]) -> Outcome {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(pollster::block_on(optimizer.read_steps())?, steps);
    Ok(())
}

fn unchanged_after_errors(gpu: &Gpu) -> Outcome {
    let mut optimizer = adam(gpu);
    takes_a_step(gpu, &optimizer, 1)?;
    let mistakes = [
        optimizer.set_lr_of_all(-1.0),
        optimizer.set(0, "beta1", 2.0),
        optimizer.set_rule(0, Sgd::default()),
        optimizer.set_active(["w", "nobody"], false),
        optimizer.set_gradients([("w", &buffer(gpu, 4))]),
        optimizer.set_values([("w", &with_usage(gpu, 16, Usage::COPY_DST))]),
        optimizer.write_state("w", "v", &[1.0; 5]),
        optimizer.write_steps("nobody", 7),
    ];
    assert!(mistakes.iter().all(Result::is_err), "{mistakes:?}");
    let rule = optimizer.rule(0).map(|rule| rule.values());
    assert_eq!(rule, Some(AnyRule::values(&Adam::default())));
    takes_a_step(gpu, &optimizer, 2)?;
    let mut twin = CpuOptimizer::<f32>::new(Adam::default(), [("w", 4)])?;
    assert!(twin.step(&mut [&mut [0.0; 3]], &[Some(&[0.0; 4])]).is_err());
    assert!(twin.step(&mut [&mut [0.0; 4]], &[]).is_err());
    assert_eq!(twin.steps(), [0]);
    Ok(())
}

fn lost_device(_: &Gpu) -> Outcome {
    let gpu = another_device()?;
    let optimizer = adam(&gpu);
    gpu.device.destroy();
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    for _ in 0..2 {
        assert_eq!(pollster::block_on(optimizer.read_value("w")), Err(Error::DeviceLost));
    }
    assert_eq!(pollster::block_on(optimizer.read_steps()), Err(Error::DeviceLost));
    assert!(Error::DeviceLost.to_string().contains("the device is lost"));
    Ok(())
}

/// Whatever is called on a lost device says that it is lost, natively.
fn lost_device_in_every_call(_: &Gpu) -> Outcome {
    use pollster::block_on;
    let gpu = another_device()?;
    let tensors = Tensors::new(&gpu.device, [("w", [4])])?;
    let make = |name: &str| {
        let group = Group::new(Asgd::default(), [Param { name: name.into(), ..tensors.param("w")?.clone() }]);
        let options = Options { ema: Some(Ema::default()), loss_scale: LossScale::Static(2.0), ..Options::default() };
        Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)
    };
    let mut optimizer = make("w")?;
    let (progress, scalars) = (block_on(optimizer.read_progress())?, block_on(optimizer.read_scalars())?);
    drop(block_on(optimizer.report())?);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    gpu.device.destroy();
    let params = [param(&gpu, "late", &[4])];
    let schedule = Schedule::Linear { from: 0.5, to: 0.25, steps: 3 };
    let results = [
        ("Tensors::new", Tensors::new(&gpu.device, [("w", [4])]).map(drop)),
        ("Optimizer::new", make("w").map(drop)),
        ("set", optimizer.set(0, "lr", 0.5)),
        ("set_lr_of_all", optimizer.set_lr_of_all(0.5)),
        ("set", optimizer.set(0, "weight_decay", 0.5)),
        ("set_rule", optimizer.set_rule(0, Asgd { lr: 0.5, ..Asgd::default() })),
        ("set_schedule", optimizer.set_schedule(0, "lr", Some(schedule))),
        ("set_active", optimizer.set_active(["w"], false)),
        ("set_gradients", optimizer.set_gradients([("w", tensors.gradient("w")?.clone())])),
        ("set_values", optimizer.set_values([("w", tensors.value("w")?.clone())])),
        ("add_group", optimizer.add_group(&mut encoder, Group::new(Asgd::default(), params))),
        ("set_loss_scale", optimizer.set_loss_scale(4.0)),
        ("write_progress", optimizer.write_progress(&progress)),
        ("write_value", optimizer.write_value("w", &[1.0; 4])),
        ("write_state", optimizer.write_state("w", "ema", &[1.0; 4])),
        ("write_steps", optimizer.write_steps("w", 3)),
        ("write_scalars", optimizer.write_scalars("w", &scalars[0])),
        ("read_value", block_on(optimizer.read_value("w")).map(drop)),
        ("read_gradient", block_on(optimizer.read_gradient("w")).map(drop)),
        ("read_state", block_on(optimizer.read_state("w", "ema")).map(drop)),
        ("read_steps", block_on(optimizer.read_steps()).map(drop)),
        ("read_scalars", block_on(optimizer.read_scalars()).map(drop)),
        ("read_progress", block_on(optimizer.read_progress()).map(drop)),
        ("report", block_on(optimizer.report()).map(drop)),
        ("Tensors::write_value", tensors.write_value(&gpu.queue, "w", &[1.0; 4])),
        ("Tensors::write_gradient", tensors.write_gradient(&gpu.queue, "w", &[1.0; 4])),
        ("Tensors::read_value", block_on(tensors.read_value(&gpu.queue, "w")).map(drop)),
    ];
    assert!(!scalars[0].is_empty(), "the rule has scalars to write");
    let others: Vec<_> = results.iter().filter(|(_, result)| *result != Err(Error::DeviceLost)).collect();
    if others.is_empty() { Ok(()) } else { Err(format!("these do not say that the device is lost: {others:#?}").into()) }
}

fn no_storage_buffers(_: &Gpu) -> Outcome {
    let gpu = another(DeviceLimits::Limited(Box::new(wgpu::Limits::downlevel_webgl2_defaults())))?;
    let expected = "the device binds no storage buffers: its max_storage_buffers_per_shader_stage is 0, as with the limits of WebGL; request one \
                    with wgpu::Limits::default()";
    says(optimizer(&gpu, vec![param(&gpu, "w", &[4])]), expected)?;
    says(tensors(&gpu, &[("w", &[4])]), expected)
}

fn own_state_as_gradient(gpu: &Gpu) -> Outcome {
    let mut optimizer = adam(gpu);
    let expected = "w: the binding is this optimizer's own state, which a step writes";
    let state = optimizer.state("w", "m")?;
    says(optimizer.set_gradients([("w", state.clone())]), expected)?;
    says(optimizer.set_values([("w", state)]), expected)?;
    takes_a_step(gpu, &optimizer, 1)
}

/// Workgroups are as large as the device allows, down to eight invocations: steps come out the same, norms of gradients included.
fn few_invocations(_: &Gpu) -> Outcome {
    let allowed = |max_compute_invocations_per_workgroup| {
        let limits = wgpu::Limits { max_compute_invocations_per_workgroup, ..wgpu::Limits::default() };
        another(DeviceLimits::Limited(Box::new(limits)))
    };
    for invocations in [128, 100, 8] {
        let gpu = allowed(invocations)?;
        let clip = Clip::Norm(NormClip { max_norm: 0.7, ..NormClip::default() });
        let groups = [5000, 3].map(|len| Group::new(Adam::default(), [CpuParam::new(format!("p{len}"), &[len])]));
        let options = Options { clip, measure_update: true, ..Options::default() };
        let mut scene = Scene::with_options(&gpu, groups.into(), options, Style::Separate, 7)?;
        scene.step(|_| true)?;
        scene.check()?;
    }
    let expected = "the kernel Sgd prepare needs 8, the device's max_compute_invocations_per_workgroup is 4; request a device with a \
                    higher limit, or split";
    let gpu = allowed(4)?;
    says(optimizer(&gpu, vec![param(&gpu, "w", &[4])]), expected)
}

/// What a lost device makes is void, and wgpu does not say so: no panic, and an error from the first call.
fn lost_device_while_building(_: &Gpu) -> Outcome {
    let gpu = another_device()?;
    gpu.device.destroy();
    let built = Tensors::new(&gpu.device, [("w", [4])]).and_then(|tensors| {
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd::default(), tensors.params())?;
        tensors.write_gradient(&gpu.queue, "w", &[1.0; 4])?;
        pollster::block_on(optimizer.read_value("w"))
    });
    Ok(must_fail("a lost device", built)?)
}

fn record_over_the_limit(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, (0..9000).map(|index| (index.to_string(), [1])))?;
    let result = Optimizer::new(&gpu.device, &gpu.queue, Sgd::default(), tensors.params()).map(drop);
    let rule = AnyRule::boxed(&Sgd::default());
    let entry = wgpu_optim::wgsl::scalars_at(0) + rule.scalar_fields().len();
    // Its head, and the clip of its one group in four words more.
    let common = wgpu_optim::wgsl::HEAD as usize + 4 + rule.hyper_fields().len().next_multiple_of(4);
    let words = common + 9000 * entry.next_multiple_of(4);
    let limit = "the device's max_storage_buffer_binding_size is 65536; request a device with a higher limit, or split";
    says(result, &format!("the step record needs {}, {limit}", 4 * words))
}
