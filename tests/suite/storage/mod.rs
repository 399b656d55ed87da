//! States in fewer bits than f32: the kernels store what the twin stores, the quantisers are those of torchao, and what is kept can be read, written and gone on from.

mod codes;
mod keeping;
mod kept;
mod kept_runs;
mod named;
mod parity;
mod refusals;
mod steps;

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::{Dtype, Rounding, StateStorage};

use crate::context::Context;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = parity::trials(contexts);
    trials.extend(codes::trials(contexts));
    trials.extend(keeping::trials(contexts));
    trials.extend(kept::trials(contexts));
    trials.extend(kept_runs::trials(contexts));
    trials.extend(named::trials(contexts));
    trials.extend(refusals::trials(contexts));
    trials.extend(steps::trials(contexts));
    trials
}

/// Each way to store states, whatever the size of a parameter.
fn storages() -> [(&'static str, StateStorage); 6] {
    let all = |dtype| StateStorage { least: 1, ..StateStorage::all(dtype) };
    let drawn = StateStorage { rounding: Rounding::Stochastic { seed: 3 }, ..all(Dtype::Bf16) };
    [
        ("bf16", all(Dtype::Bf16)),
        ("bf16-stochastic", drawn),
        ("f16", all(Dtype::F16)),
        ("8bit", all(Dtype::Dynamic8)),
        ("8bit-and-bf16", StateStorage { v: Dtype::Dynamic8, ..drawn }),
        ("f32-and-8bit", StateStorage { m: Dtype::F32, ..all(Dtype::Dynamic8) }),
    ]
}
