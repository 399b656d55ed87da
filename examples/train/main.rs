//! Trains a 64-128-10 perceptron on handwritten digits, once with each optimizer: the network's kernels are this program's, the update is
//! the crate's. `cargo run --release --example train -- --help`

mod data;
mod model;
mod random;
mod run;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use wgpu_optim::adapter::{self, Allowance, Gpu};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Adam, RmsProp, Sgd};

use data::Split;
use random::Random;
use run::{Outcome, Run, Trainer};

/// Stream of random numbers; those after it are the runs'.
const SPLIT: u64 = 0;

/// Train a small network on handwritten digits, once with each optimizer.
#[derive(Parser)]
struct Options {
    /// Passes over the training set.
    #[arg(long, default_value_t = 30)]
    epochs: usize,
    /// Rows per step of the stochastic runs.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Decides the split, the initial weights and the order of the rows.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The runs. Learning rates: of 1, 2, 5 x 10^k the largest that trains with seeds 1 to 8, and with batches of 8 to 128 rows at seed 1;
/// 1 stalls SGD, 0.005 and 0.02 make the loss of RMSProp and Adam spike. Gradient descent takes SGD's, so that only the batch differs.
fn runs(batch: usize, all: usize) -> Vec<Run> {
    vec![
        Run { name: "gradient descent", rule: Sgd { lr: 0.5, ..Sgd::default() }.into(), batch: all },
        Run { name: "SGD", rule: Sgd { lr: 0.5, ..Sgd::default() }.into(), batch },
        Run { name: "RMSProp", rule: RmsProp { lr: 2e-3, ..RmsProp::default() }.into(), batch },
        Run { name: "Adam", rule: Adam { lr: 1e-2, ..Adam::default() }.into(), batch },
    ]
}

fn compare(options: &Options) -> Result<(), Box<dyn Error>> {
    let images = data::digits()?;
    let split = Split::new(images.labels.len(), Random::new(options.seed, SPLIT));
    let (train, test) = (split.train.len(), split.test.len());
    check("--epochs", options.epochs, usize::MAX)?;
    check("--batch", options.batch, train)?;
    let gpu = gpu()?;
    println!("adapter: {} ({})", gpu.info.name, gpu.info.backend);
    println!("split:   {train} train / {test} test, seed {}", options.seed);
    let trainer = Trainer::new(gpu, &images, split, options.seed)?;
    let mut outcomes = Vec::new();
    for run in runs(options.batch, train) {
        println!("\n{}: {}, batch {}\nepoch  train loss  test loss  test accuracy", run.name, settings(&*run.rule), run.batch);
        let outcome = trainer.train(&run, options.epochs, |number, epoch| {
            println!("{number:5}  {:10.4}  {:9.4}  {:12.2}%", epoch.train_loss, epoch.test_loss, 100.0 * epoch.test_accuracy);
        })?;
        if diverged(&outcome) {
            println!("{} diverged: its loss is not finite, so it ends here", run.name);
        }
        outcomes.push((run.name, outcome));
    }
    print_table(&outcomes);
    Ok(())
}

/// A device whose errors end the program with a line, as all errors do; wgpu's own handler panics.
fn gpu() -> Result<Gpu, Box<dyn Error>> {
    let gpu = pollster::block_on(adapter::request(Allowance::Adapter))?;
    gpu.device.on_uncaptured_error(Arc::new(|error| {
        eprintln!("train: {error}");
        std::process::exit(1);
    }));
    Ok(gpu)
}

fn check(option: &str, got: usize, most: usize) -> Result<(), String> {
    match got {
        0 => Err(format!("{option} must be at least 1, got 0")),
        _ if got > most => Err(format!("{option} must be at most {most}, the rows to train on, got {got}")),
        _ => Ok(()),
    }
}

/// The rule with the hyper-parameters that are not zero.
fn settings(rule: &dyn AnyRule) -> String {
    let set = rule.parameters().iter().zip(rule.values()).filter(|&(_, value)| value != 0.0);
    let set: Vec<String> = set.map(|(parameter, value)| format!("{} {value:?}", parameter.name)).collect();
    format!("{} with {}", rule.name(), set.join(", "))
}

fn diverged(outcome: &Outcome) -> bool {
    outcome.epochs.last().is_some_and(|epoch| !epoch.is_finite())
}

fn print_table(outcomes: &[(&str, Outcome)]) {
    println!("\n{:16}  train loss  test accuracy  steps  seconds", "optimizer");
    for (name, outcome) in outcomes {
        let Some(last) = outcome.epochs.last() else { continue };
        let note = if diverged(outcome) { format!("  diverged in epoch {}", outcome.epochs.len()) } else { String::new() };
        let Outcome { steps, seconds, .. } = outcome;
        println!("{name:16}  {:10.4}  {:12.2}%  {steps:5}  {seconds:7.2}{note}", last.train_loss, 100.0 * last.test_accuracy);
    }
    println!("train loss: mean over the last epoch, each step's before its update");
}
