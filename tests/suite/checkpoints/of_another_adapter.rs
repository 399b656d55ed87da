//! Checkpoints of another adapter, taken by another version: read to the bit, and gone on with as that adapter went on. `CHECKPOINTS_OUT=DIR` writes them there.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::checkpoint::RestoreOptions;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::testing::must_fail;
use wgpu_optim::{Adafactor, Checkpoint, NAdam, ScheduleFreeAdamW};

use super::resume::{near, small};
use super::run::{Run, same};
use crate::context::{Context, Outcome};
use crate::files::file;

const FOLDER: &str = "CHECKPOINTS_OUT";

pub fn trials(context: &std::sync::Arc<Context>) -> Vec<Trial> {
    // A scalar from step to step; rows and columns; values kept aside.
    let nadam: Box<dyn AnyRule> = NAdam { lr: 1e-2, ..NAdam::default() }.into();
    let rules = [nadam.clone(), Adafactor::default().into(), ScheduleFreeAdamW::default().into()];
    let trial = |rule: Box<dyn AnyRule>| {
        let name = format!("checkpoints/of-another-adapter/{}", rule.name());
        context.trial(name, move |gpu| written(gpu, &*rule).and_then(|()| goes_on(gpu, &*rule, 3)))
    };
    let mut trials: Vec<Trial> = rules.into_iter().map(trial).collect();
    trials.push(context.trial("checkpoints/of-another-adapter/a-row-that-fails".into(), move |gpu| {
        Ok(must_fail("other gradients", goes_on(gpu, &*nadam, 100))?)
    }));
    trials
}

fn path(folder: &Path, rule: &dyn AnyRule, step: u32) -> PathBuf {
    folder.join(format!("{}-{step}.safetensors", rule.name()))
}

/// Writes what another adapter is to go on with, where the environment says.
fn written(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let Some(folder) = std::env::var_os(FOLDER) else { return Ok(()) };
    let run = Run::new(gpu, &small(rule.boxed()), 1)?;
    run.steps(0..3)?;
    run.checkpoint()?.save(path(folder.as_ref(), rule, 3))?;
    run.steps(3..5)?;
    Ok(run.checkpoint()?.save(path(folder.as_ref(), rule, 5))?)
}

/// From the other adapter's checkpoint after three steps to where that was two steps later.
fn goes_on(gpu: &Gpu, rule: &dyn AnyRule, next: u64) -> Outcome {
    let load = |step| Checkpoint::load(path(&file("tests/checkpoints"), rule, step));
    let (saved, run) = (load(3)?, Run::new(gpu, &small(rule.boxed()), 77)?);
    run.optimizer.restore(&saved, RestoreOptions::default())?;
    same("after loading", &run.checkpoint()?, &saved)?;
    run.steps(next..next + 2)?;
    near(&run.checkpoint()?, &load(5)?)
}
