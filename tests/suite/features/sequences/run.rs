//! One sequence: what the host does in each turn, on both sides, and what is compared after it.

use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuReport;
use wgpu_optim::rule::{AnyRule, Bounded};
use wgpu_optim::testing::{Failure, Random, STYLES, Scene, Style};
use wgpu_optim::{Ema, Error, Group, Lookahead, Options, PendingReport, Sgd, View};

use super::Draw;
use crate::context::Outcome;

/// A sequence under way.
struct Sequence<'a> {
    gpu: &'a Gpu,
    draw: Draw,
    options: Options,
    rules: Vec<Box<dyn AnyRule>>,
    active: Vec<bool>,
    scene: Scene<'a>,
    /// Reports that were requested, what each should say, and in which turn.
    flights: Vec<(PendingReport, CpuReport<Bounded>, String)>,
    turn: usize,
    log: Vec<String>,
}

pub(super) fn run(gpu: &Gpu, number: usize, seed: u64) -> Outcome {
    let mut draw = Draw(Random(seed));
    let options = draw.options();
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
    let rules: Vec<Box<dyn AnyRule>> = groups.iter().map(|group| group.rule.clone()).collect();
    let scene = match Scene::with_options(gpu, groups, options, style, seed) {
        Ok(scene) => scene,
        Err(failure) if is_too_much(&failure) => return Ok(()),
        Err(failure) => return Err(format!("{failure}\n{}", log.join("\n")).into()),
    };
    let mut sequence = Sequence { gpu, draw, options, rules, active: vec![true; params], scene, flights: Vec::new(), turn: 0, log };
    let outcome = sequence.turns();
    outcome.map_err(|failed| format!("{}\n{}", failed.message().unwrap_or("failed"), sequence.log.join("\n")).into())
}

/// Whether a device lacks what was drawn.
fn is_too_much(failure: &Failure) -> bool {
    failure.0.contains("reads accumulated in one binding") || failure.0.contains("needs")
}

impl Sequence<'_> {
    fn turns(&mut self) -> Outcome {
        for turn in 0..14 {
            self.turn = turn;
            match self.draw.below(18) {
                0..=3 => self.step("step")?,
                4 if self.options.may_skip() => self.step_with_non_finite()?,
                5 | 6 if self.options.accumulates() => self.accumulate()?,
                7 => self.set_active()?,
                8 => self.set_rule()?,
                9 => self.set_schedule()?,
                10 => self.rebind()?,
                11 if self.rules.len() < 5 && turn > 2 => match self.add_group() {
                    // The scene does not know how to take its own half of it back.
                    Err(failure) if is_too_much(&failure) => return Ok(()),
                    outcome => outcome?,
                },
                12 => self.refused_calls()?,
                13 => self.swap()?,
                14 => self.request_report()?,
                15 => self.set_clip()?,
                16 => self.set_options()?,
                _ => self.evaluate()?,
            }
            // Nothing goes on for ever in a view that refuses it.
            if self.scene.twin.view() != View::Trained && self.draw.chance(3) {
                self.scene.train()?;
            }
            self.scene.check()?;
        }
        self.flights.drain(..).try_for_each(|(pending, truth, what)| says(pending, &truth, &what))
    }

    fn note(&mut self, what: impl core::fmt::Display) {
        self.log.push(format!("{}: {what}", self.turn));
    }

    fn step(&mut self, what: &str) -> Outcome {
        self.note(what);
        self.take_step()
    }

    fn take_step(&mut self) -> Outcome {
        Ok(self.scene.step(|index| self.active[index])?)
    }

    fn step_with_non_finite(&mut self) -> Outcome {
        let mut gradients = self.scene.next_gradients();
        let at = self.draw.below(gradients.len());
        let place = self.draw.below(gradients[at].len());
        gradients[at][place] = self.draw.of(&[f32::NAN, f32::INFINITY]);
        self.note(format!("step with {} at {at} {place}", gradients[at][place]));
        self.scene.set_gradients(&gradients);
        Ok(self.scene.step_with(&gradients, |index| self.active[index])?)
    }

    fn accumulate(&mut self) -> Outcome {
        self.note("accumulate");
        Ok(self.scene.accumulate(|index| self.active[index])?)
    }

    fn set_active(&mut self) -> Outcome {
        let index = self.draw.below(self.active.len());
        self.active[index] = !self.active[index];
        let active = self.active[index];
        self.note(format!("set_active p{index} {active}"));
        let name = self.scene.names[index].clone();
        self.scene.optimizer.set_active([&*name], active)?;
        Ok(self.scene.twin.set_active([&*name], active)?)
    }

    fn set_rule(&mut self) -> Outcome {
        let group = self.draw.below(self.rules.len());
        let mut rule = self.rules[group].clone();
        rule.set("lr", self.draw.of(&[0.001, 0.003, 0.02]));
        self.note(format!("set_rule {group} {rule:?}"));
        self.scene.optimizer.set_rule(group, rule.clone())?;
        self.scene.twin.set_rule(group, rule.clone())?;
        self.rules[group] = rule;
        Ok(())
    }

    fn set_schedule(&mut self) -> Outcome {
        let group = self.draw.below(self.rules.len());
        let schedule = if self.draw.chance(3) { None } else { Some(self.draw.schedule()) };
        self.note(format!("set_schedule {group} {schedule:?}"));
        self.scene.optimizer.set_schedule(group, "lr", schedule.clone())?;
        Ok(self.scene.twin.set_schedule(group, "lr", schedule)?)
    }

    fn rebind(&mut self) -> Outcome {
        self.note("rebind");
        let own: Vec<_> = self.scene.params.iter().map(|param| (param.name.clone(), param.value.clone(), param.gradient.clone())).collect();
        self.scene.optimizer.set_gradients(own.iter().map(|(name, _, gradient)| (&**name, gradient.clone())))?;
        Ok(self.scene.optimizer.set_values(own.iter().map(|(name, value, _)| (&**name, value.clone())))?)
    }

    fn add_group(&mut self) -> Result<(), Failure> {
        let group = self.draw.group(self.active.len(), &self.options);
        self.note(format!("add_group {:?}", format!("{group:?}").chars().take(300).collect::<String>()));
        let (count, rule) = (group.params.len(), group.rule.clone());
        self.scene.add_group(group)?;
        self.active.extend(vec![true; count]);
        self.rules.push(rule);
        Ok(())
    }

    /// What is recorded and dropped, or refused, changes nothing.
    fn refused_calls(&mut self) -> Outcome {
        self.note("dropped encoder and refused calls");
        let scene = &mut self.scene;
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
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
        let is_refused = scene.optimizer.set_values([("p0", scene.params[0].gradient.clone())]).is_err();
        assert!(is_refused || scene.params[0].gradient == scene.params[0].value);
        Ok(())
    }

    fn swap(&mut self) -> Outcome {
        let averages = self.options.averages();
        if !averages.is_empty() {
            let average = averages[self.draw.below(averages.len())].state();
            self.note(format!("swap {average}"));
            self.scene.swap(average)?;
            self.scene.check()?;
            // By halves it stays, for what comes next.
            if self.draw.chance(2) {
                self.scene.swap(average)?;
            }
        }
        Ok(())
    }

    fn request_report(&mut self) -> Outcome {
        self.note("report in flight");
        self.flights.push((self.scene.optimizer.report(), self.scene.twin.report()?, format!("turn {}", self.turn)));
        if self.draw.chance(3) {
            drop(self.scene.optimizer.report());
        }
        Ok(())
    }

    fn set_clip(&mut self) -> Outcome {
        let group = self.draw.below(self.rules.len());
        let clip = self.draw.clip();
        self.note(format!("set_clip {group} {clip:?}"));
        let outcome = self.scene.optimizer.set_clip(group, clip);
        assert_eq!(outcome, self.scene.twin.set_clip(group, clip));
        self.scene.train()?;
        self.take_step()
    }

    fn set_options(&mut self) -> Outcome {
        let other = self.draw.options();
        let options = self.options;
        self.options = Options {
            loss_scale: other.loss_scale,
            non_finite: other.non_finite,
            zero_grad: other.zero_grad,
            measure_update: other.measure_update,
            ema: options.ema.map(|ema| Ema { decay: 0.7, warm_up: false, debias: ema.warm_up, ..ema }),
            lookahead: options.lookahead.map(|lookahead| Lookahead { alpha: 0.4, ..lookahead }),
            ..options
        };
        self.note(format!("set_options {:?}", self.options));
        self.scene.set_options(self.options)?;
        self.scene.train()?;
        self.take_step()
    }

    fn evaluate(&mut self) -> Outcome {
        self.step("step, evaluate, train")?;
        self.scene.evaluate()?;
        self.scene.check()?;
        if self.draw.chance(2) {
            self.scene.evaluate()?;
        } else {
            self.scene.train()?;
        }
        Ok(())
    }
}

/// A report says what the twin's does.
fn says(pending: PendingReport, truth: &CpuReport<Bounded>, what: &str) -> Outcome {
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
    Ok(())
}
