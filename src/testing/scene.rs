use pollster::block_on;

use super::{Failure, Outcome, compare, inputs};
use crate::adapter::Gpu;
use crate::cpu::CpuOptimizer;
use crate::rule::{AnyRule, Bounded};
use crate::{Binding, Group, Optimizer, Param, Tensors};

/// What belongs to nobody, beside values: a number, since a NaN that is wrongly updated may stay the same NaN.
const SENTINEL: f32 = 12_345.678;
/// The same in buffers of gradients only, where it is wrongly read or not at all.
const POISON: f32 = f32::NAN;

/// How parameters lie in buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The crate's own allocator.
    Tensors,
    /// Each tensor in a buffer of its own, exactly as long.
    Separate,
    /// All values in one buffer, all gradients in another, with one sentinel between tensors, so at any offset.
    Packed,
    /// Everything in one buffer, values and gradients in turn.
    Single,
    /// Everything in one buffer, first all values, then, more than 64 KiB further, all gradients.
    Far,
}

/// All of them.
pub const STYLES: [Style; 5] = [Style::Tensors, Style::Separate, Style::Packed, Style::Single, Style::Far];

/// Where a tensor is: buffer and first element.
type Place = (usize, usize);

/// Parameters laid out in buffers, surrounded by sentinels, an optimizer over them, and the truth running alongside.
pub struct Scene<'a> {
    gpu: &'a Gpu,
    /// The optimizer; another over the same parameters may take its place.
    pub optimizer: Optimizer,
    /// The parameters' names.
    pub names: Vec<String>,
    /// The parameters.
    pub params: Vec<Param>,
    lens: Vec<usize>,
    buffers: Vec<wgpu::Buffer>,
    places: Vec<(Place, Place)>,
    /// What the host believes each buffer to hold, values aside.
    image: Vec<Vec<u32>>,
    twin: CpuOptimizer<Bounded>,
    /// What the values should be.
    pub truth: Vec<Vec<Bounded>>,
    seed: u64,
    steps: u64,
}

impl<'a> Scene<'a> {
    /// One group of parameters of these lengths.
    pub fn new(gpu: &'a Gpu, rule: &dyn AnyRule, style: Style, lens: &[usize], seed: u64) -> Result<Self, Failure> {
        Self::with_groups(gpu, vec![(rule.boxed(), lens.to_vec())], style, seed)
    }

    /// Several groups, each with its rule and the lengths of its parameters.
    pub fn with_groups(gpu: &'a Gpu, groups: Vec<(Box<dyn AnyRule>, Vec<usize>)>, style: Style, seed: u64) -> Result<Self, Failure> {
        let lens: Vec<usize> = groups.iter().flat_map(|(_, lens)| lens.clone()).collect();
        let names: Vec<String> = lens.iter().enumerate().map(|(index, len)| format!("p{index}-n{len}")).collect();
        let (buffers, places, params) = lay_out(gpu, style, &names, &lens)?;
        let mut rest = params.iter().cloned();
        let group = |(rule, lens): &(Box<dyn AnyRule>, Vec<usize>)| Group::new(rule.clone(), rest.by_ref().take(lens.len()));
        let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups.iter().map(group).collect::<Vec<_>>())?;
        let mut rest = names.iter().map(String::as_str).zip(lens.iter().copied());
        let group = |(rule, lens): &(Box<dyn AnyRule>, Vec<usize>)| (rule.clone(), rest.by_ref().take(lens.len()).collect::<Vec<_>>());
        let twin = CpuOptimizer::with_groups(groups.iter().map(group).collect::<Vec<_>>())?;
        let values: Vec<Vec<f32>> = lens.iter().enumerate().map(|(index, &len)| inputs::values(seed + index as u64, len)).collect();
        let truth = values.iter().map(|values| values.iter().copied().map(Bounded::given).collect()).collect();
        let sentinel = |index: usize| if places.iter().any(|(value, _)| value.0 == index) { SENTINEL } else { POISON };
        let blank = |(index, buffer): (usize, &wgpu::Buffer)| vec![sentinel(index).to_bits(); buffer.size() as usize / 4];
        let image = buffers.iter().enumerate().map(blank).collect();
        let mut scene = Scene { gpu, optimizer, names, params, lens, buffers, places, image, twin, truth, seed, steps: 0 };
        for (&(place, _), values) in scene.places.clone().iter().zip(&values) {
            scene.put(place, values);
        }
        scene.upload();
        Ok(scene)
    }

    fn put(&mut self, (buffer, at): Place, data: &[f32]) {
        let words = data.iter().map(|x| x.to_bits());
        self.image[buffer].splice(at..at + data.len(), words).for_each(drop);
    }

    fn upload(&self) {
        for (buffer, image) in self.buffers.iter().zip(&self.image) {
            self.gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(image));
        }
    }

    /// New gradients for every parameter.
    pub fn next_gradients(&mut self) -> Vec<Vec<f32>> {
        self.steps += 1;
        let seed = |index: usize| self.seed + 1000 * self.steps + index as u64;
        let gradients: Vec<Vec<f32>> = self.lens.iter().enumerate().map(|(index, &len)| inputs::gradients(seed(index), len)).collect();
        for (index, gradient) in gradients.iter().enumerate() {
            let (buffer, at) = self.places[index].1;
            self.put((buffer, at), gradient);
            self.gpu.queue.write_buffer(&self.buffers[buffer], 4 * at as u64, bytemuck::cast_slice(gradient));
        }
        gradients
    }

    /// New contents, positive, for the states that the caller writes.
    fn next_inputs(&mut self, taking_part: impl Fn(usize) -> bool) -> Outcome {
        let all: Vec<_> = (0..).map_while(|group| self.optimizer.rule(group)).flat_map(|rule| rule.inputs()).copied().collect();
        for (index, name) in self.names.iter().enumerate().filter(|(index, _)| taking_part(*index)) {
            for input in all.iter().filter(|input| self.optimizer.state(name, input).is_ok()) {
                let data = inputs::gradients(self.seed + 2000 * self.steps + index as u64, self.lens[index]);
                let data: Vec<f32> = data.into_iter().map(f32::abs).collect();
                self.optimizer.write_state(name, input, &data)?;
                self.twin.state_mut(name, input)?.iter_mut().zip(data).for_each(|(state, x)| *state = Bounded::given(x));
            }
        }
        Ok(())
    }

    /// One step on the GPU and in the truth; `taking_part` says which parameters the truth moves.
    pub fn step(&mut self, taking_part: impl Fn(usize) -> bool) -> Outcome {
        let gradients = self.next_gradients();
        self.next_inputs(&taking_part)?;
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.optimizer.step(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
        let gradients: Vec<Vec<Bounded>> = gradients.iter().map(|g| g.iter().copied().map(Bounded::given).collect()).collect();
        let gradients: Vec<Option<&[Bounded]>> = gradients.iter().enumerate().map(|(i, g)| taking_part(i).then_some(&g[..])).collect();
        let mut truth: Vec<&mut [Bounded]> = self.truth.iter_mut().map(Vec::as_mut_slice).collect();
        Ok(self.twin.step(&mut truth, &gradients)?)
    }

    /// Compares every value, every state and every step count with the truth, and every other byte with what was there.
    pub fn check(&mut self) -> Outcome {
        for index in 0..self.buffers.len() {
            let mut found = self.download(&self.buffers[index])?;
            for (param, &((buffer, at), _)) in self.places.iter().enumerate().filter(|(_, (value, _))| value.0 == index) {
                let values: Vec<f32> = found[at..at + self.lens[param]].iter().copied().map(f32::from_bits).collect();
                compare(&format!("step {}: {} value", self.steps, self.names[param]), &values, &self.truth[param])?;
                found[at..at + self.lens[param]].copy_from_slice(&self.image[buffer][at..at + self.lens[param]]);
            }
            if let Some(at) = (0..found.len()).find(|&at| found[at] != self.image[index][at]) {
                return Err(format!("step {}: buffer {index}: word {at}, which is no value, was changed", self.steps).into());
            }
        }
        for name in &self.names {
            for state in self.states(name) {
                let got = block_on(self.optimizer.read_state(name, state))?;
                compare(&format!("step {}: {name} state {state}", self.steps), &got, self.twin.state(name, state)?)?;
            }
        }
        let (steps, expected) = (block_on(self.optimizer.read_steps())?, self.twin.steps());
        match steps == expected {
            true => Ok(()),
            false => Err(Failure(format!("step counts are {steps:?}, expected {expected:?}"))),
        }
    }

    /// Compares every value with the truth.
    pub fn check_values(&self) -> Outcome {
        for (name, truth) in self.names.iter().zip(&self.truth) {
            compare(name, &block_on(self.optimizer.read_value(name))?, truth)?;
        }
        Ok(())
    }

    /// The values and all states of every parameter.
    pub fn read(&self) -> Result<Vec<Vec<f32>>, Failure> {
        let mut all = Vec::new();
        for name in &self.names {
            all.push(block_on(self.optimizer.read_value(name))?);
            for state in self.states(name) {
                all.push(block_on(self.optimizer.read_state(name, state))?);
            }
        }
        Ok(all)
    }

    /// The states in use of a parameter.
    pub fn states(&self, name: &str) -> Vec<&'static str> {
        let all = (0..).map_while(|group| self.optimizer.rule(group)).flat_map(|rule| rule.states()).map(|state| state.name);
        let mut states: Vec<_> = all.filter(|state| self.optimizer.state(name, state).is_ok()).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    fn download(&self, buffer: &wgpu::Buffer) -> Result<Vec<u32>, Failure> {
        Ok(block_on(crate::gpu::read(&self.gpu.device, &self.gpu.queue, buffer, 0, buffer.size() / 4))?)
    }
}

type Layout = (Vec<wgpu::Buffer>, Vec<(Place, Place)>, Vec<Param>);

fn lay_out(gpu: &Gpu, style: Style, names: &[String], lens: &[usize]) -> Result<Layout, Failure> {
    if style == Style::Tensors {
        let tensors = Tensors::new(&gpu.device, names.iter().zip(lens.iter().map(|&len| [len])))?;
        let params = tensors.params();
        let mut buffers: Vec<wgpu::Buffer> = Vec::new();
        let mut place = |binding: &Binding| {
            let index = buffers.iter().position(|buffer| buffer == binding.buffer()).unwrap_or_else(|| {
                buffers.push(binding.buffer().clone());
                buffers.len() - 1
            });
            (index, binding.offset() as usize / 4)
        };
        let places = params.iter().map(|param| (place(&param.value), place(&param.gradient))).collect();
        return Ok((buffers, places, params));
    }
    let mut ends: Vec<usize> = Vec::new();
    let mut place = |buffer: usize, gap: usize, len: usize| {
        ends.resize(ends.len().max(buffer + 1), 0);
        let at = ends[buffer] + gap;
        ends[buffer] = at + len + gap;
        (buffer, at)
    };
    let mut places: Vec<(Place, Place)> = lens
        .iter()
        .enumerate()
        .map(|(index, &len)| match style {
            Style::Separate => (place(2 * index, 0, len), place(2 * index + 1, 0, len)),
            Style::Packed => (place(0, 1, len), place(1, 2, len)),
            _ => (place(0, 1, len), if style == Style::Single { place(0, 1, len) } else { (0, 0) }),
        })
        .collect();
    if style == Style::Far {
        place(0, 40_000, 0);
        for (places, &len) in places.iter_mut().zip(lens) {
            places.1 = place(0, 3, len);
        }
    }
    use wgpu::BufferUsages as Usage;
    let usage = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    let buffer = |&end: &usize| {
        gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * end as u64, usage, mapped_at_creation: false })
    };
    let buffers: Vec<wgpu::Buffer> = ends.iter().map(buffer).collect();
    let binding = |(buffer, at): Place, len: usize| Binding::new(&buffers[buffer], 4 * at as u64, 4 * len as u64);
    let param = |((name, &len), &(value, gradient)): ((&String, &usize), &(Place, Place))| {
        Param::new(name, &[len], binding(value, len), binding(gradient, len))
    };
    let params = names.iter().zip(lens).zip(&places).map(param).collect();
    Ok((buffers, places, params))
}
