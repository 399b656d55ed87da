//! Making an optimizer for a module, and adding parameters to it.

use std::collections::{HashMap, HashSet};

use burn::module::{Module, ParamId};
use burn::tensor::Tensor;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::step::Group;
use wgpu_optim::{Binding, Optimizer, Options, Param, wgpu};

use super::{BurnOptimizer, Shared};
use crate::device::BurnDevice;
use crate::error::{Error, Result};
use crate::lend::{self, Asked, Lent};
use crate::param::{self, ModuleParam, params};
use crate::walk::{Known, walk};

impl BurnOptimizer {
    /// An optimizer with one rule for all parameters that require a gradient.
    ///
    /// # Errors
    ///
    /// Those of [`BurnOptimizer::with_groups`], and [`Error::NoGradients`].
    pub fn new<M: Module>(rule: impl Into<Box<dyn AnyRule>>, model: &M, device: &BurnDevice) -> Result<Self> {
        let params = params(model);
        if params.is_empty() {
            return Err(Error::NoGradients);
        }
        Self::with_groups([Group::new(rule, params)], Options::default(), model, device)
    }

    /// An optimizer of several groups of [`params`](crate::params), with options. Parameters in no group are left out: their gradients are ignored.
    ///
    /// # Errors
    ///
    /// - [`Error::Dtype`], [`Error::OtherDevice`]: a parameter that the optimizer cannot step. [`Error::OneId`]: two that burn takes for one.
    /// - [`Error::Missing`]: a group has a parameter that the model does not.
    /// - [`Error::Option`]: [`Options::zero_grad`], since burn makes new gradients for each step.
    /// - [`Error::Optimizer`]: what [`Optimizer::with_options`] refuses. [`Error::Burn`].
    pub fn with_groups<M: Module>(
        groups: impl IntoIterator<Item = Group<ModuleParam>>,
        options: Options,
        model: &M,
        device: &BurnDevice,
    ) -> Result<Self> {
        check_options(&options)?;
        let groups: Vec<Group<ModuleParam>> = groups.into_iter().collect();
        let known = known(model, groups.iter().flat_map(|group| &group.params))?;
        let bound = bind(model, &known, device)?;
        let groups = with_places(groups, &bound.places);
        let optimizer = Optimizer::with_pipelines(device.pipelines(), device.queue(), groups, options)?;
        let count = known.params.len();
        let nothing = nothing(&known, device);
        let device = device.clone();
        let (active, enabled, pending) = (vec![true; count], vec![true; count], vec![false; count]);
        Ok(BurnOptimizer { device, optimizer, known, shared: Shared::default(), places: bound.places, active, enabled, pending, nothing })
    }

    /// Adds a group of parameters that have none yet: those of a part of the model that is trained from now on, say. The state of the others stays. It costs as much as a
    /// new optimizer.
    ///
    /// # Errors
    ///
    /// Those of [`BurnOptimizer::with_groups`], and [`Error::Optimizer`] with `DuplicateName` for one that has a group.
    pub fn add<M: Module>(&mut self, model: &M, group: Group<ModuleParam>) -> Result<()> {
        let mut all: Vec<ModuleParam> = self.members();
        let first = all.len();
        all.extend(group.params.iter().cloned());
        let mut known = known(model, &all)?;
        // What began to require a gradient and is in no group is still to be told of.
        known.ids.retain(|id, index| index.is_some() || self.known.ids.contains_key(id));
        known
            .ids
            .extend(self.known.ids.iter().filter(|(_, index)| index.is_none()).filter(|(id, _)| !all.iter().any(|own| own.id == **id)));
        let bound = bind(model, &known, &self.device)?;
        let mut groups = with_places(vec![group], &bound.places[first..]);
        let Some(group) = groups.pop() else { return Ok(()) };
        // Those that are there have to be out of the way of what is new.
        self.rebind(&bound.places[..first])?;
        let mut encoder = self.device.wgpu().create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("wgpu-optim-burn add") });
        self.optimizer.add_group(&mut encoder, group)?;
        self.device.queue().submit([encoder.finish()]);
        let count = known.params.len();
        (self.nothing, self.known) = (nothing(&known, &self.device), known);
        self.places.extend_from_slice(&bound.places[first..]);
        for flags in [&mut self.active, &mut self.enabled] {
            flags.resize(count, true);
        }
        self.pending.resize(count, false);
        Ok(())
    }

    /// Leaves parameters out from now on, which have no group and get gradients all the same: these are ignored.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`]: the model has no parameter of this path. [`Error::Option`]: one has a group; [`BurnOptimizer::set_active`] is for those.
    pub fn leave_out<'a, M: Module>(&mut self, model: &M, paths: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let all = param::all(model);
        let mut ids = Vec::new();
        for path in paths {
            let found = all.iter().find(|(param, _)| param.name == path);
            let (param, _) = found.ok_or_else(|| Error::Missing { param: path.to_owned() })?;
            if matches!(self.known.ids.get(&param.id), Some(Some(_))) {
                return Err(Error::Option { option: "leave_out", why: "a parameter has a group; set_active(.., false) keeps it as it is" });
            }
            ids.push(param.id);
        }
        self.known.ids.extend(ids.into_iter().map(|id| (id, None)));
        Ok(())
    }

    /// The parameters that have a group, in the optimizer's order.
    fn members(&self) -> Vec<ModuleParam> {
        let ids: HashMap<usize, ParamId> = self.known.ids.iter().filter_map(|(id, index)| Some(((*index)?, *id))).collect();
        let member = |(index, (name, shape)): (usize, &(String, Vec<usize>))| {
            Some(ModuleParam { name: name.clone(), shape: shape.clone(), lr_scale: 1.0, id: *ids.get(&index)? })
        };
        self.known.params.iter().enumerate().filter_map(member).collect()
    }
}

/// burn makes new gradients for each step, which nothing else would see cleared.
pub(super) fn check_options(options: &Options) -> Result<()> {
    if !options.zero_grad {
        return Ok(());
    }
    Err(Error::Option { option: "Options::zero_grad", why: "burn makes new gradients for each step, there is nothing to clear" })
}

/// What the optimizer has to know of the model, if its groups have these parameters.
fn known<'a, M: Module>(model: &M, members: impl IntoIterator<Item = &'a ModuleParam>) -> Result<Known> {
    let all = param::all(model);
    let mut names: HashMap<ParamId, &str> = HashMap::new();
    let mut known = Known::default();
    for (param, requires_grad) in &all {
        if let Some(first) = names.insert(param.id, &param.name) {
            let (first, second) = (first.to_owned(), param.name.clone());
            return Err(Error::OneId { first, second, id: param.id.to_string() });
        }
        // Whoever makes groups has seen these.
        if *requires_grad {
            known.ids.insert(param.id, None);
        }
    }
    for member in members {
        if !names.contains_key(&member.id) {
            return Err(Error::Missing { param: member.name.clone() });
        }
        known.ids.insert(member.id, Some(known.params.len()));
        known.params.push((member.name.clone(), member.shape.clone()));
    }
    Ok(known)
}

fn nothing(known: &Known, device: &BurnDevice) -> Tensor<1> {
    let largest = known.params.iter().map(|(_, shape)| shape.iter().product::<usize>()).max().unwrap_or_default();
    Tensor::zeros([largest.max(1)], &device.plain())
}

/// First places, for plans to be made of.
struct Bound {
    places: Vec<(Binding, Binding)>,
    _lent: Vec<Lent>,
}

/// Where values are, and gradients could be. A value that the first step copies, since it is strided or lies where another one does, is given a
/// place of its own until then.
fn bind<M: Module>(model: &M, known: &Known, device: &BurnDevice) -> Result<Bound> {
    let plain = device.plain();
    let walked = walk(model, known, &plain, None)?;
    let mut asked = walked.into_asked();
    let count = asked.len();
    for (_, shape) in &known.params {
        let gradient = Tensor::<1>::empty([shape.iter().product::<usize>()], &plain);
        asked.push(Asked { tensor: lend::primitive(gradient)?, is_read: true });
    }
    lend::settle(&plain)?;
    let lent = lend::lend(&plain, asked)?.lent;
    let (values, gradients) = lent.split_at(count);
    #[allow(clippy::mutable_key_type)] // wgpu hashes a buffer by its identity.
    let mut taken = HashSet::new();
    let mut place = |lent: &Lent| {
        let binding = lent.binding();
        let is_free = taken.insert((binding.buffer().clone(), binding.offset()));
        match lent.strides.is_none() && is_free {
            true => binding,
            false => scratch(device, binding.size()),
        }
    };
    let places = values.iter().zip(gradients).map(|(value, gradient)| (place(value), gradient.binding())).collect();
    Ok(Bound { places, _lent: lent })
}

/// A buffer of its own for a value.
fn scratch(device: &BurnDevice, size: u64) -> Binding {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let descriptor = wgpu::BufferDescriptor { label: Some("wgpu-optim-burn value"), size: size.max(4), usage, mapped_at_creation: false };
    Binding::new(&device.wgpu().create_buffer(&descriptor), 0, size)
}

/// The groups with places, which are in the order of their parameters.
fn with_places(groups: Vec<Group<ModuleParam>>, places: &[(Binding, Binding)]) -> Vec<Group<Param>> {
    let mut places = places.iter();
    let param = |(param, (value, gradient)): (ModuleParam, &(Binding, Binding))| Param {
        lr_scale: param.lr_scale,
        ..Param::new(param.name, &param.shape, value.clone(), gradient.clone())
    };
    let group = |Group { name, rule, params, clip, state, schedules }| Group {
        name,
        rule,
        params: Vec::from_iter(params).into_iter().zip(places.by_ref()).map(param).collect(),
        clip,
        state,
        schedules,
    };
    groups.into_iter().map(group).collect()
}
