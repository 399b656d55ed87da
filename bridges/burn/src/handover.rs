//! `Handover`: what giving a model's tensors to the optimizer took.

use std::time::Duration;

/// What giving a model's tensors to the optimizer took, in one step. Nothing of it waits for the GPU.
///
/// ```
/// # fn step(optimizer: &mut wgpu_optim_burn::BurnOptimizer, model: &mut burn::nn::Linear, grads: burn::optim::GradientsParams) -> wgpu_optim_burn::Result<()> {
/// let handover = optimizer.step(model, grads)?;
/// if !handover.copied.is_empty() {
///     println!("a clone of the model has them too, so they were copied: {:?}", handover.copied);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Handover {
    /// The parameters whose values were copied first, since something else has them too, or since they were not stored row by row.
    pub copied: Vec<String>,
    /// How many gradients were copied, since they were not stored row by row.
    pub gradients_copied: usize,
    /// How many parameters have their value or gradient elsewhere than in the step before.
    pub moved: usize,
    /// How many parameters take part.
    pub active: usize,
    /// Host time by what it was spent on.
    pub times: HostTimes,
}

/// Host time of one step, by what it was spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostTimes {
    /// Telling the model's parameters from those of its clones, and walking over them.
    pub walk: Duration,
    /// Waiting for burn to record what is pending: backward passes too, where fusion has put them off.
    pub resolve: Duration,
    /// Asking cubecl for the buffers.
    pub lend: Duration,
    /// Binding what has moved.
    pub rebind: Duration,
    /// Recording and submitting the step.
    pub record: Duration,
}

impl HostTimes {
    /// All of it.
    pub fn total(&self) -> Duration {
        self.walk + self.resolve + self.lend + self.rebind + self.record
    }
}
