//! Kills a process that saves checkpoints, again and again, and looks at the file after each kill: it has to be whole, and no older than the last one
//! that the process said to be saved. `make kills`; no GPU is needed.

mod child;
#[allow(dead_code, reason = "what only training draws")]
#[path = "../../examples/train/random.rs"]
mod random;

use std::error::Error;
use std::io::{BufRead, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use clap::Parser;
use random::Random;
use wgpu_optim::checkpoint::Checkpoint;

const NAME: &str = "run.safetensors";
/// A kill comes within as long as so many saves take, after the first one.
const SAVES: u32 = 3;

/// Kills a process that saves checkpoints, and looks at what it left.
#[derive(Parser)]
#[command(name = "kills")]
struct Options {
    /// How many times
    #[arg(long, default_value_t = 1000)]
    kills: u32,
    /// Decides when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Be the process that saves, from this number on
    #[arg(long, hide = true)]
    child: Option<u32>,
    /// Save without a second file and a rename, to see that this is noticed
    #[arg(long, hide = true)]
    plain: bool,
}

/// What was found after the kills.
#[derive(Default)]
struct Counts {
    kills: u32,
    /// Part of a file lay beside it.
    within: u32,
    unreadable: u32,
    /// Its elements are not those of its number.
    inconsistent: u32,
    /// Its number is not that of the last save, nor the one after.
    wrong: u32,
}

/// A process that saves.
struct Saver {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kills");
    if let Some(from) = options.child {
        child::run(&folder.join(NAME), from, options.plain)?;
        return Ok(ExitCode::SUCCESS);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let start = Instant::now();
    let counts = kills(&options, &folder)?;
    fs::remove_dir_all(&folder)?;
    let Counts { kills, within, unreadable, inconsistent, wrong } = counts;
    println!(
        "{kills} kills, {within} of them within a write (part of a file was left): {unreadable} files unreadable, {inconsistent} inconsistent, \
         {wrong} of another number than was saved last; {:.0} s",
        start.elapsed().as_secs_f64()
    );
    Ok(if unreadable + inconsistent + wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn kills(options: &Options, folder: &Path) -> Result<Counts, Box<dyn Error>> {
    let (mut random, mut counts) = (Random::new(options.seed, 0), Counts::default());
    let mut saver = Saver::start(options, 1)?;
    saver.saved()?;
    let start = Instant::now();
    let mut last = (0..10).map(|_| saver.saved()).last().ok_or("no save")??;
    let most = start.elapsed() / 10 * SAVES;
    last = saver.kill()?.unwrap_or(last);
    remove_partial(folder)?;
    while counts.kills < options.kills {
        // The one that was being saved may be there, too.
        let mut saver = Saver::start(options, last + 2)?;
        last = saver.saved()?;
        thread::sleep(Duration::from_micros(random.below(most.as_micros() as usize + 1) as u64));
        last = saver.kill()?.unwrap_or(last);
        counts.look(folder, last)?;
    }
    Ok(counts)
}

impl Saver {
    fn start(options: &Options, from: u32) -> Result<Self, Box<dyn Error>> {
        let plain = options.plain.then_some("--plain");
        let mut child = Command::new(std::env::current_exe()?).arg(format!("--child={from}")).args(plain).stdout(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("it has no output")?).lines();
        Ok(Saver { child, lines })
    }

    /// Waits for the next save. Returns its number.
    fn saved(&mut self) -> Result<u32, Box<dyn Error>> {
        Ok(self.lines.next().ok_or("the process that saves has ended")??.parse()?)
    }

    /// Kills it. Returns the number of the last save that was not asked for yet, if there was one.
    fn kill(mut self) -> Result<Option<u32>, Box<dyn Error>> {
        self.child.kill()?;
        self.child.wait()?;
        // A line is written at once, so none is cut.
        Ok(self.lines.last().transpose()?.map(|line| line.parse()).transpose()?)
    }
}

impl Counts {
    /// After a kill, `last` being the number of the last save that was confirmed.
    fn look(&mut self, folder: &Path, last: u32) -> Result<(), Box<dyn Error>> {
        self.kills += 1;
        self.within += u32::from(remove_partial(folder)? > 0);
        let (count, found) = match Checkpoint::load(folder.join(NAME)) {
            Err(error) => (&mut self.unreadable, error.to_string()),
            Ok(checkpoint) => match child::number(&checkpoint) {
                Err(error) => (&mut self.inconsistent, error.to_string()),
                Ok(number) if number == last || number == last + 1 => return Ok(()),
                Ok(number) => (&mut self.wrong, format!("it is number {number}")),
            },
        };
        *count += 1;
        // The first few say what happens.
        if *count <= 3 {
            eprintln!("kill {}, after save {last}: {found}", self.kills);
        }
        Ok(())
    }
}

/// Removes what a killed process left beside its file. Returns how many parts of files that were.
fn remove_partial(folder: &Path) -> Result<u32, Box<dyn Error>> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&format!(".{NAME}.")) && name.ends_with(".partial") {
            fs::remove_file(&path)?;
            removed += 1;
        } else if name != NAME {
            return Err(format!("{} is there, which nothing here writes", path.display()).into());
        }
    }
    Ok(removed)
}
