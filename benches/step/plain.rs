//! A kernel that moves what a step of AdamW moves, in numbers of any width, and computes nothing: what steps in fewer bits are held against.

use wgpu_optim::Dtype;

use crate::data::{Source, buffer};
use crate::traffic::{Geometry, fold, pipeline, resource};
use crate::{Bench, Result};

/// What a step moves of a parameter.
#[derive(Clone, Copy)]
pub struct Moved {
    /// Read and written; only written where there are master values.
    pub values: Dtype,
    /// Read.
    pub gradients: Dtype,
    /// Whether there are master values, in f32, which are read and written.
    pub master: bool,
    /// Read and written. The scales of blocks, 0.03 bytes for each number of 8 bits, are left out.
    pub states: [Dtype; 2],
}

/// The kernel: four elements for each invocation and turn.
pub struct Plain {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    workgroups: [u32; 2],
    /// Bytes that it moves.
    pub bytes: usize,
}

/// Words of four numbers.
fn words(dtype: Dtype) -> usize {
    dtype.bits() as usize / 8
}

/// Four numbers in WGSL.
fn wgsl(dtype: Dtype) -> &'static str {
    ["u32", "vec2u", "vec4u"][words(dtype).ilog2() as usize]
}

/// Four numbers of one width in the bits of another, so that nothing that is loaded is idle. Values and gradients have 32 bits or 16.
fn in_width_of(name: &str, has: Dtype, wanted: Dtype) -> String {
    match words(has).cmp(&words(wanted)) {
        core::cmp::Ordering::Less => format!("{name}.xyxy"),
        core::cmp::Ordering::Equal => name.to_owned(),
        core::cmp::Ordering::Greater => format!("({name}.xy ^ {name}.zw)"),
    }
}

impl Moved {
    /// Each buffer, and how often it is gone through: once where it is only read, or only written.
    fn buffers(&self) -> Vec<(Dtype, usize)> {
        let values = (self.values, if self.master { 1 } else { 2 });
        let states = self.states.map(|state| (state, 2));
        let master = self.master.then_some((Dtype::F32, 2));
        [values, (self.gradients, 1)].into_iter().chain(states).chain(master).collect()
    }

    /// The kernel over so many vectors.
    fn wgsl(&self, vectors: usize, geometry: Geometry) -> String {
        let Geometry { invocations, chunk, lanes, .. } = geometry;
        let (whole, part) = (chunk / 4, chunk / 4 / (invocations / lanes));
        let binding = |(index, (dtype, _)): (usize, &(Dtype, usize))| {
            let access = if index == 1 { "read" } else { "read_write" };
            format!("@group(0) @binding({index}) var<storage, {access}> s{index}: array<{}>;\n", wgsl(*dtype))
        };
        let bindings: String = self.buffers().iter().enumerate().map(binding).collect();
        let gradient = |wanted| in_width_of("y", self.gradients, wanted);
        let values = match self.master {
            false => format!("        let x = s0[i];\n        s0[i] = x ^ {};\n", gradient(self.values)),
            true => format!(
                "        let x = s4[i] ^ {};\n        s4[i] = x;\n        s0[i] = {};\n",
                gradient(Dtype::F32),
                in_width_of("x", Dtype::F32, self.values)
            ),
        };
        format!(
            "{bindings}@compute @workgroup_size({invocations})\nfn main(@builtin(workgroup_id) workgroup: vec3u, \
             @builtin(num_workgroups) size: vec3u, @builtin(local_invocation_index) invocation: u32) {{\n    \
             let first = (workgroup.y * size.x + workgroup.x) * {whole}u + invocation / {lanes}u * {part}u;\n    \
             let end = min(first + {part}u, {vectors}u);\n    \
             for (var i = first + invocation % {lanes}u; i < end; i += {lanes}u) {{\n        let y = s1[i];\n        \
             let a = s2[i];\n        let b = s3[i];\n{values}        s2[i] = ~a;\n        s3[i] = ~b;\n    }}\n}}\n"
        )
    }
}

impl Plain {
    /// Over so many elements.
    pub fn new(bench: &Bench, source: &Source, n: usize, moved: Moved) -> Result<Self> {
        let (gpu, geometry) = (&bench.gpu, Geometry::plain(bench.pace, &bench.gpu.device));
        let vectors = n.div_ceil(4);
        let pipeline = pipeline(&gpu.device, &moved.wgsl(vectors, geometry));
        let sizes: Vec<(usize, usize)> = moved.buffers().into_iter().map(|(dtype, turns)| (4 * words(dtype) * vectors, turns)).collect();
        let buffers = sizes.iter().map(|(bytes, _)| buffer(gpu, *bytes as u64)).collect::<Result<Vec<_>>>()?;
        let mut entries = Vec::new();
        for (binding, (own, (bytes, _))) in buffers.iter().zip(&sizes).enumerate() {
            source.copy(gpu, binding, own, 0, bytes / 4);
            entries.push(wgpu::BindGroupEntry { binding: binding as u32, resource: resource(own, 0, own.size()) });
        }
        let layout = pipeline.get_bind_group_layout(0);
        let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
        let workgroups = fold(vectors.div_ceil(geometry.chunk as usize / 4) as u64, &gpu.device.limits());
        Ok(Plain { pipeline, group, workgroups, bytes: sizes.iter().map(|(bytes, turns)| bytes * turns).sum() })
    }

    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y] = self.workgroups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.dispatch_workgroups(x, y, 1);
    }
}
