//! What a row is held against on its own adapter: a plain kernel of the same traffic, and on a card a copy kernel too.

use crate::data::Source;
use crate::measure::{Contender, Pace};
use crate::report::NO_ARITHMETIC;
use crate::traffic::{Geometry, Pool, Streams, Traffic};
use crate::{Bench, Result};

/// A copy whose time counts as if it moved as many bytes as the step.
pub const COPY: &str = "copy kernel, as many bytes";
/// Fewer elements are in the caches of a card, where a copy of other buffers says nothing.
const PAST_THE_CACHES: usize = 10_000_000;

/// Kernels without arithmetic.
pub struct Ceiling {
    traffic: Vec<Traffic>,
    copy: Option<Traffic>,
    /// How many times as many bytes the step moves as the copy.
    weight: f64,
}

impl Ceiling {
    /// Of a step that moves these streams, a dispatch each.
    pub fn new(bench: &Bench, source: &Source, pool: &mut Pool, streams: &[Streams]) -> Result<Self> {
        let geometry = Geometry::plain(bench.pace, &bench.gpu.device);
        let traffic = streams.iter().map(|&streams| Traffic::new(&bench.gpu, source, pool, streams, geometry)).collect::<Result<_>>()?;
        let copies = bench.pace == Pace::Hot && (pool.elements() >= PAST_THE_CACHES || bench.is_smoke());
        let copy = copies.then(|| Traffic::new(&bench.gpu, source, pool, Streams::COPY, geometry)).transpose()?;
        let bytes: usize = streams.iter().map(Streams::bytes).sum();
        Ok(Ceiling { traffic, copy, weight: bytes as f64 / Streams::COPY.bytes() as f64 })
    }

    /// Those that there are.
    pub fn contenders(&self) -> impl Iterator<Item = Contender<'_>> {
        let traffic = Contender::pass(NO_ARITHMETIC, |pass| self.traffic.iter().for_each(|traffic| traffic.record(pass)));
        let copy = self.copy.as_ref().map(|copy| Contender::pass(COPY, |pass| copy.record(pass)).times(self.weight));
        [Some(traffic), copy].into_iter().flatten()
    }
}
