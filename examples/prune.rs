//! Rows come and go: a model of points loses some of them between two steps, and training goes on with the states of the others. See the README.

use std::error::Error;

use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::{AdamW, Group, Optimizer, Param};

/// What the README shows: every parameter has `had` rows, of which these stay, in this order; `place` makes the buffers of values and of gradients.
///
/// # Errors
///
/// What a read-back, the new optimizer or a write to it refuses.
pub async fn with_rows(
    old: &Optimizer,
    queue: &wgpu::Queue,
    had: usize,
    rows: &[usize],
    place: impl Fn(&[f32]) -> [wgpu::Buffer; 2],
) -> wgpu_optim::Result<Optimizer> {
    let width = |data: &[f32]| data.len() / had;
    let gather = |data: &[f32]| rows.iter().flat_map(|&row| &data[row * width(data)..][..width(data)]).copied().collect::<Vec<f32>>();
    let as_before = |group: &wgpu_optim::step::Group<()>| {
        let (name, rule, schedules) = (group.name.clone(), group.rule.clone(), group.schedules.clone());
        Group { name, rule, params: Vec::new(), clip: group.clip, schedules } // as they are set now
    };
    let mut groups: Vec<Group> = old.groups().iter().map(as_before).collect();
    for name in old.names() {
        let values = old.read_value(name).await?;
        let [value, gradient] = place(&gather(&values));
        groups[old.group_of(name)?].params.push(Param::new(name, &[rows.len(), width(&values)], value, gradient));
    }
    let new = Optimizer::with_pipelines(old.pipelines(), queue, groups, *old.options())?; // compiles nothing
    let (steps, scalars) = (old.read_steps().await?, old.read_scalars().await?);
    for (index, name) in old.names().enumerate() {
        for state in old.state_names(name)? {
            new.write_state(name, state, &gather(&old.read_state(name, state).await?))?;
        }
        new.write_steps(name, steps[index])?;
        new.write_scalars(name, &scalars[index])?;
    }
    new.write_progress(&old.read_progress().await?)?;
    Ok(new)
}

/// Trains 6 points, drops two, and trains on; returns the points that stayed, and those of a run that dropped none.
///
/// # Errors
///
/// An adapter that is not there, or what the optimizer refuses.
pub fn run() -> Result<[Vec<f32>; 2], Box<dyn Error>> {
    use wgpu::util::{BufferInitDescriptor, DeviceExt};
    let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
    // A slope takes the place of a backward pass.
    let place = |values: &[f32], slope: f32| {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        [values, &vec![slope; values.len()]]
            .map(|data| gpu.device.create_buffer_init(&BufferInitDescriptor { label: None, contents: bytemuck::cast_slice(data), usage }))
    };
    let steps = |optimizer: &Optimizer| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        (0..3).for_each(|_| optimizer.step(&mut encoder));
        gpu.queue.submit([encoder.finish()]);
    };
    let [value, gradient] = place(&(0..18).map(|i| i as f32).collect::<Vec<_>>(), 1.0);
    let all = Optimizer::new(&gpu.device, &gpu.queue, AdamW::default(), [Param::new("means", &[6, 3], value, &gradient)])?;
    steps(&all);
    let fewer = pollster::block_on(with_rows(&all, &gpu.queue, 6, &[0, 2, 3, 5], |values| place(values, -0.25)))?;
    gpu.queue.write_buffer(&gradient, 0, bytemuck::cast_slice(&[-0.25_f32; 18]));
    [&fewer, &all].into_iter().for_each(steps);
    Ok([pollster::block_on(fewer.read_value("means"))?, pollster::block_on(all.read_value("means"))?])
}

#[allow(dead_code, reason = "the test suite runs `run` itself")]
fn main() -> Result<(), Box<dyn Error>> {
    let [fewer, all] = run()?;
    println!("without two points:\n{fewer:?}\nwith all:\n{all:?}");
    Ok(())
}
