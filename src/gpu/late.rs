//! Browsers answer late: whether the device does, and which buffers of the caller's a call was given, to be asked about afterwards.

use core::cell::RefCell;

#[cfg(feature = "testing")]
use core::cell::Cell;

use crate::error::BufferRole;

/// A buffer of the caller's, and what it is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Given {
    pub(crate) param: String,
    pub(crate) role: BufferRole,
    pub(crate) buffer: wgpu::Buffer,
}

std::thread_local! {
    /// Those since the beginning of the innermost `given_in`, if there is one.
    static GIVEN: RefCell<Option<Vec<Given>>> = const { RefCell::new(None) };
}

/// Runs `make`, and returns the buffers that were given to this crate in it, each once.
pub(crate) fn given_in<T>(make: impl FnOnce() -> T) -> (T, Vec<Given>) {
    let outer = GIVEN.replace(Some(Vec::new()));
    let made = make();
    (made, GIVEN.replace(outer).unwrap_or_default())
}

/// Takes note of a buffer, if anybody wants to know.
pub(crate) fn note(param: &str, role: BufferRole, buffer: &wgpu::Buffer) {
    GIVEN.with_borrow_mut(|given| {
        let Some(given) = given else { return };
        if !given.iter().any(|own| own.buffer == *buffer) {
            given.push(Given { param: param.to_owned(), role, buffer: buffer.clone() });
        }
    });
}

#[cfg(feature = "testing")]
std::thread_local! {
    static AS_IN_A_BROWSER: Cell<bool> = const { Cell::new(false) };
}

/// Runs something on this thread as in a browser: what wgpu refuses is not known when a call returns.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub fn as_in_a_browser<T>(run: impl FnOnce() -> T) -> T {
    let before = AS_IN_A_BROWSER.replace(true);
    let made = run();
    AS_IN_A_BROWSER.set(before);
    made
}

/// Whether wgpu's answers come after the call that they are about has returned.
pub(crate) fn answers_late() -> bool {
    #[cfg(feature = "testing")]
    if AS_IN_A_BROWSER.get() {
        return true;
    }
    cfg!(target_arch = "wasm32")
}
