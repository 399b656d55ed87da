//! The index decides what each row is: every state, average and value against what the host makes of a checkpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::must_fail;
use wgpu_optim::{
    Adafactor, AdamW, Asgd, Binding, Checkpoint, Ema, Group, Lamb, Lookahead, MadGrad, MicroBatches, NAdam, Optimizer, Options, Pipelines,
    RowChange, ScheduleFreeAdamW, Sgd, Swa, Tensors, wgpu,
};

use crate::checkpoints::run::{CpuRun, Run, bits, contents};
use crate::context::{Context, Outcome};
use crate::features::pairs::Setting;

/// Rows of each of the parameters that change; one is larger than the bindings of narrow devices.
const HAD: usize = 900;
/// Those parameters, without their first dimension, and one that stays.
pub(super) const CHANGING: [(&str, &[usize]); 4] = [("means", &[3]), ("opacities", &[]), ("harmonics", &[4, 5]), ("large", &[60])];
const STAYING: (&str, &[usize]) = ("background", &[7, 3]);

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let adamw = || -> Box<dyn AnyRule> { AdamW { amsgrad: true, ..AdamW::default() }.into() };
    let rules = || -> [Box<dyn AnyRule>; 8] {
        let momentum = Sgd { momentum: 0.9, ..Sgd::default() };
        let of_values = [MadGrad::default().into(), ScheduleFreeAdamW::default().into(), Asgd::default().into()];
        let [madgrad, schedule_free, asgd] = of_values;
        let [nadam, lamb, adafactor] = [NAdam::default().into(), Lamb::default().into(), Adafactor::default().into()];
        [adamw(), nadam, lamb, adafactor, momentum.into(), madgrad, schedule_free, asgd]
    };
    let mut trials = Vec::new();
    for (number, context) in contexts.iter().enumerate() {
        // What Adafactor has of each of so many rows does not fit in a binding of 64 KiB.
        for rule in rules().into_iter().filter(|rule| number < 2 || rule.name() != "Adafactor") {
            let name = format!("rows/plain/{}", rule.name());
            trials.push(context.trial(name, move |gpu| changes(gpu, rule, Options::default(), true)));
        }
        let everything = || Options {
            ema: Some(Ema { decay: 0.9, ..Ema::default() }),
            swa: Some(Swa::default()),
            lookahead: Some(Lookahead::default()),
            micro_batches: MicroBatches::Mean,
            ..Options::default()
        };
        trials.push(context.trial("rows/averages-and-micro-batches".into(), move |gpu| changes(gpu, adamw(), everything(), true)));
        trials.push(context.trial("rows/values-are-there".into(), move |gpu| changes(gpu, adamw(), everything(), false)));
    }
    trials.push(contexts[0].trial("rows/from-none-and-to-none".into(), from_none_and_to_none));
    trials.push(contexts[0].trial("rows/in-one-encoder".into(), in_one_encoder));
    trials.push(contexts[0].trial("rows/one-kernel-more".into(), one_kernel_more));
    trials.push(contexts[0].trial("rows/kernels-are-forgotten".into(), kernels_are_forgotten));
    for rule in rules() {
        trials.push(Trial::test(format!("rows/cpu/{}", rule.name()), move || on_cpu(rule)));
    }
    trials.push(contexts[0].trial("rows/a-row-that-fails".into(), |gpu| {
        let scene = Scene::new(gpu, AdamW::default().into(), Options::default())?;
        let mut rows = index();
        let expected = expected(&scene.before, &rows)?;
        rows[5] = 0;
        let after = scene.change(&rows, true)?;
        Ok(must_fail("another index", is(&after, &expected))?)
    }));
    trials
}

/// Rows that are dropped, kept in another order, copied with and without their state, and new; more than before.
pub(super) fn index() -> Vec<u32> {
    let kept = (0..HAD as u32).rev().filter(|row| row % 3 != 0);
    let copies = (0..200).map(|row| 4 * row);
    let fresh = (0..150).map(|row| (5 * row) | RowChange::FRESH);
    let new = [RowChange::NEW, HAD as u32, RowChange::NEW, 0x7000_0000];
    kept.chain(copies).chain(fresh).chain(new).collect()
}

/// A run of three steps, with half of a fourth.
pub(super) struct Scene<'a> {
    pub(super) run: Run<'a>,
    pub(super) before: Checkpoint,
}

pub(super) fn shape(rows: usize, rest: &[usize]) -> Vec<usize> {
    [&[rows][..], rest].concat()
}

/// What is in new rows before they are moved, so that it is seen who wrote what.
pub(super) fn written(len: usize) -> Vec<f32> {
    (0..len).map(|i| 0.5 + i as f32).collect()
}

pub(super) fn setting(rule: Box<dyn AnyRule>, options: Options) -> Setting {
    let changing = CHANGING.iter().map(|(name, rest)| CpuParam::new(*name, &shape(HAD, rest)));
    let groups = vec![Group::new(rule.clone(), changing), Group::new(rule, [CpuParam::new(STAYING.0, STAYING.1)])];
    Setting { groups, options }
}

impl<'a> Scene<'a> {
    pub(super) fn new(gpu: &'a Gpu, rule: Box<dyn AnyRule>, options: Options) -> Result<Self, Failed> {
        let run = Run::new(gpu, &setting(rule, options), 1)?;
        run.steps(0..3)?;
        if options.micro_batches != MicroBatches::One {
            run.micro_batch(30)?;
        }
        let before = run.checkpoint()?;
        Ok(Scene { run, before })
    }

    /// Tensors of the parameters with so many rows.
    fn tensors(&self, rows: usize) -> Result<Tensors, Failed> {
        let gpu = self.run.gpu;
        let tensors = Tensors::new(&gpu.device, CHANGING.map(|(name, rest)| (name, shape(rows, rest))))?;
        for (name, rest) in CHANGING {
            tensors.write_value(&gpu.queue, name, &written(rows * rest.iter().product::<usize>()))?;
        }
        Ok(tensors)
    }

    /// With these rows.
    pub(super) fn change(mut self, rows: &[u32], values: bool) -> Result<Run<'a>, Failed> {
        let tensors = self.tensors(rows.len())?;
        let gpu = self.run.gpu;
        if !values {
            // What the caller has moved by itself.
            let expected = expected(&self.before, rows)?;
            for (name, _) in CHANGING {
                let own: Vec<f32> = expected[&format!("{name}/value")].iter().copied().map(f32::from_bits).collect();
                tensors.write_value(&gpu.queue, name, &own)?;
            }
        }
        let index = Binding::new(&upload(gpu, rows), 0, 4 * rows.len() as u64);
        let change = RowChange { rows: index, params: tensors.params(), values };
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        self.run.optimizer.change_rows(&mut encoder, change)?;
        gpu.queue.submit([encoder.finish()]);
        for group in &mut self.run.setting.groups[..1] {
            group.params.iter_mut().for_each(|param| param.shape[0] = rows.len());
        }
        self.run.others = Some(tensors);
        Ok(self.run)
    }
}

/// What the host makes of the checkpoint, by the names of tensors.
pub(super) fn expected(before: &Checkpoint, rows: &[u32]) -> Result<BTreeMap<String, Vec<u32>>, Failed> {
    let mut expected = contents(before);
    for (name, rest) in CHANGING {
        let values = written(rows.len() * rest.iter().product::<usize>());
        for (tensor, lane, data) in before.tensors().filter(|(tensor, ..)| tensor.starts_with(&format!("{name}/"))) {
            if lane.len() == 2 && lane[0] == 1 {
                // Numbers of columns.
                continue;
            }
            let is = |keys: &[&str]| keys.iter().any(|key| tensor.ends_with(&format!("/{key}")));
            let (is_of_values, begins_as_values) = (is(&["value", "ema", "swa", "slow"]), is(&["z", "x0", "ax"]));
            let width = data.len() / HAD;
            let trained = before.tensor(&format!("{name}/value"))?;
            let moved = rows.iter().enumerate().flat_map(|(at, &row)| {
                let (source, row) = ((row & !RowChange::FRESH) as usize, if is_of_values { row & !RowChange::FRESH } else { row } as usize);
                let own = match begins_as_values && source < HAD {
                    true => &trained[source * width..][..width],
                    false if is_of_values || begins_as_values => &values[at * width..][..width],
                    false => &vec![0.0; width],
                };
                bits(if row < HAD { &data[row * width..][..width] } else { own })
            });
            expected.insert(tensor, moved.collect());
        }
    }
    Ok(expected)
}

pub(super) fn upload(gpu: &Gpu, words: &[u32]) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let size = 4 * words.len().max(1) as u64;
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    gpu.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
    buffer
}

pub(super) fn is(run: &Run<'_>, expected: &BTreeMap<String, Vec<u32>>) -> Outcome {
    let got = contents(&run.checkpoint()?);
    assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, data) in expected {
        if let Some(at) = (0..data.len().max(got[name].len())).find(|&at| got[name].get(at) != data.get(at)) {
            return Err(format!("{name}[{at}]: {:x?}, expected {:x?}", got[name].get(at), data.get(at)).into());
        }
    }
    Ok(())
}

/// The change, and two steps after it against an optimizer that began with what the host made of the checkpoint.
fn changes(gpu: &Gpu, rule: Box<dyn AnyRule>, options: Options, values: bool) -> Outcome {
    let rows = index();
    let scene = Scene::new(gpu, rule, options)?;
    let expected = expected(&scene.before, &rows)?;
    let after = scene.change(&rows, values)?;
    is(&after, &expected)?;
    let other = Run::new(gpu, &after.setting, 7)?;
    for param in after.setting.groups.iter().flat_map(|group| &group.params) {
        let name = &param.name;
        let floats = |key: &str| -> Vec<f32> { expected[&format!("{name}/{key}")].iter().copied().map(f32::from_bits).collect() };
        other.optimizer.write_value(name, &floats("value"))?;
        for (state, key) in keys(&other.optimizer, name)? {
            other.optimizer.write_state(name, state, &floats(key))?;
        }
        other.optimizer.write_steps(name, 3)?;
    }
    for (name, scalars) in after.optimizer.names().zip(block_on(after.optimizer.read_scalars())?) {
        other.optimizer.write_scalars(name, &scalars)?;
    }
    other.optimizer.write_progress(&block_on(after.optimizer.read_progress())?)?;
    if options.micro_batches == MicroBatches::One {
        for run in [&after, &other] {
            run.steps(3..5)?;
        }
        is(&after, &contents(&other.checkpoint()?))?;
    }
    after.steps(5..6)
}

/// The CPU backend does the same.
fn on_cpu(rule: Box<dyn AnyRule>) -> Outcome {
    let options = Options { ema: Some(Ema { decay: 0.9, ..Ema::default() }), micro_batches: MicroBatches::Sum, ..Options::default() };
    let mut run = CpuRun::new(&setting(rule, options), 1)?;
    run.steps(0..3)?;
    let (rows, before) = (index(), run.checkpoint()?);
    let params = CHANGING.map(|(name, rest)| CpuParam::new(name, &shape(rows.len(), rest)));
    let values = CHANGING.map(|(_, rest)| written(rows.len() * rest.iter().product::<usize>()));
    run.change_rows(&rows, params.to_vec(), &values)?;
    let (got, expected) = (contents(&run.checkpoint()?), expected(&before, &rows)?);
    for (name, data) in &expected {
        assert_eq!(got.get(name), Some(data), "{name}");
    }
    run.steps(3..5)
}

/// A parameter's states, and their keys in a checkpoint.
fn keys(optimizer: &Optimizer, param: &str) -> Result<Vec<(&'static str, &'static str)>, Failed> {
    let rule = optimizer.rule(optimizer.group_of(param)?).ok_or("a group without a rule")?;
    let key = |state| rule.states().iter().find(|known| known.name == state).map_or(state, |known| known.torch);
    Ok(optimizer.state_names(param)?.into_iter().map(|state| (state, key(state))).collect())
}

fn from_none_and_to_none(gpu: &Gpu) -> Outcome {
    let options = Options { ema: Some(Ema::default()), ..Options::default() };
    let none = Scene::new(gpu, AdamW::default().into(), options)?.change(&[], true)?;
    none.steps(3..4)?;
    let before = none.checkpoint()?;
    assert_eq!(before.tensor("means/exp_avg")?.len(), 0);
    let rows = [RowChange::NEW, 0, 5];
    let again = Scene { run: none, before }.change(&rows, true)?;
    let now = again.checkpoint()?;
    assert_eq!(now.tensor("means/value")?, written(9), "what the caller wrote");
    assert_eq!(now.tensor("means/ema")?, written(9), "an average of new rows begins as their values");
    assert_eq!(now.tensor("means/exp_avg")?, [0.0; 9]);
    assert_eq!(now.steps("means")?, 4);
    again.steps(4..5)
}

/// The first change compiles the kernel that moves rows, and none compiles anything else.
fn one_kernel_more(gpu: &Gpu) -> Outcome {
    let pipelines = Pipelines::new(&gpu.device);
    let tensors = |rows: usize| Tensors::new(&gpu.device, [("a", vec![rows, 3]), ("b", vec![rows])]);
    let first = tensors(8)?;
    let groups = [Group::new(AdamW::default(), first.params())];
    let mut optimizer = Optimizer::with_pipelines(&pipelines, &gpu.queue, groups, Options::default())?;
    let before = pipelines.compiled();
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    for (change, count) in [6, 12, 3].into_iter().enumerate() {
        let index: Vec<u32> = (0..count).rev().collect();
        let params = tensors(count as usize)?.params();
        optimizer.change_rows(&mut encoder, RowChange { rows: (&upload(gpu, &index)).into(), params, values: true })?;
        assert_eq!(pipelines.compiled(), before + 1, "after change {change}"); // widths of 3 and 1: one by one
    }
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(optimizer.read_value("b"))?.len(), 3);
    Ok(())
}

/// Optimizers of a kind share their kernels until these are forgotten; one that has them goes on with its own.
fn kernels_are_forgotten(gpu: &Gpu) -> Outcome {
    let pipelines = Pipelines::new(&gpu.device);
    let one = || -> Result<Optimizer, Failed> {
        let params = Tensors::new(&gpu.device, [("a", [8])])?.params();
        Ok(Optimizer::with_pipelines(&pipelines, &gpu.queue, [Group::new(AdamW::default(), params)], Options::default())?)
    };
    let first = one()?;
    let compiled = pipelines.compiled();
    one()?;
    assert_eq!(pipelines.compiled(), compiled, "shared");
    pipelines.clear();
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    first.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(block_on(first.read_steps())?, [1]);
    assert_eq!(pipelines.compiled(), compiled, "still its own");
    one()?;
    assert_eq!(pipelines.compiled(), 2 * compiled, "compiled again");
    Ok(())
}

/// A step, the change and another step in one submission are what they are in three.
fn in_one_encoder(gpu: &Gpu) -> Outcome {
    let rows = index();
    let mut ends = Vec::new();
    for together in [true, false] {
        let mut scene = Scene::new(gpu, AdamW::default().into(), Options::default())?;
        let tensors = scene.tensors(rows.len())?;
        for (name, rest) in CHANGING {
            tensors.write_gradient(&gpu.queue, name, &written(rows.len() * rest.iter().product::<usize>()))?;
        }
        let mut encoders = vec![gpu.device.create_command_encoder(&Default::default())];
        let next = |encoders: &mut Vec<wgpu::CommandEncoder>| {
            if !together {
                let full = core::mem::replace(&mut encoders[0], gpu.device.create_command_encoder(&Default::default()));
                gpu.queue.submit([full.finish()]);
            }
        };
        scene.run.optimizer.step(&mut encoders[0]);
        next(&mut encoders);
        let change = RowChange { rows: (&upload(gpu, &rows)).into(), params: tensors.params(), values: true };
        scene.run.optimizer.change_rows(&mut encoders[0], change)?;
        next(&mut encoders);
        scene.run.optimizer.step(&mut encoders[0]);
        gpu.queue.submit(encoders.into_iter().map(wgpu::CommandEncoder::finish));
        ends.push(contents(&scene.run.checkpoint()?));
    }
    assert_eq!(ends[0], ends[1]);
    Ok(())
}
