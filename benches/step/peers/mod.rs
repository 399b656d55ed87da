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

use crate::{Bench, Result};

/// burn, where `--burn` gives its program: benches/peers/burn.
pub fn burn(bench: &Bench) -> Option<Result<Process>> {
    bench.cli.burn.as_ref().map(|program| Process::start(&mut Command::new(program)))
}

/// PyTorch, where `--python` gives a Python that has it.
fn torch(bench: &Bench) -> Option<Result<Process>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/adamw_torch.py");
    bench.cli.python.as_ref().map(|python| Process::start(Command::new(python).arg(script)))
}

/// Those of other processes that there are; the others are open.
pub fn processes(bench: &mut Bench, group: &'static str) -> Vec<Process> {
    let all = [("PyTorch", "no --python with torch", torch(bench)), ("burn", "no --burn with its program", burn(bench))];
    let mut started = Vec::new();
    for (name, missing, process) in all {
        match process.unwrap_or_else(|| Err(missing.into())) {
            Ok(process) => {
                println!("{}", process.about());
                started.push(process);
            }
            Err(error) => bench.report.open(group, name, error),
        }
    }
    started
}
