//! The landscape, live: which learning rate suits each optimizer is tried on the GPU first, then their trails go on step by step.

use std::sync::{Arc, OnceLock};

use wgpu_optim::adapter::Gpu;
use wgpu_optim::{Group, Optimizer, Tensors, checked, wgpu};

use crate::Failure;
use crate::contenders::{self, Contender};
use crate::contours::Grid;
use crate::field::{Field, Run};
use crate::functions;
use crate::race::{self, Lineup};
use crate::score;

/// Steps of each trial, those of `docs/landscape.png`.
const STEPS: usize = 500;
/// Steps of the trials that are submitted together, so that training goes on meanwhile.
const TOGETHER: usize = 20;
/// Levels of a map.
const LEVELS: usize = 16;

type Asked = Arc<OnceLock<Result<(), wgpu::BufferAsyncError>>>;

/// The chosen optimizers, with all learning rates of the grid on all functions under way.
pub struct Trials {
    contenders: Vec<Contender>,
    lineup: Lineup,
    steps: usize,
    /// Whether the GPU has done what was submitted.
    idle: Arc<OnceLock<()>>,
    asked: Option<Asked>,
    seed: u32,
}

/// The chosen optimizers, each with the learning rate that suits it on each function.
pub struct Landscape {
    gpu: &'static Gpu,
    contenders: Vec<Contender>,
    /// By function and contender.
    rates: Vec<Vec<Option<f64>>>,
    seed: u32,
    live: Option<Live>,
}

/// Trails that go on.
struct Live {
    optimizer: Optimizer,
    field: Field,
    steps: usize,
    most: usize,
    asked: Option<Asked>,
    trails: Vec<Vec<[f32; 2]>>,
}

impl Trials {
    /// Begins them.
    ///
    /// # Errors
    ///
    /// Unknown names, or what the device refuses.
    pub async fn new(gpu: &'static Gpu, names: &[String], seed: u32) -> Result<Self, Failure> {
        let contenders = contenders::named(names)?;
        let lineup = checked(&gpu.device, || Ok(Lineup::new(gpu, &contenders, STEPS, seed))).await??;
        let (steps, asked) = (0, None);
        let mut trials = Trials { contenders, lineup, steps, idle: Arc::default(), asked, seed };
        trials.submit(gpu, |trials, encoder| trials.lineup.field.record(encoder));
        Ok(trials)
    }

    fn submit(&mut self, gpu: &Gpu, record: impl FnOnce(&mut Self, &mut wgpu::CommandEncoder)) {
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("trials") });
        record(self, &mut encoder);
        gpu.queue.submit([encoder.finish()]);
        self.idle = Arc::default();
        let idle = self.idle.clone();
        // It comes once.
        gpu.queue.on_submitted_work_done(move || idle.set(()).unwrap_or_default());
    }

    /// Goes on with them once the GPU has nothing of theirs to do. Returns what they found, if they are done.
    ///
    /// # Errors
    ///
    /// A lost device.
    pub fn done(mut self, gpu: &'static Gpu) -> Result<Result<Landscape, Self>, Failure> {
        let Some(asked) = &self.asked else {
            if self.idle.get().is_some() {
                self.submit(gpu, |trials, encoder| {
                    let steps = TOGETHER.min(STEPS - trials.steps);
                    (0..steps).for_each(|_| race::step(encoder, &trials.lineup.optimizer, &trials.lineup.field));
                    trials.steps += steps;
                    if trials.steps == STEPS {
                        trials.lineup.field.copy(encoder, STEPS + 1);
                    }
                });
                self.asked = (self.steps == STEPS).then(|| self.lineup.field.ask());
            }
            return Ok(Err(self));
        };
        match asked.get() {
            Some(mapped) => mapped.clone()?,
            None => return Ok(Err(self)),
        }
        let Trials { contenders, lineup, seed, .. } = self;
        let trails = lineup.field.trails(STEPS + 1)?;
        let trials = lineup.trials(trails);
        let rate = |function, contender| score::pick(&trials, function, contender).and_then(|pick| pick.trial.lr);
        let of_function = |function| (0..contenders.len()).map(|contender| rate(function, contender)).collect();
        let rates = (0..functions::ALL.len()).map(of_function).collect();
        Ok(Ok(Landscape { gpu, contenders, rates, seed, live: None }))
    }
}

impl Landscape {
    /// For people, with the learning rate on a function.
    pub fn titles(&self, function: usize) -> Vec<(&str, Option<f64>)> {
        self.contenders.iter().zip(&self.rates[function]).map(|(contender, lr)| (&*contender.title, *lr)).collect()
    }

    /// Begins trails of at most so many steps from a point.
    ///
    /// # Errors
    ///
    /// What the device refuses.
    pub async fn begin(&mut self, function: usize, start: [f32; 2], steps: usize) -> Result<(), Failure> {
        let Landscape { gpu, contenders, rates, seed, .. } = self;
        let Gpu { device, queue, pipelines, .. } = *gpu;
        let make = || -> Result<Live, Failure> {
            let run = |contender: &Contender| Run { param: contender.name.clone(), function, start };
            let runs: Vec<Run> = contenders.iter().map(run).collect();
            let tensors = Tensors::new(device, runs.iter().map(|run| (&*run.param, [2])))?;
            let group = |((contender, lr), param): ((&Contender, &Option<f64>), _)| {
                let mut rule = contender.rule.clone();
                if let Some(lr) = lr {
                    rule.set("lr", *lr);
                }
                Group::new(rule, [param])
            };
            let groups = contenders.iter().zip(&rates[function]).zip(tensors.params()).map(group);
            let optimizer = Optimizer::with_pipelines(pipelines, queue, groups, Default::default())?;
            let field = Field::new(device, queue, &tensors, &runs, steps + 1, *seed)?;
            let trails = vec![vec![start]; runs.len()];
            Ok(Live { optimizer, field, steps: 0, most: steps, asked: None, trails })
        };
        let live = checked(device, || Ok(make())).await??;
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("trails") });
        live.field.record(&mut encoder);
        queue.submit([encoder.finish()]);
        self.live = Some(live);
        Ok(())
    }

    /// Goes on by some steps, once the last ones have come back. Says after how many steps the trails are.
    ///
    /// # Errors
    ///
    /// A lost device.
    pub fn frame(&mut self, steps: usize) -> Result<usize, Failure> {
        let Some(live) = &mut self.live else { return Ok(0) };
        if let Some(asked) = &live.asked {
            match asked.get() {
                Some(mapped) => mapped.clone()?,
                None => return Ok(live.trails[0].len() - 1),
            }
            live.asked = None;
            live.trails = live.field.trails(live.steps + 1)?;
        }
        let steps = steps.min(live.most - live.steps);
        if steps > 0 {
            let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("trails") });
            (0..steps).for_each(|_| race::step(&mut encoder, &live.optimizer, &live.field));
            live.steps += steps;
            live.field.copy(&mut encoder, live.steps + 1);
            self.gpu.queue.submit([encoder.finish()]);
            live.asked = Some(live.field.ask());
        }
        Ok(live.trails[0].len() - 1)
    }

    /// The trail of each optimizer, as x, y, x, y.
    pub fn trails(&self) -> Vec<Vec<f32>> {
        let of = |live: &Live| live.trails.iter().map(|trail| trail.concat()).collect();
        self.live.as_ref().map(of).unwrap_or_default()
    }
}

/// A function's map: its level lines, largest first, each as its level, how many points, and these. Filling one after the other gives the picture.
pub fn map(function: usize) -> Vec<f32> {
    let of = &functions::ALL[function];
    let grid = Grid::new(of.value, of.window);
    let levels = grid.levels(LEVELS);
    let line = |ring: &crate::contours::Ring| {
        // Where the inside is above the level, it is filled as the band above.
        let band = if ring.area > 0.0 { ring.level as f32 } else { ring.level as f32 + 1.0 };
        let points = ring.points.iter().flatten().map(|&coordinate| coordinate as f32);
        [band, ring.points.len() as f32].into_iter().chain(points).collect::<Vec<f32>>()
    };
    grid.rings(&levels).iter().flat_map(line).collect()
}

/// A function's value.
pub fn value(function: usize, [x, y]: [f64; 2]) -> f64 {
    (functions::ALL[function].value)(x, y)
}

/// Of each function: title, formula, window, start, minima.
pub fn describe(function: usize) -> Option<(&'static str, &'static str, Vec<f64>, Vec<f64>)> {
    let of = functions::ALL.get(function)?;
    let start = of.start.map(f64::from);
    Some((of.title, of.formula, of.window.concat(), [&start[..], &of.minima.concat()].concat()))
}
