//! Hyper-parameters of a group: from the settings of a checkpoint to an entry of torch's `param_groups`, and back.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::class::{Class, Key};
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
    let own: HashSet<&str> = keys.iter().map(|key| &*key.name).chain(class.special.always.iter().map(|(name, _)| *name)).collect();
    let foreign: HashSet<String> = Class::all().iter().flat_map(Class::keys).map(|key| key.name).collect();
    let foreign = group.keys().filter(|key| foreign.contains(*key) && !own.contains(&***key));
    problems.extend(foreign.map(|key| format!("{key} is of another class, torch's {torch} has no such thing")));
    if problems.is_empty() {
        problems.extend(rule.validate().err().map(|error| error.to_string()));
    }
    if problems.is_empty() { Ok(rule) } else { Err(problems) }
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
