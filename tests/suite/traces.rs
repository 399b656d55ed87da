//! Known answers: runs recorded by PyTorch and optax, replayed on both backends. A rule without one fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::rules;

use crate::context::{Context, Outcome};
use crate::files::file;

// The replay program's own modules; what only its command line needs is not used here.
#[allow(dead_code)]
#[path = "../../examples/replay/backend.rs"]
mod backend;
#[allow(dead_code)]
#[path = "../../examples/replay/metadata.rs"]
mod metadata;
#[allow(dead_code)]
#[path = "../../examples/replay/replay.rs"]
mod replay;
#[allow(dead_code)]
#[path = "../../examples/replay/rule.rs"]
pub mod rule;
#[allow(dead_code)]
#[path = "../../examples/replay/trace.rs"]
mod trace;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for path in files() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for context in &contexts[..2] {
            let path = path.clone();
            trials.push(context.trial(format!("traces/{name}/gpu"), move |gpu| {
                let (trace, rules) = read(&path)?;
                passes(&replay::on_gpu(gpu, &trace, &rules)?)
            }));
        }
        trials.push(Trial::test(format!("traces/{name}/cpu"), move || {
            let (trace, rules) = read(&path)?;
            passes(&replay::on_cpu(&trace, &rules)?)
        }));
    }
    for rule in rules::all() {
        trials.push(Trial::test(format!("traces/{}/is-there", rule.name()), move || is_there(&*rule)));
    }
    trials
}

/// The project's own traces and those that were recorded elsewhere.
fn files() -> Vec<PathBuf> {
    let own = file("tests/traces");
    let list = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = list(&own).chain(list(&own.join("independent"))).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    files
}

fn read(path: &Path) -> Result<(trace::Trace, Vec<Box<dyn AnyRule>>), Failed> {
    let trace = trace::Trace::read(path)?;
    let rules = rule::of_groups(&trace)?;
    Ok((trace, rules))
}

fn passes(report: &replay::Report) -> Outcome {
    match report.pass {
        true => Ok(()),
        false => Err(format!("{report:?}").into()),
    }
}

fn is_there(rule: &dyn AnyRule) -> Outcome {
    for file in files() {
        if read(&file)?.1.iter().any(|other| other.as_any().type_id() == rule.as_any().type_id()) {
            return Ok(());
        }
    }
    Err(format!("no file in tests/traces replays {}", rule.name()).into())
}
