//! `summary.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Entry;
use super::figures::Figures;
use crate::training::Outcome;

/// Where it ran.
#[derive(Serialize)]
pub struct Adapter<'a> {
    pub name: &'a str,
    pub backend: &'a str,
    pub driver: &'a str,
}

/// Every number of a comparison. Numbers that are not finite, or that there are not, are null.
#[derive(Serialize)]
pub struct Summary<'a> {
    pub adapter: Adapter<'a>,
    pub data: &'a str,
    pub train_rows: usize,
    pub test_rows: usize,
    pub inputs: usize,
    pub hidden: &'a [usize],
    pub classes: usize,
    /// That of each class.
    pub labels: &'a [u8],
    pub epochs: u32,
    /// From the start of the program to the first picture.
    pub seconds: f64,
    pub best: Option<&'a str>,
    pub optimizers: Vec<Row<'a>>,
}

/// One optimizer.
#[derive(Serialize)]
pub struct Row<'a> {
    name: &'a str,
    rule: &'static str,
    hyper_parameters: BTreeMap<&'static str, f64>,
    batch: usize,
    over_seeds: Figures,
    runs: &'a [Outcome],
}

impl<'a> Row<'a> {
    pub fn new(entry: &'a Entry) -> Self {
        let Entry { name, rule, hyper_parameters, batch, runs } = entry;
        let hyper_parameters = hyper_parameters.iter().copied().collect();
        Row { name, rule, hyper_parameters, batch: *batch, over_seeds: entry.figures(), runs }
    }
}
