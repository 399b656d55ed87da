//! Every hyper-parameter matters: a run with another value is not within tolerance of the truth without it. And every range rejects.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::{AnyRule, HyperParameter};
use wgpu_optim::{Error, rules};

use crate::context::{Context, Outcome};
use crate::scene::{Scene, Style};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for rule in rules::all() {
        for parameter in rule.parameters() {
            let own = rule.clone();
            let name = format!("liveness/{}/{}", rule.name(), parameter.name);
            trials.push(contexts[0].trial(name, move |gpu| is_live(gpu, &*own, parameter)));
            if !parameter.flag {
                let own = rule.clone();
                trials.push(Trial::test(format!("rejection/{}/{}", rule.name(), parameter.name), move || rejects(&*own, parameter)));
            }
        }
        let name = format!("cases/{}/every-hyper-parameter-changes", rule.name());
        trials.push(Trial::test(name, move || cases_cover(&*rule)));
    }
    trials
}

/// In some case, a change of 5% (or of a flag) leads out of tolerance of the unchanged truth.
fn is_live(gpu: &Gpu, rule: &dyn AnyRule, parameter: &HyperParameter) -> Outcome {
    let index = rule.parameters().iter().position(|other| other == parameter).ok_or("no such hyper-parameter")?;
    for (_, case) in rule.cases() {
        let old = case.values()[index];
        let new = if parameter.flag { 1.0 - old } else { 0.95 * old + if old == 0.0 { 0.05 } else { 0.0 } };
        let mut changed = case.clone();
        changed.set(parameter.name, new);
        if changed.validate().is_err() {
            continue;
        }
        let mut scene = Scene::new(gpu, &*case, Style::Tensors, &[300], 11)?;
        scene.optimizer = rebuilt(gpu, &scene, &*changed)?;
        for _ in 0..4 {
            scene.step(|_| true)?;
        }
        if scene.check_values().is_err() {
            return Ok(());
        }
    }
    Err(Failed::from(format!("{} of {} changes nothing in any case", parameter.name, rule.name())))
}

fn rebuilt(gpu: &Gpu, scene: &Scene<'_>, rule: &dyn AnyRule) -> Result<wgpu_optim::Optimizer, Failed> {
    Ok(wgpu_optim::Optimizer::new(&gpu.device, &gpu.queue, rule.boxed(), scene.params.clone())?)
}

fn rejects(rule: &dyn AnyRule, parameter: &HyperParameter) -> Outcome {
    for got in parameter.range.outside() {
        let mut spoiled = rule.boxed();
        spoiled.set(parameter.name, got);
        match spoiled.validate() {
            Err(Error::OutOfRange { parameter: named, .. }) if named == parameter.name => {}
            other => return Err(format!("{got} for {}: {other:?}", parameter.name).into()),
        }
    }
    Ok(())
}

/// The named cases set each hyper-parameter to something else than its default at least once, and are themselves valid.
fn cases_cover(rule: &dyn AnyRule) -> Outcome {
    for (index, parameter) in rule.parameters().iter().enumerate() {
        let default = rule.values()[index];
        let changed = rule.cases().iter().any(|(_, case)| case.values()[index] != default);
        assert!(changed, "no case of {} changes {}", rule.name(), parameter.name);
    }
    for (name, case) in rule.cases() {
        case.validate().map_err(|error| format!("case {name}: {error}"))?;
    }
    Ok(())
}
