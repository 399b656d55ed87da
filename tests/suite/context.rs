//! The devices that the suite runs on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use libtest_mimic::{Failed, Trial};
use wgpu_optim::Error;
use wgpu_optim::adapter::{DeviceLimits, Gpu, instance, request_all_features, request_from, request_with_features};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::features;

/// The result of a row.
pub type Outcome = Result<(), Failed>;

/// Kernels that the rows of a device share, at most: all that the suite compiles take 18 GB on llvmpipe.
const SHARED: usize = 200;

/// A device, or why there is none.
pub struct Context {
    pub name: &'static str,
    gpu: Result<Gpu, Error>,
    /// Rows that run read; who forgets kernels writes, so that no row misses one that it has compiled.
    running: RwLock<()>,
    /// Kernels that had been compiled when the last ones were forgotten.
    forgotten: AtomicUsize,
}

impl Context {
    pub fn gpu(&self) -> Result<&Gpu, Failed> {
        self.gpu.as_ref().map_err(|error| error.to_string().into())
    }

    /// A row on this device: ignored where there is no adapter, unless one is required.
    pub fn trial(self: &Arc<Self>, name: String, run: impl FnOnce(&Gpu) -> Outcome + Send + 'static) -> Trial {
        let context = self.clone();
        let ignored = self.gpu.is_err() && !required();
        Trial::test(format!("{}/{name}", self.name), move || {
            let gpu = context.gpu()?;
            context.forget(gpu);
            let _running = context.running.read().unwrap_or_else(PoisonError::into_inner);
            run(gpu)
        })
        .with_ignored_flag(ignored)
    }

    /// The same, also ignored where the device lacks features that the row needs.
    pub fn trial_with(self: &Arc<Self>, needed: wgpu::Features, name: String, run: impl FnOnce(&Gpu) -> Outcome + Send + 'static) -> Trial {
        let lacks = self.gpu.as_ref().is_ok_and(|gpu| !gpu.device.features().contains(needed));
        let trial = self.trial(name, run);
        let is_ignored = trial.has_ignored_flag() || lacks;
        trial.with_ignored_flag(is_ignored)
    }

    /// A row about a rule.
    pub fn trial_of(self: &Arc<Self>, rule: &dyn AnyRule, name: String, run: impl FnOnce(&Gpu) -> Outcome + Send + 'static) -> Trial {
        self.trial_with(features(rule), name, run)
    }

    /// Forgets the kernels of earlier rows where there are many.
    fn forget(&self, gpu: &Gpu) {
        let are_many = || gpu.pipelines.compiled() - self.forgotten.load(Ordering::Relaxed) > SHARED;
        if are_many() {
            let _alone = self.running.write().unwrap_or_else(PoisonError::into_inner);
            if are_many() {
                self.forgotten.store(gpu.pipelines.compiled(), Ordering::Relaxed);
                gpu.pipelines.clear();
            }
        }
    }
}

fn required() -> bool {
    std::env::var("REQUIRE_GPU").is_ok_and(|value| value == "1")
}

/// Whether a device has the features that a rule needs.
pub fn has_features_of(gpu: &Gpu, rule: &dyn AnyRule) -> bool {
    gpu.device.features().contains(features(rule))
}

/// One more device, of the suite's only instance.
pub fn another(allowance: DeviceLimits) -> Result<Gpu, Error> {
    pollster::block_on(request_from(only_instance()?, allowance))
}

/// The same with f16 where the adapter has it: rules that iterate in it are rows like others.
fn with_f16(allowance: DeviceLimits) -> Result<Gpu, Error> {
    static F16: LazyLock<Result<wgpu::Features, Error>> =
        LazyLock::new(|| Ok(another(DeviceLimits::Adapter)?.adapter.features() & wgpu::Features::SHADER_F16));
    pollster::block_on(request_with_features(only_instance()?, allowance, F16.clone()?))
}

fn only_instance() -> Result<&'static wgpu::Instance, Error> {
    static INSTANCE: LazyLock<Result<wgpu::Instance, Error>> = LazyLock::new(|| pollster::block_on(instance()));
    INSTANCE.as_ref().map_err(Error::clone)
}

/// All that the adapter can, f16 too, and on a software adapter the kernels that are written for it; WebGPU's default limits (8 storage buffers, bindings of 128 MiB); and bindings of 64 KiB, so that
/// small tensors need windows; and, with that, buffers of 300 KiB, so that models need several.
pub fn all() -> Vec<Arc<Context>> {
    let narrow = wgpu::Limits { max_storage_buffer_binding_size: 64 << 10, ..wgpu::Limits::default() };
    let paged = wgpu::Limits { max_buffer_size: 300 << 10, ..narrow.clone() };
    let allowances = [
        ("adapter", DeviceLimits::Adapter),
        ("webgpu", DeviceLimits::Limited(Box::default())),
        ("narrow", DeviceLimits::Limited(Box::new(narrow))),
        ("paged", DeviceLimits::Limited(Box::new(paged))),
    ];
    let context = |(name, allowance)| {
        Arc::new(Context { name, gpu: with_f16(allowance), running: RwLock::default(), forgotten: AtomicUsize::default() })
    };
    allowances.into_iter().map(context).collect()
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let limits = |gpu: &Gpu| {
        let limits = gpu.device.limits();
        eprintln!(
            "{}: {} storage buffers, bindings of {} bytes",
            gpu.info.name, limits.max_storage_buffers_per_shader_stage, limits.max_storage_buffer_binding_size
        );
        Ok(())
    };
    let mut trials: Vec<Trial> = contexts.iter().map(|context| context.trial("device".into(), limits)).collect();
    trials.push(contexts[0].trial("device-is-of-a-primary-backend".into(), |gpu| {
        // GL comes in only where there is nothing else, or where it is asked for.
        if std::env::var_os("WGPU_BACKEND").is_none() && wgpu::Backends::from(gpu.info.backend).intersects(wgpu::Backends::PRIMARY) {
            let others = pollster::block_on(pollster::block_on(instance())?.enumerate_adapters(wgpu::Backends::GL));
            assert!(others.is_empty(), "{} adapters of GL beside {}", others.len(), gpu.info.name);
        }
        Ok(())
    }));
    trials.push(contexts[1].trial("device-is-limited".into(), |gpu| {
        let limits = gpu.device.limits();
        assert_eq!((limits.max_storage_buffers_per_shader_stage, limits.max_storage_buffer_binding_size), (8, 128 << 20));
        Ok(())
    }));
    trials.push(contexts[0].trial("device-for-a-framework-has-all-features".into(), |_| {
        let Gpu { device, adapter, info, .. } = pollster::block_on(request_all_features(only_instance()?))?;
        let (has, adapters) = (device.features(), adapter.features());
        assert_eq!(adapters - has, adapters & (wgpu::Features::all_experimental_mask() | wgpu::Features::MAPPABLE_PRIMARY_BUFFERS));
        assert!(adapters.contains(has) && has.contains(adapters & wgpu::Features::SHADER_F64));
        assert_eq!((device.limits(), info.name), (adapter.limits(), adapter.get_info().name));
        Ok(())
    }));
    trials
}
