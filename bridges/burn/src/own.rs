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
use crate::param::params;

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

/// Gives the parameters that require a gradient copies of their values in burn's pools, where many share a buffer; from then on nothing else has them.
///
/// burn keeps the values that `init` makes in a buffer each, even where its memory is in pools. A device lets a kernel bind so many buffers and no more, so a
/// step over many small tensors takes many dispatches: on llvmpipe 16 for 400 tensors, and 2 after this. Where a device lets a kernel bind hundreds, or where
/// memory is in exclusive pages, there is little to gain. Call it before the optimizer is made, which decides then what a dispatch updates.
///
/// ```no_run
/// use burn::nn::{Linear, LinearConfig};
/// use wgpu_optim::AdamW;
/// use wgpu_optim_burn::{BurnDevice, BurnOptimizer, gather};
///
/// # fn main() -> wgpu_optim_burn::Result<()> {
/// let device = BurnDevice::open()?;
/// let mut layers: Vec<Linear> = (0..200).map(|_| LinearConfig::new(16, 16).init(&device.autodiff())).collect();
/// gather(&mut layers)?;
/// let optimizer = BurnOptimizer::new(AdamW::default(), &layers, &device)?;
/// # let _ = optimizer;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::Burn`]: a parameter is not on wgpu. The model is then as it was.
pub fn gather<M: Module>(model: &mut M) -> Result<()> {
    copy_values(model, params(model).into_iter().map(|param| param.id).collect())
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
