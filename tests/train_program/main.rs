//! The program `examples/train`: the files it reads, what it refuses and with which words, and what a run leaves behind.

#[path = "../../examples/train/cli.rs"]
mod cli;
#[path = "../../examples/train/comparison.rs"]
mod comparison;
#[path = "../../examples/train/data/mod.rs"]
mod data;
#[path = "../../examples/train/model/mod.rs"]
mod model;
#[path = "../../examples/train/optimizers.rs"]
mod optimizers;
#[path = "../../examples/train/progress.rs"]
mod progress;
#[path = "../../examples/train/random.rs"]
mod random;
#[path = "../../examples/train/report/mod.rs"]
mod report;
#[path = "../../examples/train/training/mod.rs"]
mod training;

mod idx;
mod refusals;
mod runs;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// What a run gave.
#[derive(Debug)]
struct Outcome {
    code: u8,
    out: String,
    err: String,
}

fn run(args: &[&str]) -> Outcome {
    run_until(args, &AtomicBool::new(false))
}

/// The same, with Ctrl-C pressed when `stop` is set.
fn run_until(args: &[&str], stop: &AtomicBool) -> Outcome {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["train"].iter().chain(args).map(Into::into);
    let console = cli::Console { out: &mut out, err: &mut err, terminal: false, stop };
    let code = cli::run(args, console).expect("a Vec can be written");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    Outcome { code, out: text(out), err: text(err) }
}

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("train_program").join(name);
    if path.exists() {
        fs::remove_dir_all(&path).expect("the tests' own folder can be removed");
    }
    fs::create_dir_all(&path).expect("the tests' own folder can be made");
    path
}

/// The names of what lies in a folder, in order.
fn listing(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("the folder is there");
    let mut names: Vec<String> = entries.map(|entry| entry.expect("it can be read").file_name().display().to_string()).collect();
    names.sort_unstable();
    names
}
