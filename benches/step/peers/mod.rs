//! AdamW as others have it.

mod empty;
mod process;
mod scalar;
mod twin;

use std::process::Command;

pub use empty::Empty;
pub use process::Process;
pub use scalar::{Scalar, ScalarBuffers};
pub use twin::Twin;

use crate::files::file;
use crate::{Bench, Result};

/// burn, where `--burn` gives its program: benches/peers/burn.
pub fn burn(bench: &Bench) -> Option<Result<Process>> {
    bench.cli.burn.as_ref().map(|program| Process::start(&mut Command::new(program), bench.pace))
}

/// PyTorch, where `--python` gives a Python that has it; else it is open.
pub fn torch(bench: &mut Bench, group: &'static str) -> Option<Process> {
    let script = file("benches/peers/adamw_torch.py");
    let process = bench.cli.python.as_ref().map(|python| Process::start(Command::new(python).arg(script), bench.pace));
    started(bench, group, "PyTorch", process.unwrap_or_else(|| Err("no --python with torch".into())))
}

/// Those of other processes that there are; the others are open.
pub fn processes(bench: &mut Bench, group: &'static str) -> Vec<Process> {
    let torch = torch(bench, group);
    let burn = burn(bench).unwrap_or_else(|| Err("no --burn with its program".into()));
    [torch, started(bench, group, "burn", burn)].into_iter().flatten().collect()
}

fn started(bench: &mut Bench, group: &'static str, name: &str, process: Result<Process>) -> Option<Process> {
    match process {
        Ok(process) => {
            println!("{}", process.about());
            Some(process)
        }
        Err(error) => {
            bench.report.open(group, name, error);
            None
        }
    }
}
