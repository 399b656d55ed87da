//! Replays optimizer runs that another framework recorded, on the GPU and on the CPU, and says how close each comes to the float64 truth:
//!
//! `cargo run --release --example replay -- [--backend gpu|cpu|both] [--json] FILE...`
//!
//! The file format and the figures are described in `tests/traces/README.md`; that folder has files to try.

mod backend;
mod cli;
mod metadata;
mod replay;
mod rule;
mod trace;

use std::io::{stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    // An error here is of the output itself, such as a closed pipe: there is nowhere left to report it.
    cli::run(std::env::args_os(), &mut stdout(), &mut stderr()).unwrap_or(ExitCode::from(2))
}
