//! Holds a run that went on from torch's state against torch's own.

use std::path::Path;

use serde_json::Value;

use super::recorded::{Recorded, StateDict, Tensor};
use super::runs::Run;
use crate::context::Outcome;

/// How much farther from the truth than torch itself we may be, where a unit in the last place of each value counts as nothing: of so few numbers, torch
/// may have all by luck.
const LIMIT: f64 = 1.5;
/// How far a state may be from torch's after five steps more, as a part of its largest number.
const STATE: f64 = 2e-6;
/// What NAdam's `mu_product` may lose there and back, and in each step: we keep the rest to 1.
const MU_PRODUCT: f64 = 1.0 / (1_u64 << 25) as f64;
/// The steps from the state dict that is read to the end.
const STEPS: u32 = 5;
/// A folder for the files that `tests/torch_state/check.py --written` reads.
const FOLDER: &str = "TORCH_STATE_OUT";

/// How far a tensor may be from torch's, by its key: as a part of the largest number, and beside that.
type Allowed = fn(&str) -> (f64, f64);

pub fn holds(recorded: &Recorded, backend: &str, run: &Run) -> Outcome {
    is_true(recorded, backend, run)?;
    let [at5, at10] = [recorded.state_dict(5)?, recorded.state_dict(10)?];
    let loaded: Allowed = |key| if key == "mu_product" { (0.0, MU_PRODUCT) } else { (0.0, 0.0) };
    let ended: Allowed = |key| match key {
        "step" => (0.0, 0.0),
        "mu_product" => (STATE, f64::from(STEPS + 1) * MU_PRODUCT),
        _ => (STATE, 0.0),
    };
    is_torchs(recorded, &StateDict::read(&run.loaded)?, &at5, loaded)?;
    is_torchs(recorded, &StateDict::read(&run.ended)?, &at10, ended)?;
    let tensors = at5.tensors.iter().filter(|(name, _)| name.ends_with(".step")).map(|(_, step)| step.numbers()[0]);
    let counts = at5.values()?;
    let steps = tensors.chain(counts.values().filter_map(|kept| kept["step"].as_f64()));
    // SGD counts as one step where it has a buffer.
    let least = if at5.tensors.is_empty() { 0.0 } else { 1.0 };
    assert_eq!(f64::from(run.step), steps.fold(least, f64::max) + f64::from(STEPS), "the count of all steps");
    if let Some(folder) = std::env::var_os(FOLDER) {
        for (step, bytes) in [(5, &run.loaded), (10, &run.ended)] {
            std::fs::write(Path::new(&folder).join(format!("{}.{backend}.{step}.safetensors", recorded.name)), bytes)?;
        }
    }
    Ok(())
}

/// Whether the values are as close to the truth as torch's.
fn is_true(recorded: &Recorded, backend: &str, run: &Run) -> Outcome {
    let (mut squares, mut count) = ([0.0; 3], 0.0);
    for (param, value) in run.values.iter().enumerate() {
        let [torch, truth] = [recorded.tensor("value10", param)?, recorded.tensor("truth10", param)?].map(Tensor::numbers);
        assert_eq!(value.len(), truth.len());
        for ((ours, torch), truth) in value.iter().zip(torch).zip(truth) {
            let last_place = f64::from(f32::EPSILON) * truth.abs().log2().floor().exp2();
            let errors = [f64::from(*ours) - truth, torch - truth, last_place];
            squares.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error * error);
            count += 1.0;
        }
    }
    let [ours, torchs, last_place] = squares.map(|sum| (sum / count).sqrt());
    let fidelity = (ours + last_place) / (torchs + last_place);
    eprintln!("torch-state/{} {backend}: fidelity {fidelity:.3}, off by {ours:.1e}, torch by {torchs:.1e}", recorded.name);
    if fidelity <= LIMIT { Ok(()) } else { Err(format!("fidelity {fidelity}: off by {ours:e}, torch by {torchs:e}").into()) }
}

/// Whether what we wrote is what torch has: the same tensors, as close as is allowed, and the same groups.
fn is_torchs(recorded: &Recorded, ours: &StateDict, torchs: &StateDict, allowed: Allowed) -> Outcome {
    let names = |of: &StateDict| of.tensors.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(ours), names(torchs));
    for (name, torch) in &torchs.tensors {
        let own = &ours.tensors[name];
        assert_eq!((own.dtype, &own.shape), (torch.dtype, &torch.shape), "{name}");
        let (part, beside) = allowed(name.rsplit('.').next().unwrap_or_default());
        let largest = torch.numbers().iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
        let most = part * largest + beside;
        let far = own.numbers().into_iter().zip(torch.numbers()).map(|(own, torch)| (own - torch).abs());
        // Not `f64::max`, which loses a NaN.
        let far = far.fold(0.0_f64, |most, far| if far > most || far.is_nan() { far } else { most });
        let same = own.bytes == torch.bytes;
        if !same && (far.is_nan() || far > most || most == 0.0) {
            return Err(format!("{name} is off by {far:e}, and {most:e} is the most").into());
        }
    }
    assert_eq!(ours.values()?, torchs.values()?);
    for (number, (own, torch)) in ours.groups()?.iter().zip(torchs.groups()?).enumerate() {
        for (key, value) in torch {
            // torch has its defaults for these where they are missing.
            let is_implementation = ["foreach", "fused", "capturable", "differentiable"].contains(&&*key);
            match own.get(&key) {
                None if is_implementation => {}
                Some(own) if alike(own, &value) => {}
                own => return Err(format!("group {number} has {own:?} for {key}, torch {value}").into()),
            }
        }
        assert_eq!(own["param_names"].as_array().map(Vec::len), own["params"].as_array().map(Vec::len));
    }
    let names: Vec<String> = serde_json::from_str(&ours.metadata["param_names"])?;
    assert_eq!((ours.groups()?.len(), &names), (torchs.groups()?.len(), &recorded.names));
    Ok(())
}

/// 0 and 0.0 are one number, and Adafactor's null is the epsilon of f32.
fn alike(ours: &Value, torchs: &Value) -> bool {
    match (ours, torchs) {
        (Value::Array(ours), Value::Array(torchs)) => {
            ours.len() == torchs.len() && ours.iter().zip(torchs).all(|(ours, torchs)| alike(ours, torchs))
        }
        (ours, Value::Null) => ours.is_null() || ours.as_f64() == Some(f64::from(f32::EPSILON)),
        (ours, torchs) => ours == torchs || (ours.as_f64().is_some() && ours.as_f64() == torchs.as_f64()),
    }
}
