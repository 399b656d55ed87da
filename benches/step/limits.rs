//! What the adapter can do at most: copies, and Adam's traffic without arithmetic.

use crate::data::{Source, buffer};
use crate::measure::{Contender, race};
use crate::report::Case;
use crate::traffic::{Geometry, OURS, Pool, SOFTWARE, Streams, Traffic};
use crate::{Bench, Result};

const LIMITS: &str = "limits";

/// Inside the caches, past them, and well past them.
const SIZES: [usize; 3] = [100_000, 1_000_000, 10_000_000];

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    let adam = Streams::in_place(3, 1);
    for n in bench.sizes(&SIZES) {
        let source = Source::new(&bench.gpu, n)?;
        let mut pool = Pool::new(n);
        let (from, to) = (buffer(&bench.gpu, 4 * n as u64)?, buffer(&bench.gpu, 4 * n as u64)?);
        source.copy(&bench.gpu, 0, &from, 0, n);
        let copy = Traffic::new(&bench.gpu, &source, &mut pool, Streams::COPY, OURS)?;
        let moves = Traffic::new(&bench.gpu, &source, &mut pool, adam, OURS)?;
        let strides = Traffic::new(&bench.gpu, &source, &mut pool, adam, Geometry { invocations: 256, lanes: 256, ..OURS })?;
        let wide = bench.gpu.device.features().contains(wgpu::Features::SHADER_INT64);
        let pairs = wide.then(|| Traffic::new(&bench.gpu, &source, &mut pool, adam, SOFTWARE)).transpose()?;
        let mut contenders = vec![
            (8, Contender::encoder("copy_buffer_to_buffer", |encoder| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, 4 * n as u64))),
            (8, Contender::pass("copy kernel, vec4f", |pass| copy.record(pass))),
            (adam.bytes(), Contender::pass("reads 4 streams, writes 3", |pass| moves.record(pass))),
            (adam.bytes(), Contender::pass("the same, 256 invocations", |pass| strides.record(pass))),
        ];
        if let Some(pairs) = &pairs {
            contenders.push((adam.bytes(), Contender::pass("the same, 8 invocations, vec2<u64>", |pass| pairs.record(pass))));
        }
        let (bytes, mut all): (Vec<usize>, Vec<Contender<'_>>) = contenders.into_iter().unzip();
        let timings = race(&bench.clock(), &mut all, bench.effort())?;
        for (bytes, timing) in bytes.into_iter().zip(timings) {
            let case = Case { group: LIMITS, name: timing.name.clone(), elements: n, tensors: 1, bytes: Some(bytes * n) };
            bench.report.race(case, &[timing]);
        }
    }
    Ok(())
}
