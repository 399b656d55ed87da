//! The CPU backend's AdamW over the tensors of models, against what others have on the CPU.
//!
//! It comes first: the memory of a process that has used a lot of it is slower, and PyTorch has a process of its own.

use crate::data::Source;
use crate::measure::race;
use crate::peers::{Process, Twin, torch};
use crate::shapes::Model;
use crate::tensors::case;
use crate::{Bench, Result};

const BACKEND: &str = "cpu";

/// All models.
pub fn all(bench: &mut Bench) -> Result<()> {
    let models = bench.models(BACKEND);
    let torch = if models.is_empty() { None } else { torch(bench, BACKEND) };
    for model in &models {
        // Of the twin's and of two optimizers of PyTorch's 4 streams each, and what those allocate in a step; random numbers on both sides.
        if let Some(reason) = bench.lacks_memory(4 * model.elements() * (3 * 4 + 3 + 2)) {
            bench.report.open(BACKEND, model.name, reason);
            continue;
        }
        let outcome = against_torch(bench, model, torch.as_ref());
        bench.or_open(BACKEND, model.name, outcome);
    }
    Ok(())
}

fn against_torch(bench: &mut Bench, model: &Model, torch: Option<&Process>) -> Result<()> {
    let source = Source::new(&bench.gpu, model.elements())?;
    let mut twin = Twin::new(&source, model.lengths())?;
    let mut contenders = vec![twin.contender()];
    if let Some(torch) = torch {
        for kind in torch.cpu_kinds() {
            contenders.push(torch.contender(kind, &model.shapes)?);
        }
    }
    // Where memory is the limit, rounds differ by a half: there have to be many.
    let timings = race(&bench.clock(), &mut contenders, bench.effort().times(15.0).rounds(5))?;
    torch.map_or(Ok(()), Process::clear)?;
    drop(contenders);
    bench.report.race(case(BACKEND, model), &timings);
    Ok(())
}
