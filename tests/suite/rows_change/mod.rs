//! Rows that come and go, parameters and groups that are removed: what stays is what it was, to the bit, and training goes on with it.

mod errors;
mod halves;
mod keep;
mod order;
mod remove;
mod resize;
mod rows;
mod scale;
mod scale_refused;
mod vectors;
mod widths;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::context::Context;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let all = [
        rows::trials,
        halves::trials,
        remove::trials,
        errors::trials,
        vectors::trials,
        widths::trials,
        scale::trials,
        keep::trials,
        order::trials,
        resize::trials,
    ];
    all.into_iter().flat_map(|trials| trials(contexts)).collect()
}
