//! Runs, on the GPU.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use pollster::block_on;
use serde_json::Value;
use wgpu_optim::Error;
use wgpu_optim::adapter::{DeviceLimits, request};

use super::report::FILES;
use super::{Outcome, cli, folder, listing, run, run_until};

/// Whether there is an adapter. Without one the test says so and passes, unless `REQUIRE_GPU=1`.
pub fn gpu(test: &str) -> bool {
    let required = std::env::var("REQUIRE_GPU").is_ok_and(|value| value == "1");
    match block_on(request(DeviceLimits::Adapter)) {
        Ok(_) => true,
        Err(error @ Error::NoAdapter { .. }) if !required => {
            // libtest does not show what a passing test prints with eprintln.
            writeln!(std::io::stderr(), "test {test} ... ignored: {error}").expect("standard error can be written");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// A small run into a folder.
fn small(out: &Path, args: &[&str]) -> Outcome {
    run(&[args, &["--epochs", "2", "--hidden", "16,8", "--out", &out.display().to_string()]].concat())
}

pub fn summary(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("summary.json")).expect("there is a summary")).expect("it is JSON")
}

/// Nothing but these five files, each a picture or JSON, and nothing beside their folder.
fn check_files(out: &Path) {
    let mut names = FILES.map(str::to_owned).to_vec();
    names.sort_unstable();
    assert_eq!(listing(out), names);
    assert_eq!(listing(out.parent().expect("it is in a folder")), ["out"]);
    for name in FILES.iter().filter(|name| name.ends_with(".png")) {
        let bytes = fs::read(out.join(name)).expect("it was just listed");
        let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("it is a PNG file");
        assert!(reader.info().width > 200 && reader.info().height > 100, "{name}");
    }
}

#[test]
fn a_comparison_leaves_pictures_and_numbers() {
    if !gpu("a_comparison_leaves_pictures_and_numbers") {
        return;
    }
    let out = folder("comparison").join("out");
    // A rule with views, one without a preset, and a setting for one of them.
    let args = ["--compare", "gd,Adam,ScheduleFreeAdamW,lion", "--set", "adam.beta1=0.8", "--seeds", "2"];
    let outcome = small(&out, &args);
    assert!(outcome.code == cli::DONE && outcome.err.is_empty(), "{outcome:?}");
    check_files(&out);
    let summary = summary(&out);
    assert_eq!((&summary["train_rows"], &summary["test_rows"], &summary["epochs"]), (&1437.into(), &360.into(), &2.into()));
    let optimizers = summary["optimizers"].as_array().expect("it is a list");
    let names: Vec<&str> = optimizers.iter().filter_map(|optimizer| optimizer["name"].as_str()).collect();
    assert_eq!(names, ["gd", "adam", "schedulefreeadamw", "lion"]);
    assert_eq!(optimizers[1]["hyper_parameters"]["beta1"], 0.8);
    for (optimizer, steps) in optimizers.iter().zip([2, 90, 90, 90]) {
        let runs = optimizer["runs"].as_array().expect("it is a list");
        assert_eq!(runs.len(), 2);
        for run in runs {
            check_run(run, steps);
        }
        let accuracy = optimizer["over_seeds"]["test_accuracy"]["mean"].as_f64().expect("it is a number");
        assert!(outcome.out.contains(&format!("{:.2}% +- ", 100.0 * accuracy)), "{accuracy}: {}", outcome.out);
    }
    assert!(optimizers[1]["over_seeds"]["test_accuracy"]["min"].as_f64() > Some(0.5), "Adam has learned nothing");
}

/// The points of a run agree with one another, and with its confusion matrix.
fn check_run(run: &Value, steps: u64) {
    assert_eq!((&run["end"], &run["steps"]), (&"finished".into(), &steps.into()));
    let points = |name: &str| run[name].as_array().expect("it is a list").clone();
    let (training, test) = (points("training"), points("test"));
    let rows: u64 = training.iter().filter_map(|point| point["rows"].as_u64()).sum();
    assert_eq!((rows, training.len() + 1), (2 * 1437, test.len()), "each epoch sees every row once");
    assert_eq!((&test[0]["step"], &test[test.len() - 1]["step"]), (&0.0.into(), &(steps as f64).into()));
    let matrix: Vec<Vec<u64>> = serde_json::from_value(run["confusion"].clone()).expect("it is a matrix");
    let right: u64 = (0..10).map(|class| matrix[class][class]).sum();
    assert_eq!(
        (matrix.iter().flatten().sum::<u64>(), right as f64 / 360.0),
        (360, test[test.len() - 1]["accuracy"].as_f64().unwrap_or(-1.0))
    );
}

#[test]
fn the_same_again_gives_the_same_and_replaces_it() {
    if !gpu("the_same_again_gives_the_same_and_replaces_it") {
        return;
    }
    let out = folder("again").join("out");
    let numbers = || {
        let outcome = small(&out, &["--compare", "sgd,adam"]);
        assert_eq!(outcome.code, cli::DONE, "{outcome:?}");
        check_files(&out);
        let runs = summary(&out)["optimizers"].as_array().expect("it is a list").clone();
        runs.into_iter()
            .map(|optimizer| (optimizer["runs"][0]["training"].clone(), optimizer["runs"][0]["test"].clone()))
            .collect::<Vec<_>>()
    };
    let first = numbers();
    assert_eq!(first[0].1[0], first[1].1[0], "both begin with the same weights");
    assert_eq!(first, numbers());
}

#[test]
fn a_run_that_diverges_ends_alone() {
    if !gpu("a_run_that_diverges_ends_alone") {
        return;
    }
    let out = folder("diverges").join("out");
    let outcome = small(&out, &["--compare", "sgd,adam", "--set", "sgd.lr=1e30"]);
    assert_eq!(outcome.code, cli::DIVERGED, "{outcome:?}");
    check_files(&out);
    let summary = summary(&out);
    let step = summary["optimizers"][0]["runs"][0]["end"]["diverged"]["step"].as_u64().expect("it says where");
    assert!((2..20).contains(&step), "{step}");
    assert!(outcome.err.contains(&format!("sgd diverged with seed 1: the loss of step {step} is not finite")), "{outcome:?}");
    assert!(outcome.out.contains(&format!("diverged at step {step}")), "{outcome:?}");
    assert_eq!((&summary["best"], &summary["optimizers"][1]["runs"][0]["end"]), (&"adam".into(), &"finished".into()));
    assert!(summary["optimizers"][0]["over_seeds"]["test_accuracy"].is_null());
}

#[test]
fn if_all_diverge_nothing_is_written() {
    if !gpu("if_all_diverge_nothing_is_written") {
        return;
    }
    let out = folder("all-diverge").join("out");
    let outcome = small(&out, &["--optimizer", "sgd", "--set", "lr=1e30"]);
    assert!(outcome.code == cli::DIVERGED && outcome.err.contains("nothing is written"), "{outcome:?}");
    assert_eq!(listing(out.parent().expect("it is in a folder")), Vec::<String>::new());
}

#[test]
fn ctrl_c_keeps_the_results_so_far() {
    if !gpu("ctrl_c_keeps_the_results_so_far") {
        return;
    }
    let out = folder("interrupted").join("out");
    let stop = AtomicBool::new(false);
    let args = ["--optimizer", "adam", "--epochs", "20", "--hidden", "16", "--out", &out.display().to_string()];
    let outcome = run_until(&args, Some("epoch    2/20"), &stop);
    assert!(outcome.code == cli::INTERRUPTED && outcome.out.contains("interrupted after step"), "{outcome:?}");
    check_files(&out);
    let run = &summary(&out)["optimizers"][0]["runs"][0];
    let last = run["test"].as_array().and_then(|points| points.last()).expect("it was evaluated");
    assert_eq!((&run["end"], last["step"].as_f64()), (&"interrupted".into(), run["steps"].as_f64()));
}
