//! The values to evaluate a model with, where a rule tells them from those that are trained: there and back again.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuOptimizer;
use wgpu_optim::rule::{AnyRule, Bounded};
use wgpu_optim::testing::{Scene, Style, compare, must_fail, same_bits};
use wgpu_optim::{Optimizer, rules};

use crate::context::{Context, Outcome};

/// The last one takes no part in any step.
const LENS: [usize; 4] = [5, 4099, 64, 3];
const SKIPPED: usize = 3;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        for rule in rules::all() {
            for (case, configured) in rule.cases() {
                let mut row = |what: &str, run: fn(&Gpu, &dyn AnyRule) -> Outcome| {
                    let (own, name) = (configured.clone(), format!("views/{}/{case}/{what}", rule.name()));
                    trials.push(context.trial_of(&*configured, name, move |gpu| run(gpu, &*own)));
                };
                if configured.has_views() {
                    row("gpu-is-twin", gpu_is_twin);
                    row("there-and-back", there_and_back);
                    row("before-the-first-step", before_the_first_step);
                } else if context.name == "adapter" {
                    row("there-are-none", there_are_none);
                }
            }
        }
    }
    trials
}

/// Parameters after some steps, and the twin in the same place.
struct Trained<'a> {
    scene: Scene<'a>,
    twin: CpuOptimizer<Bounded>,
    truth: Vec<Vec<Bounded>>,
}

impl<'a> Trained<'a> {
    fn new(gpu: &'a Gpu, rule: &dyn AnyRule) -> Result<Self, Failed> {
        let mut scene = Scene::new(gpu, rule, Style::Packed, &LENS, 31)?;
        let names = scene.names.clone();
        scene.optimizer.set_active([&*names[SKIPPED]], false)?;
        let twin = CpuOptimizer::new(rule.boxed(), names.iter().map(String::as_str).zip(LENS))?;
        let truth = scene.truth.clone();
        let mut trained = Trained { scene, twin, truth };
        for _ in 0..3 {
            let gradients = trained.scene.next_gradients();
            record(gpu, &trained.scene.optimizer, Optimizer::step);
            let gradients: Vec<Vec<Bounded>> = gradients.iter().map(|g| given(g)).collect();
            let gradients: Vec<_> = gradients.iter().enumerate().map(|(index, g)| (index != SKIPPED).then_some(&g[..])).collect();
            trained.twin.step(&mut slices(&mut trained.truth), &gradients)?;
        }
        Ok(trained)
    }

    /// Every value is the twin's.
    fn agrees(&self) -> Outcome {
        for ((name, got), truth) in self.scene.names.iter().zip(values(&self.scene)?).zip(&self.truth) {
            compare(name, &got, truth)?;
        }
        Ok(())
    }
}

fn record(gpu: &Gpu, optimizer: &Optimizer, what: fn(&Optimizer, &mut wgpu::CommandEncoder)) {
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    what(optimizer, &mut encoder);
    gpu.queue.submit([encoder.finish()]);
}

fn given(numbers: &[f32]) -> Vec<Bounded> {
    numbers.iter().copied().map(Bounded::given).collect()
}

fn slices(tensors: &mut [Vec<Bounded>]) -> Vec<&mut [Bounded]> {
    tensors.iter_mut().map(Vec::as_mut_slice).collect()
}

fn values(scene: &Scene<'_>) -> Result<Vec<Vec<f32>>, Failed> {
    let read = |name: &String| Ok(pollster::block_on(scene.optimizer.read_shown(name))?);
    scene.names.iter().map(read).collect()
}

fn all_same(scene: &Scene<'_>, before: &[Vec<f32>]) -> Outcome {
    for (index, (got, expected)) in scene.read()?.iter().zip(before).enumerate() {
        same_bits(&format!("tensor {index}"), got, expected)?;
    }
    Ok(())
}

fn gpu_is_twin(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let mut trained = Trained::new(gpu, rule)?;
    trained.agrees()?;
    record(gpu, &trained.scene.optimizer, Optimizer::evaluate);
    must_fail("another view", trained.agrees())?;
    trained.twin.evaluate(&mut slices(&mut trained.truth))?;
    trained.agrees()?;
    record(gpu, &trained.scene.optimizer, Optimizer::train);
    trained.twin.train(&mut slices(&mut trained.truth))?;
    trained.agrees()
}

/// Back are the values of before and the states, to the bit, however often.
fn there_and_back(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let Trained { scene, .. } = Trained::new(gpu, rule)?;
    let before = scene.read()?;
    record(gpu, &scene.optimizer, Optimizer::train);
    all_same(&scene, &before)?;
    for _ in 0..3 {
        record(gpu, &scene.optimizer, Optimizer::evaluate);
        let evaluated = values(&scene)?;
        record(gpu, &scene.optimizer, Optimizer::evaluate);
        for (name, (got, expected)) in scene.names.iter().zip(values(&scene)?.iter().zip(&evaluated)) {
            same_bits(name, got, expected)?;
        }
        record(gpu, &scene.optimizer, Optimizer::train);
        all_same(&scene, &before)?;
    }
    Ok(())
}

fn before_the_first_step(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let scene = Scene::new(gpu, rule, Style::Packed, &LENS, 37)?;
    let before = (values(&scene)?, scene.read()?);
    record(gpu, &scene.optimizer, Optimizer::evaluate);
    for (name, (got, expected)) in scene.names.iter().zip(values(&scene)?.iter().zip(&before.0)) {
        same_bits(name, got, expected)?;
    }
    record(gpu, &scene.optimizer, Optimizer::train);
    all_same(&scene, &before.1)
}

/// A rule without views trains what is evaluated: nothing is recorded, nothing changes.
fn there_are_none(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let Trained { scene, .. } = Trained::new(gpu, rule)?;
    let before = scene.read()?;
    for view in [Optimizer::evaluate, Optimizer::train] {
        record(gpu, &scene.optimizer, view);
        all_same(&scene, &before)?;
    }
    Ok(())
}
