//! The two executors behind one face, for a replay.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Group, Optimizer, Result, Tensors};

use super::trace::{Param, Trace};

/// An optimizer at work: takes gradients, shows what it made of them.
pub trait Backend {
    /// One step; a gradient per parameter of the trace, in order, or none.
    fn step(&mut self, gradients: &[Option<&[f32]>]) -> Result<()>;
    /// The values of a parameter, by its place in the trace.
    fn value(&self, param: usize) -> Result<Vec<f32>>;
    /// A state tensor of a parameter, by the rule's name for it.
    fn state(&self, param: usize, state: &str) -> Result<Vec<f32>>;
}

/// The crate's GPU optimizer over its own allocator.
pub struct OnGpu<'a> {
    gpu: &'a Gpu,
    tensors: Tensors,
    optimizer: Optimizer,
    /// Name and whether the last step had a gradient.
    params: Vec<(String, bool)>,
}

impl<'a> OnGpu<'a> {
    /// Allocates the trace's parameters, with their initial values.
    pub fn new(gpu: &'a Gpu, trace: &Trace, rules: &[Box<dyn AnyRule>]) -> Result<Self> {
        let shape = |param: &Param| (param.name.clone(), param.shape.clone());
        let tensors = Tensors::new(&gpu.device, trace.params().map(shape))?;
        for param in trace.params() {
            tensors.write_value(&gpu.queue, &param.name, &param.initial)?;
        }
        let groups = trace.groups.iter().zip(rules).map(|(group, rule)| {
            let params: Result<Vec<_>> = group.params.iter().map(|param| tensors.param(&param.name).cloned()).collect();
            Ok(Group::new(rule.clone(), params?))
        });
        let groups: Vec<Group> = groups.collect::<Result<_>>()?;
        let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups)?;
        let params = trace.params().map(|param| (param.name.clone(), true)).collect();
        Ok(OnGpu { gpu, tensors, optimizer, params })
    }
}

impl Backend for OnGpu<'_> {
    fn step(&mut self, gradients: &[Option<&[f32]>]) -> Result<()> {
        for ((name, active), gradient) in self.params.iter_mut().zip(gradients) {
            if *active != gradient.is_some() {
                *active = gradient.is_some();
                self.optimizer.set_active([&**name], *active)?;
            }
            if let Some(gradient) = gradient {
                self.tensors.write_gradient(&self.gpu.queue, name, gradient)?;
            }
        }
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.optimizer.step(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    fn value(&self, param: usize) -> Result<Vec<f32>> {
        pollster::block_on(self.optimizer.read_value(&self.params[param].0))
    }

    fn state(&self, param: usize, state: &str) -> Result<Vec<f32>> {
        pollster::block_on(self.optimizer.read_state(&self.params[param].0, state))
    }
}

/// The rules' twins, in f32.
pub struct OnCpu {
    optimizer: CpuOptimizer<f32>,
    names: Vec<String>,
    values: Vec<Vec<f32>>,
}

impl OnCpu {
    /// Copies the trace's initial values.
    pub fn new(trace: &Trace, rules: &[Box<dyn AnyRule>]) -> Result<Self> {
        let groups = trace.groups.iter().zip(rules).map(|(group, rule)| {
            let members = group.params.iter().map(|param| CpuParam::new(&*param.name, &param.shape));
            Group::new(rule.clone(), members)
        });
        Ok(OnCpu {
            optimizer: CpuOptimizer::with_groups(groups)?,
            names: trace.params().map(|param| param.name.clone()).collect(),
            values: trace.params().map(|param| param.initial.clone()).collect(),
        })
    }
}

impl Backend for OnCpu {
    fn step(&mut self, gradients: &[Option<&[f32]>]) -> Result<()> {
        let mut values: Vec<&mut [f32]> = self.values.iter_mut().map(Vec::as_mut_slice).collect();
        self.optimizer.step(&mut values, gradients)
    }

    fn value(&self, param: usize) -> Result<Vec<f32>> {
        Ok(self.values[param].clone())
    }

    fn state(&self, param: usize, state: &str) -> Result<Vec<f32>> {
        Ok(self.optimizer.state(&self.names[param], state)?.to_vec())
    }
}
