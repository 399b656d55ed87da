//! AdamW of burn on its wgpu backend, for `cargo bench --bench step -- --burn PATH`, which asks in JSON, a line each:
//!
//! ```text
//! {"make": "burn", "shapes": [[784, 128], [128]]}  tensors and an optimizer
//! {"step": "burn"}       one step until the device is idle; the answer says how many seconds it took
//! {"first": [[784, 128]]} tensors, an optimizer and a step, and how many seconds all of that took
//! {"clear": true}        forgets all tensors
//! ```
//!
//! It begins with what it is, and with the one kind that it has. Tensors that burn leaves as they are, without an error, are an error here: those
//! larger than the device can bind.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::Instant;

use burn::module::Param;
use burn::optim::{AdamWConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Parameter = Param<Tensor<1>>;

/// Parameters, their gradients and their optimizer.
struct Model {
    device: Device,
    parameters: Vec<Parameter>,
    gradients: Vec<Tensor<1>>,
    optimizer: ModuleOptimizer,
}

impl Model {
    /// Burn's element-wise kernels do not ask for the shape, so each tensor is a vector.
    fn new(device: &Device, lengths: &[usize]) -> Self {
        let tensor = |n: usize, device: &Device| Tensor::from_data(TensorData::new(random(n), [n]), device);
        let trained = device.clone().autodiff();
        Model {
            device: device.clone(),
            parameters: lengths.iter().map(|&n| Parameter::from_tensor(tensor(n, &trained))).collect(),
            gradients: lengths.iter().map(|&n| tensor(n, device)).collect(),
            optimizer: AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(1e-2).init(),
        }
    }

    /// Makes a step, and asks whether the last value of the largest tensor is another then: burn says what went wrong when something is read.
    fn check(&mut self) -> Result<()> {
        let largest = (0..self.gradients.len()).max_by_key(|&index| self.gradients[index].dims()[0]).ok_or("no tensors")?;
        let n = self.gradients[largest].dims()[0];
        let last = |model: &Model| {
            let tensor = model.parameters[largest].val().inner();
            tensor.slice([n - 1..n]).try_into_scalar::<f32>().map_err(|error| format!("a tensor of {n} elements: {error}"))
        };
        let before = last(self)?;
        self.step()?;
        if last(self)? == before { Err(format!("burn does not update a tensor of {n} elements").into()) } else { Ok(()) }
    }

    fn step(&mut self) -> Result<()> {
        let mut gradients = GradientsParams::new();
        for (parameter, gradient) in self.parameters.iter().zip(&self.gradients) {
            gradients.register(parameter.id, gradient.clone());
        }
        self.parameters = self.optimizer.step(1e-3, std::mem::take(&mut self.parameters), gradients);
        Ok(self.device.sync()?)
    }
}

/// Uniform in (-0.5, 0.5).
fn random(n: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..n).map(|_| next()).collect()
}

fn main() -> Result<()> {
    let (device, setup) = Device::wgpu_options().init_with_setup()?;
    let adapter = setup.adapter.get_info();
    let about = format!("burn 0.23.0-pre.1 with fusion, {}, {:?}", adapter.name, adapter.backend);
    say(&json!({ "about": about, "kinds": ["burn"] }))?;
    let mut model = None;
    for line in stdin().lock().lines() {
        say(&answer(&device, &mut model, &serde_json::from_str(&line?)?)?)?;
    }
    Ok(())
}

fn answer(device: &Device, model: &mut Option<Model>, question: &Value) -> Result<Value> {
    if question.get("make").is_some() {
        let checked = model.insert(Model::new(device, &lengths(&question["shapes"])?)).check();
        return Ok(checked.map_or_else(|error| json!({ "error": error.to_string() }), |()| json!({})));
    }
    if question.get("step").is_some() {
        let model = model.as_mut().ok_or("a step comes after tensors were made")?;
        return seconds(|| model.step());
    }
    if question.get("first").is_some() {
        let lengths = lengths(&question["first"])?;
        return seconds(|| Model::new(device, &lengths).step());
    }
    *model = None;
    device.memory_cleanup();
    device.sync()?;
    Ok(json!({}))
}

fn lengths(shapes: &Value) -> Result<Vec<usize>> {
    let shapes: Vec<Vec<usize>> = serde_json::from_value(shapes.clone())?;
    Ok(shapes.iter().map(|shape| shape.iter().product()).collect())
}

fn seconds(run: impl FnOnce() -> Result<()>) -> Result<Value> {
    let start = Instant::now();
    run()?;
    Ok(json!({ "seconds": start.elapsed().as_secs_f64() }))
}

fn say(answer: &Value) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{answer}")?;
    Ok(out.flush()?)
}
