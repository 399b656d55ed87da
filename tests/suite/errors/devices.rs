//! Devices that are lost, or whose limits are low.

use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Scene, Style, must_fail};
use wgpu_optim::{Adam, Asgd, Clip, Ema, Error, Group, LossScale, NormClip, Optimizer, Options, Param, Schedule, Sgd, Tensors};

use super::{adam, another_device, optimizer, param, says, tensors};
use crate::context::{Outcome, another};

pub(super) fn lost_device(_: &Gpu) -> Outcome {
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
pub(super) fn lost_device_in_every_call(_: &Gpu) -> Outcome {
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

/// What a lost device makes is void, and wgpu does not say so: no panic, and an error from the first call.
pub(super) fn lost_device_while_building(_: &Gpu) -> Outcome {
    let gpu = another_device()?;
    gpu.device.destroy();
    let built = Tensors::new(&gpu.device, [("w", [4])]).and_then(|tensors| {
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd::default(), tensors.params())?;
        tensors.write_gradient(&gpu.queue, "w", &[1.0; 4])?;
        pollster::block_on(optimizer.read_value("w"))
    });
    Ok(must_fail("a lost device", built)?)
}

pub(super) fn no_storage_buffers(_: &Gpu) -> Outcome {
    let gpu = another(DeviceLimits::Limited(Box::new(wgpu::Limits::downlevel_webgl2_defaults())))?;
    let expected = "the device binds no storage buffers: its max_storage_buffers_per_shader_stage is 0, as with the limits of WebGL; request one \
                    with wgpu::Limits::default()";
    says(optimizer(&gpu, vec![param(&gpu, "w", &[4])]), expected)?;
    says(tensors(&gpu, &[("w", &[4])]), expected)
}

/// Workgroups are as large as the device allows, down to eight invocations: steps come out the same, norms of gradients included.
pub(super) fn few_invocations(_: &Gpu) -> Outcome {
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

pub(super) fn record_over_the_limit(gpu: &Gpu) -> Outcome {
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
