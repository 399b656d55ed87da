//! The kernels, on a device with no more than WebGPU's default limits.

use std::io::Write;

use pollster::block_on;
use wgpu_optim::adapter::{DeviceLimits, Gpu, request};
use wgpu_optim::{Error, Optimizer, Sgd, Tensors, wgpu};

use crate::field::{Field, Run};
use crate::functions::{self, Function};
use crate::noise::uniform_noise;

const SEED: u32 = 5;

/// Without an adapter the test says so and passes, unless `REQUIRE_GPU=1`.
fn gpu(test: &str) -> Option<Gpu> {
    let required = std::env::var("REQUIRE_GPU").is_ok_and(|value| value == "1");
    match block_on(request(DeviceLimits::Limited(Box::default()))) {
        Ok(gpu) => Some(gpu),
        Err(error @ Error::NoAdapter { .. }) if !required => {
            #[expect(clippy::explicit_write, reason = "libtest does not show what a passing test prints with eprintln")]
            writeln!(std::io::stderr(), "test {test} ... ignored: {error}").unwrap();
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs at points of their own.
struct Scene {
    gpu: Gpu,
    tensors: Tensors,
    runs: Vec<Run>,
    field: Field,
}

impl Scene {
    fn new(gpu: Gpu, places: &[(usize, [f32; 2])], points: usize) -> Self {
        let run = |(index, &(function, start)): (usize, &(usize, _))| Run { param: format!("run {index}"), function, start };
        let runs: Vec<Run> = places.iter().enumerate().map(run).collect();
        let tensors = Tensors::new(&gpu.device, runs.iter().map(|run| (&*run.param, [2]))).unwrap();
        let field = Field::new(&gpu.device, &gpu.queue, &tensors, &runs, points, SEED).unwrap();
        for run in &runs {
            tensors.write_gradient(&gpu.queue, &run.param, &[f32::NAN; 2]).unwrap();
        }
        Scene { gpu, tensors, runs, field }
    }

    fn submit(&self, record: impl FnOnce(&mut wgpu::CommandEncoder)) {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
    }

    fn gradients(&self) -> Vec<[f32; 2]> {
        let read = |run: &Run| block_on(self.tensors.read_gradient(&self.gpu.queue, &run.param)).unwrap();
        self.runs.iter().map(|run| read(run).try_into().unwrap()).collect()
    }
}

/// The noise of a run's gradient, which is exact in f32 but for two roundings.
fn noise(function: &Function, step: u32, run: u32) -> [f32; 2] {
    [0, 1].map(|axis| function.noise * 1.732_050_8 * uniform_noise(SEED, step, 2 * run + axis))
}

/// Central differences; with this step the cubic term and the rounding are below 1e-5 on all windows.
fn differences(function: &Function, [x, y]: [f64; 2]) -> [f64; 2] {
    const STEP: f64 = 1e-5;
    let value = function.value;
    [value(x + STEP, y) - value(x - STEP, y), value(x, y + STEP) - value(x, y - STEP)].map(|difference| difference / (2.0 * STEP))
}

/// 9 x 9 points of the window.
fn window(function: &Function) -> Vec<[f32; 2]> {
    let at = |axis: usize, index: usize| {
        let [least, greatest] = function.window[axis];
        (least + (greatest - least) * index as f64 / 8.0) as f32
    };
    (0..81).map(|index| [at(0, index % 9), at(1, index / 9)]).collect()
}

/// Fails on NaN too. Terms that cancel are rounded to 2^-24 of themselves; 1e-6 of the largest gradient around is some dozen of that.
fn check(got: [f32; 2], want: [f64; 2], largest: f64) -> Result<(), String> {
    let within = |axis: usize| (f64::from(got[axis]) - want[axis]).abs() <= 1e-6 * largest;
    if within(0) && within(1) { Ok(()) } else { Err(format!("{got:?} instead of {want:?}, give or take {:e}", 1e-6 * largest)) }
}

fn largest(function: &Function) -> f64 {
    let points = window(function).into_iter().map(|point| differences(function, point.map(f64::from)));
    points.flatten().map(f64::abs).fold(0.0, f64::max)
}

#[test]
fn gradients_are_those_of_the_functions() {
    let Some(gpu) = gpu("gradients_are_those_of_the_functions") else { return };
    let places = |index: usize| window(&functions::ALL[index]).into_iter().map(move |point| (index, point));
    let places: Vec<(usize, [f32; 2])> = (0..functions::ALL.len()).flat_map(places).collect();
    let scene = Scene::new(gpu, &places, 1);
    scene.submit(|encoder| scene.field.differentiate(encoder));
    for ((run, got), (index, point)) in (0..).zip(scene.gradients()).zip(places) {
        let function = &functions::ALL[index];
        let (noise, want) = (noise(function, 0, run), differences(function, point.map(f64::from)));
        let want = [0, 1].map(|axis| want[axis] + f64::from(noise[axis]));
        check(got, want, largest(function)).unwrap_or_else(|error| panic!("{} at {point:?}: {error}", function.name));
    }
}

/// What is left at a minimum is the noise, bit for bit, after any number of steps; and, where the minimum is not a number of f32, its rounding.
#[test]
fn gradients_at_the_minima_are_the_noise() {
    let Some(gpu) = gpu("gradients_at_the_minima_are_the_noise") else { return };
    let places = |(index, function): (usize, &Function)| function.minima.iter().map(move |minimum| (index, *minimum)).collect::<Vec<_>>();
    let minima: Vec<(usize, [f64; 2])> = functions::ALL.iter().enumerate().flat_map(places).collect();
    let places: Vec<(usize, [f32; 2])> = minima.iter().map(|&(index, minimum)| (index, minimum.map(|x| x as f32))).collect();
    let scene = Scene::new(gpu, &places, 4);
    for step in 0..4 {
        scene.submit(|encoder| {
            scene.field.differentiate(encoder);
            scene.field.record(encoder);
        });
        for ((run, got), (index, minimum)) in (0..).zip(scene.gradients()).zip(&minima) {
            let function = &functions::ALL[*index];
            let noise = noise(function, step, run);
            if minimum.map(|x| f64::from(x as f32)) == *minimum {
                assert_eq!(got, noise, "{} at {minimum:?}, step {step}", function.name);
            } else {
                check(got, noise.map(f64::from), largest(function)).unwrap();
            }
        }
    }
}

/// f32 rounds some 1e-7 of a gradient of 1e2, times the learning rate, in each of the steps.
#[test]
fn trails_are_where_the_steps_lead() {
    const STEPS: usize = 5;
    const LR: f64 = 1e-3;
    let Some(gpu) = gpu("trails_are_where_the_steps_lead") else { return };
    let places: Vec<(usize, [f32; 2])> = functions::ALL.iter().map(|function| function.start).enumerate().collect();
    let scene = Scene::new(gpu, &places, STEPS + 1);
    let rule = Sgd { lr: LR, ..Sgd::default() };
    let optimizer = Optimizer::new(&scene.gpu.device, &scene.gpu.queue, rule, scene.tensors.params()).unwrap();
    scene.submit(|encoder| {
        scene.field.record(encoder);
        for _ in 0..STEPS {
            scene.field.differentiate(encoder);
            optimizer.step(encoder);
            scene.field.record(encoder);
        }
        scene.field.copy(encoder, STEPS + 1);
    });
    let copied = scene.field.ask();
    scene.gpu.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    copied.get().cloned().unwrap().unwrap();
    let trails = scene.field.trails(STEPS + 1).unwrap();
    for ((run, function), trail) in (0..).zip(&functions::ALL).zip(trails) {
        assert_eq!((trail.len(), trail[0]), (STEPS + 1, function.start), "{}", function.name);
        let mut point = function.start.map(f64::from);
        // The first point is recorded before the first gradient, so the noise begins with its second number.
        for (step, got) in (1..).zip(&trail[1..]) {
            let (gradient, noise) = (differences(function, point), noise(function, step, run));
            point = [0, 1].map(|axis| point[axis] - LR * (gradient[axis] + f64::from(noise[axis])));
            let distance = (point[0] - f64::from(got[0])).hypot(point[1] - f64::from(got[1]));
            assert!(distance < 2e-6, "{} after {step} steps: {got:?} instead of {point:?}", function.name);
        }
    }
}

#[test]
fn functions_are_0_at_their_minima() {
    for function in &functions::ALL {
        for &[x, y] in function.minima {
            assert!((function.value)(x, y) < 1e-24, "{} at {x}, {y}", function.name);
            let [across, up] = differences(function, [x, y]);
            assert!(across.hypot(up) < 1e-7, "{} at {x}, {y}: gradient {across:e}, {up:e}", function.name);
        }
        let shown = function.minima.iter().copied().chain([function.start.map(f64::from)]);
        let inside = |point: [f64; 2]| (0..2).all(|axis| function.window[axis][0] < point[axis] && point[axis] < function.window[axis][1]);
        assert!(shown.into_iter().all(inside), "{}: the start or a minimum is outside of the window", function.name);
    }
}

#[test]
fn the_checker_fails_where_it_must() {
    for function in &functions::ALL {
        let (point, largest) = (function.start.map(f64::from), largest(function));
        let want = differences(function, point);
        let right = want.map(|value| value as f32);
        assert_eq!(check(right, want, largest), Ok(()));
        let wrong = [[f32::NAN, right[1]], [0.0; 2], [right[1], right[0]], right.map(|value| 1.01 * value), right.map(|value| -value)];
        assert!(wrong.into_iter().all(|wrong| check(wrong, want, largest).is_err()), "{}", function.name);
    }
}
