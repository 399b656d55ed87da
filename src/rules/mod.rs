//! The rules, one module each. A rule is this module's file, its `shaders/rules/*.wgsl` and its line in the list below;
//! kernels, tests, benchmarks and tables follow from the list.
//!
//! A rule is a struct of hyper-parameters. Name those that you set; the others have the defaults that their fields name:
//!
//! ```
//! use wgpu_optim::AdamW;
//! use wgpu_optim::cpu::CpuOptimizer;
//!
//! let rule = AdamW { lr: 0.1, weight_decay: 0.0, ..Default::default() };
//! let mut optimizer = CpuOptimizer::<f32>::new(rule, [("w", 1)])?; // or `Optimizer::new`, on the GPU
//! let mut w = [1.0];
//! optimizer.step(&mut [&mut w], &[Some(&[3.0])])?;
//! assert!((w[0] - 0.9).abs() < 1e-6);
//! optimizer.set(0, "lr", 0.01)?;
//! # Ok::<(), wgpu_optim::Error>(())
//! ```
//!
//! By name, where a user or a file chooses:
//!
//! ```
//! use wgpu_optim::rules;
//!
//! let mut rule = rules::named("rmsprop").unwrap();
//! rule.try_set("momentum", 0.9)?;
//! rule.validate()?;
//! # Ok::<(), wgpu_optim::Error>(())
//! ```
//!
//! Each of them descends, here along the gradient of `w^2 / 2`:
//!
//! ```
//! # use wgpu_optim::{cpu::CpuOptimizer, rules};
//! for rule in rules::all() {
//!     let mut optimizer = CpuOptimizer::<f64>::new(rule.clone(), [("w", 1)])?;
//!     let mut w = [1.0];
//!     for _ in 0..10 {
//!         let gradient = w;
//!         optimizer.step(&mut [&mut w], &[Some(&gradient)])?;
//!     }
//!     assert!(w[0].abs() < 1.0, "{}", rule.name());
//! }
//! # Ok::<(), wgpu_optim::Error>(())
//! ```

use crate::rule::AnyRule;

mod factored;

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
    laprop: LaProp;
    grams: Grams;
    lars: Lars;
    novograd: NovoGrad;
    fromage: Fromage;
    stable_adamw: StableAdamW;
    cautious_adamw: CautiousAdamW;
    cautious_lion: CautiousLion;
    cautious_adan: CautiousAdan;
    mars: MarsAdamW, MarsLion;
    prodigy: Prodigy;
    dadapt_adam: DAdaptAdam;
    came: Came;
    optax_adafactor: OptaxAdafactor;
    adam_mini: AdamMini;
    sm3: Sm3;
    muon: Muon;
    shampoo: Shampoo;
    soap: Soap;
}

pub use types::*;

/// The rule of this name, in any case (`"adamw"`), with its defaults.
pub fn named(name: &str) -> Option<Box<dyn AnyRule>> {
    all().into_iter().find(|rule| rule.name().eq_ignore_ascii_case(name))
}
