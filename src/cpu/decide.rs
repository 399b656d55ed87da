//! The CPU twin of `prepare`: decides about a skip, forms gradient factors and keeps the counts that all tensors share.

use super::CpuOptimizer;
use super::measure::Measure;
use crate::rule::{Real, Wide, Word};
use crate::step::{Clip, Factor, Form, NormClip, NormOrder, NormScope, OptionWords, adaptive_factor, norm_factor};

/// 2^64
const MOST: f64 = 18_446_744_073_709_551_616.0;

/// What the steps of an optimizer have in common: the CPU's [`crate::step::Status`].
#[derive(Clone, Debug)]
pub(super) struct Common<F> {
    pub(super) loss_scale: F,
    pub(super) growth_tracker: u32,
    pub(super) step: u32,
    pub(super) skips: u32,
    /// The step that failed and the name of its first offender.
    pub(super) failed: Option<(u32, String)>,
    pub(super) micro_batches: u32,
    pub(super) norm: Option<F>,
    /// Those of the tensors and of the groups, where it is measured.
    pub(super) norms: Option<[Vec<F>; 2]>,
    /// The number of the view that is shown.
    pub(super) view: u32,
}

/// What a step does with one tensor's gradient.
#[derive(Clone, Debug, Default)]
pub(super) struct Limit<F> {
    pub(super) factor: Factor<F>,
    /// Of each unit instead, where they have their own.
    pub(super) units: Vec<Factor<F>>,
    pub(super) limit: Option<F>,
}

/// What was measured, of each tensor and together.
struct Norms {
    tensors: Vec<Measure>,
    groups: Vec<Measure>,
    all: Measure,
}

impl Norms {
    fn new(tensors: Vec<Measure>, groups_of: impl Iterator<Item = usize>, groups: usize) -> Self {
        let mut sums = vec![Measure::default(); groups];
        for (group, &measure) in groups_of.zip(&tensors) {
            sums[group] = sums[group].with(measure);
        }
        let all = sums.iter().copied().fold(Measure::default(), Measure::with);
        Norms { tensors, groups: sums, all }
    }
}

/// A norm as reports give it.
fn report<F: Real>(measure: &Measure, unscale: F) -> F {
    match measure.non_finite() {
        true if measure.is_nan() => F::of(f64::NAN),
        true => F::of(f64::INFINITY),
        false => Wide::of(unscale).product(measure.norm()).narrow(),
    }
}

impl Measure {
    /// What gradients with these norms are multiplied by, where all of them are finite.
    fn factor<F: Real>(&self, finite: impl FnOnce() -> Wide<F>) -> Factor<F> {
        if self.non_finite() { Factor::of_non_finite(self.is_nan()) } else { Factor::of(finite()) }
    }
}

impl<F: Real> CpuOptimizer<F> {
    /// Decides whether the step takes place, and how gradients are limited; `None` if it does not.
    pub(super) fn decide(&mut self, measured: Vec<Measure>, values: &[&mut [F]], gradients: &[Option<&[F]>]) -> Option<Vec<Limit<F>>> {
        let settings = OptionWords::of::<F>(&self.config.options);
        let offender = measured.iter().position(Measure::non_finite).filter(|_| self.config.options.may_skip());
        let common = &mut self.common;
        let mean = if settings.mean == 0 { F::one() } else { F::one() / F::of(f64::from(common.micro_batches) + 1.0) };
        let unscale = F::one() / common.loss_scale * mean;
        common.micro_batches = 0;
        if settings.dynamic != 0 {
            common.adapt(&settings, offender.is_some());
        }
        if offender.is_some() || (settings.fails != 0 && common.failed.is_some()) {
            common.skips = common.skips.saturating_add(1);
            if settings.fails != 0 {
                let failed = || offender.map(|offender| (common.step.saturating_add(1), self.tensors[offender].name.clone()));
                common.failed = common.failed.take().or_else(failed);
            }
            return None;
        }
        common.step = common.step.saturating_add(1);
        let norms = Norms::new(measured, self.tensors.iter().map(|tensor| tensor.group), self.config.groups.len());
        let measures = self.config.step_kind().measures;
        common.norm = measures.then(|| report(&norms.all, unscale));
        common.norms = measures.then(|| [&norms.tensors, &norms.groups].map(|all| all.iter().map(|own| report(own, unscale)).collect()));
        let limit = |(index, gradient): (usize, &Option<&[F]>)| {
            let Some(gradient) = gradient else { return Limit::default() };
            self.limit(index, gradient, values[index], &norms, unscale)
        };
        Some(gradients.iter().enumerate().map(limit).collect())
    }

    fn limit(&self, index: usize, gradient: &[F], values: &[F], norms: &Norms, unscale: F) -> Limit<F> {
        let tensor = &self.tensors[index];
        let wide = Wide::of(unscale);
        let mut limit = Limit { factor: Factor::of(wide), units: Vec::new(), limit: None };
        match self.config.clip(tensor.group) {
            Clip::None => {}
            Clip::Value(most) => limit.limit = Some(F::of(most)),
            Clip::Norm(NormClip { max_norm, .. }) if max_norm.is_infinite() && self.config.max_norm_schedule(tensor.group).is_none() => {}
            Clip::Norm(NormClip { max_norm, order, over, eps }) => {
                let vector = match over {
                    NormScope::All => norms.all,
                    NormScope::Group => norms.groups[tensor.group],
                    NormScope::Parameter => norms.tensors[index],
                };
                let most = self.max_norm(tensor.group, max_norm);
                limit.factor = vector.factor(|| {
                    let norm = if order == NormOrder::Two { vector.norm() } else { vector.largest() };
                    wide.product(norm_factor(wide.product(norm), most, F::of(eps)))
                });
            }
            Clip::Adaptive(clip) => {
                let unit = tensor.unit.unwrap_or(tensor.len).max(1);
                let seen = tensor.mask.as_ref().map(|mask| mask.applied(values.to_vec()));
                let values = seen.as_deref().unwrap_or(values);
                let units = gradient.chunks(unit).zip(values.chunks(unit));
                let factor = |(g, p): (&[F], &[F])| {
                    let (gradient, values) = (Measure::of(g), Measure::of(p));
                    // Infinities and NaN as in `unit_factors.wgsl`.
                    match (gradient.non_finite(), values.non_finite()) {
                        (_, true) if gradient.non_finite() || values.is_nan() => Factor::of_non_finite(true),
                        (true, _) => Factor::of_non_finite(gradient.is_nan()),
                        (false, true) => Factor::of(wide),
                        (false, false) => {
                            let norm = wide.product(gradient.norm());
                            Factor::of(wide.product(adaptive_factor(norm, values.norm(), F::of(clip.clipping), F::of(clip.eps))))
                        }
                    }
                };
                limit.units = units.map(factor).collect();
            }
        }
        limit
    }
}

impl<F: Real> CpuOptimizer<F> {
    /// A clip's `max_norm` in this step, by its schedule if it has one.
    fn max_norm(&self, group: usize, max_norm: f64) -> F {
        let mut number = F::of(max_norm);
        if let Some(index) = self.config.max_norm_schedule(group) {
            let (value, error) = Form::ITSELF.of(self.config.groups[group].schedules[index].1.value(self.common.step - 1));
            number = F::of(value);
            Word::assign(&mut number, value, error);
        }
        number
    }
}

impl<F: Real> Common<F> {
    /// `GradScaler.update`, except that the scale and its reciprocal stay far from the ends of f32, from 2^-64 to 2^64.
    fn adapt(&mut self, settings: &OptionWords<F>, overflowed: bool) {
        if overflowed {
            self.loss_scale = (self.loss_scale * settings.backoff).max(F::of(1.0 / MOST));
            self.growth_tracker = 0;
            return;
        }
        self.growth_tracker += 1;
        if self.growth_tracker == settings.interval {
            let grown = self.loss_scale * settings.growth;
            if grown.to_value() <= MOST {
                self.loss_scale = grown;
            }
            self.growth_tracker = 0;
        }
    }
}
