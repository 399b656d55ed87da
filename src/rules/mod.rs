//! The rules, one module each. A rule is this module's file, its `shaders/rules/*.wgsl` and its line in the list below;
//! kernels, tests, benchmarks and tables follow from the list.

use crate::rule::AnyRule;

/// Declares the modules, exports their rules, and makes [`all`] of them.
macro_rules! catalogue {
    ($($module:ident: $($Rule:ident),+;)+) => {
        $(mod $module;)+

        /// Just the types.
        pub(crate) mod types {
            $(pub use super::$module::{$($Rule),+};)+
        }

        /// Every rule of the crate with its defaults.
        pub fn all() -> Vec<Box<dyn AnyRule>> {
            vec![$($($Rule::default().into(),)+)+]
        }
    };
}

catalogue! {
    sgd: Sgd;
    rmsprop: RmsProp;
    adam: Adam, AdamW;
    adagrad: Adagrad;
    adamax: Adamax;
    adadelta: Adadelta;
    nadam: NAdam;
    radam: RAdam;
    rprop: Rprop;
    asgd: Asgd;
    lion: Lion;
    signum: Signum;
    adabelief: AdaBelief;
    yogi: Yogi;
    ademamix: AdEMAMix;
    adopt: Adopt;
    madgrad: MadGrad;
    schedule_free: ScheduleFreeSgd, ScheduleFreeAdamW;
    qhadam: QHAdam;
    adan: Adan;
    sophia: Sophia;
    lamb: Lamb;
    adafactor: Adafactor;
}

pub use types::*;

/// The rule of this name, in any case (`"adamw"`), with its defaults.
pub fn named(name: &str) -> Option<Box<dyn AnyRule>> {
    all().into_iter().find(|rule| rule.name().eq_ignore_ascii_case(name))
}
