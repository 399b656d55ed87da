//! Every error that a caller can make: its message, and that the optimizer is as it was.

mod buffers;
mod checked;
mod devices;
mod messages;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu::BufferUsages as Usage;
use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Adam, Binding, BufferRole, Error, Group, Optimizer, Param, Sgd, Tensors};

use crate::context::{Context, Outcome, another};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, run, expected) in messages::ROWS {
        trials.push(contexts[1].trial(format!("errors/{name}"), move |gpu| says(run(gpu), expected)));
    }
    let mut row = |name: &str, run: fn(&Gpu) -> Outcome| trials.push(contexts[1].trial(format!("errors/{name}"), run));
    row("buffer-of-another-device", buffers::buffer_of_another_device);
    row("destroyed-buffer", buffers::destroyed_buffer);
    row("unchanged-after-errors", unchanged_after_errors);
    row("own-state-as-gradient", buffers::own_state_as_gradient);
    row("few-invocations", devices::few_invocations);
    row("no-storage-buffers", devices::no_storage_buffers);
    row("lost-device-in-every-call", devices::lost_device_in_every_call);
    row("destroyed-buffers-by-name", buffers::destroyed_buffers_by_name);
    row("lost-device", devices::lost_device);
    row("lost-device-while-building", devices::lost_device_while_building);
    row("checked/own-checks", checked::own_checks);
    row("checked/device-finds", checked::device_finds);
    row("checked/own-calls", checked::own_calls);
    row("checked/changes", checked::changes);
    row("checked/destroyed-meanwhile", checked::destroyed_meanwhile);
    row("checked/reads", checked::reads);
    trials.push(contexts[2].trial("errors/record-over-the-limit".into(), devices::record_over_the_limit));
    trials
}

/// The whole message.
pub fn says(result: Result<(), Error>, expected: &str) -> Outcome {
    match result.map_err(|error| error.to_string()) {
        Err(message) if message == expected => Ok(()),
        other => Err(format!("expected the message\n  {expected}\ngot\n  {other:?}").into()),
    }
}

pub fn with_usage(gpu: &Gpu, size: u64, usage: Usage) -> wgpu::Buffer {
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

pub fn buffer(gpu: &Gpu, size: u64) -> wgpu::Buffer {
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
