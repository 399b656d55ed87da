//! Iterations that keep their matrices in f16: to the bit what the twin makes, near f64, whatever the size of gradients; and refused where there is no f16.

mod error;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use wgpu_optim::adapter::{DeviceLimits, Gpu, request_with_features};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::products::{Blocks, Matrix, Precision, Products, Round, orthogonalize};
use wgpu_optim::rule::Rule as _;
use wgpu_optim::testing::{Random, same_bits, values};
use wgpu_optim::{Error, Group, Muon, NonFinite, Optimizer, Options, Tensors};

use super::each::{SHAPES, needed};
use crate::context::{Context, Outcome, another};
use crate::errors::says;
use crate::read::read;
use error::{errors, relative};

/// Relative error of iterations in f16, root mean square, by formulas-2.md, section 13; in bf16, as PyTorch has them, 1.3e-2.
const SHEET: f64 = 1.5e-3;
const IN_BF16: f64 = 1.3e-2;

type OnGpu = (&'static str, fn(&Gpu) -> Outcome);

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let rows: [OnGpu; 7] = [
        ("is-the-twin", is_the_twin),
        ("error", |gpu| errors(|round, before, _| on_gpu(gpu, round, before))),
        ("whatever-the-size-of-gradients", sizes),
        ("zeros-and-nothing-else", zeros),
        ("not-a-number", not_a_number),
        ("beside-f32", beside_f32),
        ("half-the-scratch-memory", scratch),
    ];
    let mut trials: Vec<Trial> = error::trials().into();
    for context in &contexts[..2] {
        trials.extend(rows.map(|(name, run)| context.trial_with(needed(Precision::F16), format!("products/half/{name}"), run)));
    }
    trials.push(contexts[0].trial("products/half/refused-without-the-feature".into(), refused));
    trials.push(contexts[0].trial("products/half/a-feature-that-is-not-there".into(), not_there));
    trials
}

/// These matrices side by side, each of norm 1 or less, as a round with these coefficients.
fn round(shapes: &[(u64, u64)], coefficients: &[[f64; 3]], norm: f64) -> (Round, Vec<f32>) {
    let (mut round, mut random, mut numbers) = (Round::new(Precision::F16), Random(5), Vec::new());
    for &(height, width) in shapes {
        round.push(Matrix { lane: numbers.len() as u32, ..Matrix::new(height, width) }, 0, coefficients);
        let own: Vec<f64> = (0..height * width).map(|_| random.normal()).collect();
        let divisor = norm * own.iter().map(|x| x * x).sum::<f64>().sqrt();
        numbers.extend(own.iter().map(|x| (x / divisor) as f32));
    }
    (round, numbers)
}

fn on_gpu(gpu: &Gpu, round: &Round, before: &[f32]) -> Result<Vec<f32>, Failed> {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let buffer = |size: u64| gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false });
    let (lanes, record) = (buffer(4 * before.len() as u64), buffer(16));
    gpu.queue.write_buffer(&lanes, 0, bytemuck::cast_slice(before));
    gpu.queue.write_buffer(&record, 0, bytemuck::cast_slice(&[1_u32; 4]));
    let products = Products::new(&gpu.pipelines, std::slice::from_ref(round), Blocks::GPU, &record, |_| lanes.as_entire_binding())?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    products.record_in(&mut encoder.begin_compute_pass(&Default::default()));
    gpu.queue.submit([encoder.finish()]);
    read(gpu, &lanes)
}

/// The numbers of a matrix of a round.
fn own(matrix: &Matrix) -> std::ops::Range<usize> {
    let first = matrix.lane as usize;
    first..first + (matrix.rows * matrix.columns) as usize
}

fn on_cpu(round: &Round, before: &[f32], coefficients: &[[f64; 3]]) -> Vec<f32> {
    let mut after = before.to_vec();
    for matrix in &round.matrices {
        let (height, width) = sides(matrix);
        orthogonalize(&mut after[own(matrix)], height, width, coefficients, Precision::F16);
    }
    after
}

fn sides(matrix: &Matrix) -> (usize, usize) {
    let [rows, columns] = [matrix.rows, matrix.columns].map(|size| size as usize);
    if matrix.is_tall == 1 { (columns, rows) } else { (rows, columns) }
}

/// Each a rule, and how much less than 1 the norm is.
fn rules() -> [(&'static str, Muon, f64, f64); 3] {
    let polar = Muon { polar_express: true, ..Muon::default() };
    [
        ("constant", Muon::default(), 1.0, SHEET),
        ("dion", Muon { dion: true, ..Muon::default() }, 1.0, SHEET),
        // It is steeper, so that roundings of X grow by more.
        ("polar-express", polar, 1.02, IN_BF16),
    ]
}

/// On an adapter that does not contract `a * b + c`, all bits. Where one does, a number may be rounded to its other neighbour in f16, so two runs are as near to each other as to f64.
fn is_the_twin(gpu: &Gpu) -> Outcome {
    for (name, rule, norm, most) in rules() {
        let coefficients = rule.coefficients(70, 40);
        let (round, before) = round(&SHAPES, &coefficients, norm);
        let (got, twin) = (on_gpu(gpu, &round, &before)?, on_cpu(&round, &before, &coefficients));
        let is_software = gpu.info.device_type == wgpu::DeviceType::Cpu;
        for matrix in &round.matrices {
            let (got, twin) = (&got[own(matrix)], &twin[own(matrix)]);
            if is_software {
                same_bits(&format!("{name}, {:?}", sides(matrix)), got, twin)?;
            }
            let error = relative(got, &twin.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
            assert!(error < 4.0 * most, "{name}, {:?}: {error:e} from the twin", sides(matrix));
        }
    }
    Ok(())
}

/// A model of one matrix after a step.
fn after_step(gpu: &Gpu, rule: Muon, shape: &[usize], gradient: &[f32], options: Options) -> Result<Vec<f32>, Failed> {
    let tensors = Tensors::new(&gpu.device, [("w", shape.to_vec())])?;
    tensors.write_value(&gpu.queue, "w", &values(1, gradient.len()))?;
    tensors.write_gradient(&gpu.queue, "w", gradient)?;
    let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, tensors.params())], options)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    Ok(block_on(tensors.read_value(&gpu.queue, "w"))?)
}

fn half() -> Muon {
    Muon { ns_f16: true, lr: 0.5, weight_decay: 0.5, eps: 1e-30, ..Muon::default() }
}

/// Gradients are brought to norm 1 in f32: one that is 2^50 times as large, or as small, gives the same bits, though it is far outside of f16. At 1e30 its squares are beyond f32, at 1e-30
/// below: then there is nothing but the decay, as in f32.
fn sizes(gpu: &Gpu) -> Outcome {
    let shape = [12, 17];
    let (start, gradient) = (values(1, 12 * 17), values(2, 12 * 17));
    let step = |factor: f32| after_step(gpu, half(), &shape, &gradient.iter().map(|x| factor * x).collect::<Vec<_>>(), Options::default());
    let whole = step(1.0)?;
    for power in [-50, -20, 20, 50] {
        same_bits(&format!("2^{power}"), &step(2.0_f32.powi(power))?, &whole)?;
    }
    for factor in [1e30, 1e-30] {
        let gradient: Vec<f32> = gradient.iter().map(|x| factor * x).collect();
        let got = after_step(gpu, Muon { eps: 1e-7, ..half() }, &shape, &gradient, Options::default())?;
        for (got, start) in got.into_iter().zip(&start) {
            assert!((got - 0.75 * start).abs() <= 1e-6 * start.abs(), "{factor:e}: {got} of {start}");
        }
    }
    Ok(())
}

/// Zero gradients, a row and a column of zeros, one number that is not.
fn zeros(gpu: &Gpu) -> Outcome {
    let start = values(1, 12 * 17);
    let got = after_step(gpu, Muon { eps: 1e-7, ..half() }, &[12, 17], &[0.0; 12 * 17], Options::default())?;
    for (got, start) in got.into_iter().zip(&start) {
        assert!((got - 0.75 * start).abs() <= 1e-6 * start.abs(), "{got} of {start}");
    }
    let mut gradient = values(2, 12 * 17);
    gradient[17..34].fill(0.0);
    gradient.iter_mut().skip(3).step_by(17).for_each(|x| *x = 0.0);
    let mut single = vec![0.0; 12 * 17];
    single[40] = -3.0;
    for gradient in [&gradient, &single] {
        let got = after_step(gpu, half(), &[12, 17], gradient, Options::default())?;
        let mut optimizer = CpuOptimizer::<f32>::with_groups([Group::new(half(), [CpuParam::new("w", &[12, 17])])])?;
        let mut twin = start.clone();
        optimizer.step(&mut [&mut twin], &[Some(&gradient[..])])?;
        for (index, (got, twin)) in got.iter().zip(&twin).enumerate() {
            assert!((got - twin).abs() <= 2e-3 * twin.abs().max(0.1), "{index}: {got}, the twin {twin}");
            let is_still = gradient[index] == 0.0 && std::ptr::eq(gradient, &single);
            assert!(!is_still || (got - 0.75 * start[index]).abs() <= 1e-6 * start[index].abs(), "{index}: {got} of {}", start[index]);
        }
    }
    Ok(())
}

/// One element that is NaN, or infinite, makes its matrix NaN, unless such steps are skipped.
fn not_a_number(gpu: &Gpu) -> Outcome {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut gradient = values(8, 21 * 34);
        gradient[500] = bad;
        let got = after_step(gpu, half(), &[21, 34], &gradient, Options::default())?;
        let in_f32 = after_step(gpu, Muon { ns_f16: false, ..half() }, &[21, 34], &gradient, Options::default())?;
        for (index, (got, in_f32)) in got.iter().zip(&in_f32).enumerate() {
            assert!(got.is_nan() && in_f32.is_nan(), "{bad}, {index}: {got} in f16, {in_f32} in f32");
        }
        let options = Options { non_finite: NonFinite::Skip, ..Options::default() };
        same_bits("a skipped step", &after_step(gpu, half(), &[21, 34], &gradient, options)?, &values(1, 21 * 34))?;
    }
    Ok(())
}

/// Groups in f16 and in f32 in one optimizer are what each is alone, and dispatches are as many for either.
fn beside_f32(gpu: &Gpu) -> Outcome {
    let (shape, gradient) = (vec![13, 20], values(4, 260));
    let tensors = Tensors::new(&gpu.device, [("half", shape.clone()), ("whole", shape.clone())])?;
    let rules = [("half", half()), ("whole", Muon { ns_f16: false, ..half() })];
    let groups = rules.map(|(name, rule)| Ok(Group::new(rule, [tensors.param(name)?.clone()])));
    let groups = groups.into_iter().collect::<Result<Vec<_>, Error>>()?;
    let optimizer = Optimizer::with_groups(&gpu.device, &gpu.queue, groups)?;
    for (name, _) in rules {
        tensors.write_value(&gpu.queue, name, &values(1, 260))?;
        tensors.write_gradient(&gpu.queue, name, &gradient)?;
    }
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    let mut dispatches = Vec::new();
    for (name, rule) in rules {
        let alone = after_step(gpu, rule, &shape, &gradient, Options::default())?;
        same_bits(name, &block_on(tensors.read_value(&gpu.queue, name))?, &alone)?;
        dispatches.push(Optimizer::new(&gpu.device, &gpu.queue, rule, [tensors.param(name)?.clone()])?.dispatches());
    }
    assert_eq!(dispatches[0], dispatches[1]);
    Ok(())
}

/// X, A and B take half the bytes of f32, and what is left of diagonals a little more.
fn scratch(gpu: &Gpu) -> Outcome {
    let bytes = |precision: Precision| -> Result<[u64; 3], Failed> {
        let mut round = Round::new(precision);
        round.push(Matrix::new(64, 96), 0, &[[3.4445, -4.775, 2.0315]; 2]);
        let usage = wgpu::BufferUsages::STORAGE;
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size: 4 * 64 * 96, usage, mapped_at_creation: false });
        let products = Products::new(&gpu.pipelines, &[round], Blocks::SMALL, &buffer, |_| buffer.as_entire_binding())?;
        let scratch = products.scratch();
        Ok([&scratch.x[0], &scratch.gram, &scratch.polynomial].map(wgpu::Buffer::size))
    };
    assert_eq!(bytes(Precision::F32)?, [4 * 64 * 96, 4 * 64 * 64, 4 * 64 * 64]);
    assert_eq!(bytes(Precision::F16)?, [2 * 64 * 96, 2 * 64 * 64 + 2 * 64, 2 * 64 * 64 + 2 * 64]);
    Ok(())
}

/// By the parameter's name; the optimizer in f32 is made on the same device.
fn refused(_gpu: &Gpu) -> Outcome {
    let gpu = another(DeviceLimits::Adapter)?;
    assert!(!gpu.device.features().contains(wgpu::Features::SHADER_F16));
    let tensors = Tensors::new(&gpu.device, [("h.0.fc", vec![4, 5])])?;
    let make = |rule: Muon| Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params()).map(|_| ());
    says(
        make(half()),
        "h.0.fc: Muon that iterates in f16 needs the device feature SHADER_F16 (WebGPU's shader-f16), without which the device was requested; request one \
         with it, or iterate in f32",
    )?;
    Ok(make(Muon { ns_f16: false, ..half() })?)
}

/// A device with a feature that its adapter lacks is refused by the feature's name.
fn not_there(gpu: &Gpu) -> Outcome {
    let lacking = wgpu::Features::all() - gpu.adapter.features();
    let Some((name, feature)) = lacking.iter_names().next() else { return Err("the adapter has all features that there are".into()) };
    let error = block_on(request_with_features(&gpu.instance, DeviceLimits::Adapter, feature)).err();
    let message = error.ok_or("no error")?.to_string();
    assert!(message.contains(name), "{name}: {message}");
    Ok(())
}
