//! Where plans meet wgpu: the caller's bindings, kernels, and buffers of our own.

pub mod adapter;
mod binding;
mod buckets;
mod buffers;
mod compiled;
mod dispatch;
mod engine;
mod executor;
mod given;
pub(crate) mod late;
pub(crate) mod made;
mod pages;
mod param;
mod parts;
mod pipelines;
mod places;
mod record;
mod record_layout;
mod ring;
pub(crate) mod scales;
pub(crate) mod scope;
mod some_rows;
mod staged;
mod tables;
mod tensors;
mod transfer;

use crate::error::{Error, Result};
use crate::program::Division;

pub use binding::Binding;
pub use dispatch::RecordedWork;
pub use param::{Bf16Copy, LrScales, Param};
pub use pipelines::Pipelines;
pub use scope::checked;
pub use some_rows::{RowMask, SparseRows};
pub use tensors::Tensors;

pub(crate) use buffers::{check_binds, create, table, upload, upload_for, whole};
pub(crate) use compiled::Compiled;
pub(crate) use dispatch::{Bound, Counter, Dispatch, Recorder, Stamped, fold, resource};
pub(crate) use engine::Engine;
pub(crate) use executor::{Executor, Plans};
pub(crate) use given::Given;
pub(crate) use pages::Pages;
pub(crate) use param::elements;
pub(crate) use parts::Parts;
pub(crate) use record::Record;
pub(crate) use record_layout::RecordLayout;
pub(crate) use ring::{Flight, Ring};
pub(crate) use scope::{caught, is_lost, now, of_first_given};
pub(crate) use tables::Member;
pub(crate) use transfer::{Span, elements as elements_of, put, read, read_all, write};

/// Fails on a device that binds no storage buffers at all, as one with the limits of WebGL.
pub(crate) fn check_storage(device: &wgpu::Device) -> Result<()> {
    let limits = device.limits();
    let obeyed = [
        ("max_storage_buffers_per_shader_stage", u64::from(limits.max_storage_buffers_per_shader_stage)),
        ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size),
    ];
    match obeyed.into_iter().find(|&(_, allowed)| allowed == 0) {
        Some((limit, _)) => Err(Error::NoStorageBuffers { limit }),
        None => Ok(()),
    }
}

/// The limits of a device that a plan obeys, and its class.
pub(crate) fn limits(device: &wgpu::Device) -> crate::program::Limits {
    let limits = device.limits();
    let invocations = limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
    let is_software =
        device.adapter_info().device_type == wgpu::DeviceType::Cpu && device.features().contains(wgpu::Features::SHADER_INT64);
    let division = if is_software { Division::SOFTWARE } else { Division::GPU };
    crate::program::Limits {
        binding: limits.max_storage_buffer_binding_size,
        alignment: u64::from(limits.min_storage_buffer_offset_alignment),
        workgroups: u64::from(limits.max_compute_workgroups_per_dimension),
        buffer: limits.max_buffer_size,
        buffers: limits.max_storage_buffers_per_shader_stage.min(limits.max_bindings_per_bind_group) as usize,
        workgroup: Division::GPU.at_most(invocations).invocations,
        division: division.at_most(invocations),
    }
}
