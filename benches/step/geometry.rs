//! Adam's traffic without arithmetic, divided into workgroups, chunks and accesses in other ways than the library's.

use crate::data::Source;
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::traffic::{Geometry, Pool, Streams, Traffic};
use crate::{Bench, Result};

const GEOMETRY: &str = "geometry";
/// As in the first probe of this crate.
const PROBE: usize = 1 << 22;
/// Invocations and elements of a workgroup.
const DIVISIONS: [(u32, u32); 8] =
    [(32, 4096), (64, 1024), (64, 4096), (64, 16_384), (128, 4096), (256, 4096), (256, 16_384), (1024, 4096)];

/// All divisions, with access by four elements and by one.
pub fn all(bench: &mut Bench) -> Result<()> {
    let (n, adam) = (bench.sizes(&[PROBE])[0], Streams::in_place(3, 1));
    let source = Source::new(&bench.gpu, n)?;
    let mut pool = Pool::new(n);
    let most = bench.gpu.device.limits().max_compute_invocations_per_workgroup;
    let mut named = Vec::new();
    for width in [4, 1] {
        for (invocations, chunk) in DIVISIONS {
            if invocations <= most {
                let traffic = Traffic::new(&bench.gpu, &source, &mut pool, adam, Geometry { invocations, chunk, width })?;
                let access = if width == 4 { "vec4f" } else { "f32" };
                named.push((format!("{invocations} invocations, {chunk} elements, {access}"), traffic));
            }
        }
    }
    let mut all: Vec<Contender<'_>> =
        named.iter().map(|(name, traffic)| Contender::pass(name, |pass: &mut wgpu::ComputePass<'_>| traffic.record(pass))).collect();
    for timing in race(&bench.clock(), &mut all, bench.effort().times(4.0))? {
        let case = Case { group: GEOMETRY, name: timing.name.clone(), elements: n, tensors: 1, bytes: Some(adam.bytes() * n) };
        bench.report.race(case, &[timing]);
    }
    Ok(())
}
