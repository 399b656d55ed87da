//! The two executors behind one face, for a replay.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Group, Optimizer, Result, RowMask, Tensors, wgpu};

use super::trace::{Gradient, Param, Trace};

/// An optimizer at work: takes gradients, shows what it made of them.
pub trait Backend {
    /// One step; a gradient per parameter of the trace, in order, or none.
    fn step(&mut self, gradients: &[Option<&Gradient>]) -> Result<()>;
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
    params: Vec<Replayed>,
}

/// A parameter on the GPU.
struct Replayed {
    name: String,
    shape: Vec<usize>,
    /// Whether the last step had a gradient.
    is_active: bool,
    /// Where its gradients are of some rows.
    mask: Option<RowMask>,
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
            let own = |param: &Param| Ok(wgpu_optim::Param { row_mask: mask(gpu, param), ..tensors.param(&param.name)?.clone() });
            Ok(Group::new(rule.clone(), group.params.iter().map(own).collect::<Result<Vec<_>>>()?))
        });
        let groups: Vec<Group> = groups.collect::<Result<_>>()?;
        let masks: Vec<Option<RowMask>> = groups.iter().flat_map(|group| &group.params).map(|param| param.row_mask.clone()).collect();
        let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups)?;
        let replayed =
            |(param, mask): (&Param, _)| Replayed { name: param.name.clone(), shape: param.shape.clone(), is_active: true, mask };
        let params = trace.params().zip(masks).map(replayed).collect();
        Ok(OnGpu { gpu, tensors, optimizer, params })
    }
}

/// A row mask for a parameter whose gradients are of some rows.
fn mask(gpu: &Gpu, param: &Param) -> Option<RowMask> {
    let (size, usage) = (4 * param.shape.first().copied().unwrap_or(1) as u64, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST);
    let descriptor = wgpu::BufferDescriptor { label: Some("row mask"), size, usage, mapped_at_creation: false };
    param.has_rows().then(|| RowMask::new(gpu.device.create_buffer(&descriptor)))
}

impl Backend for OnGpu<'_> {
    fn step(&mut self, gradients: &[Option<&Gradient>]) -> Result<()> {
        for (Replayed { name, shape, is_active, mask }, gradient) in self.params.iter_mut().zip(gradients) {
            if *is_active != gradient.is_some() {
                *is_active = gradient.is_some();
                self.optimizer.set_active([&**name], *is_active)?;
            }
            if let Some(gradient) = gradient {
                self.tensors.write_gradient(&self.gpu.queue, name, &gradient.dense(shape))?;
            }
            if let (Some(mask), Some(gradient)) = (mask, gradient) {
                let words: Vec<u8> = gradient.mask(shape).into_iter().flat_map(u32::to_ne_bytes).collect();
                self.gpu.queue.write_buffer(mask.binding.buffer(), 0, &words);
            }
        }
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.optimizer.step(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    fn value(&self, param: usize) -> Result<Vec<f32>> {
        pollster::block_on(self.optimizer.read_value(&self.params[param].name))
    }

    fn state(&self, param: usize, state: &str) -> Result<Vec<f32>> {
        pollster::block_on(self.optimizer.read_state(&self.params[param].name, state))
    }
}

/// The rules' twins, in f32.
pub struct OnCpu {
    optimizer: CpuOptimizer<f32>,
    names: Vec<String>,
    shapes: Vec<Vec<usize>>,
    values: Vec<Vec<f32>>,
}

impl OnCpu {
    /// Copies the trace's initial values.
    pub fn new(trace: &Trace, rules: &[Box<dyn AnyRule>]) -> Result<Self> {
        let groups = trace.groups.iter().zip(rules).map(|(group, rule)| {
            let mask = |param: &Param| param.has_rows().then(|| CpuRowMask { words: vec![0; param.shape[0]], own_steps: false });
            let members = group.params.iter().map(|param| CpuParam { row_mask: mask(param), ..CpuParam::new(&*param.name, &param.shape) });
            Group::new(rule.clone(), members)
        });
        Ok(OnCpu {
            optimizer: CpuOptimizer::with_groups(groups)?,
            names: trace.params().map(|param| param.name.clone()).collect(),
            shapes: trace.params().map(|param| param.shape.clone()).collect(),
            values: trace.params().map(|param| param.initial.clone()).collect(),
        })
    }
}

impl Backend for OnCpu {
    fn step(&mut self, gradients: &[Option<&Gradient>]) -> Result<()> {
        for ((name, shape), gradient) in self.names.iter().zip(&self.shapes).zip(gradients) {
            if let Some(gradient) = gradient.filter(|gradient| gradient.rows.is_some()) {
                self.optimizer.set_row_mask(name, &gradient.mask(shape))?;
            }
        }
        let dense = gradients.iter().zip(&self.shapes).map(|(gradient, shape)| gradient.map(|gradient| gradient.dense(shape)));
        let dense: Vec<Option<Vec<f32>>> = dense.collect();
        let mut values: Vec<&mut [f32]> = self.values.iter_mut().map(Vec::as_mut_slice).collect();
        self.optimizer.step(&mut values, &dense.iter().map(Option::as_deref).collect::<Vec<_>>())
    }

    fn value(&self, param: usize) -> Result<Vec<f32>> {
        Ok(self.values[param].clone())
    }

    fn state(&self, param: usize, state: &str) -> Result<Vec<f32>> {
        Ok(self.optimizer.state(&self.names[param], state)?.to_vec())
    }
}
