//! A small checkpoint, and its file taken apart and put together again.

use serde_json::{Map, Value};
use wgpu_optim::checkpoint::Checkpoint;
use wgpu_optim::cpu::{CpuOptimizer, CpuParam};
use wgpu_optim::{Adafactor, Error, Group, NAdam};

/// The key of the crate's own metadata.
pub const KEY: &str = "wgpu-optim";

/// An optimizer of two rules: states of elements, rows and columns, and a scalar.
pub fn optimizer() -> Result<CpuOptimizer<f32>, Error> {
    let first = Group::new(NAdam::default(), [CpuParam::new("fc.weight", &[2, 3]), CpuParam::new("fc.bias", &[3])]);
    CpuOptimizer::with_groups([first, Group::new(Adafactor::default(), [CpuParam::new("head", &[2, 2])])])
}

/// Its checkpoint after a step.
pub fn checkpoint() -> Result<Checkpoint, Error> {
    let mut optimizer = optimizer()?;
    let (mut weight, mut bias, mut head) = ([1.0, -2.0, 3.0, -4.0, 5.0, -6.0], [0.5; 3], [1.0, 0.0, 0.0, 1.0]);
    let gradients: [&[f32]; 3] = [&[0.1, -0.2, 0.3, -0.4, 0.5, -0.6], &[1.0, 0.0, -1.0], &[0.5, 0.25, -0.25, -0.5]];
    optimizer.step(&mut [&mut weight, &mut bias, &mut head], &gradients.map(Some))?;
    let mut checkpoint = optimizer.checkpoint(Some(&[&weight, &bias, &head]))?;
    checkpoint.set_note("epoch", "7");
    Ok(checkpoint)
}

/// Its file.
pub fn bytes() -> Vec<u8> {
    checkpoint().and_then(|checkpoint| checkpoint.to_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// A file in parts.
#[derive(Clone)]
pub struct TakenApart {
    /// The list of tensors.
    pub tensors: Map<String, Value>,
    /// The crate's own metadata.
    pub head: Value,
    /// The numbers of all tensors.
    pub data: Vec<u8>,
}

impl TakenApart {
    /// The parts of the small checkpoint's file.
    pub fn new() -> Self {
        let bytes = bytes();
        let (header, data) = bytes[8..].split_at(header_len(&bytes));
        let mut tensors: Map<String, Value> = serde_json::from_slice(header).unwrap_or_default();
        let metadata = tensors.remove("__metadata__").unwrap_or_default();
        let head = metadata[KEY].as_str().and_then(|head| serde_json::from_str(head).ok()).unwrap_or_default();
        TakenApart { tensors, head, data: data.to_vec() }
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_with(&self.head.to_string())
    }

    /// The file with this text for metadata.
    pub fn bytes_with(&self, head: &str) -> Vec<u8> {
        let mut tensors = self.tensors.clone();
        tensors.insert("__metadata__".into(), serde_json::json!({ KEY: head }));
        of_header(&Value::Object(tensors).to_string(), &self.data)
    }

    /// Adds a tensor at the end.
    pub fn push(&mut self, name: &str, dtype: &str, shape: &[usize], data: &[u8]) {
        let offsets = [self.data.len(), self.data.len() + data.len()];
        self.tensors.insert(name.into(), serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
        self.data.extend_from_slice(data);
    }

    /// Removes these tensors and their numbers.
    pub fn remove(&mut self, names: &[String]) {
        let kept: Vec<(String, Value)> = std::mem::take(&mut self.tensors).into_iter().filter(|(name, _)| !names.contains(name)).collect();
        let data = std::mem::take(&mut self.data);
        for (name, tensor) in kept {
            let offsets = [0, 1].map(|end| tensor["data_offsets"][end].as_u64().unwrap_or_default() as usize);
            let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap_or_default();
            self.push(&name, tensor["dtype"].as_str().unwrap_or_default(), &shape, &data[offsets[0]..offsets[1]]);
        }
    }
}

/// A safetensors file of this header.
pub fn of_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// How long the header of a file says to be.
pub fn header_len(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |len| u64::from_le_bytes(*len) as usize)
}
