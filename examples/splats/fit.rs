//! The fit: splats that approach a picture, step by step, and every hundred steps some go and some become two.

use std::error::Error;

use serde::{Deserialize, Serialize};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Optimizer, RowChange, wgpu};

use crate::clock::{Clock, Pass};
use crate::density::{self, Density};
use crate::kernel::read;
use crate::raster::{self, LOGGED, ROOM, Raster, TILE};
use crate::splats::{KINDS, Kind, Splats};

/// Steps from one change of the density to the next.
pub const BLOCK: usize = LOGGED;
/// Steps in one submission.
const CHUNK: usize = 20;

/// A picture to fit: rows of pixels.
pub struct Goal {
    /// Width and height.
    pub size: [usize; 2],
    /// Red, green and blue.
    pub pixels: Vec<[f32; 3]>,
}

/// What happened so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// The mean squared error of each step, before it.
    pub losses: Vec<f32>,
    /// How many splats there were in each block of steps.
    pub counts: Vec<usize>,
    /// How many went, and how many were cloned, after each block.
    pub changes: Vec<[u32; 2]>,
    /// Seconds of all blocks.
    pub seconds: f64,
    /// Of these, on the GPU's clock: in the passes of the splats, and in the optimizer's.
    pub passes: [f64; 2],
}

/// A fit under way.
pub struct Fit<'a> {
    gpu: &'a Gpu,
    goal: &'a Goal,
    raster: Raster,
    density: Density,
    clock: Option<Clock>,
    /// Rows move from one of them into the other.
    sets: [Set; 2],
    current: usize,
    /// Of the current set.
    pub optimizer: Optimizer,
    count: usize,
    /// What happened so far.
    pub log: Log,
}

/// Splats, and the kernels that work on them.
struct Set {
    splats: Splats,
    raster: raster::Bound,
    density: density::Bound,
}

impl<'a> Fit<'a> {
    /// Of so many splats, whose values are not yet written.
    pub fn new(gpu: &'a Gpu, goal: &'a Goal, count: usize) -> Result<Self, Box<dyn Error>> {
        let (device, queue) = (&gpu.device, &gpu.queue);
        let raster = Raster::new(device, queue, &goal.pixels, goal.size)?;
        let density = Density::new(device, goal.pixels.len(), BLOCK);
        let set = || {
            let splats = Splats::new(device);
            Set { raster: raster.bind(device, &splats), density: density.bind(device, &raster.count, &splats), splats }
        };
        let sets = [set(), set()];
        let optimizer = sets[0].splats.optimizer(gpu, count)?;
        raster.set_count(queue, count);
        let clock = Clock::new(gpu, BLOCK);
        Ok(Fit { gpu, goal, raster, density, clock, sets, current: 0, optimizer, count, log: Log::default() })
    }

    /// Writes their values.
    pub fn write(&self, values: &[Vec<f32>; 5]) {
        self.set().splats.write(&self.gpu.queue, values);
    }

    fn set(&self) -> &Set {
        &self.sets[self.current]
    }

    /// How many splats there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Trains for a block of steps, telling after each submission how many there were.
    pub fn block(&mut self, mut tell: impl FnMut(usize)) -> Result<(), Box<dyn Error>> {
        let start = std::time::Instant::now();
        let mut last = None;
        for first in (0..BLOCK).step_by(CHUNK) {
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            if first == 0 {
                encoder.clear_buffer(&self.raster.log, 0, None);
            }
            (first..first + CHUNK).for_each(|step| self.step(&mut encoder, step));
            let submission = self.gpu.queue.submit([encoder.finish()]);
            // One submission waits in the queue while another one runs.
            if let Some(submission_index) = last.replace(submission) {
                self.gpu.device.poll(wgpu::PollType::Wait { submission_index: Some(submission_index), timeout: None })?;
                tell(self.log.losses.len() + first);
            }
        }
        self.land()?;
        self.log.seconds += start.elapsed().as_secs_f64();
        Ok(())
    }

    fn step(&self, encoder: &mut wgpu::CommandEncoder, step: usize) {
        let stamped = |label, pass| {
            let timestamp_writes = self.clock.as_ref().map(|clock| clock.writes(step, pass));
            wgpu::ComputePassDescriptor { label: Some(label), timestamp_writes }
        };
        self.raster.clear(encoder);
        let mut pass = encoder.begin_compute_pass(&stamped("splats", Pass::Splats));
        self.raster.differentiate(&mut pass, &self.set().raster, self.count);
        self.density.add(&mut pass, &self.set().density, self.count);
        drop(pass);
        self.optimizer.step_in(&mut encoder.begin_compute_pass(&stamped("step", Pass::Step)));
    }

    /// Waits for a block, and takes what it logged.
    fn land(&mut self) -> Result<(), Box<dyn Error>> {
        let Gpu { device, queue, .. } = self.gpu;
        let mut encoder = device.create_command_encoder(&Default::default());
        let stamps = self.clock.as_ref().map(|clock| clock.resolve(&mut encoder, BLOCK));
        queue.submit([encoder.finish()]);
        let buffers: Vec<_> = [&self.raster.log, &self.raster.full].into_iter().chain(stamps).collect();
        let words = read(device, queue, &buffers)?;
        if words[1] != [0] {
            return Err(format!("more than {ROOM} splats touch one tile of {TILE} x {TILE} pixels").into());
        }
        self.log.losses.extend(words[0][1..].iter().copied().map(f32::from_bits));
        self.log.counts.push(self.count);
        if let Some((clock, stamps)) = self.clock.as_ref().zip(words.get(2)) {
            let took = clock.seconds(&bytemuck::pod_collect_to_vec(bytemuck::cast_slice::<u32, u8>(stamps)));
            self.log.passes.iter_mut().zip(took).for_each(|(sum, took)| *sum += took);
        }
        match self.log.losses.iter().position(|loss| !loss.is_finite()) {
            Some(step) => Err(format!("the loss of step {} is {}", step + 1, self.log.losses[step]).into()),
            None => Ok(()),
        }
    }

    /// Drops splats, clones others, and takes the optimizer's state along. Only their number comes back to the host.
    pub fn change_density(&mut self) -> Result<(), Box<dyn Error>> {
        let start = std::time::Instant::now();
        let Gpu { device, queue, .. } = self.gpu;
        let mut encoder = device.create_command_encoder(&Default::default());
        self.density.plan(&mut encoder, &self.set().density);
        queue.submit([encoder.finish()]);
        let planned = read(device, queue, &[&self.density.planned])?.concat();
        self.log.changes.push([planned[1], planned[2]]);
        self.count = planned[0] as usize;
        if self.count == 0 {
            return Err("no splat is left".into());
        }
        self.current = 1 - self.current;
        let set = &self.sets[self.current];
        let mut encoder = device.create_command_encoder(&Default::default());
        let change = RowChange { rows: self.density.rows(self.count), params: set.splats.params(self.count), values: true };
        self.optimizer.change_rows(&mut encoder, change)?;
        self.raster.set_count(queue, self.count);
        // The averages have moved into buffers of the optimizer's that are new.
        let averages = ["positions", "scales", "opacities"].map(|name| self.optimizer.state(name, "ema"));
        let averages = averages.into_iter().collect::<Result<Vec<_>, _>>()?;
        let split = self.density.split(device, &self.raster.count, &set.splats, &averages);
        split.record(&mut encoder.begin_compute_pass(&Default::default()), [self.count.div_ceil(64) as u32, 1]);
        queue.submit([encoder.finish()]);
        self.log.seconds += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// The picture of the splats: as they are, or in the mean over the last steps.
    pub fn image(&self, averaged: bool) -> Result<Vec<[f32; 3]>, Box<dyn Error>> {
        let Gpu { device, queue, .. } = self.gpu;
        let mut encoder = device.create_command_encoder(&Default::default());
        if averaged {
            self.optimizer.evaluate(&mut encoder);
        }
        self.raster.clear(&mut encoder);
        self.raster.draw(&mut encoder.begin_compute_pass(&Default::default()), &self.set().raster, self.count);
        self.optimizer.train(&mut encoder);
        queue.submit([encoder.finish()]);
        let words = read(device, queue, &[&self.raster.image])?.concat();
        let shown = |word: u32| f32::from_bits(word).clamp(0.0, 1.0);
        Ok(words.chunks_exact(4).map(|pixel| [0, 1, 2].map(|channel| shown(pixel[channel]))).collect())
    }

    /// The values of all parameters, in the order of [`KINDS`].
    pub fn values(&self) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
        let read = |kind: &Kind| Ok(pollster::block_on(self.optimizer.read_value(kind.name))?);
        KINDS.iter().map(read).collect()
    }

    /// How near a picture is to the goal, in decibels.
    pub fn psnr(&self, image: &[[f32; 3]]) -> f64 {
        let squares = image.iter().flatten().zip(self.goal.pixels.iter().flatten()).map(|(a, b)| f64::from(a - b).powi(2));
        decibels(squares.sum::<f64>() / (3 * image.len()) as f64)
    }
}

/// The peak signal-to-noise ratio of a mean squared error.
pub fn decibels(mean_squared_error: f64) -> f64 {
    -10.0 * mean_squared_error.log10()
}
