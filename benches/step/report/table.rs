//! Rows for people, as they come.

use super::row::{Figure, Open, Peer, Row};
use crate::measure::Pace;

pub fn title(group: &str, pace: Pace) {
    let [figure, beside] = pace.names();
    println!("\n{group}");
    println!("{:<34} {:>11} {figure:>9} {:>19} {beside:>9} {:>7}  times as fast as", "", "n", "p10..p90", "GB/s");
}

pub fn row(row: &Row, pace: Pace) {
    let times = [("wall", Some(row.seconds)), ("gpu", row.gpu_seconds)];
    let [figure, beside] = pace.names().map(|name| times.into_iter().find(|time| time.0 == name).and_then(|time| time.1));
    let spread = figure.map_or("-".into(), |figure| format!("{}..{}", time(figure.p10), time(figure.p90)));
    let [figure, beside] = [figure, beside].map(|times| times.map_or("-".into(), |times| time(times.median)));
    let rate = row.gb_per_s.map_or("-".into(), |rate| format!("{rate:.2}"));
    let peers: Vec<String> = row.peers.iter().map(|(name, peer)| format!("{name} {}", ratio(peer, pace))).collect();
    println!("{:<34} {:>11} {figure:>9} {spread:>19} {beside:>9} {rate:>7}  {}", row.name, row.n, peers.join(", "));
}

/// On a card by GPU time, and by wall time in brackets, or alone where there is no other.
fn ratio(peer: &Peer, pace: Pace) -> String {
    match (pace, peer.gpu_ratio) {
        (Pace::Rested, _) => number(peer.ratio),
        (Pace::Hot, Some(gpu)) => format!("{} (wall {})", number(gpu), number(peer.ratio)),
        (Pace::Hot, None) => format!("(wall {})", number(peer.ratio)),
    }
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
