//! Checkpoints: a run that was saved and resumed is one that went on, to the bit; what does not fit is told; whatever a file holds, it is read or refused.

mod disk;
mod files;
mod fit;
mod metadata;
mod of_another_adapter;
mod reading;
mod resume;
pub mod run;
mod taken_apart;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::context::Context;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let of_files = [files::trials(), metadata::trials(), disk::trials()];
    let on_gpus = [resume::trials(contexts), fit::trials(contexts), of_another_adapter::trials(&contexts[0])];
    of_files.into_iter().chain(on_gpus).flatten().collect()
}
