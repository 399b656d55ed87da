//! Adam's traffic without arithmetic, divided into workgroups, chunks and accesses in other ways than the library's.

use crate::data::Source;
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::traffic::{Access, Geometry, Pool, Streams, Traffic};
use crate::{Bench, Result};

const GEOMETRY: &str = "geometry";
/// As in the first probe of this crate.
const PROBE: usize = 1 << 22;
/// Invocations and elements of a workgroup, and invocations that go through consecutive elements together.
const DIVISIONS: [(u32, u32, u32); 13] = [
    (8, 4096, 8),
    (32, 4096, 32),
    (32, 4096, 8),
    (64, 1024, 64),
    (64, 4096, 64),
    (64, 4096, 32),
    (64, 4096, 16),
    (64, 4096, 8),
    (64, 16_384, 8),
    (128, 4096, 8),
    (256, 4096, 256),
    (256, 16_384, 8),
    (1024, 4096, 1024),
];

/// All divisions, with access by four elements, by one, and in words of 64 bits.
pub fn all(bench: &mut Bench) -> Result<()> {
    let (n, adam) = (bench.sizes(&[PROBE])[0], Streams::in_place(3, 1));
    let source = Source::new(&bench.gpu, n)?;
    let mut pool = Pool::new(n);
    let device = &bench.gpu.device;
    let most = device.limits().max_compute_invocations_per_workgroup;
    let wide = device.features().contains(wgpu::Features::SHADER_INT64);
    let mut named = Vec::new();
    for (access, name) in [(Access::Vector, "vec4f"), (Access::Scalar, "f32"), (Access::Pairs, "vec2<u64>")] {
        for (invocations, chunk, lanes) in DIVISIONS {
            if invocations <= most && (access != Access::Pairs || wide) {
                let traffic = Traffic::new(&bench.gpu, &source, &mut pool, adam, Geometry { invocations, chunk, access, lanes })?;
                named.push((format!("{invocations} invocations, {lanes} in a row, {chunk} elements, {name}"), traffic));
            }
        }
    }
    let mut all: Vec<Contender<'_>> =
        named.iter().map(|(name, traffic)| Contender::pass(name, |pass: &mut wgpu::ComputePass<'_>| traffic.record(pass))).collect();
    for timing in race(&bench.clock(), &mut all, bench.effort().times(6.0))? {
        let case = Case { group: GEOMETRY, name: timing.name.clone(), elements: n, tensors: 1, bytes: Some(adam.bytes() * n) };
        bench.report.race(case, &[timing]);
    }
    Ok(())
}
