//! What other frameworks' step features did: `tests/known_answers/README.md`.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

use crate::files::file;

fn read(subject: &str) -> Result<Vec<u8>, Failed> {
    let path = file("tests/known_answers").join(format!("{subject}.safetensors"));
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The cases of a file by name; none if it cannot be read, which a row of its own has to report.
pub fn cases<C: DeserializeOwned>(subject: &str) -> BTreeMap<String, C> {
    let parse = |bytes: &[u8]| -> Option<BTreeMap<String, C>> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
        serde_json::from_str(metadata.metadata().as_ref()?.get("cases")?).ok()
    };
    read(subject).ok().and_then(|bytes| parse(&bytes)).unwrap_or_default()
}

/// A tensor's elements as f64, whatever they are.
pub fn tensor(subject: &str, name: &str) -> Result<Vec<f64>, Failed> {
    let bytes = read(subject)?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let tensor = tensors.tensor(name).map_err(|error| format!("{subject}: {name}: {error}"))?;
    let wide = || tensor.data().as_chunks::<8>().0.iter().copied();
    match tensor.dtype() {
        Dtype::F64 => Ok(wide().map(f64::from_le_bytes).collect()),
        Dtype::I64 => Ok(wide().map(|bytes| i64::from_le_bytes(bytes) as f64).collect()),
        Dtype::F32 => Ok(tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes))).collect()),
        other => Err(format!("{subject}: {name} is {other:?}").into()),
    }
}

/// The same as f32, which it was recorded in.
pub fn tensor_f32(subject: &str, name: &str) -> Result<Vec<f32>, Failed> {
    Ok(tensor(subject, name)?.into_iter().map(|x| x as f32).collect())
}

/// Fails where a number is further from what was recorded than `relative` of it, or `absolute`.
pub fn near(what: &str, got: &[f32], recorded: &[f64], relative: f64, absolute: f64) -> Result<(), Failed> {
    assert_eq!(got.len(), recorded.len(), "{what}");
    for (index, (&got, &recorded)) in got.iter().zip(recorded).enumerate() {
        let error = (f64::from(got) - recorded).abs();
        // Not `error > tolerance`, which is false for NaN.
        let within = error <= relative * recorded.abs() + absolute;
        if !within {
            return Err(format!("{what}[{index}]: got {got:e}, recorded {recorded:e}").into());
        }
    }
    Ok(())
}
