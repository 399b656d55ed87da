//! The kernels of an executor's passes, each compiled once.

use std::collections::HashMap;

use crate::error::Result;
use crate::gpu::{Compiled, Engine};
use crate::program::{Division, Kernel, Kind, Pass};
use crate::wgsl::{Asked, Dispatches};

/// The kernels by what they do, over what, and whether hyper-parameters have schedules.
#[derive(Clone, Debug, Default)]
pub(super) struct Kernels(HashMap<(Pass, Kernel, bool), Compiled>);

impl Kernels {
    /// The kernel of a pass, compiled if it is not yet, if the pass has one for these.
    pub(super) fn get(&mut self, engine: &Engine, pass: Pass, dispatches: &Dispatches, asked: &Asked<'_>) -> Result<Option<Compiled>> {
        let key = (pass, asked.kernel.clone(), asked.step_kind.schedules);
        if let Some(kernel) = self.0.get(&key) {
            return Ok(Some(kernel.clone()));
        }
        let Some((label, shader)) = (dispatches.kernel)(asked) else { return Ok(None) };
        let kernel = engine.pipelines.get(&label, shader)?;
        self.0.insert(key, kernel.clone());
        Ok(Some(kernel))
    }
}

/// What a kernel goes over that binds none of the caller's arrays.
pub(super) fn alone(kind: Kind, division: Division) -> Kernel {
    Kernel { kind, division, arrays: Vec::new(), pairs: Vec::new() }
}

/// What a kernel of one workgroup goes over.
pub(super) fn in_one(engine: &Engine) -> Kernel {
    alone(Kind::default(), Division { invocations: engine.limits.workgroup, ..engine.limits.division })
}
