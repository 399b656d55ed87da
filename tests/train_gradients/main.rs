//! The gradients of `examples/train` against an f64 network on the CPU, and that network against central differences.

#[path = "../../examples/train/model/mod.rs"]
mod model;
#[path = "../../examples/train/random.rs"]
mod random;
mod reference;

use std::io::Write;

use model::{Feed, Model, Room, Rows, Stats, Steps, read};
use pollster::block_on;
use random::Random;
use reference::{Layer, Uncertain, differentiate, forward, mean_loss};
use wgpu_optim::adapter::{DeviceLimits, Gpu, request};
use wgpu_optim::batches::{CpuBatches, Cursor, Sampler};
use wgpu_optim::{Error, Optimizer, Sgd, Tensors, wgpu};

/// White in the random images; a power of two, so scaled pixels are exact.
const WHITE: u32 = 16;
/// The most steps of an epoch.
const STEPS: usize = 2;

/// A random network and random images.
struct Scene {
    widths: Vec<usize>,
    layers: Vec<Layer>,
    pixels: Vec<u8>,
    labels: Vec<u32>,
}

impl Scene {
    fn new(widths: &[usize], images: usize) -> Self {
        let mut random = Random::new(7, images as u64);
        let mut value = |bound: f32| Uncertain::exact(f64::from(bound * random.signed()));
        let layers = widths.windows(2).map(|pair| {
            let bound = (6.0 / pair[0] as f32).sqrt();
            let weight = (0..pair[1]).map(|_| (0..pair[0]).map(|_| value(bound)).collect()).collect();
            Layer { weight, bias: (0..pair[1]).map(|_| value(0.5)).collect() }
        });
        let layers = layers.collect();
        let pixels = (0..images * widths[0]).map(|_| random.below(WHITE as usize + 1) as u8).collect();
        let labels = (0..images).map(|_| random.below(widths[widths.len() - 1]) as u32).collect();
        Scene { widths: widths.to_vec(), layers, pixels, labels }
    }

    /// These images.
    fn rows(&self, images: &[u32]) -> reference::Rows {
        let row = |&image: &u32| {
            let start = image as usize * self.widths[0];
            let pixels = &self.pixels[start..start + self.widths[0]];
            let inputs = pixels.iter().map(|&pixel| Uncertain::exact(f64::from(pixel) / f64::from(WHITE)));
            (inputs.collect(), self.labels[image as usize] as usize)
        };
        images.iter().map(row).collect()
    }
}

/// The f32 values or gradients of a layer, in the order of its tensors.
fn tensors(layer: &Layer) -> [Vec<Uncertain>; 2] {
    [layer.weight.concat(), layer.bias.clone()]
}

fn values(tensor: &[Uncertain]) -> Vec<f32> {
    tensor.iter().map(|uncertain| uncertain.value as f32).collect()
}

/// The network on the GPU, its gradients poisoned, and an epoch of two steps.
struct Setup {
    gpu: Gpu,
    names: Vec<String>,
    optimizer: Optimizer,
    model: Model,
    rows: Rows,
    sampler: Sampler,
    step_rows: u32,
}

impl Setup {
    /// Steps of so many rows, in batches of the sampler's size.
    fn new(gpu: &Gpu, scene: &Scene, sampler: Sampler, step_rows: u32) -> Self {
        let (device, queue) = (&gpu.device, &gpu.queue);
        let shapes = model::shapes(&scene.widths);
        let tensors = Tensors::new(device, shapes.clone()).unwrap();
        for ((name, _), values) in shapes.iter().zip(scene.layers.iter().flat_map(self::tensors)) {
            tensors.write_value(queue, name, &self::values(&values)).unwrap();
            tensors.write_gradient(queue, name, &vec![f32::NAN; values.len()]).unwrap();
        }
        let rows = Rows::new(device, &scene.pixels, &scene.labels, 1.0 / f64::from(WHITE));
        let room = Room { capacity: sampler.batch_size as usize, places: sampler.rows as usize, slots: STEPS };
        let model = Model::new(device, &tensors, &scene.widths, room).unwrap();
        // Only to read gradients with.
        let optimizer = Optimizer::new(device, queue, Sgd::default(), tensors.params()).unwrap();
        let names = shapes.into_iter().map(|(name, _)| name).collect();
        Setup { gpu: gpu.clone(), names, optimizer, model, rows, sampler, step_rows }
    }

    /// The epoch in one submission: the gradients of its last step, and the sums of each.
    fn run(&self) -> (Vec<Vec<f32>>, Vec<Stats>) {
        let sums = self.epoch(Model::differentiate);
        (self.names.iter().map(|name| block_on(self.optimizer.read_gradient(name)).unwrap()).collect(), sums)
    }

    fn evaluate(&self) -> Vec<Stats> {
        self.epoch(Model::evaluate)
    }

    fn epoch(&self, record: fn(&Model, &mut wgpu::CommandEncoder, &Feed)) -> Vec<Stats> {
        let Gpu { device, queue, .. } = &self.gpu;
        let steps = Steps { rows: self.step_rows, all: self.sampler.rows, slot: 0, padding: 0 };
        let feed = self.model.feed(device, queue, &self.rows, self.sampler, steps).unwrap();
        let mut encoder = device.create_command_encoder(&Default::default());
        self.model.sums.clear(&mut encoder, 0..STEPS as u64);
        for _ in 0..self.sampler.rows.div_ceil(self.step_rows) {
            record(&self.model, &mut encoder, &feed);
        }
        queue.submit([encoder.finish()]);
        read(device, queue, &self.model.sums.buffer).unwrap()
    }
}

/// Fails on NaN and on the first element beyond its tolerance.
fn check(name: &str, got: &[f32], want: &[Uncertain]) -> Result<(), String> {
    if got.len() != want.len() {
        return Err(format!("{name}: {} elements instead of {}", got.len(), want.len()));
    }
    for (index, (&got, want)) in got.iter().zip(want).enumerate() {
        let within = (f64::from(got) - want.value).abs() <= want.tolerance();
        if !within {
            return Err(format!("{name}[{index}]: {got:e} instead of {:e}, give or take {:e}", want.value, want.tolerance()));
        }
    }
    Ok(())
}

/// A device with no more than WebGPU's default limits. Without an adapter the test says so and passes, unless `REQUIRE_GPU=1`.
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

#[test]
fn gradients_are_those_of_the_f64_network() {
    let Some(gpu) = gpu("gradients_are_those_of_the_f64_network") else { return };
    // Rows of the last step: the example's batch, more than the loss kernel has invocations, a part of a tile, one. Widths: the example's,
    // two hidden layers, and none above the inputs a multiple of a workgroup's tile.
    let two_steps = [(&[64, 128, 10][..], 32), (&[64, 128, 10], 65), (&[64, 128, 64, 10], 33), (&[8, 12, 20, 5], 37), (&[8, 12, 3], 1)];
    for (widths, last) in two_steps {
        // The step before leaves rows behind that must not matter.
        check_epoch(&gpu, widths, Sampler { rows: 67 + last, batch_size: 67, seed: 5, ..Default::default() }, 67);
    }
    // One step in batches that add up, the last of them not full.
    check_epoch(&gpu, &[8, 12, 20, 5], Sampler { rows: 37, batch_size: 16, seed: 5, ..Default::default() }, 37);
}

fn check_epoch(gpu: &Gpu, widths: &[usize], sampler: Sampler, step_rows: u32) {
    let scene = Scene::new(widths, sampler.rows as usize);
    let setup = Setup::new(gpu, &scene, sampler, step_rows);
    let (gradients, sums) = setup.run();
    let batches = CpuBatches::new(sampler, Cursor::default()).unwrap();
    let images: Vec<u32> = batches.take_while(|(batch, _)| batch.epoch == 0).flat_map(|(_, images)| images).collect();
    let steps: Vec<&[u32]> = images.chunks(step_rows as usize).collect();
    let rows = scene.rows(steps[steps.len() - 1]);
    let (loss, want) = differentiate(&scene.layers, &rows);
    let got = sums[steps.len() - 1];
    check("loss", &[got.loss], &[loss]).unwrap();
    for ((name, got), want) in setup.names.iter().zip(&gradients).zip(want.iter().flat_map(tensors)) {
        check(name, got, &want).unwrap_or_else(|error| panic!("{widths:?}, {sampler:?}: {error}"));
    }
    let classes = classes(&scene.layers, &rows);
    let right = classes.iter().zip(&rows).filter(|(class, (_, label))| **class as usize == *label).count();
    assert_eq!(got.correct as usize, right);
    let places: Vec<u32> = read(&gpu.device, &gpu.queue, &setup.model.classes).unwrap();
    assert_eq!(places[images.len() - rows.len()..], classes);
    assert_eq!(setup.evaluate(), sums, "the forward pass alone gives other sums");
    assert_eq!(setup.run(), (gradients, sums), "the same again gives other bits");
}

/// The class of the largest logit of each row.
fn classes(layers: &[Layer], rows: &reference::Rows) -> Vec<u32> {
    let class = |(inputs, _): &(Vec<Uncertain>, usize)| {
        let logits = &forward(layers, inputs)[layers.len()];
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].value.total_cmp(&logits[a].value));
        let [first, second] = [order[0], order[1]].map(|class| &logits[class]);
        assert!(first.value - second.value > 2.0 * first.tolerance().max(second.tolerance()), "the scene has a tie");
        order[0] as u32
    };
    rows.iter().map(class).collect()
}

/// Some 20 roundings by 2^-53 of a loss of up to 4, over a step of 1e-5, are 9e-10; the cubic term of the difference, 1e-10 / 6 of a
/// third derivative around 1, is less. Measured: 4e-11.
#[test]
fn the_f64_network_agrees_with_central_differences() {
    const STEP: f64 = 1e-5;
    const TOLERANCE: f64 = 1e-9;
    let mut scene = Scene::new(&[8, 12, 8, 5], 7);
    let rows = scene.rows(&[0, 1, 2, 3, 4, 5, 6]);
    let (_, gradients) = differentiate(&scene.layers, &rows);
    for (layer, gradient) in gradients.iter().enumerate() {
        for (row, weights) in gradient.weight.iter().enumerate() {
            for (column, analytic) in weights.iter().chain([&gradient.bias[row]]).enumerate() {
                let original = *parameter(&mut scene.layers[layer], row, column);
                let mut shifted = |step: f64| {
                    *parameter(&mut scene.layers[layer], row, column) = original + step;
                    mean_loss(&scene.layers, &rows)
                };
                let difference = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                *parameter(&mut scene.layers[layer], row, column) = original;
                let error = (difference - analytic.value).abs();
                assert!(error <= TOLERANCE, "layer {layer} [{row}][{column}]: {difference:e} and {:e}", analytic.value);
            }
        }
    }
}

/// A weight, or in the column after the last one the bias.
fn parameter(layer: &mut Layer, row: usize, column: usize) -> &mut f64 {
    let Layer { weight, bias } = layer;
    &mut weight[row].get_mut(column).unwrap_or(&mut bias[row]).value
}

#[test]
fn the_checker_fails_where_it_must() {
    let scene = Scene::new(&[8, 12, 5], 9);
    let (_, gradients) = differentiate(&scene.layers, &scene.rows(&[0, 1, 2, 3, 4, 5, 6, 7, 8]));
    let [want, _] = tensors(&gradients[1]);
    let right = values(&want);
    let last = right.len() - 1;
    let changed = |index: usize, value: f32| {
        let mut wrong = right.clone();
        wrong[index] = value;
        check("changed", &wrong, &want)
    };
    assert_eq!(check("right", &right, &want), Ok(()));
    assert!(changed(3, f32::NAN).is_err());
    assert!(changed(last, (want[last].value + 1.5 * want[last].tolerance()) as f32).is_err());
    assert!(check("short", &right[..last], &want).is_err());
    assert!(check("untouched", &vec![0.0; right.len()], &want).is_err());
}
