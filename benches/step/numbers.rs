//! Values and gradients in fewer bits: AdamW with each way to store them, with states in f32 and in 8 bits, against itself with f32 throughout, and against a plain kernel of the same traffic.

use wgpu_optim::{AdamW, Dtype, Group, Optimizer, Options, Param, Rounding, StateStorage, Tensors};

use crate::data::Source;
use crate::measure::{Contender, race};
use crate::plain::{Moved, Plain};
use crate::report::{Case, NO_ARITHMETIC};
use crate::{Bench, Result};

const NUMBERS: &str = "numbers";
const SIZES: [usize; 2] = [1_000_000, 10_000_000];

/// What a parameter is stored as.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    value: Dtype,
    gradient: Dtype,
    rounding: Rounding,
    master: bool,
    state: Dtype,
}

const PLAIN: Way =
    Way { name: "f32", value: Dtype::F32, gradient: Dtype::F32, rounding: Rounding::Nearest, master: false, state: Dtype::F32 };

/// All that the table in the README has.
fn ways() -> [Way; 8] {
    let drawn = Rounding::Stochastic { seed: 1 };
    let both = Way { name: "bf16", value: Dtype::Bf16, gradient: Dtype::Bf16, ..PLAIN };
    [
        PLAIN,
        Way { name: "f16 gradients", gradient: Dtype::F16, ..PLAIN },
        Way { name: "bf16 values, stochastic", value: Dtype::Bf16, rounding: drawn, ..PLAIN },
        Way { name: "bf16, stochastic", rounding: drawn, ..both },
        Way { name: "bf16, master", master: true, ..both },
        Way { name: "f32, 8-bit states", state: Dtype::Dynamic8, ..PLAIN },
        Way { name: "bf16, stochastic, 8-bit states", rounding: drawn, state: Dtype::Dynamic8, ..both },
        Way { name: "bf16, master, 8-bit states", master: true, state: Dtype::Dynamic8, ..both },
    ]
}

impl Way {
    /// What a step moves of a parameter.
    fn moved(&self) -> Moved {
        Moved { values: self.value, gradients: self.gradient, master: self.master, states: [self.state; 2] }
    }
}

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    for n in bench.sizes(&SIZES) {
        for way in ways() {
            let outcome = if n > bench.largest() { Err("--largest".into()) } else { one(bench, n, way) };
            bench.or_open(NUMBERS, format!("{}, n = {n}", way.name), outcome);
        }
    }
    Ok(())
}

fn one(bench: &mut Bench, n: usize, way: Way) -> Result<()> {
    let gpu = &bench.gpu;
    let make = |way: Way| -> Result<(Optimizer, Tensors)> {
        let tensors = Tensors::with_dtypes(&gpu.device, (way.value, way.gradient), [("w", [n])])?;
        let numbers: Vec<f32> = (0..n).map(|i| (i % 1009) as f32 / 500.0 - 1.0).collect();
        tensors.write_value(&gpu.queue, "w", &numbers)?;
        tensors.write_gradient(&gpu.queue, "w", &numbers)?;
        let params = tensors.params().into_iter().map(|param| Param { rounding: way.rounding, master: way.master, ..param });
        let options = Options { state: StateStorage::all(way.state), ..Default::default() };
        let groups = [Group::new(AdamW::default(), params)];
        Ok((Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, options)?, tensors))
    };
    let ((own, tensors), (whole, _)) = (make(way)?, make(PLAIN)?);
    let plain = Plain::new(bench, &Source::new(gpu, n)?, n, way.moved())?;
    let mut contenders = vec![
        Contender::pass(way.name, |pass| own.step_in(pass)),
        Contender::pass("f32 throughout", |pass| whole.step_in(pass)),
        Contender::pass(NO_ARITHMETIC, |pass| plain.record(pass)),
    ];
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let buffers = tensors.value("w")?.buffer().size() + tensors.gradient("w")?.buffer().size();
    let kept = (own.state_bytes() + buffers) as f64 / n as f64;
    let case = Case { group: NUMBERS, name: format!("{}, n = {n}", way.name), elements: n, tensors: 1, bytes: Some(plain.bytes) };
    bench.report.race(case, &timings);
    bench.report.figure(NUMBERS, format!("{}, n = {n}: values, gradients and state", way.name), kept, "bytes per parameter");
    Ok(())
}
