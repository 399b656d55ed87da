//! What was measured: printed as it comes, then written as summary.json and pictures.

mod chart;
mod pictures;
mod row;
mod table;

use std::fs;
use std::path::Path;

use serde::Serialize;
use wgpu_optim::adapter::Gpu;

pub use row::{Case, Figure, Open, Row};

use crate::Result;
use crate::measure::{Pace, Timing};

/// Everything that was measured, in order.
#[derive(Debug, Serialize)]
pub struct Report {
    adapter: Adapter,
    date: Option<String>,
    cores: usize,
    /// Processes that ran or waited for a core in the minute before, where the system says so: others make times longer, and ratios less certain.
    load: Option<f64>,
    /// How contenders came to their turns, which says what `figure_seconds` are: GPU time if hot, wall time if rested.
    pace: Pace,
    smoke: bool,
    pub rows: Vec<Row>,
    pub figures: Vec<Figure>,
    pub open: Vec<Open>,
    #[serde(skip)]
    group: &'static str,
}

/// Where it ran.
#[derive(Debug, Serialize)]
struct Adapter {
    name: String,
    backend: String,
    driver: String,
    driver_info: String,
    kind: String,
    timestamps: bool,
    max_storage_buffer_binding_size: u64,
    max_buffer_size: u64,
}

impl Report {
    pub fn new(gpu: &Gpu, pace: Pace, date: Option<String>, smoke: bool) -> Self {
        let (info, limits) = (&gpu.info, gpu.device.limits());
        let adapter = Adapter {
            name: info.name.clone(),
            backend: format!("{:?}", info.backend),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
            kind: format!("{:?}", info.device_type),
            timestamps: gpu.device.features().contains(wgpu::Features::TIMESTAMP_QUERY),
            max_storage_buffer_binding_size: limits.max_storage_buffer_binding_size,
            max_buffer_size: limits.max_buffer_size,
        };
        println!("adapter: {} ({}, {} {})", adapter.name, adapter.backend, adapter.driver, adapter.driver_info);
        let load = fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next()?.parse().ok());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Report { adapter, date, cores, load, pace, smoke, rows: Vec::new(), figures: Vec::new(), open: Vec::new(), group: "" }
    }

    /// The first of a race, and the others as its peers.
    pub fn race(&mut self, case: Case, timings: &[Timing]) {
        let Some((own, others)) = timings.split_first() else { return };
        self.begin(case.group);
        let row = Row::new(case, own, others, self.pace);
        table::row(&row, self.pace);
        self.rows.push(row);
    }

    pub fn figure(&mut self, group: &'static str, name: impl Into<String>, value: f64, unit: &'static str) {
        self.begin(group);
        let figure = Figure { group, name: name.into(), value, unit };
        table::figure(&figure);
        self.figures.push(figure);
    }

    /// What could not be measured.
    pub fn open(&mut self, group: &'static str, name: impl Into<String>, reason: impl ToString) {
        self.begin(group);
        let open = Open { group, name: name.into(), reason: reason.to_string() };
        table::open(&open);
        self.open.push(open);
    }

    fn begin(&mut self, group: &'static str) {
        if self.group != group {
            table::title(group, self.pace);
            self.group = group;
        }
    }

    /// summary.json, and what pictures there are rows for.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("summary.json"), serde_json::to_string_pretty(self)? + "\n")?;
        println!("\nwritten to {}: summary.json", folder.display());
        for (name, picture) in pictures::all(self)? {
            fs::write(folder.join(name), picture)?;
            println!("written to {}: {name}", folder.display());
        }
        Ok(())
    }
}
