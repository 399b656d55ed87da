//! Random groups, options, layouts and devices, and random sequences of everything that the host may do between steps: GPU against twin.

mod draw;
mod run;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::context::Context;
pub use draw::Draw;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let cases = std::env::var("SEQUENCES").ok().and_then(|text| text.parse().ok()).unwrap_or(6_u64);
    let mut trials = Vec::new();
    for (number, context) in contexts.iter().enumerate() {
        for seed in 0..cases {
            trials.push(context.trial(format!("features/sequences/{seed}"), move |gpu| run::run(gpu, number, 1000 * number as u64 + seed)));
        }
    }
    trials
}
