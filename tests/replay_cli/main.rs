//! The command line of `examples/replay`: what it prints, what it refuses and with which words, and its exit codes. Here on the CPU; the
//! suite replays on the GPU.

#[path = "../../examples/replay/backend.rs"]
mod backend;
#[path = "../../examples/replay/cli.rs"]
mod cli;
#[path = "../../benches/step/files.rs"]
mod files;
#[path = "../../examples/replay/metadata.rs"]
mod metadata;
#[path = "../../examples/replay/replay.rs"]
mod replay;
#[path = "../../examples/replay/rule.rs"]
mod rule;
#[path = "../../examples/replay/trace.rs"]
mod trace;

mod draft;
mod own_traces;
mod refusals;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use draft::{Change, Draft, save};

const PASSED: u8 = 0;
const FAILED: u8 = 1;
const UNREADABLE: u8 = 2;

/// What a run gave.
#[derive(Debug)]
struct Outcome {
    code: ExitCode,
    out: String,
    err: String,
}

impl Outcome {
    fn is(&self, code: u8) -> bool {
        self.code == ExitCode::from(code)
    }

    fn rows(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }
}

fn run(args: &[&str], files: &[PathBuf]) -> Outcome {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = ["replay"].iter().chain(args).map(Into::into).chain(files.iter().map(Into::into));
    let code = cli::run(args, &mut out, &mut err).expect("a Vec can be written");
    let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
    Outcome { code, out: text(out), err: text(err) }
}

fn on_cpu(files: &[PathBuf]) -> Outcome {
    run(&["--backend", "cpu", "--json"], files)
}

#[test]
fn a_row_has_the_documented_keys() {
    let outcome = on_cpu(&[Draft::new().save("keys")]);
    assert!(outcome.is(PASSED) && outcome.err.is_empty(), "{outcome:?}");
    let wanted = json!({
        "trace": "keys", "optimizer": "SGD", "backend": "cpu", "steps": 2, "max_error": 0.0, "rms_error": 0.0,
        "framework_max_error": 0.0, "framework_rms_error": 0.0, "fidelity": 1.0, "state_max_error": {"momentum_buffer": 0.0}, "pass": true,
    });
    assert_eq!(outcome.rows(), [wanted]);
}

#[test]
fn the_table_has_a_line_per_replay() {
    let outcome = run(&["--backend", "cpu"], &[Draft::new().save("first"), Draft::new().save("second")]);
    assert!(outcome.is(PASSED), "{outcome:?}");
    let lines: Vec<&str> = outcome.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", outcome.out);
    assert!(
        lines[0].starts_with("trace") && lines[1].starts_with("first") && lines[2].contains("pass momentum_buffer 0.0e0"),
        "{}",
        outcome.out
    );
}

#[test]
fn other_results_fail() {
    let mut far = Draft::new();
    far.f64("param/b/2", &[1], &[0.7500002]);
    far.f32("torch_f32/b/2", &[1], &[0.7500002]);
    let outcome = on_cpu(&[Draft::new().save("near"), far.save("far")]);
    assert!(outcome.is(FAILED), "{outcome:?}");
    let passes: Vec<Value> = outcome.rows().iter().map(|row| row["pass"].clone()).collect();
    assert_eq!(passes, [true, false]);
}

/// A damaged truth is as far from the framework as from us: fidelity is 1, and says nothing.
#[test]
fn a_damaged_truth_fails() {
    let cases: [(&str, &str, Change); 5] = [
        ("value", "the framework's w, step 2, by 6.6e2", |draft| draft.f64("param/w/2", &[2, 2], &[0.75, 660.0, 0.75, 0.75])),
        ("value-a-little", "the framework's w, step 1, by 1.0e-3", |draft| draft.f64("param/w/1", &[2, 2], &[0.5, 0.5, 0.501, 0.5])),
        ("small-parameter", "the framework's b, step 2, by 1.0e-3", |draft| draft.f64("param/b/2", &[1], &[0.751])),
        ("state", "our b/momentum_buffer, step 2, by 3.7e5", |draft| draft.f64("state/b/momentum_buffer/2", &[1], &[-3.7e5])),
        ("state-a-little", "our w/momentum_buffer, step 1, by 2.0e-3", |draft| {
            draft.f64("state/w/momentum_buffer/1", &[2, 2], &[1.0, 1.0, 1.0, 1.002])
        }),
    ];
    for (name, message, change) in cases {
        let mut draft = Draft::new();
        change(&mut draft);
        let file = draft.save(&format!("damaged-{name}"));
        let outcome = run(&["--backend", "cpu"], &[file]);
        let row = outcome.out.lines().last().unwrap_or_default();
        assert!(outcome.is(FAILED) && row.contains("FAIL") && row.contains(message), "{name}: {outcome:?}");
        assert!(row.contains(" 1.000 "), "{name}: fidelity sees it by itself: {row}");
    }
}

#[test]
fn what_is_not_finite_fails_and_stays_json() {
    let cases: [(&str, Change); 4] = [
        ("truth", |draft| draft.f64("param/w/1", &[2, 2], &[f64::NAN, 0.5, 0.5, 0.5])),
        ("framework", |draft| draft.f32("torch_f32/w/1", &[2, 2], &[0.5, f64::NAN, 0.5, 0.5])),
        ("gradient", |draft| draft.f32("grad/w/1", &[2, 2], &[1.0, 1.0, f64::INFINITY, 1.0])),
        ("state", |draft| draft.f64("state/w/momentum_buffer/1", &[2, 2], &[1.0, 1.0, 1.0, f64::NAN])),
    ];
    for (name, change) in cases {
        let mut draft = Draft::new();
        change(&mut draft);
        let outcome = on_cpu(&[draft.save(&format!("not-finite-{name}"))]);
        assert!(outcome.is(FAILED), "{name}: {outcome:?}");
        let row = &outcome.rows()[0];
        let figures = [&row["max_error"], &row["framework_max_error"], &row["state_max_error"]["momentum_buffer"]];
        assert!(figures.iter().any(|figure| figure.is_null()) && row["pass"] == false, "{name}: {row}");
    }
}

#[test]
fn one_unreadable_file_does_not_hide_the_others() {
    let mut far = Draft::new();
    far.f64("param/b/2", &[1], &[1.0]);
    let outcome = on_cpu(&[save("broken", &[0; 3]), far.save("far-too"), Draft::new().save("fine")]);
    assert!(outcome.is(UNREADABLE), "{outcome:?}");
    assert_eq!(outcome.rows().len(), 2);
}

#[test]
fn the_usage_is_explained() {
    for args in [&[][..], &["--backend", "tpu", "x"], &["--verbose", "x"]] {
        let outcome = run(args, &[]);
        assert!(outcome.is(UNREADABLE) && outcome.err.contains("--help"), "{args:?}: {outcome:?}");
    }
    let outcome = run(&["--help"], &[]);
    assert!(outcome.is(PASSED) && outcome.out.contains("--backend"), "{outcome:?}");
}

#[test]
fn keywords_that_choose_an_implementation_change_nothing() {
    let mut draft = Draft::new();
    let hyper =
        json!({"lr": 0.5, "momentum": 0.5, "dampening": 0, "weight_decay": null, "foreach": null, "fused": true, "differentiable": false});
    draft.say("hyper", &hyper.to_string());
    assert!(on_cpu(&[draft.save("implementation")]).is(PASSED));
}

#[test]
fn a_step_without_a_gradient_leaves_its_parameter() {
    let mut draft = Draft::new();
    drop(draft.tensors.remove("grad/b/1"));
    drop(draft.tensors.remove("state/b/momentum_buffer/1"));
    for (step, value) in [(1, 1.0), (2, 1.5)] {
        draft.f64(&format!("param/b/{step}"), &[1], &[value]);
        draft.f32(&format!("torch_f32/b/{step}"), &[1], &[value]);
    }
    draft.f64("state/b/momentum_buffer/2", &[1], &[-1.0]);
    let outcome = on_cpu(&[draft.save("gap")]);
    assert!(outcome.is(PASSED) && outcome.rows()[0]["max_error"] == 0.0, "{outcome:?}");
}
