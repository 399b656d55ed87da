//! The kernels of an executor's passes, each compiled once.

use std::collections::HashMap;

use crate::error::Result;
use crate::gpu::{Compiled, Engine};
use crate::program::{Kernel, Pass};
use crate::step::{Features, Setup, view};
use crate::wgsl;

/// The kernels by what they do, over which rows, and whether hyper-parameters have schedules.
#[derive(Clone, Debug, Default)]
pub(super) struct Kernels(HashMap<(Pass, Option<Kernel>, bool), Compiled>);

impl Kernels {
    /// The kernel of a pass, compiled if it is not yet.
    pub(super) fn get(
        &mut self,
        engine: &Engine,
        setup: &Setup,
        features: &Features,
        pass: Pass,
        over: Option<&Kernel>,
    ) -> Result<Compiled> {
        // Changes to all views are decided by one kernel.
        let pass = if let Pass::Decide(_) = pass { Pass::Decide(view::TRAINED) } else { pass };
        let key = (pass, over.cloned(), features.schedules);
        if let Some(kernel) = self.0.get(&key) {
            return Ok(kernel.clone());
        }
        let rule = match (pass, over) {
            (Pass::Prepare(rule) | Pass::Resume { rule, .. }, _) => Some(&*engine.record.rules()[rule]),
            (_, over) => over.map(|kernel| &*setup.groups[kernel.kind.group].rule),
        };
        // A slice's rows may be few: software adapters go through all invocations of a workgroup, whatever these do.
        let invocations = if over.is_some() { engine.limits.division.invocations } else { engine.limits.workgroup };
        let (label, shader) = wgsl::shader_of(pass, rule, over, invocations, features);
        let kernel = engine.pipelines.get(&label, shader)?;
        self.0.insert(key, kernel.clone());
        Ok(kernel)
    }
}
