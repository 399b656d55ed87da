//! Buffers that are refused: another device's, destroyed ones, the optimizer's own.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Adam, Binding, BufferRole, Group, LrScales, NonFinite, Optimizer, Options, Param, Sgd, Tensors};

use super::{adam, another_device, buffer, names, optimizer, param, says, takes_a_step, takes_a_step_of};
use crate::context::Outcome;

pub(super) fn buffer_of_another_device(gpu: &Gpu) -> Outcome {
    let other = another_device()?;
    let message = "doesn't match";
    let made = optimizer(gpu, vec![param(gpu, "v", &[4]), Param { gradient: (&buffer(&other, 16)).into(), ..param(gpu, "w", &[4]) }]);
    names(made, "w", BufferRole::Gradient, message)?;
    let mut optimizer = adam(gpu);
    names(optimizer.set_gradients([("w", &buffer(&other, 16))]), "w", BufferRole::Gradient, message)?;
    takes_a_step(gpu, &optimizer, 1)
}

pub(super) fn destroyed_buffer(gpu: &Gpu) -> Outcome {
    let destroyed = buffer(gpu, 16);
    destroyed.destroy();
    names(optimizer(gpu, vec![Param { value: destroyed.into(), ..param(gpu, "w", &[4]) }]), "w", BufferRole::Value, "has been destroyed")
}

/// Whatever meets a buffer that the caller destroyed says whose it is.
pub(super) fn destroyed_buffers_by_name(gpu: &Gpu) -> Outcome {
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

pub(super) fn own_state_as_gradient(gpu: &Gpu) -> Outcome {
    let mut optimizer = adam(gpu);
    let expected = "w: the binding is this optimizer's own state, which a step writes";
    let state = optimizer.state("w", "m")?;
    says(optimizer.set_gradients([("w", state.clone())]), expected)?;
    says(optimizer.set_values([("w", state)]), expected)?;
    takes_a_step(gpu, &optimizer, 1)
}
