//! What the tests have in common: one device for each way to keep memory, copies of models, comparisons.

use std::sync::LazyLock;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::wgpu::MemoryConfiguration;
use burn::tensor::{Device, Tensor, TensorData};
use wgpu_optim_burn::BurnDevice;
use wgpu_optim_burn::wgpu_optim::adapter::{Gpu, instance, request_all_features};

/// One wgpu device for all tests: devices of burn's beside each other on it keep memory in two ways.
static GPU: LazyLock<Gpu> = LazyLock::new(|| pollster::block_on(async { request_all_features(&instance().await.unwrap()).await.unwrap() }));

/// Memory in pools, many tensors in a buffer.
pub static POOLED: LazyLock<BurnDevice> = LazyLock::new(|| BurnDevice::on_gpu(&GPU).unwrap());

/// A buffer for each tensor.
pub static EXCLUSIVE: LazyLock<BurnDevice> = LazyLock::new(|| BurnDevice::on_gpu_with(&GPU, MemoryConfiguration::ExclusivePages).unwrap());

/// Numbers between -1 and 1, the same for the same seed.
pub fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A tensor of these.
pub fn data<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(shape.iter().product(), seed), shape), device)
}

/// A model with the same values in tensors of its own, and the same ids.
pub fn fresh<M: Module>(model: &M) -> M {
    struct Fresh;
    impl ModuleMapper for Fresh {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let (id, tensor, mapper) = param.consume();
            let value = Tensor::<D>::from_data(tensor.to_data(), &tensor.device()).set_require_grad(tensor.is_require_grad());
            Param::from_mapped_value(id, value, mapper)
        }
    }
    model.clone().map(&mut Fresh)
}

/// A model of the same shape whose values are the same in every run: matrices and kernels by the size of their inputs, vectors small, those that are all 1 near 1.
pub fn seeded<M: Module>(model: &M) -> M {
    struct Seeded(u64);
    impl ModuleMapper for Seeded {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.0 += 1;
            let (id, tensor, mapper) = param.consume();
            let dims = tensor.dims();
            let count: usize = dims.iter().product();
            let ones = tensor.to_data().try_to_vec::<f32>().unwrap().iter().all(|&value| value == 1.0);
            let inputs = if D == 2 { dims[0] } else { count / dims[0].max(1) };
            let (center, scale) = if D > 1 { (0.0, (1.0 / inputs as f32).sqrt()) } else { (f32::from(u8::from(ones)), 0.1) };
            let values: Vec<f32> = numbers(count, self.0).into_iter().map(|value| center + scale * value).collect();
            let value = Tensor::<D>::from_data(TensorData::new(values, dims), &tensor.device());
            Param::from_mapped_value(id, value.set_require_grad(tensor.is_require_grad()), mapper)
        }
    }
    model.clone().map(&mut Seeded(0))
}

/// The values of all float parameters, by path.
pub fn values<M: Module>(model: &M) -> Vec<(String, Vec<f32>)> {
    #[derive(Default)]
    struct Values(Vec<String>, Vec<(String, Vec<f32>)>);
    impl ModuleVisitor for Values {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.push((self.0.join("."), param.val().into_data().try_to_vec::<f32>().unwrap()));
        }
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
    }
    let mut values = Values::default();
    model.visit(&mut values);
    values.1
}

/// The values of one parameter.
pub fn value<M: Module>(model: &M, path: &str) -> Vec<f32> {
    values(model).into_iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("no parameter {path}")).1
}

/// The largest difference of two models' values, relative to the largest value.
pub fn difference<M: Module>(one: &M, other: &M) -> f32 {
    let (one, other) = (values(one), values(other));
    assert_eq!(one.len(), other.len());
    let pairs = || one.iter().zip(&other).flat_map(|((_, one), (_, other))| one.iter().zip(other));
    // A NaN would be no difference.
    assert!(pairs().all(|(one, other)| one.is_finite() && other.is_finite()), "values are not finite");
    let largest = pairs().map(|(one, _)| one.abs()).fold(0.0, f32::max);
    pairs().map(|(one, other)| (one - other).abs()).fold(0.0, f32::max) / largest
}

/// How far two models' values are apart, at most.
pub fn distance<M: Module>(one: &M, other: &M) -> f32 {
    let (one, other) = (values(one), values(other));
    one.iter()
        .zip(&other)
        .flat_map(|((_, one), (_, other))| one.iter().zip(other))
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f32::max)
}
