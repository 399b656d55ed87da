//! The gradients of `examples/train` against an f64 network on the CPU, and that network against central differences.

#[path = "../../examples/train/model/mod.rs"]
mod model;
#[path = "../../examples/train/random.rs"]
mod random;
mod reference;

use std::io::Write;

use model::{Batch, Batches, Model, Samples, Stats};
use pollster::block_on;
use random::Random;
use reference::{Layer, Rows, Uncertain, differentiate, forward, mean_loss};
use wgpu_optim::adapter::{Allowance, Gpu, request};
use wgpu_optim::{Error, Optimizer, Sgd, Tensors, wgpu};

/// White in the random images; a power of two, so scaled pixels are exact.
const WHITE: u32 = 16;

/// A random network and random images.
struct Scene {
    widths: Vec<usize>,
    layers: Vec<Layer>,
    pixels: Vec<u8>,
    labels: Vec<u32>,
    order: Vec<u32>,
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
        let mut order: Vec<u32> = (0..images as u32).collect();
        random.shuffle(&mut order);
        Scene { widths: widths.to_vec(), layers, pixels, labels, order }
    }

    /// The images at these places of the order.
    fn rows(&self, batch: Batch) -> Rows {
        let row = |&image: &u32| {
            let start = image as usize * self.widths[0];
            let pixels = &self.pixels[start..start + self.widths[0]];
            let inputs = pixels.iter().map(|&pixel| Uncertain::exact(f64::from(pixel) / f64::from(WHITE)));
            (inputs.collect(), self.labels[image as usize] as usize)
        };
        self.order[batch.first as usize..][..batch.rows as usize].iter().map(row).collect()
    }
}

/// The f32 values or gradients of a layer, in the order of its tensors.
fn tensors(layer: &Layer) -> [Vec<Uncertain>; 2] {
    [layer.weight.concat(), layer.bias.clone()]
}

fn values(tensor: &[Uncertain]) -> Vec<f32> {
    tensor.iter().map(|uncertain| uncertain.value as f32).collect()
}

/// The network on the GPU, its gradients poisoned.
struct Setup {
    gpu: Gpu,
    names: Vec<String>,
    optimizer: Optimizer,
    model: Model,
    batches: Batches,
}

impl Setup {
    fn new(gpu: &Gpu, scene: &Scene, batches: &[Batch]) -> Self {
        let (device, queue) = (&gpu.device, &gpu.queue);
        let shapes = model::shapes(&scene.widths);
        let tensors = Tensors::new(device, shapes.clone()).unwrap();
        for ((name, _), values) in shapes.iter().zip(scene.layers.iter().flat_map(self::tensors)) {
            tensors.write_value(queue, name, &self::values(&values)).unwrap();
            tensors.write_gradient(queue, name, &vec![f32::NAN; values.len()]).unwrap();
        }
        let samples = Samples::new(device, &scene.pixels, &scene.labels, 1.0 / f64::from(WHITE));
        samples.set_order(queue, &scene.order);
        let capacity = batches.iter().map(|batch| batch.rows as usize).max().unwrap();
        let model = Model::new(device, &tensors, &samples, &scene.widths, capacity, batches.len()).unwrap();
        let batches = model.batches(device, batches.to_vec()).unwrap();
        // Only to read gradients with.
        let optimizer = Optimizer::new(device, queue, Sgd::default(), tensors.params()).unwrap();
        let names = shapes.into_iter().map(|(name, _)| name).collect();
        Setup { gpu: gpu.clone(), names, optimizer, model, batches }
    }

    /// All batches in one submission: the gradients of the last one, and the sums of each.
    fn run(&self) -> (Vec<Vec<f32>>, Vec<Stats>) {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.model.sums.clear(&mut encoder);
        for index in 0..self.batches.len() {
            self.model.differentiate(&mut encoder, &self.batches, index);
        }
        self.finish(encoder)
    }

    fn evaluate(&self) -> Vec<Stats> {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        self.model.sums.clear(&mut encoder);
        for index in 0..self.batches.len() {
            self.model.evaluate(&mut encoder, &self.batches, index);
        }
        self.finish(encoder).1
    }

    fn finish(&self, mut encoder: wgpu::CommandEncoder) -> (Vec<Vec<f32>>, Vec<Stats>) {
        self.model.sums.copy(&mut encoder);
        self.gpu.queue.submit([encoder.finish()]);
        let sums = self.model.sums.read(&self.gpu.device).unwrap();
        (self.names.iter().map(|name| block_on(self.optimizer.read_gradient(name)).unwrap()).collect(), sums)
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
    match block_on(request(Allowance::Limited(Box::default()))) {
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
    // Rows: the example's batch, more than the loss kernel has invocations, a part of a tile, one. Widths: the example's, and none
    // above the inputs a multiple of a workgroup's tile.
    for (widths, rows) in [(&[64, 128, 10][..], 32), (&[64, 128, 10], 65), (&[8, 12, 20, 5], 37), (&[8, 12, 3], 1)] {
        let scene = Scene::new(widths, 100);
        // The batch before leaves rows behind that must not matter.
        let batches = [Batch { first: 30, rows: 67, slot: 0 }, Batch { first: 3, rows, slot: 1 }];
        let setup = Setup::new(&gpu, &scene, &batches);
        let (gradients, sums) = setup.run();
        let (loss, want) = differentiate(&scene.layers, &scene.rows(batches[1]));
        check("loss", &[sums[1].loss], &[loss]).unwrap();
        for ((name, got), want) in setup.names.iter().zip(&gradients).zip(want.iter().flat_map(tensors)) {
            check(name, got, &want).unwrap_or_else(|error| panic!("{widths:?}, {rows} rows: {error}"));
        }
        assert_eq!(sums[1].correct, correct(&scene.layers, &scene.rows(batches[1])));
        assert_eq!(setup.evaluate(), sums, "the forward pass alone gives other sums");
        assert_eq!(setup.run(), (gradients, sums), "the same again gives other bits");
    }
}

/// Rows whose largest logit is that of their label.
fn correct(layers: &[Layer], rows: &Rows) -> u32 {
    let is_correct = |(inputs, label): &&(Vec<Uncertain>, usize)| {
        let logits = &forward(layers, inputs)[layers.len()];
        let others = logits.iter().enumerate().filter(|&(class, _)| class != *label);
        let margin = others.map(|(_, other)| logits[*label].value - other.value).fold(f64::INFINITY, f64::min);
        assert!(margin.abs() > 2.0 * logits[*label].tolerance(), "the scene has a tie");
        margin > 0.0
    };
    rows.iter().filter(is_correct).count() as u32
}

/// Some 20 roundings by 2^-53 of a loss of up to 4, over a step of 1e-5, are 9e-10; the cubic term of the difference, 1e-10 / 6 of a
/// third derivative around 1, is less. Measured: 4e-11.
#[test]
fn the_f64_network_agrees_with_central_differences() {
    const STEP: f64 = 1e-5;
    const TOLERANCE: f64 = 1e-9;
    let mut scene = Scene::new(&[8, 12, 8, 5], 7);
    let rows = scene.rows(Batch { first: 0, rows: 7, slot: 0 });
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
    let (_, gradients) = differentiate(&scene.layers, &scene.rows(Batch { first: 0, rows: 9, slot: 0 }));
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
