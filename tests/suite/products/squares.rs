//! Square matrices of axes: their kernels, Shampoo and SOAP in optimizers, what a skipped step leaves, what is refused.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::{DeviceLimits, Gpu};
use wgpu_optim::checkpoint::RestoreOptions;
use wgpu_optim::products::squares::kernels;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::{Random, Style, is_faithful, module, must_fail, same_bits, values};
use wgpu_optim::{Group, NonFinite, Optimizer, Options, Param, RowMask, Shampoo, Soap, StateStorage, Tensors};

use super::eigen;
use crate::context::{Context, Outcome, another};
use crate::features::pairs::{agrees, everything};

/// Makes a rule.
type Made = fn() -> Box<dyn AnyRule>;
type Row = (&'static str, fn(&Gpu, &dyn AnyRule) -> Outcome);

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, source) in kernels() {
        trials.push(Trial::test(format!("squares/kernels/{name}"), move || {
            let module = module(&source)?;
            let bound = module.global_variables.iter().filter(|(_, global)| global.binding.is_some()).count();
            assert!(bound <= 8, "{bound} storage buffers");
            Ok(())
        }));
    }
    let rows: [Row; 7] = [
        ("a-fixed-number-of-dispatches", dispatches),
        ("a-skipped-step", skipped),
        ("same-bits", same),
        ("goes-on-from-a-checkpoint", resumed),
        ("steps-in-one-submission", together),
        ("one-after-the-other", rounds),
        ("row-masks-are-refused", masked),
    ];
    let rules: [(&str, Made); 2] = [("Shampoo", shampoo), ("Soap", soap)];
    for context in &contexts[..2] {
        for (name, rule) in rules {
            let own = rows.map(|(row, run)| context.trial(format!("squares/{name}/{row}"), move |gpu| run(gpu, &*rule())));
            trials.extend(own);
        }
        trials.push(context.trial("squares/Shampoo/with-everything-around".into(), everything_around));
        trials.push(context.trial("squares/Soap/a-basis-is-a-basis".into(), eigen::bases));
        trials.push(context.trial("squares/Shampoo/a-root-is-a-root".into(), eigen::roots));
        trials.push(context.trial("squares/Shampoo/what-has-no-rank-stays-bounded".into(), eigen::without_rank));
    }
    trials.push(contexts[0].trial("squares/Soap/a-basis-in-panels-of-16-columns".into(), |_| {
        // Panels of 32 take 12 KiB and a number for each invocation.
        let limits = wgpu::Limits { max_compute_workgroup_storage_size: 12 << 10, ..wgpu::Limits::default() };
        let gpu = another(DeviceLimits::Limited(Box::new(limits)))?;
        assert_eq!(gpu.device.limits().max_compute_workgroup_storage_size, 12 << 10);
        eigen::bases(&gpu)
    }));
    trials.push(contexts[0].trial("squares/another-rate-is-not-faithful".into(), |gpu| {
        let mut changed = soap();
        changed.set("lr", 0.01001);
        Ok(must_fail("a learning rate that is 1e-3 off", is_faithful(gpu, &*soap(), &*changed))?)
    }));
    for (name, rule) in rules {
        trials.push(contexts[2].trial(format!("squares/{name}/too-large-for-a-binding"), move |gpu| too_large(gpu, &*rule())));
    }
    trials
}

fn shampoo() -> Box<dyn AnyRule> {
    Shampoo { lr: 0.05, matrix_eps: 0.1, every: 2.0, max_dim: 40.0, ..Shampoo::default() }.into()
}

pub(super) fn soap() -> Box<dyn AnyRule> {
    Soap { lr: 0.01, every: 2.0, max_dim: 40.0, ..Soap::default() }.into()
}

/// A model, and what it is after steps.
pub(super) struct Run<'a> {
    gpu: &'a Gpu,
    pub(super) tensors: Tensors,
    pub(super) optimizer: Optimizer,
}

/// Of one to four axes, some without a matrix.
const SHAPES: [(&str, &[usize]); 7] =
    [("a", &[12, 13]), ("b", &[9]), ("c", &[3, 4, 5]), ("d", &[4, 2, 3, 2]), ("e", &[60, 7]), ("f", &[50]), ("g", &[])];

impl<'a> Run<'a> {
    fn new(gpu: &'a Gpu, rule: &dyn AnyRule, options: Options) -> Result<Self, Failed> {
        Self::of(gpu, rule, options, SHAPES.map(|(name, shape)| (name.to_owned(), shape.to_vec())).to_vec())
    }

    pub(super) fn of(gpu: &'a Gpu, rule: &dyn AnyRule, options: Options, shapes: Vec<(String, Vec<usize>)>) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, shapes)?;
        for (seed, param) in tensors.params().iter().enumerate() {
            tensors.write_value(&gpu.queue, &param.name, &values(seed as u64, param.shape.iter().product()))?;
        }
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule.boxed(), tensors.params())], options)?;
        Ok(Run { gpu, tensors, optimizer })
    }

    pub(super) fn gradients(&self, seed: u64) -> Outcome {
        for (index, param) in self.tensors.params().iter().enumerate() {
            let mut random = Random(1000 * seed + index as u64);
            let own: Vec<f32> = (0..param.shape.iter().product()).map(|_| random.normal() as f32).collect();
            self.tensors.write_gradient(&self.gpu.queue, &param.name, &own)?;
        }
        Ok(())
    }

    pub(super) fn step(&self, seed: u64) -> Outcome {
        self.gradients(seed)?;
        self.submit(1);
        Ok(())
    }

    pub(super) fn submit(&self, steps: usize) {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        (0..steps).for_each(|_| self.optimizer.step(&mut encoder));
        self.gpu.queue.submit([encoder.finish()]);
    }

    /// All values and states, one after the other.
    fn all(&self) -> Result<Vec<(String, Vec<f32>)>, Failed> {
        let mut all = Vec::new();
        for param in self.tensors.params() {
            all.push((param.name.clone(), block_on(self.optimizer.read_value(&param.name))?));
            for state in self.optimizer.state_names(&param.name)? {
                all.push((format!("{} {state}", param.name), block_on(self.optimizer.read_state(&param.name, state))?));
            }
        }
        Ok(all)
    }
}

fn alike(got: &Run<'_>, expected: &Run<'_>) -> Outcome {
    for ((name, got), (_, expected)) in got.all()?.iter().zip(expected.all()?) {
        same_bits(name, got, &expected)?;
    }
    Ok(())
}

/// A thousand small matrices take as many dispatches as ten.
fn dispatches(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let count = |matrices: usize| -> Result<usize, Failed> {
        let shapes = (0..matrices).map(|number| (format!("w{number}"), vec![4 + number % 5, 6])).collect();
        let run = Run::of(gpu, rule, Options::default(), shapes)?;
        run.step(1)?;
        run.step(2)?;
        assert_eq!(run.optimizer.recorded_step().waits, 0);
        Ok(run.optimizer.dispatches())
    };
    let (few, many) = (count(10)?, count(1000)?);
    assert!(few == many && many < 80, "{few} and {many} dispatches");
    Ok(())
}

/// A step with a NaN changes nothing, squares included, and those after it go on as if it had never been.
fn skipped(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
    let (spoiled, clean) = (Run::new(gpu, rule, options)?, Run::new(gpu, rule, options)?);
    for seed in 0..6 {
        // Before the first step, before one with a root or a new basis, and before one without.
        spoiled.gradients(100 + seed)?;
        spoiled.tensors.write_gradient(&gpu.queue, "b", &[f32::NAN; 9])?;
        spoiled.submit(1);
        alike(&spoiled, &clean)?;
        spoiled.step(seed)?;
        clean.step(seed)?;
        alike(&spoiled, &clean)?;
    }
    assert_eq!(block_on(spoiled.optimizer.report())?.skips, 6);
    Ok(())
}

/// Two runs have the same bits; and the values move.
fn same(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let (one, other) = (Run::new(gpu, rule, Options::default())?, Run::new(gpu, rule, Options::default())?);
    let before = block_on(one.optimizer.read_value("a"))?;
    for seed in 0..5 {
        one.step(seed)?;
        other.step(seed)?;
    }
    let moved = block_on(one.optimizer.read_value("a"))?;
    assert!(moved.iter().zip(&before).all(|(now, then)| now.is_finite() && now != then));
    alike(&one, &other)
}

/// A checkpoint after each of the first steps, so before roots and new bases and after them.
fn resumed(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let whole = Run::new(gpu, rule, Options::default())?;
    for seed in 0..5 {
        whole.step(seed)?;
        let (next, more) = (Run::new(gpu, rule, Options::default())?, Run::new(gpu, rule, Options::default())?);
        let checkpoint = block_on(whole.optimizer.checkpoint())?;
        next.optimizer.restore(&checkpoint, RestoreOptions::default())?;
        alike(&next, &whole)?;
        next.step(50 + seed)?;
        more.optimizer.restore(&checkpoint, RestoreOptions::default())?;
        more.step(50 + seed)?;
        alike(&next, &more)?;
    }
    Ok(())
}

/// Several steps in one submission are those one by one.
fn together(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let (one, other) = (Run::new(gpu, rule, Options::default())?, Run::new(gpu, rule, Options::default())?);
    one.gradients(3)?;
    other.gradients(3)?;
    one.submit(5);
    (0..5).for_each(|_| other.submit(1));
    alike(&one, &other)
}

/// A parameter is what it is alone, whatever others there are.
fn rounds(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let whole = Run::new(gpu, rule, Options::default())?;
    (0..4).try_for_each(|seed| whole.step(seed))?;
    for (index, (name, shape)) in SHAPES.into_iter().enumerate() {
        let alone = Run::of(gpu, rule, Options::default(), vec![(name.to_owned(), shape.to_vec())])?;
        alone.tensors.write_value(&gpu.queue, name, &values(index as u64, shape.iter().product()))?;
        for seed in 0..4 {
            let mut random = Random(1000 * seed + index as u64);
            let own: Vec<f32> = (0..shape.iter().product()).map(|_| random.normal() as f32).collect();
            alone.tensors.write_gradient(&gpu.queue, name, &own)?;
            alone.submit(1);
        }
        same_bits(name, &block_on(alone.optimizer.read_value(name))?, &block_on(whole.optimizer.read_value(name))?)?;
    }
    Ok(())
}

fn masked(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", vec![4, 5])])?;
    let usage = wgpu::BufferUsages::STORAGE;
    let mask = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
    let param = Param { row_mask: Some(RowMask::new(mask)), ..tensors.param("w")?.clone() };
    let error = Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), [param]).err().ok_or("no error")?;
    let expected =
        format!("w: a row_mask does not go with {}, which has sums over whole tensors, or numbers of their rows and columns", rule.name());
    assert_eq!(error.to_string(), expected);
    Ok(())
}

/// By name, with both numbers.
fn too_large(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let mut rule = rule.boxed();
    rule.set("max_dim", 1024.0);
    let tensors = Tensors::new(&gpu.device, [("fits", vec![20, 20]), ("w", vec![120, 7])])?;
    let error = Optimizer::new(&gpu.device, &gpu.queue, rule.clone(), tensors.params()).err().ok_or("no error")?;
    // A root is worked on in five squares of 120 rows.
    let needed = if rule.name() == "Shampoo" { 289824 } else { 117140 };
    let expected = format!(
        "w: {} keeps square matrices of its axes [120, 7], which needs {needed}, the device's max_storage_buffer_binding_size is 65536",
        rule.name()
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    Ok(())
}

/// Clips, skipped steps, micro-batches, a loss scale, averages, schedules, learning rate scales, frozen parameters, measured updates.
fn everything_around(gpu: &Gpu) -> Outcome {
    let mut setting = everything(Shampoo { matrix_eps: 0.1, max_dim: 40.0, ..Shampoo::default() }.into(), "clip-norm");
    setting.groups.iter_mut().flat_map(|group| &mut group.params).for_each(|param| param.row_mask = None);
    setting.options.state = StateStorage::default();
    agrees(gpu, &setting, Style::Packed)
}
