//! The benchmark's command line.

use std::path::PathBuf;

use clap::Parser;

/// Steps of optimizers against the limits of the adapter, against what people write by hand, against PyTorch and burn, and against this
/// crate's CPU backend. See benches/README.md.
#[derive(Debug, Parser)]
pub struct Cli {
    /// One small size of everything, once: only to see that it runs
    #[arg(long)]
    pub smoke: bool,
    /// Where summary.json and the pictures go
    #[arg(long, default_value = "target/bench")]
    pub out: PathBuf,
    /// Only the groups of rows, or the rows, whose name, as group/row, has this in it; several times for several
    #[arg(long)]
    pub only: Vec<String>,
    /// Names the groups of rows, and ends
    #[arg(long)]
    pub list: bool,
    /// As on a card, whatever the adapter: to see on a software adapter that this runs, not how fast
    #[arg(long)]
    pub hot: bool,
    /// A Python that has torch, for PyTorch as a peer
    #[arg(long)]
    pub python: Option<PathBuf>,
    /// The program of benches/peers/burn, for burn as a peer
    #[arg(long)]
    pub burn: Option<PathBuf>,
    /// Rounds of a comparison at most
    #[arg(long, default_value_t = 11)]
    pub repeats: usize,
    /// Largest single tensor, in elements; 10^9 on a card, 10^8 on a software adapter
    #[arg(long)]
    pub largest: Option<usize>,
    /// Goes into summary.json as it is
    #[arg(long)]
    pub date: Option<String>,
    /// What `cargo bench` passes
    #[arg(long, hide = true)]
    bench: bool,
}

impl Cli {
    /// `cargo test --benches` passes no `--bench`: then everything only has to run.
    pub fn is_smoke(&self) -> bool {
        self.smoke || !self.bench
    }

    /// Whether a row of a group is wanted.
    pub fn wants(&self, group: &str, name: &str) -> bool {
        let row = format!("{group}/{name}");
        self.only.is_empty() || self.only.iter().any(|only| row.contains(only))
    }

    /// Whether a row is asked for by its own name, and not by its group's.
    pub fn names(&self, group: &str, name: &str) -> bool {
        self.only.iter().any(|only| only.strip_prefix(group).is_some_and(|row| row == format!("/{name}")))
    }

    /// Whether a group is wanted whose rows cannot be asked for.
    pub fn wants_all_of(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| group.contains(only))
    }
}
