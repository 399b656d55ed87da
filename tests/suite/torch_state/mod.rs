//! torch's state dicts (`tests/torch_state`): taken over, continued, and written again, on both backends; and all that is refused.

mod compare;
mod forms;
mod recorded;
mod refusals;
mod runs;

use std::sync::Arc;

use libtest_mimic::Trial;

use crate::context::Context;
use recorded::Recorded;

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for path in recorded::files() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for context in &contexts[..2] {
            let (path, device) = (path.clone(), context.name);
            trials.push(context.trial(format!("torch-state/{name}/gpu"), move |gpu| {
                let recorded = Recorded::read(&path)?;
                compare::holds(&recorded, device, &runs::on_gpu(gpu, &recorded)?)
            }));
        }
        trials.push(Trial::test(format!("torch-state/{name}/cpu"), move || {
            let recorded = Recorded::read(&path)?;
            compare::holds(&recorded, "cpu", &runs::on_cpu(&recorded)?)
        }));
    }
    trials.extend(forms::trials());
    trials.extend(refusals::trials());
    trials
}
