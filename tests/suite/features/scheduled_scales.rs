//! Scales of the learning rate that follow schedules: GPU against twin, in every layout, with steps that are skipped, and what is refused.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::schedule::Schedule;
use wgpu_optim::testing::{STYLES, Scene, Style, must_fail};
use wgpu_optim::{Adam, Group, NonFinite, Options, Sgd};

use crate::context::{Context, Outcome};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (turn, style) in STYLES.into_iter().enumerate() {
        trials.push(contexts[turn % 3].trial(format!("features/scheduled-scales/{style:?}"), move |gpu| agrees(gpu, style)));
    }
    trials.push(contexts[0].trial("features/scheduled-scales/dispatches".into(), dispatches));
    trials.push(Trial::test("features/scheduled-scales/refusals", refusals));
    trials
}

fn ramp(from: f64, to: f64) -> Schedule {
    Schedule::Linear { from, to, steps: 3 }
}

/// By column, by row and not at all; one column and two rows follow a schedule.
fn params() -> Vec<CpuParam> {
    let columns = (vec![1.0, 0.5, 0.25], vec![1, 3]);
    let rows = ((0..40).map(|row| 0.1 + 0.02 * row as f32).collect(), vec![40, 1]);
    vec![
        CpuParam { lr_scales: Some(columns), lr_scale_schedules: vec![(1, ramp(1.0, 0.125))], ..CpuParam::new("columns", &[257, 3]) },
        CpuParam {
            lr_scales: Some(rows),
            lr_scale_schedules: vec![(39, ramp(0.0, 1.0)), (0, ramp(1.0, 0.0))],
            ..CpuParam::new("rows", &[40, 7])
        },
        CpuParam::new("plain", &[11]),
    ]
}

fn scene(gpu: &Gpu, params: Vec<CpuParam>, style: Style) -> Result<Scene<'_>, wgpu_optim::testing::Failure> {
    let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
    Scene::with_options(gpu, vec![Group::new(Adam { lr: 1e-2, ..Adam::default() }, params)], options, style, 11)
}

fn agrees(gpu: &Gpu, style: Style) -> Outcome {
    let mut scene = scene(gpu, params(), style)?;
    for step in 0..6 {
        let mut gradients = scene.next_gradients();
        gradients.iter_mut().flatten().for_each(|g| *g = if g.is_finite() { *g } else { 0.5 });
        if step == 2 {
            // Skipped: the schedules stay where they are.
            gradients[2][3] = f32::INFINITY;
        }
        scene.set_gradients(&gradients);
        scene.step_with(&gradients, |_| true)?;
        scene.check()?;
    }
    // Other schedules are seen.
    let mut others = params();
    others[0].lr_scale_schedules[0].1 = ramp(1.0, 0.25);
    let group = Group::new(Adam { lr: 1e-2, ..Adam::default() }, others);
    scene.twin = CpuOptimizer::with_options([group], Options { non_finite: NonFinite::Skip, ..Options::default() })?;
    Ok(must_fail("another schedule", (0..2).try_for_each(|_| scene.step(|_| true).and_then(|()| scene.check())))?)
}

/// One more for each buffer of scales that has some, and none of them waits for another.
fn dispatches(gpu: &Gpu) -> Outcome {
    let plain = params().into_iter().map(|param| CpuParam { lr_scale_schedules: Vec::new(), ..param }).collect();
    let [with, without] = [params(), plain].map(|params| scene(gpu, params, Style::Separate).map(|scene| scene.optimizer.recorded_step()));
    let (with, without) = (with?, without?);
    assert_eq!((with.dispatches, with.waits), (without.dispatches + 2, without.waits));
    Ok(())
}

fn refusals() -> Outcome {
    let make = |param: CpuParam| CpuOptimizer::<f32>::new(Sgd::default(), [param]).map(drop);
    let with = |schedules: Vec<(usize, Schedule)>| CpuParam {
        lr_scales: Some((vec![1.0; 3], vec![1, 3])),
        lr_scale_schedules: schedules,
        ..CpuParam::new("w", &[2, 3])
    };
    let rows = [
        (
            CpuParam { lr_scales: None, ..with(vec![(0, ramp(1.0, 0.0))]) },
            "w: lr_scale_schedules are for the numbers of lr_scales, which are not given",
        ),
        (with(vec![(3, ramp(1.0, 0.0))]), "w: a schedule is for number 3 of its lr_scales, of which there are 3"),
        (with(vec![(2, ramp(1.0, 0.0)), (2, ramp(1.0, 0.0))]), "w: number 2 of its lr_scales has two schedules"),
        (with(vec![(2, ramp(f64::NAN, 0.0))]), "w: the schedule for number 2 of its lr_scales: Linear: from must be 0 or of magnitude"),
    ];
    for (param, expected) in rows {
        let message = make(param).err().map(|error| error.to_string()).unwrap_or_default();
        if !message.starts_with(expected) {
            return Err(format!("expected {expected}\ngot {message}").into());
        }
    }
    Ok(make(with(vec![(2, ramp(1.0, 0.0))]))?)
}
