//! From a checkpoint to a state dict.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use safetensors::Dtype;
use serde_json::{Value, json};

use super::class::{Class, Steps};
use super::container::{FORMAT, GROUPS, NAMES, STEP, VALUES, VERSION};
use super::groups::to_torch;
use super::{Problems, wrong};
use crate::checkpoint::file::Piece;
use crate::checkpoint::outline::{ParamOutline, Settings};
use crate::checkpoint::{Checkpoint, Numbers};
use crate::error::Result;

/// The key of Lookahead's slow values, which the next steps depend on.
const SLOW: &str = "slow";

/// A tensor: its name, shape and numbers.
type Tensor<'a> = (String, Cow<'a, [usize]>, Cow<'a, [f32]>);

pub(super) fn to_bytes(checkpoint: &Checkpoint) -> Result<Vec<u8>> {
    let (outline, mut problems) = (&checkpoint.outline, Problems::default());
    let (mut groups, mut tensors, mut order, mut names) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut counts: BTreeMap<String, Value> = BTreeMap::new();
    for (group, settings) in outline.groups.iter().enumerate() {
        let members: Vec<usize> = (0..outline.params.len()).filter(|&param| outline.params[param].group == group).collect();
        let scheduled = checkpoint.scheduled.get(group).cloned().unwrap_or_default();
        let first = order.len();
        order.extend(members.iter().map(|&param| &*outline.params[param].name));
        for &param in &members {
            lacking(&outline.params[param], &checkpoint.params[param]).into_iter().for_each(|problem| problems.push(problem));
        }
        match Class::of(rule(settings), |class| to_torch(class, settings, &scheduled)) {
            Ok((class, mut entry)) => {
                entry.insert("params".into(), json!((first..order.len()).collect::<Vec<_>>()));
                entry.insert(NAMES.into(), json!(order[first..]));
                groups.push(Value::Object(entry));
                names.push(class.name());
                for (index, &param) in (first..).zip(&members) {
                    let (own, numbers) = (&outline.params[param], &checkpoint.params[param]);
                    tensors.extend(state(&class, settings, index, own, numbers));
                    let count = (class.special.steps == Steps::Number && numbers.steps > 0).then(|| json!({ STEP: numbers.steps }));
                    counts.extend(count.map(|count| (index.to_string(), count)));
                }
            }
            Err(all) => {
                let of = members.first().map_or("no parameters", |&param| &outline.params[param].name);
                all.iter().for_each(|problem| problems.push(format!("group {group} ({of}): {problem}")));
            }
        }
    }
    names.dedup();
    if names.len() > 1 {
        problems.push(format!("its groups are of {}, and an optimizer of torch is of one class", names.join(", ")));
    }
    problems.check("torch has no such state")?;
    let texts = [
        ("format", FORMAT.to_owned()),
        ("version", VERSION.to_owned()),
        (GROUPS, json!(groups).to_string()),
        (NAMES, json!(order).to_string()),
    ];
    let values = (!counts.is_empty()).then(|| (VALUES, json!(counts).to_string()));
    let metadata: HashMap<String, String> = texts.into_iter().chain(values).map(|(key, text)| (key.to_owned(), text)).collect();
    let pieces = tensors.iter().map(|(name, shape, data)| (name, Piece::new(Dtype::F32, &**shape, data)));
    let bytes = safetensors::serialize(pieces, Some(metadata.into_iter().collect())).map_err(|error| wrong(error.to_string()))?;
    sorted(bytes)
}

fn rule(settings: &Settings) -> &str {
    settings.get("rule").map_or("", |rule| rule)
}

/// What would be lost of a parameter.
fn lacking(own: &ParamOutline, numbers: &Numbers) -> Vec<String> {
    let name = &own.name;
    let scale = own.settings.get("lr_scale").filter(|scale| *scale != "1.0");
    let scale = scale.map(|scale| format!("{name}: its lr_scale is {scale}; give it a group of its own, with that learning rate"));
    let slow = own.lanes.iter().any(|lane| lane.key == SLOW).then(|| format!("{name}: torch has no Lookahead"));
    let pending = numbers.pending;
    let waits =
        (pending > 0).then(|| format!("{name}: gradients of {pending} micro-batches wait for a step; take the checkpoint after it"));
    scale.into_iter().chain(slow).chain(waits).collect()
}

/// What torch has of a parameter; nothing of most before the first step.
fn state<'a>(class: &Class, settings: &Settings, index: usize, own: &'a ParamOutline, numbers: &'a Numbers) -> Vec<Tensor<'a>> {
    let (special, rule) = (class.special, &*class.rule);
    if numbers.steps == 0 && special.initial.is_none() {
        return Vec::new();
    }
    let called = |key: &str| format!("state.{index}.{key}");
    let is_state = |key: &str| rule.states().iter().any(|state| state.torch == key);
    let lanes = own.lanes.iter().zip(&numbers.lanes).filter(|(lane, _)| is_state(&lane.key));
    let mut tensors: Vec<Tensor<'a>> = lanes.map(|(lane, data)| (called(&lane.key), Cow::from(&*lane.shape), Cow::from(&**data))).collect();
    if let Some((key, hyper)) = special.initial.filter(|_| numbers.steps == 0) {
        let more = settings.get(hyper).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        let initial = tensors.iter_mut().filter(|(name, ..)| *name == called(key));
        initial.flat_map(|(.., data)| data.to_mut()).for_each(|x| *x = (f64::from(*x) + more) as f32);
    }
    let scalar = |key: &str, number: f64| (called(key), Cow::from(vec![]), Cow::from(vec![number as f32]));
    tensors.extend((special.steps == Steps::Tensor).then(|| scalar(STEP, numbers.steps.into())));
    for own in special.scalars {
        let place = rule.scalar_fields().iter().position(|field| *field == own.ours);
        let number = place.and_then(|place| numbers.scalars.get(place));
        tensors.extend(number.map(|&number| scalar(own.theirs, (own.form)(number.into()))));
    }
    tensors
}

/// The file with a header in alphabetical order, since the metadata come out of a map that has none: equal checkpoints give equal bytes.
fn sorted(mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    let Some((len, rest)) = bytes.split_first_chunk_mut::<8>() else { return Ok(bytes) };
    let header = usize::try_from(u64::from_le_bytes(*len)).ok().and_then(|len| rest.get_mut(..len));
    let header = header.ok_or_else(|| wrong("it has no header"))?;
    let read: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_slice(header).map_err(|error| wrong(error.to_string()))?;
    let text = serde_json::to_string(&read).map_err(|error| wrong(error.to_string()))?;
    // The same pairs in another order: as long, but for the blanks that fill it up.
    let text = text.bytes().chain(core::iter::repeat(b' '));
    header.iter_mut().zip(text).for_each(|(byte, own)| *byte = own);
    Ok(bytes)
}
