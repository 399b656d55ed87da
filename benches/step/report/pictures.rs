//! The pictures: what summary.json says, over sizes and numbers of tensors.

use std::collections::BTreeMap;

use super::chart::{Chart, Line};
use super::row::{CPU, NO_ARITHMETIC, Row};
use super::summary::Summary;
use crate::Result;

/// Those that there are rows for, as PNG files.
pub fn all(summary: &Summary) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let subtitle = format!("{}, {}", summary.adapter.name, summary.adapter.driver_info);
    let charts = [("bandwidth.png", bandwidth(summary)), ("gpu-cpu.png", gpu_cpu(summary)), ("tensors.png", tensors(summary))];
    let drawn = charts.into_iter().filter(|(_, chart)| chart.lines.iter().any(|line| !line.bold && line.points.len() > 1));
    drawn.map(|(name, chart)| Ok((name, chart.png(&subtitle)?))).collect()
}

/// GB/s of each rule, and of a kernel of AdamW's traffic without arithmetic.
fn bandwidth(summary: &Summary) -> Chart {
    let mut lines = by_name(summary, |row| row.gb_per_s);
    let limit = |row: &&Row| row.group == "rules" && row.name == "AdamW";
    let points = summary.rows.iter().filter(limit).filter_map(|row| {
        let seconds = row.peers.get(NO_ARITHMETIC)?.figure_seconds;
        Some((row.n as f64, row.bytes? as f64 / seconds / 1e9))
    });
    lines.push(Line { name: "limit: AdamW's traffic, no arithmetic".into(), points: points.collect(), bold: true });
    Chart { title: "Bytes of a step per second".into(), horizontal: "elements of one tensor", vertical: "GB/s", lines }
}

/// The CPU backend's time over the GPU's.
fn gpu_cpu(summary: &Summary) -> Chart {
    let mut lines = by_name(summary, |row| Some(row.peers.get(CPU)?.ratio));
    let ends = lines.iter().flat_map(|line| &line.points).map(|point| point.0);
    let points = ends.clone().reduce(f64::min).into_iter().chain(ends.reduce(f64::max)).map(|n| (n, 1.0)).collect();
    lines.push(Line { name: "as fast as the CPU backend".into(), points, bold: true });
    let vertical = "times as fast as the CPU backend";
    Chart { title: "GPU against CPU".into(), horizontal: "elements of one tensor", vertical, lines }
}

/// Milliseconds of a step of each contender over the models with many tensors of one size each.
fn tensors(summary: &Summary) -> Chart {
    let mut lines: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for row in summary.rows.iter().filter(|row| row.group == "count") {
        let others = row.peers.iter().map(|(name, peer)| (&**name, peer.figure_seconds));
        for (name, seconds) in [("AdamW, one bucket", row.figure_seconds)].into_iter().chain(others) {
            lines.entry(name.to_owned()).or_default().push((row.tensors as f64, 1e3 * seconds));
        }
    }
    let line = |(name, points): (String, Vec<(f64, f64)>)| Line { bold: name == "AdamW, one bucket", name, points };
    let lines = lines.into_iter().map(line).collect();
    Chart { title: "A step of 1,000,000 elements".into(), horizontal: "tensors", vertical: "ms", lines }
}

/// A line for each rule.
fn by_name(summary: &Summary, value: impl Fn(&Row) -> Option<f64>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for row in summary.rows.iter().filter(|row| row.group == "rules") {
        let Some(value) = value(row) else { continue };
        match lines.iter_mut().find(|line| line.name == row.name) {
            Some(line) => line.points.push((row.n as f64, value)),
            None => lines.push(Line { name: row.name.clone(), points: vec![(row.n as f64, value)], bold: false }),
        }
    }
    lines
}
