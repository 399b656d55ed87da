//! Each rule with each thing that a step may do besides, against the same traffic without arithmetic, and against the rule alone.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::{
    AdaptiveClip, Clip, DynamicScale, Ema, Group, Lookahead, LossScale, MicroBatches, NonFinite, NormClip, Optimizer, Options, Schedule,
    Swa, Tensors, rules,
};

use crate::ceiling::Ceiling;
use crate::data::Source;
use crate::measure::{Contender, Pace, race};
use crate::report::Case;
use crate::traffic::{Pool, Stages, Streams};
use crate::{Bench, Result, whole};

const FEATURES: &str = "features";
/// All rules at the first size, and the usual one at all: at the last one on a card.
const SIZES: [usize; 3] = [1_000_000, 10_000_000, 100_000_000];
const USUAL: &str = "AdamW";

/// A feature, and what its step moves, a dispatch each.
struct Feature {
    name: &'static str,
    options: Options,
    schedule: bool,
    traffic: Vec<Streams>,
}

/// Each alone, and what a training of a language model has.
fn features(rule: &dyn AnyRule) -> Vec<Feature> {
    // Over matrices, as below.
    let stages = Stages::of(rule, true);
    let (update, averaged, measure) = (stages.clone().streams(), stages.clone().averaged().streams(), Streams::in_place(0, 1));
    let measured = stages.clone().after(measure);
    let accumulate = stages.clone().accumulated().after(Streams::COPY);
    let clip = |clip| Options { clip, ..Default::default() };
    let norm = Clip::Norm(NormClip { max_norm: 1.0, ..Default::default() });
    let feature = |name, options, traffic| Feature { name, options, schedule: false, traffic };
    let accumulated = Options { micro_batches: MicroBatches::Mean, ..Default::default() };
    let ema = Some(Ema::default());
    let dynamic = LossScale::Dynamic(DynamicScale { init: 1.0, ..Default::default() });
    vec![
        feature("nothing", Options::default(), update.clone()),
        feature("clip by value", clip(Clip::Value(0.1)), update.clone()),
        feature("clip by norm", clip(norm), measured.clone()),
        feature("clip adaptively", clip(Clip::Adaptive(AdaptiveClip::default())), stages.clone().after(Streams::in_place(0, 2))),
        feature("skip", Options { non_finite: NonFinite::Skip, ..Default::default() }, measured.clone()),
        feature("dynamic loss scale", Options { loss_scale: dynamic, ..Default::default() }, measured),
        feature("accumulate, one micro-batch before", accumulated, accumulate),
        feature("zero_grad", Options { zero_grad: true, ..Default::default() }, stages.clone().cleared().streams()),
        feature(
            "lookahead, every step",
            Options { lookahead: Some(Lookahead { every: 1, alpha: 0.5 }), ..Default::default() },
            averaged.clone(),
        ),
        feature("ema", Options { ema, ..Default::default() }, averaged.clone()),
        feature("swa", Options { swa: Some(Swa::default()), ..Default::default() }, averaged),
        Feature { schedule: true, ..feature("schedule", Options::default(), update.clone()) },
        feature("measure_update", Options { measure_update: true, ..Default::default() }, update),
        feature("norm, loss scale, ema, zero_grad", whole::options(), whole::traffic(stages)),
    ]
}

/// All features.
pub fn all(bench: &mut Bench) -> Result<()> {
    for n in bench.sizes(&SIZES[..if bench.pace == Pace::Hot { 3 } else { 2 }]) {
        if n > bench.largest() {
            if bench.cli.wants(FEATURES, USUAL) {
                bench.report.open(FEATURES, format!("{USUAL}, n = {n}"), "--largest");
            }
            continue;
        }
        let source = Source::new(&bench.gpu, n)?;
        let mut pool = Pool::new(n);
        for rule in rules::all().into_iter().filter(|rule| n == SIZES[0] || rule.name() == USUAL) {
            for feature in features(&*rule) {
                let name = format!("{}, {}", rule.name(), feature.name);
                if bench.cli.wants(FEATURES, &name) {
                    let outcome = one(bench, &*rule, &feature, n, &source, &mut pool);
                    bench.or_open(FEATURES, format!("{name}, n = {n}"), outcome);
                }
            }
        }
    }
    Ok(())
}

fn one(bench: &mut Bench, rule: &dyn AnyRule, feature: &Feature, n: usize, source: &Source, pool: &mut Pool) -> Result<()> {
    let plain = optimizer(bench, rule, Options::default(), false, n, source)?;
    let optimizer = optimizer(bench, rule, feature.options, feature.schedule, n, source)?;
    let ceiling = Ceiling::new(bench, source, pool, &feature.traffic)?;
    let accumulates = feature.options.accumulates();
    let step = |pass: &mut wgpu::ComputePass<'_>| {
        // It is switched on, or it could not be measured.
        if accumulates {
            optimizer.accumulate_in(pass).unwrap_or_default();
        }
        optimizer.step_in(pass);
    };
    let mut contenders = vec![Contender::pass(feature.name, step), Contender::pass("the rule alone", |pass| plain.step_in(pass))];
    contenders.extend(ceiling.contenders());
    // All rules with all features are many races.
    let timings = race(&bench.clock(), &mut contenders, bench.effort().times(if n >= SIZES[1] { 1.0 } else { 0.25 }))?;
    drop(contenders);
    let bytes = Some(n * feature.traffic.iter().map(Streams::bytes).sum::<usize>());
    let name = format!("{}, {}", rule.name(), feature.name);
    bench.report.race(Case { group: FEATURES, name, elements: n, tensors: 1, bytes }, &timings);
    Ok(())
}

/// A matrix, so that its rows are the units of adaptive clipping.
fn optimizer(bench: &Bench, rule: &dyn AnyRule, options: Options, schedule: bool, n: usize, source: &Source) -> Result<Optimizer> {
    let gpu = &bench.gpu;
    let tensors = Tensors::new(&gpu.device, [("w", [n / 1000, 1000])])?;
    source.fill_value(gpu, tensors.value("w")?, n);
    source.fill_gradient(gpu, tensors.gradient("w")?, n);
    let cosine = Schedule::Cosine { from: 1e-3, to: 1e-5, steps: 1_000_000 };
    let schedules = if schedule { vec![("lr".to_owned(), cosine)] } else { Vec::new() };
    let group = Group { schedules, ..Group::new(rule.boxed(), tensors.params()) };
    Ok(Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)?)
}
