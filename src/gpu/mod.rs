//! Where plans meet wgpu: the caller's bindings, kernels, and buffers of our own.

pub mod adapter;
mod arena;
mod binding;
mod engine;
mod kernels;
mod passes;
mod record;
mod scope;
mod tensors;
mod transfer;

pub use binding::{Binding, Param};
pub use tensors::Tensors;

pub(crate) use arena::Lanes;
pub(crate) use binding::elements;
pub(crate) use engine::Engine;
pub(crate) use kernels::{Compiled, Kernels};
pub(crate) use passes::{Dispatch, Passes, fold, resource};
pub(crate) use record::{Layout, Member, Record, upload};
pub(crate) use scope::{caught, now};
pub(crate) use transfer::{read, write};

/// The limits of a device that a plan obeys.
pub(crate) fn limits(device: &wgpu::Device) -> crate::plan::Limits {
    let limits = device.limits();
    crate::plan::Limits {
        binding: limits.max_storage_buffer_binding_size,
        alignment: u64::from(limits.min_storage_buffer_offset_alignment),
        workgroups: u64::from(limits.max_compute_workgroups_per_dimension),
        buffer: limits.max_buffer_size,
    }
}
