//! Hot or rested: how contenders come to their turns, and which time is the figure. Only the class of the adapter decides, and only here.

use std::time::Duration;

use serde::Serialize;

use super::{On, Run, Spread};

/// How contenders come to their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// On a card. It idles at a fraction of its clock and takes tens of milliseconds to rise, so that each contender first keeps it busy with
    /// runs of its own, and GPU time is the figure: on an H200, AdamW at 10^7 takes 91 us so, and 247 us between rests.
    Hot,
    /// On a software adapter, whose cores everybody shares: rests follow those who may still use some, and wall time is the figure.
    Rested,
}

/// For so many seconds a contender's own runs keep a card busy before those that count.
pub const BUSY: f64 = 12e-3;
/// The same after a turn on the cores, in which the card has idled: 12 ms left an H200 at 0.4 of its clock, so that AdamW at 10^8 took 1.67 ms instead of 0.69.
const WAKING: f64 = 150e-3;
/// Until no thread of the contender before is still spinning: PyTorch's do for 10 ms.
const REST: Duration = Duration::from_millis(25);

impl Pace {
    /// That of an adapter's class.
    pub fn of(info: &wgpu::AdapterInfo) -> Self {
        if info.device_type == wgpu::DeviceType::Cpu { Pace::Rested } else { Pace::Hot }
    }

    /// For how many seconds a contender keeps the device busy before its samples; it may have idled before.
    pub fn busy(self, run: &Run<'_>, has_idled: bool) -> Option<f64> {
        (self == Pace::Hot && !Self::idles(run)).then_some(if has_idled { WAKING } else { BUSY })
    }

    /// Whether a card idles during a contender's turn.
    pub fn idles(run: &Run<'_>) -> bool {
        matches!(run, Run::Elsewhere(On::Cores, _))
    }

    /// How long to rest after a contender's turn. On a card, only the cores need to come to rest: all that runs on the device is next to run hot.
    pub fn rest(self, run: &Run<'_>) -> Duration {
        match run {
            Run::Elsewhere(On::Cores, _) => REST,
            Run::Elsewhere(On::Device, _) if self == Pace::Rested => REST,
            _ => Duration::ZERO,
        }
    }

    /// The times that ratios and GB/s are made of: GPU times on a card, where there are some, else wall times.
    pub fn figure(self, wall: Spread, gpu: Option<Spread>) -> Spread {
        match (self, gpu) {
            (Pace::Hot, Some(gpu)) => gpu,
            _ => wall,
        }
    }

    /// Names of the times that are the figure, and of those beside.
    pub fn names(self) -> [&'static str; 2] {
        match self {
            Pace::Hot => ["gpu", "wall"],
            Pace::Rested => ["wall", "gpu"],
        }
    }

    /// The largest tensor that makes sense, in elements: a step of 10^9 is 7 ms on a large card, and 3 s on a software adapter.
    pub fn largest(self) -> usize {
        match self {
            Pace::Hot => 1_000_000_000,
            Pace::Rested => 100_000_000,
        }
    }
}
