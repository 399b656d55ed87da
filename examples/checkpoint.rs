//! A checkpoint in both directions: everything that a run needs to go on as if it had not stopped, bit for bit. See `docs/guide`.

use std::error::Error;

use wgpu_optim::adapter::{DeviceLimits, Gpu, request};
use wgpu_optim::{Checkpoint, DynamicScale, Ema, Group, LossScale, NAdam, Optimizer, Options, Schedule, Tensors};

/// What the guide shows.
///
/// # Errors
///
/// A read-back that does not arrive, or a file that cannot be written.
pub async fn save(optimizer: &Optimizer, path: &str) -> wgpu_optim::Result<()> {
    let mut checkpoint = optimizer.checkpoint().await?; // one copy, one wait
    checkpoint.set_note("epoch", "7"); // whatever else your program goes on from
    checkpoint.save(path)
}

/// What the guide shows: into an optimizer with the same parameters, rules and settings.
///
/// # Errors
///
/// A file that cannot be read, or what does not fit.
pub fn load(optimizer: &Optimizer, path: &str) -> wgpu_optim::Result<()> {
    let checkpoint = Checkpoint::load(path)?;
    optimizer.restore(&checkpoint, Default::default())?;
    println!("epoch {}", checkpoint.note("epoch").unwrap_or("?"));
    Ok(())
}

/// NAdam carries a scalar from step to step; schedule, loss scale and average have counters of their own.
fn optimizer(gpu: &Gpu, tensors: &Tensors) -> wgpu_optim::Result<Optimizer> {
    let schedules = vec![("lr".to_owned(), Schedule::Cosine { from: 0.1, to: 0.0, steps: 10 })];
    let group = Group { schedules, ..Group::new(NAdam::default(), tensors.params()) };
    let loss_scale = LossScale::Dynamic(DynamicScale { init: 8.0, interval: 3, ..Default::default() });
    let options = Options { loss_scale, ema: Some(Ema { warm_up: true, ..Default::default() }), ..Default::default() };
    Optimizer::with_options(&gpu.device, &gpu.queue, [group], options)
}

/// Steps along gradients that the host writes, in place of a backward pass.
fn steps(gpu: &Gpu, optimizer: &Optimizer, tensors: &Tensors, numbers: std::ops::Range<u32>) -> wgpu_optim::Result<()> {
    for number in numbers {
        let gradient: Vec<f32> = (0..12).map(|i| ((i * i + 3 * number) as f32).sin()).collect();
        let place = tensors.gradient("w")?;
        gpu.queue.write_buffer(place.buffer(), place.offset(), bytemuck::cast_slice(&gradient));
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
    }
    Ok(())
}

/// Ten steps in one run and in two; returns value and average of either.
///
/// # Errors
///
/// An adapter that is not there, or what the optimizer refuses.
pub fn run() -> Result<[Vec<Vec<f32>>; 2], Box<dyn Error>> {
    let gpu = pollster::block_on(request(DeviceLimits::Adapter))?;
    let tensors = || Tensors::new(&gpu.device, [("w", [4, 3])]);
    let end = |optimizer: &Optimizer| -> wgpu_optim::Result<Vec<Vec<f32>>> {
        pollster::block_on(async { Ok(vec![optimizer.read_value("w").await?, optimizer.read_state("w", "ema").await?]) })
    };
    let (first, second) = (tensors()?, tensors()?);
    let (running, resumed) = (optimizer(&gpu, &first)?, optimizer(&gpu, &second)?);
    steps(&gpu, &running, &first, 0..5)?;
    let path = std::env::temp_dir().join(format!("wgpu-optim-example-{}.safetensors", std::process::id()));
    let path = path.to_string_lossy();
    pollster::block_on(save(&running, &path))?;
    load(&resumed, &path)?;
    std::fs::remove_file(&*path)?;
    steps(&gpu, &running, &first, 5..10)?;
    steps(&gpu, &resumed, &second, 5..10)?;
    Ok([end(&running)?, end(&resumed)?])
}

#[allow(dead_code, reason = "the test suite runs `run` itself")]
fn main() -> Result<(), Box<dyn Error>> {
    let [through, resumed] = run()?;
    println!("a run of ten steps ends at\n{through:?}\nand one that was resumed at\n{resumed:?}");
    Ok(())
}
