//! A trace, as `tests/traces/README.md` describes it: read from a safetensors file, and checked so that a replay can rely on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value};

use super::metadata::Metadata;

/// The one format that is read.
pub const FORMAT: &str = "optimizer-trace/1";

/// A message for the user.
pub type Error = Box<dyn core::error::Error + Send + Sync>;
/// Shorthand.
pub type Result<T> = core::result::Result<T, Error>;
/// Hyper-parameters under the framework's own names.
pub type Hyper = Map<String, Value>;

/// A recorded run.
#[derive(Debug)]
pub struct Trace {
    /// The file's name without its extension.
    pub name: String,
    /// Who made the expected values, with the version.
    pub framework: String,
    /// The class or function there.
    pub optimizer: String,
    /// How many steps were recorded.
    pub steps: usize,
    /// At least one; each parameter is in one group.
    pub groups: Vec<Group>,
}

/// Parameters that share hyper-parameters.
#[derive(Debug)]
pub struct Group {
    /// Those of the trace, overridden by the group's.
    pub hyper: Hyper,
    /// The parameters in order.
    pub params: Vec<Param>,
}

/// One parameter through all steps.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Sizes of its dimensions.
    pub shape: Vec<usize>,
    /// The value before the first step.
    pub initial: Vec<f32>,
    /// What each step was given and what came of it.
    pub steps: Vec<Step>,
}

impl Param {
    /// Whether its gradients are of some rows.
    pub fn has_rows(&self) -> bool {
        self.most_rows().is_some()
    }

    /// How many rows a gradient has at most, where gradients are of some.
    pub fn most_rows(&self) -> Option<usize> {
        self.steps.iter().filter_map(|step| Some(step.gradient.as_ref()?.rows.as_ref()?.len())).max()
    }
}

/// One parameter in one step.
#[derive(Debug)]
pub struct Step {
    /// None: the parameter took no part.
    pub gradient: Option<Gradient>,
    /// The value afterwards, computed in f64.
    pub truth: Vec<f64>,
    /// The value afterwards, computed by the framework in f32.
    pub framework: Vec<f32>,
    /// The state afterwards, computed in f64, by the framework's key.
    pub states: BTreeMap<String, State>,
}

/// The gradient of a parameter in a step.
#[derive(Debug)]
pub struct Gradient {
    /// Of all elements, or of these rows, one after the other.
    pub values: Vec<f32>,
    /// The rows that it is of, if not of all; one may come several times, and then they add up.
    pub rows: Option<Vec<u32>>,
}

impl Gradient {
    /// Of all elements of a parameter of this shape, zero where it has no row.
    pub fn dense(&self, shape: &[usize]) -> Vec<f32> {
        let Some(rows) = &self.rows else { return self.values.clone() };
        let length = shape[1..].iter().product::<usize>();
        let mut dense = vec![0.0; shape[0] * length];
        for (&row, values) in rows.iter().zip(self.values.chunks(length)) {
            dense[row as usize * length..].iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
        }
        dense
    }

    /// A word for each row of a parameter of this shape, 1 where it has a gradient.
    pub fn mask(&self, shape: &[usize]) -> Vec<u32> {
        let has = |row: usize| self.rows.as_ref().is_none_or(|rows| rows.contains(&(row as u32)));
        (0..shape.first().copied().unwrap_or(1)).map(|row| u32::from(has(row))).collect()
    }
}

/// A state tensor; not every framework's has the parameter's shape.
#[derive(Debug)]
pub struct State {
    /// Sizes of its dimensions.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Vec<f64>,
}

/// With what is kept of each dimension, `KEY.0` or `KEY_0`, `KEY.1` and so on, under `KEY` too, one after the other, as our rules keep it.
fn joined(mut states: BTreeMap<String, State>) -> BTreeMap<String, State> {
    for mark in ['.', '_'] {
        let names: Vec<String> =
            states.keys().filter_map(|key| key.strip_suffix('0').and_then(|name| name.strip_suffix(mark)).map(str::to_owned)).collect();
        for name in names {
            let parts = (0..).map_while(|dimension| states.get(&format!("{name}{mark}{dimension}")));
            let values: Vec<f64> = parts.flat_map(|part| part.values.iter().copied()).collect();
            states.insert(name, State { shape: vec![values.len()], values });
        }
    }
    states
}

impl Trace {
    /// Reads a file. The message of an error names the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Trace> {
        let named = |error: Error| -> Error { format!("{}: {error}", path.display()).into() };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let bytes = fs::read(path).map_err(|error| named(error.into()))?;
        Self::parse(&name, &bytes).map_err(named)
    }

    fn parse(name: &str, bytes: &[u8]) -> Result<Trace> {
        let metadata = Metadata::parse(bytes)?;
        let file = File { tensors: SafeTensors::deserialize(bytes)?, steps: metadata.steps };
        let names = file.params();
        if names.is_empty() {
            return Err("there is no tensor \"param/NAME/0\", so no parameter".into());
        }
        let states = file.states(&names)?;
        let read = |(hyper, members): (Hyper, Vec<String>)| -> Result<Group> {
            let params = members.iter().map(|member| file.param(member, &states)).collect::<Result<_>>()?;
            Ok(Group { hyper, params })
        };
        let groups = metadata.groups(&names)?.into_iter().map(read).collect::<Result<_>>()?;
        let Metadata { framework, optimizer, steps, .. } = metadata;
        Ok(Trace { name: name.to_owned(), framework, optimizer, steps, groups })
    }

    /// Whether gradients of some rows are given as such, and not as a mask: the framework adds up what is for one row.
    pub fn is_sparse(&self) -> bool {
        self.framework.starts_with("torch")
    }

    /// The parameters of all groups.
    pub fn params(&self) -> impl Iterator<Item = &Param> {
        self.groups.iter().flat_map(|group| &group.params)
    }
}

/// What a tensor's name says: `KIND/PARAM/STEP`, `state/PARAM/STATE/STEP`, or `scalar/GROUP/KEY/STEP`. Names of parameters may have slashes.
struct Key<'a> {
    kind: &'a str,
    param: &'a str,
    state: Option<&'a str>,
    step: usize,
}

impl<'a> Key<'a> {
    fn parse(name: &'a str) -> Option<Key<'a>> {
        let (kind, rest) = name.split_once('/')?;
        let (param, digits) = rest.rsplit_once('/')?;
        let (param, state) = match kind {
            "state" | "scalar" => param.rsplit_once('/').map(|(param, state)| (param, Some(state)))?,
            "param" | "grad" | "rows" | "torch_f32" | "torch_bf16" => (param, None),
            _ => return None,
        };
        let step = digits.parse().ok().filter(|step: &usize| step.to_string() == digits)?;
        Some(Key { kind, param, state, step })
    }
}

/// The tensors of a file.
struct File<'a> {
    tensors: SafeTensors<'a>,
    steps: usize,
}

impl File<'_> {
    /// The parameters: what has an initial value.
    fn params(&self) -> BTreeSet<&str> {
        let named = self.tensors.names().into_iter().filter_map(|name| name.strip_prefix("param/"));
        named.filter_map(|name| name.strip_suffix("/0")).collect()
    }

    /// The names of the states that were recorded, by parameter and step. Fails on a tensor that the format does not explain: it would be
    /// left out of the comparison in silence.
    fn states(&self, params: &BTreeSet<&str>) -> Result<HashMap<(&str, usize), Vec<&str>>> {
        let mut states: HashMap<_, Vec<_>> = HashMap::new();
        for name in self.tensors.names().into_iter().collect::<BTreeSet<_>>() {
            let key = Key::parse(name).ok_or_else(|| format!("tensor \"{name}\" has a name that is not of the format"))?;
            // What a group has as a whole, for people: rules that have it too show it in their values and states.
            if key.kind == "scalar" && key.param.parse::<usize>().is_ok() {
                continue;
            }
            if !params.contains(key.param) {
                return Err(format!("tensor \"{name}\" is of a parameter without \"param/{}/0\"", key.param).into());
            }
            let first = usize::from(key.kind != "param");
            if key.step < first || key.step > self.steps {
                return Err(format!("tensor \"{name}\" is not of a step from {first} to {}", self.steps).into());
            }
            states.entry((key.param, key.step)).or_default().extend(key.state);
        }
        Ok(states)
    }

    fn param(&self, name: &str, states: &HashMap<(&str, usize), Vec<&str>>) -> Result<Param> {
        let first = format!("param/{name}/0");
        let shape = self.tensors.tensor(&first)?.shape().to_vec();
        let initial = self.f32(&first, &shape)?;
        let mut steps: Vec<Step> = Vec::new();
        for t in 1..=self.steps {
            let keys = states.get(&(name, t)).into_iter().flatten();
            let state = |key: &&str| Ok(((*key).to_owned(), self.f64(&format!("state/{name}/{key}/{t}"), None)?));
            let gradient = format!("grad/{name}/{t}");
            let step = Step {
                gradient: self.gradient(name, t, &shape)?,
                truth: self.f64(&format!("param/{name}/{t}"), Some(&shape))?.values,
                framework: self.f32(&format!("torch_f32/{name}/{t}"), &shape)?,
                states: keys.map(state).collect::<Result<_>>().map(joined)?,
            };
            // A parameter without a gradient stays as it is; where it moved, the gradient was lost.
            if step.gradient.is_none() && !step.stayed(&initial, steps.last()) {
                return Err(format!("tensor \"{gradient}\" is missing, though the value changes in step {t}").into());
            }
            steps.push(step);
        }
        Ok(Param { name: name.to_owned(), shape, initial, steps })
    }

    fn gradient(&self, name: &str, t: usize, shape: &[usize]) -> Result<Option<Gradient>> {
        let (own, of) = (format!("grad/{name}/{t}"), format!("rows/{name}/{t}"));
        let (Ok(_), rows) = (self.tensors.tensor(&own), self.tensors.tensor(&of)) else { return Ok(None) };
        let Ok(rows) = rows else { return Ok(Some(Gradient { values: self.f32(&own, shape)?, rows: None })) };
        let (Some((&count, rest)), [given]) = (shape.split_first(), rows.shape()) else {
            return Err(format!("tensor \"{of}\" is not a list of rows of its parameter").into());
        };
        let values = self.f32(&own, &[&[*given], rest].concat())?;
        let (_, bytes) = self.bytes(&of, Dtype::I64, None)?;
        let row = |&word: &[u8; 8]| u32::try_from(i64::from_le_bytes(word)).ok().filter(|&row| (row as usize) < count);
        let rows: Option<Vec<u32>> = bytes.as_chunks().0.iter().map(row).collect();
        let rows = rows.ok_or_else(|| format!("tensor \"{of}\" has a row that its parameter has not"))?;
        Ok(Some(Gradient { values, rows: Some(rows) }))
    }

    fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let (_, bytes) = self.bytes(name, Dtype::F32, Some(shape))?;
        Ok(bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect())
    }

    fn f64(&self, name: &str, shape: Option<&[usize]>) -> Result<State> {
        let (shape, bytes) = self.bytes(name, Dtype::F64, shape)?;
        Ok(State { shape, values: bytes.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word)).collect() })
    }

    /// The shape and the bytes of a tensor, which has to be of this type and, where one is given, of this shape.
    fn bytes(&self, name: &str, dtype: Dtype, shape: Option<&[usize]>) -> Result<(Vec<usize>, &[u8])> {
        let tensor = self.tensors.tensor(name).map_err(|_| format!("tensor \"{name}\" is missing"))?;
        if tensor.dtype() != dtype {
            return Err(format!("tensor \"{name}\" is {}, it should be {dtype}", tensor.dtype()).into());
        }
        if let Some(shape) = shape.filter(|&shape| shape != tensor.shape()) {
            return Err(format!("tensor \"{name}\" has shape {:?}, its parameter has {shape:?}", tensor.shape()).into());
        }
        Ok((tensor.shape().to_vec(), tensor.data()))
    }
}

impl Step {
    fn stayed(&self, initial: &[f32], before: Option<&Step>) -> bool {
        match before {
            Some(before) => self.truth == before.truth && self.framework == before.framework,
            None => self.framework == initial && self.truth.iter().zip(initial).all(|(&now, &then)| now == f64::from(then)),
        }
    }
}
