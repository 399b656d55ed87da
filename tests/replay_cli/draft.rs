//! Traces made by hand, to be broken.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::json;

use super::trace;

/// What is done to a draft.
pub type Change = fn(&mut Draft);

/// A trace in the making: metadata, and tensors as dtype, shape and bytes.
#[derive(Clone)]
pub struct Draft {
    pub metadata: HashMap<String, String>,
    pub tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Draft {
    /// Two steps of SGD with `lr = 0.5` and momentum 0.5 on `w` (4 elements, shape 2 x 2) and `b`, every number exact in f32.
    pub fn new() -> Draft {
        let mut draft = Draft { metadata: HashMap::new(), tensors: BTreeMap::new() };
        let hyper = json!({"lr": 0.5, "momentum": 0.5});
        for (key, text) in [("format", trace::FORMAT), ("framework", "torch 2.15.0"), ("optimizer", "SGD"), ("steps", "2")] {
            draft.say(key, text);
        }
        draft.say("hyper", &hyper.to_string());
        for (name, shape) in [("w", &[2, 2][..]), ("b", &[1])] {
            let all = |x: f64| vec![x; shape.iter().product()];
            draft.f32(&format!("param/{name}/0"), shape, &all(1.0));
            for (step, gradient, value, buffer) in [(1, 1.0, 0.5, 1.0), (2, -1.0, 0.75, -0.5)] {
                draft.f32(&format!("grad/{name}/{step}"), shape, &all(gradient));
                draft.f32(&format!("torch_f32/{name}/{step}"), shape, &all(value));
                draft.f64(&format!("param/{name}/{step}"), shape, &all(value));
                draft.f64(&format!("state/{name}/momentum_buffer/{step}"), shape, &all(buffer));
            }
        }
        draft
    }

    /// Sets a string of the metadata.
    pub fn say(&mut self, key: &str, text: &str) {
        self.metadata.insert(key.to_owned(), text.to_owned());
    }

    /// Sets a tensor of the inputs or of the framework's own run.
    pub fn f32(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        let bytes = values.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
        self.tensors.insert(name.to_owned(), (Dtype::F32, shape.to_vec(), bytes));
    }

    /// Sets a tensor of the truth.
    pub fn f64(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        let bytes = values.iter().flat_map(|&x| x.to_le_bytes()).collect();
        self.tensors.insert(name.to_owned(), (Dtype::F64, shape.to_vec(), bytes));
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).expect("a draft's tensors have the bytes of their shapes"))
        });
        safetensors::serialize(views, Some(self.metadata.clone())).expect("a draft can be written")
    }

    /// Writes the draft into a file of this name.
    pub fn save(&self, name: &str) -> PathBuf {
        save(name, &self.bytes())
    }
}

/// Writes a file of this name.
pub fn save(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.safetensors"));
    fs::write(&path, bytes).expect("the tests' own folder can be written");
    path
}
