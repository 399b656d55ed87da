//! Row masks where other things change: rows that come and go, checkpoints, settings; and what is refused.

use libtest_mimic::Failed;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::RestoreOptions;
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::same_bits;
use wgpu_optim::{
    Adafactor, Adam, Adopt, Binding, Error, Group, Lamb, MadGrad, NAdam, Optimizer, Options, Param, RowChange, RowMask, Rprop, Sgd,
    Tensors, wgpu,
};

use super::{masked, step, words};
use crate::context::Outcome;

/// Rows that are kept take their states and counts along; new ones begin.
pub(super) fn rows_change(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [3])])?;
    let mask = words(gpu, &[1, 0, 1]);
    let row_mask = |mask| Some(RowMask { own_steps: true, ..RowMask::new(mask) });
    let param = Param { row_mask: row_mask(&mask), ..tensors.param("w")?.clone() };
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), [param])?;
    let mut twin = CpuOptimizer::<f32>::new(Adam::default(), [masked("w", &[3], vec![1, 0, 1], true)])?;
    let mut before = vec![1.0, 2.0, 3.0];
    tensors.write_value(&gpu.queue, "w", &before)?;
    tensors.write_gradient(&gpu.queue, "w", &[1.0, 2.0, -3.0])?;
    step(gpu, &optimizer);
    twin.step(&mut [&mut before], &[Some(&[1.0, 2.0, -3.0])])?;
    let (wider, index) = (Tensors::new(&gpu.device, [("w", [4])])?, [2, RowChange::NEW, 0, 2 | RowChange::FRESH]);
    let (mask, rows) = (words(gpu, &[1; 4]), words(gpu, &index));
    let param = Param { row_mask: row_mask(&mask), ..wider.param("w")?.clone() };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.change_rows(&mut encoder, RowChange { rows: rows.into(), params: vec![param], values: true })?;
    gpu.queue.submit([encoder.finish()]);
    let mut now = vec![0.0; 4];
    twin.change_rows(&index, [(masked("w", &[4], vec![1; 4], true), Some(&before[..]), &mut now[..])])?;
    assert_eq!(block_on(optimizer.read_state("w", "row_steps"))?, [1.0, 0.0, 1.0, 0.0]);
    assert_eq!(twin.state("w", "row_steps")?, [1.0, 0.0, 1.0, 0.0]);
    wider.write_gradient(&gpu.queue, "w", &[0.5; 4])?;
    step(gpu, &optimizer);
    twin.step(&mut [&mut now], &[Some(&[0.5; 4])])?;
    let got = block_on(optimizer.read_value("w"))?;
    assert!(got.iter().zip(&now).all(|(got, twin)| (got - twin).abs() <= 1e-6), "{got:?}, {now:?}");
    Ok(())
}

/// Step counts of rows are part of a checkpoint; one without them does not fit.
pub(super) fn checkpoint(gpu: &Gpu) -> Outcome {
    let make = |tensors: &Tensors, own_steps| -> Result<Optimizer, Failed> {
        let row_mask = Some(RowMask { own_steps, ..RowMask::new(words(gpu, &[1, 0, 1])) });
        let param = Param { row_mask, ..tensors.param("w")?.clone() };
        Ok(Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), [param])?)
    };
    let tensors = || -> Result<Tensors, Failed> {
        let tensors = Tensors::new(&gpu.device, [("w", [3, 2])])?;
        tensors.write_gradient(&gpu.queue, "w", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
        Ok(tensors)
    };
    let (one, other) = (tensors()?, tensors()?);
    let (first, second) = (make(&one, true)?, make(&other, true)?);
    step(gpu, &first);
    step(gpu, &first);
    let checkpoint = block_on(first.checkpoint())?;
    assert_eq!(checkpoint.tensor("w/row_steps")?, [2.0, 0.0, 2.0]);
    second.restore(&checkpoint, RestoreOptions::default())?;
    [&first, &second].into_iter().for_each(|optimizer| step(gpu, optimizer));
    let [first, second] = [&first, &second].map(|optimizer| block_on(optimizer.read_value("w")));
    same_bits("values", &second?, &first?)?;
    let plain = make(&tensors()?, false)?.restore(&checkpoint, RestoreOptions::default()).map_err(|error| error.to_string());
    assert!(plain.as_ref().is_err_and(|message| message.contains("row_steps")), "{plain:?}");
    Ok(())
}

/// What would be refused at first is refused later; and counts may begin with other rows.
pub(super) fn later_settings(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [4, 3])])?;
    let sgd = Sgd { momentum: 0.9, ..Sgd::default() };
    let param = Param { row_mask: Some(RowMask::new(words(gpu, &[1; 4]))), ..tensors.params()[0].clone() };
    let mut optimizer = Optimizer::new(&gpu.device, &gpu.queue, sgd, [param])?;
    let mut twin = CpuOptimizer::<f32>::new(sgd, [masked("w", &[4, 3], vec![1; 4], false)])?;
    let expected = "w: a row_mask does not go with Sgd, whose first step is not like the others";
    for set in [optimizer.set(0, "dampening", 0.5), twin.set(0, "dampening", 0.5)] {
        let got = set.map_err(|error| error.to_string());
        assert!(got.as_ref().is_err_and(|message| message.starts_with(expected)), "{got:?}");
    }
    optimizer.set(0, "lr", 0.5)?;
    twin.step(&mut [&mut [0.0; 12]], &[Some(&[1.0; 12])])?;
    twin.change_rows(&[0, 3], [(masked("w", &[2, 3], vec![1; 2], true), None, &mut [0.0; 6][..])])?;
    assert_eq!(twin.state("w", "row_steps")?, [0.0, 0.0]);
    Ok(())
}

pub(super) fn refused(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [4, 3])])?;
    let made = |rule: Box<dyn AnyRule>, row_mask: RowMask, options: Options| {
        let param = Param { row_mask: Some(row_mask), ..tensors.params()[0].clone() };
        let made = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, [param])], options);
        made.err().map_or(String::new(), |error| error.to_string())
    };
    let mask = words(gpu, &[1; 4]);
    let (plain, own) = (RowMask::new(&mask), RowMask { own_steps: true, ..RowMask::new(&mask) });
    let adam = || -> Box<dyn AnyRule> { Adam::default().into() };
    let none = Options::default;
    let shared = |binding: &Binding| RowMask::new(Binding::new(binding.buffer(), 0, 16));
    let (value, gradient) = (shared(tensors.value("w")?), shared(tensors.gradient("w")?));
    let zero_grad = || Options { zero_grad: true, ..Options::default() };
    let unusable = gpu.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 16,
        usage: wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let cases: [(Box<dyn AnyRule>, RowMask, Options, &str); 12] = [
        (adam(), plain.clone(), none(), ""),
        (adam(), gradient.clone(), none(), ""),
        (adam(), RowMask::new(words(gpu, &[1; 5])), none(), "w: shape [4] in u32 takes 16 bytes, the row_mask binding has 20"),
        (adam(), RowMask::new(Binding::new(&mask, 2, 14)), none(), "w: the row_mask binding starts at byte 2"),
        (adam(), RowMask::new(unusable), none(), "w: the row_mask buffer"),
        (adam(), value, none(), "w: its row_mask is in the buffer of w's value; WebGPU needs it in one of its own"),
        (adam(), gradient, zero_grad(), "w: its row_mask is in the buffer of w's gradient; WebGPU needs it in one of its own"),
        (Lamb::default().into(), plain.clone(), none(), "w: a row_mask does not go with Lamb, which has sums over whole tensors"),
        (Adafactor::default().into(), own.clone(), none(), "w: a row_mask does not go with Adafactor, which has sums over whole tensors"),
        (MadGrad::default().into(), own.clone(), none(), "w: a row_mask does not go with MadGrad, which keeps values in its state"),
        (Rprop::default().into(), plain.clone(), none(), "w: a row_mask does not go with Rprop, whose first step is not like the others"),
        (NAdam::default().into(), own.clone(), none(), "w: a row_mask does not go with NAdam, which forms the scalars of a step from"),
    ];
    for (rule, mask, options, expected) in cases {
        let (name, got) = (rule.name(), made(rule, mask, options));
        assert!(got.starts_with(expected) && got.is_empty() == expected.is_empty(), "{name}: {got}");
    }
    assert_eq!(made(Adopt::default().into(), own, none()), "");
    let twin = CpuOptimizer::<f32>::new(Adam::default(), [masked("w", &[4, 3], vec![1; 5], false)]).err();
    assert_eq!(twin.map(|error| error.to_string()), Some("w: the row_mask must have 4 elements, got 5".into()));
    let mut twin = CpuOptimizer::<f32>::new(Adam::default(), [("w", 3)])?;
    assert_eq!(twin.set_row_mask("w", &[1]), Err(Error::NotEnabled { what: "set_row_mask", needs: "CpuParam::row_mask" }));
    assert!(matches!(twin.set_row_mask("v", &[1]), Err(Error::UnknownName { .. })));
    Ok(())
}

/// With WebGPU's 8 storage buffers, one is missing for rows that count their own steps beside everything else.
pub(super) fn too_many_buffers(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", [4, 3]), ("scales", [4, 3])])?;
    let scales = Tensors::new(&gpu.device, [("scales", [4, 1])])?;
    let lr_scales = Some(wgpu_optim::LrScales { binding: scales.value("scales")?.clone(), shape: vec![4, 1] });
    let made = |own_steps| {
        let row_mask = Some(RowMask { own_steps, ..RowMask::new(words(gpu, &[1; 4])) });
        let param = Param { row_mask, lr_scales: lr_scales.clone(), ..tensors.params()[0].clone() };
        let options = Options { measure_update: true, ..Options::default() };
        Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(Adam::default(), [param])], options).map(drop)
    };
    made(false)?;
    match made(true) {
        Err(Error::Limit { needed: 9, limit: "max_storage_buffers_per_shader_stage", allowed: 8, .. }) => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}
