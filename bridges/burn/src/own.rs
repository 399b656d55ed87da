//! Values of a model that nothing else has.
//!
//! burn's tensors are handles that are copied on write, and a step writes in place. Who shares a value is known to two counts: one of each tensor, which
//! `Tensor::can_mut` asks, and one of each `Param`, since `model.clone()` shares the cell in which the tensor lies, which nothing asks.

use std::collections::HashSet;

use burn::backend::Cube;
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;

use crate::error::{Error, Result};
use crate::lend;

/// Gives each parameter a cell of its own, with the tensor that it has. From then on the count of tensors tells of clones of the model too.
pub(crate) fn part_cells<M: Module>(model: &mut M) {
    let parted = model.clone().map(&mut PartCells);
    *model = parted;
}

struct PartCells;

impl ModuleMapper for PartCells {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        Param::from_mapped_value(id, tensor, mapper)
    }
}

/// Gives these parameters row-major copies of their values; everything else of them stays.
pub(crate) fn copy_values<M: Module>(model: &mut M, which: HashSet<ParamId>) -> Result<()> {
    let mut copies = Copies { which, error: None };
    let copied = model.clone().map(&mut copies);
    if let Some(error) = copies.error {
        return Err(error);
    }
    *model = copied;
    Ok(())
}

struct Copies {
    which: HashSet<ParamId>,
    error: Option<Error>,
}

impl ModuleMapper for Copies {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !self.which.contains(&param.id) {
            return param;
        }
        let (id, tensor, mapper) = param.consume();
        match copy(&tensor) {
            Ok(copy) => Param::from_mapped_value(id, copy, mapper),
            Err(error) => {
                self.error = Some(error);
                Param::from_mapped_value(id, tensor, mapper)
            }
        }
    }
}

/// A row-major copy that is to autodiff what the tensor is.
fn copy<const D: usize>(tensor: &Tensor<D>) -> Result<Tensor<D>> {
    let copy = Tensor::from_primitive::<Cube>(lend::copied(lend::primitive(tensor.clone())?)?);
    Ok(as_in_graph(copy, tensor))
}

/// This value as a leaf of autodiff, as the other one is.
pub(crate) fn as_in_graph<const D: usize>(value: Tensor<D>, other: &Tensor<D>) -> Tensor<D> {
    if !other.is_autodiff() {
        return value;
    }
    let value = value.autodiff();
    let value = match other.gradient_checkpointing_strategy() {
        Some(strategy) => value.with_gradient_checkpointing_strategy(strategy),
        None => value,
    };
    value.set_require_grad(other.is_require_grad())
}
