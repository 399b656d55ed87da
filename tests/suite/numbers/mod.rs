//! Values and gradients in 16 bits: the kernels load and store what the twin does, to the bit where the numbers before the rounding agree, and nothing beside them.

mod keeping;
mod parity;
mod refusals;
mod steps;

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::{Dtype, Rounding};

use crate::context::Context;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = parity::trials(contexts);
    trials.extend(steps::trials(contexts));
    trials.extend(keeping::trials(contexts));
    trials.extend(refusals::trials(contexts));
    trials
}

/// A way to store values and gradients.
#[derive(Clone, Copy)]
pub struct Way {
    pub name: &'static str,
    pub value: Dtype,
    pub gradient: Dtype,
    pub rounding: Rounding,
    pub master: bool,
}

impl Way {
    /// The parameter, stored so.
    pub fn of(&self, param: CpuParam) -> CpuParam {
        let Way { value, gradient, rounding, master, .. } = *self;
        CpuParam { value_dtype: value, gradient_dtype: gradient, rounding, master, ..param }
    }
}

const DRAWN: Rounding = Rounding::Stochastic { seed: 11 };

const fn way(name: &'static str, value: Dtype, gradient: Dtype, rounding: Rounding, master: bool) -> Way {
    Way { name, value, gradient, rounding, master }
}

/// All of it in f32.
pub const PLAIN: Way = way("f32-f32", Dtype::F32, Dtype::F32, Rounding::Nearest, false);

/// Each dtype of each of both, whatever the other is; each rounding; and master values.
pub const WAYS: [Way; 8] = [
    way("f32-f16", Dtype::F32, Dtype::F16, Rounding::Nearest, false),
    way("f32-bf16", Dtype::F32, Dtype::Bf16, Rounding::Nearest, false),
    way("bf16-f32", Dtype::Bf16, Dtype::F32, Rounding::Nearest, false),
    way("bf16-bf16-drawn", Dtype::Bf16, Dtype::Bf16, DRAWN, false),
    way("f16-f16", Dtype::F16, Dtype::F16, Rounding::Nearest, false),
    way("f16-bf16", Dtype::F16, Dtype::Bf16, Rounding::Nearest, false),
    way("bf16-bf16-master", Dtype::Bf16, Dtype::Bf16, Rounding::Nearest, true),
    way("f16-f32-master", Dtype::F16, Dtype::F32, Rounding::Nearest, true),
];
