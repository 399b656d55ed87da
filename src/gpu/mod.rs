//! Where plans meet wgpu: the caller's bindings, kernels, and buffers of our own.

pub mod adapter;
mod arena;
mod binding;
mod buffers;
mod dispatch;
mod engine;
mod kernels;
mod layout;
mod param;
mod passes;
mod record;
mod ring;
mod scope;
mod stage;
mod tables;
mod tensors;
mod transfer;

pub use binding::Binding;
pub use dispatch::Recorded;
pub use param::{LrScales, Param};
pub use tensors::Tensors;

pub(crate) use arena::Pages;
pub(crate) use buffers::upload;
pub(crate) use dispatch::{Dispatch, Recorder, fold, resource};
pub(crate) use engine::Engine;
pub(crate) use kernels::{Compiled, Kernels, Task};
pub(crate) use layout::Layout;
pub(crate) use param::elements;
pub(crate) use passes::Passes;
pub(crate) use record::Record;
pub(crate) use ring::{Flight, Ring};
pub(crate) use scope::{caught, now};
pub(crate) use tables::Member;
pub(crate) use transfer::{read, write};

/// The limits of a device that a plan obeys.
pub(crate) fn limits(device: &wgpu::Device) -> crate::plan::Limits {
    let limits = device.limits();
    crate::plan::Limits {
        binding: limits.max_storage_buffer_binding_size,
        alignment: u64::from(limits.min_storage_buffer_offset_alignment),
        workgroups: u64::from(limits.max_compute_workgroups_per_dimension),
        buffer: limits.max_buffer_size,
        software: device.adapter_info().device_type == wgpu::DeviceType::Cpu && device.features().contains(wgpu::Features::SHADER_INT64),
    }
}
