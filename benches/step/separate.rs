//! AdamW over tensors that have two buffers each, as most programs have them, against a hand-written dispatch for each, and against `Tensors`.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::{AdamW, Binding, Group, Optimizer, Options, Param};

use crate::data::{Source, buffer};
use crate::measure::{Contender, race};
use crate::peers::{Scalar, ScalarBuffers};
use crate::shapes::Model;
use crate::tensors::{case, in_one};
use crate::{Bench, Result};

const SEPARATE: &str = "separate";

/// All models.
pub fn all(bench: &mut Bench) -> Result<()> {
    for model in &bench.models(SEPARATE) {
        // Of the separate tensors, of those in one buffer and of the peer's 4 streams each, random numbers on both sides.
        if let Some(reason) = bench.lacks_memory(4 * model.elements() * (3 * 4 + 2)) {
            bench.report.open(SEPARATE, model.name, reason);
            continue;
        }
        let outcome = one(bench, model);
        bench.or_open(SEPARATE, model.name, outcome);
    }
    Ok(())
}

fn one(bench: &mut Bench, model: &Model) -> Result<()> {
    let gpu = &bench.gpu;
    let source = Source::new(gpu, model.elements())?;
    let separate = optimizer(bench, AdamW::default(), &source, model.named(), Options::default())?;
    let together = in_one(bench, AdamW::default(), model, &source, Options::default())?;
    let buffers = ScalarBuffers::new(gpu, &source, model.lengths())?;
    let [mut small, mut large] = [64, 256].map(|size| Scalar::new(gpu, &buffers, size));
    let mut contenders = [
        Contender::pass("a buffer each", |pass| separate.step_in(pass)),
        Contender::pass("by hand, 64", |pass| small.record(pass)),
        Contender::pass("by hand, 256", |pass| large.record(pass)),
        Contender::pass("Tensors", |pass| together.step_in(pass)),
    ];
    let timings = race(&bench.clock(), &mut contenders, bench.effort().times(2.0))?;
    bench.report.race(case(SEPARATE, model), &timings);
    let dispatches = separate.dispatches() as f64;
    bench.report.figure(SEPARATE, format!("{}: dispatches of a step", model.name), dispatches, "");
    Ok(())
}

/// An optimizer of tensors that have a buffer each, for values and for gradients.
pub fn optimizer<S: AsRef<[usize]>>(
    bench: &Bench,
    rule: impl Into<Box<dyn AnyRule>>,
    source: &Source,
    named: impl Iterator<Item = (String, S)>,
    options: Options,
) -> Result<Optimizer> {
    let gpu = &bench.gpu;
    let mut params = Vec::new();
    for (name, shape) in named {
        let length: usize = shape.as_ref().iter().product();
        let [value, gradient] = [buffer(gpu, 4 * length as u64)?, buffer(gpu, 4 * length as u64)?];
        let binding = |buffer| Binding::new(buffer, 0, 4 * length as u64);
        let (value, gradient) = (binding(&value), binding(&gradient));
        source.fill_value(gpu, &value, length);
        source.fill_gradient(gpu, &gradient, length);
        params.push(Param::new(name, shape.as_ref(), value, gradient));
    }
    Ok(Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, params)], options)?)
}
