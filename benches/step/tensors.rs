//! AdamW over the tensors of models, and over one large tensor, against everything that others have.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::{AdamW, Group, Optimizer, Options, Tensors};

use crate::ceiling::Ceiling;
use crate::data::Source;
use crate::measure::{Contender, race};
use crate::peers::{Process, Scalar, ScalarBuffers, Twin, processes};
use crate::report::Case;
use crate::shapes::Model;
use crate::traffic::{Pool, Stages};
use crate::{Bench, Result};

const TENSORS: &str = "tensors";

/// All models, in one bucket.
pub fn all(bench: &mut Bench) -> Result<()> {
    let models = bench.models(TENSORS);
    let others = if models.is_empty() { Vec::new() } else { processes(bench, TENSORS) };
    for model in &models {
        // Of ours, the peer's, the limit's and the twin's 4 streams each, 8 of PyTorch's and 8 of burn's, random numbers on both sides.
        if let Some(reason) = bench.lacks_memory(4 * model.elements() * (4 * 4 + 8 * others.len() + 2)) {
            bench.report.open(TENSORS, model.name, reason);
            continue;
        }
        let source = Source::new(&bench.gpu, model.elements())?;
        let outcome = against_peers(bench, model, &source, &others);
        bench.or_open(TENSORS, model.name, outcome);
    }
    Ok(())
}

/// `Tensors` against all peers.
fn against_peers(bench: &mut Bench, model: &Model, source: &Source, others: &[Process]) -> Result<()> {
    let (gpu, n, rule) = (&bench.gpu, model.elements(), AdamW::default());
    let optimizer = in_one(bench, rule, model, source, Options::default())?;
    let buffers = ScalarBuffers::new(gpu, source, model.lengths())?;
    let [mut small, mut large] = [64, 256].map(|size| Scalar::new(gpu, &buffers, size));
    let mut pool = Pool::new(n);
    let ceiling = Ceiling::new(bench, source, &mut pool, &Stages::of(&rule, true).streams())?;
    let mut twin = Twin::new(source, model.lengths())?;
    let mut contenders = vec![
        Contender::pass("Tensors", |pass| optimizer.step_in(pass)),
        Contender::pass("by hand, 64", |pass| small.record(pass)),
        Contender::pass("by hand, 256", |pass| large.record(pass)),
        twin.contender(),
    ];
    contenders.extend(ceiling.contenders());
    for (other, kind) in others.iter().flat_map(|other| other.kinds().iter().map(move |kind| (other, kind))) {
        match other.contender(kind, &model.shapes) {
            Ok(contender) => contenders.push(contender),
            Err(error) => bench.report.open(TENSORS, format!("{}, {kind}", model.name), error),
        }
    }
    let timings = race(&bench.clock(), &mut contenders, bench.effort().times(3.0))?;
    others.iter().try_for_each(Process::clear)?;
    drop(contenders);
    bench.report.race(case(TENSORS, model), &timings);
    Ok(())
}

/// A row of AdamW over a model.
pub fn case(group: &'static str, model: &Model) -> Case {
    let (rule, elements) = (AdamW::default(), model.elements());
    let bytes = elements * (&rule as &dyn AnyRule).bytes_per_parameter();
    Case { group, name: model.name.to_owned(), elements, tensors: model.shapes.len(), bytes: Some(bytes) }
}

/// An optimizer of `Tensors`, which has all values in one buffer and all gradients in another.
pub fn in_one(bench: &Bench, rule: impl Into<Box<dyn AnyRule>>, model: &Model, source: &Source, options: Options) -> Result<Optimizer> {
    let gpu = &bench.gpu;
    let tensors = Tensors::new(&gpu.device, model.named())?;
    let mut at = 0;
    for (param, len) in tensors.params().iter().zip(model.lengths()) {
        source.copy(gpu, at, param.value.buffer(), param.value.offset(), len);
        source.copy(gpu, at + 1, param.gradient.buffer(), param.gradient.offset(), len);
        at += len;
    }
    let group = Group::new(rule, tensors.params());
    Ok(Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)?)
}
