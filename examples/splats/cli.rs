//! The command line, and the run that it asks for.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use wgpu_optim::adapter::{self, DeviceLimits, Gpu};

use crate::fit::{BLOCK, Fit, Goal};
use crate::output;
use crate::progress::Progress;
use crate::report::{self, Report};
use crate::{saved, scene, splats};

/// Width and height of the picture.
const SIZE: [usize; 2] = [192, 128];
/// Splats at first.
const COUNT: usize = 400;
/// From this step on, splats neither go nor come.
const SETTLED: usize = 1500;

/// Fit a picture with two-dimensional Gaussian splats, and draw what came of it.
#[derive(Debug, Parser)]
#[command(name = "splats", after_help = "A resumed run gives what it would have given without a stop, bit for bit on the same device.")]
pub struct Options {
    /// Steps in all, a multiple of 100
    #[arg(long, default_value_t = 2000, value_parser = steps)]
    steps: usize,
    /// Decides where the splats are at first, and their colors
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for splats.png
    #[arg(long, value_name = "DIR", default_value = "target/splats")]
    out: PathBuf,
    /// Save the run in this file every 100 steps; each time the file is replaced, whole
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Go on from a file of --save; --seed has to be as it was, and --steps may be more
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
}

fn steps(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(steps @ 100..=100_000) if steps % BLOCK == 0 => Ok(steps),
        _ => Err(format!("a multiple of {BLOCK} from 100 to 100000")),
    }
}

/// Fits, and writes the sheet.
pub fn run(options: &Options, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    if let Some(folder) = options.save.as_deref().and_then(Path::parent) {
        std::fs::create_dir_all(folder).map_err(|error| format!("--save {}: {error}", folder.display()))?;
    }
    let gpu = gpu()?;
    let goal = Goal { size: SIZE, pixels: scene::paint(SIZE) };
    writeln!(out, "adapter: {} ({}, {})", gpu.info.name, gpu.info.backend, gpu.info.driver_info)?;
    let before = start(&gpu, &goal, options.seed)?.image(false)?;
    let mut fit = match &options.resume {
        Some(path) => saved::load(path, &gpu, &goal, options.seed)?,
        None => start(&gpu, &goal, options.seed)?,
    };
    if fit.log.losses.len() > options.steps {
        return Err(format!("the run to resume is after step {}, --steps {} ends before", fit.log.losses.len(), options.steps).into());
    }
    train(&mut fit, options, out)?;
    let after = fit.image(true)?;
    let psnr = [&before, &after].map(|image| fit.psnr(image));
    summarize(out, &fit, psnr)?;
    let splats = fit.values()?;
    let report = Report { goal: &goal, before: &before, after: &after, splats: &splats, psnr, log: &fit.log, count: fit.count() };
    for path in output::write(&options.out, &[output::File { name: "splats.png", bytes: report::png(&report)? }])? {
        writeln!(out, "written: {}", path.display())?;
    }
    Ok(())
}

fn start<'a>(gpu: &'a Gpu, goal: &'a Goal, seed: u64) -> Result<Fit<'a>, Box<dyn Error>> {
    let fit = Fit::new(gpu, goal, COUNT)?;
    fit.write(&splats::random(COUNT, goal.size, seed));
    Ok(fit)
}

fn train(fit: &mut Fit<'_>, options: &Options, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let progress = Progress::new(options.steps, &fit.log);
    while fit.log.losses.len() < options.steps {
        fit.block(|step| progress.tell(step))?;
        if fit.log.losses.len() < SETTLED {
            fit.change_density()?;
        }
        if let Some(path) = &options.save {
            saved::save(path, fit, options.seed)?;
        }
        progress.show(out, &fit.log, fit.count())?;
    }
    progress.finish();
    Ok(())
}

fn summarize(out: &mut dyn Write, fit: &Fit<'_>, [before, after]: [f64; 2]) -> std::io::Result<()> {
    let (log, steps) = (&fit.log, fit.log.losses.len());
    let [gone, cloned] = [0, 1].map(|what| log.changes.iter().map(|change| change[what]).sum::<u32>());
    writeln!(out, "picture: {before:.2} dB before, {after:.2} dB after {steps} steps, in the average of the splats over the last ones")?;
    writeln!(out, "splats:  {COUNT} at first, {cloned} cloned, {gone} pruned, {} now", fit.count())?;
    writeln!(out, "time:    {:.1} s, {:.0} steps/s", log.seconds, steps as f64 / log.seconds)?;
    let [splats, step] = log.passes;
    if splats > 0.0 {
        let dispatches = fit.optimizer.dispatches();
        let share = 100.0 * step / (splats + step);
        writeln!(out, "step:    {share:.1}% of the GPU's time is the optimizer's, {dispatches} dispatches a step for 5 parameters")?;
    }
    Ok(())
}

/// A device whose errors end the program with a line, as all errors do; wgpu's own handler panics.
fn gpu() -> Result<Gpu, Box<dyn Error>> {
    let gpu = pollster::block_on(adapter::request(DeviceLimits::Adapter))?;
    gpu.device.on_uncaptured_error(Arc::new(|error| {
        eprintln!("splats: {error}");
        std::process::exit(1);
    }));
    Ok(gpu)
}
