//! Every feature, every two of them, and all at once, on the GPU and in the truth.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuParam, CpuRowMask};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::schedule::Schedule;
use wgpu_optim::testing::{STYLES, Scene, Style, must_fail};
use wgpu_optim::{
    Adafactor, AdamW, Adan, AdaptiveClip, Clip, Dtype, DynamicScale, Ema, Group, Lamb, Lion, Lookahead, LossScale, MicroBatches, NonFinite,
    NormClip, NormOrder, NormScope, Optimizer, Options, RmsProp, Rounding, Sgd, StateStorage, Swa,
};

use crate::context::{Context, Outcome};

/// Groups and options in the making.
#[derive(Clone, Debug)]
pub struct Setting {
    pub groups: Vec<Group<CpuParam>>,
    pub options: Options,
}

/// A feature: its name, what of a setting it takes for itself (two that take the same do not go together), and what it does.
pub type Feature = (&'static str, &'static str, fn(&mut Setting));

pub const FEATURES: [Feature; 27] = [
    ("clip-value", "clip", |setting| setting.options.clip = Clip::Value(0.3)),
    ("clip-norm", "clip", |setting| setting.options.clip = Clip::Norm(NormClip { max_norm: 0.7, ..NormClip::default() })),
    ("clip-infinity-by-group", "clip", |setting| {
        setting.options.clip = Clip::Norm(NormClip { max_norm: 0.5, order: NormOrder::Infinity, over: NormScope::Group, eps: 0.0 });
    }),
    ("clip-by-parameter", "clip", |setting| {
        setting.options.clip = Clip::Norm(NormClip { max_norm: 2.0, over: NormScope::Parameter, ..NormClip::default() });
    }),
    ("clip-adaptive", "clip", |setting| setting.options.clip = Clip::Adaptive(AdaptiveClip { clipping: 0.2, eps: 1e-2 })),
    ("clip-one-group", "clip", |setting| {
        setting.groups[1].clip = Some(Clip::Norm(NormClip { max_norm: 3.0, over: NormScope::All, ..NormClip::default() }));
    }),
    ("static-scale", "scale", |setting| setting.options.loss_scale = LossScale::Static(3000.0)),
    ("dynamic-scale", "scale", |setting| {
        let scale = DynamicScale { init: 1024.0, growth: 4.0, backoff: 0.25, interval: 2 };
        setting.options.loss_scale = LossScale::Dynamic(scale);
    }),
    ("skip", "skip", |setting| setting.options.non_finite = NonFinite::Skip),
    ("sum", "accumulate", |setting| setting.options.micro_batches = MicroBatches::Sum),
    ("mean", "accumulate", |setting| setting.options.micro_batches = MicroBatches::Mean),
    ("zero-grad", "zero", |setting| setting.options.zero_grad = true),
    ("lookahead", "lookahead", |setting| setting.options.lookahead = Some(Lookahead { every: 2, alpha: 0.3 })),
    ("ema", "ema", |setting| setting.options.ema = Some(Ema { decay: 0.6, ..Ema::default() })),
    ("ema-warm-up", "ema", |setting| setting.options.ema = Some(Ema { decay: 0.99, warm_up: true, start: 2, ..Ema::default() })),
    ("ema-debiased", "ema", |setting| setting.options.ema = Some(Ema { decay: 0.9, debias: true, start: 2, ..Ema::default() })),
    ("swa", "swa", |setting| setting.options.swa = Some(Swa { start: 1, every: 2 })),
    ("schedules", "schedules", |setting| {
        let lr = Schedule::Sequence(vec![
            (2, Schedule::Linear { from: 0.0, to: 1e-2, steps: 2 }),
            (1, Schedule::Cosine { from: 1e-2, to: 1e-3, steps: 9 }),
        ]);
        setting.groups[0].schedules.push(("lr".into(), lr));
        let decay = Schedule::Exponential { from: 0.2, gamma: 0.7 };
        setting.groups[1]
            .schedules
            .extend([("weight_decay".into(), decay), ("momentum".into(), Schedule::Linear { from: 0.85, to: 0.95, steps: 3 })]);
    }),
    ("scheduled-norm", "clip", |setting| {
        setting.options.clip = Clip::Norm(NormClip { max_norm: f64::INFINITY, ..NormClip::default() });
        setting.groups[0].schedules.push(("max_norm".into(), Schedule::Linear { from: 2.0, to: 0.1, steps: 4 }));
    }),
    ("lr-scale", "lr-scale", |setting| {
        for (param, scale) in setting.groups.iter_mut().flat_map(|group| &mut group.params).zip([1.0, 0.5, 3.0, 0.1].into_iter().cycle()) {
            param.lr_scale = scale;
        }
    }),
    ("lr-scales", "lr-scales", |setting| {
        // By element, by row, by column, not at all, in turn.
        for (index, param) in setting.groups.iter_mut().flat_map(|group| &mut group.params).enumerate() {
            let shape: Vec<usize> = match (index % 4, &param.shape[..]) {
                (0, all) => all.to_vec(),
                (1, &[rows, ..]) => [&[rows][..], &vec![1; param.shape.len() - 1]].concat(),
                (2, &[.., columns]) => [&vec![1; param.shape.len() - 1][..], &[columns]].concat(),
                _ => continue,
            };
            let scales = (0..shape.iter().product()).map(|i: usize| [1.0, 0.25, 0.0, 0.7, 0.1][i % 5]).collect();
            param.lr_scales = Some((scales, shape));
        }
    }),
    ("row-mask", "row-mask", |setting| {
        let groups = setting.groups.iter_mut().filter(|group| !group.rule.is_staged(group.rule.counts_matrices()));
        // All parameters but one: that shares its kernel with none of these.
        for (index, param) in groups.flat_map(|group| &mut group.params).enumerate().filter(|(index, _)| *index != 2) {
            let words = (0..param.shape[0]).map(|row| u32::from((row + index) % 3 != 0)).collect();
            param.row_mask = Some(CpuRowMask { words, own_steps: false });
        }
    }),
    ("row-steps", "row-mask", |setting| {
        let groups = setting.groups.iter_mut().filter(|group| !group.rule.is_staged(group.rule.counts_matrices()));
        for (index, param) in groups.flat_map(|group| &mut group.params).enumerate() {
            let words = (0..param.shape[0]).map(|row| u32::from((row + index) % 2 != 0)).collect();
            param.row_mask = Some(CpuRowMask { words, own_steps: index % 4 != 3 });
        }
    }),
    ("frozen", "frozen", |setting| setting.groups[0].params[1].frozen = true),
    ("measured-update", "measured-update", |setting| setting.options.measure_update = true),
    ("state-bf16", "state", |setting| {
        let rounding = Rounding::Stochastic { seed: 9 };
        setting.options.state = StateStorage { rounding, least: 1, ..StateStorage::all(Dtype::Bf16) };
    }),
    // Blocks do not go with rows that are masked. Second moments in few bits have no one answer where squares are subnormal.
    ("state-8bit", "row-mask", |setting| {
        setting.groups.iter_mut().for_each(|group| {
            group.state = Some(StateStorage { m: Dtype::Dynamic8, v: Dtype::Bf16, least: 1, ..StateStorage::default() });
        });
    }),
];

/// Around a vector, a workgroup, a chunk and a long unit, with rows of 1, 7, 100, 600 and 5,000 elements, and empty ones.
const SHAPES: [&[usize]; 11] = [&[3, 1], &[5, 7], &[1], &[100, 2, 50], &[4097], &[2, 600], &[10], &[3, 5000], &[257], &[0, 7], &[2, 0]];

/// Two groups of these shapes, with a rule that keeps momentum beside another.
pub fn setting(rule: impl Into<Box<dyn AnyRule>>) -> Setting {
    let params = |shapes: &[&[usize]], first: usize| -> Vec<CpuParam> {
        shapes.iter().enumerate().map(|(index, shape)| CpuParam::new(format!("p{}", first + index), shape)).collect()
    };
    let momentum = Sgd { lr: 0.05, momentum: 0.9, weight_decay: 0.1, ..Sgd::default() };
    let groups = vec![Group::new(rule, params(&SHAPES[..5], 0)), Group::new(momentum, params(&SHAPES[5..], 5))];
    Setting { groups, options: Options::default() }
}

/// A rule for each row: with and without scalars, with up to four states, with sums over tensors, with numbers of rows and columns.
pub fn rule(index: usize) -> Box<dyn AnyRule> {
    match index % 6 {
        0 => AdamW { lr: 1e-2, ..AdamW::default() }.into(),
        1 => Adan { lr: 1e-2, weight_decay: 0.1, ..Adan::default() }.into(),
        2 => Lion { lr: 1e-2, weight_decay: 0.1, ..Lion::default() }.into(),
        3 => Lamb { lr: 1e-2, weight_decay: 0.1, ..Lamb::default() }.into(),
        4 => Adafactor { weight_decay: 0.1, ..Adafactor::default() }.into(),
        _ => RmsProp { momentum: 0.9, centered: true, weight_decay: 0.1, ..RmsProp::default() }.into(),
    }
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut index = 0;
    for (i, first) in FEATURES.iter().enumerate() {
        for second in FEATURES[i..].iter().filter(|second| second.0 == first.0 || second.1 != first.1) {
            index += 1;
            // Each device gets a third of them, and each style a fifth; alone, all styles, on the first two by turns.
            let name = if first.0 == second.0 { first.0.to_owned() } else { format!("{}+{}", first.0, second.0) };
            let (features, own) = (if first.0 == second.0 { vec![*first] } else { vec![*first, *second] }, index);
            let alone = features[0];
            let run = move |gpu: &Gpu, style| agrees(gpu, &with(rule(own), &features), style);
            let run = Arc::new(run);
            if first.0 == second.0 {
                for (turn, style) in STYLES.into_iter().enumerate() {
                    let run = run.clone();
                    trials.push(contexts[turn % 2].trial(format!("features/{name}/{style:?}"), move |gpu| run(gpu, style)));
                }
                trials.push(contexts[0].trial(format!("features/liveness/{name}"), move |gpu| is_live(gpu, alone)));
            }
            // Units cannot be cut where small windows cut the state that they are measured with.
            let needs_whole_state = first.0 == "clip-adaptive" && second.1 == "accumulate";
            let turn = if needs_whole_state { index % 2 } else { index % 3 };
            let (context, style) = (&contexts[turn], STYLES[index % 5]);
            trials.push(context.trial(format!("features/pairs/{name}/{style:?}"), move |gpu| run(gpu, style)));
        }
    }
    for (number, context) in contexts.iter().enumerate() {
        for style in STYLES.into_iter().filter(|&style| number < 3 || style == Style::Tensors) {
            // Units cannot be cut where small windows cut the state.
            let clip = if number < 2 { "clip-adaptive" } else { "clip-norm" };
            for index in [1, 3, 4] {
                let name = format!("features/everything/{}/{style:?}", rule(index).name());
                trials.push(context.trial(name, move |gpu| agrees(gpu, &everything(rule(index), clip), style)));
            }
        }
    }
    trials
}

pub fn with(rule: Box<dyn AnyRule>, features: &[Feature]) -> Setting {
    let mut setting = setting(rule);
    features.iter().for_each(|(_, _, apply)| apply(&mut setting));
    setting
}

/// As many features as go together, and this way to clip.
pub fn everything(rule: Box<dyn AnyRule>, clip: &str) -> Setting {
    let wanted = [
        clip,
        "clip-one-group",
        "dynamic-scale",
        "skip",
        "mean",
        "zero-grad",
        "lookahead",
        "ema",
        "swa",
        "schedules",
        "lr-scale",
        "lr-scales",
        "row-mask",
        "frozen",
        "measured-update",
        "state-bf16",
    ];
    let features: Vec<Feature> = FEATURES.into_iter().filter(|feature| wanted.contains(&feature.0)).collect();
    with(rule, &features)
}

/// Five steps, with whatever the options allow in them: micro-batches before each but the second, a NaN in the third if that step may be left out, and
/// each average shown, and the values again, before the last checks.
pub fn agrees(gpu: &Gpu, setting: &Setting, style: Style) -> Outcome {
    let mut scene = scene(gpu, setting, style)?;
    for step in 0..5 {
        advance(&mut scene, setting, step)?;
        scene.check()?;
        agree_reports(&mut scene)?;
    }
    for average in setting.options.averages() {
        for _ in 0..2 {
            scene.swap(average.state())?;
            scene.check()?;
        }
    }
    Ok(())
}

pub fn scene<'a>(gpu: &'a Gpu, setting: &Setting, style: Style) -> Result<Scene<'a>, Failed> {
    Ok(Scene::with_options(gpu, setting.groups.clone(), setting.options, style, 41)?)
}

fn advance(scene: &mut Scene<'_>, setting: &Setting, step: usize) -> Outcome {
    let frozen: Vec<bool> = setting.groups.iter().flat_map(|group| &group.params).map(|param| param.frozen).collect();
    let taking_part = |index: usize| !frozen[index];
    if setting.options.accumulates() && step != 1 {
        scene.accumulate(taking_part)?;
        scene.accumulate(taking_part)?;
    }
    let mut gradients = scene.next_gradients();
    if step == 2 && setting.options.may_skip() {
        gradients[3][4321] = f32::NAN;
        scene.set_gradients(&gradients);
    }
    Ok(scene.step_with(&gradients, taking_part)?)
}

/// What both say of the last step.
fn agree_reports(scene: &mut Scene<'_>) -> Outcome {
    let got = pollster::block_on(scene.optimizer.report())?;
    let truth = scene.twin.report()?;
    assert_eq!((got.step, got.skips), (truth.step, truth.skips));
    let scale = f64::from(got.loss_scale);
    assert!((scale - truth.loss_scale.value).abs() <= truth.loss_scale.error, "loss scale {scale}, expected {:?}", truth.loss_scale);
    assert_eq!(got.gradient_norm.is_some(), truth.gradient_norm.is_some());
    if let Some((got, truth)) = got.gradient_norm.zip(truth.gradient_norm) {
        assert!((f64::from(got) - truth.value).abs() <= truth.error, "norm {got}, expected {truth:?}");
    }
    let norms = scene.twin.norms().filter(|_| !got.skipped);
    assert_eq!(got.group_norms.is_some(), norms.is_some());
    if let Some([params, groups]) = norms {
        let own: Vec<f32> = got.norms().map(|(_, norm)| norm).chain(got.group_norms.iter().flatten().copied()).collect();
        let truths = params.iter().chain(groups);
        assert_eq!(own.len(), truths.clone().count());
        for (index, (got, truth)) in own.into_iter().zip(truths).enumerate() {
            assert!((f64::from(got) - truth.value).abs() <= truth.error, "norm {index} is {got}, expected {truth:?}");
        }
        let (name, first) = got.norms().next().ok_or("no norms")?;
        assert_eq!(got.norm_of(name), Some(first));
    }
    assert_eq!(got.update_ratio.is_some(), truth.update_ratio.is_some());
    if let Some((got, truth)) = got.update_ratio.zip(truth.update_ratio) {
        assert!((f64::from(got) / truth - 1.0).abs() < 1e-4, "update ratio {got}, expected {truth}");
    }
    Ok(())
}

/// An optimizer without the feature leaves the truth with it: in a value, a state, a gradient, a count, or a report.
fn is_live(gpu: &Gpu, feature: Feature) -> Outcome {
    let own = with(rule(0), &[feature]);
    let mut scene = scene(gpu, &own, Style::Tensors)?;
    let groups = setting(rule(0)).groups;
    let mut rest = scene.params.iter().map(|param| wgpu_optim::Param {
        lr_scale: 1.0,
        lr_scales: None,
        row_mask: None,
        frozen: false,
        ..param.clone()
    });
    let groups = groups.iter().map(|group| Group::new(group.rule.clone(), rest.by_ref().take(group.params.len()).collect::<Vec<_>>()));
    // It accumulates all the same, where the scene does; but as it comes.
    let other = if own.options.micro_batches == MicroBatches::Sum { MicroBatches::Mean } else { MicroBatches::Sum };
    let options = Options { micro_batches: if own.options.accumulates() { other } else { MicroBatches::One }, ..Options::default() };
    scene.optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, groups.collect::<Vec<_>>(), options)?;
    let outcome = (0..5).try_for_each(|step| {
        advance(&mut scene, &own, step)?;
        scene.check()?;
        let (got, truth) = (pollster::block_on(scene.optimizer.report())?, scene.twin.report()?);
        let kept = own.options.averages().iter().all(|average| scene.optimizer.state_parts("p0", average.state()).is_ok());
        let same = got.update_ratio.is_some() == truth.update_ratio.is_some() && kept;
        if same { Ok(()) } else { Err(Failed::from("a report or an average is missing")) }
    });
    Ok(must_fail(feature.0, outcome)?)
}
