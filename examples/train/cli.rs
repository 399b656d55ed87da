//! The command line: what is asked for, what is refused, the exit code.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Parser;
use wgpu_optim::adapter::{self, DeviceLimits, Gpu};
use wgpu_optim::{Dtype, Rounding, StateStorage, wgpu};

use crate::comparison::{self, Comparison};
use crate::data::{self, Images};
use crate::optimizers::{self, Choice, Setting};
use crate::report::{self, Folder};
use crate::training::{self, End, Numbers, Saved, Settings, Target};

/// Exit codes.
pub const DONE: u8 = 0;
/// A run diverged; the results of the others are there.
pub const DIVERGED: u8 = 1;
/// Something was wrong with what was asked for, or could not be read, run or written.
pub const REFUSED: u8 = 2;
/// Ctrl-C; the results so far are there. Shells have this number for it.
pub const INTERRUPTED: u8 = 130;

const COMPARED: &str = "gd,sgd,rmsprop,adam";

/// The largest seed: JSON's readers hold integers up to here exactly.
const SEEDS: u64 = (1 << 53) - 1;

/// Train a small network on handwritten digits with any optimizer of the crate, and compare them.
#[derive(Debug, Parser)]
#[command(
    name = "train",
    after_help = "Exit codes: 0 done, 1 an optimizer diverged, 2 refused, 130 interrupted.\n\
    In an existing --out DIR nothing but an earlier run's files may lie; they are replaced at the end, all at once.\n\
    --save and --resume are for one optimizer and one seed. A resumed run gives what it would have given without a stop, bit for bit on the same device."
)]
pub struct Options {
    /// Train with one optimizer
    #[arg(long, value_name = "NAME", conflicts_with = "compare")]
    optimizer: Option<String>,
    /// Compare optimizers, from the same weights and over the same batches
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = COMPARED)]
    compare: Vec<String>,
    /// A hyper-parameter of all optimizers, or of one as adam.lr=0.01; repeatable
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<Setting>,
    /// Passes over the training rows
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Rows per step; gd takes all
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// What the states of optimizers are stored as: f32, bf16 (rounded stochastically), f16 or 8bit; biases stay f32
    #[arg(long, value_name = "f32|bf16|f16|8bit", default_value = "f32", value_parser = state)]
    pub state: StateStorage,
    /// What values are stored as: f32, bf16 (rounded stochastically, or to the nearest with --master) or f16
    #[arg(long, value_name = "f32|bf16|f16", default_value = "f32", value_parser = dtype)]
    values: Dtype,
    /// What gradients are stored as
    #[arg(long, value_name = "f32|bf16|f16", default_value = "f32", value_parser = dtype)]
    gradients: Dtype,
    /// Keep f32 master values beside those of --values
    #[arg(long)]
    master: bool,
    /// Widths of the hidden layers, multiples of 4
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', default_value = "128", value_parser = width)]
    pub hidden: Vec<usize>,
    /// Decides the split of the digits, the initial weights and the order of the rows
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=SEEDS))]
    pub seed: u64,
    /// Train with this many seeds, from --seed on; the table has means and spreads
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// "digits", or a folder with the four files of MNIST, plain or gzip
    #[arg(long, value_name = "digits|PATH", default_value = "digits")]
    pub data: String,
    /// Where the pictures and summary.json go
    #[arg(long, value_name = "DIR", default_value = "target/train")]
    out: PathBuf,
    /// Save the run as DIR/checkpoint.safetensors after each epoch and at Ctrl-C; each time the file is replaced, whole
    #[arg(long, value_name = "DIR", requires = "optimizer", conflicts_with_all = ["compare", "seeds"])]
    save: Option<PathBuf>,
    /// Go on from a file of --save; all that decides the run has to be as it was, but --epochs may be more
    #[arg(long, value_name = "FILE", requires = "optimizer", conflicts_with_all = ["compare", "seeds"])]
    pub resume: Option<PathBuf>,
}

impl Options {
    /// What values and gradients are.
    pub fn numbers(&self) -> Numbers {
        let rounding = if self.master { Rounding::Nearest } else { Rounding::Stochastic { seed: 1 } };
        Numbers { value: self.values, gradient: self.gradients, rounding, master: self.master }
    }
}

/// Where the program speaks, and what it heeds.
pub struct Console<'a> {
    /// For results.
    pub out: &'a mut dyn Write,
    /// For errors.
    pub err: &'a mut dyn Write,
    /// Whether progress is a bar on standard error instead of lines.
    pub terminal: bool,
    /// Set by Ctrl-C.
    pub stop: &'a AtomicBool,
}

/// The program, with arguments as the system gives them (the program's name first). Returns the exit code, or an error if the outputs
/// cannot be written.
pub fn run(args: impl IntoIterator<Item = OsString>, mut console: Console) -> io::Result<u8> {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(message) => {
            let (to, code) = if message.use_stderr() { (console.err, REFUSED) } else { (console.out, DONE) };
            write!(to, "{}", message.render())?;
            return Ok(code);
        }
    };
    match train(&options, &mut console) {
        Ok(code) => Ok(code),
        Err(error) => {
            writeln!(console.err, "train: {error}")?;
            Ok(REFUSED)
        }
    }
}

/// All that can be refused is refused before the first step.
fn train(options: &Options, console: &mut Console) -> Result<u8, Box<dyn Error>> {
    let start = Instant::now();
    let names = options.optimizer.as_ref().map_or(&*options.compare, std::slice::from_ref);
    let choices = optimizers::choose(names, &options.set)?;
    if options.master && options.values == Dtype::F32 {
        return Err("--master keeps f32 values beside those of --values bf16 or f16, and these are f32".into());
    }
    let images = data::load(&options.data)?;
    if options.batch as usize > images.train() {
        return Err(format!("--batch must be at most {}, the rows to train on, got {}", images.train(), options.batch).into());
    }
    let settings = training::settings(&choices[0], options.batch, &options.hidden, options.seed, &images);
    let saved = options.resume.as_deref().map(|path| saved(path, &settings, options, &choices[0], &images)).transpose()?;
    drop(Folder::beside(&options.out)?);
    let gpu = gpu(&choices)?;
    let target = options.save.as_deref().map(|folder| Target::new(folder, settings)).transpose()?;
    let seeds = options.seed..options.seed + options.seeds;
    let (target, saved) = (target.as_ref(), saved.as_ref());
    let comparison = Comparison { options, images: &images, gpu: &gpu, choices: &choices, seeds, target, saved };
    comparison.header(console.out)?;
    let entries = comparison.run(console)?;
    report::table(console.out, &entries)?;
    match report::best(&entries) {
        Some(best) => {
            report::save(&options.out, &images, &entries, best, &comparison.summary(&entries, start.elapsed()))?;
            writeln!(console.out, "\npictures and summary.json are in {}", options.out.display())?;
        }
        None => writeln!(console.err, "train: no optimizer has a result, so nothing is written")?,
    }
    let interrupted = entries.iter().flat_map(|entry| &entry.runs).any(|run| run.end == End::Interrupted);
    if let Some(target) = target.filter(|_| interrupted) {
        writeln!(console.out, "it goes on with --resume {}", target.path().display())?;
    }
    let diverged = comparison::diverged(&entries);
    for line in &diverged {
        writeln!(console.err, "train: {line}")?;
    }
    Ok(match console.stop.load(Ordering::Relaxed) {
        true => INTERRUPTED,
        false if diverged.is_empty() => DONE,
        false => DIVERGED,
    })
}

/// The run of `--resume`.
fn saved(path: &Path, settings: &Settings, options: &Options, choice: &Choice, images: &Images) -> Result<Saved, String> {
    let batches = training::batches(images.train(), choice.batch(options.batch as usize, images.train()));
    let saved = Saved::load(path, settings, batches, images.test())?;
    let (steps, wanted) = (saved.log.steps, saved.log.steps_per_epoch() * options.epochs as usize);
    if steps > wanted {
        return Err(format!("--resume {}: it is after step {steps}, --epochs {} ends with step {wanted}", path.display(), options.epochs));
    }
    Ok(saved)
}

/// A device whose errors end the program with a line, as all errors do; wgpu's own handler panics. It has f16 where an optimizer iterates in that.
fn gpu(choices: &[Choice]) -> Result<Gpu, Box<dyn Error>> {
    let gpu = match choices.iter().any(|choice| choice.rule.iterates_in_f16()) {
        true => {
            let instance = pollster::block_on(adapter::instance())?;
            pollster::block_on(adapter::request_with_features(&instance, DeviceLimits::Adapter, wgpu::Features::SHADER_F16))?
        }
        false => pollster::block_on(adapter::request(DeviceLimits::Adapter))?,
    };
    gpu.device.on_uncaptured_error(Arc::new(|error| {
        eprintln!("train: {error}");
        std::process::exit(REFUSED.into());
    }));
    Ok(gpu)
}

fn state(text: &str) -> Result<StateStorage, String> {
    // The layers here are small: all but biases count.
    let of = |dtype| StateStorage { least: 257, ..StateStorage::all(dtype) };
    match text {
        "f32" => Ok(StateStorage::default()),
        "bf16" => Ok(StateStorage { rounding: Rounding::Stochastic { seed: 1 }, ..of(Dtype::Bf16) }),
        "f16" => Ok(of(Dtype::F16)),
        "8bit" => Ok(of(Dtype::Dynamic8)),
        _ => Err("there are f32, bf16, f16 and 8bit".into()),
    }
}

fn dtype(text: &str) -> Result<Dtype, String> {
    match text {
        "f32" => Ok(Dtype::F32),
        "bf16" => Ok(Dtype::Bf16),
        "f16" => Ok(Dtype::F16),
        _ => Err("there are f32, bf16 and f16".into()),
    }
}

fn width(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(width @ 4..=65_536) if width % 4 == 0 => Ok(width),
        _ => Err("a hidden layer's width is a multiple of 4 from 4 to 65536".into()),
    }
}
