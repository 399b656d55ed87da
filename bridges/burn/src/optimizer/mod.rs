//! `BurnOptimizer`: wgpu-optim's optimizer for the parameters of a burn module. How it steps, shows, saves, is set and read is in the modules beside.

mod build;
mod checkpoint;
mod loan;
mod reading;
mod settings;
mod step;
mod views;

use core::fmt;

use burn::tensor::Tensor;
use wgpu_optim::{Binding, Optimizer};

use crate::device::BurnDevice;
use crate::walk::Known;

/// What a step does with a value that something else has too: a clone of the model, its `valid()` copy, a tensor, or a backward pass that is still to come.
/// It also says what it does with one that is not stored row by row.
///
/// A step writes in place, so it would change the clone too; burn's own optimizers make new tensors each step, so there it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shared {
    /// The model gets a copy of its own first, which [`Handover::copied`](crate::Handover::copied) names. The clone keeps what it has.
    #[default]
    Copy,
    /// The step is refused, with the parameter's name.
    Refuse,
}

/// Steps the parameters of a burn module, on burn's own buffers.
///
/// ```no_run
/// use burn::nn::{Linear, LinearConfig};
/// use burn::optim::GradientsParams;
/// use burn::tensor::Tensor;
/// use wgpu_optim::AdamW;
/// use wgpu_optim_burn::{BurnDevice, BurnOptimizer};
///
/// # fn main() -> wgpu_optim_burn::Result<()> {
/// let device = BurnDevice::open()?;
/// let mut model: Linear = LinearConfig::new(4, 1).init(&device.autodiff());
/// let mut optimizer = BurnOptimizer::new(AdamW { lr: 1e-3, ..Default::default() }, &model, &device)?;
/// for _ in 0..100 {
///     let loss = model.forward(Tensor::<2>::ones([8, 4], &device.autodiff())).powi_scalar(2).mean();
///     let grads = GradientsParams::from_grads(loss.backward(), &model);
///     optimizer.step(&mut model, grads)?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Each call that takes the model finds its tensors anew, wherever burn keeps them, holds them there until what it records is submitted, and submits it
/// before it returns. Between calls the optimizer holds nothing of burn's but one tensor of zeros.
pub struct BurnOptimizer {
    device: BurnDevice,
    optimizer: Optimizer,
    known: Known,
    shared: Shared,
    /// Where values and gradients were bound last.
    places: Vec<(Binding, Binding)>,
    /// Which parameters take part in the steps recorded from now on, as the optimizer knows it.
    active: Vec<bool>,
    /// Which the caller lets take part.
    enabled: Vec<bool>,
    /// Which have gradients of micro-batches that no step has taken yet.
    pending: Vec<bool>,
    /// Zeros, in the place of gradients that are not there.
    nothing: Tensor<1>,
}

impl fmt::Debug for BurnOptimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active = self.active.iter().filter(|&&active| active).count();
        f.debug_struct("BurnOptimizer")
            .field("optimizer", &self.optimizer)
            .field("shared", &self.shared)
            .field("active", &active)
            .finish_non_exhaustive()
    }
}
