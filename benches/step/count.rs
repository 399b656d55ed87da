//! The same elements in more and more tensors.

use wgpu_optim::{AdamW, Optimizer, Options, Tensors};

use crate::data::Source;
use crate::measure::{Contender, race};
use crate::peers::{Scalar, ScalarBuffers};
use crate::report::Case;
use crate::{Bench, Result, separate};

const COUNT: &str = "count";
const ELEMENTS: usize = 1_000_000;
const COUNTS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

/// `Tensors`, the caller's own buffers, and what is written by hand.
pub fn all(bench: &mut Bench) -> Result<()> {
    for count in if bench.is_smoke() { vec![10] } else { COUNTS.to_vec() } {
        one(bench, count)?;
    }
    Ok(())
}

fn one(bench: &mut Bench, count: usize) -> Result<()> {
    let (gpu, length) = (&bench.gpu, ELEMENTS / count);
    let source = Source::new(gpu, length)?;
    let names = || (0..count).map(|index| (index.to_string(), [length]));
    let tensors = Tensors::new(&gpu.device, names())?;
    for param in tensors.params() {
        source.fill_value(gpu, &param.value, length);
        source.fill_gradient(gpu, &param.gradient, length);
    }
    let optimizer = Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), tensors.params())?;
    let separate = separate::optimizer(bench, AdamW::default(), &source, names(), Options::default())?;
    let buffers = ScalarBuffers::new(gpu, &source, vec![length; count])?;
    let mut scalar = Scalar::new(gpu, &buffers, 64);
    let mut contenders = [
        Contender::pass("Tensors", |pass| optimizer.step_in(pass)),
        Contender::pass("AdamW, separate buffers", |pass| separate.step_in(pass)),
        Contender::pass("by hand, 64", |pass| scalar.record(pass)),
    ];
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    let name = format!("{count} tensors of {length}");
    let bytes = Some(28 * length * count);
    bench.report.race(Case { group: COUNT, name, elements: length * count, tensors: count, bytes }, &timings);
    Ok(())
}
