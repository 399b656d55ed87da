//! What `--optimizer`, `--compare` and `--set` name.

use std::str::FromStr;

use wgpu_optim::rule::AnyRule;
use wgpu_optim::rules;

/// A name, the rule behind it, whether a step takes all rows, and what differs from the rule's defaults.
struct Preset {
    name: &'static str,
    rule: &'static str,
    whole: bool,
    settings: &'static [(&'static str, f64)],
}

/// Rules under their own names need no line here; they have it for a learning rate that suits the digits. SGD's, RMSProp's and Adam's: of
/// 1, 2, 5 x 10^k the largest that trains with seeds 1 to 8, and with batches of 8 to 128 rows at seed 1; 1 stalls SGD, 0.005 and 0.02 make
/// the loss of RMSProp and Adam spike. Gradient descent takes SGD's, so that only the batch differs; with momentum 0.9 a tenth of it goes as
/// far; AdamW takes Adam's. LAMB's and Adafactor's, chosen in the same way: 0.01 lets the loss of LAMB rise again after ten epochs, and
/// Adafactor's test loss spikes with 0.05. Those below were tried with seed 1 and 15 epochs alone: biases begin at zero, and with LARS move by `lr`
/// times the gradient then, so that 0.5 is too much whatever the coefficient. Adam-mini takes Adam's, and Adafactor in optax's form torch's; neither was searched for.
/// Muon, tried likewise: 0.005 to 0.05 get 97.5% right or more, 0.1 96.1%. Output layer and biases are AdamW's.
/// Shampoo, with seed 1 and three epochs: 0.1 gets 90.8% right, 0.3 95.8%, and 1 diverges. SOAP takes Adam's: 97.8% after three.
const PRESETS: [Preset; 25] = [
    Preset { name: "gd", rule: "sgd", whole: true, settings: &[("lr", 0.5)] },
    Preset { name: "sgd", rule: "sgd", whole: false, settings: &[("lr", 0.5)] },
    Preset { name: "momentum", rule: "sgd", whole: false, settings: &[("lr", 0.05), ("momentum", 0.9)] },
    Preset { name: "nesterov", rule: "sgd", whole: false, settings: &[("lr", 0.05), ("momentum", 0.9), ("nesterov", 1.0)] },
    Preset { name: "rmsprop", rule: "rmsprop", whole: false, settings: &[("lr", 2e-3)] },
    Preset { name: "adam", rule: "adam", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "adamw", rule: "adamw", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "lamb", rule: "lamb", whole: false, settings: &[("lr", 5e-3)] },
    Preset { name: "adafactor", rule: "adafactor", whole: false, settings: &[("lr", 2e-2)] },
    Preset { name: "laprop", rule: "laprop", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "grams", rule: "grams", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "novograd", rule: "novograd", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "fromage", rule: "fromage", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "stableadamw", rule: "stableadamw", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "cautiousadamw", rule: "cautiousadamw", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "lars", rule: "lars", whole: false, settings: &[("lr", 0.1), ("trust_coefficient", 1e-2)] },
    Preset { name: "cautiouslion", rule: "cautiouslion", whole: false, settings: &[("lr", 1e-3)] },
    Preset { name: "cautiousadan", rule: "cautiousadan", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "marsadamw", rule: "marsadamw", whole: false, settings: &[("lr", 1e-2), ("lr_1d", 1e-2)] },
    Preset { name: "marslion", rule: "marslion", whole: false, settings: &[("lr", 1e-3), ("lr_1d", 1e-2)] },
    Preset { name: "adammini", rule: "adammini", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "muon", rule: "muon", whole: false, settings: &[("lr", 2e-2), ("weight_decay", 0.0)] },
    Preset { name: "shampoo", rule: "shampoo", whole: false, settings: &[("lr", 0.3), ("matrix_eps", 1e-3), ("every", 10.0)] },
    Preset { name: "soap", rule: "soap", whole: false, settings: &[("lr", 1e-2)] },
    Preset { name: "optaxadafactor", rule: "optaxadafactor", whole: false, settings: &[("lr", 2e-2)] },
];

/// An optimizer as it was asked for.
#[derive(Clone, Debug)]
pub struct Choice {
    /// In lower case.
    pub name: String,
    /// With its hyper-parameters.
    pub rule: Box<dyn AnyRule>,
    /// Whether a step takes all rows instead of a batch.
    pub whole: bool,
}

/// `lr=0.01`, or `adam.lr=0.01` for one of the optimizers alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    optimizer: Option<String>,
    name: String,
    value: f64,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (target, value) = text.split_once('=').ok_or("write NAME=VALUE, such as lr=0.01, or adam.lr=0.01 for one optimizer alone")?;
        let value = match value.trim() {
            "true" => 1.0,
            "false" => 0.0,
            number => number.parse().map_err(|_| format!("{number:?} is neither a number nor true or false"))?,
        };
        let (optimizer, name) = target.split_once('.').map_or((None, target), |(optimizer, name)| (Some(optimizer), name));
        Ok(Setting { optimizer: optimizer.map(|name| name.trim().to_ascii_lowercase()), name: name.trim().to_owned(), value })
    }
}

/// The names to choose from.
pub fn names() -> Vec<String> {
    let presets = PRESETS.iter().map(|preset| preset.name.to_owned());
    let rules = rules::all().into_iter().map(|rule| rule.name().to_ascii_lowercase());
    presets.chain(rules.filter(|name| PRESETS.iter().all(|preset| preset.name != name))).collect()
}

/// The optimizers of these names, in any case, with these settings.
pub fn choose<S: AsRef<str>>(names: &[S], settings: &[Setting]) -> Result<Vec<Choice>, String> {
    let mut choices: Vec<Choice> = Vec::new();
    for name in names {
        let choice = named(name.as_ref().trim())?;
        if choices.iter().any(|other| other.name == choice.name) {
            return Err(format!("{} is named twice", choice.name));
        }
        choices.push(choice);
    }
    for setting in settings {
        set(&mut choices, setting)?;
    }
    for choice in &choices {
        choice.rule.validate().map_err(|error| error.to_string())?;
    }
    Ok(choices)
}

fn named(name: &str) -> Result<Choice, String> {
    let unknown = || format!("there is no optimizer {name:?}; there are: {}", names().join(", "));
    let preset = PRESETS.iter().find(|preset| preset.name.eq_ignore_ascii_case(name));
    let (rule, whole, settings) = preset.map_or((name, false, &[][..]), |preset| (preset.rule, preset.whole, preset.settings));
    let mut choice = Choice { name: name.to_ascii_lowercase(), rule: rules::named(rule).ok_or_else(unknown)?, whole };
    for &(name, value) in settings {
        choice.set(name, value)?;
    }
    Ok(choice)
}

fn set(choices: &mut [Choice], setting: &Setting) -> Result<(), String> {
    let Setting { optimizer, name, value } = setting;
    let wanted = |choice: &Choice| optimizer.as_ref().is_none_or(|optimizer| *optimizer == choice.name);
    if !choices.iter().any(wanted) {
        let names: Vec<&str> = choices.iter().map(|choice| &*choice.name).collect();
        let optimizer = optimizer.as_deref().unwrap_or_default();
        return Err(format!("--set {optimizer}.{name}: {optimizer:?} does not run; there are: {}", names.join(", ")));
    }
    choices.iter_mut().filter(|choice| wanted(choice)).try_for_each(|choice| choice.set(name, *value))
}

impl Choice {
    /// Rows per step.
    pub fn batch(&self, batch: usize, all: usize) -> usize {
        if self.whole { all } else { batch }
    }

    /// The hyper-parameters that are not zero.
    pub fn settings(&self) -> String {
        let values = self.rule.parameters().iter().zip(self.rule.values()).filter(|&(_, value)| value != 0.0);
        values.map(|(parameter, value)| format!("{} {value:?}", parameter.name)).collect::<Vec<_>>().join(", ")
    }

    /// Sets a hyper-parameter by name. Ranges are for `validate`.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), String> {
        let parameters = self.rule.parameters();
        let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
            let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
            return Err(format!("{} has no hyper-parameter {name:?}; it has: {}", self.name, known.join(", ")));
        };
        if parameter.flag && value != 0.0 && value != 1.0 {
            return Err(format!("{}: {name} is true or false, got {value}", self.name));
        }
        self.rule.set(name, value);
        Ok(())
    }
}
