//! Checkpoints: a run that was saved and resumed is one that went on, to the bit; what does not fit is told.

mod fit;
mod resume;
mod run;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::context::Context;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    [resume::trials(contexts), fit::trials(contexts)].into_iter().flatten().collect()
}
