//! Command lines that are refused, with exit code 2, a message, and nothing written.

use std::fs;

use wgpu_optim::rules;

use super::{cli, folder, listing, run};

#[test]
fn wrong_command_lines_are_refused() {
    let cases: [(&[&str], &str); 24] = [
        (&["--optimizer", "adma"], "there is no optimizer \"adma\"; there are: gd, sgd, momentum, nesterov, rmsprop, adam, adamw"),
        (&["--compare", "adam,"], "there is no optimizer \"\""),
        (&["--compare", "adam,SGD,Adam"], "adam is named twice"),
        (&["--optimizer", "sgd", "--compare", "adam"], "cannot be used with"),
        (&["--optimizer", "adam", "--set", "rho=1"], "adam has no hyper-parameter \"rho\"; it has: lr, beta1, beta2"),
        (&["--compare", "adam,sgd", "--set", "beta1=0.5"], "sgd has no hyper-parameter \"beta1\"; it has: lr, momentum"),
        (&["--optimizer", "adam", "--set", "lr=-1"], "Adam: lr must be in [0, inf), got -1"),
        (&["--optimizer", "adam", "--set", "beta1=1"], "Adam: beta1 must be in [0, 1), got 1"),
        (&["--optimizer", "adam", "--set", "lr=nan"], "Adam: lr must be in [0, inf), got NaN"),
        (&["--optimizer", "adam", "--set", "lr=1e-50"], "lr must be 0 or of magnitude"),
        (&["--optimizer", "sgd", "--set", "nesterov=true"], "nesterov needs momentum"),
        (&["--optimizer", "sgd", "--set", "nesterov=2"], "nesterov is true or false, got 2"),
        (&["--optimizer", "adam", "--set", "lr"], "write NAME=VALUE"),
        (&["--optimizer", "adam", "--set", "lr=fast"], "\"fast\" is neither a number nor true or false"),
        (&["--optimizer", "adam", "--set", "sgd.lr=1"], "\"sgd\" does not run; there are: adam"),
        (&["--epochs", "0"], "0 is not in 1.."),
        (&["--batch", "0"], "0 is not in 1.."),
        (&["--batch", "1438"], "--batch must be at most 1437, the rows to train on, got 1438"),
        (&["--hidden", "128,30"], "multiple of 4"),
        (&["--hidden", ""], "multiple of 4"),
        (&["--values", "8bit"], "there are f32, bf16 and f16"),
        (&["--master", "--gradients", "f16"], "--master keeps f32 values beside those of --values bf16 or f16, and these are f32"),
        (&["--seeds", "0"], "0 is not in 1..=1000"),
        (&["--verbose"], "--help"),
    ];
    for (args, message) in cases {
        let out = folder("refused").join("out");
        let path = out.display().to_string();
        let outcome = run(&[args, &["--out", &path]].concat());
        let left = out.exists() || !listing(&out.with_file_name("")).is_empty();
        assert!(outcome.code == cli::REFUSED && outcome.err.contains(message) && !left, "{args:?}: {outcome:?}");
        assert!(outcome.out.is_empty(), "{args:?}: {outcome:?}");
    }
}

#[test]
fn every_rule_has_a_name() {
    let outcome = run(&["--optimizer", "?"]);
    for rule in rules::all() {
        let name = rule.name().to_lowercase();
        assert!(outcome.err.contains(&format!(" {name}")), "{name} is not in {}", outcome.err);
        super::optimizers::choose(&[rule.name().to_uppercase()], &[]).expect("the rule can be chosen");
    }
}

#[test]
fn folders_that_cannot_be_replaced_are_refused() {
    let path = folder("foreign");
    let text = |name: &str| path.join(name).display().to_string();
    fs::create_dir(text("theirs")).expect("the tests' own folder can be written");
    for name in ["theirs/summary.json", "theirs/thesis.txt", "file"] {
        fs::write(text(name), name).expect("the tests' own folder can be written");
    }
    let cases = [
        ("theirs", "the folder holds thesis.txt, which is not from an earlier run"),
        ("file", "--out"),
        ("file/below", "--out"),
        ("..", "this is not the name of a folder"),
    ];
    for (name, message) in cases {
        let outcome = run(&["--out", &text(name)]);
        assert!(outcome.code == cli::REFUSED && outcome.err.contains(message) && outcome.out.is_empty(), "{name}: {outcome:?}");
    }
    assert_eq!(
        (listing(&path), listing(&path.join("theirs"))),
        (vec!["file".to_owned(), "theirs".to_owned()], vec!["summary.json".to_owned(), "thesis.txt".to_owned()])
    );
}
