//! Muon in optimizers: dispatches, groups, skipped steps, batches, what does not fit.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::testing::{Style, same_bits, values};
use wgpu_optim::{AdamW, Error, Group, Muon, NonFinite, Optimizer, Options, Param, RowMask, StateStorage, Tensors};

use crate::context::{Context, Outcome};
use crate::features::pairs::{agrees, everything};

type Row = (&'static str, fn(&Gpu) -> Outcome);

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [Row; 7] = [
        ("with-everything-around", everything_around),
        ("a-handful-of-dispatches", dispatches),
        ("a-skipped-step", skipped),
        ("batches-are-matrices", batches),
        ("iterations-by-group", iterations),
        ("zero-and-huge-gradients", extremes),
        ("row-masks-are-refused", masked),
    ];
    let mut trials = Vec::new();
    for context in &contexts[..2] {
        trials.extend(rows.map(|(name, run)| context.trial(format!("products/steps/{name}"), run)));
    }
    trials.push(contexts[2].trial("products/steps/too-large-for-a-binding".into(), too_large));
    trials
}

/// Shapes of one layer of GPT-2, smaller, beside embeddings.
fn gpt2(layers: usize) -> Vec<(String, Vec<usize>)> {
    let layer = |number: usize| {
        let own = [("c_attn", [24, 72]), ("c_proj", [24, 24]), ("c_fc", [24, 96]), ("c_mlp", [96, 24])];
        let weights = own.map(|(name, shape)| (format!("h.{number}.{name}.weight"), shape.to_vec()));
        let biases = own.map(|(name, shape)| (format!("h.{number}.{name}.bias"), vec![shape[1]]));
        let norms = ["ln_1", "ln_2"]
            .into_iter()
            .flat_map(move |norm| ["weight", "bias"].map(|part| (format!("h.{number}.{norm}.{part}"), vec![24])));
        weights.into_iter().chain(biases).chain(norms).collect::<Vec<_>>()
    };
    let rest = [("wte", vec![50, 24]), ("wpe", vec![30, 24]), ("ln_f.weight", vec![24]), ("ln_f.bias", vec![24])];
    rest.into_iter().map(|(name, shape)| (name.to_owned(), shape)).chain((0..layers).flat_map(layer)).collect()
}

/// 148 tensors: three dispatches for each iteration over all 48 matrices, whatever their number and shapes.
fn dispatches(gpu: &Gpu) -> Outcome {
    let count = |layers: usize| -> Result<(usize, usize), Failed> {
        let shapes = gpt2(layers);
        let tensors = Tensors::new(&gpu.device, shapes.clone())?;
        let of = |wanted: bool| -> Vec<Param> {
            tensors.params().into_iter().filter(|param| Muon::is_for(&param.name, &param.shape) == wanted).collect()
        };
        let matrices = of(true).len();
        let groups =
            |steps: f64| [Group::new(Muon { ns_steps: steps, ..Muon::default() }, of(true)), Group::new(AdamW::default(), of(false))];
        let recorded = |steps| -> Result<_, Failed> { Ok(Optimizer::with_groups(&gpu.device, &gpu.queue, groups(steps))?.dispatches()) };
        assert_eq!(recorded(6.0)? - recorded(5.0)?, 3);
        assert_eq!(Optimizer::new(&gpu.device, &gpu.queue, Muon::default(), of(true))?.recorded_step().waits, 0);
        Ok((matrices, recorded(5.0)?))
    };
    let (few, many) = (count(1)?, count(12)?);
    assert_eq!((few.0, many.0, gpt2(12).len()), (4, 48, 148));
    assert_eq!(few.1, many.1);
    Ok(())
}

/// A model of one tensor, and what it is after steps with these gradients.
struct Run<'a> {
    gpu: &'a Gpu,
    tensors: Tensors,
    optimizer: Optimizer,
}

impl<'a> Run<'a> {
    fn new(gpu: &'a Gpu, rule: Muon, shape: &[usize], options: Options) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, [("w", shape.to_vec())])?;
        tensors.write_value(&gpu.queue, "w", &values(1, shape.iter().product()))?;
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, tensors.params())], options)?;
        Ok(Run { gpu, tensors, optimizer })
    }

    fn step(&self, gradient: &[f32]) -> Outcome {
        self.tensors.write_gradient(&self.gpu.queue, "w", gradient)?;
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.optimizer.step(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    fn value(&self) -> Result<Vec<f32>, Failed> {
        Ok(block_on(self.tensors.read_value(&self.gpu.queue, "w"))?)
    }
}

/// A step with a NaN changes nothing, and those after it go on as if it had never been.
fn skipped(gpu: &Gpu) -> Outcome {
    let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
    let run = || Run::new(gpu, Muon { adaptive: true, ..Muon::default() }, &[21, 34], options);
    let (spoiled, clean) = (run()?, run()?);
    let gradient = values(7, 21 * 34);
    for own in [&spoiled, &clean] {
        own.step(&gradient)?;
    }
    let mut bad = values(8, 21 * 34);
    bad[500] = f32::NAN;
    spoiled.step(&bad)?;
    same_bits("after the skipped step", &spoiled.value()?, &clean.value()?)?;
    let buffer = |run: &Run<'_>| block_on(run.optimizer.read_state("w", "b"));
    same_bits("the momentum", &buffer(&spoiled)?, &buffer(&clean)?)?;
    for own in [&spoiled, &clean] {
        own.step(&gradient)?;
    }
    Ok(same_bits("after the next step", &spoiled.value()?, &clean.value()?)?)
}

/// A tensor of three dimensions is what its matrices are one by one, and one of four is a matrix.
fn batches(gpu: &Gpu) -> Outcome {
    let rule = Muon { lr: 0.02, ..Muon::default() };
    let whole = Run::new(gpu, rule, &[3, 10, 14], Options::default())?;
    let gradient = values(9, 420);
    whole.step(&gradient)?;
    let start = values(1, 420);
    for slice in 0..3 {
        let one = Run::new(gpu, rule, &[10, 14], Options::default())?;
        let own = slice * 140..(slice + 1) * 140;
        one.tensors.write_value(&gpu.queue, "w", &start[own.clone()])?;
        one.step(&gradient[own.clone()])?;
        same_bits("a matrix of the batch", &whole.value()?[own], &one.value()?)?;
    }
    let [of_four, flat] = [&[6, 5, 2, 7][..], &[6, 70]].map(|shape| Run::new(gpu, rule, shape, Options::default()));
    let (of_four, flat) = (of_four?, flat?);
    of_four.step(&gradient)?;
    flat.step(&gradient)?;
    Ok(same_bits("a convolution", &of_four.value()?, &flat.value()?)?)
}

/// Groups with other numbers of iterations and other coefficients are what they are alone.
fn iterations(gpu: &Gpu) -> Outcome {
    let rules = [Muon::default(), Muon { ns_steps: 3.0, ..Muon::default() }, Muon { dion: true, ..Muon::default() }];
    let tensors = Tensors::new(&gpu.device, ["a", "b", "c"].map(|name| (name, vec![13, 20])))?;
    let groups = rules.iter().zip(["a", "b", "c"]).map(|(&rule, name)| Ok(Group::new(rule, [tensors.param(name)?.clone()])));
    let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups.collect::<Result<Vec<_>, Error>>()?)?;
    for name in ["a", "b", "c"] {
        tensors.write_value(&gpu.queue, name, &values(1, 260))?;
        tensors.write_gradient(&gpu.queue, name, &values(4, 260))?;
    }
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    for (rule, name) in rules.into_iter().zip(["a", "b", "c"]) {
        let alone = Run::new(gpu, rule, &[13, 20], Options::default())?;
        alone.step(&values(4, 260))?;
        alone.step(&values(4, 260))?;
        same_bits(name, &block_on(tensors.read_value(&gpu.queue, name))?, &alone.value()?)?;
    }
    Ok(())
}

/// Zero gradients leave nothing but the decay; so do those whose squares add up to more than f32 has.
fn extremes(gpu: &Gpu) -> Outcome {
    let rule = Muon { lr: 0.5, weight_decay: 0.5, ..Muon::default() };
    let start = values(1, 12 * 17);
    for size in [0.0, 1e25] {
        let run = Run::new(gpu, rule, &[12, 17], Options::default())?;
        run.step(&vec![size; 12 * 17])?;
        for (got, start) in run.value()?.into_iter().zip(&start) {
            assert!((got - 0.75 * start).abs() <= 1e-6 * start.abs(), "{size}: {got} of {start}");
        }
    }
    // What is tiny is a direction too, down to the root of the least number.
    let run = Run::new(gpu, Muon { eps: 1e-18, ..rule }, &[12, 17], Options::default())?;
    run.step(&values(2, 12 * 17).iter().map(|x| 1e-15 * x).collect::<Vec<_>>())?;
    let moved = run.value()?.iter().zip(&start).map(|(got, start)| (got - 0.75 * start).abs()).fold(0.0, f32::max);
    assert!(moved > 0.1, "{moved}");
    Ok(())
}

/// Clips, skipped steps, micro-batches, a loss scale, averages, schedules, learning rate scales, frozen parameters, measured updates.
fn everything_around(gpu: &Gpu) -> Outcome {
    let mut setting = everything(Muon { lr: 0.02, ..Muon::default() }.into(), "clip-norm");
    setting.groups.iter_mut().flat_map(|group| &mut group.params).for_each(|param| param.row_mask = None);
    // Some of its matrices have rows of one element, which share words.
    setting.options.state = StateStorage::default();
    agrees(gpu, &setting, Style::Packed)
}

fn masked(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", vec![4, 5])])?;
    let usage = wgpu::BufferUsages::STORAGE;
    let mask = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 16, usage, mapped_at_creation: false });
    let param = Param { row_mask: Some(RowMask::new(mask)), ..tensors.param("w")?.clone() };
    let error = Optimizer::new(&gpu.device, &gpu.queue, Muon::default(), [param]).err().ok_or("no error")?;
    let expected = "w: a row_mask does not go with Muon, which has sums over whole tensors, or numbers of their rows and columns";
    assert_eq!(error.to_string(), expected);
    Ok(())
}

/// By name, with both numbers.
fn too_large(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("w", vec![120, 200])])?;
    let error = Optimizer::new(&gpu.device, &gpu.queue, Muon::default(), tensors.params()).err().ok_or("no error")?;
    let expected = "w: Muon multiplies matrices, which needs 192000, the device's max_storage_buffer_binding_size is 65536";
    assert!(error.to_string().starts_with(expected), "{error}");
    Ok(())
}
