//! The rules, one module each. A rule is this module's file, its `shaders/rules/*.wgsl` and its place in the list below;
//! kernels, tests, benchmarks and tables follow from the list.

mod adam;
mod rmsprop;
mod sgd;

pub use adam::{Adam, AdamW};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::rule::AnyRule;

/// Every rule of the crate with its defaults.
pub fn all() -> Vec<Box<dyn AnyRule>> {
    vec![Sgd::default().into(), RmsProp::default().into(), Adam::default().into(), AdamW::default().into()]
}

/// The rule of this name, in any case (`"adamw"`), with its defaults.
pub fn named(name: &str) -> Option<Box<dyn AnyRule>> {
    all().into_iter().find(|rule| rule.name().eq_ignore_ascii_case(name))
}
