//! The recorded files: what torch was given, what it made of it, and its state dicts as the files that the crate reads.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use libtest_mimic::Failed;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, Value, json};
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::step::Group;

use crate::files::file;
use crate::traces::rule;

/// The rule of a group, and the indices of its parameters.
pub type Members = (Box<dyn AnyRule>, Vec<usize>);

/// A tensor as a file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Tensor {
    pub fn f32(shape: &[usize], data: &[f32]) -> Self {
        Tensor { dtype: Dtype::F32, shape: shape.to_vec(), bytes: data.iter().flat_map(|x| x.to_le_bytes()).collect() }
    }

    pub fn numbers(&self) -> Vec<f64> {
        match self.dtype {
            Dtype::F64 => self.bytes.as_chunks().0.iter().map(|&word| f64::from_le_bytes(word)).collect(),
            _ => self.bytes.as_chunks().0.iter().map(|&word| f64::from(f32::from_le_bytes(word))).collect(),
        }
    }

    pub fn floats(&self) -> Vec<f32> {
        self.numbers().into_iter().map(|x| x as f32).collect()
    }
}

/// A state dict: its tensors by name, `state.INDEX.KEY`, and its metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct StateDict {
    pub tensors: BTreeMap<String, Tensor>,
    pub metadata: HashMap<String, String>,
}

impl StateDict {
    pub fn read(bytes: &[u8]) -> Result<Self, Failed> {
        let file = SafeTensors::deserialize(bytes)?;
        let tensor = |tensor: TensorView<'_>| Tensor { dtype: tensor.dtype(), shape: tensor.shape().into(), bytes: tensor.data().into() };
        let tensors = file.tensors().into_iter().map(|(name, own)| (name, tensor(own))).collect();
        let metadata = SafeTensors::read_metadata(bytes)?.1.metadata().clone().unwrap_or_default();
        Ok(StateDict { tensors, metadata })
    }

    pub fn bytes(&self) -> Result<Vec<u8>, Failed> {
        let view = |tensor: &Tensor| TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes).map(|_| ());
        self.tensors.values().try_for_each(view)?;
        let views = self.tensors.iter().map(|(name, own)| (name, TensorView::new(own.dtype, own.shape.clone(), &own.bytes)));
        let views: Vec<_> = views.filter_map(|(name, view)| Some((name, view.ok()?))).collect();
        Ok(safetensors::serialize(views, Some(self.metadata.clone()))?)
    }

    /// What is no tensor of the state, by index.
    pub fn values(&self) -> Result<Map<String, Value>, Failed> {
        Ok(serde_json::from_str(self.metadata.get("state_values").map_or("{}", |text| text))?)
    }

    pub fn groups(&self) -> Result<Vec<Map<String, Value>>, Failed> {
        Ok(serde_json::from_str(self.metadata.get("param_groups").ok_or("no param_groups")?)?)
    }
}

/// A recorded run.
pub struct Recorded {
    pub name: String,
    class: String,
    /// In the order of torch's indices.
    pub names: Vec<String>,
    file: StateDict,
}

/// All recorded files that a rule of ours can read.
pub fn files() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(file("tests/torch_state")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
    files.sort();
    files
}

impl Recorded {
    pub fn named(name: &str) -> Result<Self, Failed> {
        Self::read(&file("tests/torch_state").join(format!("{name}.safetensors")))
    }

    pub fn read(path: &Path) -> Result<Self, Failed> {
        let file = StateDict::read(&std::fs::read(path)?)?;
        let text = |key: &str| file.metadata.get(key).cloned().ok_or(format!("no {key}"));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Recorded { name, class: text("class")?, names: serde_json::from_str(&text("names")?)?, file })
    }

    /// torch's state dict after this step, as `scripts/torch_state.py` packs it.
    pub fn state_dict(&self, step: u32) -> Result<StateDict, Failed> {
        let prefix = format!("state{step}/");
        let own = self.file.tensors.iter().filter_map(|(name, tensor)| Some((name.strip_prefix(&*prefix)?, tensor)));
        let tensors = own.map(|(name, tensor)| (format!("state.{}", name.replace('/', ".")), tensor.clone())).collect();
        let text = |key: &str| self.file.metadata.get(&format!("{key}{step}")).ok_or(format!("no {key}"));
        let texts = [("format", "torch-optimizer-state"), ("version", "1"), ("param_groups", text("param_groups")?)];
        let texts = texts.into_iter().chain([("state_values", &**text("state_values")?)]);
        Ok(StateDict { tensors, metadata: texts.map(|(key, text)| (key.to_owned(), text.to_owned())).collect() })
    }

    /// The rule of each group, and the indices of its parameters.
    pub fn groups(&self) -> Result<Vec<Members>, Failed> {
        let group = |mut group: Map<String, Value>| {
            let params: Vec<usize> = serde_json::from_value(group.remove("params").ok_or("no params")?)?;
            group.remove("param_names");
            if self.class == "AdamW" {
                group.remove("decoupled_weight_decay");
            }
            // Adafactor's `eps`: that of the values' type.
            let nulls = group.values_mut().filter_map(Value::as_array_mut).flatten().filter(|value| value.is_null());
            nulls.for_each(|value| *value = json!(f64::from(f32::EPSILON)));
            Ok((rule::of("torch", &self.class, &group)?, params))
        };
        self.state_dict(5)?.groups()?.into_iter().map(group).collect()
    }

    /// The groups of a CPU optimizer, of these rules or all of this one.
    pub fn cpu_groups(&self, rule: Option<&dyn AnyRule>) -> Result<Vec<Group<CpuParam>>, Failed> {
        let mut groups = Vec::new();
        for (own, params) in self.groups()? {
            let param = |param: usize| Ok(CpuParam::new(&*self.names[param], self.shape(param)?));
            let params = params.into_iter().map(param).collect::<Result<Vec<_>, Failed>>()?;
            groups.push(Group::new(rule.map_or(own, AnyRule::boxed), params));
        }
        Ok(groups)
    }

    pub fn shape(&self, param: usize) -> Result<&[usize], Failed> {
        Ok(&self.tensor("value", param)?.shape)
    }

    /// `value5`, `value10`, `truth10` and the like.
    pub fn tensor(&self, kind: &str, param: usize) -> Result<&Tensor, Failed> {
        let name = format!("{kind}/{}", self.names[param]);
        Ok(self.file.tensors.get(&name).ok_or(format!("{} has no {name}", self.name))?)
    }

    /// The gradients of a step, where there are any.
    pub fn gradients(&self, step: u32) -> Vec<Option<Vec<f32>>> {
        let gradient = |param| self.tensor(&format!("gradient/{step}"), param).ok().map(Tensor::floats);
        (0..self.names.len()).map(gradient).collect()
    }
}
