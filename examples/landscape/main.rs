//! The picture that everyone knows from optimizer tutorials, from the real kernels: trails of optimizers on five functions, with gradients
//! and updates on the GPU, every run side by side in one optimizer. `cargo run --release --example landscape -- --help`

mod contenders;
mod contours;
mod field;
mod functions;
mod lines;
mod output;
mod race;
mod score;
mod sheet;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use wgpu_optim::adapter::{self, Gpu};
use wgpu_optim::wgpu;

use contenders::Contender;
use output::File;
use race::{GRID, Lineup, Trial};
use score::Pick;
use sheet::Sheet;

/// Draw the trails of optimizers on Rosenbrock, Beale, Himmelblau, a saddle and a noisy quadratic.
#[derive(Parser)]
struct Options {
    /// Rules of the crate by name, and momentum and nesterov, which are SGD with settings
    #[arg(long, value_delimiter = ',', value_name = "NAMES", default_value = "sgd,momentum,nesterov,rmsprop,adam,adamw")]
    optimizers: Vec<String>,
    /// Steps of each run
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    steps: u32,
    /// Decides the noise
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Folder for landscape.png and landscape.svg
    #[arg(long, value_name = "DIR", default_value = "target/landscape")]
    out: PathBuf,
    /// What to write
    #[arg(long, value_delimiter = ',', value_name = "FORMATS", value_enum, default_values = ["png", "svg"])]
    format: Vec<Format>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    Png,
    Svg,
}

fn main() -> ExitCode {
    match draw(&Options::parse(), &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("landscape: {error}");
            ExitCode::FAILURE
        }
    }
}

fn draw(options: &Options, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let contenders = contenders::named(&options.optimizers)?;
    if contenders.len() > sheet::LINES_AT_MOST {
        return Err(format!("--optimizers names {}, the sheet tells {} apart", contenders.len(), sheet::LINES_AT_MOST).into());
    }
    let gpu = pollster::block_on(adapter::request(adapter::DeviceLimits::Adapter))?;
    gpu.device.on_uncaptured_error(Arc::new(|error| {
        eprintln!("landscape: {error}");
        std::process::exit(1);
    }));
    writeln!(out, "adapter: {} ({})", gpu.info.name, gpu.info.backend)?;
    let steps = options.steps as usize;
    let race = run(&gpu, &contenders, steps, options.seed)?;
    let Race { trials, dispatches, seconds } = &race;
    writeln!(out, "race:    {} runs of {steps} steps in one submission, {dispatches} dispatches a step: {seconds:.2} s", trials.len())?;
    let picks = picks(&race, contenders.len());
    write_table(out, &contenders, &picks)?;
    let subtitle = format!(
        "{} runs of {steps} steps, all side by side in one wgpu-optim optimizer; each shown with its learning rate from one grid of {}",
        trials.len(),
        GRID.len()
    );
    let sheet = Sheet { subtitle, steps, contenders: &contenders, picks };
    for path in output::write(&options.out, &files(&sheet, &options.format)?)? {
        writeln!(out, "written: {}", path.display())?;
    }
    Ok(())
}

/// What was run.
#[derive(Debug)]
pub struct Race {
    /// One per contender, learning rate and function.
    pub trials: Vec<Trial>,
    /// Dispatches per step, all of the optimizer's, whatever the number of trials.
    pub dispatches: usize,
    /// From the submission to the trails.
    pub seconds: f64,
}

/// Runs everything for a number of steps.
fn run(gpu: &Gpu, contenders: &[Contender], steps: usize, seed: u32) -> Result<Race, Box<dyn Error>> {
    let lineup = Lineup::new(gpu, contenders, steps, seed)?;
    let start = Instant::now();
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("race") });
    lineup.field.record(&mut encoder);
    (0..steps).for_each(|_| race::step(&mut encoder, &lineup.optimizer, &lineup.field));
    lineup.field.copy(&mut encoder, steps + 1);
    gpu.queue.submit([encoder.finish()]);
    let copied = lineup.field.ask();
    gpu.device.poll(wgpu::PollType::wait_indefinitely())?;
    copied.get().cloned().ok_or("the device finished without the trails")??;
    let trails = lineup.field.trails(steps + 1)?;
    let (dispatches, seconds) = (lineup.optimizer.dispatches(), start.elapsed().as_secs_f64());
    Ok(Race { trials: lineup.trials(trails), dispatches, seconds })
}

fn files(sheet: &Sheet<'_>, formats: &[Format]) -> Result<Vec<File>, Box<dyn Error>> {
    let mut files = Vec::new();
    if formats.contains(&Format::Png) {
        files.push(File { name: "landscape.png", bytes: sheet::png(sheet)? });
    }
    if formats.contains(&Format::Svg) {
        files.push(File { name: "landscape.svg", bytes: sheet::svg(sheet)? });
    }
    Ok(files)
}

/// For each function, the pick of each contender.
fn picks(race: &Race, contenders: usize) -> Vec<Vec<Pick<'_>>> {
    let of_function = |function| (0..contenders).filter_map(|contender| score::pick(&race.trials, function, contender)).collect();
    (0..functions::ALL.len()).map(of_function).collect()
}

fn write_table(out: &mut dyn Write, contenders: &[Contender], picks: &[Vec<Pick<'_>>]) -> io::Result<()> {
    writeln!(out, "\n{:16} {:18} {:>6} {:>12}  diverging lr", "function", "optimizer", "lr", "f at the end")?;
    for (function, picks) in functions::ALL.iter().zip(picks) {
        for (contender, pick) in contenders.iter().zip(picks) {
            let lr = pick.trial.lr.map(|lr| lr.to_string()).unwrap_or_default();
            let last = if pick.diverged { "diverged".into() } else { format!("{:.2e}", pick.last) };
            writeln!(out, "{:16} {:18} {lr:>6} {last:>12}  {} of {}", function.title, contender.title, pick.unstable, pick.tried)?;
        }
    }
    writeln!(out)
}
