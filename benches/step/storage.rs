//! States in fewer bits: AdamW with each way to store its moments, against itself with f32 states and a plain kernel of the same traffic.

use wgpu_optim::{AdamW, Dtype, Group, Optimizer, Options, Rounding, StateStorage, Tensors};

use crate::data::Source;
use crate::measure::{Contender, race};
use crate::plain::{Moved, Plain};
use crate::report::{Case, NO_ARITHMETIC};
use crate::{Bench, Result};

const STORAGE: &str = "storage";
const SIZES: [usize; 2] = [1_000_000, 10_000_000];

/// Names and what moments are stored as.
fn cases() -> [(&'static str, StateStorage); 6] {
    let all = StateStorage::all;
    let drawn = StateStorage { rounding: Rounding::Stochastic { seed: 1 }, ..all(Dtype::Bf16) };
    [
        ("f32", StateStorage::default()),
        ("bf16", all(Dtype::Bf16)),
        ("bf16, stochastic", drawn),
        ("f16", all(Dtype::F16)),
        ("8-bit", all(Dtype::Dynamic8)),
        ("m bf16, v 8-bit", StateStorage { m: Dtype::Bf16, ..all(Dtype::Dynamic8) }),
    ]
}

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    for n in bench.sizes(&SIZES) {
        for (name, storage) in cases() {
            let outcome = if n > bench.largest() { Err("--largest".into()) } else { one(bench, n, name, storage) };
            bench.or_open(STORAGE, format!("{name}, n = {n}"), outcome);
        }
    }
    Ok(())
}

fn one(bench: &mut Bench, n: usize, name: &str, storage: StateStorage) -> Result<()> {
    let gpu = &bench.gpu;
    let tensors = Tensors::new(&gpu.device, [("w", [n])])?;
    let source = Source::new(gpu, n)?;
    source.fill_value(gpu, tensors.value("w")?, n);
    source.fill_gradient(gpu, tensors.gradient("w")?, n);
    let make = |state| {
        let groups = [Group::new(AdamW::default(), tensors.params())];
        Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Options { state, ..Default::default() })
    };
    let (own, whole) = (make(storage)?, make(StateStorage::default())?);
    let moved = Moved { values: Dtype::F32, gradients: Dtype::F32, master: false, states: [storage.m, storage.v] };
    let plain = Plain::new(bench, &source, n, moved)?;
    let mut contenders = vec![
        Contender::pass(name, |pass| own.step_in(pass)),
        Contender::pass("f32 states", |pass| whole.step_in(pass)),
        Contender::pass(NO_ARITHMETIC, |pass| plain.record(pass)),
    ];
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let kept = own.state_bytes() as f64 / n as f64;
    let case = Case { group: STORAGE, name: format!("{name}, n = {n}"), elements: n, tensors: 1, bytes: Some(plain.bytes) };
    bench.report.race(case, &timings);
    bench.report.figure(STORAGE, format!("{name}, n = {n}: state"), kept, "bytes per parameter");
    Ok(())
}
