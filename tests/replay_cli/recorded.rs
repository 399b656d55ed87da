//! The project's own traces prove something: about every hyper-parameter, and none passes with another value.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wgpu_optim::rules;

use super::trace::Trace;
use super::{replay, rule};

/// The traces that the project recorded itself.
fn own_traces() -> Vec<Trace> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    let paths = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be listed").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "safetensors")).collect();
    paths.sort();
    paths.iter().map(|path| Trace::read(path).expect("the project's own traces can be read")).collect()
}

/// A replay that would pass with other hyper-parameters proves nothing about them.
#[test]
fn every_hyper_parameter_of_every_trace_matters() {
    for mut trace in own_traces() {
        for group in 0..trace.groups.len() {
            for (key, value) in trace.groups[group].hyper.clone() {
                for other in others(&value) {
                    trace.groups[group].hyper.insert(key.clone(), other.clone());
                    let rules = rule::of_groups(&trace).expect("the other value is legal");
                    let report = replay::on_cpu(&trace, &rules).expect("it can be run");
                    assert!(!report.pass, "{}: group {group} passes with {key} = {other}", trace.name);
                }
                trace.groups[group].hyper.insert(key, value);
            }
        }
    }
}

/// The value changed; a list once in each place.
fn others(value: &Value) -> Vec<Value> {
    let replaced = |values: &[Value], index: usize, other: &Value| {
        let mut values = values.to_vec();
        values[index] = other.clone();
        Value::from(values)
    };
    match value {
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Array(values) => {
            let each = values.iter().enumerate();
            each.flat_map(|(index, value)| others(value).iter().map(|other| replaced(values, index, other)).collect::<Vec<_>>()).collect()
        }
        _ => vec![json!(value.as_f64().filter(|&x| x != 0.0).map_or(0.1, |x| x / 2.0))],
    }
}

#[test]
fn the_traces_cover_every_hyper_parameter() {
    let covering: Vec<_> = own_traces().iter().flat_map(|trace| rule::of_groups(trace).expect("their optimizers are ours")).collect();
    for default in rules::all() {
        for (index, parameter) in default.parameters().iter().enumerate() {
            let covered = covering.iter().any(|rule| rule.name() == default.name() && rule.values()[index] != default.values()[index]);
            assert!(covered, "{}: {} has its default in every trace", default.name(), parameter.name);
        }
    }
}
