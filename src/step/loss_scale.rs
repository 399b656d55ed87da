//! Loss scaling: none, a constant factor, or one that adapts to overflows.

use crate::error::{Error, Result};

/// The factor by which the loss, and so every gradient, was multiplied before the backward pass; a step divides gradients by it. The factor is in a GPU buffer
/// that the caller's loss kernel binds: [`Optimizer::loss_scale`](crate::Optimizer::loss_scale).
///
/// ```
/// use wgpu_optim::{DynamicScale, LossScale, Options};
///
/// let scale = DynamicScale { init: 1024.0, interval: 500, ..Default::default() };
/// let options = Options { loss_scale: LossScale::Dynamic(scale), ..Default::default() };
/// assert!(options.may_skip()); // where scaled gradients overflow
/// assert_eq!(options.loss_scale.initial(), 1024.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum LossScale {
    /// The loss was not multiplied: the factor is 1.
    #[default]
    None,
    /// The factor is always this; a power of 2 costs no rounding. Range: `[2^-64, 2^64]`.
    Static(f64),
    /// The factor grows while gradients stay finite and shrinks when they overflow.
    Dynamic(DynamicScale),
}

/// Dynamic loss scaling as torch's `GradScaler` has it (Micikevicius et al., arXiv 1710.03740, section 3.2): a step whose scaled gradients are
/// not all finite is skipped and the scale shrinks; after `interval` other steps in a row it grows. It stays from 2^-64 to 2^64, so that
/// unscaled and clipped gradients stay normal numbers (torch goes on until it is infinite, or 0).
///
/// [`LossScale`] has an example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DynamicScale {
    /// The scale of the first step.
    ///
    /// Default: `65536`, range: `[2^-64, 2^64]`.
    pub init: f64,
    /// The factor by which the scale grows.
    ///
    /// Default: `2`, range: `[1, f32::MAX]`.
    pub growth: f64,
    /// The factor by which the scale shrinks.
    ///
    /// Default: `0.5`, range: `(0, 1]`.
    pub backoff: f64,
    /// The number of steps in a row, none of them skipped, after which the scale grows.
    ///
    /// Default: `2000`, range: `[1, 2^32)`.
    pub interval: u32,
}

impl Default for DynamicScale {
    fn default() -> Self {
        DynamicScale { init: 65_536.0, growth: 2.0, backoff: 0.5, interval: 2000 }
    }
}

impl LossScale {
    /// The scale of the first step.
    pub fn initial(&self) -> f64 {
        match *self {
            LossScale::None => 1.0,
            LossScale::Static(scale) => scale,
            LossScale::Dynamic(DynamicScale { init, .. }) => init,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_scale("the loss scale", self.initial())?;
        let LossScale::Dynamic(DynamicScale { growth, backoff, interval, .. }) = *self else { return Ok(()) };
        let option = |name, wants, got: f64, valid: bool| if valid { Ok(()) } else { Err(Error::Option { name, wants, got }) };
        option("DynamicScale::growth", "at least 1, as f32 is", growth, growth >= 1.0 && growth <= f64::from(f32::MAX))?;
        option("DynamicScale::backoff", "in (0, 1]", backoff, backoff >= f64::from(f32::MIN_POSITIVE) && backoff <= 1.0)?;
        option("DynamicScale::interval", "at least 1", f64::from(interval), interval >= 1)
    }
}

/// A scale that leaves room in f32 for gradients, norms and the factors of clipping.
pub(crate) fn check_scale(name: &'static str, got: f64) -> Result<()> {
    let wants = "from 2^-64 to 2^64";
    if (2.0_f64.powi(-64)..=2.0_f64.powi(64)).contains(&got) { Ok(()) } else { Err(Error::Option { name, wants, got }) }
}
