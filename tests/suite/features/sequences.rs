//! Random groups, options, layouts and devices, and random sequences of everything that the host may do between steps: GPU against twin.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuParam, CpuReport};
use wgpu_optim::rule::{AnyRule, Bounded};
use wgpu_optim::schedule::Schedule;
use wgpu_optim::testing::{Random, STYLES, Scene, Style};
use wgpu_optim::{
    Adafactor, AdamW, Adan, AdaptiveClip, Clip, DynamicScale, Ema, Error, Group, Lamb, Lion, Lookahead, LossScale, MicroBatches, NAdam,
    NonFinite, NormClip, NormOrder, NormScope, Options, PendingReport, RmsProp, ScheduleFreeAdamW, Sgd, Swa, View,
};

use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let cases = std::env::var("SEQUENCES").ok().and_then(|text| text.parse().ok()).unwrap_or(6_u64);
    let mut trials = Vec::new();
    for (number, context) in contexts.iter().enumerate() {
        for seed in 0..cases {
            trials.push(context.trial(format!("features/sequences/{seed}"), move |gpu| run(gpu, number, 1000 * number as u64 + seed)));
        }
    }
    trials
}

/// Draws everything that a sequence is made of.
pub(super) struct Draw(pub(super) Random);

impl Draw {
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.0.bits() % n as u64) as usize
    }
    pub(super) fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
    pub(super) fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
    fn rule(&mut self, may_track_values: bool) -> Box<dyn AnyRule> {
        match self.below(9) {
            7 => Lamb { lr: 1e-2, weight_decay: 0.1, ..Lamb::default() }.into(),
            8 => Adafactor { weight_decay: 0.1, ..Adafactor::default() }.into(),
            0 => AdamW { lr: 1e-2, ..AdamW::default() }.into(),
            1 => Adan { lr: 1e-2, weight_decay: 0.1, ..Adan::default() }.into(),
            2 => Lion { lr: 1e-2, weight_decay: 0.1, ..Lion::default() }.into(),
            3 => RmsProp { momentum: 0.9, centered: true, weight_decay: 0.1, ..RmsProp::default() }.into(),
            4 => NAdam { lr: 1e-2, ..NAdam::default() }.into(),
            5 if may_track_values => ScheduleFreeAdamW { lr: 1e-2, ..ScheduleFreeAdamW::default() }.into(),
            _ => Sgd { lr: 0.05, momentum: 0.9, weight_decay: 0.1, ..Sgd::default() }.into(),
        }
    }
    fn clip(&mut self) -> Clip {
        match self.below(6) {
            0 => Clip::None,
            1 => Clip::Value(0.3),
            2 | 3 => Clip::Norm(NormClip {
                max_norm: self.of(&[0.5, 3.0, f64::INFINITY]),
                order: self.of(&[NormOrder::Two, NormOrder::Infinity]),
                over: self.of(&[NormScope::All, NormScope::Group, NormScope::Parameter]),
                eps: self.of(&[0.0, 1e-6]),
            }),
            _ => Clip::Adaptive(AdaptiveClip { clipping: 0.2, eps: 1e-2 }),
        }
    }
    pub(super) fn schedule(&mut self) -> Schedule {
        match self.below(3) {
            0 => Schedule::Constant(0.01),
            1 => Schedule::Cosine { from: 1e-2, to: 1e-3, steps: 5 },
            _ => Schedule::Sequence(vec![
                (2, Schedule::Linear { from: 1e-4, to: 1e-2, steps: 2 }),
                (1, Schedule::Exponential { from: 1e-2, gamma: 0.8 }),
            ]),
        }
    }
    pub(super) fn group(&mut self, first: usize, options: &Options) -> Group<CpuParam> {
        let rule = self.rule(options.lookahead.is_none());
        let shapes: [&[usize]; 19] = [
            &[1],
            &[3],
            &[5, 7],
            &[],
            &[4, 1],
            &[257],
            &[4097],
            &[2, 600],
            &[3, 5000],
            &[16, 511],
            &[16, 512],
            &[64, 513],
            &[3, 4095],
            &[3, 4096],
            &[3, 4097],
            &[100, 2, 50],
            &[640, 7],
            &[10],
            &[1, 1, 9000],
        ];
        let count = 1 + self.below(5);
        let params = (0..count).map(|index| {
            let shape = self.of(&shapes);
            let mut param = CpuParam::new(format!("p{}", first + index), shape);
            param.lr_scale = self.of(&[1.0, 1.0, 0.5, 3.0, 0.01]);
            if !rule.tracks_values() && self.chance(3) {
                let of: Vec<usize> = match self.below(3) {
                    0 => shape.to_vec(),
                    1 => shape.iter().enumerate().map(|(at, &size)| if at == 0 { size } else { 1 }).collect(),
                    _ => shape.iter().enumerate().map(|(at, &size)| if at + 1 == shape.len() { size } else { 1 }).collect(),
                };
                param.lr_scales = Some(((0..of.iter().product()).map(|i: usize| [1.0, 0.25, 0.01, 0.7, 0.1][i % 5]).collect(), of));
            }
            param
        });
        let mut group = Group::new(rule.clone(), params.collect::<Vec<_>>());
        if self.chance(2) {
            group.clip = Some(self.clip());
        }
        if self.chance(3) {
            group.schedules.push(("lr".into(), self.schedule()));
        }
        group
    }
    pub(super) fn options(&mut self) -> Options {
        Options {
            clip: self.clip(),
            loss_scale: match self.below(3) {
                0 => LossScale::None,
                1 => LossScale::Static(3000.0),
                _ => LossScale::Dynamic(DynamicScale { init: 1024.0, growth: 4.0, backoff: 0.25, interval: 2 }),
            },
            non_finite: self.of(&[NonFinite::Apply, NonFinite::Skip]),
            micro_batches: self.of(&[MicroBatches::One, MicroBatches::Sum, MicroBatches::Mean]),
            zero_grad: self.chance(2),
            lookahead: self.chance(3).then_some(Lookahead { every: 2, alpha: 0.3 }),
            ema: self.chance(2).then_some(Ema {
                decay: 0.6,
                warm_up: self.chance(2),
                debias: false,
                start: 1 + self.below(3) as u32,
                every: 1 + self.below(2) as u32,
            }),
            swa: self.chance(3).then_some(Swa { start: 2, every: 2 }),
            measure_update: self.chance(2),
        }
    }
}

fn run(gpu: &Gpu, number: usize, seed: u64) -> Outcome {
    let mut draw = Draw(Random(seed));
    let mut options = draw.options();
    let style = if number == 3 { Style::Tensors } else { draw.of(&STYLES) };
    let mut groups = Vec::new();
    let mut params = 0;
    for _ in 0..1 + draw.below(3) {
        let group = draw.group(params, &options);
        params += group.params.len();
        groups.push(group);
    }
    let mut log = vec![format!("{style:?} {options:?}")];
    log.extend(groups.iter().map(|group| format!("{group:?}").chars().take(400).collect()));
    let mut rules: Vec<Box<dyn AnyRule>> = groups.iter().map(|group| group.rule.clone()).collect();
    let mut active = vec![true; params];
    let mut scene = match Scene::with_options(gpu, groups, options, style, seed) {
        Ok(scene) => scene,
        Err(failure) if failure.0.contains("reads accumulated in one binding") || failure.0.contains("needs") => return Ok(()),
        Err(failure) => return Err(format!("{failure}\n{}", log.join("\n")).into()),
    };
    let mut flights: Vec<(PendingReport, CpuReport<Bounded>, String)> = Vec::new();
    let mut result = || -> Outcome {
        for turn in 0..14 {
            let op = draw.below(18);
            let own = active.clone();
            let taking_part = move |index: usize| own[index];
            let mut describe = format!("{turn}: ");
            match op {
                0..=3 => {
                    describe += "step";
                    log.push(describe.clone());
                    scene.step(taking_part)?;
                }
                4 if options.may_skip() => {
                    let mut gradients = scene.next_gradients();
                    let at = draw.below(gradients.len());
                    let place = draw.below(gradients[at].len());
                    gradients[at][place] = draw.of(&[f32::NAN, f32::INFINITY]);
                    describe += &format!("step with {} at {at} {place}", gradients[at][place]);
                    log.push(describe.clone());
                    scene.set_gradients(&gradients);
                    scene.step_with(&gradients, taking_part)?;
                }
                5 | 6 if options.accumulates() => {
                    describe += "accumulate";
                    log.push(describe.clone());
                    scene.accumulate(taking_part)?;
                }
                7 => {
                    let index = draw.below(active.len());
                    active[index] = !active[index];
                    describe += &format!("set_active p{index} {}", active[index]);
                    log.push(describe.clone());
                    let name = scene.names[index].clone();
                    scene.optimizer.set_active([&*name], active[index])?;
                    scene.twin.set_active([&*name], active[index])?;
                }
                8 => {
                    let group = draw.below(rules.len());
                    let mut rule = rules[group].clone();
                    rule.set("lr", draw.of(&[0.001, 0.003, 0.02]));
                    describe += &format!("set_rule {group} {rule:?}");
                    log.push(describe.clone());
                    scene.optimizer.set_rule(group, rule.clone())?;
                    scene.twin.set_rule(group, rule.clone())?;
                    rules[group] = rule;
                }
                9 => {
                    let group = draw.below(rules.len());
                    let schedule = if draw.chance(3) { None } else { Some(draw.schedule()) };
                    describe += &format!("set_schedule {group} {schedule:?}");
                    log.push(describe.clone());
                    scene.optimizer.set_schedule(group, "lr", schedule.clone())?;
                    scene.twin.set_schedule(group, "lr", schedule)?;
                }
                10 => {
                    describe += "rebind";
                    log.push(describe.clone());
                    let own: Vec<_> =
                        scene.params.iter().map(|param| (param.name.clone(), param.value.clone(), param.gradient.clone())).collect();
                    scene.optimizer.set_gradients(own.iter().map(|(name, _, gradient)| (&**name, gradient.clone())))?;
                    scene.optimizer.set_values(own.iter().map(|(name, value, _)| (&**name, value.clone())))?;
                }
                11 if rules.len() < 5 && turn > 2 => {
                    let group = draw.group(active.len(), &options);
                    describe += &format!("add_group {:?}", format!("{group:?}").chars().take(300).collect::<String>());
                    log.push(describe.clone());
                    let count = group.params.len();
                    let rule = group.rule.clone();
                    match scene.add_group(group) {
                        Ok(()) => {}
                        // The scene does not know how to take its own half of it back.
                        Err(failure) if failure.0.contains("reads accumulated in one binding") || failure.0.contains("needs") => {
                            return Ok(());
                        }
                        Err(failure) => return Err(failure.into()),
                    }
                    active.extend(vec![true; count]);
                    rules.push(rule);
                }
                12 => {
                    describe += "dropped encoder and refused calls";
                    log.push(describe.clone());
                    let mut encoder = gpu.device.create_command_encoder(&Default::default());
                    scene.optimizer.step(&mut encoder);
                    let _ = scene.optimizer.accumulate(&mut encoder);
                    let _ = scene.optimizer.zero_grad(&mut encoder);
                    scene.optimizer.evaluate(&mut encoder);
                    let twice = Group::new(Sgd::default(), [scene.params[0].clone()]);
                    assert!(matches!(scene.optimizer.add_group(&mut encoder, twice), Err(Error::DuplicateName { .. })));
                    drop(encoder);
                    assert!(scene.optimizer.set_active(["p0", "nobody"], false).is_err());
                    assert!(scene.optimizer.set_lr_of_all(f64::NAN).is_err());
                    let binding = scene.params[0].gradient.clone();
                    let wrong = wgpu_optim::Binding::new(binding.buffer(), binding.offset(), 4 * 123_457);
                    assert!(scene.optimizer.set_gradients([("p0", wrong)]).is_err());
                    assert!(
                        scene.optimizer.set_values([("p0", scene.params[0].gradient.clone())]).is_err()
                            || scene.params[0].gradient == scene.params[0].value
                    );
                }
                13 => {
                    let averages = options.averages();
                    if !averages.is_empty() {
                        let average = averages[draw.below(averages.len())];
                        describe += &format!("swap {}", average.state());
                        log.push(describe.clone());
                        scene.swap(average.state())?;
                        scene.check()?;
                        // By halves it stays, for what comes next.
                        if draw.chance(2) {
                            scene.swap(average.state())?;
                        }
                    }
                }
                14 => {
                    describe += "report in flight";
                    log.push(describe.clone());
                    flights.push((scene.optimizer.report(), scene.twin.report()?, describe.clone()));
                    if draw.chance(3) {
                        drop(scene.optimizer.report());
                    }
                }
                15 => {
                    let group = draw.below(rules.len());
                    let clip = draw.clip();
                    describe += &format!("set_clip {group} {clip:?}");
                    log.push(describe.clone());
                    let outcome = scene.optimizer.set_clip(group, clip);
                    assert_eq!(outcome, scene.twin.set_clip(group, clip));
                    scene.train()?;
                    scene.step(taking_part)?;
                }
                16 => {
                    let other = draw.options();
                    options = Options {
                        loss_scale: other.loss_scale,
                        non_finite: other.non_finite,
                        zero_grad: other.zero_grad,
                        measure_update: other.measure_update,
                        ema: options.ema.map(|ema| Ema { decay: 0.7, warm_up: false, debias: ema.warm_up, ..ema }),
                        lookahead: options.lookahead.map(|lookahead| Lookahead { alpha: 0.4, ..lookahead }),
                        ..options
                    };
                    describe += &format!("set_options {options:?}");
                    log.push(describe.clone());
                    scene.set_options(options)?;
                    scene.train()?;
                    scene.step(taking_part)?;
                }
                _ => {
                    describe += "step, evaluate, train";
                    log.push(describe.clone());
                    scene.step(taking_part)?;
                    scene.evaluate()?;
                    scene.check()?;
                    if draw.chance(2) {
                        scene.evaluate()?;
                    } else {
                        scene.train()?;
                    }
                }
            }
            // Nothing goes on for ever in a view that refuses it.
            if scene.twin.view() != View::Trained && draw.chance(3) {
                scene.train()?;
            }
            scene.check()?;
        }
        for (pending, truth, what) in flights.drain(..) {
            let got = block_on(pending)?;
            let near = |got: f64, truth: Bounded| (got - truth.value).abs() <= truth.error;
            let agrees = (got.step, got.skips) == (truth.step, truth.skips) && near(f64::from(got.loss_scale), truth.loss_scale);
            // Before a first step there is none in the twin.
            let norm = match (got.gradient_norm, truth.gradient_norm) {
                (Some(got), Some(truth)) => near(f64::from(got), truth),
                (None, None) => true,
                _ => truth.step == 0,
            };
            let ratio = match (got.update_ratio, truth.update_ratio) {
                (Some(got), Some(truth)) => got.is_nan() || (f64::from(got) / truth - 1.0).abs() < 1e-3 || truth < 1e-5,
                _ => true,
            };
            if !(agrees && norm && ratio) {
                return Err(format!("report of {what}: {got:?}, expected {truth:?}").into());
            }
        }
        Ok(())
    };
    let outcome = result();
    outcome.map_err(|failed| format!("{}\n{}", failed.message().unwrap_or("failed"), log.join("\n")).into())
}
