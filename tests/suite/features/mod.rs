//! What a step does besides its rule: against its twin in all combinations, against what torch and optax recorded, and bit for bit where
//! something must not make a difference.

mod attempts;
mod copies;
mod counts;
mod cpu_sequences;
mod empty;
mod framework_runs;
mod groups;
mod non_finite;
mod norms;
pub mod pairs;
mod places;
mod refusals;
mod reports;
mod same;
mod scheduled;
mod scheduled_scales;
mod sequences;
mod settings;
mod skips;
#[cfg(feature = "tracing")]
mod spans;
mod views;

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;

use crate::context::{Context, Outcome};

/// A row's name and what it runs.
pub type Row = (&'static str, fn(&Gpu) -> Outcome);

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let all = [
        pairs::trials(contexts),
        framework_runs::trials(contexts),
        skips::trials(contexts),
        sequences::trials(contexts),
        cpu_sequences::trials(),
        same::trials(contexts),
        places::trials(contexts),
        norms::trials(contexts),
        groups::trials(contexts),
        empty::trials(contexts),
        non_finite::trials(contexts),
        counts::trials(contexts),
        copies::trials(contexts),
        attempts::trials(contexts),
        reports::trials(contexts),
        refusals::trials(contexts),
        scheduled::trials(contexts),
        scheduled_scales::trials(contexts),
        #[cfg(feature = "tracing")]
        spans::trials(contexts),
        views::trials(contexts),
        settings::trials(contexts),
    ];
    all.into_iter().flatten().collect()
}
