//! Kernels that move bytes and compute nothing: the limits of an adapter.

use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{AnyRule, Extent, Stage};

use crate::Result;
use crate::data::{Source, buffer};
use crate::measure::Pace;

/// What a kernel reads and writes for each element, in streams of 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    /// Read and written in the same place: values, state.
    pub in_place: usize,
    /// Only read: gradients.
    pub read: usize,
    /// Only written.
    pub written: usize,
}

/// How a kernel divides the elements.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    pub invocations: u32,
    /// Elements of a workgroup.
    pub chunk: u32,
    pub access: Access,
    /// Invocations that go through consecutive elements together: all of a workgroup, or fewer, each with a part of its elements.
    pub lanes: u32,
}

/// What an invocation reads or writes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// One element.
    Scalar,
    /// Four.
    Vector,
    /// Four, as two words of 64 bits, where the device knows these.
    Pairs,
}

impl Access {
    /// The type in WGSL, how many elements it has, and a number of it.
    fn wgsl(self) -> (&'static str, u32, &'static str) {
        match self {
            Access::Scalar => ("u32", 1, "0x9e3779b9u"),
            Access::Vector => ("vec4u", 4, "vec4u(0x9e3779b9u, 1u, 2u, 3u)"),
            Access::Pairs => ("vec2<u64>", 4, "vec2<u64>(0x9e3779b9lu, 1lu)"),
        }
    }
}

/// Every eight invocations of 64 go through consecutive elements.
pub const EIGHTS: Geometry = Geometry { invocations: 64, chunk: 4096, access: Access::Vector, lanes: 8 };

/// The whole workgroup goes through 1,024 consecutive elements at a time.
pub const WIDE: Geometry = Geometry { invocations: 256, lanes: 256, ..EIGHTS };

/// As the library's kernels do on software adapters.
pub const SOFTWARE: Geometry = Geometry { invocations: 8, access: Access::Pairs, ..EIGHTS };

impl Geometry {
    /// The division of plain kernels that rows are held against. On a card it is the best one known, whatever the library's own is (H200: 4.08 TB/s
    /// of Adam's traffic, eight in a row 3.5), or what the device allows of it; on a software adapter, of what does well on a card, what does best.
    pub fn plain(pace: Pace, device: &wgpu::Device) -> Self {
        let most = device.limits().max_compute_invocations_per_workgroup.min(WIDE.invocations);
        match pace {
            Pace::Hot => Geometry { invocations: most, lanes: most, ..WIDE },
            Pace::Rested => EIGHTS,
        }
    }
}

impl Streams {
    pub const COPY: Streams = Streams { in_place: 0, read: 1, written: 1 };

    pub const fn in_place(in_place: usize, read: usize) -> Self {
        Streams { in_place, read, written: 0 }
    }

    pub fn bytes(&self) -> usize {
        4 * (2 * self.in_place + self.read + self.written)
    }

    fn buffers(&self) -> usize {
        self.in_place + self.read + self.written + usize::from(self.reads_only())
    }

    /// Then there is one more buffer, which could be written.
    fn reads_only(&self) -> bool {
        self.in_place == 0 && self.written == 0
    }

    /// Streams in place change places, so that no compiler finds the stores idle, and what is only read goes into the first one by the cheapest
    /// operation there is, one exclusive or for four elements. If nothing is written, something could be, so that reads are not idle.
    fn wgsl(&self, geometry: Geometry) -> String {
        let Geometry { invocations, chunk, access, lanes } = geometry;
        let (ty, width, number) = access.wgsl();
        let whole = chunk / width;
        let part = whole / (invocations / lanes);
        let (in_place, read, written) =
            (0..self.in_place, self.in_place..self.in_place + self.read, self.in_place + self.read..self.buffers());
        let mut source = String::new();
        for index in 0..self.buffers() {
            let access = if read.contains(&index) { "read" } else { "read_write" };
            source += &format!("@group(0) @binding({index}) var<storage, {access}> s{index}: array<{ty}>;\n");
        }
        let rest = read.clone().map(|index| format!("x{index}")).collect::<Vec<_>>().join(" ^ ");
        let mut body: String = in_place.clone().chain(read).map(|index| format!("let x{index} = s{index}[i];\n")).collect();
        for index in in_place {
            let next = (index + 1) % self.in_place;
            let more = if index == 0 && self.read > 0 { format!(" ^ {rest}") } else { String::new() };
            body += &format!("s{index}[i] = x{next}{more};\n");
        }
        for index in written.clone().filter(|_| !self.reads_only()) {
            body += &format!("s{index}[i] = {rest};\n");
        }
        if self.reads_only() {
            let sink = written.start;
            source += &format!("fn sink(x: {ty}) {{\n    if all(x == {number}) {{\n        s{sink}[0] = x;\n    }}\n}}\n");
            body += &format!("sink({rest});\n");
        }
        source
            + &format!(
                "@compute @workgroup_size({invocations})\nfn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(num_workgroups) size: vec3u, \
                 @builtin(local_invocation_index) invocation: u32) {{\n    \
                 let first = (workgroup.y * size.x + workgroup.x) * {whole}u + invocation / {lanes}u * {part}u;\n    \
                 let end = min(first + {part}u, arrayLength(&s0));\n    \
                 for (var i = first + invocation % {lanes}u; i < end; i += {lanes}u) {{\n{body}    }}\n}}\n"
            )
    }
}

/// What the stages of a step move over elements, a dispatch each, and whether they read gradients.
#[derive(Clone, Debug)]
pub struct Stages(Vec<(Streams, bool)>);

impl Stages {
    /// Of the rule alone, over matrices where the rule tells them from other tensors.
    pub fn of(rule: &dyn AnyRule, is_matrix: bool) -> Self {
        let is_matrix = is_matrix && rule.counts_matrices();
        let states = rule.states().iter().filter(|state| state.extent == Extent::Elements && rule.uses_for(state.name, is_matrix));
        let states: Vec<&str> = states.map(|state| state.name).collect();
        let stages =
            rule.stages().iter().enumerate().filter(|&(index, stage)| stage.over == Extent::Elements && rule.runs(index, is_matrix));
        let streams = |(index, stage): (usize, &Stage)| {
            let is_last = index + 1 == rule.stages().len();
            let count = |wanted: &dyn Fn(&str) -> bool| states.iter().filter(|name| wanted(name)).count();
            let in_place = usize::from(is_last) + count(&|name| stage.writes(name));
            let read = usize::from(stage.gradient) + usize::from(stage.value && !is_last);
            let read = read + count(&|name| stage.reads(name) && !stage.writes(name));
            (Streams { in_place, read, written: 0 }, stage.gradient)
        };
        Stages(stages.map(streams).collect())
    }

    /// Whoever reads gradients reads what was accumulated besides.
    pub fn accumulated(mut self) -> Self {
        self.0.iter_mut().filter(|(_, reads_gradients)| *reads_gradients).for_each(|(streams, _)| streams.read += 1);
        self
    }

    /// The last one that reads gradients sets them to zero.
    pub fn cleared(mut self) -> Self {
        if let Some((streams, _)) = self.0.iter_mut().rfind(|(_, reads_gradients)| *reads_gradients) {
            *streams = Streams { in_place: streams.in_place + 1, read: streams.read - 1, ..*streams };
        }
        self
    }

    /// The last one keeps an average.
    pub fn averaged(mut self) -> Self {
        self.0.last_mut().into_iter().for_each(|(streams, _)| streams.in_place += 1);
        self
    }

    /// Those, after a dispatch that moves this.
    pub fn after(self, first: Streams) -> Vec<Streams> {
        [vec![first], self.streams()].concat()
    }

    /// One after the other.
    pub fn streams(self) -> Vec<Streams> {
        self.0.into_iter().map(|(streams, _)| streams).collect()
    }
}

/// Buffers for streams of as many elements.
pub struct Pool {
    n: usize,
    buffers: Vec<wgpu::Buffer>,
}

impl Pool {
    pub fn new(n: usize) -> Self {
        Pool { n, buffers: Vec::new() }
    }

    /// Of each.
    pub fn elements(&self) -> usize {
        self.n
    }

    fn grow(&mut self, gpu: &Gpu, source: &Source, count: usize) -> Result<()> {
        while self.buffers.len() < count {
            let buffer = buffer(gpu, 4 * self.n as u64)?;
            source.copy(gpu, self.buffers.len(), &buffer, 0, self.n);
            self.buffers.push(buffer);
        }
        Ok(())
    }
}

/// A kernel without arithmetic over `n` elements, in as few dispatches as the limits allow.
pub struct Traffic {
    pipeline: wgpu::ComputePipeline,
    dispatches: Vec<(wgpu::BindGroup, [u32; 2])>,
}

impl Traffic {
    pub fn new(gpu: &Gpu, source: &Source, pool: &mut Pool, streams: Streams, geometry: Geometry) -> Result<Self> {
        pool.grow(gpu, source, streams.buffers())?;
        let pipeline = pipeline(&gpu.device, &streams.wgsl(geometry));
        let limits = gpu.device.limits();
        let unit = 4 * u64::from(geometry.chunk);
        let most = limits.max_storage_buffer_binding_size / unit * unit;
        let (layout, size) = (pipeline.get_bind_group_layout(0), pool.buffers[0].size());
        let part = |start: u64| {
            let bytes = most.min(size - start);
            let bound = pool.buffers[..streams.buffers()].iter().zip(0..);
            let entries: Vec<_> =
                bound.map(|(buffer, binding)| wgpu::BindGroupEntry { binding, resource: resource(buffer, start, bytes) }).collect();
            let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
            (group, fold(bytes.div_ceil(unit), &limits))
        };
        let dispatches = (0..size.div_ceil(most)).map(|index| part(index * most)).collect();
        Ok(Traffic { pipeline, dispatches })
    }

    pub fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        for (group, [x, y]) in &self.dispatches {
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(*x, *y, 1);
        }
    }
}

pub fn resource(buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindingResource<'_> {
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: wgpu::BufferSize::new(size) })
}

/// So many workgroups, in two dimensions if one does not hold them.
pub fn fold(count: u64, limits: &wgpu::Limits) -> [u32; 2] {
    let y = count.div_ceil(u64::from(limits.max_compute_workgroups_per_dimension));
    [count.div_ceil(y) as u32, y as u32]
}

pub fn pipeline(device: &wgpu::Device, source: &str) -> wgpu::ComputePipeline {
    let source = wgpu::ShaderSource::Wgsl(source.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    })
}
