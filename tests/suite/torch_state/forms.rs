//! State dicts as other versions and other uses of torch have them, and what is taken from the optimizer that reads one.

use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use wgpu_optim::checkpoint::{Checkpoint, RestoreOptions, torch_state};
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::step::Group;
use wgpu_optim::{AdamW, Ema, Error, Lookahead, MicroBatches, Muon, Options, Schedule, Swa};

use super::recorded::{Recorded, StateDict, Tensor};
use crate::context::Outcome;

type Row = (&'static str, fn() -> Outcome);

pub fn trials() -> Vec<Trial> {
    let rows: [Row; 10] = [
        ("names-whatever-the-groups", names_whatever_the_groups),
        ("numbers-from-anywhere", numbers_from_anywhere),
        ("counts-as-numbers", counts_as_numbers),
        ("buffers-that-are-none", buffers_that_are_none),
        ("settings-are-compared", settings_are_compared),
        ("schedules-stay", schedules_stay),
        ("averages-begin-at-the-values", averages_begin_at_the_values),
        ("files", files),
        ("equal-bytes", equal_bytes),
        ("iterations-in-f16", iterations_in_f16),
    ];
    rows.into_iter().map(|(name, run)| Trial::test(format!("torch-state/{name}"), run)).collect()
}

/// An optimizer with the recorded parameters, in the recorded groups.
pub fn optimizer(recorded: &Recorded, options: Options) -> Result<CpuOptimizer<f32>, Failed> {
    Ok(CpuOptimizer::with_options(recorded.cpu_groups(None)?, options)?)
}

fn read(dict: &StateDict, like: &Checkpoint) -> Result<Checkpoint, Failed> {
    Ok(torch_state::from_bytes(&dict.bytes()?, like)?)
}

/// By name, other groups and another order are the same; each parameter takes the hyper-parameters of its own group.
fn names_whatever_the_groups() -> Outcome {
    let recorded = Recorded::named("adamw")?;
    let (mut groups, dict) = (Vec::new(), recorded.state_dict(5)?);
    for (rule, params) in recorded.groups()? {
        for param in params {
            groups.push(Group::new(rule.clone(), [CpuParam::new(&*recorded.names[param], recorded.shape(param)?)]));
        }
    }
    groups.reverse();
    let mut other = CpuOptimizer::<f32>::with_groups(groups)?;
    let read = read(&dict, &other.checkpoint(None)?)?;
    let options = RestoreOptions { values: false, ..Default::default() };
    other.restore(&read, None, options)?;
    for (index, name) in recorded.names.iter().enumerate() {
        let torch = dict.tensors[&format!("state.{index}.exp_avg_sq")].floats();
        assert_eq!((other.state(name, "v")?, read.steps(name)?), (&*torch, 5));
    }
    assert_eq!(read.settings("fc.bias")?["weight_decay"], "0.3");
    assert_eq!(read.settings("gain")?["weight_decay"], "0.0");
    Ok(())
}

/// The numbers in `params` need not begin at 0, nor be in order: their places count.
fn numbers_from_anywhere() -> Outcome {
    let recorded = Recorded::named("adam")?;
    let like = optimizer(&recorded, Options::default())?.checkpoint(None)?;
    let dict = recorded.state_dict(5)?;
    let mut other = dict.clone();
    let mut groups = dict.groups()?;
    groups[0]["params"] = json!([7, 3]);
    groups[1]["params"] = json!([0, 12]);
    other.metadata.insert("param_groups".into(), json!(groups).to_string());
    let moved = |name: &str| ["7", "3", "0", "12"][name[6..7].parse::<usize>().unwrap_or_default()].to_owned();
    other.tensors = dict.tensors.iter().map(|(name, own)| (format!("state.{}{}", moved(name), &name[7..]), own.clone())).collect();
    assert_eq!(read(&other, &like)?, read(&dict, &like)?);
    Ok(())
}

/// `step`, `mu_product` and the like were Python's numbers once.
fn counts_as_numbers() -> Outcome {
    for case in ["adam", "nadam", "asgd"] {
        let recorded = Recorded::named(case)?;
        let like = optimizer(&recorded, Options::default())?.checkpoint(None)?;
        let dict = recorded.state_dict(5)?;
        let (mut other, mut values) = (dict.clone(), serde_json::Map::new());
        other.tensors.retain(|_, tensor| !tensor.shape.is_empty());
        for (name, tensor) in dict.tensors.iter().filter(|(_, tensor)| tensor.shape.is_empty()) {
            let own = values.entry(&name[6..7]).or_insert(json!({})).as_object_mut();
            own.ok_or("no object")?.insert(name[8..].into(), json!(tensor.numbers()[0]));
        }
        other.metadata.insert("state_values".into(), Value::Object(values).to_string());
        assert_eq!(read(&other, &like)?, read(&dict, &like)?, "{case}");
    }
    Ok(())
}

/// SGD has None where there was no step yet.
fn buffers_that_are_none() -> Outcome {
    let recorded = Recorded::named("sgd-momentum")?;
    let like = optimizer(&recorded, Options::default())?.checkpoint(None)?;
    let mut dict = recorded.state_dict(5)?;
    dict.tensors.remove("state.1.momentum_buffer");
    dict.metadata.insert("state_values".into(), json!({ "1": { "momentum_buffer": null } }).to_string());
    let read = read(&dict, &like)?;
    assert_eq!(["fc.weight", "gain"].map(|name| read.steps(name).ok()), [Some(1), Some(0)]);
    assert_eq!(read.tensor("gain/momentum_buffer")?, [0.0]);
    Ok(())
}

fn settings_are_compared() -> Outcome {
    let recorded = Recorded::named("adamw")?;
    let mut other = optimizer(&recorded, Options::default())?;
    other.set(0, "lr", 0.5)?;
    let read = read(&recorded.state_dict(5)?, &other.checkpoint(None)?)?;
    let options = RestoreOptions { values: false, ..Default::default() };
    let Err(Error::Differences { differences }) = other.restore(&read, None, options) else { return Err("another lr was taken".into()) };
    let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["group 0 (fc.weight): lr is 0.01 in the checkpoint, 0.5 in the optimizer"]);
    Ok(())
}

/// What has a schedule is not compared, and is written as the schedule has it in the next step.
fn schedules_stay() -> Outcome {
    let schedule = Schedule::Linear { from: 0.0, to: 1.0, steps: 10 };
    let make = || {
        let group = Group { schedules: vec![("lr".into(), schedule.clone())], ..Group::new(AdamW::default(), [("w", 2).into()]) };
        CpuOptimizer::<f32>::with_groups([group])
    };
    let (mut optimizer, mut w) = (make()?, [1.0, 2.0]);
    for _ in 0..3 {
        optimizer.step(&mut [&mut w], &[Some(&[0.5, -0.5])])?;
    }
    let checkpoint = optimizer.checkpoint(Some(&[&w]))?;
    let bytes = torch_state::to_bytes(&checkpoint)?;
    assert_eq!(StateDict::read(&bytes)?.groups()?[0]["lr"].as_f64(), Some(schedule.value(3)));
    // Through a file of ours too.
    assert_eq!(torch_state::to_bytes(&Checkpoint::from_bytes(&checkpoint.to_bytes()?)?)?, bytes);
    let mut resumed = make()?;
    let mut again = w;
    let read = torch_state::from_bytes(&bytes, &resumed.checkpoint(Some(&[&again]))?)?;
    resumed.restore(&read, Some(&mut [&mut again]), Default::default())?;
    assert_eq!(torch_state::to_bytes(&read)?, bytes);
    optimizer.step(&mut [&mut w], &[Some(&[1.0, 1.0])])?;
    resumed.step(&mut [&mut again], &[Some(&[1.0, 1.0])])?;
    assert_eq!(w, again);
    Ok(())
}

fn averages_begin_at_the_values() -> Outcome {
    let recorded = Recorded::named("adam")?;
    let (lookahead, ema, swa) = (Some(Lookahead::default()), Some(Ema::default()), Some(Swa::default()));
    let options = Options { lookahead, ema, swa, micro_batches: MicroBatches::Sum, ..Default::default() };
    let other = optimizer(&recorded, options)?;
    let mut values = Vec::new();
    for param in 0..recorded.names.len() {
        values.push(recorded.tensor("value5", param)?.floats());
    }
    let slices: Vec<&[f32]> = values.iter().map(|own| &**own).collect();
    let read = read(&recorded.state_dict(5)?, &other.checkpoint(Some(&slices))?)?;
    for (name, value) in recorded.names.iter().zip(&values) {
        for key in ["slow", "ema", "swa", "value"] {
            assert_eq!(read.tensor(&format!("{name}/{key}"))?, value);
        }
        assert!(read.tensor(&format!("{name}/accumulated"))?.iter().all(|x| *x == 0.0));
    }
    let refused = torch_state::from_bytes(&recorded.state_dict(5)?.bytes()?, &other.checkpoint(None)?).map_err(|error| error.to_string());
    let expected = "gain/ema begins at the values: the optimizer's checkpoint has to have them";
    assert!(refused.is_err_and(|message| message.contains(expected)));
    Ok(())
}

/// Saved and loaded; an error has the path, and leaves the file that was there.
fn files() -> Outcome {
    let recorded = Recorded::named("rprop")?;
    let other = optimizer(&recorded, Options::default())?;
    let like = other.checkpoint(None)?;
    let state = read(&recorded.state_dict(5)?, &like)?;
    let folder = std::env::temp_dir().join(format!("wgpu-optim-torch-state-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("state.safetensors");
    torch_state::save(&state, &path)?;
    let loaded = torch_state::load(&path, &like)?;
    let ours = folder.join("checkpoint.safetensors");
    state.save(&ours)?;
    let errors = [torch_state::load(&ours, &like).err(), torch_state::load(folder.join("nowhere"), &like).err()];
    let unsaved = torch_state::save(&state, folder.join("nowhere/state.safetensors")).err();
    std::fs::remove_dir_all(&folder)?;
    assert_eq!(loaded, state);
    for (error, name) in
        errors.into_iter().chain([unsaved]).zip(["checkpoint.safetensors: expected the format", "nowhere: ", "nowhere/state"])
    {
        let message = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(name), "{message}");
    }
    Ok(())
}

/// The metadata are in one order.
fn equal_bytes() -> Outcome {
    let recorded = Recorded::named("adafactor")?;
    let state = read(&recorded.state_dict(5)?, &optimizer(&recorded, Options::default())?.checkpoint(None)?)?;
    let bytes = torch_state::to_bytes(&state)?;
    for _ in 0..8 {
        assert_eq!(torch_state::to_bytes(&state)?, bytes);
    }
    let tensor = Tensor::f32(&[], &[5.0]);
    assert_eq!(StateDict::read(&bytes)?.tensors.get("state.0.step"), Some(&tensor));
    Ok(())
}

/// torch knows nothing of the precision of iterations: the state dict is the same with either, and goes to either.
fn iterations_in_f16() -> Outcome {
    let rules = [false, true].map(|ns_f16| Muon { ns_f16, ..Muon::default() });
    let mut dicts = Vec::new();
    for rule in rules {
        let mut optimizer = CpuOptimizer::<f32>::with_groups([Group::new(rule, [CpuParam::new("w", &[2, 3])])])?;
        optimizer.step(&mut [&mut [0.5; 6]], &[Some(&[0.1, -0.2, 0.3, 0.0, 1.0, 2.0])])?;
        dicts.push(torch_state::to_bytes(&optimizer.checkpoint(None)?)?);
        for (dict, rule) in dicts.iter().flat_map(|dict| rules.map(|rule| (dict, rule))) {
            let mut other = CpuOptimizer::<f32>::with_groups([Group::new(rule, [CpuParam::new("w", &[2, 3])])])?;
            let read = torch_state::from_bytes(dict, &other.checkpoint(None)?)?;
            other.restore(&read, None, RestoreOptions { values: false, ..Default::default() })?;
            assert_eq!((other.state("w", "b")?, read.steps("w")?), (optimizer.state("w", "b")?, 1));
        }
    }
    assert_eq!(dicts[0], dicts[1]);
    Ok(())
}
