//! Muon over the hidden matrices of GPT-2 small, against PyTorch's and the CPU backend: a whole step, and how much of it its iterations are.

use wgpu_optim::products::Matrix;
use wgpu_optim::{Muon, Options};

use crate::data::Source;
use crate::measure::{Contender, Pace, race};
use crate::peers::{Twin, torch};
use crate::report::Case;
use crate::shapes::{Model, gpt2_small};
use crate::tensors::in_one;
use crate::{Bench, Result};

const MUON: &str = "muon";
/// Tensors of one layer of GPT-2 small, behind its two embeddings.
const LAYER: usize = 12;

/// The hidden matrices: of one layer on a software adapter, where all of them take minutes, and of all on a card or where that row is asked for by its name.
fn model(bench: &Bench) -> Model {
    let Model { name, shapes } = gpt2_small(bench.is_smoke());
    let (name, most) = match bench.pace {
        Pace::Rested if !bench.cli.names(MUON, name) => ("one layer of GPT-2 small", 2 + LAYER),
        _ => (name, shapes.len()),
    };
    // Embeddings come first; where everything just has to run, there are none.
    let first = if bench.is_smoke() { 0 } else { 2 };
    let shapes = shapes.into_iter().take(most).skip(first).filter(|shape| shape.len() == 2).collect();
    Model { name, shapes }
}

/// The step, and what an iteration costs.
pub fn all(bench: &mut Bench) -> Result<()> {
    let model = model(bench);
    if bench.cli.wants(MUON, model.name) {
        let outcome = one(bench, &model);
        bench.or_open(MUON, model.name, outcome);
    }
    Ok(())
}

fn one(bench: &mut Bench, model: &Model) -> Result<()> {
    let torch = torch(bench, MUON);
    let source = Source::new(&bench.gpu, model.elements())?;
    let own = in_one(bench, Muon::default(), model, &source, Options::default())?;
    let once = Muon { ns_steps: 1.0, ..Muon::default() };
    let least = in_one(bench, once, model, &source, Options::default())?;
    let mut twin = Twin::of(Muon::default(), &source, model.shapes.iter().cloned())?;
    let mut contenders = vec![
        Contender::pass("Muon", |pass| own.step_in(pass)),
        Contender::pass("of one iteration", |pass| least.step_in(pass)),
        twin.contender(),
    ];
    for kind in torch.iter().flat_map(|torch| torch.muon_kinds()) {
        match torch.as_ref().map(|torch| torch.contender(kind, &model.shapes)) {
            Some(Ok(contender)) => contenders.push(contender),
            Some(Err(error)) => bench.report.open(MUON, kind, error),
            None => {}
        }
    }
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    torch.as_ref().map_or(Ok(()), |torch| torch.clear())?;
    drop(contenders);
    let seconds = |index: usize| timings.get(index).map_or(0.0, |timing| timing.gpu.unwrap_or(timing.whole).median);
    let (step, iteration) = (seconds(0), (seconds(0) - seconds(1)) / (Muon::default().ns_steps - 1.0));
    let operations: u64 = model.shapes.iter().map(|shape| Matrix::new(shape[0] as u64, shape[1] as u64).operations()).sum();
    bench.report.race(
        Case { group: MUON, name: model.name.into(), elements: model.elements(), tensors: model.shapes.len(), bytes: None },
        &timings,
    );
    let name = |what: &str| format!("{}: {what}", model.name);
    bench.report.figure(MUON, name("multiplications and additions of a step"), Muon::default().ns_steps * operations as f64 / 1e9, "GFLOP");
    bench.report.figure(MUON, name("an iteration"), operations as f64 / iteration / 1e9, "GFLOP/s");
    bench.report.figure(MUON, name("share of its iterations in a step"), Muon::default().ns_steps * iteration / step, "");
    bench.report.figure(MUON, name("dispatches of a step"), own.dispatches() as f64, "");
    Ok(())
}
