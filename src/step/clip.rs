//! Clipping of gradients: by value, by norm, or adaptively by the norm of the values.

use crate::error::{Error, Result};
use crate::layout;
use crate::rule::{Real, Wide};

/// How the gradients of a group are limited before the rule sees them; after unscaling and accumulation.
///
/// An infinite norm gives the factor 0, and infinity times 0 is NaN, as in torch: use [`NonFinite::Skip`](crate::NonFinite::Skip), which skips such a step.
///
/// Limits below 1.18e-38, f32's smallest normal number, are refused, but for 0.
///
/// ```
/// use wgpu_optim::{AdaptiveClip, Clip, NormClip, NormOrder, Options, NormScope};
///
/// let largest = NormClip { max_norm: 0.5, order: NormOrder::Infinity, over: NormScope::Parameter, ..Default::default() };
/// for clip in [Clip::Value(0.5), Clip::Norm(largest), Clip::Adaptive(AdaptiveClip::default())] {
///     let options = Options { clip, ..Default::default() }; // for all groups; `Group::clip` is for one
///     assert_ne!(options.clip, Clip::None);
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Clip {
    /// Gradients are not limited.
    #[default]
    None,
    /// `g = clamp(g, -limit, limit)`, with a NaN staying one: torch's `clip_grad_value_`. The limit's range: `[0, f32::MAX]`.
    Value(f64),
    /// `g = g * min(1, max_norm / (norm + eps))`
    Norm(NormClip),
    /// Limits each row's gradient by the norm of the row's values.
    Adaptive(AdaptiveClip),
}

/// Limits the norm of all gradients together: torch's `clip_grad_norm_` (Pascanu et al., arXiv 1211.5063).
///
/// Norms are sums of squares over fixed pieces, added in pairs in a fixed order: the same bits each time on the same device with the same
/// features, without overflow or underflow for gradients from 1e-26 to 3e38; one beyond f32's largest number, which a report
/// gives as that, is clipped by what it is. For 10^8 elements, 35 roundings of the sum bound the error by 1.2e-6 (56 by 1.8e-6 on
/// software adapters with 64-bit integers); measured are 1.9e-7 at most, and 3.3e-8 at 10^8 random elements.
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{Clip, NormClip, Options, Sgd};
///
/// let options = Options { clip: Clip::Norm(NormClip { max_norm: 1.0, eps: 0.0, ..Default::default() }), ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f64>::with_options([Group::new(Sgd { lr: 1.0, ..Default::default() }, [("w", 2).into()])], options)?;
/// let mut w = [0.0, 0.0];
/// optimizer.step(&mut [&mut w], &[Some(&[30.0, 40.0])])?; // of norm 50
/// assert!((w[0] + 0.6).abs() < 1e-12 && (w[1] + 0.8).abs() < 1e-12);
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormClip {
    /// The largest norm that stays as it is. With infinity, nothing is clipped, and the norm is measured for
    /// [`Report::gradient_norm`](crate::Report::gradient_norm). With 0, gradients become 0. (As in torch, an infinite one becomes NaN even so, and a
    /// NaN among them makes all of them NaN.)
    ///
    /// It can have a schedule, as `"max_norm"` of the group.
    ///
    /// Default: `1`, range: `[0, inf]`.
    pub max_norm: f64,
    /// How the norm is formed.
    ///
    /// Default: `NormOrder::Two`.
    pub order: NormOrder,
    /// Which gradients are one vector.
    ///
    /// Default: `NormScope::All`.
    pub over: NormScope,
    /// Added to the norm: torch's 1e-6. With 0 this is optax's `clip_by_global_norm`.
    ///
    /// Default: `1e-6`, range: `[0, f32::MAX]`.
    pub eps: f64,
}

impl Default for NormClip {
    fn default() -> Self {
        NormClip { max_norm: 1.0, order: NormOrder::Two, over: NormScope::All, eps: 1e-6 }
    }
}

/// A vector's norm; [`Clip`] has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormOrder {
    /// The root of the sum of squares.
    #[default]
    Two,
    /// The largest magnitude.
    Infinity,
}

/// Which gradients count as one vector. Those of parameters that are not active do not count. [`Clip`] has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NormScope {
    /// All gradients of the optimizer, whatever their group.
    #[default]
    All,
    /// The gradients of the group.
    Group,
    /// The gradient of each parameter, alone.
    Parameter,
}

/// Adaptive gradient clipping (Brock et al., arXiv 2102.06171, equation 3): each unit's gradient is at most `clipping` times as long as its values.
///
/// ```text
/// longest = clipping * max(norm(values), eps)
/// g = norm(g) < longest ? g : g * longest / max(norm(g), 1e-6)
/// ```
///
/// A unit is a slice of the first dimension, such as the weights into one output of a `[out, in]` matrix, and all of a parameter with less than two
/// dimensions: as in timm's `adaptive_clip_grad`. optax's `adaptive_grad_clip` is the same for matrices that are stored `[in, out]`.
///
/// ```
/// use wgpu_optim::cpu::CpuOptimizer;
/// use wgpu_optim::step::Group;
/// use wgpu_optim::{AdaptiveClip, Clip, Options, Sgd};
///
/// let options = Options { clip: Clip::Adaptive(AdaptiveClip { clipping: 0.5, ..Default::default() }), ..Default::default() };
/// let mut optimizer = CpuOptimizer::<f64>::with_options([Group::new(Sgd { lr: 1.0, ..Default::default() }, [("w", 2).into()])], options)?;
/// let mut w = [3.0, 4.0]; // of norm 5, so the gradient's is 2.5 at most
/// optimizer.step(&mut [&mut w], &[Some(&[30.0, 40.0])])?;
/// assert!((w[0] - 1.5).abs() < 1e-12 && (w[1] - 2.0).abs() < 1e-12);
/// # Ok::<(), wgpu_optim::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveClip {
    /// The largest norm of a gradient, as a part of the values' norm.
    ///
    /// Default: `0.01`, range: `[0, f32::MAX]`.
    pub clipping: f64,
    /// The values' norm counts as at least this, so that values of 0 can move.
    ///
    /// Default: `1e-3`, range: `[0, f32::MAX]`.
    pub eps: f64,
}

impl Default for AdaptiveClip {
    fn default() -> Self {
        AdaptiveClip { clipping: 0.01, eps: 1e-3 }
    }
}

/// The name of the schedule of a clip's `max_norm`.
pub(crate) const MAX_NORM: &str = "max_norm";

layout! {
    /// A group's clip as the kernels read it.
    pub struct ClipWords<F> { kind: u32, limit: F, eps: F }
}

impl Clip {
    /// What the number in [`ClipWords`] means; the names are WGSL's too.
    pub const KINDS: [(&'static str, u32); 5] = [("NONE", 0), ("VALUE", 1), ("TWO", 2), ("INFINITY", 3), ("ADAPTIVE", 4)];

    pub(crate) fn words(&self) -> ClipWords<f32> {
        let (kind, limit, eps) = match *self {
            Clip::None => (0, 0.0, 0.0),
            Clip::Norm(NormClip { max_norm, .. }) if max_norm.is_infinite() => (0, 0.0, 0.0),
            Clip::Value(limit) => (1, limit, 0.0),
            Clip::Norm(NormClip { max_norm, order: NormOrder::Two, eps, .. }) => (2, max_norm, eps),
            Clip::Norm(NormClip { max_norm, order: NormOrder::Infinity, eps, .. }) => (3, max_norm, eps),
            Clip::Adaptive(AdaptiveClip { clipping, eps }) => (4, clipping, eps),
        };
        ClipWords { kind, limit: limit as f32, eps: eps as f32 }
    }

    /// This clip with another `max_norm`; `None` if it has none.
    pub(crate) fn with_max_norm(self, max_norm: f64) -> Option<Clip> {
        if let Clip::Norm(norm) = self { Some(Clip::Norm(NormClip { max_norm, ..norm })) } else { None }
    }

    /// Whether gradients have to be read before the update.
    pub(crate) fn measures(&self) -> bool {
        matches!(self, Clip::Norm(_) | Clip::Adaptive(_))
    }

    /// How many elements make a unit, if units have factors of their own; an empty tensor has none.
    pub(crate) fn unit(&self, shape: &[usize]) -> Option<u64> {
        let rest = || shape.iter().map(|&size| size as u64).product::<u64>() / shape.first().map_or(1, |&size| size as u64);
        let whole = || shape.iter().map(|&size| size as u64).product();
        (matches!(self, Clip::Adaptive(_)) && !shape.contains(&0)).then(|| if shape.len() > 1 { rest() } else { whole() })
    }

    pub(crate) fn check(&self, group: usize) -> Result<()> {
        let check = |name: &'static str, got: f64, infinite: bool| {
            let valid = got == 0.0 || (f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX)).contains(&got);
            let valid = valid || (infinite && got == f64::INFINITY);
            if valid { Ok(()) } else { Err(Error::Setting { group, name, wants: "0 or above, as f32 is", got }) }
        };
        let eps = |got: f64| check("the clip's eps", got, false);
        match *self {
            Clip::None => Ok(()),
            Clip::Value(limit) => check("the clip's limit", limit, false),
            Clip::Norm(NormClip { max_norm, eps: added, .. }) => check("max_norm", max_norm, true).and(eps(added)),
            Clip::Adaptive(AdaptiveClip { clipping, eps: least }) => check("clipping", clipping, false).and(eps(least)),
        }
    }
}

/// `min(1, max_norm / (norm + eps))`, 1 where there is no gradient at all. `shaders/step/clip.wgsl` has the same.
pub(crate) fn norm_factor<F: Real>(norm: Wide<F>, max_norm: F, eps: F) -> Wide<F> {
    let (long, most) = (norm.sum(Wide::of(eps)), Wide::of(max_norm));
    if long.narrow() == F::zero() {
        return Wide::one();
    }
    most.quotient(long).min(Wide::one())
}

/// The factor of a unit whose gradient and values have these norms.
pub(crate) fn adaptive_factor<F: Real>(gradient: Wide<F>, values: Wide<F>, clipping: F, eps: F) -> Wide<F> {
    let longest = Wide::of(clipping).product(values.max(Wide::of(eps)));
    if gradient.less(longest) {
        return Wide::one();
    }
    longest.quotient(gradient.max(Wide::of(F::of(1e-6))))
}

/// What gradients are multiplied by, in two parts where f32 has no normal number for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Factor<F> {
    first: Option<F>,
    then: F,
}

impl<F: Real> Factor<F> {
    pub(crate) fn of(factor: Wide<F>) -> Self {
        match factor.is_normal() {
            true => Factor { first: None, then: factor.narrow() },
            false => Factor { first: Some(F::of(f64::from(f32::MIN_POSITIVE))), then: factor.shifted(126).narrow() },
        }
    }

    /// Beside an infinite gradient no finite one is left, as in torch, and beside a NaN nothing but NaN.
    pub(crate) fn of_non_finite(is_nan: bool) -> Self {
        Factor { first: None, then: F::of(if is_nan { f64::NAN } else { 0.0 }) }
    }

    /// `gradient * factor`
    pub(crate) fn times(&self, gradient: F) -> F {
        self.first.map_or(gradient, |first| gradient * first) * self.then
    }
}
