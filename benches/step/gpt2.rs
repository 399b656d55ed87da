//! Every rule over the tensors of GPT-2 small, against AdamW over the same: what another rule costs there.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::{AdamW, Optimizer, Options, rules};

use crate::ceiling::Ceiling;
use crate::data::Source;
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::shapes::{Model, gpt2_small};
use crate::tensors::in_one;
use crate::traffic::{Pool, Stages};
use crate::{Bench, Result};

const GPT2: &str = "gpt2";

/// All rules.
pub fn all(bench: &mut Bench) -> Result<()> {
    let wanted: Vec<_> = rules::all().into_iter().filter(|rule| bench.cli.wants(GPT2, rule.name())).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let model = gpt2_small(bench.is_smoke());
    // AdamW's streams, the rule's, those of its limit, random numbers on both sides.
    if let Some(reason) = bench.lacks_memory(4 * model.elements() * (4 + (2 + 5) + 6 + 2)) {
        bench.report.open(GPT2, model.name, reason);
        return Ok(());
    }
    let source = Source::new(&bench.gpu, model.elements())?;
    let usual = in_one(bench, AdamW::default(), &model, &source, Options::default())?;
    let mut pool = Pool::new(model.elements());
    for rule in wanted {
        if let Some(reason) = bench.multiplies(&*rule, model.elements()) {
            bench.report.open(GPT2, rule.name(), reason);
            continue;
        }
        let outcome = one(bench, &*rule, &model, &source, &usual, &mut pool);
        bench.or_open(GPT2, rule.name(), outcome);
    }
    Ok(())
}

fn one(bench: &mut Bench, rule: &dyn AnyRule, model: &Model, source: &Source, usual: &Optimizer, pool: &mut Pool) -> Result<()> {
    let optimizer = in_one(bench, rule.boxed(), model, source, Options::default())?;
    // Nearly all elements are those of matrices.
    let ceiling = Ceiling::new(bench, source, pool, &Stages::of(rule, true).streams())?;
    let mut contenders = vec![Contender::pass(rule.name(), |pass| optimizer.step_in(pass))];
    contenders.push(Contender::pass("AdamW, the same tensors", |pass| usual.step_in(pass)));
    contenders.extend(ceiling.contenders());
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let (elements, tensors) = (model.elements(), model.shapes.len());
    let bytes = model
        .shapes
        .iter()
        .map(|shape| shape.iter().product::<usize>() * rule.bytes_per_element(shape.len() >= 2 && rule.counts_matrices()))
        .sum();
    bench.report.race(Case { group: GPT2, name: rule.name().into(), elements, tensors, bytes: Some(bytes) }, &timings);
    bench.report.figure(GPT2, format!("{}: dispatches of a step", rule.name()), optimizer.dispatches() as f64, "");
    Ok(())
}
