//! Trains a small perceptron on handwritten digits or MNIST-style data with any of the crate's optimizers, and compares them: a table,
//! pictures, and every number as JSON. The network's kernels are this program's, the update is the crate's.
//!
//! `cargo run --release --example train -- --help`

mod cli;
mod comparison;
mod data;
mod model;
mod optimizers;
mod progress;
mod random;
mod report;
mod training;

use std::io::{IsTerminal, stderr, stdout};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether Ctrl-C was pressed.
static STOP: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    let terminal = stderr().is_terminal();
    let stop = || {
        // The second time it ends at once; what --save has written is whole, and all else is written at the end.
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(cli::INTERRUPTED.into());
        }
    };
    if let Err(error) = ctrlc::set_handler(stop) {
        eprintln!("train: Ctrl-C will end this at once, without results: {error}");
    }
    let console = cli::Console { out: &mut stdout(), err: &mut stderr(), terminal, stop: &STOP };
    // An error here is of the output itself, such as a closed pipe: there is nowhere left to report it.
    cli::run(std::env::args_os(), console).unwrap_or(cli::REFUSED).into()
}
