//! What cannot be read is refused with exit code 2 and a message that names the file and the thing.

use std::path::Path;

use serde_json::{Value, json};

use super::draft::{Change, Draft, save};
use super::{UNREADABLE, on_cpu};

#[test]
fn files_that_break_the_format_are_refused() {
    let cases: [(&str, &str, Change); 27] = [
        ("other-format", "format is \"optimizer-trace/2\"", |draft| draft.say("format", "optimizer-trace/2")),
        ("no-format", "metadata \"format\" is missing", |draft| drop(draft.metadata.remove("format"))),
        ("no-framework", "metadata \"framework\" is missing", |draft| drop(draft.metadata.remove("framework"))),
        ("no-optimizer", "metadata \"optimizer\" is missing", |draft| drop(draft.metadata.remove("optimizer"))),
        ("no-steps", "metadata \"steps\" is missing", |draft| drop(draft.metadata.remove("steps"))),
        ("steps-word", "steps is \"two\"", |draft| draft.say("steps", "two")),
        ("steps-zero", "steps is \"0\"", |draft| draft.say("steps", "0")),
        ("steps-more", "\"param/b/3\" is missing", |draft| draft.say("steps", "3")),
        ("steps-fewer", "\"grad/b/2\" is not of a step from 1 to 1", |draft| draft.say("steps", "1")),
        ("steps-huge", "\"param/b/3\" is missing", |draft| draft.say("steps", "18446744073709551615")),
        ("bad-hyper", "metadata \"hyper\" is not the JSON", |draft| draft.say("hyper", "{lr: 0.5}")),
        ("hyper-list", "metadata \"hyper\" is not the JSON", |draft| draft.say("hyper", "[0.5]")),
        ("bad-groups", "metadata \"groups\" is not the JSON", |draft| draft.say("groups", "[{\"params\": [\"w\"")),
        ("group-key", "unknown field `lr`", |draft| draft.say("groups", r#"[{"params": ["w", "b"], "lr": 0.5}]"#)),
        ("group-unknown", "parameter \"v\" of groups has no \"param/NAME/0\"", |draft| {
            draft.say("groups", r#"[{"params": ["w", "b", "v"]}]"#)
        }),
        ("group-twice", "parameter \"w\" is twice in groups", |draft| {
            draft.say("groups", r#"[{"params": ["w"]}, {"params": ["b", "w"]}]"#)
        }),
        ("group-left-out", "parameter \"b\" is in none of the groups", |draft| draft.say("groups", r#"[{"params": ["w"]}]"#)),
        ("no-params", "there is no tensor \"param/NAME/0\"", |draft| draft.tensors.clear()),
        ("no-initial", "\"grad/w/1\" is of a parameter without \"param/w/0\"", |draft| drop(draft.tensors.remove("param/w/0"))),
        ("no-truth", "tensor \"param/w/2\" is missing", |draft| drop(draft.tensors.remove("param/w/2"))),
        ("no-framework-run", "tensor \"torch_f32/b/1\" is missing", |draft| drop(draft.tensors.remove("torch_f32/b/1"))),
        ("lost-gradient", "tensor \"grad/w/2\" is missing, though", |draft| drop(draft.tensors.remove("grad/w/2"))),
        ("stray", "tensor \"grads/w/1\" has a name", |draft| draft.f32("grads/w/1", &[1], &[1.0])),
        ("truth-f32", "tensor \"param/b/1\" is F32, it should be F64", |draft| draft.f32("param/b/1", &[1], &[0.5])),
        ("initial-f64", "tensor \"param/b/0\" is F64, it should be F32", |draft| draft.f64("param/b/0", &[1], &[1.0])),
        ("shape", "tensor \"grad/w/1\" has shape [4], its parameter has [2, 2]", |draft| draft.f32("grad/w/1", &[4], &[1.0; 4])),
        ("state-shape", "\"state/w/momentum_buffer/2\" has shape [1], its", |draft| draft.f64("state/w/momentum_buffer/2", &[1], &[1.0])),
    ];
    for (name, message, change) in cases {
        let mut draft = Draft::new();
        change(&mut draft);
        refused(&draft.save(name), message);
    }
}

#[test]
fn optimizers_that_are_not_ours_are_refused() {
    let cases: [(&str, &str, &str, Value, &str); 14] = [
        ("lion", "torch 2.15.0", "Lion", json!({}), "optimizer \"Lion\" of torch is not one of SGD"),
        ("case", "torch 2.15.0", "sgd", json!({}), "optimizer \"sgd\" of torch is not one of SGD"),
        ("optax-name", "optax 0.2.8", "RMSprop", json!({}), "optimizer \"RMSprop\" of optax is not one of rmsprop"),
        ("unknown-key", "torch 2.15.0", "SGD", json!({"lr": 0.1, "rho": 0.9}), "SGD of torch has no hyper-parameter \"rho\""),
        ("unknown-null", "torch 2.15.0", "SGD", json!({"rho": null}), "SGD of torch has no hyper-parameter \"rho\""),
        ("our-key", "optax 0.2.8", "rmsprop", json!({"lr": 0.1}), "rmsprop of optax has no hyper-parameter \"lr\""),
        ("foreign-flag", "optax 0.2.8", "rmsprop", json!({"fused": false}), "rmsprop of optax has no hyper-parameter \"fused\""),
        ("text", "torch 2.15.0", "SGD", json!({"lr": "0.1"}), "\"lr\" of SGD should be a number, it is \"0.1\""),
        ("number-flag", "torch 2.15.0", "SGD", json!({"nesterov": 1}), "\"nesterov\" of SGD should be true or false, it is 1"),
        ("list", "torch 2.15.0", "SGD", json!({"lr": [0.1]}), "\"lr\" of SGD should be a number, it is [0.1]"),
        ("one-beta", "torch 2.15.0", "Adam", json!({"betas": [0.9]}), "\"betas\" of Adam should be a list of 2 numbers, it is [0.9]"),
        ("beta-null", "torch 2.15.0", "Adam", json!({"betas": [0.9, null]}), "\"betas\" of Adam should be a list of 2 numbers"),
        ("range", "torch 2.15.0", "SGD", json!({"lr": -0.1}), "lr must be in [0, inf), got -0.1"),
        ("together", "torch 2.15.0", "SGD", json!({"nesterov": true}), "nesterov needs momentum"),
    ];
    for (name, framework, optimizer, hyper, message) in cases {
        let mut draft = Draft::new();
        draft.say("framework", framework);
        draft.say("optimizer", optimizer);
        draft.say("hyper", &hyper.to_string());
        refused(&draft.save(&format!("hyper-{name}")), message);
    }
}

#[test]
fn files_that_are_no_safetensors_are_refused() {
    let whole = Draft::new().bytes();
    refused(&save("empty", &[]), "header");
    refused(&save("text", b"this is not a trace at all"), "header");
    refused(&save("truncated", &whole[..whole.len() - 1]), "incomplete");
    refused(&save("half-header", &whole[..100]), "header");
    refused(Path::new("nowhere/absent.safetensors"), "replay: ");
    refused(Path::new(env!("CARGO_TARGET_TMPDIR")), "replay: ");
}

/// Exit code 2, no row, and a message with the file's name and these words.
fn refused(path: &Path, message: &str) {
    let outcome = on_cpu(&[path.to_owned()]);
    let named = outcome.err.contains(&*path.to_string_lossy()) && outcome.err.contains(message);
    assert!(outcome.is(UNREADABLE) && outcome.out.is_empty() && named, "{message}: {outcome:?}");
}
