//! Median and tenths of many runs.

use serde::Serialize;

/// What many runs took, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Spread {
    pub median: f64,
    /// A tenth of the runs took less.
    pub p10: f64,
    /// A tenth took more.
    pub p90: f64,
    pub runs: usize,
}

impl Spread {
    /// None of no runs.
    pub fn of(times: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut times: Vec<f64> = times.into_iter().collect();
        times.sort_by(f64::total_cmp);
        let last = times.len().checked_sub(1)?;
        let quantile = |part: f64| times[(part * last as f64).round() as usize];
        Some(Spread { median: quantile(0.5), p10: quantile(0.1), p90: quantile(0.9), runs: times.len() })
    }
}
