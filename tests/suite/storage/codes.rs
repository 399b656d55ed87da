//! The codes that kernels and host make of the same numbers are those of torchao.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use safetensors::SafeTensors;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::Checkpoint;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::rule::{NoScalars, Range, Real, Rule, by_sign};
use wgpu_optim::{Dtype, Group, Optimizer, Options, StateStorage, Tensors, hyper_parameters, layout, state, wgpu};

use crate::context::{Context, Outcome};
use crate::files::file;

hyper_parameters! {
    /// A rule that keeps what it is given, and tells what it had kept.
    pub struct Keeping {
        /// What the values are of it.
        pub lr: f64 = 1.0, Range::NON_NEGATIVE, scheduled;
        /// Whether they are of `v`.
        pub of_v: bool = false, Range::UNIT;
    }
}

layout! {
    /// Per group.
    pub struct Hyper<F> { lr: F, of_v: F }
}

state! {
    /// The gradient, with a sign and without.
    pub struct State<F> { m = "m", v = "v" }
}

impl Rule for Keeping {
    const NAME: &'static str = "Keeping";
    const FORMULA: &'static str = "p = lr * m;  m = g;  v = |g|";
    const WGSL: &'static str = "
        fn update(h: Hyper, s: Scalars, gradient: vec4f, p: ptr<function, vec4f>, state: ptr<function, State>) {
            *p = h.lr * select(state.m, state.v, h.of_v > 0.0);
            state.m = gradient;
            state.v = abs(gradient);
        }";
    const NEVER_NEGATIVE: &'static [&'static str] = &["v"];
    type Hyper<F: Real> = Hyper<F>;
    type Scalars<F: Real> = NoScalars<F>;
    type State<F: Real> = State<F>;

    fn hyper<F: Real>(&self) -> Hyper<F> {
        Hyper { lr: F::of(self.lr), of_v: F::of(f64::from(u8::from(self.of_v))) }
    }
    fn prepare<F: Real>(_h: &Hyper<F>, _step: F, _last: &NoScalars<F>) -> NoScalars<F> {
        NoScalars::default()
    }
    fn update<F: Real>(h: &Hyper<F>, _s: &NoScalars<F>, gradient: F, p: &mut F, state: &mut State<F>) {
        *p = h.lr * by_sign(h.of_v, state.m, state.m, state.v);
        state.m = gradient;
        state.v = gradient.abs();
    }
    fn cases() -> Vec<(&'static str, Self)> {
        vec![("fast", Keeping { lr: 0.5, of_v: true })]
    }
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in contexts {
        trials.push(context.trial("storage/codes/torchao".into(), |gpu| {
            of_torchao(&|kept, dtype| on_gpu(gpu, kept, dtype), gpu.info.device_type == wgpu::DeviceType::Cpu)
        }));
    }
    for context in contexts {
        trials.push(context.trial("storage/codes/tables".into(), |gpu| of_tables(&|kept, dtype| on_gpu(gpu, kept, dtype))));
        trials.push(context.trial("storage/codes/read-by-kernels".into(), read_by_kernels));
    }
    trials.push(Trial::test("storage/codes/tables-on-the-host", || of_tables(&on_host)));
    trials.push(Trial::test("storage/codes/torchao-on-the-host", || of_torchao(&on_host, true)));
    for context in contexts {
        trials.push(context.trial("storage/codes/nearest".into(), |gpu| nearest(&|kept, dtype| on_gpu(gpu, kept, dtype))));
    }
    trials.push(Trial::test("storage/codes/nearest-on-the-host", || nearest(&on_host)));
    trials.push(contexts[0].trial("storage/codes/any-number".into(), any_number));
    trials
}

fn options(dtype: Dtype) -> Options {
    Options { state: StateStorage { least: 1, ..StateStorage::all(dtype) }, ..Default::default() }
}

/// What an optimizer keeps of these gradients, as a file.
type Keep<'a> = &'a dyn Fn(&[f32], Dtype) -> Result<Vec<u8>, Failed>;

fn on_gpu(gpu: &Gpu, kept: &[f32], dtype: Dtype) -> Result<Vec<u8>, Failed> {
    let tensors = Tensors::new(&gpu.device, [("w", [kept.len()])])?;
    tensors.write_gradient(&gpu.queue, "w", kept)?;
    let groups = [Group::new(Keeping::default(), tensors.params())];
    let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options(dtype))?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    Ok(block_on(optimizer.checkpoint())?.to_bytes()?)
}

fn on_host(kept: &[f32], dtype: Dtype) -> Result<Vec<u8>, Failed> {
    let params = [CpuParam::new("w", &[kept.len()])];
    let mut optimizer = CpuOptimizer::<f32>::with_options([Group::new(Keeping::default(), params)], options(dtype))?;
    optimizer.step(&mut [&mut vec![0.0; kept.len()]], &[Some(kept)])?;
    Ok(optimizer.checkpoint(None)?.to_bytes()?)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

/// Each number of the two maps, as torchao and bitsandbytes have them, is one that a code stands for, to the bit.
fn of_tables(keep: Keep<'_>) -> Outcome {
    let bytes = std::fs::read(file("tests/known_answers/quant-tables.safetensors"))?;
    let known = SafeTensors::deserialize(&bytes)?;
    for (state, table) in [("w/m", "dynamic_signed"), ("w/v", "dynamic_unsigned")] {
        let numbers = floats(known.tensor(table)?.data());
        let kept = keep(&numbers, Dtype::Dynamic8)?;
        let codes: Vec<u8> = (0..=255).collect();
        assert_eq!(SafeTensors::deserialize(&kept)?.tensor(state)?.data(), codes, "{table}");
        assert_eq!(Checkpoint::from_bytes(&kept)?.tensor(state)?, numbers, "{table}");
    }
    Ok(())
}

/// Numbers around each bound between two of a map, and all magnitudes: each gets the code of the nearest, the upper one of two, as it is defined.
fn nearest(keep: Keep<'_>) -> Outcome {
    let bytes = std::fs::read(file("tests/known_answers/quant-tables.safetensors"))?;
    let known = SafeTensors::deserialize(&bytes)?;
    for (state, table) in [("w/m", "dynamic_signed"), ("w/v", "dynamic_unsigned")] {
        let map = floats(known.tensor(table)?.data());
        let around = |pair: &[f32]| {
            let middle = pair[0] + 0.5 * (pair[1] - pair[0]);
            let more: Vec<f32> =
                [pair[0], middle, pair[1]].into_iter().flat_map(|x| [x.next_down().next_down(), x.next_down(), x, x.next_up()]).collect();
            more
        };
        let magnitudes = (0x0080_0000_u32..0x3f80_0000).step_by(40_009).map(f32::from_bits);
        let own = |x: &f32| x.abs() <= 1.0 && !x.is_subnormal() && (state == "w/m" || *x >= 0.0);
        let numbers: Vec<f32> = map.windows(2).flat_map(around).chain(magnitudes.flat_map(|x| [x, -x])).filter(own).collect();
        // The scale of each block is 1, so that no quotient is rounded.
        let numbers: Vec<f32> = numbers.chunks(255).flat_map(|some| std::iter::once(1.0).chain(some.iter().copied())).collect();
        let kept = keep(&numbers, Dtype::Dynamic8)?;
        let read = SafeTensors::deserialize(&kept)?;
        let codes = read.tensor(state)?.data().iter().map(|&code| usize::from(code));
        let defined = |x: f32| {
            let below = map.partition_point(|&own| own <= x).saturating_sub(1).min(254);
            let code = below + usize::from(x - map[below] >= 0.5 * (map[below + 1] - map[below]));
            if state == "w/v" && x > 0.0 { code.max(1) } else { code }
        };
        let others: Vec<_> = numbers.iter().zip(codes).filter(|(x, code)| *code != defined(**x)).take(5).collect();
        assert!(others.is_empty(), "{table}: {others:?}");
    }
    Ok(())
}

/// Kernels read these numbers to the bit.
fn read_by_kernels(gpu: &Gpu) -> Outcome {
    let bytes = std::fs::read(file("tests/known_answers/quant-tables.safetensors"))?;
    let known = SafeTensors::deserialize(&bytes)?;
    for (of_v, table) in [(false, "dynamic_signed"), (true, "dynamic_unsigned")] {
        let numbers = floats(known.tensor(table)?.data());
        let tensors = Tensors::new(&gpu.device, [("w", [numbers.len()])])?;
        tensors.write_gradient(&gpu.queue, "w", &numbers)?;
        let groups = [Group::new(Keeping { of_v, ..Default::default() }, tensors.params())];
        let optimizer = Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options(Dtype::Dynamic8))?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        let read = block_on(optimizer.read_value("w"))?;
        let others: Vec<_> = read.iter().zip(&numbers).enumerate().filter(|(_, (got, expected))| got != expected).take(5).collect();
        assert!(others.is_empty(), "{table}: {others:?}");
    }
    Ok(())
}

/// Codes, scales and the numbers that they stand for.
fn of_torchao(keep: Keep<'_>, is_exact: bool) -> Outcome {
    let bytes = std::fs::read(file("tests/known_answers/quant-vectors.safetensors"))?;
    let known = SafeTensors::deserialize(&bytes)?;
    for state in ["m", "v"] {
        let kept = keep(&floats(known.tensor(state)?.data()), Dtype::Dynamic8)?;
        let read = SafeTensors::deserialize(&kept)?;
        let numbers = floats(known.tensor(state)?.data());
        // Of what is never negative, nothing above 0 becomes 0: there alone we differ.
        let least = |x: f32| u8::from(state == "v" && x > 0.0);
        let theirs = known.tensor(&format!("{state}_8bit/codes"))?.data().iter().zip(&numbers);
        let codes: Vec<u8> = theirs.map(|(&code, &x)| code.max(least(x))).collect();
        let scales = floats(read.tensor(&format!("w/{state}.scale"))?.data());
        assert_eq!(scales, floats(known.tensor(&format!("{state}_8bit/scale"))?.data()));
        let values = floats(known.tensor(&format!("{state}_8bit/value"))?.data());
        let checkpoint = Checkpoint::from_bytes(&kept)?;
        let ours = checkpoint.tensor(&format!("w/{state}"))?;
        let got = read.tensor(&format!("w/{state}"))?.data().iter().zip(&codes).zip(ours.iter().zip(&values).zip(&numbers));
        for (at, ((code, expected), ((ours, theirs), x))) in got.enumerate() {
            // A number midway between two codes may get either on a card, whose quotients are off by 2.5 ulp, as WGSL allows; those of software adapters are exact.
            let midway = ((x - ours).abs() - (x - theirs).abs()).abs() <= 8.0 * f32::EPSILON * x.abs();
            assert!(code == expected || !is_exact && midway, "{state}[{at}], {x}: {code}, torchao {expected}");
            assert!(
                ours == theirs || code != expected || (*theirs == 0.0 && state == "v" && *x > 0.0),
                "{state}[{at}]: {ours}, torchao {theirs}"
            );
        }
    }
    let x = floats(known.tensor("x")?.data());
    let kept = keep(&x, Dtype::Bf16)?;
    let halves = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|half| u16::from_le_bytes(*half)).collect::<Vec<_>>();
    let (got, expected) = (halves(SafeTensors::deserialize(&kept)?.tensor("w/m")?.data()), halves(known.tensor("bf16_nearest")?.data()));
    assert_eq!(got.len(), expected.len());
    for ((got, expected), x) in got.iter().zip(&expected).zip(&x) {
        // What is subnormal may be 0 on a device.
        assert!(got == expected || (x.is_subnormal() && got & 0x7fff == 0), "{x}: {got:#06x}, torchao {expected:#06x}");
    }
    Ok(())
}

/// Numbers of all magnitudes, ties, zeros of both signs, and what is no number: kernels and host make the same codes of them.
fn any_number(gpu: &Gpu) -> Outcome {
    let mut random = wgpu_optim::testing::Random(5);
    let numbers: Vec<f32> =
        (0..50_000).map(|i| f32::from_bits(random.bits() as u32 & if i % 3 == 0 { u32::MAX } else { 0xbfff_f000 })).collect();
    // What is subnormal may be 0 on a device.
    let numbers: Vec<f32> = numbers.into_iter().map(|x| if x.is_subnormal() { 0.0 } else { x }).collect();
    let narrow: Vec<f32> = (0..50_000).map(|_| (random.normal() * 10.0_f64.powf(2.0 * random.normal())) as f32).collect();
    for kept in [numbers, narrow] {
        for dtype in [Dtype::Bf16, Dtype::F16, Dtype::Dynamic8] {
            let [gpu, host] = [on_gpu(gpu, &kept, dtype)?, on_host(&kept, dtype)?];
            let [gpu, host] = [Checkpoint::from_bytes(&gpu)?, Checkpoint::from_bytes(&host)?];
            for state in ["w/m", "w/v"] {
                // One NaN is as good as another.
                let numbers = gpu.tensor(state)?.iter().zip(host.tensor(state)?).zip(&kept);
                let others = numbers.filter(|((a, b), _)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()));
                let others: Vec<_> = others.take(5).collect();
                assert!(others.is_empty(), "{dtype:?} {state}: {others:?}");
            }
        }
    }
    Ok(())
}
