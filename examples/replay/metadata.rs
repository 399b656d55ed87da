//! What the strings in a trace's header say: whose run it is, with which hyper-parameters, in which groups.

use std::collections::{BTreeSet, HashMap};

use safetensors::SafeTensors;
use serde::Deserialize;

use super::trace::{FORMAT, Hyper, Result};

/// What the strings of the header say.
pub struct Metadata {
    pub framework: String,
    pub optimizer: String,
    pub steps: usize,
    hyper: Hyper,
    groups: Option<Vec<GroupEntry>>,
}

/// One entry of the metadata's `groups`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupEntry {
    params: Vec<String>,
    #[serde(default)]
    hyper: Hyper,
}

impl Metadata {
    /// Reads them from the file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Metadata> {
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let texts: HashMap<String, String> = header.metadata().clone().unwrap_or_default();
        let text = |key: &str| texts.get(key).cloned().ok_or_else(|| format!("metadata \"{key}\" is missing"));
        let format = text("format")?;
        if format != FORMAT {
            return Err(format!("format is \"{format}\", only \"{FORMAT}\" can be read").into());
        }
        let (framework, optimizer, steps) = (text("framework")?, text("optimizer")?, text("steps")?);
        let count = steps.parse().ok().filter(|&count| count > 0);
        Ok(Metadata {
            framework,
            optimizer,
            steps: count.ok_or_else(|| format!("steps is \"{steps}\", not a number of at least 1"))?,
            hyper: json(&texts, "hyper")?.unwrap_or_default(),
            groups: json(&texts, "groups")?,
        })
    }

    /// The hyper-parameters and the members of each group; every parameter has to be in exactly one.
    pub fn groups(&self, names: &BTreeSet<&str>) -> Result<Vec<(Hyper, Vec<String>)>> {
        let Some(groups) = &self.groups else {
            return Ok(vec![(self.hyper.clone(), names.iter().map(|&name| name.to_owned()).collect())]);
        };
        let mut left = names.clone();
        for name in groups.iter().flat_map(|group| &group.params) {
            if !left.remove(name.as_str()) {
                let wrong = if names.contains(name.as_str()) { "is twice in groups" } else { "of groups has no \"param/NAME/0\"" };
                return Err(format!("parameter \"{name}\" {wrong}").into());
            }
        }
        if let Some(name) = left.first() {
            return Err(format!("parameter \"{name}\" is in none of the groups").into());
        }
        let merged = |group: &GroupEntry| {
            let mut hyper = self.hyper.clone();
            hyper.extend(group.hyper.clone());
            (hyper, group.params.clone())
        };
        Ok(groups.iter().map(merged).collect())
    }
}

fn json<T: for<'de> Deserialize<'de>>(texts: &HashMap<String, String>, key: &str) -> Result<Option<T>> {
    let Some(text) = texts.get(key) else { return Ok(None) };
    let value = serde_json::from_str(text).map_err(|error| format!("metadata \"{key}\" is not the JSON it should be: {error}"))?;
    Ok(Some(value))
}
