//! Hyper-parameters of a group: from the settings of a checkpoint to an entry of torch's `param_groups`, and back.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::class::{Class, Key, Word};
use crate::checkpoint::outline::Settings;
use crate::rule::{AnyRule, HyperParameter};

/// Keys that groups of older versions do not have; they are off there.
const LATER: [&str; 2] = ["maximize", "decoupled_weight_decay"];

/// An entry of `param_groups` without its parameters, of these settings, or, where a schedule has taken their place, of what it gives the next step.
///
/// # Errors
///
/// What is wrong: hyper-parameters that the settings do not have as a number, or that torch lacks.
pub(super) fn to_torch(class: &Class, settings: &Settings, scheduled: &Settings) -> Result<Map<String, Value>, Vec<String>> {
    let number = |name: &str| settings.get(name).or(scheduled.get(name))?.parse::<f64>().ok();
    let lacking = class.special.lacks.iter().filter(|name| number(name) != Some(class.preset(name)));
    let mut problems: Vec<String> = lacking.map(|name| format!("{name} is on, and torch's {} has no such thing", class.name())).collect();
    let mut group = Map::new();
    for Key { name, ours } in class.keys() {
        let json = |parameter: &HyperParameter| {
            let number = number(parameter.name)?;
            if parameter.flag { Some(Value::Bool(number != 0.0)) } else { Number::from_f64(number).map(Value::Number) }
        };
        match ours.iter().map(json).collect::<Option<Vec<_>>>() {
            None => problems.push(format!("the checkpoint has no number for {name}")),
            Some(mut own) if own.len() == 1 => group.extend(own.pop().map(|own| (name, own))),
            Some(own) => group.extend([(name, Value::Array(own))]),
        }
    }
    for key in keys_of_words(&class.words()) {
        match said(&class.words(), key, number) {
            Ok(word) => group.extend([(key.to_owned(), word)]),
            Err(ours) => problems.push(format!("{ours}, for which torch's {} has no {key}", class.name())),
        }
    }
    group.extend(class.special.always.iter().map(|&(name, flag)| (name.to_owned(), Value::Bool(flag))));
    if problems.is_empty() { Ok(group) } else { Err(problems) }
}

/// The rule with the hyper-parameters of an entry of `param_groups`. Keys that no class of torch has are a scheduler's or the user's.
///
/// # Errors
///
/// What is wrong: hyper-parameters that are missing, are of another kind, are out of range, or are of another class.
pub(super) fn to_rule(class: &Class, group: &Map<String, Value>) -> Result<Box<dyn AnyRule>, Vec<String>> {
    let (mut rule, keys, torch) = (class.rule.clone(), class.keys(), class.name());
    let mut problems = Vec::new();
    for key in &keys {
        match group.get(&key.name) {
            None if LATER.contains(&&*key.name) => {
                rule.set(&key.name, 0.0);
            }
            None => problems.push(format!("{} is missing, which torch's {torch} needs", key.name)),
            Some(value) => problems.extend(set(&mut *rule, key, value).err()),
        }
    }
    let always = class.special.always.iter().filter(|&&(name, flag)| group.get(name).is_some_and(|value| *value != Value::Bool(flag)));
    problems.extend(always.map(|(name, flag)| format!("{name} is {}, and {flag} in torch's {torch}", group[*name])));
    let words = class.words();
    for key in keys_of_words(&words) {
        problems.extend(set_by_word(&mut *rule, &words, key, group.get(key)).err());
    }
    let own = keys.iter().map(|key| &*key.name).chain(class.special.always.iter().map(|(name, _)| *name));
    let own: HashSet<&str> = own.chain(keys_of_words(&words)).collect();
    let classes = Class::all();
    let foreign = classes.iter().flat_map(Class::keys).map(|key| key.name);
    let foreign: HashSet<String> = foreign.chain(classes.iter().flat_map(|class| class.words()).map(|word| word.key.to_owned())).collect();
    let foreign = group.keys().filter(|key| foreign.contains(*key) && !own.contains(&***key));
    problems.extend(foreign.map(|key| format!("{key} is of another class, torch's {torch} has no such thing")));
    if problems.is_empty() {
        problems.extend(rule.validate().err().map(|error| error.to_string()));
    }
    if problems.is_empty() { Ok(rule) } else { Err(problems) }
}

/// The keys that have words.
fn keys_of_words(words: &[Word]) -> Vec<&'static str> {
    let mut keys: Vec<&str> = words.iter().map(|word| word.key).collect();
    keys.dedup();
    keys
}

/// What a key says where these are our numbers; ours, if no word of it says them.
fn said(words: &[Word], key: &str, number: impl Fn(&str) -> Option<f64>) -> Result<Value, String> {
    let own = || words.iter().filter(|word| word.key == key);
    let on: Vec<(&str, f64)> =
        own().filter_map(|word| Some((word.ours, number(word.ours)?))).filter(|(_, number)| *number != 0.0).collect();
    let Some(&(ours, has)) = on.first() else { return Ok(Value::Null) };
    let found = own().find(|word| on.iter().all(|&on| on == (word.ours, word.number)));
    found.map(|word| Value::from(word.word)).ok_or_else(|| format!("{ours} is {has:?}"))
}

/// Sets what a word of a key stands for.
fn set_by_word(rule: &mut dyn AnyRule, words: &[Word], key: &str, value: Option<&Value>) -> Result<(), String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(()) };
    let own = || words.iter().filter(|word| word.key == key);
    let known: Vec<String> = own().map(|word| format!("{:?}", word.word)).collect();
    let found = own().find(|word| value.as_str() == Some(word.word));
    let found = found.ok_or_else(|| format!("{key} is {value}, expected null, {}", known.join(", ")))?;
    rule.set(found.ours, found.number);
    Ok(())
}

/// Sets what a key says. A `null` in a list is the rule's default, as None is in torch.
fn set(rule: &mut dyn AnyRule, Key { name, ours }: &Key, value: &Value) -> Result<(), String> {
    let is_list = ours.len() > 1;
    let given = value.as_array().map_or(core::slice::from_ref(value), Vec::as_slice);
    let kind = match ours.as_slice() {
        [one] if one.flag => "true or false".to_owned(),
        [_] => "a number".to_owned(),
        all => format!("{} numbers", all.len()),
    };
    let wrong = || format!("{name} is {value}, expected {kind}");
    if given.len() != ours.len() || value.is_array() != is_list {
        return Err(wrong());
    }
    for (parameter, value) in ours.iter().zip(given) {
        let number = if parameter.flag { value.as_bool().map(|flag| f64::from(u8::from(flag))) } else { value.as_f64() };
        if !(is_list && value.is_null()) {
            rule.set(parameter.name, number.ok_or_else(wrong)?);
        }
    }
    Ok(())
}
