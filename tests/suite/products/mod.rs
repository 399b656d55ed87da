//! Products and Newton-Schulz iterations: each product against f64, orthogonality against singular vectors, and Muon in optimizers.

mod each;
mod eigen;
mod half;
mod orthogonal;
mod squares;
mod steps;

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::products::kernels;
use wgpu_optim::testing::module;

use crate::context::Context;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, source) in kernels() {
        trials.push(Trial::test(format!("products/kernels/{name}"), move || {
            let module = module(&source)?;
            let bound = module.global_variables.iter().filter(|(_, global)| global.binding.is_some()).count();
            assert!(bound <= 8, "{bound} storage buffers");
            Ok(())
        }));
    }
    trials.extend(each::trials(contexts));
    trials.extend(half::trials(contexts));
    trials.extend(orthogonal::trials());
    trials.extend(squares::trials(contexts));
    trials.extend(steps::trials(contexts));
    trials
}
