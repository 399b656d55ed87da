//! What values and gradients cannot be, and what does not go with some of them, is refused by name, on both sides with the same words.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{AnyRule, Bounded};
use wgpu_optim::testing::{Scene, Style};
use wgpu_optim::{
    AdamW, Bf16Copy, Binding, Dtype, Ema, Error, Group, Optimizer, Options, Param, RowChange, ScheduleFreeSgd, SparseRows, Swa, Tensors,
    wgpu,
};

use super::{DRAWN, WAYS};
use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    vec![
        contexts[0].trial("numbers/refusals/parameters".into(), parameters),
        contexts[0].trial("numbers/refusals/bindings".into(), bindings),
        contexts[0].trial("numbers/refusals/changes".into(), changes),
    ]
}

fn told<T>(result: wgpu_optim::Result<T>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

fn parameters(gpu: &Gpu) -> Outcome {
    let w = || CpuParam::new("w", &[3, 5]);
    let adamw: fn() -> Box<dyn AnyRule> = || AdamW::default().into();
    let free: fn() -> Box<dyn AnyRule> = || ScheduleFreeSgd::default().into();
    let cases = [
        (adamw, CpuParam { value_dtype: Dtype::Dynamic8, ..w() }, "w: values in Dynamic8: values and gradients can be F32, Bf16 or F16"),
        (
            adamw,
            CpuParam { gradient_dtype: Dtype::Dynamic8, ..w() },
            "w: gradient in Dynamic8: values and gradients can be F32, Bf16 or F16",
        ),
        (adamw, CpuParam { master: true, ..w() }, "w: master values are for values in Bf16 or F16, and these are F32"),
        (
            adamw,
            CpuParam { master: true, value_dtype: Dtype::Bf16, rounding: DRAWN, ..w() },
            "w: with master values nothing is lost, and values are rounded to the nearest",
        ),
        (
            free,
            CpuParam { value_dtype: Dtype::F16, ..w() },
            "w: values in F16 do not go with ScheduleFreeSgd, whose state is of values in f32, without master values; set master",
        ),
    ];
    for (rule, param, expected) in cases {
        let groups = || vec![Group::new(rule(), [param.clone()])];
        let on_host = told(CpuOptimizer::<f32>::with_options(groups(), Options::default()));
        assert!(on_host.contains(expected), "{on_host}");
        let style =
            if param.value_dtype == Dtype::Dynamic8 || param.gradient_dtype == Dtype::Dynamic8 { Style::Separate } else { Style::Tensors };
        let on_gpu = Scene::with_options(gpu, groups(), Options::default(), style, 1).err().map(|failure| failure.0);
        assert_eq!(on_gpu, Some(on_host));
    }
    assert!(told(Tensors::with_dtypes(&gpu.device, (Dtype::F32, Dtype::Dynamic8), [("w", [4])])).contains("w: gradient in Dynamic8"));
    Ok(())
}

fn bindings(gpu: &Gpu) -> Outcome {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let buffer = || gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 512, usage, mapped_at_creation: false });
    let (values, gradients) = (buffer(), buffer());
    let at = |buffer: &wgpu::Buffer, offset, size| Binding::new(buffer, offset, size);
    let with = |value: Binding, gradient: Binding| {
        let param = Param { value_dtype: Dtype::Bf16, gradient_dtype: Dtype::F16, ..Param::new("w", &[3, 5], value, gradient) };
        Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), [param]).map(drop)
    };
    assert_eq!(with(at(&values, 4, 32), at(&gradients, 12, 32)), Ok(()));
    let refused = told(with(at(&values, 0, 30), at(&gradients, 0, 32)));
    assert!(refused.starts_with("w: shape [3, 5] in bf16 takes 32 bytes, the value binding has 30"), "{refused}");
    let refused = told(with(at(&values, 0, 60), at(&gradients, 0, 32)));
    assert!(refused.starts_with("w: shape [3, 5] in bf16 takes 32 bytes, the value binding has 60"), "{refused}");
    let refused = told(with(at(&values, 0, 32), at(&gradients, 0, 60)));
    assert!(refused.starts_with("w: shape [3, 5] in f16 takes 32 bytes, the gradient binding has 60"), "{refused}");
    assert!(matches!(with(at(&values, 2, 32), at(&gradients, 0, 32)), Err(Error::Misaligned { .. })));
    assert!(matches!(with(at(&values, 0, 32), at(&gradients, 6, 32)), Err(Error::Misaligned { .. })));
    assert!(matches!(with(at(&values, 0, 32), at(&values, 28, 32)), Err(Error::Overlap { .. })));
    assert_eq!(with(at(&values, 0, 32), at(&values, 32, 32)), Ok(()));
    let copied = Param {
        value_dtype: Dtype::F16,
        bf16_copy: Some(Bf16Copy::new(at(&gradients, 256, 32))),
        ..Param::new("w", &[3, 5], at(&values, 0, 32), at(&gradients, 0, 60))
    };
    let refused = told(Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), [copied]));
    assert!(refused.contains("w: a bf16_copy is of values in F32, and these are F16; use master"), "{refused}");
    // Gradient rows of a row-sparse gradient are as long as their own shape in their own dtype.
    let sparse = |bytes| {
        let own = Some(SparseRows::new(at(&gradients, 256, 8), at(&gradients, 268, 4)));
        let param = Param::new("w", &[3, 5], at(&values, 0, 32), at(&gradients, 0, bytes));
        let param = Param { value_dtype: Dtype::F16, gradient_dtype: Dtype::Bf16, sparse: own, ..param };
        Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), [param]).map(drop)
    };
    assert_eq!(sparse(20), Ok(()));
    let refused = told(sparse(40));
    assert!(refused.starts_with("w: shape [2, 5] in bf16 takes 20 bytes, the gradient binding has 40"), "{refused}");
    Ok(())
}

fn changes(gpu: &Gpu) -> Outcome {
    let way = WAYS[3];
    let options = Options { ema: Some(Ema::default()), ..Options::default() };
    let groups = vec![Group::new(AdamW::default(), [way.of(CpuParam::new("w", &[100, 50]))])];
    let mut scene = Scene::with_options(gpu, groups, options, Style::Tensors, 1)?;
    scene.step(|_| true)?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffer = |size| gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    let param = |rows: usize, dtype| Param {
        value_dtype: dtype,
        gradient_dtype: way.gradient,
        rounding: way.rounding,
        ..Param::new("w", &[rows, 50], Binding::prefix(&buffer(40_000)), Binding::prefix(&buffer(40_000)))
    };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let refused = told(scene.optimizer.resize_rows(&mut encoder, [param(120, way.value)]));
    assert!(refused.contains("w: its average \"ema\" has 32 bits and its values 16"), "{refused}");
    let values = vec![Bounded::default(); 6000];
    assert_eq!(told(scene.twin.resize_rows([(way.of(CpuParam::new("w", &[120, 50])), &values[..])])), refused);
    let other = told(scene.optimizer.resize_rows(&mut encoder, [param(100, Dtype::F32)]));
    assert!(other.contains("w: its values are in F32, and were in Bf16"), "{other}");
    let change = RowChange { rows: Binding::prefix(&buffer(400)), params: vec![param(100, way.value)], values: true };
    assert_eq!(told(scene.optimizer.change_rows(&mut encoder, change)), refused);
    let more = Options { swa: Some(Swa::default()), ..options };
    let refused = told(scene.optimizer.change_options(&mut encoder, more));
    assert!(refused.contains("w: its average \"swa\" would begin now, and its values are in Bf16"), "{refused}");
    let mut slices = scene.truth.clone();
    assert_eq!(told(scene.twin.change_options(&mut slices.iter_mut().map(|own| &mut own[..]).collect::<Vec<_>>(), more)), refused);
    // After all that it is as it was; and averages may go.
    scene.step(|_| true)?;
    scene.check()?;
    let less = Options { ema: None, ..options };
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    scene.optimizer.change_options(&mut encoder, less)?;
    gpu.queue.submit([encoder.finish()]);
    scene.twin.change_options(&mut slices.iter_mut().map(|own| &mut own[..]).collect::<Vec<_>>(), less)?;
    scene.step(|_| true)?;
    Ok(scene.check()?)
}
