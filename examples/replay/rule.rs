//! From another framework's optimizer and its hyper-parameters to one of our rules.

use serde_json::Value;
use wgpu_optim::rule::{AnyRule, HyperParameter, KnownAs, Number};
use wgpu_optim::rules;

use super::trace::{Hyper, Result, Trace};

/// The names are torch's, unless the framework is one whose own names some rule is known by.
const TORCH: &str = "torch";

/// Keywords of torch that choose among implementations of the same formula.
const IMPLEMENTATION: [&str; 4] = ["foreach", "fused", "capturable", "differentiable"];

/// The rule of each group, checked.
pub fn of_groups(trace: &Trace) -> Result<Vec<Box<dyn AnyRule>>> {
    trace.groups.iter().map(|group| of(&trace.framework, &trace.optimizer, &group.hyper)).collect()
}

/// The rule that a framework (`"torch 2.15.0"`) calls `optimizer`, with the hyper-parameters that are given under its names, and its own
/// defaults for the others.
pub fn of(framework: &str, optimizer: &str, hyper: &Hyper) -> Result<Box<dyn AnyRule>> {
    let word = framework.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next().unwrap_or_default();
    let known: Vec<_> = rules::all().into_iter().flat_map(|rule| rule.known_as().iter().map(move |known| (rule.clone(), known))).collect();
    let own = known.iter().map(|(_, known)| known.framework).find(|&known| known == word);
    let framework = own.unwrap_or(TORCH);
    let names: Vec<&str> = known.iter().filter(|(_, known)| known.framework == framework).map(|(_, known)| known.name).collect();
    let found = known.iter().find(|(_, known)| known.framework == framework && known.name == optimizer);
    // One that no rule is known by, as numpy, has written down another's formula.
    let found = found.or_else(|| known.iter().find(|(_, known)| own.is_none() && known.name == optimizer));
    let (rule, known) = found.ok_or_else(|| format!("optimizer \"{optimizer}\" of {framework} is not one of {}", names.join(", ")))?;
    let mut rule = rule.clone();
    for &(name, value) in known.preset {
        rule.set(name, value);
    }
    for (key, value) in hyper {
        set(&mut *rule, known, key, value)?;
    }
    rule.validate()?;
    Ok(rule)
}

/// Sets what a keyword of the framework says; `null` is its own default, as None is in Python.
fn set(rule: &mut dyn AnyRule, known: &KnownAs, key: &str, value: &Value) -> Result<()> {
    if known.framework == TORCH && IMPLEMENTATION.contains(&key) && (value.is_null() || value.is_boolean()) {
        return Ok(());
    }
    let has_words = known.keys.iter().any(|(theirs, _)| theirs.split_once('=').is_some_and(|(own, _)| own == key));
    match value {
        Value::Null if has_words => return Ok(()),
        Value::String(word) if has_words => return set_by_word(rule, known, key, word),
        _ => {}
    }
    let ours = ours(rule, known, key);
    let given = value.as_array().map_or(core::slice::from_ref(value), Vec::as_slice);
    let one = ours.first().ok_or_else(|| format!("{} of {} has no hyper-parameter \"{key}\"", known.name, known.framework))?;
    if value.is_null() {
        return Ok(());
    }
    let kind = if one.flag { "true or false" } else { "a number" };
    let wanted = if ours.len() > 1 { format!("a list of {} numbers", ours.len()) } else { kind.to_owned() };
    let wrong = || format!("hyper-parameter \"{key}\" of {} should be {wanted}, it is {value}", known.name);
    if given.len() != ours.len() || value.is_array() != (ours.len() > 1) {
        return Err(wrong().into());
    }
    for (parameter, value) in ours.iter().zip(given) {
        let number = if parameter.flag { value.as_bool().map(Number::to_number) } else { value.as_f64() };
        rule.set(parameter.name, number.ok_or_else(wrong)?);
    }
    Ok(())
}

/// Sets what one of the framework's words for a keyword stands for, as `KEY=WORD` and `NAME=NUMBER` say among the keys.
fn set_by_word(rule: &mut dyn AnyRule, known: &KnownAs, key: &str, word: &str) -> Result<()> {
    let is_own = |theirs: &str| theirs.split_once('=') == Some((key, word));
    let found = known.keys.iter().find(|(theirs, _)| is_own(theirs)).and_then(|(_, ours)| ours.split_once('='));
    let (name, number) = found.ok_or_else(|| format!("{} of {} has no \"{word}\" for \"{key}\"", known.name, known.framework))?;
    rule.set(name, number.parse()?);
    Ok(())
}

/// Our hyper-parameters for a keyword of the framework: several for `betas` and its like, none if there is no such keyword.
fn ours(rule: &dyn AnyRule, known: &KnownAs, key: &str) -> Vec<HyperParameter> {
    let renamed = known.keys.iter().find(|(theirs, _)| *theirs == key);
    let shadowed = renamed.is_none() && known.keys.iter().any(|(_, ours)| *ours == key);
    let key = renamed.map_or(key, |(_, ours)| ours);
    let named = |parameter: &&HyperParameter| key.split(", ").any(|key| parameter.name == key) && !shadowed;
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let numbered =
        |parameter: &&HyperParameter| key.strip_suffix('s').and_then(|stem| parameter.name.strip_prefix(stem)).is_some_and(digits);
    let parameters = rule.parameters().iter();
    let exact: Vec<_> = parameters.clone().filter(named).copied().collect();
    if exact.is_empty() { parameters.filter(numbered).copied().collect() } else { exact }
}
