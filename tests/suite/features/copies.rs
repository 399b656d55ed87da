//! Copies of the values in bf16: they are the values, rounded, to the bit, after whatever writes values; nothing beside them is touched.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use safetensors::SafeTensors;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::storage::Bf16;
use wgpu_optim::testing::{Random, gradients, must_fail, values};
use wgpu_optim::{
    Adafactor, AdamW, Bf16Copy, Binding, Ema, Error, Group, Lamb, NonFinite, Optimizer, Options, Param, Rounding, RowMask,
    ScheduleFreeAdamW, Tensors, wgpu,
};

use crate::context::{Context, Outcome};
use crate::files::file;
use crate::read::read;

/// Odd lengths, odd rows, rows of whole vectors, and more than a chunk.
const SHAPES: [&[usize]; 9] = [&[3, 1], &[5, 7], &[1], &[9, 2, 5], &[4099], &[16, 8], &[0, 4], &[2, 3001], &[6]];
/// What lies between copies.
const BESIDE: u32 = 0x4110_4110;
const ROUNDINGS: [(&str, Rounding); 2] = [("nearest", Rounding::Nearest), ("stochastic", Rounding::Stochastic { seed: 5 })];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = vec![Trial::test("features/copies/vectors", vectors)];
    let rules: [fn() -> Box<dyn AnyRule>; 4] = [
        || AdamW { lr: 1e-2, ..AdamW::default() }.into(),
        || Adafactor::default().into(),
        || Lamb { lr: 1e-2, ..Lamb::default() }.into(),
        || ScheduleFreeAdamW { lr: 1e-2, ..ScheduleFreeAdamW::default() }.into(),
    ];
    for context in contexts {
        for rule in rules {
            for (name, rounding) in ROUNDINGS {
                let row = format!("features/copies/{}/{name}", rule().name());
                trials.push(context.trial(row, move |gpu| of_steps(gpu, &rule, rounding)));
            }
        }
        trials.push(context.trial("features/copies/any-bits".into(), any_bits));
        trials.push(context.trial("features/copies/rows-that-are-not-shown".into(), masked));
        trials.push(context.trial("features/copies/places".into(), moved));
    }
    trials.push(contexts[0].trial("features/copies/refusals".into(), refusals));
    trials.push(contexts[0].trial("features/copies/a-row-that-fails".into(), |gpu| {
        let scene = Scene::new(gpu, AdamW::default().into(), Rounding::Nearest, Options::default())?;
        Ok(must_fail("copies that were not written", scene.check(0))?)
    }));
    trials
}

/// What torchao and torch make of the same bits.
fn vectors() -> Outcome {
    let bytes = std::fs::read(file("tests/known_answers/quant-vectors.safetensors"))?;
    let read = SafeTensors::deserialize(&bytes)?;
    let words = |name: &str| {
        Ok::<_, Failed>(read.tensor(name)?.data().as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect::<Vec<_>>())
    };
    let halves = |name: &str| {
        Ok::<_, Failed>(read.tensor(name)?.data().as_chunks().0.iter().map(|half| u16::from_le_bytes(*half)).collect::<Vec<_>>())
    };
    let (x, drawn) = (words("x")?, words("r16")?);
    assert_eq!(x.iter().map(|&bits| Bf16::nearest(f32::from_bits(bits))).collect::<Vec<_>>(), halves("bf16_nearest")?);
    let stochastic = x.iter().zip(drawn).map(|(&bits, drawn)| Bf16::stochastic(f32::from_bits(bits), drawn));
    assert_eq!(stochastic.collect::<Vec<_>>(), halves("bf16_stochastic")?);
    Ok(())
}

/// Parameters whose copies lie in one buffer, a word apart.
struct Scene<'a> {
    gpu: &'a Gpu,
    tensors: Tensors,
    copies: wgpu::Buffer,
    /// Where each copy begins, in words.
    firsts: Vec<usize>,
    words: usize,
    rounding: Rounding,
    optimizer: Optimizer,
}

fn name(index: usize) -> String {
    format!("p{index}")
}

fn elements(shape: &[usize]) -> usize {
    shape.iter().product()
}

impl<'a> Scene<'a> {
    fn new(gpu: &'a Gpu, rule: Box<dyn AnyRule>, rounding: Rounding, options: Options) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, SHAPES.iter().enumerate().map(|(index, shape)| (name(index), shape.to_vec())))?;
        let (mut firsts, mut words) = (Vec::new(), 1);
        for shape in SHAPES {
            firsts.push(words);
            words += elements(shape).div_ceil(2) + 1;
        }
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let descriptor = wgpu::BufferDescriptor { label: None, size: 4 * words as u64, usage, mapped_at_creation: false };
        let copies = gpu.device.create_buffer(&descriptor);
        gpu.queue.write_buffer(&copies, 0, bytemuck::cast_slice(&vec![BESIDE; words]));
        for (index, shape) in SHAPES.iter().enumerate() {
            tensors.write_value(&gpu.queue, &name(index), &values(index as u64, elements(shape)))?;
        }
        let param = |(param, (shape, first)): (Param, (&&[usize], &usize))| {
            let binding = Binding::new(&copies, 4 * *first as u64, 4 * elements(shape).div_ceil(2) as u64);
            Param { bf16_copy: Some(Bf16Copy { binding, rounding }), ..param }
        };
        let params: Vec<Param> = tensors.params().into_iter().zip(SHAPES.iter().zip(&firsts)).map(param).collect();
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, [Group::new(rule, params)], options)?;
        Ok(Scene { gpu, tensors, copies, firsts, words, rounding, optimizer })
    }

    fn submit(&self, record: impl FnOnce(&Optimizer, &mut wgpu::CommandEncoder)) {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&self.optimizer, &mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
    }

    /// A step, in which the second parameter overflows if that is asked for.
    fn step(&self, seed: u64, overflows: bool) -> Outcome {
        for (index, shape) in SHAPES.iter().enumerate() {
            let mut own = gradients(100 * seed + index as u64, elements(shape));
            if overflows && index == 1 {
                own[0] = f32::INFINITY;
            }
            self.tensors.write_gradient(&self.gpu.queue, &name(index), &own)?;
        }
        self.submit(|optimizer, encoder| optimizer.step(encoder));
        Ok(())
    }

    fn read(&self) -> Result<Vec<u32>, Failed> {
        read(self.gpu, &self.copies)
    }

    /// Every copy is what its values are, after so many steps, and what lies beside is as it was.
    fn check(&self, steps: u32) -> Outcome {
        let mut expected = vec![BESIDE; self.words];
        for (index, first) in self.firsts.iter().enumerate() {
            let values = block_on(self.optimizer.read_shown(&name(index)))?;
            put(&mut expected, *first, &Bf16::copy(&values, self.rounding, &name(index), steps));
        }
        same(&self.read()?, &expected)
    }
}

/// Writes halves from a word on.
fn put(words: &mut [u32], first: usize, halves: &[u16]) {
    for (index, half) in halves.iter().enumerate() {
        let (word, shift) = (&mut words[first + index / 2], 16 * (index % 2));
        *word = (*word & !(0xffff << shift)) | u32::from(*half) << shift;
    }
}

fn same(got: &[u32], expected: &[u32]) -> Outcome {
    match (0..got.len()).find(|&at| got[at] != expected[at]) {
        None => Ok(()),
        Some(at) => Err(format!("word {at} is {:08x}, expected {:08x}", got[at], expected[at]).into()),
    }
}

/// Written before the first step, by steps, not by one that is skipped, by changes of view and back.
fn of_steps(gpu: &Gpu, rule: &dyn Fn() -> Box<dyn AnyRule>, rounding: Rounding) -> Outcome {
    let options = Options { non_finite: NonFinite::Skip, ema: Some(Ema { decay: 0.5, ..Ema::default() }), ..Options::default() };
    let scene = Scene::new(gpu, rule(), rounding, options)?;
    scene.submit(|optimizer, encoder| optimizer.write_copies(encoder));
    scene.check(0)?;
    scene.step(1, false)?;
    scene.check(1)?;
    scene.step(2, true)?;
    scene.check(1)?;
    scene.step(3, false)?;
    scene.check(2)?;
    let trained = scene.read()?;
    scene.submit(|optimizer, encoder| optimizer.evaluate(encoder));
    scene.check(2)?;
    assert_ne!(scene.read()?, trained, "evaluate shows other values");
    scene.submit(|optimizer, encoder| optimizer.train(encoder));
    same(&scene.read()?, &trained)?;
    let other = Scene::new(gpu, rule(), rounding, options)?;
    for (seed, overflows) in [(1, false), (2, true), (3, false)] {
        other.step(seed, overflows)?;
    }
    same(&other.read()?, &trained)
}

/// All kinds of bits: numbers of any size, ties, subnormal ones, zeros, infinities and NaN.
fn any_bits(gpu: &Gpu) -> Outcome {
    for (_, rounding) in ROUNDINGS {
        let scene = Scene::new(gpu, AdamW::default().into(), rounding, Options::default())?;
        let mut random = Random(9);
        let special = [
            0x7f80_0000,
            0xff80_0000,
            0x7f80_0001,
            0x7fc0_0000,
            0xffff_ffff,
            0x7f7f_ffff,
            0xff7f_8000,
            0x3f80_8000,
            0x3f81_8000,
            0,
            1 << 31,
        ];
        let mut bits: Vec<u32> = special.into_iter().chain((0..4099 - special.len()).map(|_| random.bits() as u32)).collect();
        // Adapters may flush subnormal numbers, also where they are but copied.
        bits.iter_mut().filter(|bits| **bits & 0x7f80_0000 == 0).for_each(|bits| *bits &= 1 << 31);
        let values: Vec<f32> = bits.iter().copied().map(f32::from_bits).collect();
        scene.tensors.write_value(&gpu.queue, "p4", &values)?;
        scene.submit(|optimizer, encoder| optimizer.write_copies(encoder));
        let mut expected = scene.read()?;
        put(&mut expected, scene.firsts[4], &Bf16::copy(&values, rounding, "p4", 0));
        same(&scene.read()?, &expected)?;
    }
    Ok(())
}

/// Rows that a mask does not show keep the copy that they had.
fn masked(gpu: &Gpu) -> Outcome {
    let (rows, width) = (31, 3);
    for (_, rounding) in ROUNDINGS {
        let tensors = Tensors::new(&gpu.device, [("w", [rows, width])])?;
        tensors.write_value(&gpu.queue, "w", &values(1, rows * width))?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = |words: usize| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * words as u64, usage, mapped_at_creation: false })
        };
        let (copies, mask) = (buffer((rows * width).div_ceil(2)), buffer(rows));
        let param = Param {
            bf16_copy: Some(Bf16Copy { binding: (&copies).into(), rounding }),
            row_mask: Some(RowMask::new(&mask)),
            ..tensors.param("w")?.clone()
        };
        let optimizer = Optimizer::with_pipelines(
            &gpu.pipelines,
            &gpu.queue,
            [Group::new(AdamW { lr: 0.1, ..AdamW::default() }, [param])],
            Options::default(),
        )?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.write_copies(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let mut expected = Bf16::copy(&values(1, rows * width), rounding, "w", 0);
        for step in 1..4 {
            let shown = |row: usize| !(row as u32 + step).is_multiple_of(3);
            gpu.queue.write_buffer(&mask, 0, bytemuck::cast_slice(&(0..rows).map(|row| u32::from(shown(row))).collect::<Vec<_>>()));
            tensors.write_gradient(&gpu.queue, "w", &gradients(u64::from(step), rows * width))?;
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            optimizer.step(&mut encoder);
            gpu.queue.submit([encoder.finish()]);
            let now = Bf16::copy(&block_on(optimizer.read_value("w"))?, rounding, "w", step);
            let own = expected.iter_mut().zip(now).enumerate().filter(|(index, _)| shown(index / width));
            own.for_each(|(_, (expected, now))| *expected = now);
            let got: Vec<u16> = read(gpu, &copies)?;
            assert_eq!(got[..rows * width], expected, "step {step}");
        }
    }
    Ok(())
}

/// Values and gradients that move take their copies along, where these are.
fn moved(gpu: &Gpu) -> Outcome {
    let mut scene = Scene::new(gpu, AdamW::default().into(), Rounding::Stochastic { seed: 3 }, Options::default())?;
    scene.step(1, false)?;
    let others = Tensors::new(&gpu.device, SHAPES.iter().enumerate().rev().map(|(index, shape)| (name(index), shape.to_vec())))?;
    for (index, shape) in SHAPES.iter().enumerate() {
        others.write_value(&gpu.queue, &name(index), &values(50 + index as u64, elements(shape)))?;
    }
    scene.optimizer.set_places(others.params().iter().map(|param| (&*param.name, param.value.clone(), param.gradient.clone())))?;
    scene.tensors = others;
    scene.step(2, false)?;
    scene.check(2)
}

fn refusals(gpu: &Gpu) -> Outcome {
    let tensors = Tensors::new(&gpu.device, [("a", [3, 5]), ("b", [2, 2])])?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 512, usage, mapped_at_creation: false });
    let at = |offset, size| Bf16Copy::new(Binding::new(&buffer, offset, size));
    let [a, b] = [tensors.param("a")?.clone(), tensors.param("b")?.clone()];
    let with = |a_copy: Option<Bf16Copy>, b_copy: Option<Bf16Copy>| {
        let params = [Param { bf16_copy: a_copy, ..a.clone() }, Param { bf16_copy: b_copy, ..b.clone() }];
        Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), params).map(drop)
    };
    assert_eq!(with(Some(at(0, 32)), Some(at(32, 8))), Ok(()));
    let told = |error: wgpu_optim::Result<()>| error.err().map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(told(with(Some(at(0, 30)), None)), "a: shape [3, 5] in bf16 takes 32 bytes, the bf16_copy binding has 30");
    assert!(matches!(with(Some(at(0, 32)), Some(at(28, 8))), Err(Error::Overlap { .. })));
    assert!(matches!(with(Some(at(2, 32)), None), Err(Error::Misaligned { .. })));
    let within = Bf16Copy::new(Binding::new(a.value.buffer(), b.value.offset(), 32));
    assert!(matches!(with(Some(within), None), Err(Error::Overlap { .. })));
    let masked = Param { row_mask: Some(RowMask::new(Binding::new(&buffer, 0, 12))), bf16_copy: Some(at(256, 32)), ..a.clone() };
    let refused = Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), [masked]).map(drop);
    assert!(told(refused).starts_with("a: its row_mask is in the buffer of a's bf16_copy"));
    Ok(())
}
