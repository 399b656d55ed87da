//! Parameters and groups that are removed, and one that gets another name.

use std::sync::Arc;

use libtest_mimic::Trial;
use wgpu_optim::adapter::Gpu;
use wgpu_optim::cpu::CpuParam;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::{Ema, Error, Group, MicroBatches, Options, rules};

use crate::checkpoints::run::{Run, contents};
use crate::context::{Context, Outcome};
use crate::features::pairs::Setting;

const SHAPES: [(&str, &[usize]); 4] = [("a", &[6, 5]), ("b", &[7]), ("c", &[2, 3, 4]), ("large", &[250, 290])];

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        for context in [&contexts[0], &contexts[3]] {
            let own = rule.clone();
            trials.push(context.trial(format!("rows/remove/{}", rule.name()), move |gpu| removed(gpu, own)));
        }
    }
    trials.push(contexts[0].trial("rows/remove/groups".into(), groups));
    trials.push(contexts[0].trial("rows/rename".into(), renamed));
    trials
}

fn setting(rule: &dyn AnyRule, all: &[(&str, &[usize])]) -> Setting {
    let params = |all: &[(&str, &[usize])]| all.iter().map(|(name, shape)| CpuParam::new(*name, shape)).collect::<Vec<_>>();
    let (first, second) = all.split_at(all.len() / 2);
    let mut other = rule.boxed();
    other.set("lr", 0.01);
    let options = Options { ema: Some(Ema::default()), micro_batches: MicroBatches::Sum, ..Options::default() };
    let groups = vec![Group::new(rule.boxed(), params(first)), Group { name: Some("second".into()), ..Group::new(other, params(second)) }];
    Setting { groups, options }
}

/// Those that are left go on as if the others had never been there.
fn removed(gpu: &Gpu, rule: Box<dyn AnyRule>) -> Outcome {
    let mut run = Run::new(gpu, &setting(&*rule, &SHAPES), 1)?;
    run.steps(0..2)?;
    run.micro_batch(20)?;
    let whole = Run::new(gpu, &setting(&*rule, &SHAPES), 1)?;
    whole.steps(0..2)?;
    whole.micro_batch(20)?;
    let before = contents(&run.checkpoint()?);
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    run.optimizer.remove(&mut encoder, ["b", "c"])?;
    gpu.queue.submit([encoder.finish()]);
    run.setting.groups.iter_mut().for_each(|group| group.params.retain(|param| !["b", "c"].contains(&&*param.name)));
    let is_left = |name: &str| !name.starts_with("b/") && !name.starts_with("c/") && !name.starts_with("b ") && !name.starts_with("c ");
    let left = |all: std::collections::BTreeMap<String, Vec<u32>>| all.into_iter().filter(|(name, _)| is_left(name)).collect::<Vec<_>>();
    assert_eq!(left(contents(&run.checkpoint()?)), left(before), "after the removal");
    assert_eq!(run.optimizer.names().collect::<Vec<_>>(), ["a", "large"]);
    if !rule.sums().is_empty() && gpu.device.limits().max_buffer_size < 1 << 20 {
        // The state has other places in small buffers, and sums over a tensor are formed by these.
        return run.steps(2..4);
    }
    for run in [&run, &whole] {
        run.steps(2..4)?;
    }
    assert_eq!(left(contents(&run.checkpoint()?)), left(contents(&whole.checkpoint()?)), "two steps later");
    Ok(())
}

fn groups(gpu: &Gpu) -> Outcome {
    let rule = rules::named("AdamW").ok_or("no AdamW")?;
    let mut run = Run::new(gpu, &setting(&*rule, &SHAPES), 1)?;
    run.steps(0..2)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    let mut fails = |optimizer: &mut wgpu_optim::Optimizer| optimizer.remove_group(&mut encoder, "third");
    assert!(matches!(fails(&mut run.optimizer), Err(Error::UnknownName { .. })));
    run.optimizer.remove_group(&mut encoder, 0)?;
    assert_eq!((run.optimizer.groups().len(), run.optimizer.group_of("large")?), (1, 0));
    run.optimizer.set("second", "lr", 0.5)?;
    match run.optimizer.remove(&mut encoder, ["c", "large"]) {
        Err(Error::NoParameters) => {}
        other => return Err(format!("{other:?}").into()),
    }
    // All of it is still there, and can be recorded.
    run.optimizer.step(&mut encoder);
    gpu.queue.submit([encoder.finish()]);
    assert_eq!(pollster::block_on(run.optimizer.read_steps())?, [3, 3]);
    Ok(())
}

fn renamed(gpu: &Gpu) -> Outcome {
    let rule = rules::named("AdamW").ok_or("no AdamW")?;
    let mut run = Run::new(gpu, &setting(&*rule, &SHAPES), 1)?;
    run.steps(0..2)?;
    let before = run.checkpoint()?;
    assert!(matches!(run.optimizer.rename("a", "b"), Err(Error::DuplicateName { .. })));
    assert!(matches!(run.optimizer.rename("z", "y"), Err(Error::UnknownName { .. })));
    run.optimizer.rename("a", "a")?;
    run.optimizer.rename("a", "first.weight")?;
    let after = run.checkpoint()?;
    assert_eq!(after.tensor("first.weight/exp_avg")?, before.tensor("a/exp_avg")?);
    assert!(run.optimizer.state("a", "m").is_err());
    Ok(())
}
