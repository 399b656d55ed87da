//! Runs a rule's CPU twin over slices, in any number.

use super::widest::{Op, widest};
use super::{Extent, Layout, Real, Rule, ScalarLayout, StateLayout, finite_or_nan};

/// What a kernel does with each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// [`Rule::update`]
    Update,
    /// [`Rule::evaluate`]
    Evaluate,
    /// [`Rule::stage`], one before the last
    Stage(usize),
}

/// A member of [`Rule::Hyper`] as a schedule sets it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduledMember {
    /// Which one.
    pub member: usize,
    /// Its value.
    pub number: f64,
    /// How far a GPU's may be off.
    pub error: f64,
}

/// The slices of one run of the twin over elements, rows or columns: one lane per state and sum of the rule, all of one length.
pub struct Sweep<'a, F> {
    /// The gradients; empty for a pass that reads none.
    pub gradients: &'a [F],
    /// The values, updated in place. A stage before the last does not change them.
    pub values: &'a mut [F],
    /// The states and sums, updated in place; `None` for one that is not in use, which reads as zero.
    pub lanes: Vec<Option<&'a mut [F]>>,
}

/// A rule's CPU twin in one kind of number, whichever the rule. Without the feature `cpu` it can do nothing: compiled for every rule and every kind of
/// number, twins would be a large part of a program for browsers.
#[cfg(not(feature = "cpu"))]
pub trait Twin<F: Real> {}

#[cfg(not(feature = "cpu"))]
impl<R: Rule, F: Real> Twin<F> for R {}

/// A rule's CPU twin in one kind of number, whichever the rule.
#[cfg(feature = "cpu")]
pub trait Twin<F: Real> {
    /// The scalars of step `step`, which counts from 1, from those of the step before (zeros at the first).
    fn prepare(&self, assigned: &[ScheduledMember], step: u32, last: &[F]) -> Vec<F>;
    /// The scalars after a stage, from those before it and one number per state and sum ([`Rule::resume`]).
    fn resume(&self, stage: usize, assigned: &[ScheduledMember], scalars: &[F], sums: &[F]) -> Vec<F>;
    /// One pass over some elements with the scalars of this step.
    fn sweep(&self, pass: Function, assigned: &[ScheduledMember], scalars: &[F], tensors: Sweep<'_, F>);
}

fn hyper<R: Rule, F: Real>(rule: &R, assigned: &[ScheduledMember]) -> R::Hyper<F> {
    let mut h = rule.hyper::<F>();
    for &ScheduledMember { member, number, error } in assigned {
        h.assign(member, number, error);
    }
    h
}

#[cfg(feature = "cpu")]
impl<R: Rule, F: Real> Twin<F> for R {
    fn prepare(&self, assigned: &[ScheduledMember], step: u32, last: &[F]) -> Vec<F> {
        let last = R::Scalars::from_slice(last);
        R::prepare(&hyper(self, assigned), F::of(f64::from(step)), &last).to_vec()
    }

    fn resume(&self, stage: usize, assigned: &[ScheduledMember], scalars: &[F], sums: &[F]) -> Vec<F> {
        let (scalars, sums) = (R::Scalars::from_slice(scalars), R::State::from_slice(sums));
        R::resume(stage, &hyper(self, assigned), &scalars, &sums).to_vec()
    }

    fn sweep(&self, pass: Function, assigned: &[ScheduledMember], scalars: &[F], tensors: Sweep<'_, F>) {
        widest(Elements::<R, F> { pass, h: hyper(self, assigned), s: R::Scalars::from_slice(scalars), tensors });
    }
}

/// What a rule does with some elements.
struct Elements<'a, R: Rule, F: Real> {
    pass: Function,
    h: R::Hyper<F>,
    s: R::Scalars<F>,
    tensors: Sweep<'a, F>,
}

impl<R: Rule, F: Real> Op for Elements<'_, R, F> {
    #[inline(always)]
    fn run(self) {
        let Elements { pass, h, s, tensors: Sweep { gradients, values, mut lanes } } = self;
        let lanes = &mut lanes;
        match pass {
            Function::Update if R::GOES_ON => {
                R::State::sweep::<true>(lanes, Some(gradients), values, |g, p, state| R::update(&h, &s, g, p, state));
            }
            // Where nothing of rows or of a sum is in use, as in Adam without them.
            Function::Update if const { has_wide::<R::State<F>, F>() } && !is_wide::<R::State<F>, F>(lanes) => {
                R::State::sweep::<false>(lanes, Some(gradients), values, |g, p, state| R::update(&h, &s, finite_or_nan(g), p, state));
            }
            Function::Update => {
                R::State::sweep::<true>(lanes, Some(gradients), values, |g, p, state| R::update(&h, &s, finite_or_nan(g), p, state));
            }
            // Of a rule with one stage, nothing is compiled for this.
            Function::Stage(stage) if const { R::STAGES.len() > 1 } => {
                let gradients = (!gradients.is_empty()).then_some(gradients);
                let given = |g: F| if R::GOES_ON { g } else { finite_or_nan(g) };
                R::State::sweep::<true>(lanes, gradients, values, |g, p, state| R::stage(stage, &h, &s, given(g), *p, state));
            }
            Function::Stage(_) => {}
            Function::Evaluate => R::State::sweep::<true>(lanes, None, values, |_, p, state| R::evaluate(&h, &s, p, state)),
        }
    }
}

/// Whether there are states of wider extents than elements, or sums.
const fn has_wide<S: StateLayout<F>, F: Real>() -> bool {
    let mut index = 0;
    while index < S::FIELDS.len() {
        if !matches!(S::FIELDS[index].extent, Extent::Elements) {
            return true;
        }
        index += 1;
    }
    !S::SUMS.is_empty()
}

/// Whether some of them are in use.
fn is_wide<S: StateLayout<F>, F: Real>(lanes: &[Option<&mut [F]>]) -> bool {
    let wide = S::FIELDS.iter().map(|state| state.extent != Extent::Elements).chain(S::SUMS.iter().map(|_| true));
    wide.zip(lanes).any(|(wide, lane)| wide && lane.is_some())
}
