//! A row of the report: what was measured, and what it took.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::{Pace, Spread, Timing};

/// The name of the peer that pictures compare with: this crate's own CPU backend.
pub const CPU: &str = "CPU backend";
/// The name of the peer that is the limit in pictures: the traffic of a step, in as few dispatches, without arithmetic.
pub const NO_ARITHMETIC: &str = "no arithmetic";

/// What is measured.
#[derive(Clone, Debug)]
pub struct Case {
    pub group: &'static str,
    pub name: String,
    pub elements: usize,
    pub tensors: usize,
    /// What a step moves at least.
    pub bytes: Option<usize>,
}

/// What a case took, and the others beside it.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub group: &'static str,
    pub name: String,
    /// Elements of all tensors together.
    pub n: usize,
    pub tensors: usize,
    pub dtype: &'static str,
    /// From the first command that is recorded to a device that is idle again.
    pub seconds: Spread,
    /// Of it, until the last command was recorded.
    pub record_seconds: Option<Spread>,
    /// Between GPU timestamps.
    pub gpu_seconds: Option<Spread>,
    /// The median that counts: on a card of the GPU's, elsewhere of the host's.
    pub figure_seconds: f64,
    pub bytes: Option<usize>,
    /// By it.
    pub gb_per_s: Option<f64>,
    pub peers: BTreeMap<String, Peer>,
}

/// Another contender of the same race.
#[derive(Clone, Debug, Serialize)]
pub struct Peer {
    pub seconds: Spread,
    pub gpu_seconds: Option<Spread>,
    /// Its seconds over the row's: above 1, the row is faster.
    pub ratio: f64,
    /// The same by GPU timestamps.
    pub gpu_ratio: Option<f64>,
    pub figure_seconds: f64,
    /// The ratio that counts: on a card by GPU time where both have it, elsewhere by wall time.
    pub figure_ratio: f64,
}

/// A number that is not a time.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub group: &'static str,
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
}

/// What was not measured, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Open {
    pub group: &'static str,
    pub name: String,
    pub reason: String,
}

impl Row {
    /// The first of a race against the others.
    pub fn new(case: Case, own: &Timing, others: &[Timing], pace: Pace) -> Self {
        let Case { group, name, elements, tensors, bytes } = case;
        let figure = |timing: &Timing| pace.figure(timing.whole, timing.gpu).median;
        let peer = |other: &Timing| {
            let gpu_ratio = other.gpu.zip(own.gpu).map(|(other, own)| other.median / own.median);
            let ratio = other.whole.median / own.whole.median;
            let figure_ratio = if pace == Pace::Hot { gpu_ratio.unwrap_or(ratio) } else { ratio };
            let (seconds, gpu_seconds, figure_seconds) = (other.whole, other.gpu, figure(other));
            (other.name.clone(), Peer { seconds, gpu_seconds, ratio, gpu_ratio, figure_seconds, figure_ratio })
        };
        Row {
            group,
            name,
            n: elements,
            tensors,
            dtype: "f32",
            seconds: own.whole,
            record_seconds: own.record,
            gpu_seconds: own.gpu,
            bytes,
            figure_seconds: figure(own),
            gb_per_s: bytes.map(|bytes| bytes as f64 / figure(own) / 1e9),
            peers: others.iter().map(peer).collect(),
        }
    }
}
