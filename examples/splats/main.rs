//! Fits a picture with two-dimensional Gaussian splats: forward and backward are this program's own WGSL, the update is the crate's. Splats are pruned
//! and cloned on the way, and the optimizer's state goes along. `cargo run --release --example splats -- --help`

mod cli;
mod clock;
mod density;
mod fit;
mod kernel;
#[path = "../landscape/output.rs"]
mod output;
mod progress;
#[path = "../train/random.rs"]
#[allow(dead_code, reason = "not all of it is for this program")]
mod random;
mod raster;
mod report;
mod saved;
mod scene;
mod splats;

use std::io::stdout;
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::run(&cli::Options::parse(), &mut stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("splats: {error}");
            ExitCode::FAILURE
        }
    }
}
