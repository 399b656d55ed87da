//! Schedules of more than the learning rate: thresholds of clips, and betas.

use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::testing::{Scene, Style};
use wgpu_optim::{Adam, Clip, Group, NormClip, NormScope, Optimizer, Options, Schedule, Sgd, Tensors};

use super::{adam, groups, norm};
use crate::context::Outcome;

pub(super) fn scheduled_max_norm(gpu: &Gpu) -> Outcome {
    let line = Schedule::Linear { from: 1.0, to: 0.1, steps: 3 };
    for over in [NormScope::All, NormScope::Group, NormScope::Parameter] {
        let mut groups = groups();
        groups[0].schedules.push(("max_norm".into(), line.clone()));
        let options = Options { clip: Clip::Norm(NormClip { over, ..norm(0.4) }), ..Options::default() };
        let mut scene = Scene::with_options(gpu, groups, options, Style::Tensors, 7)?;
        for turn in 0..6 {
            if turn == 3 {
                scene.optimizer.set("weights", "max_norm", 0.05)?;
                scene.twin.set("weights", "max_norm", 0.05)?;
                assert!(scene.optimizer.groups()[0].schedules.is_empty());
            }
            if turn == 4 {
                scene.optimizer.set_schedule(1, "max_norm", Some(line.clone()))?;
                scene.twin.set_schedule(1, "max_norm", Some(line.clone()))?;
            }
            scene.step(|_| true)?;
            scene.check()?;
        }
    }
    // By number: a gradient of ones over four elements has the norm 2.
    let tensors = Tensors::new(&gpu.device, [("a", [4])])?;
    tensors.write_gradient(&gpu.queue, "a", &[1.0; 4])?;
    let group = Group {
        schedules: vec![("max_norm".into(), Schedule::Linear { from: 1.0, to: 0.25, steps: 2 })],
        ..Group::new(Sgd { lr: 1.0, ..Sgd::default() }, tensors.params())
    };
    let options = Options { clip: Clip::Norm(NormClip { eps: 0.0, ..norm(9.0) }), ..Options::default() };
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)?;
    let mut expected = 0.0;
    for max_norm in [1.0, 0.625, 0.25, 0.25] {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        expected -= max_norm / 2.0;
        let got = block_on(optimizer.read_value("a"))?[0];
        assert!((got - expected).abs() <= 1e-6, "{got}, expected {expected}");
    }
    Ok(())
}

/// torch's `OneCycleLR` with `cycle_momentum`: both corrections are by the beta of the step, as in its Adam.
pub(super) fn cycled_beta(gpu: &Gpu) -> Outcome {
    let beta = Schedule::OneCycle {
        from: 0.95,
        peak: 0.85,
        to: 0.95,
        steps: 12,
        pct_start: 0.3,
        anneal: wgpu_optim::schedule::Anneal::Cosine,
        three_phase: false,
    };
    let gradient = |t: u32| (0.9 * f64::from(t)).sin() + 0.05;
    let tensors = Tensors::new(&gpu.device, [("a", [1])])?;
    tensors.write_value(&gpu.queue, "a", &[1.0])?;
    let rule = Adam { lr: 0.1, ..Adam::default() };
    let group = Group { schedules: vec![("beta1".into(), beta.clone())], ..Group::new(rule, tensors.params()) };
    let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, [group])?;
    let (mut p, mut m, mut v) = (1.0_f64, 0.0_f64, 0.0_f64);
    for t in 0..12 {
        let (g, b, step) = (gradient(t), beta.value(t), f64::from(t + 1));
        m = b * m + (1.0 - b) * g;
        v = 0.999 * v + 0.001 * g * g;
        p -= 0.1 / (1.0 - b.powf(step)) * m / ((v / (1.0 - 0.999_f64.powf(step))).sqrt() + 1e-8);
        tensors.write_gradient(&gpu.queue, "a", &[g as f32])?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let got = f64::from(block_on(optimizer.read_value("a"))?[0]);
        assert!((got - p).abs() < 1e-5, "step {step}: {got}, expected {p}");
        // 1 - beta is off by 1e-6 at most, so the correction by 1e-6 / (1 - beta) and some rounding.
        let scalar = f64::from(block_on(optimizer.read_scalars())?[0][0]);
        let exact = 0.1 / (1.0 - b.powf(step));
        assert!((scalar / exact - 1.0).abs() <= 1e-6 / (1.0 - b) + 5e-7, "step {step}: {scalar}, expected {exact}");
    }
    Ok(())
}

pub(super) fn beta_near_one() -> Outcome {
    let make = |schedule| {
        let group = Group { schedules: vec![("beta2".into(), schedule)], ..Group::new(adam(), [CpuParam::from(("a", 3))]) };
        CpuOptimizer::<f32>::with_groups([group]).map(drop).map_err(|error| error.to_string())
    };
    make(Schedule::Linear { from: 0.9, to: 0.9999, steps: 9 })?;
    let expected =
        "group 0: the schedule of beta2: its values go up to 0.99999; a schedule's are within 1e-6, so 1 - beta2 needs at most 0.9999";
    assert_eq!(make(Schedule::Constant(0.99999)), Err(expected.to_owned()));
    Ok(())
}
