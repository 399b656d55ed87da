//! All optimizers with all seeds.

use std::error::Error;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use wgpu_optim::adapter::Gpu;

use crate::cli::{Console, Options};
use crate::data::Images;
use crate::optimizers::Choice;
use crate::progress::Progress;
use crate::random::Random;
use crate::report::{self, Adapter, Entry, Row, Summary};
use crate::training::{End, Outcome, Run, SPLIT, Saved, Target, Trainer};

/// What is to be compared, and where.
pub struct Comparison<'a> {
    pub options: &'a Options,
    pub images: &'a Images,
    pub gpu: &'a Gpu,
    pub choices: &'a [Choice],
    pub seeds: Range<u64>,
    /// Where the only run is saved.
    pub target: Option<&'a Target>,
    /// What it goes on from.
    pub saved: Option<&'a Saved>,
}

impl Comparison<'_> {
    /// Says what will run.
    pub fn header(&self, out: &mut dyn Write) -> io::Result<()> {
        let Comparison { options, images, gpu, choices, seeds, saved, .. } = self;
        let widths = [&[images.size()], &*options.hidden, &[images.classes.len()]].concat();
        let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
        let wide = choices.iter().map(|choice| choice.name.len()).max().unwrap_or_default().max("adapter".len());
        writeln!(out, "{:wide$}  {} ({})", "adapter", gpu.info.name, gpu.info.backend)?;
        writeln!(out, "{:wide$}  {}: {} rows to train on, {} to test with", "data", options.data, images.train(), images.test())?;
        let gaps = images.gaps();
        if !gaps.is_empty() {
            writeln!(out, "{:wide$}  {} different ones; no image to train on has {}", "labels", images.classes.len(), gaps.join(", "))?;
        }
        write!(out, "{:wide$}  {}, ReLU, cross-entropy; {} epochs, ", "network", widths.join("-"), options.epochs)?;
        match seeds.end - seeds.start {
            1 => writeln!(out, "seed {}", seeds.start)?,
            _ => writeln!(out, "seeds {} to {}", seeds.start, seeds.end - 1)?,
        }
        for choice in *choices {
            let batch = choice.batch(options.batch as usize, images.train());
            writeln!(out, "{:wide$}  {}: {}; batch {batch}", choice.name, choice.rule.name(), choice.settings())?;
        }
        if let Some((path, Saved { log, .. })) = options.resume.as_ref().zip(*saved) {
            writeln!(out, "{:wide$}  {}: {} steps are done, {} epochs", "resumed", path.display(), log.steps, log.epoch())?;
        }
        writeln!(out)
    }

    /// One run after the other, until the last or Ctrl-C.
    pub fn run(&self, console: &mut Console) -> Result<Vec<Entry>, Box<dyn Error>> {
        let Comparison { options, images, gpu, choices, seeds, target, saved } = self;
        let mut trainer = Trainer::new(gpu, images, &options.hidden, options.batch as usize, options.numbers())?;
        trainer.state = options.state;
        let entry = |choice: &Choice| Entry::new(choice, choice.batch(options.batch as usize, images.train()));
        let mut entries: Vec<Entry> = choices.iter().map(entry).collect();
        for seed in seeds.clone() {
            let sets = trainer.upload(&images.split(Random::new(seed, SPLIT)));
            for (choice, entry) in choices.iter().zip(&mut entries) {
                if console.stop.load(Ordering::Relaxed) {
                    return Ok(entries);
                }
                let label = if seeds.end - seeds.start > 1 { format!("{} seed {seed}", choice.name) } else { choice.name.clone() };
                let (batch, epochs) = (entry.batch, options.epochs as usize);
                let run = Run { rule: &*choice.rule, batch, epochs, seed, sets: &sets, target: *target, saved: *saved };
                let mut progress = Progress::new(console, label, run.epochs, saved.map(|saved| &saved.log));
                let outcome = trainer.train(&run, |log| progress.show(log))?;
                progress.finish(&outcome)?;
                entry.runs.push(outcome);
            }
        }
        Ok(entries)
    }

    /// Everything about it.
    pub fn summary<'a>(&'a self, entries: &'a [Entry], took: Duration) -> Summary<'a> {
        let Comparison { options, images, gpu, .. } = self;
        Summary {
            adapter: Adapter { name: &gpu.info.name, backend: gpu.info.backend.to_str(), driver: &gpu.info.driver_info },
            data: &options.data,
            train_rows: images.train(),
            test_rows: images.test(),
            inputs: images.size(),
            hidden: &options.hidden,
            classes: images.classes.len(),
            labels: &images.classes,
            epochs: options.epochs,
            seconds: took.as_secs_f64(),
            best: report::best(entries).map(|entry| &*entry.name),
            optimizers: entries.iter().map(Row::new).collect(),
        }
    }
}

/// A line for each run that diverged.
pub fn diverged(entries: &[Entry]) -> Vec<String> {
    let line = |entry: &Entry, run: &Outcome| match run.end {
        End::Diverged { step } => Some(format!("{} diverged with seed {}: the loss of step {step} is not finite", entry.name, run.seed)),
        End::Finished | End::Interrupted => None,
    };
    entries.iter().flat_map(|entry| entry.runs.iter().filter_map(|run| line(entry, run))).collect()
}
