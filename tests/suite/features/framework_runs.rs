//! Known answers: clipping, loss scaling, averages and micro-batches as torch and optax recorded them (`tests/known_answers/README.md`).

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pollster::block_on;
use serde::Deserialize;
use serde_json::{Map, Value};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::step::TrainingProgress;
use wgpu_optim::testing::{must_fail, same_bits};
use wgpu_optim::{
    Adam, AdamW, AdaptiveClip, Clip, DynamicScale, Ema, Group, Lookahead, LossScale, MicroBatches, NonFinite, NormClip, NormOrder,
    NormScope, Optimizer, Options, Sgd, Swa, Tensors,
};

use crate::context::{Context, Outcome};
use crate::known_answers::{cases, near, tensor, tensor_f32};

/// How far a step's results may be from those of frameworks in f64: f32 over some dozen steps.
const NEAR: f64 = 2e-6;

#[derive(Clone, Debug, Deserialize)]
struct Case {
    #[serde(default)]
    method: String,
    #[serde(default)]
    grads: String,
    #[serde(default)]
    tensors: Vec<String>,
    #[serde(default)]
    kwargs: Map<String, Value>,
    #[serde(default)]
    average: String,
    #[serde(default)]
    first: u32,
    #[serde(default)]
    every: u32,
    decay: Option<f64>,
    formula: Option<String>,
    divide: Option<f64>,
    max_norm: Option<f64>,
    scale: Option<f64>,
}

impl Case {
    fn number(&self, key: &str) -> Option<f64> {
        self.kwargs.get(key).and_then(Value::as_f64)
    }
}

/// A file, and what each of its cases runs.
type Subject = (&'static str, fn(&Gpu, &str, &Case) -> Outcome);

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    let subjects: [Subject; 4] = [("clip", clips), ("scaler", scales), ("averages", averages), ("accumulate", accumulates)];
    for (subject, run) in subjects {
        let all = cases::<Case>(subject);
        let count = all.len();
        trials.push(Trial::test(format!("features/frameworks/{subject}"), move || if count > 0 { Ok(()) } else { Err("no cases".into()) }));
        for (name, case) in all.into_iter().filter(|(name, case)| is_ours(name, case)) {
            trials.push(contexts[1].trial(format!("features/frameworks/{subject}/{name}"), move |gpu| run(gpu, &name, &case)));
        }
    }
    trials
}

/// What we have not: the 1-norm; Lookahead that forgets momentum; a scale whose reciprocal f32 does not hold as a normal number.
fn is_ours(name: &str, _case: &Case) -> bool {
    !["norm-1", "lookahead-reset", "top"].contains(&name)
}

/// Tensors with these values, and an optimizer over them.
struct Model {
    tensors: Tensors,
    optimizer: Optimizer,
}

impl Model {
    fn new(gpu: &Gpu, rule: impl Into<Box<dyn AnyRule>>, options: Options, values: &[(&str, &[usize], Vec<f32>)]) -> Result<Self, Failed> {
        let tensors = Tensors::new(&gpu.device, values.iter().map(|(name, shape, _)| (*name, *shape)))?;
        for (name, _, data) in values {
            tensors.write_value(&gpu.queue, name, data)?;
        }
        let optimizer = Optimizer::with_options(&gpu.device, &gpu.queue, [Group::new(rule, tensors.params())], options)?;
        Ok(Model { tensors, optimizer })
    }

    /// Records into an encoder and submits it, with this gradient of `w`.
    fn submit(&self, gpu: &Gpu, gradient: &[f32], record: impl FnOnce(&Optimizer, &mut wgpu::CommandEncoder)) -> Outcome {
        self.tensors.write_gradient(&gpu.queue, "w", gradient)?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        record(&self.optimizer, &mut encoder);
        gpu.queue.submit([encoder.finish()]);
        Ok(())
    }
}

fn shape(name: &str) -> &'static [usize] {
    match name {
        "a" => &[9, 7],
        "b" => &[37],
        _ => &[3, 5, 4],
    }
}

fn clip(case: &Case) -> Result<Clip, Failed> {
    let norm = |over, eps| {
        let is_infinity = case.kwargs.get("norm_type").is_some_and(|order| order == "inf");
        let order = if is_infinity { NormOrder::Infinity } else { NormOrder::Two };
        Clip::Norm(NormClip { max_norm: case.number("max_norm").unwrap_or(f64::NAN), order, over, eps })
    };
    Ok(match &*case.method {
        "torch.nn.utils.clip_grad_norm_" => norm(NormScope::All, 1e-6),
        "torch.nn.utils.clip_grad_norm_ on each tensor alone" => norm(NormScope::Parameter, 1e-6),
        "optax.clip_by_global_norm" => norm(NormScope::All, 0.0),
        "torch.nn.utils.clip_grad_value_" => Clip::Value(case.number("clip_value").ok_or("no value")?),
        "timm adaptive_clip_grad" | "optax.adaptive_grad_clip" => Clip::Adaptive(AdaptiveClip {
            clipping: case.number("clipping").ok_or("no clipping")?,
            eps: case.number("eps").ok_or("no eps")?,
        }),
        other => return Err(format!("unknown method {other}").into()),
    })
}

/// Gradient descent by 1 from values of which no gradient is a small part leaves the clipped gradient as the displacement; adaptive clipping needs
/// the recorded values, and a rule that shows the gradient: the first moment of Adam without decay.
fn clips(gpu: &Gpu, name: &str, case: &Case) -> Outcome {
    // optax's units are columns of a matrix, ours rows: the transpose shows the same.
    let transposed = case.method == "optax.adaptive_grad_clip";
    let turn = |of: &str, data: Vec<f64>| -> Vec<f64> {
        if transposed && of == "a" { (0..63).map(|i| data[(i % 9) * 7 + i / 9]).collect() } else { data }
    };
    let shape = |of: &str| if transposed && of == "a" { &[7, 9][..] } else { shape(of) };
    let single = |data: Vec<f64>| data.into_iter().map(|x| x as f32).collect::<Vec<f32>>();
    let mut values = Vec::new();
    for of in &case.tensors {
        values.push((&**of, shape(of), single(turn(of, tensor("clip", &format!("param/{of}"))?))));
    }
    let rule = Adam { lr: 0.0, beta1: 0.0, ..Adam::default() };
    let model = Model::new(gpu, rule, Options { clip: clip(case)?, ..Options::default() }, &values)?;
    for of in &case.tensors {
        model.tensors.write_gradient(&gpu.queue, of, &single(turn(of, tensor("clip", &format!("{}/{of}", case.grads))?)))?;
    }
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    model.optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    for of in &case.tensors {
        let clipped = turn(of, tensor("clip", &format!("{name}/clipped/{of}"))?);
        near(of, &block_on(model.optimizer.read_state(of, "m"))?, &clipped, NEAR, 1e-37)?;
    }
    let norm = tensor("clip", &format!("{name}/norm"));
    if let (Ok(norm), Some(got)) = (norm, block_on(model.optimizer.report())?.gradient_norm) {
        // What was recorded for the largest magnitude is that.
        let is_infinity = case.kwargs.get("norm_type").is_some_and(|order| order == "inf");
        let got = if is_infinity { block_on(model.optimizer.report())?.largest_gradient.unwrap_or(f32::NAN) } else { got };
        near("norm", &[got], &norm, 1e-6, 0.0)?;
    }
    Ok(())
}

/// AdamW under GradScaler: the scale after every step, and the values.
fn scales(gpu: &Gpu, name: &str, case: &Case) -> Outcome {
    let defaults = DynamicScale::default();
    let scale = DynamicScale {
        init: case.number("init_scale").unwrap_or(defaults.init),
        growth: case.number("growth_factor").unwrap_or(defaults.growth),
        backoff: case.number("backoff_factor").unwrap_or(defaults.backoff),
        interval: case.number("growth_interval").map_or(defaults.interval, |interval| interval as u32),
    };
    let read = |what: &str| tensor("scaler", &format!("{name}/{what}"));
    let init = tensor_f32("scaler", &format!("{name}/init"))?;
    let (scaled, n) = (tensor_f32("scaler", &format!("{name}/scaled"))?, init.len());
    let (scales, params) = (read("scale")?, read("param")?);
    let rule = AdamW { lr: 0.01, weight_decay: 0.05, ..AdamW::default() };
    let options = Options { loss_scale: LossScale::Dynamic(scale), ..Options::default() };
    let model = Model::new(gpu, rule, options, &[("w", &[9], init)])?;
    if let Some(resume) = case.kwargs.get("resume") {
        let loss_scale = resume["scale"].as_f64().ok_or("no scale")? as f32;
        let growth_tracker = resume["_growth_tracker"].as_u64().ok_or("no tracker")? as u32;
        model.optimizer.write_progress(&TrainingProgress { step: 0, skips: 0, loss_scale, growth_tracker })?;
    }
    for (step, &expected) in scales.iter().enumerate() {
        model.submit(gpu, &scaled[step * n..(step + 1) * n], Optimizer::step)?;
        let report = block_on(model.optimizer.report())?;
        // torch forms each product in f64; ours is one of f32, off by an ulp where the factor is no power of 2.
        near(&format!("scale after step {step}"), &[report.loss_scale], &[expected], 1e-7 * (step + 1) as f64, 0.0)?;
        let values = block_on(model.optimizer.read_value("w"))?;
        near(&format!("values after step {step}"), &values, &params[step * n..(step + 1) * n], NEAR, NEAR)?;
    }
    let skipped = read("found")?.into_iter().filter(|&found| found != 0.0).count();
    assert_eq!(block_on(model.optimizer.report())?.skips as usize, skipped);
    Ok(())
}

/// AdamW, or SGD under Lookahead: the values, and their average after every step; and there and back again.
fn averages(gpu: &Gpu, name: &str, case: &Case) -> Outcome {
    let is_lookahead = case.average == "lookahead";
    let of = |what: &str| if is_lookahead { format!("{name}/{what}") } else { what.to_owned() };
    let (init, gradients) = (tensor_f32("averages", &of("init"))?, tensor_f32("averages", &of("grad"))?);
    let n = init.len();
    let (start, every) = (case.first, case.every);
    let mut options = Options::default();
    let state = match &*case.average {
        "ema" => {
            let decay = case.decay.ok_or("no decay")?;
            options.ema = Some(Ema { decay, warm_up: case.formula.is_some(), start, every, ..Ema::default() });
            "ema"
        }
        "swa" => {
            options.swa = Some(Swa { start, every });
            "swa"
        }
        _ => {
            let [every, alpha] = ["sync_period", "slow_step_size"].map(|key| case.number(key).unwrap_or_default());
            options.lookahead = Some(Lookahead { every: every as u32, alpha });
            "slow"
        }
    };
    let rule: Box<dyn AnyRule> = match is_lookahead {
        true => Sgd { lr: 0.05, momentum: 0.9, ..Sgd::default() }.into(),
        false => AdamW { lr: 0.05, beta2: 0.99, weight_decay: 0.1, ..AdamW::default() }.into(),
    };
    let names = if is_lookahead { ["fast", "slow"] } else { ["param", "average"] };
    let fast = tensor("averages", &of(names[0]))?;
    let slow = tensor("averages", &format!("{name}/{}", names[1]))?;
    let model = Model::new(gpu, rule, options, &[("w", &[12], init)])?;
    for step in 0..gradients.len() / n {
        let row = step * n..(step + 1) * n;
        model.submit(gpu, &gradients[row.clone()], Optimizer::step)?;
        let values = block_on(model.optimizer.read_value("w"))?;
        near(&format!("values after step {}", step + 1), &values, &fast[row.clone()], NEAR, NEAR)?;
        let swap = |optimizer: &Optimizer, encoder: &mut wgpu::CommandEncoder| optimizer.swap(encoder, state).unwrap_or_default();
        model.submit(gpu, &gradients[row.clone()], swap)?;
        let averaged = block_on(model.optimizer.read_shown("w"))?;
        // Before its start there is no average, and what is recorded is the initial value.
        match step + 1 < start as usize {
            true => same_bits("without an average", &averaged, &values)?,
            false => near(&format!("average after step {}", step + 1), &averaged, &slow[row.clone()], NEAR, NEAR)?,
        }
        model.submit(gpu, &gradients[row], swap)?;
        same_bits("there and back", &block_on(model.optimizer.read_value("w"))?, &values)?;
    }
    Ok(())
}

/// Adam on sums and means of three micro-batches, clipped and unscaled.
fn accumulates(gpu: &Gpu, name: &str, case: &Case) -> Outcome {
    let (init, gradients) = (tensor_f32("accumulate", "init")?, tensor_f32("accumulate", "grads")?);
    let (n, params) = (init.len(), tensor("accumulate", &format!("{name}/param"))?);
    let mean = case.divide != Some(1.0);
    let options = Options {
        micro_batches: if mean { MicroBatches::Mean } else { MicroBatches::Sum },
        clip: case.max_norm.map_or(Clip::None, |max_norm| Clip::Norm(NormClip { max_norm, ..NormClip::default() })),
        loss_scale: case.scale.map_or(LossScale::None, LossScale::Static),
        non_finite: NonFinite::Skip,
        ..Options::default()
    };
    let rule = Adam { lr: 0.01, beta1: 0.8, beta2: 0.95, eps: 0.01, weight_decay: 0.1, ..Adam::default() };
    let model = Model::new(gpu, rule, options, &[("w", &[9], init.clone())])?;
    let norms = tensor("accumulate", &format!("{name}/norm")).ok();
    let scale = case.scale.unwrap_or(1.0) as f32;
    let micro_batch = |step: usize, micro: usize| -> Vec<f32> {
        gradients[(3 * step + micro) * n..(3 * step + micro + 1) * n].iter().map(|g| scale * g).collect()
    };
    for step in 0..params.len() / n {
        for micro in 0..2 {
            model.submit(gpu, &micro_batch(step, micro), |optimizer, encoder| optimizer.accumulate(encoder).unwrap_or_default())?;
        }
        model.submit(gpu, &micro_batch(step, 2), Optimizer::step)?;
        let values = block_on(model.optimizer.read_value("w"))?;
        let recorded = &params[step * n..(step + 1) * n];
        near(&format!("values after step {step}"), &values, recorded, NEAR, NEAR)?;
        if let Some((norms, got)) = norms.as_ref().zip(block_on(model.optimizer.report())?.gradient_norm) {
            near("norm", &[got], &norms[step..=step], 1e-6, 0.0)?;
        }
        must_fail("values that were not updated", near("values", &init, recorded, NEAR, NEAR))?;
    }
    Ok(())
}
