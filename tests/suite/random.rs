//! Random shapes, offsets, groups and hyper-parameters: GPU against twin.

use std::sync::Arc;

use libtest_mimic::Trial;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use wgpu_optim::adapter::Gpu;
use wgpu_optim::rule::AnyRule;
use wgpu_optim::rules;

use crate::context::{Context, Outcome, has_features_of};
use wgpu_optim::testing::{STYLES, Scene, Style, is_certain};

pub fn trials(contexts: &[Arc<Context>]) -> Vec<Trial> {
    let mut trials = Vec::new();
    for context in &contexts[..3] {
        for rule in rules::all() {
            let name = format!("random/{}", rule.name());
            trials.push(context.trial(name, move |gpu| random(gpu, &*rule)));
        }
    }
    trials
}

/// A scene as plain numbers: what proptest draws, shrinks and prints.
#[derive(Clone, Debug)]
struct Draw {
    /// Per group: hyper-parameters as fractions of their ranges, and tensor lengths.
    groups: Vec<(Vec<f64>, Vec<usize>)>,
    style: Style,
    seed: u64,
}

fn draw(parameters: usize) -> impl Strategy<Value = Draw> {
    let len = prop_oneof![4 => 1..300_usize, 1 => 4000..9000_usize];
    let group = (prop::collection::vec(0.0..1.0_f64, parameters), prop::collection::vec(len, 1..5));
    let style = prop::sample::select(STYLES.to_vec());
    (prop::collection::vec(group, 1..4), style, 0..1_000_000_u64).prop_map(|(groups, style, seed)| Draw { groups, style, seed })
}

fn random(gpu: &Gpu, rule: &dyn AnyRule) -> Outcome {
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&draw(rule.parameters().len()), |draw| {
        agrees(gpu, rule, &draw).map_err(|failed| TestCaseError::fail(failed.message().unwrap_or("failed").to_owned()))
    });
    outcome.map_err(|error| match error {
        TestError::Fail(reason, draw) => format!("{reason}\nfor {draw:?}").into(),
        other => other.to_string().into(),
    })
}

fn agrees(gpu: &Gpu, rule: &dyn AnyRule, draw: &Draw) -> Outcome {
    // A matrix that is multiplied has to be in one binding.
    let most = if rule.orthogonalizes() { 4096 } else { usize::MAX };
    let lens = |rule: &dyn AnyRule, lens: &[usize]| {
        lens.iter()
            .map(|&len| if is_certain(rule, &[len]) { len.min(most) } else { 1 + len % 40 })
            .map(|len| if is_certain(rule, &[len]) { len } else { 1 })
            .collect()
    };
    let group = |(fractions, own): &(Vec<f64>, Vec<usize>)| {
        let rule = configured(gpu, rule, fractions);
        let lens = lens(&*rule, own);
        (rule, lens)
    };
    let groups = draw.groups.iter().map(group).collect();
    let mut scene = Scene::with_groups(gpu, groups, draw.style, draw.seed)?;
    for _ in 0..3 {
        scene.step(|_| true)?;
        scene.check()?;
    }
    Ok(())
}

/// The rule with every hyper-parameter somewhere in its range: a flag either way, a bounded one between its bounds, an unbounded one from 1e-4
/// to 1. Combinations that the rule refuses, or whose features the device lacks, fall back to the default, one hyper-parameter after the other.
fn configured(gpu: &Gpu, rule: &dyn AnyRule, fractions: &[f64]) -> Box<dyn AnyRule> {
    let mut configured = rule.boxed();
    for (parameter, &fraction) in rule.parameters().iter().zip(fractions) {
        let value = match parameter.flag {
            true => fraction.round(),
            false if parameter.range.contains(2.0) => 1e-4_f64.powf(fraction),
            false => fraction,
        };
        let mut next = configured.clone();
        next.set(parameter.name, value);
        if next.validate().is_ok() && has_features_of(gpu, &*next) {
            configured = next;
        }
    }
    configured
}
