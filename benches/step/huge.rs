//! One tensor of 10^9 elements, where memory, buffers and bindings allow it.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::{AdamW, Optimizer, Tensors};

use crate::ceiling::Ceiling;
use crate::data::Source;
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::traffic::{Pool, Stages};
use crate::{Bench, Result};

const HUGE: &str = "huge";
const N: usize = 1_000_000_000;
/// Random numbers repeat after so many, 64 MiB of them: past the caches.
const PERIOD: usize = 1 << 24;

/// AdamW.
pub fn all(bench: &mut Bench) -> Result<()> {
    let n = bench.sizes(&[N])[0];
    let name = format!("AdamW, n = {n}");
    if n > bench.largest() {
        let reason = format!("--largest is {}", bench.largest());
        bench.report.open(HUGE, name, reason);
        return Ok(());
    }
    // Of the optimizer and of the limit 4 streams each.
    if let Some(reason) = bench.lacks_memory(4 * n * (4 + 4)) {
        bench.report.open(HUGE, name, reason);
        return Ok(());
    }
    let outcome = one(bench, n);
    bench.or_open(HUGE, name, outcome);
    Ok(())
}

/// Without the CPU backend, which would need as much of the host's memory again. Where a buffer may not be so large, or memory ends, `Tensors` or
/// the first buffer that does not fit says so.
fn one(bench: &mut Bench, n: usize) -> Result<()> {
    let (gpu, rule) = (&bench.gpu, AdamW::default());
    let source = Source::new(gpu, n.min(PERIOD))?;
    let tensors = Tensors::new(&gpu.device, [("w", [n])])?;
    source.fill_value(gpu, tensors.value("w")?, n);
    source.fill_gradient(gpu, tensors.gradient("w")?, n);
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, rule, tensors.params())?;
    let ceiling = Ceiling::new(bench, &source, &mut Pool::new(n), &Stages::of(&rule, false).streams())?;
    let mut contenders = vec![Contender::pass("Tensors", |pass| optimizer.step_in(pass))];
    contenders.extend(ceiling.contenders());
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let rule: &dyn AnyRule = &rule;
    let bytes = Some(n * rule.bytes_per_parameter());
    bench.report.race(Case { group: HUGE, name: rule.name().into(), elements: n, tensors: 1, bytes }, &timings);
    Ok(())
}
