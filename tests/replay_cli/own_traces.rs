//! The project's own traces prove something: about every hyper-parameter, and none passes with another value.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use wgpu_optim::rules;

use super::files::file;
use super::trace::Trace;
use super::{replay, rule};

/// The traces of a folder.
fn traces(folder: &str) -> Vec<Trace> {
    let folder = file("tests/traces").join(folder);
    let paths = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be listed").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "safetensors")).collect();
    paths.sort();
    paths.iter().map(|path| Trace::read(path).expect("the project's traces can be read")).collect()
}

/// A replay that would pass with other hyper-parameters proves nothing about them. One that only a state depends on, as a mean of the values
/// that does not act on them, has to lead that state astray.
#[test]
fn every_hyper_parameter_of_every_trace_matters() {
    for mut trace in traces("") {
        let own = rule::of_groups(&trace).expect("its optimizers are ours");
        let right = replay::on_cpu(&trace, &own).expect("it can be run").state_max_error;
        for group in 0..trace.groups.len() {
            for (key, value) in trace.groups[group].hyper.clone() {
                for (half, double) in others(&value, 0.5).into_iter().zip(others(&value, 2.0)) {
                    let mut with = |other: &Value| {
                        trace.groups[group].hyper.insert(key.clone(), other.clone());
                        rule::of_groups(&trace)
                    };
                    let (other, rules) = with(&half).map_or_else(|_| (&double, with(&double)), |rules| (&half, Ok(rules)));
                    let rules = rules.expect("half or double the value is legal");
                    let report = replay::on_cpu(&trace, &rules).expect("it can be run");
                    let astray = |(key, error): (&String, &f64)| *error > 1e3 * right[key].max(1e-6);
                    let noticed = !report.pass || report.state_max_error.iter().any(astray);
                    assert!(noticed, "{}: group {group} passes with {key} = {other}", trace.name);
                }
                trace.groups[group].hyper.insert(key, value);
            }
        }
    }
}

/// The value times a factor; a list once in each place.
fn others(value: &Value, factor: f64) -> Vec<Value> {
    let replaced = |values: &[Value], index: usize, other: &Value| {
        let mut values = values.to_vec();
        values[index] = other.clone();
        Value::from(values)
    };
    match value {
        Value::Bool(flag) => vec![json!(!flag)],
        // Its default.
        Value::String(_) => vec![Value::Null],
        Value::Array(values) => {
            let each = values.iter().enumerate();
            each.flat_map(|(index, value)| others(value, factor).iter().map(|other| replaced(values, index, other)).collect::<Vec<_>>())
                .collect()
        }
        _ => vec![json!(value.as_f64().filter(|&x| x != 0.0).map_or(0.1, |x| factor * x))],
    }
}

#[test]
fn the_traces_cover_every_hyper_parameter() {
    let covering: Vec<_> = traces("")
        .iter()
        .chain(&traces("independent"))
        .flat_map(|trace| rule::of_groups(trace).expect("their optimizers are ours"))
        .collect();
    // A trace has no place for what a caller writes into a state: rules that read some are held against known answers in the suite.
    // So are those that no trace sets. f16 is not a formula but how exact it is: `products/half` holds it against f64.
    let elsewhere = [("Lamb", "eps_root"), ("Adafactor", "maximize"), ("OptaxAdafactor", "factored"), ("Muon", "ns_f16")];
    for default in rules::all().into_iter().filter(|rule| rule.inputs().is_empty()) {
        for (index, parameter) in default.parameters().iter().enumerate() {
            let covered = covering.iter().any(|rule| rule.name() == default.name() && rule.values()[index] != default.values()[index]);
            let covered = covered || elsewhere.contains(&(default.name(), parameter.name));
            assert!(covered, "{}: {} has its default in every trace", default.name(), parameter.name);
        }
    }
}
