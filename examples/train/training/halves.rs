//! Values and gradients of 16 bits in the place of the network's own: before a pass its f32 weights are made of these, and after it the gradients are rounded.

use wgpu_optim::{Binding, Dtype, Param, Rounding, Tensors, wgpu};

const SOURCE: &str = include_str!("halves.wgsl");

/// What the optimizer's values and gradients are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    pub value: Dtype,
    pub gradient: Dtype,
    /// How values in bf16 are rounded.
    pub rounding: Rounding,
    /// Whether there are f32 values beside them.
    pub master: bool,
}

/// The optimizer's tensors, and what brings them to the network's and back.
#[derive(Debug)]
pub struct Halves {
    params: Vec<Param>,
    unpack: Vec<Conversion>,
    pack: Vec<Conversion>,
}

/// A tensor of one of both in the form of the other.
#[derive(Debug)]
struct Conversion {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    workgroups: [u32; 2],
}

impl Halves {
    /// Tensors beside the network's, of the same names and shapes; none where both are f32.
    pub fn new(device: &wgpu::Device, network: &Tensors, numbers: Numbers) -> wgpu_optim::Result<Option<Self>> {
        if numbers.value == Dtype::F32 && numbers.gradient == Dtype::F32 {
            return Ok(None);
        }
        let params = network.params();
        let shapes = params.iter().map(|param| (&*param.name, param.shape.clone()));
        let tensors = Tensors::with_dtypes(device, (numbers.value, numbers.gradient), shapes)?;
        // What is f32 are the network's own tensors.
        let mut own = tensors.params();
        let (mut unpack, mut pack) = (Vec::new(), Vec::new());
        for (own, network) in own.iter_mut().zip(params) {
            match numbers.value {
                Dtype::F32 => own.value = network.value,
                dtype => unpack.push(conversion(device, "unpack", dtype, (&own.value, &network.value))),
            }
            match numbers.gradient {
                Dtype::F32 => own.gradient = network.gradient,
                dtype => pack.push(conversion(device, "pack", dtype, (&own.gradient, &network.gradient))),
            }
            (own.rounding, own.master) = (numbers.rounding, numbers.master);
        }
        Ok(Some(Halves { params: own, unpack, pack }))
    }

    /// The optimizer's parameters.
    pub fn params(&self) -> Vec<Param> {
        self.params.clone()
    }

    /// Records that the network's weights become what the values are.
    pub fn unpack(&self, encoder: &mut wgpu::CommandEncoder) {
        record(encoder, "unpack", &self.unpack);
    }

    /// Records that the gradients become what the network's are.
    pub fn pack(&self, encoder: &mut wgpu::CommandEncoder) {
        record(encoder, "pack", &self.pack);
    }
}

fn conversion(device: &wgpu::Device, entry: &str, dtype: Dtype, (own, network): (&Binding, &Binding)) -> Conversion {
    let label = Some(entry);
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(SOURCE.into()) });
    let constants = &[("IS_F16", f64::from(u8::from(dtype == Dtype::F16)))];
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: None,
        module: &module,
        entry_point: Some(entry),
        compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
        cache: None,
    });
    let entries = [(0, own), (1, network)].map(|(binding, of)| wgpu::BindGroupEntry { binding, resource: of.resource() });
    let layout = pipeline.get_bind_group_layout(0);
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout: &layout, entries: &entries });
    let workgroups = (own.size() / 4).div_ceil(64) as u32;
    let beside = workgroups.clamp(1, device.limits().max_compute_workgroups_per_dimension);
    Conversion { pipeline, group, workgroups: [beside, workgroups.div_ceil(beside)] }
}

fn record(encoder: &mut wgpu::CommandEncoder, label: &str, all: &[Conversion]) {
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes: None });
    for Conversion { pipeline, group, workgroups: [x, y] } in all {
        pass.set_pipeline(pipeline);
        pass.set_bind_group(0, group, &[]);
        pass.dispatch_workgroups(*x, *y, 1);
    }
}
