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
mod saves;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a run gave.
#[derive(Debug)]
struct Outcome {
    code: u8,
    out: String,
    err: String,
}

fn run(args: &[&str]) -> Outcome {
    run_until(args, None, &AtomicBool::new(false))
}

/// The same, with Ctrl-C pressed as soon as the output has this text.
fn run_until(args: &[&str], text: Option<&str>, stop: &AtomicBool) -> Outcome {
    let (mut out, mut err) = (Reader { read: Vec::new(), text, stop }, Vec::new());
    let args = ["train"].iter().chain(args).map(Into::into);
    let console = cli::Console { out: &mut out, err: &mut err, terminal: false, stop };
    let code = cli::run(args, console).expect("a Vec can be written");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    Outcome { code, out: text(out.read), err: text(err) }
}

/// Somebody who reads the output and presses Ctrl-C at a text.
struct Reader<'a> {
    read: Vec<u8>,
    text: Option<&'a str>,
    stop: &'a AtomicBool,
}

impl Write for Reader<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.read.extend_from_slice(bytes);
        if self.text.is_some_and(|text| String::from_utf8_lossy(&self.read).contains(text)) {
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
