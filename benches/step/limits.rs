//! What the adapter can do at most: copies, and Adam's traffic without arithmetic.

use crate::data::{Source, buffer};
use crate::measure::{Contender, Pace, race};
use crate::report::Case;
use crate::traffic::{EIGHTS, Geometry, Pool, SOFTWARE, Streams, Traffic, WIDE};
use crate::{Bench, Result};

const LIMITS: &str = "limits";

/// Inside the caches, past them, and well past them; at the last one on a card.
const SIZES: [usize; 4] = [100_000, 1_000_000, 10_000_000, 100_000_000];

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    for n in bench.sizes(&SIZES[..if bench.pace == Pace::Hot { 4 } else { 3 }]) {
        let outcome = if n > bench.largest() { Err("--largest".into()) } else { one(bench, n) };
        bench.or_open(LIMITS, format!("n = {n}"), outcome);
    }
    Ok(())
}

/// On a card a copy kernel is the limit: `copy_buffer_to_buffer` may run on an engine of its own, slower than the kernels (H200: 0.78 of 4.2 TB/s).
fn one(bench: &mut Bench, n: usize) -> Result<()> {
    let (gpu, adam) = (&bench.gpu, Streams::in_place(3, 1));
    let source = Source::new(gpu, n)?;
    let mut pool = Pool::new(n);
    let (from, to) = (buffer(gpu, 4 * n as u64)?, buffer(gpu, 4 * n as u64)?);
    source.copy(gpu, 0, &from, 0, n);
    let plain = Geometry::plain(bench.pace, &gpu.device);
    let mut kernel = |streams, geometry| Traffic::new(gpu, &source, &mut pool, streams, geometry);
    let mut kernels = vec![
        ("copy kernel, vec4f", Streams::COPY, kernel(Streams::COPY, plain)?),
        ("reads 4 streams, writes 3", adam, kernel(adam, plain)?),
    ];
    kernels.push(match bench.pace {
        Pace::Hot => ("the same, 64 invocations, 8 in a row", adam, kernel(adam, EIGHTS)?),
        Pace::Rested => ("the same, 256 invocations", adam, kernel(adam, WIDE)?),
    });
    if gpu.device.features().contains(wgpu::Features::SHADER_INT64) {
        kernels.push(("the same, 8 invocations, vec2<u64>", adam, kernel(adam, SOFTWARE)?));
    }
    let copy = Contender::encoder("copy_buffer_to_buffer", |encoder| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, 4 * n as u64));
    let mut contenders = vec![(Streams::COPY.bytes(), copy)];
    contenders
        .extend(kernels.iter().map(|(name, streams, traffic)| (streams.bytes(), Contender::pass(*name, |pass| traffic.record(pass)))));
    let (bytes, mut all): (Vec<usize>, Vec<Contender<'_>>) = contenders.into_iter().unzip();
    let timings = race(&bench.clock(), &mut all, bench.effort())?;
    drop(all);
    for (bytes, timing) in bytes.into_iter().zip(timings) {
        let case = Case { group: LIMITS, name: timing.name.clone(), elements: n, tensors: 1, bytes: Some(bytes * n) };
        bench.report.race(case, &[timing]);
    }
    Ok(())
}
