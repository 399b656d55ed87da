//! Rows for people, as they come.

use super::row::{Figure, Open, Row};

pub fn title(group: &str) {
    println!("\n{group}");
    println!("{:<34} {:>11} {:>9} {:>19} {:>9} {:>7}  times as fast as", "", "n", "median", "p10..p90", "gpu", "GB/s");
}

pub fn row(row: &Row) {
    let spread = format!("{}..{}", time(row.seconds.p10), time(row.seconds.p90));
    let gpu = row.gpu_seconds.map_or("-".into(), |gpu| time(gpu.median));
    let rate = row.gb_per_s.map_or("-".into(), |rate| format!("{rate:.2}"));
    let peers: Vec<String> = row.peers.iter().map(|(name, peer)| format!("{name} {}", number(peer.ratio))).collect();
    println!("{:<34} {:>11} {:>9} {spread:>19} {gpu:>9} {rate:>7}  {}", row.name, row.n, time(row.seconds.median), peers.join(", "));
}

pub fn figure(figure: &Figure) {
    println!("{:<60} {:>16} {}", figure.name, number(figure.value), figure.unit);
}

pub fn open(open: &Open) {
    println!("{:<34} not measured: {}", open.name, open.reason);
}

/// Three digits and a unit.
pub fn time(seconds: f64) -> String {
    let (scale, unit) = match seconds {
        s if s < 1e-6 => (1e9, "ns"),
        s if s < 1e-3 => (1e6, "us"),
        s if s < 1.0 => (1e3, "ms"),
        _ => (1.0, "s"),
    };
    format!("{} {unit}", number(seconds * scale))
}

/// Three digits, or all before the point.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 1000.0 && v.fract() == 0.0 => 0,
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}
