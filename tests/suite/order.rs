//! What must hold whatever is recorded, submitted, dropped, changed, saved or repeated, in whatever order: bit for bit.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{AnyRule, Extent, Extents, Stage, SumField};
use wgpu_optim::{Binding, Optimizer, Sgd, Tensors, rules};

use crate::context::{Context, Outcome, has_features_of};
use wgpu_optim::testing::{Scene, Style, must_fail, same_bits};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        // A software adapter's own kernels and the others, by turns.
        for (turn, (case, rule)) in rule.cases().into_iter().enumerate() {
            let mut row = |what: &str, run: fn(&Gpu, &dyn AnyRule) -> Outcome| {
                let (own, name) = (rule.clone(), format!("order/{}/{case}/{what}", rule.name()));
                trials.push(contexts[turn % 2].trial_of(&*rule, name, move |gpu| run(gpu, &*own)));
            };
            row("steps-in-one-encoder", steps_in_one_encoder);
            row("same-run-same-bits", same_run_same_bits);
            row("left-out-and-resumed", left_out_and_resumed);
            row("save-load-step", save_load_step);
            row("huge-gradients", huge_gradients);
            row("infinite-values", infinite_values);
        }
    }
    let mut row = |what: &str, run: fn(&Gpu) -> Outcome| trials.push(contexts[0].trial(format!("order/{what}"), run));
    row("new-lr-between-recorded-steps", new_lr_between_recorded_steps);
    row("dropped-encoder", dropped_encoder);
    row("new-gradients-between-recorded-steps", new_gradients_between_recorded_steps);
    row("new-values-between-recorded-steps", new_values_between_recorded_steps);
    row("dispatches-do-not-grow", dispatches_do_not_grow);
    row("memory-is-the-model", memory_is_the_model);
    row("caller's-own-pass", callers_own_pass);
    row("step-counts-saturate", step_counts_saturate);
    trials
}

const LENS: [usize; 4] = [5, 4099, 64, 1];

fn scene<'a>(gpu: &'a Gpu, rule: &dyn AnyRule) -> Result<Scene<'a>, Failed> {
    let mut scene = Scene::new(gpu, rule, Style::Packed, &LENS, 23)?;
    scene.next_gradients();
    Ok(scene)
}

/// Records `steps` steps into each of `encoders` encoders, and submits each.
fn run(gpu: &Gpu, optimizer: &Optimizer, encoders: usize, steps: usize) {
    for _ in 0..encoders {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        (0..steps).for_each(|_| optimizer.step(&mut encoder));
        gpu.queue.submit([encoder.finish()]);
    }
}

fn all_same(scene: &Scene<'_>, other: &Scene<'_>) -> Outcome {
    for (index, (got, expected)) in scene.read()?.iter().zip(&other.read()?).enumerate() {
        same_bits(&format!("tensor {index}"), got, expected)?;
    }
    assert_eq!(pollster::block_on(scene.optimizer.read_steps())?, pollster::block_on(other.optimizer.read_steps())?);
    Ok(())
}

fn steps_in_one_encoder(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let (apart, together) = (scene(gpu, rule)?, scene(gpu, rule)?);
    run(gpu, &apart.optimizer, 20, 1);
    run(gpu, &together.optimizer, 1, 2);
    must_fail("two steps against twenty", all_same(&together, &apart))?;
    run(gpu, &together.optimizer, 2, 9);
    all_same(&together, &apart)
}

fn same_run_same_bits(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let (first, second) = (scene(gpu, rule)?, scene(gpu, rule)?);
    run(gpu, &first.optimizer, 3, 5);
    run(gpu, &second.optimizer, 3, 5);
    all_same(&first, &second)
}

/// Parameters that take no part keep everything, and catch up with their own step count later.
fn left_out_and_resumed(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let mut scene = Scene::new(gpu, rule, Style::Tensors, &LENS, 29)?;
    let (out, names) = ([1, 3], scene.names.clone());
    let skipped = || out.map(|index| &*names[index]);
    scene.step(|_| true)?;
    let before = scene.read()?;
    let kept = scene.states(&names[0]).len() + 1;
    scene.optimizer.set_active(skipped(), false)?;
    for _ in 0..3 {
        scene.step(|index| !out.contains(&index))?;
        scene.check()?;
    }
    let after = scene.read()?;
    for tensor in out.iter().flat_map(|index| index * kept..(index + 1) * kept) {
        same_bits(&format!("tensor {tensor}"), &after[tensor], &before[tensor])?;
    }
    scene.optimizer.set_active(skipped(), true)?;
    scene.step(|_| true)?;
    scene.check()?;
    assert_eq!(pollster::block_on(scene.optimizer.read_steps())?, [5, 2, 5, 2]);
    Ok(())
}

/// State, step counts and values carried over to a new optimizer: one more step is the same to the bit.
fn save_load_step(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let (first, second) = (scene(gpu, rule)?, scene(gpu, rule)?);
    run(gpu, &first.optimizer, 1, 3);
    let (steps, scalars) = (pollster::block_on(first.optimizer.read_steps())?, pollster::block_on(first.optimizer.read_scalars())?);
    for (index, name) in first.names.iter().enumerate() {
        let value = pollster::block_on(first.optimizer.read_value(name))?;
        let binding = &second.params[index].value;
        gpu.queue.write_buffer(binding.buffer(), binding.offset(), bytemuck::cast_slice(&value));
        for state in first.states(name) {
            second.optimizer.write_state(name, state, &pollster::block_on(first.optimizer.read_state(name, state))?)?;
        }
        second.optimizer.write_steps(name, steps[index])?;
        second.optimizer.write_scalars(name, &scalars[index])?;
    }
    all_same(&second, &first)?;
    run(gpu, &first.optimizer, 1, 1);
    run(gpu, &second.optimizer, 1, 1);
    all_same(&second, &first)
}

/// Gradient descent with lr 1 on one element: the value counts the gradients that it was given, negated.
struct Counter {
    tensors: Tensors,
    optimizer: Optimizer,
}

impl Counter {
    fn new(gpu: &Gpu) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, [("x", [1])])?;
        tensors.write_gradient(&gpu.queue, "x", &[1.0])?;
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Sgd { lr: 1.0, ..Sgd::default() }, tensors.params())?;
        Ok(Counter { tensors, optimizer })
    }

    fn value(&self) -> Result<f32, Failed> {
        Ok(pollster::block_on(self.optimizer.read_value("x"))?[0])
    }
}

fn new_lr_between_recorded_steps(gpu: &Gpu) -> Outcome {
    let mut counter = Counter::new(gpu)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    counter.optimizer.step(&mut encoder);
    counter.optimizer.set_lr_of_all(10.0)?;
    counter.optimizer.step(&mut encoder);
    counter.optimizer.set(0, "lr", 100.0)?;
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(counter.value()?, -11.0);
    run(gpu, &counter.optimizer, 1, 1);
    assert_eq!(counter.value()?, -111.0);
    Ok(())
}

fn dropped_encoder(gpu: &Gpu) -> Outcome {
    let mut counter = Counter::new(gpu)?;
    counter.optimizer.set_lr_of_all(10.0)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    counter.optimizer.step(&mut encoder);
    drop(encoder);
    assert_eq!((counter.value()?, pollster::block_on(counter.optimizer.read_steps())?), (0.0, vec![0]));
    run(gpu, &counter.optimizer, 1, 1);
    assert_eq!((counter.value()?, pollster::block_on(counter.optimizer.read_steps())?), (-10.0, vec![1]));
    Ok(())
}

/// A buffer with a sentinel before the one element, so that the place changes too.
fn other(gpu: &Gpu, content: f32) -> (wgpu::Buffer, Binding) {
    use wgpu::util::DeviceExt;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
    let contents = [-777.0_f32, content];
    let buffer =
        gpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor { label: None, contents: bytemuck::cast_slice(&contents), usage });
    let binding = Binding::new(&buffer, 4, 4);
    (buffer, binding)
}

fn new_gradients_between_recorded_steps(gpu: &Gpu) -> Outcome {
    let mut counter = Counter::new(gpu)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    counter.optimizer.step(&mut encoder);
    counter.optimizer.set_gradients([("x", other(gpu, 5.0).1)])?;
    counter.optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(counter.value()?, -6.0);
    let unknown = counter.optimizer.set_gradients([("y", other(gpu, 5.0).1)]).map_err(|error| error.to_string());
    assert_eq!(unknown, Err("there is no parameter \"y\"; there are: x".to_owned()));
    Ok(())
}

fn new_values_between_recorded_steps(gpu: &Gpu) -> Outcome {
    let mut counter = Counter::new(gpu)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    counter.optimizer.step(&mut encoder);
    counter.optimizer.set_values([("x", other(gpu, 50.0).1)])?;
    counter.optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(counter.value()?, 49.0);
    counter.optimizer.set_values([("x", counter.tensors.value("x")?.clone())])?;
    assert_eq!(counter.value()?, -1.0);
    Ok(())
}

/// Two dispatches for a `Tensors` model, whether it has one tensor or ten thousand.
fn dispatches_do_not_grow(gpu: &Gpu) -> Outcome {
    for count in [1, 100, 10_000] {
        let tensors = Tensors::new(&gpu.device, (0..count).map(|index| (format!("{index}"), [1 + index % 100])))?;
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, wgpu_optim::Adam::default(), tensors.params())?;
        assert_eq!(optimizer.dispatches(), 2, "{count} tensors");
    }
    Ok(())
}

/// State takes what the byte model says: 4 bytes an element and state in use, as much for each row and column that a stage leaves a number of to a later one, and less than 1% for
/// alignment.
fn memory_is_the_model(gpu: &Gpu) -> Outcome {
    for rule in rules::all().iter().flat_map(|rule| rule.cases()).map(|(_, rule)| rule).filter(|rule| has_features_of(gpu, &**rule)) {
        // A number of rows that blocks of three rows divide.
        let shapes = [&[1002, 1000][..], &[1001]];
        let tensors = Tensors::new(&gpu.device, [("a", shapes[0]), ("b", shapes[1])])?;
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule.clone(), tensors.params())?;
        // A rule with values of its own to evaluate with keeps the trained ones besides.
        let kept = |shape: &[usize]| {
            let counted = rule.counts_as(shape).unwrap_or_default();
            let extents = Extents::of(&counted);
            let square = |&size: &usize| u64::from(rule.has_square(counted.len(), size)) * (size * size) as u64;
            let count = |extent: Extent| match extent {
                Extent::Squares => counted.iter().map(square).sum(),
                other => extents.count(other),
            };
            let states = rule.active_states_for(extents.is_matrix).into_iter().map(|state| count(rule.states()[state].extent));
            let reads = |stage: &Stage, name: &str| stage.over == Extent::Elements && stage.reads(name) && !stage.forms(name);
            let is_left = |sum: &&SumField| {
                let is_read = rule.stages().iter().any(|stage| reads(stage, sum.name));
                matches!(sum.extent, Extent::Rows | Extent::Columns) && is_read && rule.uses_for(sum.name, extents.is_matrix)
            };
            let left = rule.sums().iter().filter(is_left).map(|sum| extents.count(sum.extent)).sum::<u64>();
            states.sum::<u64>() + left + u64::from(rule.has_views()) * extents.elements
        };
        let model = 4 * shapes.iter().map(|shape| kept(shape)).sum::<u64>();
        // Of numbers of rows and columns, what a granule rounds up is more.
        assert!((model..=model + model / 100 + 1024).contains(&optimizer.state_bytes()), "{rule:?}: {}", optimizer.state_bytes());
    }
    Ok(())
}

fn callers_own_pass(gpu: &Gpu) -> Outcome {
    let counter = Counter::new(gpu)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    counter.optimizer.step_in(&mut pass);
    counter.optimizer.step_in(&mut pass);
    drop(pass);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(counter.value()?, -2.0);
    Ok(())
}

/// After 2^32 - 1 steps the count stays, instead of starting over.
fn step_counts_saturate(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("x", [1])])?;
    tensors.write_gradient(&gpu.queue, "x", &[1.0])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, wgpu_optim::Adam::default(), tensors.params())?;
    optimizer.write_steps("x", u32::MAX - 1)?;
    run(gpu, &optimizer, 1, 3);
    assert_eq!(pollster::block_on(optimizer.read_steps())?, [u32::MAX]);
    assert!(pollster::block_on(optimizer.read_value("x"))?[0].is_finite());
    Ok(())
}

/// A gradient whose square f32 does not hold makes no NaN, then or later.
fn huge_gradients(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("x", [2])])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), tensors.params())?;
    for gradient in [1.0, 1e20, -1.0, -3e19, 0.0, 1.0, 1.0] {
        tensors.write_gradient(&gpu.queue, "x", &[gradient, -gradient])?;
        run(gpu, &optimizer, 1, 1);
        let values = pollster::block_on(optimizer.read_value("x"))?;
        assert!(values.iter().all(|value| value.is_finite()), "{values:?} after {gradient}");
    }
    Ok(())
}

/// Without decay and gradient an infinite value stays, as in torch: `0 * p` is not formed. Rules that average values form differences of
/// them, which do not exist here.
fn infinite_values(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let mut rule = rule.boxed();
    // Where values are summed, the step is infinite too.
    if rule.has_views() || rule.states().iter().any(|state| state.name == "x0") || rule.is_staged(rule.counts_matrices()) {
        return Ok(());
    }
    rule.set("weight_decay", 0.0);
    rule.set("lambd", 0.0);
    let tensors = Tensors::new(&gpu.device, [("x", [2])])?;
    tensors.write_value(&gpu.queue, "x", &[f32::INFINITY, f32::NEG_INFINITY])?;
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params())?;
    run(gpu, &optimizer, 1, 3);
    Ok(same_bits("x", &pollster::block_on(optimizer.read_value("x"))?, &[f32::INFINITY, f32::NEG_INFINITY])?)
}
