//! What was measured: printed as it comes, then written as summary.json and pictures.
//!
//! `row` and `summary` are the data, `table` and `pictures` show them; these four import nothing of this file.

mod chart;
mod pictures;
mod row;
mod summary;
mod table;

use std::fs;
use std::path::Path;

use wgpu_optim::adapter::Gpu;

pub use row::{CPU, Case, NO_ARITHMETIC};

use crate::Result;
use crate::measure::{Pace, Timing};
use row::{Figure, Open, Row};
use summary::Summary;

/// The summary so far, and the group of rows that is being printed.
pub struct Report {
    summary: Summary,
    group: &'static str,
}

impl Report {
    pub fn new(gpu: &Gpu, pace: Pace, date: Option<String>, smoke: bool) -> Self {
        let summary = Summary::new(gpu, pace, date, smoke);
        println!("{}", summary.adapter_line());
        Report { summary, group: "" }
    }

    /// The first of a race, and the others as its peers.
    pub fn race(&mut self, case: Case, timings: &[Timing]) {
        let Some((own, others)) = timings.split_first() else { return };
        self.begin(case.group);
        let row = Row::new(case, own, others, self.summary.pace);
        table::row(&row, self.summary.pace);
        self.summary.rows.push(row);
    }

    pub fn figure(&mut self, group: &'static str, name: impl Into<String>, value: f64, unit: &'static str) {
        self.begin(group);
        let figure = Figure { group, name: name.into(), value, unit };
        table::figure(&figure);
        self.summary.figures.push(figure);
    }

    /// What could not be measured.
    pub fn open(&mut self, group: &'static str, name: impl Into<String>, reason: impl ToString) {
        self.begin(group);
        let open = Open { group, name: name.into(), reason: reason.to_string() };
        table::open(&open);
        self.summary.open.push(open);
    }

    fn begin(&mut self, group: &'static str) {
        if self.group != group {
            table::title(group, self.summary.pace);
            self.group = group;
        }
    }

    /// summary.json, and what pictures there are rows for.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("summary.json"), serde_json::to_string_pretty(&self.summary)? + "\n")?;
        println!("\nwritten to {}: summary.json", folder.display());
        for (name, picture) in pictures::all(&self.summary)? {
            fs::write(folder.join(name), picture)?;
            println!("written to {}: {name}", folder.display());
        }
        Ok(())
    }
}
