//! How fast a step is, in ratios: see benches/README.md.

mod backend;
mod bench;
mod ceiling;
mod cli;
mod cold;
mod copies;
mod count;
mod data;
mod features;
mod files;
mod geometry;
mod gpt2;
mod host;
mod huge;
mod limits;
mod masks;
mod measure;
mod memory;
mod muon;
mod numbers;
mod passes;
mod peers;
mod plain;
mod products;
mod report;
mod rows;
mod rules;
mod separate;
mod shapes;
mod sparse;
mod staged;
mod storage;
mod tensors;
mod traffic;
mod whole;

use std::process::ExitCode;

use clap::Parser;
use wgpu_optim::adapter::{DeviceLimits, Gpu, request, request_with_features};

use bench::Bench;
use cli::Cli;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

type Group = fn(&mut Bench) -> Result<()>;

/// The groups of rows, and whether each of their rows can be asked for.
const GROUPS: [(&str, bool, Group); 24] = [
    ("cpu", true, backend::all),
    ("limits", false, limits::all),
    ("geometry", false, geometry::all),
    ("host", false, host::all),
    ("cold", false, cold::all),
    ("memory", false, memory::all),
    ("count", false, count::all),
    ("separate", true, separate::all),
    ("staged", true, staged::all),
    ("passes", true, passes::all),
    ("products", true, products::all),
    ("muon", true, muon::all),
    ("features", true, features::all),
    ("whole", true, whole::all),
    ("tensors", true, tensors::all),
    ("gpt2", true, gpt2::all),
    ("rows", false, rows::all),
    ("masks", false, masks::all),
    ("copies", false, copies::all),
    ("storage", false, storage::all),
    ("numbers", false, numbers::all),
    ("sparse", false, sparse::all),
    ("rules", true, rules::all),
    ("huge", false, huge::all),
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

/// All that the adapter can, and f16 where it has it.
async fn device() -> wgpu_optim::Result<Gpu> {
    let gpu = request(DeviceLimits::Adapter).await?;
    let f16 = gpu.adapter.features() & wgpu_optim::wgpu::Features::SHADER_F16;
    if f16.is_empty() { Ok(gpu) } else { request_with_features(&gpu.instance, DeviceLimits::Adapter, f16).await }
}

fn run(cli: Cli) -> Result<()> {
    if cli.list {
        GROUPS.iter().for_each(|(name, ..)| println!("{name}"));
        return Ok(());
    }
    let gpu = match pollster::block_on(device()) {
        Ok(gpu) => gpu,
        Err(error) if cli.is_smoke() => {
            eprintln!("skipped: {error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let mut bench = Bench::new(cli, gpu);
    for (name, by_row, group) in GROUPS {
        if by_row || bench.cli.wants_all_of(name) {
            group(&mut bench)?;
        }
    }
    bench.finish()
}
