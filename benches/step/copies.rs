//! Copies of the values in bf16: what they cost in a step, and in a pass of their own.

use wgpu_optim::{AdamW, Bf16Copy, Optimizer, Param, Rounding, Tensors};

use crate::ceiling::Ceiling;
use crate::data::{Source, buffer};
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::traffic::{Pool, Streams};
use crate::{Bench, Result};

const COPIES: &str = "copies";
const SIZES: [usize; 2] = [1_000_000, 10_000_000];

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    for n in bench.sizes(&SIZES) {
        let outcome = if n > bench.largest() { Err("--largest".into()) } else { one(bench, n) };
        bench.or_open(COPIES, format!("n = {n}"), outcome);
    }
    Ok(())
}

/// A step of AdamW with a copy, rounded in both ways, without one, and a copy in a pass of its own. The limit moves what AdamW without a copy moves, 28 of 30 bytes.
fn one(bench: &mut Bench, n: usize) -> Result<()> {
    let gpu = &bench.gpu;
    let tensors = Tensors::new(&gpu.device, [("w", [n / 1000, 1000])])?;
    let source = Source::new(gpu, n)?;
    source.fill_value(gpu, tensors.value("w")?, n);
    source.fill_gradient(gpu, tensors.gradient("w")?, n);
    let halves = buffer(gpu, 2 * n as u64)?;
    let make = |rounding: Option<Rounding>| {
        let copy = rounding.map(|rounding| Bf16Copy { rounding, ..Bf16Copy::new(&halves) });
        let params = tensors.params().into_iter().map(|param| Param { bf16_copy: copy.clone(), ..param });
        let groups = [wgpu_optim::Group::new(AdamW::default(), params.collect::<Vec<_>>())];
        Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Default::default())
    };
    let [nearest, stochastic, alone] = [Some(Rounding::Nearest), Some(Rounding::Stochastic { seed: 1 }), None].map(make);
    let (nearest, stochastic, alone) = (nearest?, stochastic?, alone?);
    let mut pool = Pool::new(n);
    let ceiling = Ceiling::new(bench, &source, &mut pool, &[Streams::in_place(3, 1)])?;
    let mut contenders = vec![
        Contender::pass("with a copy, nearest", |pass| nearest.step_in(pass)),
        Contender::pass("stochastic", |pass| stochastic.step_in(pass)),
        Contender::pass("without", |pass| alone.step_in(pass)),
        Contender::pass("a copy alone", |pass| nearest.write_copies_in(pass)),
    ];
    contenders.extend(ceiling.contenders());
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    bench.report.race(Case { group: COPIES, name: format!("n = {n}"), elements: n, tensors: 1, bytes: Some(30 * n) }, &timings);
    Ok(())
}
