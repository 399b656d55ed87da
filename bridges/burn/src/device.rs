//! `BurnDevice`: one wgpu device that burn computes on and the optimizer steps on.

use burn::tensor::Device;
use burn::tensor::wgpu::{MemoryConfiguration, WgpuOptions, WgpuSetup};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Pipelines, wgpu};

use crate::error::{Error, Result};
use crate::lend;

/// One wgpu device that burn computes on and the optimizer steps on. wgpu panics when buffers of two instances meet, so take both sides from here.
///
/// ```no_run
/// use burn::nn::{Linear, LinearConfig};
/// use wgpu_optim_burn::BurnDevice;
///
/// # fn main() -> wgpu_optim_burn::Result<()> {
/// let device = BurnDevice::open()?;
/// let layer: Linear = LinearConfig::new(4, 2).init(&device.autodiff());
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BurnDevice {
    burn: Device,
    device: wgpu::Device,
    queue: wgpu::Queue,
    pipelines: Pipelines,
}

impl BurnDevice {
    /// burn's own wgpu device, opened as burn opens it by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Burn`]: there is no adapter, or a tensor on burn's default device came before and has opened it: its handles can no longer be had then.
    pub fn open() -> Result<Self> {
        Self::open_with(Device::wgpu_options())
    }

    /// burn's own wgpu device, with options of burn's: the adapter, the graphics API, how memory is kept.
    ///
    /// # Errors
    ///
    /// Those of [`BurnDevice::open`].
    pub fn open_with(options: WgpuOptions) -> Result<Self> {
        let (burn, setup) = options.init_with_setup().map_err(|error| Error::Burn(error.to_string()))?;
        Self::of_parts(burn, &setup)
    }

    /// A device of burn's with the handles that `init_with_setup` or `init_with_setup_async` returned with it.
    ///
    /// # Errors
    ///
    /// [`Error::Burn`]: the device is none of wgpu's.
    pub fn of_parts(burn: Device, setup: &WgpuSetup) -> Result<Self> {
        let burn = burn.without_autodiff();
        lend::check(&burn)?;
        Ok(BurnDevice { burn, device: setup.device.clone(), queue: setup.queue.clone(), pipelines: Pipelines::new(&setup.device) })
    }

    /// A device of the program's, on which burn computes from now on. [`wgpu_optim::adapter::request_all_features`] opens one as burn needs it; with burn's
    /// feature `vulkan`, whose compiler takes experimental features of wgpu for granted, let burn open it.
    ///
    /// # Errors
    ///
    /// [`Error::Burn`]: the device cannot do what burn needs.
    pub fn on_gpu(gpu: &Gpu) -> Result<Self> {
        Self::on_gpu_with(gpu, MemoryConfiguration::default())
    }

    /// As [`BurnDevice::on_gpu`], with memory kept as this says: pooled, or a buffer for each tensor.
    ///
    /// # Errors
    ///
    /// Those of [`BurnDevice::on_gpu`].
    pub fn on_gpu_with(gpu: &Gpu, memory: MemoryConfiguration) -> Result<Self> {
        let Gpu { info, device, queue, pipelines, adapter, instance, .. } = gpu.clone();
        let setup = WgpuSetup { instance, adapter, device: device.clone(), queue: queue.clone(), backend: info.backend };
        let burn = Device::wgpu_options().setup(setup).memory_config(memory).init().map_err(|error| Error::Burn(error.to_string()))?;
        Ok(BurnDevice { burn, device, queue, pipelines })
    }

    /// The device for tensors without gradients, such as data and models that are only evaluated.
    pub fn plain(&self) -> Device {
        self.burn.clone()
    }

    /// The device for models that are trained.
    pub fn autodiff(&self) -> Device {
        self.burn.clone().autodiff()
    }

    /// The wgpu device.
    pub fn wgpu(&self) -> &wgpu::Device {
        &self.device
    }

    /// Its queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// What has been compiled for it: optimizers of this device share it.
    pub fn pipelines(&self) -> &Pipelines {
        &self.pipelines
    }
}
