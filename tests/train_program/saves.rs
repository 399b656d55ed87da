//! Runs that are saved and go on: what they give is what they would have given without a stop.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde_json::Value;
use wgpu_optim::adapter::{DeviceLimits, request};
use wgpu_optim::checkpoint::Checkpoint;
use wgpu_optim::{Adam, cpu::CpuOptimizer};

use super::runs::{gpu, summary};
use super::training::{End, Run, SPLIT, Saved, Target, Trainer, batches};
use super::{Outcome, cli, data, folder, listing, optimizers, random, run, run_until};

const FILE: &str = "checkpoint.safetensors";

/// A run of a small network that is saved in `folder`, with its results beside; `more` are further arguments.
fn saved(folder: &Path, optimizer: &str, more: &[&str], until: Option<&str>) -> Outcome {
    let [save, out] = ["run", "out"].map(|name| folder.join(name).display().to_string());
    let args = ["--optimizer", optimizer, "--hidden", "16,8", "--save", &save, "--out", &out];
    run_until(&[&args, more].concat(), until, &AtomicBool::new(false))
}

fn file(folder: &Path) -> String {
    folder.join("run").join(FILE).display().to_string()
}

/// The file without the times in it.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut checkpoint = Checkpoint::load(file(folder)).expect("the run was saved");
    assert_eq!(listing(&folder.join("run")), [FILE], "nothing else is left");
    checkpoint.set_note("seconds", "");
    checkpoint.to_bytes().expect("it was in a file")
}

/// `summary.json` without times.
fn numbers(folder: &Path) -> Value {
    let mut summary = summary(&folder.join("out"));
    summary["seconds"].take();
    summary["optimizers"][0]["runs"][0]["seconds"].take();
    for name in ["seconds_per_step", "outside_gpu"] {
        summary["optimizers"][0]["over_seeds"][name].take();
    }
    assert!(summary["optimizers"][0]["runs"][0]["end"].is_string(), "this is where they are");
    summary
}

/// The printed lines of epochs after a number of them, and the table's, without times.
fn lines(outcome: &Outcome, name: &str, after: usize) -> Vec<String> {
    let of_epoch = |line: &str| line.split_once(" epoch ")?.1.split_once('/')?.0.trim().parse::<usize>().ok();
    let table = outcome.out.split("\n\noptimizer ").last().expect("there is a table").lines().filter(|line| line.starts_with(name));
    let epochs = outcome.out.lines().filter(|line| of_epoch(line).is_some_and(|epoch| epoch > after));
    // Times come last.
    let mut lines: Vec<String> = epochs.filter_map(|line| Some(line.split_once('%')?.0.to_owned())).collect();
    lines.extend(table.map(|line| line.split_whitespace().take(5).collect::<Vec<_>>().join(" ")));
    lines
}

#[test]
fn a_resumed_run_is_as_if_it_had_not_stopped() {
    if !gpu("a_resumed_run_is_as_if_it_had_not_stopped") {
        return;
    }
    let plain = ["adam", "nadam", "schedulefreeadamw", "schedulefreesgd", "adafactor", "gd"].map(|optimizer| (optimizer, &[][..]));
    let halves: [(&str, &[&str]); 2] = [
        ("adamw", &["--values", "bf16", "--gradients", "f16", "--state", "8bit"]),
        ("schedulefreesgd", &["--values", "f16", "--gradients", "bf16", "--master"]),
    ];
    for (number, (optimizer, more)) in plain.into_iter().chain(halves).enumerate() {
        let saved = |folder: &Path, own: &[&str], until| saved(folder, optimizer, &[own, more].concat(), until);
        let [whole, parts] = ["whole", "parts"].map(|name| folder(&format!("saves-{number}-{optimizer}-{name}")));
        let uninterrupted = saved(&whole, &["--epochs", "5"], None);
        assert!(uninterrupted.code == cli::DONE, "{uninterrupted:?}");
        let first = saved(&parts, &["--epochs", "5"], Some("epoch    2/5"));
        let hint = format!("it goes on with --resume {}", file(&parts));
        assert!(first.code == cli::INTERRUPTED && first.out.contains(&hint), "{first:?}");
        let second = saved(&parts, &["--epochs", "5", "--resume", &file(&parts)], None);
        assert!(second.code == cli::DONE && second.err.is_empty(), "{second:?}");
        assert!(second.out.contains("steps are done, 2 epochs"), "{second:?}");
        assert_eq!(lines(&second, optimizer, 0), lines(&uninterrupted, optimizer, 2));
        assert_eq!(lines(&second, optimizer, 0).len(), 4, "three epochs and the table: {second:?}");
        assert_eq!(numbers(&parts), numbers(&whole), "{optimizer}");
        assert!(bytes(&parts) == bytes(&whole), "{optimizer}: the saved runs differ");
    }
}

#[test]
fn a_run_goes_on_from_its_end() {
    if !gpu("a_run_goes_on_from_its_end") {
        return;
    }
    let [whole, short] = ["whole", "short"].map(|name| folder(&format!("saves-end-{name}")));
    let outcome = saved(&whole, "adam", &["--epochs", "4"], None);
    let first = saved(&short, "adam", &["--epochs", "2"], None);
    let (results, left) = (numbers(&short), bytes(&short));
    // Nothing is left to do: the same results.
    let again = saved(&short, "adam", &["--epochs", "2", "--resume", &file(&short)], None);
    assert_eq!([&outcome, &first, &again].map(|outcome| outcome.code), [cli::DONE; 3], "{again:?}");
    assert_eq!(lines(&again, "adam", 0), lines(&first, "adam", 2));
    assert!(numbers(&short) == results && bytes(&short) == left, "{again:?}");
    // More epochs than were asked for at first.
    let more = saved(&short, "adam", &["--epochs", "4", "--resume", &file(&short)], None);
    assert!(more.code == cli::DONE, "{more:?}");
    assert!(numbers(&short) == numbers(&whole) && bytes(&short) == bytes(&whole), "{more:?}");
    // Without --save the file stays as it is.
    let out = short.join("out").display().to_string();
    let args = ["--optimizer", "adam", "--hidden", "16,8", "--epochs", "5", "--resume", &file(&short), "--out", &out];
    assert!(run(&args).code == cli::DONE && bytes(&short) == bytes(&whole));
}

/// In the middle of an epoch, between two evaluations.
#[test]
fn a_run_that_was_stopped_anywhere_goes_on() {
    if !gpu("a_run_that_was_stopped_anywhere_goes_on") {
        return;
    }
    let gpu = pollster::block_on(request(DeviceLimits::Adapter)).expect("there is an adapter");
    let images = data::load("digits").expect("the digits are there");
    let trainer = Trainer::new(&gpu, &images, &[16], 32, Default::default()).expect("the network can be built");
    let sets = trainer.upload(&images.split(random::Random::new(1, SPLIT)));
    let rows = || batches(images.train(), 32);
    for name in ["adam", "nadam", "schedulefreeadamw"] {
        let choice = optimizers::choose(&[name], &[]).expect("it is there").remove(0);
        let [whole, parts] = ["whole", "parts"].map(|kind| folder(&format!("saves-anywhere-{name}-{kind}")));
        let [whole_target, target] = [&whole, &parts].map(|folder| Target::new(&folder.join("run"), vec![]).expect("it can be made"));
        let run = Run { rule: &*choice.rule, batch: 32, epochs: 3, seed: 1, sets: &sets, target: Some(&whole_target), saved: None };
        let uninterrupted = trainer.train(&run, |_| true).expect("it trains");
        let load = || Saved::load(target.path(), &vec![], rows(), images.test()).expect("it was saved");
        // The first submission is one step. An epoch has 45; after step 57 it is evaluated, and again after 68 and 79: what is under way at 50 does not
        // reach the end.
        let first = trainer.train(&Run { target: Some(&target), ..run }, |log| log.steps < 1).expect("it trains");
        assert_eq!((first.end, first.steps), (End::Interrupted, 1));
        let saved = load();
        let second = trainer.train(&Run { target: Some(&target), saved: Some(&saved), ..run }, |log| log.steps < 50).expect("it trains");
        assert!(second.end == End::Interrupted && (50..90).contains(&second.steps), "{name}: step {}", second.steps);
        let saved = load();
        assert_eq!(saved.log.steps, second.steps);
        let last = trainer.train(&Run { target: Some(&target), saved: Some(&saved), ..run }, |_| true).expect("it trains");
        assert!(last.training == uninterrupted.training && last.test == uninterrupted.test, "{name}");
        assert_eq!((last.end, last.steps), (End::Finished, 3 * 45));
        assert!(last.confusion == uninterrupted.confusion && last.weights == uninterrupted.weights, "{name}");
        assert!(bytes(&parts) == bytes(&whole), "{name}: the saved runs differ");
    }
}

#[test]
fn another_run_does_not_go_on() {
    if !gpu("another_run_does_not_go_on") {
        return;
    }
    let path = folder("saves-others");
    let mnist = path.join("MNIST");
    fs::create_dir(&mnist).expect("the tests' own folder can be written");
    super::idx::whole(&mnist);
    let outcome = saved(&path, "adam", &["--epochs", "2", "--set", "lr=0.005", "--batch", "3"], None);
    assert_eq!(outcome.code, cli::DONE, "{outcome:?}");
    let left = fs::read(file(&path)).expect("the run was saved");
    // What is as it was, but for one option.
    let same = [("--optimizer", "adam"), ("--set", "lr=0.005"), ("--hidden", "16,8"), ("--batch", "3")];
    let cases = [
        ("--optimizer", "nadam", "its run has --optimizer adam, this one nadam"),
        ("--set", "lr=0.01", "its run has --set lr 0.005, this one 0.01"),
        ("--set", "adam.amsgrad=true", "its run has --set lr 0.005, this one 0.01"),
        ("--batch", "64", "its run has --batch 3, this one 64"),
        ("--hidden", "16", "its run has --hidden 16,8, this one 16"),
        ("--seed", "2", "its run has --seed 1, this one 2"),
        ("--epochs", "1", "it is after step 958, --epochs 1 ends with step 479"),
        ("--data", &mnist.display().to_string(), "its run has --data 1797 images of 8 x 8 (CRC-32 "),
    ];
    for (option, value, message) in cases {
        let rest = same.iter().filter(|(other, _)| *other != option);
        let args: Vec<&str> = rest.chain([&(option, value)]).flat_map(|&(option, value)| [option, value]).collect();
        refused(&path, &args, &file(&path), message);
    }
    let notes = [
        ("cursor", "1", "its note \"cursor\" has other numbers"),
        ("log", "1 2", "its note \"log\" has other numbers"),
        ("log", "958 0 0 0 0 7", "its note \"log\" has other numbers"),
        ("log", "{}", "its note \"log\": \"{}\""),
        ("seconds", "1 2", "its note \"seconds\" has other numbers"),
    ];
    for (key, note, message) in notes {
        let mut foreign = Checkpoint::load(file(&path)).expect("the run was saved");
        foreign.set_note(key, note);
        let other = path.join("foreign").display().to_string();
        fs::write(&other, foreign.to_bytes().expect("it was in a file")).expect("the tests' own folder can be written");
        let args: Vec<&str> = same.iter().flat_map(|&(option, value)| [option, value]).collect();
        refused(&path, &args, &other, message);
    }
    assert!(fs::read(file(&path)).expect("it is there") == left);
}

/// No GPU is needed to refuse them.
#[test]
fn files_that_no_run_was_saved_in_are_refused() {
    let path = folder("saves-foreign");
    let mut optimizer = CpuOptimizer::<f32>::new(Adam::default(), [("w", 2)]).expect("these are right");
    let mut checkpoint = optimizer.checkpoint(Some(&[&[1.0, 2.0]])).expect("these are right");
    let whole = checkpoint.to_bytes().expect("it is small");
    optimizer.step(&mut [&mut [1.0, 2.0]], &[Some(&[1.0; 2])]).expect("these are right");
    checkpoint.set_note("optimizer", "adam");
    let trace = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/adam-rough.safetensors")).expect("it is there");
    let cases: [(&str, &[u8], &str); 6] = [
        ("empty", &[], ""),
        ("text", b"this is a text of more than eight letters", ""),
        ("cut", &whole[..whole.len() - 5], ""),
        ("trace", &trace, "of another program"),
        ("not-of-this-program", &whole, "it has no note \"optimizer\", so it is not of this program"),
        ("half-of-this-program", &checkpoint.to_bytes().expect("it is small"), "it has no note \"set lr\""),
    ];
    for (name, bytes, message) in cases {
        let file = path.join(name);
        fs::write(&file, bytes).expect("the tests' own folder can be written");
        refused(&path, &["--optimizer", "adam"], &file.display().to_string(), message);
    }
    for name in ["missing", "."] {
        refused(&path, &["--optimizer", "adam"], &path.join(name).display().to_string(), "os error");
    }
}

#[test]
fn only_one_run_can_be_saved() {
    let path = folder("saves-one");
    fs::write(path.join("file"), "theirs").expect("the tests' own folder can be written");
    let [save, file] = ["run", "file"].map(|name| path.join(name).display().to_string());
    for option in ["--save", "--resume"] {
        let cases: [(&[&str], &str); 4] = [
            (&[], "--optimizer <NAME>"),
            (&["--compare", "adam,sgd"], "cannot be used with"),
            (&["--optimizer", "adam", "--compare", "adam"], "cannot be used with"),
            (&["--optimizer", "adam", "--seeds", "2"], "cannot be used with"),
        ];
        for (args, message) in cases {
            let outcome = run(&[args, &[option, &save]].concat());
            assert!(outcome.code == cli::REFUSED && outcome.err.contains(message) && outcome.out.is_empty(), "{args:?}: {outcome:?}");
        }
    }
    if gpu("only_one_run_can_be_saved") {
        let out = path.join("out").display().to_string();
        let outcome = run(&["--optimizer", "adam", "--save", &file, "--out", &out]);
        let named = outcome.err.starts_with(&format!("train: --save {file}: "));
        assert!(outcome.code == cli::REFUSED && named && outcome.out.is_empty(), "{outcome:?}");
    }
    assert_eq!(listing(&path), ["file"]);
}

/// Exit code 2, one line that names the file and says this, and nothing written.
fn refused(path: &Path, args: &[&str], resume: &str, message: &str) {
    let [save, out] = ["new-run", "new-out"].map(|name| path.join(name));
    let [save_text, out_text] = [&save, &out].map(|path| path.display().to_string());
    let outcome = run(&[args, &["--resume", resume, "--save", &save_text, "--out", &out_text]].concat());
    let named = outcome.err.starts_with(&format!("train: --resume {resume}: ")) && outcome.err.contains(message);
    let one_line = outcome.err.lines().count() == 1 && outcome.out.is_empty();
    assert!(outcome.code == cli::REFUSED && named && one_line && !save.exists() && !out.exists(), "{args:?}: {message}: {outcome:?}");
}
