//! The header of a safetensors file: which tensors it has and where, and its metadata.
//!
//! It is read here because safetensors 0.8 takes the last of two tensors by one name, adds places without a check, and holds 50 times as much memory as the
//! header takes where that is one long list.

use core::fmt;
use std::collections::HashMap;

use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};

/// The key of the metadata.
const METADATA: &str = "__metadata__";

/// A file in parts.
pub(super) struct File<'a> {
    /// Which tensors there are; their places lie one after the other, are as long as dtype and shape say, and end with the numbers.
    pub(super) tensors: Metadata,
    /// Texts by key.
    pub(super) metadata: HashMap<String, String>,
    /// The numbers of all tensors.
    pub(super) data: &'a [u8],
    /// How many tensors there are.
    pub(super) len: usize,
}

impl<'a> File<'a> {
    /// Takes a file apart, or says what is wrong.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, String> {
        let (len, rest) = bytes.split_first_chunk().ok_or_else(|| format!("it ends within its first 8 bytes: it has {}", bytes.len()))?;
        let len = u64::from_le_bytes(*len);
        let header = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len));
        let (header, data) = header.ok_or_else(|| format!("its header has {len} bytes, and {} are there", rest.len()))?;
        let Header { metadata, mut tensors } = serde_json::from_slice(header).map_err(|error| format!("its header: {error}"))?;
        tensors.sort_by_key(|(_, tensor)| tensor.data_offsets);
        let len = tensors.len();
        let tensors = Metadata::new(None, tensors).map_err(|error| error.to_string())?;
        if tensors.data_len() != data.len() {
            return Err(format!("its tensors take {} bytes, and {} are there", tensors.data_len(), data.len()));
        }
        Ok(File { tensors, metadata, data, len })
    }
}

/// The header as it is written.
struct Header {
    metadata: HashMap<String, String>,
    tensors: Vec<(String, TensorInfo)>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let (mut metadata, mut tensors) = (None, HashMap::new());
        while let Some(name) = map.next_key::<String>()? {
            let is_twice = match &*name {
                METADATA => metadata.replace(map.next_value::<Texts>()?).is_some(),
                _ => tensors.insert(name.clone(), map.next_value::<TensorInfo>()?).is_some(),
            };
            if is_twice {
                return Err(A::Error::custom(format!("{name} is there twice")));
            }
        }
        let Texts(metadata) = metadata.unwrap_or_default();
        Ok(Header { metadata, tensors: tensors.into_iter().collect() })
    }
}

/// Texts by key.
#[derive(Default)]
struct Texts(HashMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("texts by key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut texts = HashMap::new();
        while let Some((key, text)) = map.next_entry::<String, String>()? {
            if texts.contains_key(&key) {
                return Err(A::Error::custom(format!("{key} is there twice")));
            }
            texts.insert(key, text);
        }
        Ok(Texts(texts))
    }
}
