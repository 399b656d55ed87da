//! One walk over a model: the tensors of the optimizer's parameters, and their gradients.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::lend::{self, Asked, Primitive};
use crate::param;

/// What the optimizer knows of a model's parameters.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Names and shapes, in the optimizer's order.
    pub(crate) params: Vec<(String, Vec<usize>)>,
    /// Which of them an id is, or `None` where the parameter was left out.
    pub(crate) ids: HashMap<ParamId, Option<usize>>,
}

/// The tensors of the optimizer's parameters, in its order.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) values: Vec<Primitive>,
    /// Whether no other tensor has the value.
    pub(crate) alone: Vec<bool>,
    pub(crate) gradients: Vec<Option<Primitive>>,
}

struct Walk<'a> {
    known: &'a Known,
    device: &'a Device,
    gradients: Option<&'a mut GradientsParams>,
    found: Vec<Option<(Primitive, bool, Option<Primitive>)>>,
    error: Option<Problem>,
}

/// What is wrong, without the path, which this walk does not keep.
enum Problem {
    Error(Error),
    NoGroup(ParamId),
}

/// Walks over a model, and takes gradients if there are any.
pub(crate) fn walk<M: Module>(model: &M, known: &Known, device: &Device, gradients: Option<GradientsParams>) -> Result<Walked> {
    let mut gradients = gradients;
    let found = (0..known.params.len()).map(|_| None).collect();
    let mut walk = Walk { known, device, gradients: gradients.as_mut(), found, error: None };
    model.visit(&mut walk);
    let Walk { found, error, .. } = walk;
    match error {
        Some(Problem::Error(error)) => return Err(error),
        Some(Problem::NoGroup(id)) => {
            let param = param::all(model).into_iter().find(|(param, _)| param.id == id).map(|(param, _)| param.name);
            return Err(Error::NoGroup { param: param.unwrap_or_else(|| id.to_string()) });
        }
        None => {}
    }
    if let Some(count) = gradients.map(|gradients| gradients.len()).filter(|&count| count > 0) {
        return Err(Error::Strays { count });
    }
    let mut walked = Walked {
        values: Vec::with_capacity(found.len()),
        alone: Vec::with_capacity(found.len()),
        gradients: Vec::with_capacity(found.len()),
    };
    for (found, (name, _)) in found.into_iter().zip(&known.params) {
        let (value, alone, gradient) = found.ok_or_else(|| Error::Missing { param: name.clone() })?;
        walked.values.push(value);
        walked.alone.push(alone);
        walked.gradients.push(gradient);
    }
    Ok(walked)
}

impl Walk<'_> {
    fn visit<const D: usize>(&mut self, param: &Param<Tensor<D>>) -> core::result::Result<(), Problem> {
        let index = match self.known.ids.get(&param.id) {
            Some(&Some(index)) => index,
            left_out => {
                let gradient = self.gradients.as_mut().and_then(|gradients| gradients.remove::<D>(param.id));
                return if gradient.is_some() && left_out.is_none() { Err(Problem::NoGroup(param.id)) } else { Ok(()) };
            }
        };
        let is_alone = param.can_mut();
        let value = self.checked(index, param.base(), "value")?;
        let gradient = self.gradients.as_mut().and_then(|gradients| gradients.remove::<D>(param.id));
        let gradient = gradient.map(|gradient| self.checked(index, gradient, "gradient")).transpose()?;
        let old = self.found[index].replace((value, is_alone, gradient));
        if old.is_some() {
            let (first, second) = (self.known.params[index].0.clone(), "another parameter".to_owned());
            return Err(Problem::Error(Error::OneId { first, second, id: param.id.to_string() }));
        }
        Ok(())
    }

    /// The backend's tensor, if it is what it was when the optimizer was made.
    fn checked<const D: usize>(&self, index: usize, tensor: Tensor<D>, role: &'static str) -> core::result::Result<Primitive, Problem> {
        let (name, wants) = &self.known.params[index];
        let param = || name.clone();
        let has = tensor.dims();
        let error = if tensor.dtype() != DType::F32 {
            Error::Dtype { param: param(), dtype: format!("{:?}", tensor.dtype()) }
        } else if has[..] != wants[..] {
            Error::Shape { param: param(), tensor: role, has: has.to_vec(), wants: wants.clone() }
        } else if tensor.device() != *self.device {
            let (has, wants) = (format!("{:?}", tensor.device()), format!("{:?}", self.device));
            Error::OtherDevice { param: param(), tensor: role, has, wants }
        } else {
            return lend::primitive(tensor).map_err(Problem::Error);
        };
        Err(Problem::Error(error))
    }
}

impl ModuleVisitor for Walk<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.error.is_none() {
            self.error = self.visit(param).err();
        }
    }
}

impl Walked {
    /// What is asked of burn: all values, and then the gradients that there are.
    pub(crate) fn into_asked(self) -> Vec<Asked> {
        let values = self.values.into_iter().map(|tensor| Asked { tensor, is_read: false });
        values.chain(self.gradients.into_iter().flatten().map(|tensor| Asked { tensor, is_read: true })).collect()
    }
}
