//! README and guide tell the truth: the table is the list of rules, the code is code that runs.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::rule::AnyRule;
use wgpu_optim::rules;
use wgpu_optim::{Adam, Optimizer, Tensors};

use crate::context::{Context, Outcome};

#[allow(dead_code, missing_docs, reason = "`main` is the program's, `fit` the example's only function")]
#[path = "../../examples/first.rs"]
mod first;

#[path = "../../examples/ten_lines.rs"]
mod ten_lines;

#[path = "../../examples/whole_step.rs"]
mod whole_step;

#[path = "../../examples/checkpoint.rs"]
mod checkpoint;

#[path = "../../examples/prune.rs"]
mod prune;

const README: &str = include_str!("../../README.md");

/// The guide's pages.
const GUIDE: [(&str, &str); 9] = [
    ("programs", include_str!("../../docs/guide/programs.md")),
    ("step", include_str!("../../docs/guide/step.md")),
    ("storage", include_str!("../../docs/guide/storage.md")),
    ("rows", include_str!("../../docs/guide/rows.md")),
    ("checkpoints", include_str!("../../docs/guide/checkpoints.md")),
    ("batches", include_str!("../../docs/guide/batches.md")),
    ("browser", include_str!("../../docs/guide/browser.md")),
    ("proof", include_str!("../../docs/guide/proof.md")),
    ("limits", include_str!("../../docs/guide/limits.md")),
];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        let name = rule.name();
        trials.push(Trial::test(format!("docs/{name}/readme-row"), move || within(README, "a row of its table", &row(&*rule))));
    }
    trials.push(Trial::test("docs/guide-is-linked", pages_are_linked));
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
    trials.push(Trial::test("docs/checkpoint-is-the-example", || {
        let example = include_str!("../../examples/checkpoint.rs");
        ["save", "load"].into_iter().try_for_each(|name| contains("the code of examples/checkpoint.rs", function(example, name)?))
    }));
    trials.push(contexts[0].trial("docs/checkpoint-resumes".into(), |_| {
        let [through, resumed] = checkpoint::run().map_err(|error| error.to_string())?;
        assert_eq!(through, resumed);
        Ok(())
    }));
    trials.push(contexts[0].trial("docs/debug-and-display-are-short".into(), |gpu| {
        let tensors = Tensors::new(&gpu.device, (0..161).map(|number| (format!("w{number}"), [10])))?;
        let optimizer = Optimizer::new(&gpu.device, &gpu.queue, Adam::default(), tensors.params())?;
        let text = format!("{optimizer:?} {:?}", optimizer.pipelines());
        assert!(
            text.starts_with("Optimizer { groups: [\"Adam, 161 parameters\"], parameters: 161, options: Options {") && text.len() < 1000,
            "{text}"
        );
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        optimizer.step(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
        assert_eq!(pollster::block_on(optimizer.report())?.to_string(), "step 1, 0 skipped, lr [0: 0.001]");
        Ok(())
    }));
    trials.push(Trial::test("docs/prune-is-the-example", || {
        contains("the code of examples/prune.rs", function(include_str!("../../examples/prune.rs"), "with_rows")?)
    }));
    trials.push(contexts[0].trial("docs/prune-keeps-the-rows".into(), |_| {
        let [fewer, all] = prune::run().map_err(|error| error.to_string())?;
        assert_eq!(fewer, [&all[..3], &all[6..12], &all[15..]].concat());
        Ok(())
    }));
    trials
}

/// README or guide has this text.
fn contains(what: &str, text: &str) -> Outcome {
    let pages = [README].into_iter().chain(GUIDE.map(|(_, page)| page));
    within(&pages.collect::<Vec<_>>().join("\n"), what, text)
}

fn within(page: &str, what: &str, text: &str) -> Outcome {
    match page.contains(text) {
        true => Ok(()),
        false => Err(format!("README.md or docs/guide lacks {what}:\n{text}").into()),
    }
}

/// Each page of the guide has its row and its link in the README, and its module in the documentation.
fn pages_are_linked() -> Outcome {
    let files = std::fs::read_dir("docs/guide");
    // A kit has no files beside the programs.
    let files = files.map_or(GUIDE.len(), Iterator::count);
    assert_eq!(files, GUIDE.len(), "docs/guide has a page that this list has not");
    GUIDE.into_iter().try_for_each(|(name, page)| {
        let title = page.lines().next().and_then(|line| line.strip_prefix("# ")).ok_or("a page begins with its title")?;
        within(README, "a row of the guide's table", &format!("| [{title}][{name}] |"))?;
        within(README, "a link to a page", &format!("[{name}]: https://github.com/wgpu-optim/wgpu-optim/blob/main/docs/guide/{name}.md"))?;
        within(include_str!("../../src/lib.rs"), "a link to a module", &format!("#![doc = \"[{name}]: guide::{name}\"]"))?;
        within(include_str!("../../src/guide.rs"), "a module", &format!("guide/{name}.md\")]\npub mod {name} {{}}"))
    })
}

/// The rule's row: name, where it comes from, states (those not in use by default in brackets), and bytes moved per parameter and step.
fn row(rule: &dyn AnyRule) -> String {
    let state = |name: &str| if rule.uses(name) { format!("`{name}`") } else { format!("(`{name}`)") };
    let states: Vec<String> = rule.states().iter().filter(|known| !known.is_scratch()).map(|known| state(known.name)).collect();
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
    let start = ["pub fn", "pub async fn"].iter().find_map(|start| example.find(&format!("{start} {name}")));
    let start = start.ok_or("the example lacks a function")?;
    let end = example[start..].find("\n}\n").ok_or("a function has no end")? + start;
    Ok(example[start..end].trim_start_matches("pub "))
}
