//! The README tells the truth: its table is the list of rules, its code is code that runs.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::rules;

use crate::context::{Context, Outcome};

#[allow(dead_code, missing_docs, reason = "`main` is the program's, `fit` the example's only function")]
#[path = "../../examples/first.rs"]
mod first;

#[path = "../../examples/ten_lines.rs"]
mod ten_lines;

#[path = "../../examples/whole_step.rs"]
mod whole_step;

const README: &str = include_str!("../../README.md");

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        let name = rule.name();
        trials.push(Trial::test(format!("docs/{name}/readme-row"), move || contains("a row of its table", &row(&*rule))));
    }
    trials.push(Trial::test("docs/first-is-the-example", first_is_the_example));
    trials.push(contexts[0].trial("docs/first-fits".into(), |_| {
        let line = first::fit().map_err(|error| error.to_string())?;
        assert!(line.iter().zip([2.0, -1.0]).all(|(found, made)| (found - made).abs() < 1e-2), "{line:?}");
        Ok(())
    }));
    trials.push(Trial::test("docs/ten-lines-are-the-example", ten_lines_are_the_example));
    trials.push(contexts[0].trial("docs/ten-lines-train".into(), |_| {
        let distance = ten_lines::run().map_err(|error| error.to_string())?;
        assert!(distance < 0.05, "the furthest value is {distance} away");
        Ok(())
    }));
    trials.push(Trial::test("docs/whole-step-is-the-example", whole_step_is_the_example));
    trials.push(contexts[0].trial("docs/whole-step-trains".into(), |_| {
        let (report, distance) = whole_step::run().map_err(|error| error.to_string())?;
        assert!(distance < 0.05 && report.step == 500 && report.skips == 0, "{distance} away: {report:?}");
        Ok(())
    }));
    trials
}

fn contains(what: &str, text: &str) -> Outcome {
    match README.contains(text) {
        true => Ok(()),
        false => Err(format!("README.md lacks {what}:\n{text}").into()),
    }
}

/// The rule's row: name, where it comes from, states (those not in use by default in brackets), and bytes moved per parameter and step.
fn row(rule: &dyn AnyRule) -> String {
    let state = |name: &str| if rule.uses(name) { format!("`{name}`") } else { format!("(`{name}`)") };
    let states: Vec<String> = rule.states().iter().map(|known| state(known.name)).collect();
    let shapes = |case: &dyn AnyRule| [true, false].map(|is_matrix| case.bytes_per_element(is_matrix));
    let bytes = rule.cases().iter().flat_map(|(_, case)| shapes(&**case)).max().unwrap_or_default();
    let known: Vec<String> = rule.known_as().iter().map(|known| format!("{} `{}`", known.framework, known.name)).collect();
    let (name, least) = (rule.name(), rule.bytes_per_parameter());
    let bytes = if least == bytes { format!("{least}") } else { format!("{least} to {bytes}") };
    format!("| `{name}` | {} | {} | {bytes} |", known.join(", "), states.join(" "))
}

/// All of it but what it says of itself.
fn first_is_the_example() -> Outcome {
    let example = include_str!("../../examples/first.rs");
    let (_, program) = example.split_once("\n\n").ok_or("the example has no head")?;
    contains("the program of examples/first.rs", &program.replace("pub(crate) fn", "fn"))
}

fn ten_lines_are_the_example() -> Outcome {
    contains("the code of examples/ten_lines.rs", function(include_str!("../../examples/ten_lines.rs"), "train")?)
}

fn whole_step_is_the_example() -> Outcome {
    let example = include_str!("../../examples/whole_step.rs");
    ["optimizer", "train"].into_iter().try_for_each(|name| contains("the code of examples/whole_step.rs", function(example, name)?))
}

/// A public function's text.
fn function<'a>(example: &'a str, name: &str) -> Result<&'a str, Failed> {
    let start = example.find(&format!("pub fn {name}")).ok_or("the example lacks a function")?;
    let end = example[start..].find("\n}\n").ok_or("a function has no end")? + start;
    Ok(example[start..end].trim_start_matches("pub "))
}
