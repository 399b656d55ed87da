//! Goes on from torch's state after five steps to ten, on both backends.

use libtest_mimic::Failed;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::torch_state;
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::{Group, Optimizer, Tensors};

use super::recorded::Recorded;

/// What came of it.
pub struct Run {
    /// The state dict written right after the one after five steps was taken over, and that after five steps more.
    pub loaded: Vec<u8>,
    pub ended: Vec<u8>,
    pub values: Vec<Vec<f32>>,
    /// The count of all steps.
    pub step: u32,
}

pub fn on_cpu(recorded: &Recorded) -> Result<Run, Failed> {
    let mut optimizer = CpuOptimizer::<f32>::with_groups(recorded.cpu_groups(None)?)?;
    let mut values = values(recorded)?;
    let like = optimizer.checkpoint(Some(&values.iter().map(|own| &**own).collect::<Vec<_>>()))?;
    let state = torch_state::from_bytes(&recorded.state_dict(5)?.bytes()?, &like)?;
    let mut slices: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
    optimizer.restore(&state, Some(&mut slices), Default::default())?;
    let loaded = torch_state::to_bytes(&optimizer.checkpoint(None)?)?;
    for step in 6..=10 {
        let gradients = recorded.gradients(step);
        optimizer.step(&mut slices, &gradients.iter().map(Option::as_deref).collect::<Vec<_>>())?;
    }
    let ended = optimizer.checkpoint(None)?;
    Ok(Run { loaded, ended: torch_state::to_bytes(&ended)?, values, step: ended.progress().step })
}

pub fn on_gpu(gpu: &Gpu, recorded: &Recorded) -> Result<Run, Failed> {
    let (names, mut params) = (&recorded.names, Vec::new());
    for (index, name) in names.iter().enumerate() {
        params.push((name.clone(), recorded.shape(index)?));
    }
    let tensors = Tensors::new(&gpu.device, params)?;
    for (name, value) in names.iter().zip(values(recorded)?) {
        tensors.write_value(&gpu.queue, name, &value)?;
    }
    let mut groups = Vec::new();
    for (rule, params) in recorded.groups()? {
        let params = params.into_iter().map(|param| tensors.param(&names[param]).cloned());
        groups.push(Group::new(rule, params.collect::<Result<Vec<_>, _>>()?));
    }
    let mut optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups)?;
    let like = pollster::block_on(optimizer.checkpoint())?;
    optimizer.restore(&torch_state::from_bytes(&recorded.state_dict(5)?.bytes()?, &like)?, Default::default())?;
    let loaded = torch_state::to_bytes(&pollster::block_on(optimizer.checkpoint())?)?;
    for step in 6..=10 {
        for (name, gradient) in names.iter().zip(recorded.gradients(step)) {
            optimizer.set_active([&**name], gradient.is_some())?;
            if let Some(gradient) = gradient {
                tensors.write_gradient(&gpu.queue, name, &gradient)?;
            }
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
    }
    let ended = pollster::block_on(optimizer.checkpoint())?;
    let value = |name: &String| Ok(ended.tensor(&format!("{name}/value"))?.to_vec());
    let values = names.iter().map(value).collect::<Result<_, Failed>>()?;
    Ok(Run { loaded, ended: torch_state::to_bytes(&ended)?, values, step: ended.progress().step })
}

fn values(recorded: &Recorded) -> Result<Vec<Vec<f32>>, Failed> {
    (0..recorded.names.len()).map(|param| Ok(recorded.tensor("value5", param)?.floats())).collect()
}
