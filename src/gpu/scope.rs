//! Turns what wgpu refuses, and a lost device, into this crate's errors.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};

use super::{check_binds, late};
use crate::error::{Error, Result};

/// Runs `make` and returns what wgpu has against it as an error, instead of to the device's handler, which by default panics.
///
/// Native wgpu knows at once. In a browser the answer comes later, when nobody can be told any more: no scope is opened there, so that what
/// this crate's own checks do not foresee reaches [`checked`], or else the device's handler.
pub(crate) fn caught<T>(device: &wgpu::Device, make: impl FnOnce() -> T) -> Result<T> {
    if late::answers_late() {
        return Ok(make());
    }
    let (made, errors) = scoped(device, make);
    let errors: Vec<wgpu::Error> = errors.into_iter().filter_map(|error| now(error).flatten()).collect();
    match cause(errors) {
        Some(_) if is_lost(device) => Err(Error::DeviceLost),
        Some(error) => Err(error),
        None => Ok(made),
    }
}

/// Makes or changes something and waits for what the device has against it, also in a browser, where wgpu's answers come after the call that they are
/// about has returned.
///
/// Every function of this crate that returns [`Result`] says natively what wgpu refuses. In a browser it says what this crate's own checks find, and what
/// only the device finds (a destroyed buffer, one of another device, no memory, a kernel of a rule of your own that does not compile) goes to the
/// device's error handler, unless the call is made in here. What you make yourself in `make` is heard too.
/// [`Optimizer::checked`](crate::Optimizer::checked) does this for changes to an optimizer, and takes them back.
///
/// ```
/// use wgpu_optim::{Adam, Optimizer, Result, Tensors, checked, wgpu};
///
/// async fn optimizer(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Optimizer> {
///     let make = || {
///         let tensors = Tensors::new(device, [("weight", vec![4, 3]), ("bias", vec![4])])?;
///         Optimizer::new(device, queue, Adam::default(), tensors.params())
///     };
///     checked(device, make).await
/// }
/// ```
///
/// # Errors
///
/// What `make` returns. Else what the device has against it: [`Error::Buffer`] where it is a buffer that was given to this crate, with the parameter's
/// name; [`Error::OutOfMemory`], [`Error::Wgpu`]; natively [`Error::DeviceLost`]. A browser tells of a lost device only at the next read-back.
pub async fn checked<T>(device: &wgpu::Device, make: impl FnOnce() -> Result<T>) -> Result<T> {
    let ((made, given), errors) = scoped(device, || late::given_in(make));
    let Some(error) = cause(all(errors).await) else { return made };
    // Without a scope, a void buffer that cannot be mapped looks like a lost device's.
    if !matches!(made, Ok(_) | Err(Error::DeviceLost)) {
        return made;
    }
    if is_lost(device) {
        return Err(Error::DeviceLost);
    }
    Err(of_first_given(device, error, given).await)
}

/// Of what wgpu refused, the first buffer that it refuses by itself, if there is one.
pub(crate) async fn of_first_given(device: &wgpu::Device, error: Error, given: Vec<late::Given>) -> Error {
    if !matches!(error, Error::Wgpu(_)) {
        return error;
    }
    for late::Given { param, role, buffer } in given {
        let (binds, errors) = scoped(device, || check_binds(device, &buffer));
        if let Err(refused) = cause(all(errors).await).map_or(binds, Err) {
            return refused.about(&param, role);
        }
    }
    error
}

/// Whether the device is lost. Natively wgpu tells so only to the device's callback, which is the caller's to set; what a lost device makes is
/// void without an error. A buffer that is made mapped, and cannot be looked at, shows it. In a browser it can be looked at.
pub(crate) fn is_lost(device: &wgpu::Device) -> bool {
    let (label, usage) = (Some("wgpu-optim probe"), wgpu::BufferUsages::MAP_WRITE);
    let descriptor = wgpu::BufferDescriptor { label, size: 4, usage, mapped_at_creation: true };
    let is_void = || device.create_buffer(&descriptor).get_mapped_range_mut(..).is_err();
    if late::answers_late() {
        return false;
    }
    let (is_void, errors) = scoped(device, is_void);
    is_void && errors.into_iter().all(|error| now(error).flatten().is_none())
}

/// Runs `make` and returns wgpu's errors besides, one of a kind; in a browser they come later.
fn scoped<T>(device: &wgpu::Device, make: impl FnOnce() -> T) -> (T, Vec<Late>) {
    let filters = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Validation];
    let scopes = filters.map(|filter| device.push_error_scope(filter));
    let made = make();
    // Scopes close from the inside out, all at once: what the device is asked for from now on is not heard by them.
    (made, scopes.into_iter().rev().map(|scope| Box::pin(scope.pop()) as Late).collect())
}

/// An error that may come.
#[cfg(not(target_arch = "wasm32"))]
type Late = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;
/// An error that may come.
#[cfg(target_arch = "wasm32")]
type Late = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// All errors that come.
async fn all(errors: Vec<Late>) -> Vec<wgpu::Error> {
    let mut heard = Vec::new();
    for error in errors {
        heard.extend(error.await);
    }
    heard
}

/// The error that the others follow from: without memory a buffer is void, and whatever names it is invalid.
fn cause(mut errors: Vec<wgpu::Error>) -> Option<Error> {
    let first = errors.iter().position(|error| matches!(error, wgpu::Error::OutOfMemory { .. }));
    (!errors.is_empty()).then(|| match errors.swap_remove(first.unwrap_or(0)) {
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
