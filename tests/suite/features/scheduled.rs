//! Every hyper-parameter that a rule marks as schedulable: a constant schedule is the hyper-parameter itself, a changing one agrees with its twin, and
//! what the host sets comes in between.

use std::sync::Arc;

use libtest_mimic::Trial;
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::schedule::Schedule;
use wgpu_optim::testing::{Scene, Style, gradients, is_certain, values};
use wgpu_optim::{Group, Options, Sgd, rules};

use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        for (case, configured) in rule.cases() {
            for name in configured.scheduled().into_iter().filter(|name| *name != "momentum" || configured.uses_momentum()) {
                let row = format!("{}/{case}/{name}", rule.name());
                let own = configured.clone();
                trials.push(Trial::test(format!("features/scheduled/{row}/constant"), move || is_itself(&*own, name)));
                let own = configured.clone();
                let run = move |gpu: &Gpu| agrees(gpu, &*own, name);
                trials.push(contexts[0].trial_of(&*configured, format!("features/scheduled/{row}/changing"), run));
            }
        }
    }
    trials.push(contexts[0].trial("features/scheduled/host-and-device".into(), host_and_device));
    trials
}

trait Momentum {
    fn uses_momentum(&self) -> bool;
}

impl Momentum for dyn AnyRule {
    /// A schedule of a momentum needs its state, so a rule that has one from the start.
    fn uses_momentum(&self) -> bool {
        let mut with = self.boxed();
        with.set("momentum", 0.5);
        with.active_states() == self.active_states()
    }
}

/// 300 elements: a vector, where a square matrix of its axis would not take twins minutes.
fn tensor(rule: &dyn AnyRule) -> CpuParam {
    CpuParam::new("p", if is_certain(rule, &[300]) { &[300] } else { &[20, 15] })
}

fn with_schedule(rule: &dyn AnyRule, name: &str, schedule: Schedule) -> Group<CpuParam> {
    let mut group = Group::new(rule.boxed(), [tensor(rule)]);
    group.schedules.push((name.into(), schedule));
    group
}

fn is_itself(rule: &dyn AnyRule, name: &str) -> Outcome {
    let mut set = rule.boxed();
    set.set(name, 0.0625);
    let mut scheduled = CpuOptimizer::<f64>::with_groups([with_schedule(rule, name, Schedule::Constant(0.0625))])?;
    let mut set = CpuOptimizer::<f64>::new(set, [tensor(rule)])?;
    let start: Vec<f64> = values(1, 300).into_iter().map(f64::from).collect();
    let (mut got, mut expected) = (start.clone(), start);
    for step in 0..8 {
        let gradient: Vec<f64> = gradients(step, 300).into_iter().map(f64::from).collect();
        scheduled.step(&mut [&mut got], &[Some(&gradient)])?;
        set.step(&mut [&mut expected], &[Some(&gradient)])?;
    }
    for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
        // Only the rounding of offset and slope in f64.
        assert!((got - expected).abs() <= 1e-10 * (1.0 + expected.abs()), "{index}: {got}, expected {expected}");
    }
    Ok(())
}

fn agrees(gpu: &Gpu, rule: &dyn AnyRule, name: &str) -> Outcome {
    let schedule = Schedule::Cosine { from: 0.05, to: 0.001, steps: 3 };
    let mut scene = Scene::with_options(gpu, vec![with_schedule(rule, name, schedule)], Options::default(), Style::Tensors, 19)?;
    for _ in 0..4 {
        scene.step(|_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// A rate that the host sets ends the schedule, and a schedule that comes later counts all steps before it.
fn host_and_device(gpu: &Gpu) -> Outcome {
    let rule: Box<dyn AnyRule> = Sgd { lr: 1.0, ..Sgd::default() }.into();
    let line = |from, to| Schedule::Linear { from, to, steps: 4 };
    let mut scene = Scene::with_options(gpu, vec![with_schedule(&*rule, "lr", line(0.0, 4.0))], Options::default(), Style::Tensors, 3)?;
    scene.set_gradients(&[vec![1.0; 300]]);
    let start = block_on(scene.optimizer.read_value("p"))?[0];
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let mut step = |optimizer: &wgpu_optim::Optimizer| optimizer.step(&mut encoder);
    step(&scene.optimizer); // 0
    step(&scene.optimizer); // 1
    scene.optimizer.set_lr_of_all(64.0)?;
    step(&scene.optimizer); // 64
    scene.optimizer.set_schedule(0, "lr", Some(line(1024.0, 0.0)))?;
    step(&scene.optimizer); // 256
    scene.optimizer.set_schedule(0, "lr", None)?;
    step(&scene.optimizer); // 64, which the host set last
    gpu.queue.submit([encoder.finish()]);
    let moved = start - block_on(scene.optimizer.read_value("p"))?[0];
    assert!((moved - 385.0).abs() < 1e-3, "{moved}");
    assert_eq!(block_on(scene.optimizer.report())?.lr, [Some(64.0)]);
    Ok(())
}
