//! The whole step: all that lies between a backward pass and the next forward pass, with AdamW, against PyTorch's.

use wgpu_optim::{AdamW, Clip, DynamicScale, Ema, LossScale, NormClip, Options};

use crate::ceiling::Ceiling;
use crate::data::Source;
use crate::measure::{Contender, Pace, race};
use crate::peers::{Process, torch};
use crate::report::Case;
use crate::separate;
use crate::shapes::Model;
use crate::tensors::in_one;
use crate::traffic::{Pool, Stages, Streams};
use crate::{Bench, Result};

const WHOLE: &str = "whole";
/// One more model, on a card.
const LARGE: (&str, usize) = ("one of 10^8", 100_000_000);

/// Unscales, looks for infinities and leaves the step out if there are some, clips by the norm, updates, averages, clears the gradients: as
/// `whole_step` of benches/peers/adamw_torch.py.
pub fn options() -> Options {
    Options {
        clip: Clip::Norm(NormClip { max_norm: 1.0, ..Default::default() }),
        loss_scale: LossScale::Dynamic(DynamicScale::default()),
        ema: Some(Ema { decay: 0.999, ..Default::default() }),
        zero_grad: true,
        ..Default::default()
    }
}

/// What it moves for a rule with these stages: gradients are read once to be measured, then read, and cleared, with an average.
pub fn traffic(stages: Stages) -> Vec<Streams> {
    stages.cleared().averaged().after(Streams::in_place(0, 1))
}

/// All models.
pub fn all(bench: &mut Bench) -> Result<()> {
    let mut models = bench.models(WHOLE);
    let (name, n) = LARGE;
    if bench.pace == Pace::Hot && !bench.is_smoke() && n <= bench.largest() && bench.cli.wants(WHOLE, name) {
        models.push(Model { name, shapes: vec![vec![n]] });
    }
    let torch = if models.is_empty() { None } else { torch(bench, WHOLE) };
    for model in &models {
        // Of both of ours, of the limit and of PyTorch's 5 streams each, what those allocate in a step, random numbers on both sides.
        if let Some(reason) = bench.lacks_memory(4 * model.elements() * (3 * 5 + 2 * 5 + 2)) {
            bench.report.open(WHOLE, model.name, reason);
            continue;
        }
        let outcome = one(bench, model, torch.as_ref());
        bench.or_open(WHOLE, model.name, outcome);
    }
    Ok(())
}

fn one(bench: &mut Bench, model: &Model, torch: Option<&Process>) -> Result<()> {
    let n = model.elements();
    let source = Source::new(&bench.gpu, n)?;
    let together = in_one(bench, AdamW::default(), model, &source, options())?;
    let apart = separate::optimizer(bench, AdamW::default(), &source, model.named(), options())?;
    let streams = traffic(Stages::of(&AdamW::default(), true));
    let ceiling = Ceiling::new(bench, &source, &mut Pool::new(n), &streams)?;
    let mut contenders =
        vec![Contender::pass("Tensors", |pass| together.step_in(pass)), Contender::pass("a buffer each", |pass| apart.step_in(pass))];
    contenders.extend(ceiling.contenders());
    for (torch, kind) in torch.iter().flat_map(|torch| torch.whole_kinds().iter().map(move |kind| (torch, kind))) {
        match torch.contender(kind, &model.shapes) {
            Ok(contender) => contenders.push(contender),
            Err(error) => bench.report.open(WHOLE, format!("{}, {kind}", model.name), error),
        }
    }
    let timings = race(&bench.clock(), &mut contenders, bench.effort().times(2.0))?;
    torch.map_or(Ok(()), Process::clear)?;
    drop(contenders);
    let bytes = Some(n * streams.iter().map(Streams::bytes).sum::<usize>());
    bench.report.race(Case { group: WHOLE, name: model.name.into(), elements: n, tensors: model.shapes.len(), bytes }, &timings);
    Ok(())
}
