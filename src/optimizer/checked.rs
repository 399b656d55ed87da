//! Changes that wait for what the device has against them, and are taken back then.

use super::{Optimizer, Parameter};
use crate::error::Result;
use crate::gpu::{late, scope};

impl Optimizer {
    /// Changes the optimizer, waits for what the device has against it, also in a browser, and takes the change back if there is something: see
    /// [`checked`](crate::checked), which is for what makes an optimizer. Several changes may be made in one call; if one fails, all are taken back. What was
    /// written to the GPU in it ([`Optimizer::write_value`] and others) stays.
    ///
    /// ```
    /// # use wgpu_optim::{Group, Optimizer, Result, Sgd, Param, wgpu};
    /// # async fn grow(optimizer: &mut Optimizer, device: &wgpu::Device, queue: &wgpu::Queue, param: Param) -> Result<()> {
    /// optimizer.checked(|optimizer| optimizer.set_active(["embedding"], false)).await?;
    ///
    /// let mut encoder = device.create_command_encoder(&Default::default());
    /// let group = Group::new(Sgd::default(), [param]);
    /// optimizer.checked(|optimizer| optimizer.add_group(&mut encoder, group)).await?; // after an error, drop the encoder
    /// queue.submit([encoder.finish()]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Record no step before the future is ready. If it is dropped before, the change stays.
    ///
    /// # Errors
    ///
    /// What `change` returns, else those of [`checked`](crate::checked), which name the optimizer's own buffers too. The optimizer is as it was; an encoder that was
    /// given to `change` may hold a part of the change, and is to be dropped.
    pub async fn checked<T>(&mut self, change: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let (before, device) = (self.handles(), self.engine.device.clone());
        let changed = scope::checked(&device, || {
            let changed = change(self);
            // After those that the change was given.
            let own = self.parameters.iter().flat_map(|Parameter { param, .. }| param.bindings().map(|binding| (&*param.name, binding)));
            own.for_each(|(param, (role, binding))| late::note(param, role, binding.buffer()));
            changed
        });
        let changed = changed.await;
        if changed.is_err() {
            *self = before;
        }
        changed
    }

    /// Handles to all that it is.
    fn handles(&self) -> Optimizer {
        let Optimizer { engine, config, parameters, names, labels, executor, clears, ring } = self;
        let (engine, config, parameters, names) = (engine.clone(), config.clone(), parameters.clone(), names.clone());
        let (labels, executor, clears, ring) = (labels.clone(), executor.clone(), clears.clone(), ring.clone());
        Optimizer { engine, config, parameters, names, labels, executor, clears, ring }
    }
}
