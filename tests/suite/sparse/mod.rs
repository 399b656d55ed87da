//! Row-sparse gradients: what the GPU coalesces is the twin's, bit for bit, for any rows, counts, widths and places.

mod adaptive;
mod alone;
mod averages;
mod cases;
mod copies;
mod errors;
mod halves;
mod micro_batches;
mod parts;
mod pending;
mod rules;
mod stage;
mod stored;
mod tables;
mod uses;

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::coalesce::kernels;
use wgpu_optim::testing::module;

use crate::context::{Context, Outcome};

/// A row by its name.
type Row = (&'static str, fn(&Gpu) -> Outcome);

/// These rows of a group, on each of these devices.
fn trials_of<const N: usize>(group: &str, contexts: &[Arc<Context>], rows: [Row; N]) -> Vec<Trial> {
    let all = contexts.iter().flat_map(|context| rows.map(|row| (context, row)));
    all.map(|(context, (name, row))| context.trial(format!("sparse/{group}/{name}"), row)).collect()
}

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, source) in kernels() {
        trials.push(Trial::test(format!("sparse/kernels/{name}"), move || {
            let module = module(&source)?;
            let bound = module.global_variables.iter().filter(|(_, global)| global.binding.is_some()).count();
            assert!(bound <= 8, "{bound} storage buffers");
            Ok(())
        }));
    }
    trials.extend(cases::trials(contexts));
    trials.extend(uses::trials(contexts));
    trials.extend(errors::trials(contexts));
    trials.extend(rules::trials(contexts));
    trials.extend(micro_batches::trials(contexts));
    trials.extend(pending::trials(contexts));
    trials.extend(averages::trials(contexts));
    trials.extend(adaptive::trials(contexts));
    trials.extend(copies::trials(contexts));
    trials.extend(stored::trials(contexts));
    trials.extend(parts::trials(contexts));
    trials.extend(halves::trials(contexts));
    trials
}
