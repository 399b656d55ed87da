//! The safetensors file that has a state dict: read and checked in itself, whatever optimizer it is for.

use std::collections::{BTreeMap, HashMap, HashSet};

use safetensors::tensor::TensorView;
use serde_json::{Map, Value};

use super::wrong;
use crate::checkpoint::header::File;
use crate::error::Result;

pub(super) const FORMAT: &str = "torch-optimizer-state";
pub(super) const VERSION: &str = "1";

/// Keys of the metadata.
pub(super) const GROUPS: &str = "param_groups";
pub(super) const NAMES: &str = "param_names";
pub(super) const VALUES: &str = "state_values";

/// The key of a parameter's step count.
pub(super) const STEP: &str = "step";

/// A state dict.
pub(super) struct Container<'a> {
    pub(super) groups: Vec<TorchGroup>,
    /// What torch has of each parameter, by its number in the groups.
    pub(super) entries: HashMap<u64, Entry<'a>>,
}

/// An entry of `param_groups`.
pub(super) struct TorchGroup {
    pub(super) hyper: Map<String, Value>,
    /// The numbers of its parameters, and their names, if there are any.
    pub(super) params: Vec<(u64, Option<String>)>,
}

/// What torch has of a parameter, by key; what is None is not there.
#[derive(Default)]
pub(super) struct Entry<'a>(pub(super) BTreeMap<String, Kept<'a>>);

/// A tensor, or in older versions a Python number.
pub(super) enum Kept<'a> {
    Tensor(TensorView<'a>),
    Number(Value),
}

impl<'a> Container<'a> {
    /// Reads the file.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self> {
        let File { tensors, metadata, data, .. } = File::new(bytes).map_err(wrong)?;
        let text = |key: &str| metadata.get(key).map_or("none", |text| &**text);
        if (text("format"), text("version")) != (FORMAT, VERSION) {
            let (format, version) = (text("format"), text("version"));
            let hint = "scripts/torch_state.py makes such a file of torch's";
            return Err(wrong(format!("expected the format {FORMAT}, version {VERSION}, found {format}, version {version}; {hint}")));
        }
        let groups: Vec<Map<String, Value>> = json(&metadata, GROUPS)?.ok_or_else(|| wrong(format!("the metadata have no {GROUPS}")))?;
        let groups = groups.into_iter().enumerate().map(|(number, hyper)| TorchGroup::read(number, hyper)).collect::<Result<Vec<_>>>()?;
        let mut container = Container { groups, entries: HashMap::new() };
        let known = container.numbers()?;
        if let Some(names) = json::<Vec<String>>(&metadata, NAMES)? {
            container.name(names)?;
        }
        container.check_names()?;
        // In order, so that of several errors it is always the same one.
        for (name, own) in tensors.tensors().into_iter().collect::<BTreeMap<_, _>>() {
            let data = data.get(own.data_offsets.0..own.data_offsets.1).unwrap_or_default();
            let tensor = TensorView::new(own.dtype, own.shape.clone(), data).map_err(|error| wrong(format!("{name}: {error}")))?;
            let parts = name.strip_prefix("state.").and_then(|rest| rest.split_once('.'));
            let Some((number, key)) = parts else {
                return Err(wrong(format!("the tensor {name} is not state.INDEX.KEY")));
            };
            container.put(&known, number, key, Kept::Tensor(tensor))?;
        }
        for (number, values) in json::<BTreeMap<String, BTreeMap<String, Value>>>(&metadata, VALUES)?.unwrap_or_default() {
            for (key, value) in values.into_iter().filter(|(_, value)| !value.is_null()) {
                container.put(&known, &number, &key, Kept::Number(value))?;
            }
        }
        Ok(container)
    }

    fn params(&self) -> impl Iterator<Item = &(u64, Option<String>)> {
        self.groups.iter().flat_map(|group| &group.params)
    }

    /// The parameters' numbers, each of which is there once.
    fn numbers(&self) -> Result<HashSet<u64>> {
        let mut seen = HashSet::new();
        match self.params().find(|(number, _)| !seen.insert(*number)) {
            None => Ok(seen),
            Some((number, _)) => Err(wrong(format!("parameter {number} is in the groups twice"))),
        }
    }

    /// Gives the parameters these names, in the order of the groups.
    fn name(&mut self, names: Vec<String>) -> Result<()> {
        let (got, needed) = (names.len(), self.params().count());
        if got != needed {
            return Err(wrong(format!("it has {got} names in {NAMES} for {needed} parameters")));
        }
        let params = self.groups.iter_mut().flat_map(|group| &mut group.params);
        params.zip(names).for_each(|((_, own), name)| *own = Some(name));
        Ok(())
    }

    /// All have a name or none has, and none is there twice.
    fn check_names(&self) -> Result<()> {
        let names: Vec<&String> = self.params().filter_map(|(_, name)| name.as_ref()).collect();
        if !names.is_empty() && names.len() != self.params().count() {
            return Err(wrong(format!("some of its groups have {NAMES}, and some have none")));
        }
        let mut seen = HashSet::new();
        match names.iter().find(|name| !seen.insert(**name)) {
            None => Ok(()),
            Some(name) => Err(wrong(format!("{name} is there twice"))),
        }
    }

    fn put(&mut self, known: &HashSet<u64>, digits: &str, key: &str, kept: Kept<'a>) -> Result<()> {
        // "07" would be another name for 7.
        let number = digits.parse::<u64>().ok().filter(|number| number.to_string() == digits);
        let number = number
            .filter(|number| known.contains(number))
            .ok_or_else(|| wrong(format!("state.{digits}.{key} is of no parameter in the groups")))?;
        match self.entries.entry(number).or_default().0.insert(key.to_owned(), kept) {
            None => Ok(()),
            Some(_) => Err(wrong(format!("state.{digits}.{key} is there as a tensor and as a number"))),
        }
    }
}

impl TorchGroup {
    fn read(number: usize, mut hyper: Map<String, Value>) -> Result<Self> {
        let params = hyper.remove("params");
        let params = params.as_ref().and_then(Value::as_array).and_then(|list| list.iter().map(Value::as_u64).collect::<Option<Vec<_>>>());
        let params = params.ok_or_else(|| wrong(format!("group {number} has no list `params` of indices")))?;
        let Some(names) = hyper.remove(NAMES) else {
            return Ok(TorchGroup { hyper, params: params.into_iter().map(|number| (number, None)).collect() });
        };
        let names = names.as_array().and_then(|list| list.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>());
        let names = names.filter(|names| names.len() == params.len());
        let names = names.ok_or_else(|| wrong(format!("group {number} has no list {NAMES} of {} names", params.len())))?;
        Ok(TorchGroup { hyper, params: params.into_iter().zip(names.into_iter().map(Some)).collect() })
    }
}

/// A value of the metadata that is JSON.
fn json<T: serde::de::DeserializeOwned>(metadata: &HashMap<String, String>, key: &str) -> Result<Option<T>> {
    let read = |text: &String| serde_json::from_str(text).map_err(|error| wrong(format!("{key} in its metadata: {error}")));
    metadata.get(key).map(read).transpose()
}
