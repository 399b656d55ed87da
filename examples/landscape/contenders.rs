//! Who runs: every rule of the crate by its name, and SGD with the settings that have names of their own.

use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Sgd, rules};

/// An optimizer under the name that it was asked for by.
#[derive(Clone, Debug)]
pub struct Contender {
    /// In lower case, as in the parameters' names.
    pub name: String,
    /// For people.
    pub title: String,
    /// With its defaults, but for the learning rate.
    pub rule: Box<dyn AnyRule>,
}

/// The names to choose from, and what they stand for.
fn all() -> Vec<Contender> {
    let momentum = Sgd { momentum: 0.9, ..Sgd::default() };
    let preset = |title: &str, rule| Contender { name: title.to_ascii_lowercase(), title: title.into(), rule };
    let presets = [preset("Momentum", momentum.into()), preset("Nesterov", Sgd { nesterov: true, ..momentum }.into())];
    let rules = rules::all().into_iter().map(|rule| Contender { name: rule.name().to_ascii_lowercase(), title: title(&*rule), rule });
    rules.chain(presets).collect()
}

/// As torch writes it, if torch has it.
fn title(rule: &dyn AnyRule) -> String {
    let torch = rule.known_as().iter().find(|known| known.framework == "torch");
    torch.map_or(rule.name(), |known| known.name).to_owned()
}

/// The contenders of these names, in any case.
pub fn named(names: &[String]) -> Result<Vec<Contender>, String> {
    let all = all();
    let mut chosen: Vec<Contender> = Vec::new();
    for name in names {
        let contender = all.iter().find(|contender| contender.name.eq_ignore_ascii_case(name.trim()));
        let contender = contender.ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|contender| &*contender.name).collect();
            format!("there is no optimizer {name:?}; there are: {}", known.join(", "))
        })?;
        if chosen.iter().any(|other| other.name == contender.name) {
            return Err(format!("--optimizers names {} twice", contender.name));
        }
        chosen.push(contender.clone());
    }
    Ok(chosen)
}
