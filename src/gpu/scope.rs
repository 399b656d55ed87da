use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use crate::error::{Error, Result};

/// Runs `make` and returns what wgpu has against it as an error, instead of to the device's handler, which by default panics.
///
/// Native wgpu knows at once. In a browser the answer comes later, when nobody can be told any more: there, errors that this crate's own
/// checks do not foresee reach the device's handler.
pub(crate) fn caught<T>(device: &wgpu::Device, make: impl FnOnce() -> T) -> Result<T> {
    let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
    let scopes = filters.map(|filter| device.push_error_scope(filter));
    let made = make();
    // Scopes close from the inside out.
    let errors: Vec<_> = scopes.into_iter().rev().filter_map(|scope| now(scope.pop()).flatten()).collect();
    match errors.into_iter().next() {
        Some(error) => Err(Error::Wgpu(error.to_string())),
        None => Ok(made),
    }
}

/// The future's result, if it has one already.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}
