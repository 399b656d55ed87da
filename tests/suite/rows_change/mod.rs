//! Rows that come and go, parameters and groups that are removed: what stays is what it was, to the bit, and training goes on with it.

mod errors;
mod remove;
mod rows;
mod vectors;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::context::Context;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    [rows::trials(contexts), remove::trials(contexts), errors::trials(contexts), vectors::trials(contexts)].into_iter().flatten().collect()
}
