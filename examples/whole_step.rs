//! Everything between a backward pass and the next forward pass, in a program that has its own buffers and kernels: a linear model, trained on
//! half precision's terms (a scaled loss), in micro-batches, with clipping, a schedule and an average that is evaluated. See `docs/guide`.

use std::error::Error;

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::{
    AdamW, Binding, Clip, DynamicScale, Ema, Group, LossScale, MicroBatches, NormClip, Optimizer, Options, Param, Report, Schedule,
};

/// Weights, and then one bias.
const WEIGHTS: usize = 7;
/// Rows of a micro-batch.
const ROWS: usize = 32;

/// What the guide shows: weights and bias lie in the program's own buffers, one after the other.
///
/// # Errors
///
/// Those of [`Optimizer::with_options`].
pub fn optimizer(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    values: &wgpu::Buffer,
    gradients: &wgpu::Buffer,
) -> wgpu_optim::Result<Optimizer> {
    let param =
        |name, len, at| Param::new(name, &[len], Binding::new(values, at, 4 * len as u64), Binding::new(gradients, at, 4 * len as u64));
    let mut params = vec![param("fc.weight", WEIGHTS, 0), param("fc.bias", 1, 4 * WEIGHTS as u64)];
    let lr = Schedule::Sequence(vec![
        (50, Schedule::Linear { from: 3e-2 / 50.0, to: 3e-2, steps: 49 }), // from 0, the first step would move nothing
        (450, Schedule::Cosine { from: 3e-2, to: 0.0, steps: 450 }),
    ]);
    let schedules = vec![("lr".to_owned(), lr)];
    let biases = Group::matching(AdamW { weight_decay: 0.0, ..Default::default() }, &mut params, "*.bias");
    let groups = [Group { schedules: schedules.clone(), ..biases }, Group { schedules, ..Group::new(AdamW::default(), params) }];
    let options = Options {
        clip: Clip::Norm(NormClip { max_norm: 1.0, ..Default::default() }),
        loss_scale: LossScale::Dynamic(DynamicScale::default()), // which skips steps whose gradients overflow
        micro_batches: MicroBatches::Mean,
        zero_grad: true, // since `backward` adds to the gradients
        ema: Some(Ema { decay: 0.98, ..Default::default() }),
        ..Default::default()
    };
    Optimizer::with_options(device, queue, groups, options)
}

/// What the guide shows: two micro-batches a step, and nothing read back until the end.
///
/// # Errors
///
/// Those of [`Optimizer::accumulate`], and of the report.
pub fn train(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    optimizer: &Optimizer,
    backward: impl Fn(&mut wgpu::CommandEncoder, usize),
    steps: usize,
) -> wgpu_optim::Result<Report> {
    for _ in 0..steps {
        let mut encoder = device.create_command_encoder(&Default::default());
        backward(&mut encoder, 0); // your own passes; their loss kernel multiplies by `optimizer.loss_scale()`
        optimizer.accumulate(&mut encoder)?;
        backward(&mut encoder, 1);
        optimizer.step(&mut encoder); // unscales, looks for infinities, clips, updates, averages, clears the gradients
        queue.submit([encoder.finish()]);
    }
    let mut encoder = device.create_command_encoder(&Default::default());
    optimizer.evaluate(&mut encoder); // the averaged values are in place now; `train` brings the others back, before the next step
    queue.submit([encoder.finish()]);
    pollster::block_on(optimizer.report())
}

/// Adds to the gradient of the mean squared error of a micro-batch, times the loss scale; one workgroup.
const BACKWARD: &str = "
@group(0) @binding(0) var<storage, read> data: array<array<f32, 8>>; // rows of features, and the target
@group(0) @binding(1) var<storage, read> value: array<f32, 8>;
@group(0) @binding(2) var<storage, read> loss_scale: f32;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32, 8>;
@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) k: u32) {
    var sum = 0.0;
    for (var row = 0u; row < 32u; row++) {
        var error = value[7] - data[row][7];
        for (var j = 0u; j < 7u; j++) {
            error += value[j] * data[row][j];
        }
        sum += error * select(data[row][k], 1.0, k == 7u);
    }
    gradient[k] += loss_scale * sum / 16.0;
}";

/// Features that look random, and targets from these weights; a number that the model cannot explain is added to each target.
fn data(weights: &[f32; WEIGHTS + 1]) -> Vec<f32> {
    let row = |row: usize| {
        let features: Vec<f32> = (0..WEIGHTS).map(|j| (1.0 + (row * row) as f32 * 0.37 + (j * row) as f32 * 1.1).sin()).collect();
        let target: f32 = features.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>() + weights[WEIGHTS];
        features.into_iter().chain([target + 0.05 * (row as f32 * 3.7).sin()])
    };
    (0..2 * ROWS).flat_map(row).collect()
}

/// Trains and returns the report and the largest distance of an averaged value from what made the data.
///
/// # Errors
///
/// An adapter that is not there, or what the optimizer refuses.
pub fn run() -> Result<(Report, f32), Box<dyn Error>> {
    use wgpu::util::{BufferInitDescriptor, DeviceExt};
    let wgpu_optim::adapter::Gpu { device, queue, .. } = pollster::block_on(request(DeviceLimits::Adapter))?;
    let buffer = |contents: &[f32]| {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC;
        device.create_buffer_init(&BufferInitDescriptor { label: None, contents: bytemuck::cast_slice(contents), usage })
    };
    let weights = [0.5, -1.0, 0.25, 0.0, 2.0, -0.75, 1.5, 0.3];
    let (data, values, gradients) = (buffer(&data(&weights)), buffer(&[0.0; WEIGHTS + 1]), buffer(&[0.0; WEIGHTS + 1]));
    let optimizer = optimizer(&device, &queue, &values, &gradients)?;
    let source = wgpu::ShaderSource::Wgsl(BACKWARD.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("backward"), source });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("backward"),
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let loss_scale = optimizer.loss_scale();
    let half = 4 * (ROWS * (WEIGHTS + 1)) as u64;
    let bind = |micro_batch: u64| {
        let rows = Binding::new(&data, micro_batch * half, half);
        let resources = [rows.resource(), values.as_entire_binding(), loss_scale.resource(), gradients.as_entire_binding()];
        let entries: Vec<_> = (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
        let layout = pipeline.get_bind_group_layout(0);
        device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries })
    };
    let groups = [bind(0), bind(1)];
    let backward = |encoder: &mut wgpu::CommandEncoder, micro_batch: usize| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &groups[micro_batch], &[]);
        pass.dispatch_workgroups(1, 1, 1);
    };
    let report = train(&device, &queue, &optimizer, backward, 500)?;
    let [weight, bias] = ["fc.weight", "fc.bias"].map(|name| pollster::block_on(optimizer.read_shown(name)));
    let found = [weight?, bias?].concat();
    Ok((report, found.iter().zip(weights).map(|(found, weight)| (found - weight).abs()).fold(0.0, f32::max)))
}

#[allow(dead_code, reason = "the test suite runs `run` itself")]
fn main() -> Result<(), Box<dyn Error>> {
    let (report, distance) = run()?;
    println!("{report:#?}\nthe averaged values are within {distance:.3} of what made the data");
    Ok(())
}
