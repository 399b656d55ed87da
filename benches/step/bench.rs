//! `Bench`: a run of the benchmarks, with its sizes and its report.

use std::fs;

use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;

use crate::Result;
use crate::cli::Cli;
use crate::measure::{Clock, Effort, Pace};
use crate::report::Report;
use crate::shapes::{Model, models};

/// A run of the benchmarks.
pub struct Bench {
    pub cli: Cli,
    pub gpu: Gpu,
    pub pace: Pace,
    pub report: Report,
}

/// A race's seconds.
const SECONDS: f64 = 0.6;
/// Elements of matrices that are multiplied on the cores, at most.
const MOST_MULTIPLIED: usize = 200_000;
/// The only size when everything just has to run.
const SMOKE: usize = 10_000;

impl Bench {
    pub fn new(cli: Cli, gpu: Gpu) -> Self {
        let pace = if cli.hot { Pace::Hot } else { Pace::of(&gpu.info) };
        let report = Report::new(&gpu, pace, cli.date.clone(), cli.is_smoke());
        Bench { cli, gpu, pace, report }
    }

    pub fn is_smoke(&self) -> bool {
        self.cli.is_smoke()
    }

    pub fn clock(&self) -> Clock<'_> {
        Clock::new(&self.gpu, self.pace)
    }

    pub fn effort(&self) -> Effort {
        Effort { rounds: if self.is_smoke() { 1 } else { self.cli.repeats }, seconds: SECONDS }
    }

    /// The models whose rows of a group are wanted.
    pub fn models(&self, group: &str) -> Vec<Model> {
        models(self.is_smoke()).into_iter().filter(|model| self.cli.wants(group, model.name)).collect()
    }

    /// These sizes, or a small one.
    pub fn sizes(&self, sizes: &[usize]) -> Vec<usize> {
        if self.is_smoke() { vec![SMOKE] } else { sizes.to_vec() }
    }

    /// The largest tensor to be measured, in elements.
    pub fn largest(&self) -> usize {
        self.cli.largest.unwrap_or(self.pace.largest())
    }

    /// Why not to allocate so many bytes. On software and integrated adapters the device's memory is the host's, where too much ends the process
    /// instead of failing; others say it themselves.
    pub fn lacks_memory(&self, bytes: usize) -> Option<String> {
        let table = fs::read_to_string("/proc/meminfo").ok()?;
        let line = table.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        let available = 1024 * line.trim().trim_end_matches(" kB").parse::<usize>().ok()?;
        let shared = matches!(self.gpu.info.device_type, wgpu::DeviceType::Cpu | wgpu::DeviceType::IntegratedGpu);
        let short = shared && bytes > available / 10 * 9;
        short.then(|| format!("it takes {} MB, and {} MB are free", bytes >> 20, available >> 20))
    }

    /// Why not to time a rule over so many elements: what multiplies matrices takes minutes there on the cores.
    pub fn multiplies(&self, rule: &dyn AnyRule, elements: usize) -> Option<&'static str> {
        let takes_minutes = (rule.orthogonalizes() || rule.keeps_squares()) && self.pace == Pace::Rested && elements > MOST_MULTIPLIED;
        takes_minutes.then_some("it multiplies matrices, which the group products times")
    }

    /// What does not fit the device is open, not the end.
    pub fn or_open(&mut self, group: &'static str, name: impl Into<String>, outcome: Result<()>) {
        if let Err(error) = outcome {
            self.report.open(group, name, error);
        }
    }

    pub fn finish(self) -> Result<()> {
        self.report.write(&self.cli.out)
    }
}
