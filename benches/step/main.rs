//! How fast a step is, in ratios: see benches/README.md.

mod backend;
mod bench;
mod cli;
mod cold;
mod count;
mod data;
mod features;
mod geometry;
mod host;
mod limits;
mod measure;
mod memory;
mod peers;
mod report;
mod rules;
mod separate;
mod shapes;
mod tensors;
mod traffic;

use std::process::ExitCode;

use clap::Parser;
use wgpu_optim::adapter::{Allowance, request};

use bench::Bench;
use cli::Cli;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

type Group = fn(&mut Bench) -> Result<()>;

/// The groups of rows, and whether each of their rows can be asked for.
const GROUPS: [(&str, bool, Group); 11] = [
    ("cpu", true, backend::all),
    ("limits", false, limits::all),
    ("geometry", false, geometry::all),
    ("host", false, host::all),
    ("cold", false, cold::all),
    ("memory", false, memory::all),
    ("count", false, count::all),
    ("separate", true, separate::all),
    ("features", true, features::all),
    ("tensors", true, tensors::all),
    ("rules", true, rules::all),
];

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let gpu = match pollster::block_on(request(Allowance::Adapter)) {
        Ok(gpu) => gpu,
        Err(error) if cli.is_smoke() => {
            eprintln!("skipped: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let mut bench = Bench::new(cli, gpu);
    for (name, by_row, group) in GROUPS {
        let wanted = bench.cli.only.as_ref().is_none_or(|only| by_row || name.contains(only));
        if wanted {
            group(&mut bench)?;
        }
    }
    bench.finish()
}
