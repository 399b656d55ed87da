//! Rules of several stages over many small tensors, against AdamW, which has one: what the dispatches between stages cost.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::{AdamW, Optimizer, Options, rules};

use crate::ceiling::Ceiling;
use crate::data::Source;
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::shapes::Model;
use crate::tensors::in_one;
use crate::traffic::{Pool, Stages};
use crate::{Bench, Result, separate};

const STAGED: &str = "staged";

/// Every rule that has more than one.
pub fn all(bench: &mut Bench) -> Result<()> {
    // Matrices of 1,000 elements, which some rules treat otherwise than vectors.
    let (name, count) = if bench.is_smoke() { ("10 of 25 x 40", 10) } else { ("1,000 of 25 x 40", 1000) };
    let model = Model { name, shapes: vec![vec![25, 40]; count] };
    let source = Source::new(&bench.gpu, model.elements())?;
    let wanted = rules::all().into_iter().filter(|rule| rule.is_staged(rule.counts_matrices()) && bench.cli.wants(STAGED, rule.name()));
    for rule in wanted.collect::<Vec<_>>() {
        let outcome = one(bench, &*rule, &model, &source);
        bench.or_open(STAGED, rule.name(), outcome);
    }
    Ok(())
}

fn one(bench: &mut Bench, rule: &dyn AnyRule, model: &Model, source: &Source) -> Result<()> {
    let usual: &dyn AnyRule = &AdamW::default();
    let name = |rule: &dyn AnyRule, place: &str| format!("{}, {place}", rule.name());
    let mut optimizers: Vec<(String, Optimizer)> = Vec::new();
    for rule in [rule, usual] {
        let together = in_one(bench, rule.boxed(), model, source, Options::default())?;
        let apart = separate::optimizer(bench, rule.boxed(), source, model.named(), Options::default())?;
        optimizers.extend([(name(rule, "Tensors"), together), (name(rule, "a buffer each"), apart)]);
    }
    let ceiling = Ceiling::new(bench, source, &mut Pool::new(model.elements()), &Stages::of(rule, true).streams())?;
    let mut contenders = Vec::new();
    for (name, optimizer) in &optimizers {
        contenders.push(Contender::pass(name, |pass| optimizer.step_in(pass)));
    }
    contenders.extend(ceiling.contenders());
    let timings = race(&bench.clock(), &mut contenders, bench.effort().times(2.0))?;
    drop(contenders);
    let (elements, tensors) = (model.elements(), model.shapes.len());
    let bytes = Some(elements * rule.bytes_per_parameter());
    bench.report.race(Case { group: STAGED, name: format!("{}, {}", rule.name(), model.name), elements, tensors, bytes }, &timings);
    // AdamW's are those of `separate`.
    for (name, optimizer) in &optimizers[..2] {
        bench.report.figure(STAGED, format!("{name}: dispatches of a step"), optimizer.dispatches() as f64, "");
    }
    Ok(())
}
