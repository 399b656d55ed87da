//! Turns what wgpu refuses, and a lost device, into this crate's errors.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use crate::error::{Error, Result};

/// Runs `make` and returns what wgpu has against it as an error, instead of to the device's handler, which by default panics.
///
/// Native wgpu knows at once. In a browser the answer comes later, when nobody can be told any more: no scope is opened there, so that what
/// this crate's own checks do not foresee reaches the device's handler.
pub(crate) fn caught<T>(device: &wgpu::Device, make: impl FnOnce() -> T) -> Result<T> {
    if cfg!(target_arch = "wasm32") {
        return Ok(make());
    }
    let (made, errors) = scoped(device, make);
    match cause(errors) {
        Some(_) if is_lost(device) => Err(Error::DeviceLost),
        Some(error) => Err(error),
        None => Ok(made),
    }
}

/// Whether the device is lost. Natively wgpu tells so only to the device's callback, which is the caller's to set; what a lost device makes is
/// void without an error. A buffer that is made mapped, and cannot be looked at, shows it. In a browser it can be looked at.
pub(crate) fn is_lost(device: &wgpu::Device) -> bool {
    let (label, usage) = (Some("wgpu-optim probe"), wgpu::BufferUsages::MAP_WRITE);
    let descriptor = wgpu::BufferDescriptor { label, size: 4, usage, mapped_at_creation: true };
    let is_void = || device.create_buffer(&descriptor).get_mapped_range_mut(..).is_err();
    if cfg!(target_arch = "wasm32") {
        return false;
    }
    let (is_void, errors) = scoped(device, is_void);
    is_void && errors.is_empty()
}

/// Runs `make` and returns wgpu's errors besides, one of a kind.
fn scoped<T>(device: &wgpu::Device, make: impl FnOnce() -> T) -> (T, Vec<wgpu::Error>) {
    let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
    let scopes = filters.map(|filter| device.push_error_scope(filter));
    let made = make();
    // Scopes close from the inside out.
    (made, scopes.into_iter().rev().filter_map(|scope| now(scope.pop()).flatten()).collect())
}

/// The error that the others follow from: without memory a buffer is void, and whatever names it is invalid.
fn cause(mut errors: Vec<wgpu::Error>) -> Option<Error> {
    errors.sort_by_key(|error| !matches!(error, wgpu::Error::OutOfMemory { .. }));
    errors.into_iter().next().map(|error| match error {
        wgpu::Error::OutOfMemory { source } => Error::OutOfMemory(source.to_string()),
        other => Error::Wgpu(other.to_string()),
    })
}

/// The future's result, if it has one already.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::cause;
    use crate::Error;

    fn invalid(description: &str) -> wgpu::Error {
        wgpu::Error::Validation { source: description.into(), description: description.into() }
    }

    #[test]
    fn memory_is_what_the_others_follow_from() {
        let exhausted = || wgpu::Error::OutOfMemory { source: "In Device::create_buffer, label = 'wgpu-optim read-back'".into() };
        let expected = Error::OutOfMemory("In Device::create_buffer, label = 'wgpu-optim read-back'".into());
        let orders = [vec![exhausted()], vec![invalid("Buffer is invalid"), exhausted()], vec![exhausted(), invalid("Buffer is invalid")]];
        for errors in orders {
            assert_eq!(cause(errors), Some(expected.clone()));
        }
        assert_eq!(cause(vec![invalid("no such size")]), Some(Error::Wgpu("no such size".into())));
        assert_eq!(cause(Vec::new()), None);
    }
}
