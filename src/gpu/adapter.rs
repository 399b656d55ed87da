//! A device for examples, tests and benchmarks. Programs that have a device use theirs: nothing else here asks for one.

use super::Pipelines;
use crate::error::{Error, Result};

/// The variables that say which backends, and which adapter by a part of its name.
const BACKEND: &str = "WGPU_BACKEND";
const NAME: &str = "WGPU_ADAPTER_NAME";
/// Browsers have none. That it is said here keeps what reads them out of a page.
const HAS_VARIABLES: bool = !cfg!(target_family = "wasm");

/// What a device may do at most.
///
/// ```
/// use wgpu_optim::adapter::{DeviceLimits, request};
/// use wgpu_optim::wgpu;
///
/// /// What also runs in a browser, tried on a larger device.
/// async fn buffers_of_a_shader() -> wgpu_optim::Result<u32> {
///     let gpu = request(DeviceLimits::Limited(Box::new(wgpu::Limits::default()))).await?;
///     Ok(gpu.device.limits().max_storage_buffers_per_shader_stage) // 8, or fewer
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceLimits {
    /// All that the adapter can.
    Adapter,
    /// No more than these limits, where the adapter has more; `wgpu::Limits::default()` are WebGPU's own.
    Limited(Box<wgpu::Limits>),
}

/// An adapter with a device of its own.
///
/// ```
/// use wgpu_optim::adapter::{DeviceLimits, request};
/// use wgpu_optim::{Adam, Group, Optimizer, Options, Tensors};
///
/// async fn optimizer() -> wgpu_optim::Result<Optimizer> {
///     let gpu = request(DeviceLimits::Adapter).await?;
///     println!("on {}", gpu.info.name);
///     let tensors = Tensors::new(&gpu.device, [("weight", [4, 3])])?;
///     Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(Adam::default(), tensors.params())], Options::default())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Gpu {
    /// Where it runs, for reports.
    pub info: wgpu::AdapterInfo,
    /// The device.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// What has been compiled for it, for [`Optimizer::with_pipelines`](crate::Optimizer::with_pipelines).
    pub pipelines: Pipelines,
    /// The adapter. Frameworks that are given a device ask it what the device can.
    pub adapter: wgpu::Adapter,
    /// The instance that the adapter is of.
    pub instance: wgpu::Instance,
}

/// Finds an adapter, as `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` (part of its name) say, else the fastest that there is, and opens a
/// device on it, with timestamp queries, also within passes, where there are any, and on a software adapter integers of 64 bits, with which optimizers are faster there.
/// Sums have another order with these than without, so the same inputs give the same bits only on devices with the same features.
///
/// Each call makes a [`wgpu::Instance`] of its own, so call it once in a program. wgpu panics when a buffer of one instance meets a device of another; two
/// devices of one instance are made by [`instance`] and two calls of [`request_from`], and a buffer of the wrong one is an error.
///
/// # Errors
///
/// Those of [`request_from`]. [`Error::NoAdapter`] too where wgpu was compiled without a backend.
pub async fn request(allowance: DeviceLimits) -> Result<Gpu> {
    let mut outcome = Err(absent("no backend is chosen"));
    for backends in choices()? {
        outcome = request_from(&instance_of(backends), allowance.clone()).await;
        if !matches!(outcome, Err(Error::NoAdapter { .. })) {
            break;
        }
    }
    outcome
}

/// An instance of the backends that `WGPU_BACKEND` names; without it, of wgpu's primary ones (Vulkan, Metal, DirectX 12, WebGPU), and of OpenGL only
/// where none of these has an adapter: it fails when several threads begin with it. It is async since it asks the primary ones for an adapter, to know
/// that.
///
/// # Errors
///
/// [`Error::NoAdapter`]: wgpu was compiled without a backend.
pub async fn instance() -> Result<wgpu::Instance> {
    let choices = choices()?;
    if let [first, _] = choices[..] {
        let instance = instance_of(first);
        if instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await.is_ok() {
            return Ok(instance);
        }
    }
    let last = choices.last().copied().unwrap_or(wgpu::Backends::all());
    Ok(instance_of(last))
}

/// The backends to ask, one choice after the other until one has an adapter.
fn choices() -> Result<Vec<wgpu::Backends>> {
    // Without a backend, wgpu panics instead of finding no adapter.
    let compiled = wgpu::Instance::enabled_backend_features();
    if compiled.is_empty() {
        return Err(absent("no backend of wgpu is compiled in; enable this crate's feature `backends`, or some of wgpu's own"));
    }
    if let Some(chosen) = variable(BACKEND).and_then(|_| wgpu::Backends::from_env()) {
        return Ok(vec![chosen]);
    }
    let primary = wgpu::Backends::PRIMARY;
    let first = compiled.intersects(primary).then_some(primary);
    Ok(first.into_iter().chain([wgpu::Backends::all()]).collect())
}

fn instance_of(backends: wgpu::Backends) -> wgpu::Instance {
    let descriptor = match HAS_VARIABLES {
        true => wgpu::InstanceDescriptor::new_without_display_handle_from_env(),
        false => wgpu::InstanceDescriptor::new_without_display_handle(),
    };
    wgpu::Instance::new(wgpu::InstanceDescriptor { backends, ..descriptor })
}

/// Requests an adapter and a device from an instance of the caller's. A program should have one: wgpu panics when buffers of one instance meet a device of
/// another.
///
/// # Errors
///
/// - [`Error::NoAdapter`]: there is none, or none of this name.
/// - [`Error::Wgpu`]: the adapter gives no device.
pub async fn request_from(instance: &wgpu::Instance, allowance: DeviceLimits) -> Result<Gpu> {
    request_with_features(instance, allowance, wgpu::Features::empty()).await
}

/// As [`request_from`], a device that has these features too. Nothing else here asks for one that an option needs, such as `SHADER_F16` for [`Muon::ns_f16`](crate::Muon::ns_f16).
///
/// ```
/// use wgpu_optim::adapter::{DeviceLimits, Gpu, instance, request_with_features};
/// use wgpu_optim::wgpu::Features;
///
/// async fn with_f16() -> wgpu_optim::Result<Gpu> {
///     request_with_features(&instance().await?, DeviceLimits::Adapter, Features::SHADER_F16).await
/// }
/// ```
///
/// # Errors
///
/// Those of [`request_from`]; [`Error::Wgpu`] names the features that the adapter does not have.
pub async fn request_with_features(instance: &wgpu::Instance, allowance: DeviceLimits, features: wgpu::Features) -> Result<Gpu> {
    let adapter = adapter(instance).await?;
    let wide = allowance == DeviceLimits::Adapter && adapter.get_info().device_type == wgpu::DeviceType::Cpu;
    let timestamps = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES;
    let wanted = timestamps | if wide { wgpu::Features::SHADER_INT64 } else { wgpu::Features::empty() };
    let limits = match allowance {
        DeviceLimits::Adapter => adapter.limits(),
        DeviceLimits::Limited(limits) => limits.or_worse_values_from(&adapter.limits()),
    };
    let features = adapter.features() & wanted | features;
    open(instance, adapter, features, limits).await
}

/// As [`request_from`], a device that has all limits and all features of its adapter but the experimental ones and `MAPPABLE_PRIMARY_BUFFERS`, which makes
/// buffers slow on some GPUs. For frameworks that are given a device, and that take for granted what its adapter can, as burn's cubecl does.
///
/// ```
/// async fn device_of_a_framework() -> wgpu_optim::Result<wgpu_optim::adapter::Gpu> {
///     let instance = wgpu_optim::adapter::instance().await?;
///     wgpu_optim::adapter::request_all_features(&instance).await
/// }
/// ```
///
/// # Errors
///
/// Those of [`request_from`].
pub async fn request_all_features(instance: &wgpu::Instance) -> Result<Gpu> {
    let adapter = adapter(instance).await?;
    let without = wgpu::Features::all_experimental_mask() | wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
    let (features, limits) = (adapter.features() - without, adapter.limits());
    open(instance, adapter, features, limits).await
}

async fn open(instance: &wgpu::Instance, adapter: wgpu::Adapter, features: wgpu::Features, limits: wgpu::Limits) -> Result<Gpu> {
    let descriptor =
        wgpu::DeviceDescriptor { label: Some("wgpu-optim"), required_features: features, required_limits: limits, ..Default::default() };
    let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| Error::Wgpu(error.to_string()))?;
    let pipelines = Pipelines::new(&device);
    Ok(Gpu { info: adapter.get_info(), device, queue, pipelines, adapter, instance: instance.clone() })
}

/// The adapter that `WGPU_ADAPTER_NAME` says, else the fastest one.
async fn adapter(instance: &wgpu::Instance) -> Result<wgpu::Adapter> {
    #[cfg(not(target_family = "wasm"))]
    if let Some(name) = variable(NAME) {
        return named(instance, &name).await;
    }
    let options = wgpu::RequestAdapterOptions { power_preference: wgpu::PowerPreference::HighPerformance, ..Default::default() };
    instance.request_adapter(&options).await.map_err(absent)
}

#[cfg(not(target_family = "wasm"))]
async fn named(instance: &wgpu::Instance, name: &str) -> Result<wgpu::Adapter> {
    let backends = wgpu::Backends::from_env().unwrap_or(wgpu::Backends::all());
    let adapters = instance.enumerate_adapters(backends).await;
    let names: Vec<String> = adapters.iter().map(|adapter| adapter.get_info().name).collect();
    let wanted = name.to_ascii_lowercase();
    let found = adapters.into_iter().zip(&names).find(|(_, name)| name.to_ascii_lowercase().contains(&wanted));
    found.map(|(adapter, _)| adapter).ok_or_else(|| absent(format!("the adapters here are {names:?}")))
}

fn absent(reason: impl ToString) -> Error {
    let text = |name| variable(name).unwrap_or_default();
    Error::NoAdapter { backend: text(BACKEND), name: text(NAME), reason: reason.to_string() }
}

/// A variable of the environment, unless it is empty. Inlined, so that the compiler knows at each call what there is none for.
#[inline(always)]
fn variable(name: &str) -> Option<String> {
    if !HAS_VARIABLES {
        return None;
    }
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
