//! What cannot be stored in fewer bits is refused, on both sides with the same words.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Scene, Style};
use wgpu_optim::{AdamW, Binding, Came, Dtype, Group, Options, Param, RowChange, StateStorage, wgpu};

use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    vec![
        contexts[0].trial("storage/refusals/parameters".into(), parameters),
        contexts[0].trial("storage/refusals/changes".into(), changes),
        contexts[0].trial("storage/refusals/small-ones-stay-f32".into(), small),
    ]
}

fn options(dtype: Dtype) -> Options {
    Options { state: StateStorage { least: 1, ..StateStorage::all(dtype) }, ..Default::default() }
}

fn parameters(gpu: &Gpu) -> Outcome {
    let mask = CpuRowMask { words: vec![1; 100], own_steps: false };
    let masked = || CpuParam { row_mask: Some(mask.clone()), ..CpuParam::new("w", &[100, 50]) };
    let adamw: fn() -> Box<dyn AnyRule> = || AdamW::default().into();
    let came: fn() -> Box<dyn AnyRule> = || Came::default().into();
    let cases = [
        (
            adamw,
            masked(),
            Dtype::Dynamic8,
            "w: its state \"m\" cannot be stored as Dynamic8: blocks of 256 elements share a scale, which rows that are not updated would follow",
        ),
        (
            came,
            CpuParam::new("w", &[100, 52]),
            Dtype::Dynamic8,
            "w: its state \"m\" cannot be stored as Dynamic8: blocks of 256 elements share a scale, and Came goes by rows and columns",
        ),
        (
            came,
            CpuParam::new("w", &[100, 50]),
            Dtype::Bf16,
            "w: its state \"m\" cannot be stored as Bf16: two numbers share a word, and its rows of 50 elements begin within words",
        ),
    ];
    for (rule, param, dtype, expected) in cases {
        let groups = || vec![Group::new(rule(), [param.clone()])];
        let on_host = CpuOptimizer::<f32>::with_options(groups(), options(dtype)).err().map(|error| error.to_string()).unwrap_or_default();
        let on_gpu = Scene::with_options(gpu, groups(), options(dtype), Style::Tensors, 1).err().map(|failure| failure.0);
        assert!(on_host.starts_with(expected), "{on_host}");
        assert_eq!(on_gpu, Some(on_host));
    }
    // Rows that are masked can be in 16 bits, and so can a matrix whose rows are of whole vectors.
    for (rule, param) in [(adamw, masked()), (came, CpuParam::new("w", &[100, 52]))] {
        for dtype in [Dtype::Bf16, Dtype::F16] {
            let mut scene = Scene::with_options(gpu, vec![Group::new(rule(), [param.clone()])], options(dtype), Style::Tensors, 1)?;
            for _ in 0..3 {
                scene.step(|_| true)?;
                scene.check()?;
            }
        }
    }
    Ok(())
}

fn changes(gpu: &Gpu) -> Outcome {
    let groups = vec![Group::new(AdamW::default(), [CpuParam::new("w", &[100, 25])])];
    let mut scene = Scene::with_options(gpu, groups, options(Dtype::Bf16), Style::Tensors, 1)?;
    scene.step(|_| true)?;
    let message = |error: Option<wgpu_optim::Error>| error.map(|error| error.to_string()).unwrap_or_default();
    let other = options(Dtype::F16);
    let told = message(scene.optimizer.set_options(other).err());
    assert!(told.contains("options store states as others than before"), "{told}");
    assert_eq!(message(scene.twin.set_options(other).err()), told);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    assert_eq!(message(scene.optimizer.change_options(&mut encoder, other).err()), told);
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let buffer = |size| gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    let param = |rows: usize| Param::new("w", &[rows, 25], Binding::prefix(&buffer(40_000)), Binding::prefix(&buffer(40_000)));
    let told = message(scene.optimizer.resize_rows(&mut encoder, [param(120)]).err());
    assert!(told.starts_with("w: two of its numbers share a word, and a row has 25"), "{told}");
    let rows = Binding::prefix(&buffer(400));
    let change = RowChange { rows, params: vec![param(100)], values: true };
    assert_eq!(message(scene.optimizer.change_rows(&mut encoder, change).err()), told);
    let values = vec![wgpu_optim::rule::Bounded::default(); 3000];
    assert_eq!(message(scene.twin.resize_rows([(CpuParam::new("w", &[120, 25]), &values[..])]).err()), told);
    let rows = Binding::prefix(&buffer(400));
    let told = message(scene.optimizer.scale_state(&mut encoder, "w", "m", rows, 0.0).err());
    assert!(told.contains("\"m\" is stored in 16 bits, which scale_state does not scale"), "{told}");
    // After all that it is as it was.
    scene.step(|_| true)?;
    Ok(scene.check()?)
}

/// Below `least`, states are f32: 8 bytes for an element.
fn small(gpu: &Gpu) -> Outcome {
    for (elements, bytes) in [(4095_usize, 8 * 4096), (4096, 2 * 4096 + 2 * 256)] {
        let options = Options { state: StateStorage::all(Dtype::Dynamic8), ..Default::default() };
        let groups = vec![Group::new(AdamW::default(), [CpuParam::new("w", &[elements])])];
        let scene = Scene::with_options(gpu, groups, options, Style::Tensors, 1)?;
        assert_eq!(scene.optimizer.state_bytes(), bytes);
    }
    Ok(())
}
