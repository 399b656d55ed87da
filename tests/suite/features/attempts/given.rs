//! Buffers and slices that should not be taken.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::{Adam, Binding, BufferRole, Ema, Error, Group, LrScales, MicroBatches, Optimizer, Options, Param, Schedule, Tensors};

use super::super::Row;
use super::sgd;
use crate::context::Outcome;

pub const ROWS: [Row; 3] = [
    ("own-state-as-scales", own_state_as_scales),
    ("scheduled-scales-over-gradients", scheduled_over_gradients),
    ("one-scale-with-two-schedules", one_scale_two_schedules),
];

/// A slice of an empty tensor that is missing is missing.
pub fn cpu_missing_slices() -> Outcome {
    let options = Options { ema: Some(Ema::default()), micro_batches: MicroBatches::Sum, ..Options::default() };
    let group = Group::new(sgd(1.0), [("a", 1), ("b", 0)].map(Into::into));
    let mut optimizer = CpuOptimizer::<f32>::with_options([group], options)?;
    let (mut a, mut b, mut c) = ([0.0], [], [1.0]);
    let missing = |role| Err(Error::Slices { role, needed: 2, got: 1 });
    assert_eq!(optimizer.step(&mut [&mut a], &[Some(&[1.0]), Some(&[])]), missing(BufferRole::Value));
    assert_eq!(optimizer.step(&mut [&mut a, &mut b], &[Some(&[1.0])]), missing(BufferRole::Gradient));
    assert_eq!(optimizer.accumulate(&[None]), missing(BufferRole::Gradient));
    assert_eq!(optimizer.evaluate(&mut [&mut a]), missing(BufferRole::Value));
    assert_eq!(optimizer.train(&mut [&mut a]), missing(BufferRole::Value));
    assert_eq!(optimizer.swap("ema", &mut [&mut a]), missing(BufferRole::Value));
    let more = Err(Error::Slices { role: BufferRole::Value, needed: 2, got: 3 });
    assert_eq!(optimizer.step(&mut [&mut a, &mut b, &mut c], &[Some(&[1.0]), None]), more);
    assert_eq!(
        missing(BufferRole::Value).map_err(|error: Error| error.to_string()),
        Err::<(), _>("2 tensors need 2 value slices, got 1".into())
    );
    optimizer.step(&mut [&mut a, &mut b], &[Some(&[1.0]), Some(&[])])?;
    assert_eq!((a, optimizer.steps()), ([-1.0], vec![1, 1]));
    Ok(())
}

fn scaled(param: &Param, binding: Binding, shape: &[usize]) -> Param {
    Param { lr_scales: Some(LrScales { binding, shape: shape.to_vec() }), ..param.clone() }
}

/// Neither a state nor the loss scale, in whatever rule's group.
fn own_state_as_scales(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4]), ("b", [4])])?;
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), [tensors.param("a")?.clone()])?;
    let b = tensors.param("b")?;
    let own = [scaled(b, optimizer.state("a", "m")?, &[4]), scaled(b, optimizer.loss_scale(), &[1])];
    for param in own {
        for group in [Group::new(sgd(1.0), [param.clone()]), Group::new(Adam::default(), [param.clone()])] {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            assert_eq!(optimizer.add_group(&mut encoder, group), Err(Error::OwnState { param: "b".into() }));
        }
    }
    Ok(())
}

fn buffer(gpu: &Gpu, elements: u64) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * elements, usage, mapped_at_creation: false })
}

/// A step writes scales that follow a schedule, so no gradient may be there; beside it there is room.
fn scheduled_over_gradients(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    let shared = buffer(gpu, 8);
    let mut param = Param { gradient: Binding::new(&shared, 0, 16), ..tensors.param("a")?.clone() };
    let mut made = |scales: Binding, schedules: &[usize]| {
        param.lr_scales = Some(LrScales { binding: scales, shape: vec![4] });
        param.lr_scale_schedules = schedules.iter().map(|&index| (index, Schedule::Constant(0.5))).collect();
        Optimizer::new(&gpu.device, &gpu.queue, sgd(1.0), [param.clone()]).map(drop)
    };
    let (first, second) = ("a".to_owned(), "a".to_owned());
    let overlap = Err(Error::Overlap { first, first_role: BufferRole::Gradient, second, second_role: BufferRole::LrScales });
    assert_eq!(made(Binding::new(&shared, 0, 16), &[2]), overlap);
    assert_eq!(made(Binding::new(&shared, 8, 16), &[1]), overlap);
    made(Binding::new(&shared, 8, 16), &[2, 3])?;
    made(Binding::new(&shared, 16, 16), &[0, 1, 2, 3])?;
    made(Binding::new(&shared, 0, 16), &[])?;
    Ok(())
}

/// Two parameters may share scales, and one may schedule them; not both the same number.
fn one_scale_two_schedules(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [2]), ("b", [2])])?;
    let shared = buffer(gpu, 2);
    let made = |schedules: [&[usize]; 2]| {
        let params = tensors.params().into_iter().zip(schedules).map(|(param, own)| Param {
            lr_scale_schedules: own.iter().map(|&index| (index, Schedule::Constant(0.5))).collect(),
            ..scaled(&param, Binding::new(&shared, 0, 8), &[2])
        });
        Optimizer::new(&gpu.device, &gpu.queue, sgd(1.0), params).map(drop)
    };
    let (first, second) = ("a".to_owned(), "b".to_owned());
    let overlap = Err(Error::Overlap { first, first_role: BufferRole::LrScales, second, second_role: BufferRole::LrScales });
    assert_eq!(made([&[0, 1], &[1]]), overlap);
    made([&[0], &[1]])?;
    made([&[0, 1], &[]])?;
    Ok(())
}
