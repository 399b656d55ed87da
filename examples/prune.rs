//! Rows come and go: a model of points loses some of them between two steps, and training goes on with the states of the others. See `docs/guide`.

use std::error::Error;

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::{AdamW, Optimizer, Param, RowChange, wgpu};

/// What the guide shows.
///
/// # Errors
///
/// An index that is not as long as the parameters have rows, or buffers that are refused.
pub fn with_rows(
    optimizer: &mut Optimizer,
    encoder: &mut wgpu::CommandEncoder,
    index: &wgpu::Buffer,      // for each row that there is now, as u32: the row that it was
    means: [&wgpu::Buffer; 2], // values and gradients with as many rows
) -> wgpu_optim::Result<()> {
    let rows = (index.size() / 4) as usize;
    let params = vec![Param::new("means", &[rows, 3], means[0], means[1])]; // and all others that have these rows
    optimizer.change_rows(encoder, RowChange { rows: index.into(), params, values: true })
}

/// Trains 6 points, drops two, and trains on; returns the points that stayed, and those of a run that dropped none.
///
/// # Errors
///
/// An adapter that is not there, or what the optimizer refuses.
pub fn run() -> Result<[Vec<f32>; 2], Box<dyn Error>> {
    use wgpu::util::{BufferInitDescriptor, DeviceExt};
    let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    let upload = |contents: &[u8]| gpu.device.create_buffer_init(&BufferInitDescriptor { label: None, contents, usage });
    // A slope takes the place of a backward pass.
    let buffers = |values: &[f32], slope: f32| [values, &vec![slope; values.len()]].map(|data| upload(bytemuck::cast_slice(data)));
    let steps = |optimizer: &Optimizer, encoder: &mut wgpu::CommandEncoder| (0..3).for_each(|_| optimizer.step(encoder));
    let points = |slope| buffers(&(0..18).map(|i| i as f32).collect::<Vec<_>>(), slope);
    let optimizer = |[value, gradient]: &[wgpu::Buffer; 2]| {
        Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), [Param::new("means", &[6, 3], value, gradient)])
    };
    let (first, all) = (points(1.0), points(1.0));
    let (mut pruned, whole) = (optimizer(&first)?, optimizer(&all)?);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    [&pruned, &whole].into_iter().for_each(|optimizer| steps(optimizer, &mut encoder));
    gpu.queue.submit([encoder.finish()]);
    let fewer = buffers(&[0.0; 12], -0.25);
    gpu.queue.write_buffer(&all[1], 0, bytemuck::cast_slice(&[-0.25_f32; 18]));
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    with_rows(&mut pruned, &mut encoder, &upload(bytemuck::cast_slice(&[0_u32, 2, 3, 5])), [&fewer[0], &fewer[1]])?;
    [&pruned, &whole].into_iter().for_each(|optimizer| steps(optimizer, &mut encoder));
    gpu.queue.submit([encoder.finish()]);
    Ok([pollster::block_on(pruned.read_value("means"))?, pollster::block_on(whole.read_value("means"))?])
}

#[allow(dead_code, reason = "the test suite runs `run` itself")]
fn main() -> Result<(), Box<dyn Error>> {
    let [fewer, all] = run()?;
    println!("without two points:\n{fewer:?}\nwith all:\n{all:?}");
    Ok(())
}
