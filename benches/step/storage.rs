//! States in fewer bits: AdamW with each way to store its moments, against itself with f32 states and a plain kernel of the same traffic.

use wgpu_optim::{AdamW, Dtype, Group, Optimizer, Options, Rounding, StateStorage, Tensors};

use crate::data::{Source, buffer};
use crate::measure::{Contender, race};
use crate::report::{Case, NO_ARITHMETIC};
use crate::traffic::{Geometry, fold, pipeline, resource};
use crate::{Bench, Result};

const STORAGE: &str = "storage";
const SIZES: [usize; 2] = [1_000_000, 10_000_000];

/// Names and what moments are stored as.
fn cases() -> [(&'static str, StateStorage); 6] {
    let all = StateStorage::all;
    let drawn = StateStorage { rounding: Rounding::Stochastic { seed: 1 }, ..all(Dtype::Bf16) };
    [
        ("f32", StateStorage::default()),
        ("bf16", all(Dtype::Bf16)),
        ("bf16, stochastic", drawn),
        ("f16", all(Dtype::F16)),
        ("8-bit", all(Dtype::Dynamic8)),
        ("m bf16, v 8-bit", StateStorage { m: Dtype::Bf16, ..all(Dtype::Dynamic8) }),
    ]
}

/// At all sizes.
pub fn all(bench: &mut Bench) -> Result<()> {
    for n in bench.sizes(&SIZES) {
        for (name, storage) in cases() {
            let outcome = if n > bench.largest() { Err("--largest".into()) } else { one(bench, n, name, storage) };
            bench.or_open(STORAGE, format!("{name}, n = {n}"), outcome);
        }
    }
    Ok(())
}

fn one(bench: &mut Bench, n: usize, name: &str, storage: StateStorage) -> Result<()> {
    let gpu = &bench.gpu;
    let tensors = Tensors::new(&gpu.device, [("w", [n])])?;
    let source = Source::new(gpu, n)?;
    source.fill_value(gpu, tensors.value("w")?, n);
    source.fill_gradient(gpu, tensors.gradient("w")?, n);
    let make = |state| {
        let groups = [Group::new(AdamW::default(), tensors.params())];
        Optimizer::with_pipelines(&gpu.pipelines, &gpu.queue, groups, Options { state, ..Default::default() })
    };
    let (own, whole) = (make(storage)?, make(StateStorage::default())?);
    let plain = Plain::new(bench, &source, n, [storage.m, storage.v])?;
    let mut contenders = vec![
        Contender::pass(name, |pass| own.step_in(pass)),
        Contender::pass("f32 states", |pass| whole.step_in(pass)),
        Contender::pass(NO_ARITHMETIC, |pass| plain.record(pass)),
    ];
    let timings = race(&bench.clock(), &mut contenders, bench.effort())?;
    drop(contenders);
    let kept = own.state_bytes() as f64 / n as f64;
    let case = Case { group: STORAGE, name: format!("{name}, n = {n}"), elements: n, tensors: 1, bytes: Some(plain.bytes) };
    bench.report.race(case, &timings);
    bench.report.figure(STORAGE, format!("{name}, n = {n}: state"), kept, "bytes per parameter");
    Ok(())
}

/// A kernel that reads and writes values and two states of these types, and reads gradients: four elements for each invocation and turn, without arithmetic.
struct Plain {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    workgroups: [u32; 2],
    bytes: usize,
}

impl Plain {
    fn new(bench: &Bench, source: &Source, n: usize, states: [Dtype; 2]) -> Result<Self> {
        let (gpu, Geometry { invocations, chunk, lanes, .. }) = (&bench.gpu, Geometry::plain(bench.pace, &bench.gpu.device));
        let ty = |dtype: Dtype| ["u32", "vec2u", "vec4u"][(dtype.bits().ilog2() - 3) as usize];
        let [m, v] = states.map(ty);
        let (vectors, whole) = (n.div_ceil(4), chunk / 4);
        let part = whole / (invocations / lanes);
        let text = format!(
            "@group(0) @binding(0) var<storage, read_write> p: array<vec4u>;\n@group(0) @binding(1) var<storage, read> g: array<vec4u>;\n\
             @group(0) @binding(2) var<storage, read_write> m: array<{m}>;\n@group(0) @binding(3) var<storage, read_write> v: array<{v}>;\n\
             @compute @workgroup_size({invocations})\nfn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) size: vec3u, \
             @builtin(local_invocation_index) invocation: u32) {{\n    \
             let first = (workgroup.y * size.x + workgroup.x) * {whole}u + invocation / {lanes}u * {part}u;\n    \
             let end = min(first + {part}u, {vectors}u);\n    \
             for (var i = first + invocation % {lanes}u; i < end; i += {lanes}u) {{\n        let x = p[i];\n        let y = g[i];\n        \
             let a = m[i];\n        let b = v[i];\n        p[i] = x ^ y;\n        m[i] = ~a;\n        v[i] = ~b;\n    }}\n}}\n"
        );
        let pipeline = pipeline(&gpu.device, &text);
        let sizes = [16, 16, states[0].bits() as usize / 2, states[1].bits() as usize / 2].map(|bytes| bytes * vectors);
        let buffers = sizes.map(|bytes| buffer(gpu, bytes as u64));
        let mut entries = Vec::new();
        for (binding, own) in buffers.iter().enumerate() {
            let own = own.as_ref().map_err(|error| error.to_string())?;
            source.copy(gpu, binding, own, 0, sizes[binding] / 4);
            entries.push(wgpu::BindGroupEntry { binding: binding as u32, resource: resource(own, 0, own.size()) });
        }
        let layout = pipeline.get_bind_group_layout(0);
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        let workgroups = fold(vectors.div_ceil(whole as usize) as u64, &gpu.device.limits());
        // Values and states are read and written.
        Ok(Plain { pipeline, group, workgroups, bytes: sizes.iter().sum::<usize>() * 2 - sizes[1] })
    }

    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y] = self.workgroups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }
}
