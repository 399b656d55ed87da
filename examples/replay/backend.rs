//! The two executors behind one face, for a replay.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam, CpuRowMask};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Error, Group, Optimizer, Result, RowMask, SparseRows, Tensors, wgpu};

use super::trace::{Gradient, Param, Trace};

/// An optimizer at work: takes gradients, shows what it made of them.
pub trait Backend {
    /// One step; a gradient per parameter of the trace, in order, or none.
    fn step(&mut self, gradients: &[Option<&Gradient>]) -> Result<()>;
    /// The values of a parameter, by its place in the trace.
    fn value(&self, param: usize) -> Result<Vec<f32>>;
    /// A state tensor of a parameter, by the rule's name for it.
    fn state(&self, param: usize, state: &str) -> Result<Vec<f32>>;
    /// Sets one.
    fn set_state(&mut self, param: usize, state: &str, numbers: &[f32]) -> Result<()>;
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
    rows: Rows,
}

/// How the optimizer is told which rows a gradient is of.
enum Rows {
    All,
    Mask(RowMask),
    Sparse { gradient: wgpu::Buffer, rows: wgpu::Buffer, count: wgpu::Buffer },
}

impl<'a> OnGpu<'a> {
    /// Allocates the trace's parameters, with their initial values.
    pub fn new(gpu: &'a Gpu, trace: &Trace, rules: &[Box<dyn AnyRule>]) -> Result<Self> {
        let shape = |param: &Param| (param.name.clone(), param.shape.clone());
        let tensors = Tensors::new(&gpu.device, trace.params().map(shape))?;
        for param in trace.params() {
            tensors.write_value(&gpu.queue, &param.name, &param.initial)?;
        }
        let mut params = Vec::new();
        let groups = trace.groups.iter().zip(rules).map(|(group, rule)| {
            let own = |param: &Param| {
                let (own, rows) = (tensors.param(&param.name)?.clone(), Rows::of(gpu, trace, param));
                params.push(Replayed { name: param.name.clone(), shape: param.shape.clone(), is_active: true, rows });
                Ok(params.last().map_or(own.clone(), |replayed| replayed.rows.given(own)))
            };
            Ok(Group::new(rule.clone(), group.params.iter().map(own).collect::<Result<Vec<_>>>()?))
        });
        let groups: Vec<Group> = groups.collect::<Result<_>>()?;
        let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups)?;
        Ok(OnGpu { gpu, tensors, optimizer, params })
    }
}

impl Rows {
    /// Of a parameter of a trace.
    fn of(gpu: &Gpu, trace: &Trace, param: &Param) -> Self {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let buffer = |words: usize| {
            let size = 4 * words.max(1) as u64;
            gpu.device.create_buffer(&wgpu::BufferDescriptor { label: Some("rows"), size, usage, mapped_at_creation: false })
        };
        match param.most_rows() {
            None => Rows::All,
            Some(most) if trace.is_sparse() => {
                let gradient = buffer(most * param.shape[1..].iter().product::<usize>());
                Rows::Sparse { gradient, rows: buffer(most), count: buffer(1) }
            }
            Some(_) => Rows::Mask(RowMask::new(buffer(param.shape[0]))),
        }
    }

    /// The parameter with these.
    fn given(&self, param: wgpu_optim::Param) -> wgpu_optim::Param {
        match self {
            Rows::All => param,
            Rows::Mask(mask) => wgpu_optim::Param { row_mask: Some(mask.clone()), ..param },
            Rows::Sparse { gradient, rows, count } => {
                let sparse = Some(SparseRows::new(rows, count));
                wgpu_optim::Param { gradient: gradient.into(), sparse, ..param }
            }
        }
    }
}

fn write(queue: &wgpu::Queue, buffer: &wgpu::Buffer, words: impl IntoIterator<Item = u32>) {
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_ne_bytes).collect();
    queue.write_buffer(buffer, 0, &bytes);
}

impl Backend for OnGpu<'_> {
    fn step(&mut self, gradients: &[Option<&Gradient>]) -> Result<()> {
        for (Replayed { name, shape, is_active, rows }, gradient) in self.params.iter_mut().zip(gradients) {
            if *is_active != gradient.is_some() {
                *is_active = gradient.is_some();
                self.optimizer.set_active([&**name], *is_active)?;
            }
            let (Some(gradient), queue) = (gradient, &self.gpu.queue) else { continue };
            match rows {
                Rows::All => self.tensors.write_gradient(queue, name, &gradient.values)?,
                Rows::Mask(mask) => {
                    self.tensors.write_gradient(queue, name, &gradient.dense(shape))?;
                    write(queue, mask.binding.buffer(), gradient.mask(shape));
                }
                Rows::Sparse { gradient: values, rows, count } => {
                    let own = gradient.rows.as_deref().unwrap_or_default();
                    write(queue, values, gradient.values.iter().map(|x| x.to_bits()));
                    write(queue, rows, own.iter().copied());
                    write(queue, count, [own.len() as u32]);
                }
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

    fn set_state(&mut self, param: usize, state: &str, numbers: &[f32]) -> Result<()> {
        self.optimizer.write_state(&self.params[param].name, state, numbers)
    }
}

/// The rules' twins, in f32.
pub struct OnCpu {
    optimizer: CpuOptimizer<f32>,
    names: Vec<String>,
    shapes: Vec<Vec<usize>>,
    values: Vec<Vec<f32>>,
    is_sparse: bool,
}

impl OnCpu {
    /// Copies the trace's initial values.
    pub fn new(trace: &Trace, rules: &[Box<dyn AnyRule>]) -> Result<Self> {
        let is_sparse = trace.is_sparse();
        let groups = trace.groups.iter().zip(rules).map(|(group, rule)| {
            let members = group.params.iter().map(|param| {
                let (mut own, has_rows) = (CpuParam::new(&*param.name, &param.shape), param.has_rows());
                own.sparse_rows = (has_rows && is_sparse).then(Vec::new);
                own.row_mask = (has_rows && !is_sparse).then(|| CpuRowMask { words: vec![0; param.shape[0]], own_steps: false });
                own
            });
            Group::new(rule.clone(), members)
        });
        Ok(OnCpu {
            optimizer: CpuOptimizer::with_groups(groups)?,
            names: trace.params().map(|param| param.name.clone()).collect(),
            shapes: trace.params().map(|param| param.shape.clone()).collect(),
            values: trace.params().map(|param| param.initial.clone()).collect(),
            is_sparse,
        })
    }
}

impl Backend for OnCpu {
    fn step(&mut self, gradients: &[Option<&Gradient>]) -> Result<()> {
        let mut given: Vec<Option<Vec<f32>>> = Vec::new();
        for ((name, shape), gradient) in self.names.iter().zip(&self.shapes).zip(gradients) {
            let rows = gradient.and_then(|gradient| gradient.rows.as_ref());
            given.push(match (gradient, rows) {
                (Some(gradient), Some(rows)) if self.is_sparse => {
                    self.optimizer.set_sparse_rows(name, rows)?;
                    Some(gradient.values.clone())
                }
                (Some(gradient), Some(_)) => {
                    self.optimizer.set_row_mask(name, &gradient.mask(shape))?;
                    Some(gradient.dense(shape))
                }
                (gradient, _) => gradient.map(|gradient| gradient.values.clone()),
            });
        }
        let mut values: Vec<&mut [f32]> = self.values.iter_mut().map(Vec::as_mut_slice).collect();
        self.optimizer.step(&mut values, &given.iter().map(Option::as_deref).collect::<Vec<_>>())
    }

    fn value(&self, param: usize) -> Result<Vec<f32>> {
        Ok(self.values[param].clone())
    }

    fn state(&self, param: usize, state: &str) -> Result<Vec<f32>> {
        Ok(self.optimizer.state(&self.names[param], state)?.to_vec())
    }

    fn set_state(&mut self, param: usize, state: &str, numbers: &[f32]) -> Result<()> {
        let own = self.optimizer.state_mut(&self.names[param], state)?;
        if own.len() != numbers.len() {
            let (param, needed) = (self.names[param].clone(), own.len() as u64);
            return Err(Error::StateLength { param, state: state.to_owned(), needed, got: numbers.len() as u64 });
        }
        own.copy_from_slice(numbers);
        Ok(())
    }
}
