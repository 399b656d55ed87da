//! `Class`: torch's class of a rule, from what the rule says of itself, and the few things that torch has otherwise.

use crate::checkpoint::outline::Settings;
use crate::rule::{AnyRule, HyperParameter, KnownAs};
use crate::rules;

/// A class in `torch.optim`.
pub(super) struct Class {
    /// The rule, with its defaults.
    pub(super) rule: Box<dyn AnyRule>,
    known: &'static KnownAs,
    pub(super) special: Special,
}

/// A key of torch's groups, and which of our hyper-parameters it has, several for `betas` and its like.
pub(super) struct Key {
    pub(super) name: String,
    pub(super) ours: Vec<HyperParameter>,
}

/// A word that a key may have, and what it sets of ours. Without one, all that the key's words set is 0.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Word {
    pub(super) key: &'static str,
    pub(super) word: &'static str,
    pub(super) ours: &'static str,
    pub(super) number: f64,
}

/// What a class has otherwise than its rule. Most have nothing.
#[derive(Clone, Copy)]
pub(super) struct Special {
    class: &'static str,
    /// How its state counts steps.
    pub(super) steps: Steps,
    /// Hyper-parameters of the rule that it lacks: where they are 0, or as the class's preset has them, it is torch's form.
    pub(super) lacks: &'static [&'static str],
    /// Hyper-parameters of the rule that say how its form is computed, which a state dict is silent about.
    pub(super) own: &'static [&'static str],
    /// A flag that all its groups have.
    pub(super) always: &'static [(&'static str, bool)],
    /// Scalars in its state.
    pub(super) scalars: &'static [Scalar],
    /// A state that is there before the first step, and the hyper-parameter that it then has more than ours, which adds it in the first step.
    pub(super) initial: Option<(&'static str, &'static str)>,
}

/// How a class counts the steps of a parameter, under the key `step`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// As a tensor of no dimension.
    Tensor,
    /// As a Python number.
    Number,
    /// Not at all: a parameter that has a state has taken a step.
    None,
}

/// A scalar of the rule that torch keeps in a form of its own, which leads there and back.
pub(super) struct Scalar {
    pub(super) theirs: &'static str,
    pub(super) ours: &'static str,
    pub(super) form: fn(f64) -> f64,
}

const PLAIN: Special = Special { class: "", steps: Steps::Tensor, lacks: &[], own: &[], always: &[], scalars: &[], initial: None };

const SPECIAL: &[Special] = &[
    Special { class: "SGD", steps: Steps::None, lacks: &["decoupled_weight_decay"], ..PLAIN },
    Special { class: "Adam", lacks: &["cautious_weight_decay", "uncorrected", "uncorrected_eps", "second_moment_per_row"], ..PLAIN },
    Special {
        class: "SparseAdam",
        steps: Steps::Number,
        lacks: &[
            "weight_decay",
            "amsgrad",
            "decoupled_weight_decay",
            "cautious_weight_decay",
            "uncorrected",
            "uncorrected_eps",
            "second_moment_per_row",
        ],
        ..PLAIN
    },
    Special {
        class: "AdamW",
        lacks: &["cautious_weight_decay", "second_moment_per_row"],
        always: &[("decoupled_weight_decay", true)],
        ..PLAIN
    },
    Special { class: "Adamax", lacks: &["decoupled_weight_decay"], ..PLAIN },
    Special { class: "NAdam", scalars: &[Scalar { theirs: "mu_product", ours: "rest_product", form: |x| 1.0 - x }], ..PLAIN },
    Special { class: "RMSprop", lacks: &["eps_inside"], ..PLAIN },
    Special { class: "Adagrad", initial: Some(("sum", "initial_accumulator_value")), ..PLAIN },
    Special {
        class: "Muon",
        steps: Steps::None,
        lacks: &["dion", "polar_express", "inputs_first", "added_eps", "debias", "adaptive", "maximize"],
        own: &["ns_f16"],
        ..PLAIN
    },
    Special { class: "ASGD", scalars: &[Scalar::same("eta"), Scalar::same("mu")], ..PLAIN },
];

impl Scalar {
    const fn same(name: &'static str) -> Self {
        Scalar { theirs: name, ours: name, form: |x| x }
    }
}

impl Class {
    /// The first class of the rule of this name that something can be made of, and that.
    ///
    /// # Errors
    ///
    /// What is wrong for the first of them. torch has none: the message lists those that there are.
    pub(super) fn of<T>(rule: &str, make: impl Fn(&Self) -> Result<T, Vec<String>>) -> Result<(Self, T), Vec<String>> {
        let mut first = None;
        for class in Self::all().into_iter().filter(|class| class.rule.name() == rule) {
            match make(&class) {
                Ok(made) => return Ok((class, made)),
                Err(problems) => first = first.or(Some(problems)),
            }
        }
        Err(first.unwrap_or_else(|| {
            let known: Vec<&str> = Self::all().iter().map(Self::name).collect();
            vec![format!("torch has no class for {rule}; there are {}", known.join(", "))]
        }))
    }

    /// All that some rule is known by.
    pub(super) fn all() -> Vec<Self> {
        let classes = |rule: Box<dyn AnyRule>| {
            let known: Vec<&'static KnownAs> = rule.known_as().iter().filter(|known| known.framework == "torch").collect();
            known.into_iter().map(move |known| {
                let special = SPECIAL.iter().find(|special| special.class == known.name).copied().unwrap_or(PLAIN);
                let mut rule = rule.clone();
                known.preset.iter().for_each(|(name, number)| {
                    rule.set(name, *number);
                });
                Class { rule, known, special }
            })
        };
        rules::all().into_iter().flat_map(classes).collect()
    }

    /// What a hyper-parameter that it lacks has to be.
    pub(super) fn preset(&self, name: &str) -> f64 {
        self.known.preset.iter().find(|(own, _)| *own == name).map_or(0.0, |(_, number)| *number)
    }

    /// Has a rule of torch's compute as these settings say, where a state dict says nothing of it.
    pub(super) fn computed_as(&self, mut rule: Box<dyn AnyRule>, settings: &Settings) -> Box<dyn AnyRule> {
        for name in self.special.own {
            if let Some(number) = settings.get(*name).and_then(|text| text.parse().ok()) {
                rule.set(name, number);
            }
        }
        rule
    }

    /// torch's name.
    pub(super) fn name(&self) -> &'static str {
        self.known.name
    }

    /// The keys of its groups that are hyper-parameters, in the order of ours.
    pub(super) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        let words = self.words();
        let Special { lacks, own, .. } = self.special;
        let is_theirs = |name: &str| !lacks.contains(&name) && !own.contains(&name) && !words.iter().any(|word| word.ours == name);
        for parameter in self.rule.parameters().iter().filter(|parameter| is_theirs(parameter.name)) {
            let name = self.key(parameter.name);
            match keys.iter_mut().find(|key| key.name == name) {
                Some(key) => key.ours.push(*parameter),
                None => keys.push(Key { name, ours: vec![*parameter] }),
            }
        }
        keys
    }

    /// What the words of its keys set.
    pub(super) fn words(&self) -> Vec<Word> {
        let word = |(theirs, ours): &(&'static str, &'static str)| {
            let ((key, word), (ours, number)) = (theirs.split_once('=')?, ours.split_once('=')?);
            Some(Word { key, word, ours, number: number.parse().ok()? })
        };
        self.known.keys.iter().filter_map(word).collect()
    }

    /// The key that a hyper-parameter is under: `beta1` is in `betas`.
    fn key(&self, ours: &str) -> String {
        let renamed = self.known.keys.iter().find(|(_, list)| list.split(", ").any(|name| name == ours));
        let stem = ours.trim_end_matches(|last: char| last.is_ascii_digit());
        // Numbers that count hyper-parameters: the 0 of `t0` counts nothing.
        let is_numbered = |number: usize| self.rule.parameters().iter().any(|parameter| parameter.name == format!("{stem}{number}"));
        match renamed {
            Some((theirs, _)) => (*theirs).to_owned(),
            None if stem != ours && is_numbered(1) => format!("{stem}s"),
            None => ours.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, SPECIAL};

    #[test]
    fn what_is_special_is_of_a_class_and_of_its_rule() {
        let classes = Class::all();
        for special in SPECIAL {
            let class = classes.iter().find(|class| class.name() == special.class);
            let rule = &class.unwrap_or_else(|| panic!("no rule is known as {}", special.class)).rule;
            let has = |name: &str| rule.parameters().iter().any(|parameter| parameter.name == name);
            let initial = special.initial.map(|(_, hyper)| hyper);
            assert!(special.lacks.iter().chain(special.own).copied().chain(initial).all(has), "{}", special.class);
            assert!(special.always.iter().all(|(key, _)| !has(key)), "{}", special.class);
            assert!(special.scalars.iter().all(|scalar| rule.scalar_fields().contains(&scalar.ours)), "{}", special.class);
        }
    }

    #[test]
    fn keys_are_those_of_torch() {
        let all = Class::all();
        let class = |name| all.iter().find(|class| class.name() == name).unwrap();
        let keys = |name| class(name).keys().into_iter().map(|key| key.name).collect::<Vec<_>>().join(" ");
        assert_eq!(keys("SparseAdam"), "lr betas eps maximize");
        assert_eq!(keys("AdamW"), "lr betas eps weight_decay amsgrad maximize");
        assert_eq!(keys("ASGD"), "lr lambd alpha t0 weight_decay maximize");
        assert_eq!(keys("Rprop"), "lr etas step_sizes maximize");
        assert_eq!(keys("Adafactor"), "lr beta2_decay eps d weight_decay maximize");
        assert_eq!(keys("Muon"), "lr weight_decay momentum nesterov ns_coefficients eps ns_steps");
    }
}
