//! Asks burn where its tensors lie, and holds them there until a step over them is submitted.

#[cfg(feature = "fusion")]
mod fused;
#[cfg(not(feature = "fusion"))]
mod plain;

use std::time::{Duration, Instant};

use burn::backend::{Cube, StreamId};
use burn::tensor::{Device, Tensor};
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::server::{Handle, ServerError};
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuResource, WgpuServer};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl_runtime::storage::ManagedResource;
use wgpu_optim::Binding;

#[cfg(feature = "fusion")]
pub(crate) use fused::{Primitive, copied, lend};
#[cfg(not(feature = "fusion"))]
pub(crate) use plain::{Primitive, copied, lend};

use crate::error::{Error, Result};

/// While it lives, cubecl neither frees that part of the buffer, nor hands it out again, nor moves it. It does not count as another holder of the tensor.
type Lease = ManagedResource<WgpuResource>;

/// A tensor that is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) tensor: Primitive,
    /// Whether a copy will do where it is not row-major. A step reads gradients, and writes values.
    pub(crate) is_read: bool,
}

/// Where a tensor lies.
#[derive(Debug)]
pub(crate) struct Lent {
    lease: Lease,
    elements: u64,
    /// Whether nothing else holds it, as far as burn's backend knows.
    pub(crate) is_alone: bool,
    /// Its strides, if it is not row-major.
    pub(crate) strides: Option<Vec<usize>>,
    /// Whether it is a copy.
    pub(crate) is_copy: bool,
}

/// Where all that was asked for lies, in the same order, and what finding out took.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) lent: Vec<Lent>,
    pub(crate) resolve: Duration,
    pub(crate) lend: Duration,
}

impl Lent {
    /// Its place. The buffer's part may be padded, the tensor is not.
    pub(crate) fn binding(&self) -> Binding {
        let WgpuResource { buffer, offset, .. } = self.lease.resource();
        Binding::new(buffer, *offset, 4 * self.elements)
    }
}

/// The backend's own tensor.
pub(crate) fn primitive<const D: usize>(tensor: Tensor<D>) -> Result<Primitive> {
    let found = tensor.without_autodiff().try_into_primitive::<Cube>();
    found.map_err(|error| Error::Burn(format!("a tensor that is not on wgpu: {error:?}")))
}

/// Has burn record and submit all that is pending. How many hold a buffer is known only then: dropped tensors are pending too, and so is the memory of new ones.
pub(crate) fn settle(device: &Device) -> Result<Duration> {
    let begin = Instant::now();
    device.flush().map_err(|error| Error::Burn(format!("{error:?}")))?;
    Ok(begin.elapsed())
}

/// Whether tensors of this device are wgpu's.
pub(crate) fn check(device: &Device) -> Result<()> {
    let tensor = Asked { tensor: primitive(Tensor::<1>::zeros([1], device))?, is_read: true };
    settle(device)?;
    lend(device, vec![tensor]).map(|_| ())
}

/// A tensor as cubecl has it, before it is leased.
struct Found {
    handle: Handle,
    elements: u64,
    is_alone: bool,
    strides: Option<Vec<usize>>,
    is_copy: bool,
}

impl Found {
    /// The tensor itself, or, where a copy will do and is needed, a row-major copy.
    fn of(tensor: CubeTensor, is_alone: bool, is_read: bool) -> Self {
        let (shape, strides) = (tensor.meta.shape().to_vec(), tensor.meta.strides().to_vec());
        let is_rows = is_row_major(&shape, &strides) && !tensor.meta.is_tiled();
        let is_copy = is_read && !is_rows;
        let handle = if is_copy { into_contiguous(tensor).handle } else { tensor.handle };
        let strides = (!is_rows && !is_copy).then_some(strides);
        Found { handle, elements: shape.iter().product::<usize>() as u64, is_alone, strides, is_copy }
    }
}

/// Leases of all of them, in one visit to cubecl's thread, which submits what it has recorded on their streams.
fn leases(client: &Client, found: Vec<Found>) -> core::result::Result<Vec<Lent>, String> {
    let lease = |found: &Found| client.get_resource::<WgpuServer<AutoCompiler>>(found.handle.clone());
    let visit = || {
        let leases = found.iter().map(lease).collect::<core::result::Result<Vec<Lease>, _>>()?;
        for stream in streams(&found) {
            stream.executes(|| client.flush())?;
        }
        Ok(leases)
    };
    let leases: core::result::Result<Vec<Lease>, ServerError> = client.exclusive(visit).map_err(|error| format!("{error:?}"))?;
    let leases = leases.map_err(|error| format!("{error:?}"))?;
    let lent = |(lease, found): (Lease, Found)| {
        let Found { elements, is_alone, strides, is_copy, .. } = found;
        Lent { lease, elements, is_alone, strides, is_copy }
    };
    Ok(leases.into_iter().zip(found).map(lent).collect())
}

/// The streams on which these were written, and the thread's own.
fn streams(found: &[Found]) -> Vec<StreamId> {
    let mut streams = vec![StreamId::current()];
    for Found { handle, .. } in found {
        // Most often all are of one thread.
        if streams.last() != Some(&handle.stream) && !streams.contains(&handle.stream) {
            streams.push(handle.stream);
        }
    }
    streams
}

/// A row-major copy, bit for bit.
fn copy(tensor: CubeTensor) -> CubeTensor {
    let is_rows = is_row_major(tensor.meta.shape(), tensor.meta.strides()) && !tensor.meta.is_tiled();
    if is_rows { tensor.copy() } else { into_contiguous(tensor) }
}

/// Whether elements lie one behind the other, the last dimension fastest. Strides of dimensions with one element mean nothing.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(&size, &stride)| {
        let fits = size == 1 || stride == expected;
        expected *= size;
        fits
    }) || shape.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::is_row_major;

    #[test]
    fn row_major_is_told_from_strided() {
        assert!(is_row_major(&[2, 3], &[3, 1]) && is_row_major(&[], &[]) && is_row_major(&[5], &[1]));
        assert!(is_row_major(&[2, 1, 3], &[3, 99, 1]) && is_row_major(&[1, 3], &[7, 1]) && is_row_major(&[0, 3], &[5, 5]));
        assert!(
            !is_row_major(&[2, 3], &[1, 2])
                && !is_row_major(&[2, 3], &[4, 1])
                && !is_row_major(&[2, 3], &[0, 1])
                && !is_row_major(&[4], &[2])
        );
    }
}
