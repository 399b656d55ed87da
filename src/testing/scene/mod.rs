//! `Scene`: parameters in buffers between sentinels, an optimizer over them, and the CPU twin beside it. How it is made and grows; its steps and what
//! is compared after them are beside.

mod check;
mod steps;

use super::layout::{Numbers, POISON, Place, described, lay_out};
use super::{Failure, Outcome, Style, inputs};
use crate::adapter::Gpu;
use crate::cpu::{CpuOptimizer, CpuParam};
use crate::rule::{AnyRule, Bounded};
use crate::{Error, Group, Optimizer, Options, Param};

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
    /// What values and gradients are in buffers.
    numbers: Vec<[Numbers; 2]>,
    buffers: Vec<wgpu::Buffer>,
    places: Vec<(Place, Place)>,
    /// What the host believes each buffer to hold, values aside.
    image: Vec<Vec<u32>>,
    /// The truth's optimizer.
    pub twin: CpuOptimizer<Bounded>,
    /// What the values should be.
    pub truth: Vec<Vec<Bounded>>,
    /// What the row masks show, where there are some.
    masks: Vec<Option<Vec<u32>>>,
    /// What the twin refused first since the last check, which the GPU has to tell.
    refused: Option<Error>,
    /// How many elements may be such as nothing is known of.
    uncertain: usize,
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
        let numbers: Vec<[Numbers; 2]> = all.iter().map(|own| Numbers::of(own)).collect();
        let (buffers, places, params) = lay_out(gpu, style, &names, &numbers, &all)?;
        let params: Vec<Param> = params.into_iter().zip(&all).map(|(param, own)| described(gpu, param, own)).collect();
        let masks = all.iter().map(|param| param.row_mask.as_ref().map(|mask| mask.words.clone())).collect();
        let mut rest = params.iter().cloned();
        let group = |group: &Group<CpuParam>| with_params(group, rest.by_ref().take(group.params.len()).collect());
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups.iter().map(group).collect::<Vec<_>>(), options)?;
        let twin = CpuOptimizer::with_options(groups, options)?;
        let values: Vec<Vec<f32>> = lens.iter().enumerate().map(|(index, &len)| inputs::values(seed + index as u64, len)).collect();
        let truth = values.iter().zip(&numbers).map(|(values, [own, _])| given(&own.stored(values))).collect();
        let image = blank(&buffers, &places);
        let (refused, uncertain, steps) = (None, 0, 0);
        let mut scene = Scene {
            gpu,
            options,
            optimizer,
            names,
            params,
            lens,
            numbers,
            buffers,
            places,
            image,
            masks,
            twin,
            truth,
            refused,
            uncertain,
            seed,
            steps,
        };
        for (index, values) in values.iter().enumerate() {
            scene.put(index, 0, values);
        }
        scene.upload();
        Ok(scene)
    }

    /// The values of a parameter, or, with `role` 1, its gradient.
    fn put(&mut self, index: usize, role: usize, data: &[f32]) {
        let (numbers, (buffer, at)) = (self.numbers[index][role], [self.places[index].0, self.places[index].1][role]);
        numbers.put(&mut self.image[buffer][at..at + numbers.words()], data);
    }

    fn upload(&self) {
        for (buffer, image) in self.buffers.iter().zip(&self.image) {
            self.gpu.queue.write_buffer(buffer, 0, bytemuck::cast_slice(image));
        }
    }

    /// These values, before the first step.
    pub fn set_values(&mut self, values: &[Vec<f32>]) {
        for (index, values) in values.iter().enumerate() {
            self.put(index, 0, values);
            self.truth[index] = given(&self.numbers[index][0].stored(values));
        }
        self.upload();
    }

    /// Lets so many comparisons be of elements of which nothing is known, their tolerance being infinite: a second moment that may be 0 or the smallest number that is stored of one divides by
    /// whatever there is.
    pub fn allow_uncertain(&mut self, elements: usize) {
        self.uncertain = elements;
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
        let own: Vec<&CpuParam> = group.params.iter().collect();
        let numbers: Vec<[Numbers; 2]> = own.iter().map(|own| Numbers::of(own)).collect();
        let (buffers, places, params) = lay_out(self.gpu, Style::Tensors, &names, &numbers, &own)?;
        let known = self.buffers.len();
        let moved = |(buffer, at): Place| (known + buffer, at);
        self.image.extend(blank(&buffers, &places));
        self.buffers.extend(buffers);
        let params: Vec<Param> = params.into_iter().zip(&group.params).map(|(param, own)| described(self.gpu, param, own)).collect();
        self.places.extend(places.iter().map(|&(value, gradient)| (moved(value), moved(gradient))));
        self.numbers.extend(&numbers);
        for (index, (own, &len)) in numbers.iter().zip(&lens).enumerate() {
            let values = inputs::values(self.seed + (first + index) as u64, len);
            self.put(first + index, 0, &values);
            self.truth.push(given(&own[0].stored(&values)));
        }
        for index in known..self.buffers.len() {
            self.gpu.queue.write_buffer(&self.buffers[index], 0, bytemuck::cast_slice(&self.image[index]));
        }
        self.params.extend(params.iter().cloned());
        self.masks.extend(group.params.iter().map(|param| param.row_mask.as_ref().map(|mask| mask.words.clone())));
        self.lens.extend(lens);
        self.names.extend(names);
        let own = with_params(&group, params);
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.optimizer.add_group(&mut encoder, own)?;
        self.gpu.queue.submit([encoder.finish()]);
        Ok(self.twin.add_group(group)?)
    }
}

/// What is known exactly.
fn given(values: &[f32]) -> Vec<Bounded> {
    values.iter().copied().map(Bounded::given).collect()
}

/// A group's settings over these parameters.
fn with_params(group: &Group<CpuParam>, params: Vec<Param>) -> Group {
    let Group { name, rule, clip, state, schedules, .. } = group.clone();
    Group { name, rule, params, clip, state, schedules }
}

/// What buffers hold before values and gradients: sentinels beside values, poison beside gradients.
fn blank(buffers: &[wgpu::Buffer], places: &[(Place, Place)]) -> Vec<Vec<u32>> {
    let sentinel = |index: usize| if places.iter().any(|(value, _)| value.0 == index) { SENTINEL } else { POISON };
    buffers.iter().enumerate().map(|(index, buffer)| vec![sentinel(index).to_bits(); buffer.size() as usize / 4]).collect()
}
