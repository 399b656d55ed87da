//! The proofs that the crate's own rules pass, for rules of one's own: feature `testing`.
//!
//! A rule is proven in one call, on any adapter (the software one will do):
//!
//! ```
//! use wgpu_optim::adapter::{DeviceLimits, request};
//! use wgpu_optim::{Adam, testing};
//!
//! # fn main() -> Result<(), testing::Failure> {
//! # let Ok(gpu) = pollster::block_on(request(DeviceLimits::Adapter)) else { return Ok(()) };
//! // let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
//! testing::prove(&gpu, &Adam::default())
//! # }
//! ```
//!
//! [`rows`] has the same as single named rows, for a test harness.

mod compare;
mod faithful;
mod inputs;
mod kernels;
mod layout;
mod non_finite;
mod rows;
mod scene;
mod shaders;

use core::fmt;

pub use crate::gpu::late::as_in_a_browser;
pub use crate::gpu::made::Made;
pub use compare::{compare, must_fail, same_bits};
pub use faithful::is_faithful;
pub use inputs::{NON_FINITE, Random, gradients, spoil, values};
pub use layout::{STYLES, Style, stored};
pub use non_finite::{cpu_keeps_non_finite, keeps_non_finite};
pub use rows::{Check, Row, STEPS, agrees, cases_cover, features, is_certain, is_live, rejects, rows, tolerances_are_tight};
pub use scene::Scene;
pub use shaders::{kernels_are_valid, module, tasks_are_valid};

use crate::adapter::Gpu;
use crate::rule::AnyRule;

/// What did not hold: a message for people.
///
/// ```
/// use wgpu_optim::testing::{Failure, Outcome, same_bits};
///
/// fn halves(x: f32) -> Outcome {
///     if x == 0.0 {
///         return Err("nothing to halve".into());
///     }
///     same_bits("half", &[x / 2.0], &[0.5 * x])
/// }
/// assert_eq!(halves(3.0), Ok(()));
/// assert_eq!(halves(0.0), Err(Failure("nothing to halve".into())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

/// The result of a row.
pub type Outcome = Result<(), Failure>;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Failure {}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Failure(message)
    }
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Failure(message.to_owned())
    }
}

impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Self {
        Failure(error.to_string())
    }
}

/// Runs every row for a rule and fails with the first that does not hold. The device needs the [`features`] of all cases of the rule.
///
/// The kernels are valid WGSL with at most eight storage buffers; they agree with the twin, in every case that the rule names and every layout
/// of buffers, in every value and state after every step, within tolerances propagated from what WGSL allows; sentinels around all
/// tensors survive; an element whose gradient was NaN or infinite once is NaN from then on, unless the rule goes on, and no other is; every hyper-parameter is set in some case, changes the result when it changes, and is refused outside its range.
///
/// # Errors
///
/// The first row that does not hold: its name, and what was found.
pub fn prove(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    rows(rule).into_iter().try_for_each(|row| row.check.run(gpu).map_err(|failure| Failure(format!("{}: {failure}", row.name))))
}
