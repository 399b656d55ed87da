//! `Scene`: parameters in buffers between sentinels, an optimizer over them, and the CPU twin beside it.

use pollster::block_on;

use super::layout::{POISON, Place, described, lay_out};
use super::{Failure, Outcome, Style, compare, inputs};
use crate::adapter::Gpu;
use crate::cpu::{CpuOptimizer, CpuParam};
use crate::rule::{AnyRule, Bounded};
use crate::step::ACCUMULATED;
use crate::{Error, Group, Optimizer, Options, Param, View};

/// What belongs to nobody, beside values: a number, since a NaN that is wrongly updated may stay the same NaN.
const SENTINEL: f32 = 12_345.678;

/// Parameters laid out in buffers, surrounded by sentinels, an optimizer over them, and the truth running alongside.
///
/// ```
/// use wgpu_optim::adapter::{DeviceLimits, request};
/// use wgpu_optim::testing::{Failure, STYLES, Scene};
/// use wgpu_optim::{Adam, testing};
///
/// # fn main() -> Result<(), Failure> {
/// # let Ok(gpu) = pollster::block_on(request(DeviceLimits::Adapter)) else { return Ok(()) };
/// // let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
/// for style in STYLES {
///     let mut scene = Scene::new(&gpu, &Adam::default(), style, &[5, 300], 1)?;
///     scene.step(|_| true)?; // on the GPU and in the twin
///     scene.check()?;
///     testing::must_fail("a step of the GPU alone", {
///         scene.submit(|optimizer, encoder| Ok(optimizer.step(encoder)))?;
///         scene.check()
///     })?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Scene<'a> {
    gpu: &'a Gpu,
    options: Options,
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
    /// The truth's optimizer.
    pub twin: CpuOptimizer<Bounded>,
    /// What the values should be.
    pub truth: Vec<Vec<Bounded>>,
    /// What the twin refused first since the last check, which the GPU has to tell.
    refused: Option<Error>,
    seed: u64,
    steps: u64,
}

impl<'a> Scene<'a> {
    /// One group of parameters of these lengths.
    ///
    /// # Errors
    ///
    /// A rule that is refused, or a device that lacks what the buffers need.
    pub fn new(gpu: &'a Gpu, rule: &dyn AnyRule, style: Style, lens: &[usize], seed: u64) -> Result<Self, Failure> {
        Self::with_groups(gpu, vec![(rule.boxed(), lens.to_vec())], style, seed)
    }

    /// Several groups, each with its rule and the lengths of its parameters.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::new`].
    pub fn with_groups(gpu: &'a Gpu, groups: Vec<(Box<dyn AnyRule>, Vec<usize>)>, style: Style, seed: u64) -> Result<Self, Failure> {
        let mut index = 0;
        let mut param = |len: usize| {
            index += 1;
            CpuParam::new(format!("p{}-n{len}", index - 1), &[len])
        };
        let group = |(rule, lens): (Box<dyn AnyRule>, Vec<usize>)| Group::new(rule, lens.into_iter().map(&mut param).collect::<Vec<_>>());
        let groups: Vec<Group<CpuParam>> = groups.into_iter().map(group).collect();
        Self::with_options(gpu, groups, Options::default(), style, seed)
    }

    /// A scene of several groups whose steps do more than their rules. Scales of the learning rate are in a buffer of their own.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::new`], and options that are refused.
    pub fn with_options(gpu: &'a Gpu, groups: Vec<Group<CpuParam>>, options: Options, style: Style, seed: u64) -> Result<Self, Failure> {
        let all: Vec<&CpuParam> = groups.iter().flat_map(|group| &group.params).collect();
        let lens: Vec<usize> = all.iter().map(|param| param.shape.iter().product()).collect();
        let names: Vec<String> = all.iter().map(|param| param.name.clone()).collect();
        let (buffers, places, params) = lay_out(gpu, style, &names, &lens)?;
        let params: Vec<Param> = params.into_iter().zip(&all).map(|(param, own)| described(gpu, param, own)).collect();
        let mut rest = params.iter().cloned();
        let group = |group: &Group<CpuParam>| Group {
            name: group.name.clone(),
            rule: group.rule.clone(),
            params: rest.by_ref().take(group.params.len()).collect(),
            clip: group.clip,
            schedules: group.schedules.clone(),
        };
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups.iter().map(group).collect::<Vec<_>>(), options)?;
        let twin = CpuOptimizer::with_options(groups, options)?;
        let values: Vec<Vec<f32>> = lens.iter().enumerate().map(|(index, &len)| inputs::values(seed + index as u64, len)).collect();
        let truth = values.iter().map(|values| values.iter().copied().map(Bounded::given).collect()).collect();
        let sentinel = |index: usize| if places.iter().any(|(value, _)| value.0 == index) { SENTINEL } else { POISON };
        let blank = |(index, buffer): (usize, &wgpu::Buffer)| vec![sentinel(index).to_bits(); buffer.size() as usize / 4];
        let image = buffers.iter().enumerate().map(blank).collect();
        let mut scene =
            Scene { gpu, options, optimizer, names, params, lens, buffers, places, image, twin, truth, refused: None, seed, steps: 0 };
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

    /// These values, before the first step.
    pub fn set_values(&mut self, values: &[Vec<f32>]) {
        for (index, values) in values.iter().enumerate() {
            self.put(self.places[index].0, values);
            self.truth[index] = values.iter().copied().map(Bounded::given).collect();
        }
        self.upload();
    }

    /// New gradients for every parameter, times the loss scale.
    pub fn next_gradients(&mut self) -> Vec<Vec<f32>> {
        self.steps += 1;
        let scale = self.twin.report().map_or(1.0, |report| report.loss_scale.value) as f32;
        let seed = |index: usize| self.seed + 1000 * self.steps + index as u64;
        let scaled = |gradients: Vec<f32>| gradients.into_iter().map(|g| scale * g).collect();
        let gradients = self.lens.iter().enumerate().map(|(index, &len)| scaled(inputs::gradients(seed(index), len)));
        let gradients: Vec<Vec<f32>> = gradients.collect();
        self.set_gradients(&gradients);
        gradients
    }

    /// Expects these gradients from now on.
    pub fn believe_gradients(&mut self, gradients: &[Vec<f32>]) {
        for (index, gradient) in gradients.iter().enumerate() {
            self.put(self.places[index].1, gradient);
        }
    }

    /// These gradients.
    pub fn set_gradients(&mut self, gradients: &[Vec<f32>]) {
        self.believe_gradients(gradients);
        for (index, gradient) in gradients.iter().enumerate() {
            let (buffer, at) = self.places[index].1;
            self.gpu.queue.write_buffer(&self.buffers[buffer], 4 * at as u64, bytemuck::cast_slice(gradient));
        }
    }

    /// New contents, positive, for the states that the caller writes.
    fn next_inputs(&mut self, active: impl Fn(usize) -> bool) -> Outcome {
        let all: Vec<_> = (0_usize..).map_while(|group| self.optimizer.rule(group)).flat_map(|rule| rule.inputs()).copied().collect();
        for (index, name) in self.names.iter().enumerate().filter(|(index, _)| active(*index)) {
            for input in all.iter().filter(|input| self.optimizer.state_parts(name, input).is_ok()) {
                let data = inputs::gradients(self.seed + 2000 * self.steps + index as u64, self.lens[index]);
                let data: Vec<f32> = data.into_iter().map(f32::abs).collect();
                self.optimizer.write_state(name, input, &data)?;
                self.twin.state_mut(name, input)?.iter_mut().zip(data).for_each(|(state, x)| *state = Bounded::given(x));
            }
        }
        Ok(())
    }

    /// One step on the GPU and in the truth; `active` says which parameters the truth moves.
    ///
    /// # Errors
    ///
    /// What a step on the CPU refuses, other than what the GPU has to tell too.
    pub fn step(&mut self, active: impl Fn(usize) -> bool) -> Outcome {
        let gradients = self.next_gradients();
        self.step_with(&gradients, active)
    }

    /// A step of all parameters, some of whose gradients are NaN or infinite ([`inputs::spoil`]).
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn rough_step(&mut self) -> Outcome {
        let (step, mut gradients) = (self.steps as usize, self.next_gradients());
        gradients.iter_mut().for_each(|gradient| inputs::spoil(step, gradient));
        self.set_gradients(&gradients);
        self.step_with(&gradients, |_| true)
    }

    /// One step with the gradients that are there, which these are.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn step_with(&mut self, gradients: &[Vec<f32>], active: impl Fn(usize) -> bool) -> Outcome {
        self.next_inputs(&active)?;
        self.submit(|optimizer, encoder| {
            optimizer.step(encoder);
            Ok(())
        })?;
        self.read_gradients(&active);
        let gradients = bounded(gradients);
        let mut truth: Vec<&mut [Bounded]> = self.truth.iter_mut().map(Vec::as_mut_slice).collect();
        let stepped = self.twin.step(&mut truth, &optional(&gradients, active));
        self.expect(stepped)
    }

    /// One micro-batch, likewise.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn accumulate(&mut self, active: impl Fn(usize) -> bool) -> Outcome {
        let gradients = self.next_gradients();
        self.submit(|optimizer, encoder| optimizer.accumulate(encoder))?;
        self.read_gradients(&active);
        let gradients = bounded(&gradients);
        let accumulated = self.twin.accumulate(&optional(&gradients, active));
        self.expect(accumulated)
    }

    /// Other options from now on.
    ///
    /// # Errors
    ///
    /// Options that either side refuses.
    pub fn set_options(&mut self, options: Options) -> Outcome {
        self.optimizer.set_options(options)?;
        self.options = options;
        Ok(self.twin.set_options(options)?)
    }

    /// An average is shown, or no more, likewise.
    ///
    /// # Errors
    ///
    /// An average that the options do not keep.
    pub fn swap(&mut self, average: &str) -> Outcome {
        self.submit(|optimizer, encoder| optimizer.swap(encoder, average))?;
        let mut truth: Vec<&mut [Bounded]> = self.truth.iter_mut().map(Vec::as_mut_slice).collect();
        let swapped = self.twin.swap(average, &mut truth);
        self.expect(swapped)
    }

    /// The values to evaluate with are shown, likewise.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn evaluate(&mut self) -> Outcome {
        self.submit(|optimizer, encoder| {
            optimizer.evaluate(encoder);
            Ok(())
        })?;
        let mut truth: Vec<&mut [Bounded]> = self.truth.iter_mut().map(Vec::as_mut_slice).collect();
        let evaluated = self.twin.evaluate(&mut truth);
        self.expect(evaluated)
    }

    /// The trained values are shown again, likewise.
    ///
    /// # Errors
    ///
    /// Those of [`Scene::step`].
    pub fn train(&mut self) -> Outcome {
        self.submit(|optimizer, encoder| {
            optimizer.train(encoder);
            Ok(())
        })?;
        let mut truth: Vec<&mut [Bounded]> = self.truth.iter_mut().map(Vec::as_mut_slice).collect();
        let trained = self.twin.train(&mut truth);
        self.expect(trained)
    }

    /// What a view refuses, the next read-back of the GPU tells.
    fn expect(&mut self, outcome: crate::Result<()>) -> Outcome {
        match outcome {
            Err(error @ Error::InView { .. }) => {
                self.refused.get_or_insert(error);
                Ok(())
            }
            outcome => Ok(outcome?),
        }
    }

    /// One more group, in buffers of its own.
    ///
    /// # Errors
    ///
    /// A group that either side refuses.
    pub fn add_group(&mut self, group: Group<CpuParam>) -> Outcome {
        let first = self.lens.len();
        let lens: Vec<usize> = group.params.iter().map(|param| param.shape.iter().product()).collect();
        let names: Vec<String> = group.params.iter().map(|param| param.name.clone()).collect();
        let (buffers, places, params) = lay_out(self.gpu, Style::Tensors, &names, &lens)?;
        let known = self.buffers.len();
        let moved = |(buffer, at): Place| (known + buffer, at);
        let sentinel = |index: usize| if places.iter().any(|(value, _)| value.0 == index) { SENTINEL } else { POISON };
        self.image.extend(buffers.iter().enumerate().map(|(index, buffer)| vec![sentinel(index).to_bits(); buffer.size() as usize / 4]));
        self.buffers.extend(buffers);
        let params: Vec<Param> = params.into_iter().zip(&group.params).map(|(param, own)| described(self.gpu, param, own)).collect();
        for (index, (place, &len)) in places.iter().zip(&lens).enumerate() {
            let values = inputs::values(self.seed + (first + index) as u64, len);
            self.put(moved(place.0), &values);
            self.truth.push(values.into_iter().map(Bounded::given).collect());
        }
        for index in known..self.buffers.len() {
            self.gpu.queue.write_buffer(&self.buffers[index], 0, bytemuck::cast_slice(&self.image[index]));
        }
        self.places.extend(places.iter().map(|&(value, gradient)| (moved(value), moved(gradient))));
        self.params.extend(params.iter().cloned());
        self.lens.extend(lens);
        self.names.extend(names);
        let own =
            Group { name: group.name.clone(), rule: group.rule.clone(), params, clip: group.clip, schedules: group.schedules.clone() };
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.optimizer.add_group(&mut encoder, own)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(self.twin.add_group(group)?)
    }

    /// Submits what is recorded.
    ///
    /// # Errors
    ///
    /// What `record` returns.
    pub fn submit(&self, record: impl FnOnce(&Optimizer, &mut wgpu::CommandEncoder) -> crate::Result<()>) -> Outcome {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&self.optimizer, &mut encoder)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    /// Gradients that were read are zero from then on, if that is asked for.
    fn read_gradients(&mut self, active: impl Fn(usize) -> bool) {
        let zeroes = self.options.zero_grad && self.twin.view() == View::Trained;
        let zeroed: Vec<usize> = (0..self.lens.len()).filter(|&index| zeroes && active(index)).collect();
        for index in zeroed {
            self.put(self.places[index].1, &vec![0.0; self.lens[index]]);
        }
    }

    /// Compares every value, every state and every step count with the truth, and every other byte with what was there. Averages only while no other
    /// values than the trained ones are shown.
    ///
    /// # Errors
    ///
    /// The first number that is not what the twin says, or a byte that was overwritten.
    pub fn check(&mut self) -> Outcome {
        if let Some(refused) = self.refused.take() {
            match block_on(self.optimizer.report()) {
                Err(told) if tells(&told, &refused) => {}
                told => return Err(Failure(format!("{refused}: expected, but told was {told:?}"))),
            }
        }
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
                let Ok(truth) = self.twin.state(name, state) else { continue };
                let got = block_on(self.optimizer.read_state(name, state))?;
                compare(&format!("step {}: {name} state {state}", self.steps), &got, truth)?;
            }
        }
        let (steps, expected) = (block_on(self.optimizer.read_steps())?, self.twin.steps());
        match steps == expected {
            true => Ok(()),
            false => Err(Failure(format!("step counts are {steps:?}, expected {expected:?}"))),
        }
    }

    /// Compares every value with the truth.
    ///
    /// # Errors
    ///
    /// The first value that is not what the twin says.
    pub fn check_values(&self) -> Outcome {
        for (name, truth) in self.names.iter().zip(&self.truth) {
            compare(name, &block_on(self.optimizer.read_shown(name))?, truth)?;
        }
        Ok(())
    }

    /// The values and all states of every parameter.
    ///
    /// # Errors
    ///
    /// A read-back that fails.
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

    /// What is kept of a parameter.
    pub fn states(&self, name: &str) -> Vec<&'static str> {
        let all = (0_usize..).map_while(|group| self.optimizer.rule(group)).flat_map(|rule| rule.states()).map(|state| state.name);
        let all = all.chain([ACCUMULATED, "slow", "ema", "swa"]);
        let mut states: Vec<_> = all.filter(|state| self.optimizer.state_parts(name, state).is_ok()).collect();
        states.sort_unstable();
        states.dedup();
        states
    }

    fn download(&self, buffer: &wgpu::Buffer) -> Result<Vec<u32>, Failure> {
        Ok(block_on(crate::gpu::read(&self.gpu.device, &self.gpu.queue, buffer, 0, buffer.size() / 4))?)
    }
}

fn bounded(gradients: &[Vec<f32>]) -> Vec<Vec<Bounded>> {
    gradients.iter().map(|gradient| gradient.iter().copied().map(Bounded::given).collect()).collect()
}

/// Whether an error is this refusal; of those that come in a view, the GPU tells the first one, and how many there were.
fn tells(told: &Error, refused: &Error) -> bool {
    match (told, refused) {
        (Error::InView { what, view, .. }, Error::InView { what: first, view: shown, .. }) => {
            view == shown && what.starts_with(first.as_str())
        }
        _ => told == refused,
    }
}

/// The gradients of those that are active.
fn optional(gradients: &[Vec<Bounded>], active: impl Fn(usize) -> bool) -> Vec<Option<&[Bounded]>> {
    gradients.iter().enumerate().map(|(index, gradient)| active(index).then_some(&gradient[..])).collect()
}
