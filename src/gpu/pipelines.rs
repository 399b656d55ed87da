//! What has been compiled for a device.

use core::fmt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Compiled;
use crate::error::Result;
use crate::wgsl::Shader;

/// Kernels compiled for a device. Optimizers that share them compile nothing that another one has compiled: where models grow, each new optimizer
/// of a kind costs some 40 ms less. A clone is a handle to the same ones.
///
/// (A device cannot be recognised by itself: wgpu's handles of two instances may be equal. So they are passed on.)
///
/// Only kernels are shared. The new optimizer begins at step 0 with states of zero;
/// [`Optimizer::restore`](crate::Optimizer::restore) puts those of a checkpoint there, [`Optimizer::change_rows`](crate::Optimizer::change_rows) changes the rows of
/// one that goes on.
///
/// ```
/// # fn grown(queue: &wgpu_optim::wgpu::Queue, old: wgpu_optim::Optimizer, params: Vec<wgpu_optim::Param>) -> wgpu_optim::Result<()> {
/// use wgpu_optim::{AdamW, Group, Optimizer, Options};
///
/// let pipelines = old.pipelines().clone();
/// let grown = Optimizer::with_pipelines(&pipelines, queue, [Group::new(AdamW::default(), params)], Options::default())?;
/// println!("{} kernels so far", pipelines.compiled());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pipelines {
    device: wgpu::Device,
    kernels: Arc<Mutex<Kernels>>,
}

/// By their text, which declares what they bind.
#[derive(Default)]
struct Kernels {
    by_text: HashMap<String, (wgpu::ComputePipeline, wgpu::BindGroupLayout)>,
    count: usize,
}

impl fmt::Debug for Pipelines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipelines").field("compiled", &self.compiled()).finish_non_exhaustive()
    }
}

impl Pipelines {
    /// None yet, for this device.
    pub fn new(device: &wgpu::Device) -> Self {
        Pipelines { device: device.clone(), kernels: Arc::default() }
    }

    /// The device.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// How many kernels have been compiled.
    pub fn compiled(&self) -> usize {
        self.kernels().count
    }

    /// Forgets all kernels, which are kept until then, or until the last handle is dropped. An optimizer keeps those that it has; the next one compiles its own again.
    ///
    /// For programs that make optimizers of many kinds on one device. On llvmpipe a kernel takes some megabytes.
    pub fn clear(&self) {
        self.kernels().by_text.clear();
    }

    /// A kernel, compiled unless it is there already.
    pub(crate) fn get<S: Copy>(&self, label: &str, shader: Shader<S>) -> Result<Compiled<S>> {
        if let Some((pipeline, layout)) = self.kernels().by_text.get(&shader.source) {
            return Ok(Compiled { pipeline: pipeline.clone(), layout: layout.clone(), slots: shader.slots });
        }
        let compiled = Compiled::new(&self.device, label, &shader)?;
        let mut kernels = self.kernels();
        kernels.count += 1;
        kernels.by_text.insert(shader.source, (compiled.pipeline.clone(), compiled.layout.clone()));
        Ok(compiled)
    }

    fn kernels(&self) -> MutexGuard<'_, Kernels> {
        self.kernels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
