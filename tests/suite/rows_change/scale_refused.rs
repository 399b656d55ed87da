//! What `scale_state` refuses, on the GPU and on the CPU, by the same texts.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::{Adafactor, Adam, Binding, Ema, Error, Group, Optimizer, Options, Param, RowMask, ScheduleFreeSgd, Tensors, wgpu};

use super::scale::upload;
use crate::context::Outcome;

pub fn refused(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema::default()), ..Options::default() };
    let tensors = Tensors::new(&gpu.device, [("w", [4, 3]), ("a", [4, 3]), ("free", [4, 3])])?;
    let row_mask = Some(RowMask { own_steps: true, ..RowMask::new(upload(gpu, &[1; 4])) });
    let own = Param { row_mask, ..tensors.param("w")?.clone() };
    let groups = [
        Group::new(Adam::default(), [own]),
        Group::new(Adafactor::default(), [tensors.param("a")?.clone()]),
        Group::new(ScheduleFreeSgd::default(), [tensors.param("free")?.clone()]),
    ];
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups, options)?;
    let row_mask = Some(CpuRowMask { words: vec![1; 4], own_steps: true });
    let groups = [
        Group::new(Adam::default(), [CpuParam { row_mask, ..CpuParam::new("w", &[4, 3]) }]),
        Group::new(Adafactor::default(), [CpuParam::new("a", &[4, 3])]),
        Group::new(ScheduleFreeSgd::default(), [CpuParam::new("free", &[4, 3])]),
    ];
    let mut twin = CpuOptimizer::<f32>::with_options(groups, options)?;
    let rows = upload(gpu, &[1; 4]);
    let told = |rows: Binding, [param, state]: [&str; 2], factor: f32| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let told = optimizer.scale_state(&mut encoder, param, state, rows, factor);
        gpu.queue.submit([encoder.finish()]);
        told.map_err(|error| error.to_string())
    };
    let both = [
        (["x", "m"], 0.0, "there is no parameter \"x\"; there are: w, a, free"),
        (["w", "z"], 0.0, "there is no state \"z\"; there are: m, v, ema, row_steps"),
        (["w", "ema"], 0.5, "w: \"ema\" holds values, which scale_state leaves as they are"),
        (["free", "z"], 0.5, "free: ScheduleFreeSgd keeps values in \"z\", which scale_state leaves as they are"),
        (["w", "row_steps"], 0.5, "w: \"row_steps\" counts whole steps; the factor must be 0, got 0.5"),
        (["w", "m"], f32::NAN, "w: the factor of the state \"m\" must be finite, got NaN"),
        (["w", "m"], f32::INFINITY, "w: the factor of the state \"m\" must be finite, got inf"),
        (["a", "col_var"], 0.0, "a: \"col_var\" has no numbers for single rows, with the shape [4, 3]"),
    ];
    for (names, factor, expected) in both {
        assert_eq!(told(Binding::prefix(&rows), names, factor), Err(expected.to_owned()));
        let own = twin.scale_state(names[0], names[1], &[1; 4], f64::from(factor));
        assert_eq!(own.map_err(|error| error.to_string()), Err(expected.to_owned()));
    }
    let own = twin.scale_state("w", "m", &[1; 5], 0.0).map_err(|error| error.to_string());
    assert_eq!(own, Err("w: the rows must have 4 elements, got 5".into()));
    let unusable = wgpu::BufferDescriptor { label: None, size: 16, usage: wgpu::BufferUsages::COPY_DST, mapped_at_creation: false };
    let state = optimizer.state("w", "v")?;
    let bindings = [
        (Binding::from(upload(gpu, &[1; 5])), "w: shape [4] in u32 takes 16 bytes, the rows binding has 20"),
        (Binding::new(&rows, 2, 14), "w: the rows binding starts at byte 2, which is not a multiple of 4"),
        (Binding::new(&rows, 4, 16), "w: the rows binding ends at byte 20, its buffer has 16"),
        (
            gpu.device.create_buffer(&unusable).into(),
            "w: the rows buffer has usage BufferUsages(COPY_DST), it needs BufferUsages(STORAGE) too",
        ),
        (Binding::new(state.buffer(), 0, 16), "w: the binding is this optimizer's own state, which a step writes"),
    ];
    for (binding, expected) in bindings {
        let told = told(binding, ["w", "m"], 0.0).err().unwrap_or_default();
        assert!(told.starts_with(expected), "{told}");
    }
    let destroyed = upload(gpu, &[1; 4]);
    destroyed.destroy();
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let told = optimizer.scale_state(&mut encoder, "w", "m", &destroyed, 0.0);
    assert!(matches!(&told, Err(Error::Buffer { param, .. }) if param == "w"), "{told:?}");
    // Refused for its factor as an f32, where the caller's is finite.
    assert!(matches!(twin.scale_state("w", "m", &[1; 4], 1e300), Err(Error::Conflict { .. })));
    Ok(())
}
